"""Sound tracks as WAV files: exact samples, in time, safe when things break."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.errors import OutputError
from vidforensics.extraction import wav
from vidforensics.extraction.sound import MAX_GAP_S, WavWriter
from vidforensics.extraction.wav import WavFile, WavFormat
from vidforensics.types import AudioBlock, Probe, SoundFile, Stream

RATE = 8000


def probe(*streams: Stream, duration_s: float | None = None) -> Probe:
    return Probe("mov", duration_s, 0.0, None, {}, streams)


def stream(
    index: int = 1, codec: str = "aac", sample_format: str = "fltp", language: str | None = None
) -> Stream:
    return Stream(index, "audio", codec, sample_format=sample_format, language=language)


def block(samples: np.ndarray, start_s: float = 0.0, *, rate_hz: int = RATE, track: int = 0) -> AudioBlock:
    columns = np.asarray(samples, np.float32)
    columns = columns[:, None] if columns.ndim == 1 else columns
    return AudioBlock(track, start_s, columns, rate_hz, start_s, np.zeros(0, np.float32))


def tone(seconds: float, *, rate_hz: int = RATE, channels: int = 1) -> np.ndarray:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.repeat(0.5 * np.sin(2 * np.pi * 440 * times)[:, None], channels, axis=1).astype(np.float32)


def written(
    folder: Path, *blocks: AudioBlock, of: Probe | None = None
) -> tuple[tuple[SoundFile, ...], WavWriter]:
    writer = WavWriter(folder, of or probe(stream()))
    for each in blocks:
        writer.update(each)
    return writer.finish(), writer


def pcm(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels())


def test_samples_come_back_exactly_and_offset_is_kept(tmp_path: Path) -> None:
    whole = np.random.default_rng(1).integers(-32768, 32768, (1000, 2)).astype(np.int16)
    floats = whole.astype(np.float32) / 32768
    sounds, writer = written(tmp_path, block(floats[:600], 1.5), block(floats[600:], 1.5 + 600 / RATE))
    assert np.array_equal(pcm(tmp_path / "audio.wav"), whole)
    assert sounds == (SoundFile(0, 1, "audio.wav", 1.5, 1000 / RATE, RATE, 2, None),)
    assert writer.problems == ()


def test_no_sound_gives_no_file(tmp_path: Path) -> None:
    assert written(tmp_path)[0] == ()
    assert written(tmp_path, block(np.zeros((0, 2))))[0] == ()
    assert list(tmp_path.iterdir()) == []


def test_every_track_has_its_file_and_language(tmp_path: Path) -> None:
    of = probe(stream(1, language="eng"), stream(4, language="fra"))
    sounds, _ = written(tmp_path, block(tone(0.1), track=1), block(tone(0.2)), of=of)
    assert [(s.path, s.stream_index, s.language) for s in sounds] == [
        ("audio.wav", 1, "eng"),
        ("audio-2.wav", 4, "fra"),
    ]


@pytest.mark.parametrize(
    ("codec", "sample_format", "bits"),
    [
        ("aac", "fltp", 16),
        ("pcm_s16le", "s16", 16),
        ("pcm_s24le", "s32", 24),
        ("flac", "s32", 24),
        ("flac", "s16", 16),
    ],
)
def test_depth_follows_the_source(tmp_path: Path, codec: str, sample_format: str, bits: int) -> None:
    written(tmp_path, block(tone(0.1)), of=probe(stream(1, codec, sample_format)))
    header = (tmp_path / "audio.wav").read_bytes()[:100]
    at = header.index(b"fmt ")
    assert struct.unpack_from("<H", header, at + 8 + 14)[0] == bits


def test_24_bits_come_back_exactly(tmp_path: Path) -> None:
    values = np.array([[-(2**23)], [2**23 - 1], [0], [-1], [12345]])
    file = WavFile(tmp_path / "deep.wav", WavFormat(RATE, 1, 24))
    file.write((values / 2**23).astype(np.float32))
    file.finish()
    data = (tmp_path / "deep.wav").read_bytes()[-16:-1]  # 15 bytes of samples and one of padding
    raw = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
    back = raw[:, 0] + 256 * raw[:, 1] + 65536 * raw[:, 2].astype(np.int8).astype(np.int32)
    assert back.tolist() == values[:, 0].tolist()


def test_surround_keeps_its_channels(tmp_path: Path) -> None:
    sounds, _ = written(tmp_path, block(tone(0.1, channels=8)))
    assert sounds[0].channels == 8
    data = (tmp_path / "audio.wav").read_bytes()
    tag, channels = struct.unpack_from("<HH", data, data.index(b"fmt ") + 8)
    assert (tag, channels) == (wav.EXTENSIBLE, 8)


def test_gap_becomes_silence(tmp_path: Path) -> None:
    sounds, writer = written(tmp_path, block(tone(1.0)), block(tone(1.0), 1.5))
    samples = pcm(tmp_path / "audio.wav")[:, 0]
    assert sounds[0].duration_s == pytest.approx(2.5)
    assert not samples[RATE : RATE * 3 // 2].any()
    assert np.abs(samples[RATE * 3 // 2 :]).max() > 10000
    assert "0.50 s of silence" in writer.problems[0]
    assert sounds[0].notes and "Sound track 0" in writer.problems[0]


def test_overlap_is_trimmed(tmp_path: Path) -> None:
    sounds, writer = written(tmp_path, block(tone(1.0)), block(tone(1.0), 0.75), block(tone(0.1), 0.2))
    assert sounds[0].duration_s == pytest.approx(1.75)
    assert "overlap 2×" in writer.problems[0]


def test_jitter_is_left_alone(tmp_path: Path) -> None:
    sounds, writer = written(tmp_path, block(tone(1.0)), block(tone(1.0), 1.004), block(tone(1.0), 1.997))
    assert sounds[0].duration_s == pytest.approx(3.0)
    assert writer.problems == ()


@pytest.mark.parametrize("jump_s", [1e9, -1e9, float("nan"), MAX_GAP_S + 2])
def test_absurd_jumps_insert_nothing(tmp_path: Path, jump_s: float) -> None:
    sounds, _ = written(tmp_path, block(tone(1.0)), block(tone(1.0), jump_s), block(tone(1.0), jump_s + 1.0))
    assert sounds[0].duration_s == pytest.approx(3.0)
    assert (tmp_path / "audio.wav").stat().st_size < 100_000


def test_made_up_silence_never_outlasts_the_clip(tmp_path: Path) -> None:
    blocks = [block(tone(0.1), 4.0 * k) for k in range(10)]
    sounds, writer = written(tmp_path, *blocks, of=probe(stream(), duration_s=10.0))
    assert sounds[0].duration_s <= 11.0
    assert any("jump" in p for p in writer.problems)


def test_change_of_rate_and_channels_keeps_time(tmp_path: Path) -> None:
    later = block(tone(1.0, rate_hz=16000, channels=2), 1.0, rate_hz=16000)
    sounds, writer = written(tmp_path, block(tone(1.0)), later, block(tone(0.5), 2.0))
    assert sounds[0].duration_s == pytest.approx(2.5, abs=0.001)
    assert (sounds[0].sample_rate_hz, sounds[0].channels) == (RATE, 1)
    assert len(writer.problems) == 2


def test_mono_becomes_stereo_and_stereo_keeps_its_sides(tmp_path: Path) -> None:
    written(tmp_path, block(tone(0.1, channels=2)), block(tone(0.1), 0.1), block(tone(0.1, channels=6), 0.2))
    samples = pcm(tmp_path / "audio.wav")
    assert samples.shape == (2400, 2)
    assert np.array_equal(samples[:800], samples[800:1600])


def test_broken_numbers_become_silence_and_loud_ones_are_clipped(tmp_path: Path) -> None:
    written(tmp_path, block(np.array([np.nan, np.inf, -np.inf, 7.0, -7.0, 0.5])))
    assert pcm(tmp_path / "audio.wav")[:, 0].tolist() == [0, 32767, -32768, 32767, -32768, 16384]


def test_tracks_beyond_the_limit_are_named(tmp_path: Path) -> None:
    sounds, writer = written(tmp_path, *[block(tone(0.01), track=k) for k in range(20)])
    assert len(sounds) == 16
    assert writer.problems == ("4 further sound tracks were not written (limit 16).",)


def test_nothing_bears_the_name_before_it_is_whole(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path, probe(stream()))
    writer.update(block(tone(0.5)))
    assert not (tmp_path / "audio.wav").exists()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "missing", probe(stream()))
    with pytest.raises(OutputError, match=r"audio\.wav: No such file"):
        writer.update(block(tone(0.1)))


def test_full_disk_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    file = WavFile(tmp_path / "a.wav", WavFormat(RATE, 1, 16))
    file._file.close()
    file._file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0)
    with pytest.raises(OutputError, match="No space left"):
        file.write(tone(1.0))
    assert list(tmp_path.iterdir()) == []


def test_sizes_beyond_4_gib_become_rf64() -> None:
    form = WavFormat(48000, 2, 16)
    count = 2**32 // 4 + 10
    header = wav._header(form, count)
    assert header[:4] == b"RF64" and header[8:16] == b"WAVEds64"
    riff_bytes, data_bytes, samples = struct.unpack_from("<QQQ", header, 20)
    assert (data_bytes, samples) == (count * 4, count)
    assert riff_bytes == len(header) - 8 + data_bytes
    assert len(header) == len(wav._header(form, 10))


@given(st.integers(0, 400), st.integers(1, 3), st.sampled_from([16, 24]))
@settings(max_examples=30, deadline=None)
def test_header_tells_the_size(
    tmp_path_factory: pytest.TempPathFactory, count: int, channels: int, bits: int
) -> None:
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    file = WavFile(path, WavFormat(RATE, channels, bits))
    file.write_silence(count)
    file.finish()
    data = path.read_bytes()
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    at = data.index(b"data")
    assert struct.unpack_from("<I", data, at + 4)[0] == count * channels * bits // 8

"""The decode pass on whole files: times, sound, damage, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from tests.extraction.clips import Coding, ffmpeg, moving, probe, write_clip
from vidforensics.errors import DecodeError, InputError, NotMediaError
from vidforensics.extraction.decode import DecodeOptions, Decoder, variable_frame_rate
from vidforensics.extraction.decode_picture import PictureTrack
from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.decode_sound import SoundTrack
from vidforensics.types import AudioBlock, DecodeSummary, FrameBlock


def decode(
    path: Path, options: DecodeOptions | None = None
) -> tuple[list[FrameBlock], list[AudioBlock], DecodeSummary]:
    with Decoder(path, probe(path), options or DecodeOptions()) as decoder:
        blocks = list(decoder)
        summary = decoder.summary()
    pictures = [block for block in blocks if isinstance(block, FrameBlock)]
    return pictures, [block for block in blocks if isinstance(block, AudioBlock)], summary


def test_blocks_hold_every_frame_in_order_with_exact_times(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving(70), Coding(rate=Fraction(30000, 1001)))
    blocks, sounds, summary = decode(path)
    assert [block.first_index for block in blocks] == [0, 32, 64]
    assert sounds == [] and summary.problems == () and summary.variable_frame_rate is False
    times = np.concatenate([block.pts_s for block in blocks])
    np.testing.assert_allclose(times, np.arange(70) * 1001 / 30000, atol=1e-4)
    np.testing.assert_array_equal(times, summary.frame_times_s)
    assert blocks[0].luma.shape == (32, 186, 310) and blocks[0].chroma.shape == (32, 2, 93, 155)
    assert (summary.width_px, summary.height_px, summary.frame_count) == (160, 96, 70)


def test_decoding_twice_gives_the_same(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving(5), tones=[(44100, 2, 0.2, 0.0)])
    first, second = decode(path), decode(path)
    np.testing.assert_array_equal(first[0][0].luma, second[0][0].luma)
    np.testing.assert_array_equal(first[1][0].mono, second[1][0].mono)


def test_variable_frame_rate_keeps_each_time(tmp_path: Path) -> None:
    steps = [1, 3, 2, 7, 1, 1, 4, 1, 2, 1]
    path = write_clip(tmp_path / "v.mkv", moving(10), Coding(rate=Fraction(100), steps=steps))
    _, _, summary = decode(path)
    assert summary.variable_frame_rate is True
    np.testing.assert_allclose(summary.frame_times_s, np.cumsum([0, *steps[:-1]]) / 100)


def test_late_sound_starts_late(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "l.mkv", moving(10), tones=[(8000, 1, 1.5, 0.25)])
    _, sounds, summary = decode(path)
    assert sounds[0].start_s == pytest.approx(0.25, abs=1e-3)
    assert summary.sound_end_s == pytest.approx(1.75, abs=1e-3)
    assert sounds[0].mono_start_s == sounds[0].start_s
    assert sum(len(block.samples) for block in sounds) == 12_000
    assert sum(len(block.mono) for block in sounds) == pytest.approx(24_000, abs=20)


def test_negative_start_becomes_the_origin(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "n.nut", moving(6), Coding(codec="mpeg4", start_ticks=-3))
    _, _, summary = decode(path)
    assert summary.sound_end_s is None
    assert summary.frame_times_s[0] == pytest.approx(0.0, abs=1e-6)
    assert np.all(np.diff(summary.frame_times_s) == pytest.approx(0.04))


def test_sound_is_exact_and_resampled_in_place(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "s.wav", [], tones=[(44100, 2, 2.5, 0.0)])
    pictures, sounds, summary = decode(path)
    assert pictures == [] and summary.frame_count == 0 and summary.width_px is None
    samples = np.concatenate([block.samples for block in sounds])
    time_s = np.arange(len(samples)) / 44100
    expected = (8000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16) / 32768
    np.testing.assert_allclose(samples, np.stack([expected, expected], 1), atol=1e-7)
    mono = np.concatenate([block.mono for block in sounds])
    wanted = 8000 / 32768 * np.sin(2 * np.pi * 440 * np.arange(len(mono)) / 16000)
    assert len(mono) == pytest.approx(40_000, abs=2)
    np.testing.assert_allclose(mono[200:-200], wanted[200:-200], atol=2e-3)
    starts = [block.mono_start_s for block in sounds]
    counts = np.cumsum([0, *(len(block.mono) for block in sounds[:-1])])
    np.testing.assert_allclose(starts, counts / 16000)


def test_a_gap_in_the_sound_stays_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "g.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for start in (0, 8000, 24000):
            frame = av.AudioFrame.from_ndarray(
                np.full((1, 8000), 1000, np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _, sounds, summary = decode(path)
    assert [(round(b.start_s, 3), len(b.samples), len(b.mono)) for b in sounds if len(b.samples)] == [
        (0.0, 16000, 16000),
        (1.5, 8000, 8000),
    ]
    assert any("a gap of 500.0 ms" in problem for problem in summary.problems)


def sound_pieces(starts_s: list[float]) -> tuple[list[AudioBlock], str]:
    """Pieces of 20 ms at given times through a sound track."""
    problems = ProblemLog()
    track = SoundTrack(0, 0.0, 0.5, problems)
    blocks: list[AudioBlock] = []
    for start_s in starts_s:
        frame = av.AudioFrame.from_ndarray(np.ones((1, 320), np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.time_base = 16000, Fraction(1, 16000)
        frame.pts = round(start_s * 16000)
        blocks += track.take(frame)
    return blocks + list(track.flush()), " ".join(problems.sentences())


def test_wavering_sound_times_are_no_gaps() -> None:
    starts = [0.02 * i + (0.01 if i % 10 == 5 else 0.0) for i in range(100)]
    blocks, problems = sound_pieces(starts)
    assert problems == "" and sum(len(block.samples) for block in blocks) == 32_000
    counts = np.cumsum([0, *(len(block.samples) for block in blocks[:-1])])
    np.testing.assert_allclose([block.start_s for block in blocks], counts / 16000)


def test_a_small_lasting_gap_is_placed_where_it_begins() -> None:
    blocks, problems = sound_pieces([0.02 * i + (0.01 if i >= 30 else 0.0) for i in range(100)])
    assert "a gap of 10.0 ms in its timestamps, first at 0.610 s" in problems
    assert any(block.start_s == pytest.approx(0.61) for block in blocks)
    assert sum(len(block.samples) for block in blocks) == 32_000


def test_every_sound_track_is_decoded_up_to_sixteen(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "m.mkv", [], tones=[(8000, 1, 0.2, 0.0)] * 18)
    _, sounds, summary = decode(path)
    assert {block.track for block in sounds} == set(range(16))
    assert any("2 sound tracks" in problem for problem in summary.problems)


def test_streams_can_be_left_out(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "b.mp4", moving(5), tones=[(16000, 1, 0.5, 0.0)])
    assert decode(path, DecodeOptions(sound=False))[1] == []
    assert decode(path, DecodeOptions(picture=False))[0] == []


def test_the_last_frames_come_out_of_any_stream_order(tmp_path: Path) -> None:
    options = {"preset": "veryfast", "bf": "3", "crf": "20"}
    path = write_clip(
        tmp_path / "a.mkv",
        moving(40),
        Coding(options=options),
        tones=[(8000, 1, 1.6, 0.0), (16000, 1, 1.6, 0.0)],
    )
    turned = tmp_path / "b.mkv"
    ffmpeg("-i", str(path), "-map", "0:a", "-map", "0:v", "-c:v", "copy", "-c:a", "aac", str(turned))
    _, sounds, summary = decode(turned)
    assert summary.frame_count == 40 and summary.problems == ()
    assert {block.sample_rate_hz for block in sounds if block.track == 0} == {8000}
    assert {block.sample_rate_hz for block in sounds if block.track == 1} == {16000}


def test_blocks_come_interleaved(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "i.mp4", moving(100), tones=[(16000, 1, 4.0, 0.0)])
    ffmpeg("-i", str(path), "-c", "copy", str(tmp_path / "j.mp4"))
    with Decoder(tmp_path / "j.mp4", probe(path), DecodeOptions()) as decoder:
        kinds = [type(block).__name__ for block in decoder]
    assert kinds.index("AudioBlock") < 3 and kinds.index("FrameBlock") < 3


def test_one_frame(tmp_path: Path) -> None:
    blocks, _, summary = decode(write_clip(tmp_path / "1.mp4", moving(1)))
    assert summary.frame_count == 1 and len(blocks[0].luma) == 1 and summary.variable_frame_rate is None


def test_attached_picture_is_no_picture_stream(tmp_path: Path) -> None:
    sound = write_clip(tmp_path / "s.mp4", [], tones=[(16000, 1, 0.5, 0.0)])
    cover = tmp_path / "c.png"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", str(cover))
    path = tmp_path / "b.mp4"
    ffmpeg(
        "-i",
        str(sound),
        "-i",
        str(cover),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-disposition:v:0",
        "attached_pic",
        str(path),
    )
    pictures, sounds, summary = decode(path)
    assert pictures == [] and summary.frame_count == 0 and sum(len(b.samples) for b in sounds) > 7000


def test_only_an_attached_picture_is_nothing(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "b.mp4", moving(5))
    with (
        Decoder(path, probe(path), DecodeOptions(picture=False)) as decoder,
        pytest.raises(DecodeError, match=r"b\.mp4"),
    ):
        list(decoder)


def test_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "w.mkv", moving(60, seed=3), Coding(options={"g": "10"}))
    data = whole.read_bytes()
    cut = tmp_path / "t.mkv"
    cut.write_bytes(data[: len(data) * 6 // 10])
    _, _, summary = decode(cut)
    assert 15 < summary.frame_count < 60


def test_damaged_packets_are_counted_and_passed_over(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "d.avi", moving(60, seed=5), Coding(codec="mjpeg", pixel_format="yuvj420p"))
    data = bytearray(path.read_bytes())
    start = data.find(b"00dc", len(data) // 2)
    data[start + 8 : start + 1200] = bytes(1192)
    path.write_bytes(data)
    _, _, summary = decode(path)
    assert 55 <= summary.frame_count < 60
    assert any("could not be decoded" in problem for problem in summary.problems)


def raw_frames(ticks: list[int | None]) -> Iterator[av.VideoFrame]:
    for index, pts in enumerate(ticks):
        frame = av.VideoFrame.from_ndarray(np.full((32, 32), 10 * index, np.uint8), format="gray")
        frame.pts, frame.time_base = pts, Fraction(1, 25)
        yield frame


def track_of(ticks: list[int | None], origin_s: float = 0.0) -> tuple[PictureTrack, list[FrameBlock], str]:
    problems = ProblemLog()
    container = SimpleNamespace(format=SimpleNamespace(name="nut"))
    stream: Any = SimpleNamespace(sample_aspect_ratio=None, average_rate=Fraction(25), container=container)
    track = PictureTrack(stream, origin_s, (4, 10**6), problems)
    blocks = [block for frame in raw_frames(ticks) for block in track.take(frame)]
    return track, blocks + list(track.flush()), " ".join(problems.sentences())


def test_odd_timestamps_are_kept_in_decoding_order_and_told() -> None:
    ticks = [0, 1, 2, 2, 60, 55, 1000]
    track, blocks, problems = track_of([*ticks])
    times = np.concatenate([block.pts_s for block in blocks])
    np.testing.assert_allclose(times, np.array(ticks) / 25)
    np.testing.assert_allclose(times, track.times_s)
    np.testing.assert_array_equal(np.concatenate([b.luma[:, 0, 0] for b in blocks]), np.arange(7) * 10)
    assert "same timestamp, first at 0.080 s" in problems
    assert "run backwards, first at 2.200 s" in problems
    assert "jump by 37.8 s, first at 40.000 s" in problems


def test_times_before_the_origin_are_negative_and_told() -> None:
    track, _, problems = track_of([0, 1, 2], origin_s=0.04)
    np.testing.assert_allclose(track.times_s, [-0.04, 0.0, 0.04], atol=1e-12)
    assert "before the start of the timeline" in problems


def test_missing_timestamps_are_derived_and_told() -> None:
    track, _, problems = track_of([None, None, 5, None])
    np.testing.assert_allclose(track.times_s, [0.0, 0.04, 0.2, 0.24])
    assert "no timestamp" in problems and "3 times" in problems


def test_absurd_size_is_not_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "w.mkv", [np.zeros((2, 20000, 3), np.uint8)], Coding(codec="ffv1"))
    with Decoder(path, probe(path), DecodeOptions()) as decoder:
        with pytest.raises(DecodeError, match="20000×2 samples was not decoded"):
            list(decoder)
        assert decoder.summary().frame_count == 0


@pytest.mark.parametrize(
    ("content", "error"),
    [(None, InputError), (b"", InputError), (b"hello, this is text\n" * 50, NotMediaError)],
)
def test_no_media(tmp_path: Path, content: bytes | None, error: type[Exception]) -> None:
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    clip = probe(write_clip(tmp_path / "ok.mp4", moving(1)))
    with pytest.raises(error, match=r"x\.mp4"), Decoder(path, clip, DecodeOptions()):
        pass


def test_names_that_look_like_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "a.mp4", moving(2))
    for name in ("-", "-i.mp4", "concat:a.mp4", "http:x", "%d.mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
        with Decoder(Path(name), probe(clip), DecodeOptions()) as decoder:
            assert sum(len(block.luma) for block in decoder) == 2


def test_a_playlist_reaches_nothing(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.ts", moving(5), Coding(codec="mpeg2video"))
    listed = tmp_path / "l.mp4"
    listed.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:{clip}\n#EXT-X-ENDLIST\n")
    with (
        pytest.raises((NotMediaError, DecodeError)),
        Decoder(listed, probe(clip), DecodeOptions()) as decoder,
    ):
        list(decoder)


@pytest.mark.parametrize(
    ("intervals", "tick_s", "expected"),
    [
        ([0.033, 0.034, 0.033] * 10, 0.001, False),
        ([0.04] * 30, 0.0, False),
        ([0.04] * 30 + [0.08] * 5, 0.0, True),
        ([0.04] * 200 + [0.08], 0.0, False),
        ([0.04], 0.0, None),
    ],
)
def test_variable_frame_rate_reading(intervals: list[float], tick_s: float, expected: bool | None) -> None:
    assert variable_frame_rate(np.cumsum([0.0, *intervals]), tick_s) is expected


def test_footage_decodes_without_loss(footage: Path) -> None:
    path = footage / "scenes" / "viashin_video_03051.mp4"
    _, sounds, summary = decode(path)
    assert summary.problems == () and summary.frame_count == 300 and sounds

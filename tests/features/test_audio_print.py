"""The fingerprint: none for silence and noise, the same for copies, another for others."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from vidforensics.features.audio_print import (
    ALGORITHM,
    HOP,
    AudioPrintAccumulator,
    _box_max,
    _box_mean,
    _strongest,
)
from vidforensics.types import AudioBlock, AudioPrint

RATE = 16000
SECONDS = 20


def melody(seed: int, seconds: float = SECONDS) -> np.ndarray:
    """Notes with overtones that begin, glide and fade, over a little noise."""
    rng = np.random.default_rng(seed)
    samples = 0.002 * rng.standard_normal(round(seconds * RATE))
    for _ in range(int(seconds * 7)):
        start, length = rng.uniform(0, seconds - 0.5), rng.uniform(0.08, 0.45)
        times = np.arange(round(length * RATE)) / RATE
        hz = rng.uniform(150, 1400) * (1 + rng.uniform(-0.3, 0.3) * times)
        note = sum(np.sin(2 * np.pi * np.cumsum(hz * k) / RATE) / k for k in (1, 2, 3))
        at = round(start * RATE)
        samples[at : at + len(note)] += 0.1 * note * np.exp(-4 * times) * np.minimum(1, times * 100)
    return np.clip(samples, -1, 1).astype(np.float32)


def printed(mono: np.ndarray, *, start_s: float = 0.0, pieces: int = 5) -> AudioPrint:
    accumulator, at = AudioPrintAccumulator(), 0
    for piece in np.array_split(mono, pieces):
        accumulator.update(AudioBlock(0, 0.0, np.zeros((0, 1), np.float32), RATE, start_s + at / RATE, piece))
        at += len(piece)
    (found,) = accumulator.finish()
    return found


def agreement(reference: AudioPrint, query: AudioPrint) -> tuple[float, float]:
    """Share of the query's codes that the reference has at the commonest offset, and that offset, s."""
    times = {}
    for time_s, code in zip(reference.times_s, reference.codes, strict=True):
        times.setdefault(int(code), []).append(time_s)
    pairs = [
        (k, time_s - other)
        for k, (time_s, code) in enumerate(zip(query.times_s, query.codes, strict=True))
        for other in times.get(int(code), ())
    ]
    if not pairs:
        return 0.0, 0.0
    offsets = np.array([p[1] for p in pairs])
    near = np.abs(offsets[:, None] - offsets[None, :]) < 0.03
    best = int(near.sum(axis=1).argmax())
    hit = {pairs[k][0] for k in np.flatnonzero(near[best])}
    return len(hit) / len(query.codes), float(np.median(offsets[near[best]]))


def through_aac(mono: np.ndarray, bit_rate: int) -> np.ndarray:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(mono[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])


@pytest.fixture(scope="module")
def original() -> tuple[np.ndarray, AudioPrint]:
    sound = melody(1)
    return sound, printed(sound)


def test_no_sound_gives_nothing() -> None:
    assert AudioPrintAccumulator().finish() == ()


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "hum", "short"])
def test_what_identifies_nothing_has_no_codes(kind: str) -> None:
    times = np.arange(15 * RATE) / RATE
    noise = np.random.default_rng(2).standard_normal(len(times))
    sound = {
        "silence": np.zeros(len(times)),
        "noise": 0.1 * noise,
        "tone": 0.3 * np.sin(2 * np.pi * 997 * times),
        "hum": 0.05 * sum(np.sin(2 * np.pi * 50 * k * times) for k in range(1, 9)) + 0.005 * noise,
        "short": np.ones(100),
    }[kind]
    found = printed(sound.astype(np.float32))
    assert len(found.codes) <= 0.5 * 15
    assert len(found.codes) == len(found.times_s)


def test_density_and_form(original: tuple[np.ndarray, AudioPrint]) -> None:
    found = original[1]
    assert found.algorithm == ALGORITHM
    assert found.codes.dtype == np.uint32
    assert 6 <= len(found.codes) / SECONDS <= 16
    assert (np.diff(found.times_s) >= 0).all()
    assert found.codes.max() < 2**28


@pytest.mark.parametrize("bit_rate", [48000, 32000])
def test_a_copy_through_aac_shares_codes_at_one_offset(
    original: tuple[np.ndarray, AudioPrint], bit_rate: int
) -> None:
    sound, reference = original
    decoded = through_aac(sound, bit_rate)
    delay_s = 1024 / RATE
    share, offset_s = agreement(reference, printed(decoded[int(3.21 * RATE) :]))
    assert share >= 0.3
    assert offset_s == pytest.approx(delay_s - 3.21, abs=0.08)


def test_level_and_moderate_noise_leave_most(original: tuple[np.ndarray, AudioPrint]) -> None:
    sound, reference = original
    noise = np.random.default_rng(3).standard_normal(len(sound)).astype(np.float32)
    noisy = 0.2 * (sound + 0.1 * np.float32(sound.std()) * noise)
    share, offset_s = agreement(reference, printed(noisy, start_s=4.0))
    assert share >= 0.4
    assert offset_s == pytest.approx(4.0, abs=0.02)


def test_other_sound_shares_few(original: tuple[np.ndarray, AudioPrint]) -> None:
    assert agreement(original[1], printed(melody(9)))[0] <= 0.03


def test_pieces_do_not_matter(original: tuple[np.ndarray, AudioPrint]) -> None:
    sound, reference = original
    again = printed(sound, pieces=83)
    assert np.array_equal(again.codes, reference.codes)
    assert again.times_s == pytest.approx(reference.times_s)


def test_chunks_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, original: tuple[np.ndarray, AudioPrint]
) -> None:
    from vidforensics.features import audio_print

    monkeypatch.setattr(audio_print, "CHUNK_FRAMES", 100)
    again = printed(original[0], pieces=40)
    shared = len(set(again.codes.tolist()) & set(original[1].codes.tolist()))
    assert shared >= 0.97 * len(set(original[1].codes.tolist()))


def test_gap_starts_afresh(original: tuple[np.ndarray, AudioPrint]) -> None:
    accumulator = AudioPrintAccumulator()
    for start_s in (0.0, 100.0):
        block = AudioBlock(0, 0.0, np.zeros((0, 1), np.float32), RATE, start_s, original[0])
        accumulator.update(block)
    (found,) = accumulator.finish()
    half = found.times_s < 50
    assert np.array_equal(found.codes[half], original[1].codes)
    assert np.array_equal(found.codes[~half], original[1].codes)


def test_box_filters_equal_brute_force() -> None:
    levels = np.random.default_rng(6).standard_normal((40, 20)).astype(np.float32)
    mean, most = _box_mean(levels, 5, 3), _box_max(levels)
    for row, band in ((0, 0), (7, 19), (39, 4), (20, 10)):
        near = levels[max(0, row - 5) : row + 6, max(0, band - 3) : band + 4]
        assert mean[row, band] == pytest.approx(near.mean(), abs=1e-5)
        near = levels[max(0, row - 6) : row + 7, max(0, band - 2) : band + 3]
        assert most[row, band] == near.max()


def test_strongest_equals_brute_force() -> None:
    rng = np.random.default_rng(7)
    times_s = np.sort(rng.uniform(0, 5, 300))
    strengths = rng.random(300).astype(np.float32)
    kept = [
        k
        for k in range(300)
        if ((np.abs(times_s - times_s[k]) <= 0.5) & (strengths > strengths[k])).sum() < 12
    ]
    assert _strongest(times_s * RATE / HOP, strengths, 12).tolist() == kept

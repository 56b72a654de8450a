"""The frames of an earlier AAC coding, found in sound that was really coded."""

from __future__ import annotations

import doctest
from functools import cache

import numpy as np
import pytest

from tests.features.make_coded import RATE_HZ, aac, music
from vidforensics import aac_frames
from vidforensics.aac_frames import FRAME, apart
from vidforensics.features import CodingGridAccumulator, coding_grids
from vidforensics.features.coding_grid import WINDOW, above_surroundings, at_every_offset, near_nought
from vidforensics.features.coding_runs import _most_likely
from vidforensics.flagging.sound_coding import THRESHOLD, breaks
from vidforensics.types import AudioBlock, CodingGrids

SHIFT = 317


def block(samples: np.ndarray, start_s: float = 0.0, rate_hz: int = RATE_HZ, track: int = 0) -> AudioBlock:
    return AudioBlock(track, start_s, samples[:, None], rate_hz, start_s, np.zeros(0, np.float32))


def grids(samples: np.ndarray, length: int = 40 * FRAME, codec: str = "aac") -> CodingGrids | None:
    accumulator = CodingGridAccumulator(codec)
    for a in range(0, len(samples), length):
        accumulator.update(block(samples[a : a + length], a / RATE_HZ))
    return accumulator.finish()


@cache
def coded_once() -> np.ndarray:
    return aac(music(9.0, 1), 96_000)


def offsets_in(found: CodingGrids | None) -> list[int]:
    assert found is not None
    return [run.offset for run in found.runs if run.last - run.first > 40]


def test_the_frames_of_an_earlier_coding_show_at_their_offset() -> None:
    found = grids(aac(coded_once()[SHIFT:], 160_000))
    assert found is not None
    (offset,) = set(offsets_in(found))
    assert apart(offset, FRAME - SHIFT) <= 1
    assert found.times_s == pytest.approx(np.arange(len(found.times_s)) * FRAME / RATE_HZ)


def test_a_cut_moves_the_frames_at_the_place_where_it_is() -> None:
    once, at, gone = coded_once(), 5 * RATE_HZ, RATE_HZ // 2
    found = grids(aac(np.concatenate([once[SHIFT:at], once[at + gone :]]), 160_000))
    assert found is not None
    before, after = offsets_in(found)
    assert apart(before, FRAME - SHIFT) <= 1
    assert apart(after - before, -gone) <= 2
    border = next(run for run in found.runs if run.offset == after).first
    assert found.times_s[border] == pytest.approx((at - SHIFT) / RATE_HZ, abs=0.1)


def test_the_frames_of_the_present_coding_are_not_taken_for_earlier_ones() -> None:
    assert offsets_in(grids(coded_once())) == []


def test_the_present_coding_is_known_where_its_first_frame_was_cut_short() -> None:
    once, accumulator = coded_once()[FRAME - 960 :], CodingGridAccumulator("aac")
    for a, b in ((0, 960 + 39 * FRAME), (960 + 39 * FRAME, len(once))):
        accumulator.update(block(once[a:b], a / RATE_HZ))
    assert offsets_in(accumulator.finish()) == []


def test_sound_that_is_no_aac_now_hides_no_frames() -> None:
    assert offsets_in(grids(coded_once(), codec="pcm_s16le")) == [0]


def test_plain_tones_that_repeat_from_frame_to_frame_show_nothing_for_sure() -> None:
    times = np.arange(9 * 48_000) / 48_000
    rng = np.random.default_rng(2)
    tones = [sum(np.sin(2 * np.pi * hz * k * times) / k for k in range(1, 12)) for hz in (375.0, 500.0)]
    sound = np.where(times < 4.5, *tones) * 0.1 + rng.normal(0, 2e-4, len(times))
    accumulator = CodingGridAccumulator("pcm_s16le")
    accumulator.update(block(sound.astype(np.float32), rate_hz=48_000))
    found = accumulator.finish()
    assert found is not None and breaks(found) == []


@pytest.mark.parametrize("video_frames", [37, 50])
def test_a_cut_on_frames_of_video_shows_as_well(video_frames: int) -> None:
    """At 48 kHz these are multiples of 64 samples, as the steps of short windows are."""
    once, step = coded_once(), 1920
    at, gone = 115 * step, video_frames * step
    found = grids(aac(np.concatenate([once[5 * step : at], once[at + gone :]]), 192_000))
    assert found is not None
    (one,) = [b for b in breaks(found) if b.strength >= THRESHOLD]
    assert one.start_s == pytest.approx((at - 5 * step) / RATE_HZ, abs=0.1)


def test_sound_that_was_never_coded_and_silence_show_nothing() -> None:
    assert offsets_in(grids(music(6.0, 2))) == []
    assert offsets_in(grids(np.zeros(6 * RATE_HZ, np.float32))) == []


def test_no_sound_or_little_gives_nothing() -> None:
    assert CodingGridAccumulator("pcm_s16le").finish() is None
    assert grids(music(1.0, 2)) is None
    low = CodingGridAccumulator("aac")
    low.update(block(np.zeros(80_000, np.float32), rate_hz=8_000))
    assert low.finish() is None


@pytest.mark.parametrize("codec", [None, "vorbis", "ac3"])
def test_frames_that_may_be_taken_for_those_of_aac_are_not_looked_at(codec: str | None) -> None:
    accumulator = CodingGridAccumulator(codec)
    accumulator.update(block(music(4.0, 2)))
    assert accumulator.finish() is None


def test_broken_numbers_in_the_sound_do_no_harm() -> None:
    sound = music(4.0, 2)
    sound[1000:1010] = np.nan
    sound[2000] = np.inf
    assert offsets_in(grids(sound)) == []


def test_times_follow_a_gap_and_only_the_first_track_counts() -> None:
    sound, accumulator = music(6.0, 2), CodingGridAccumulator("pcm_s16le")
    half = 128 * FRAME
    accumulator.update(block(sound[:half], 0.5))
    accumulator.update(block(np.zeros(99, np.float32), 0.7, track=1))
    accumulator.update(block(sound[half:], 10.0))
    found = accumulator.finish()
    assert found is not None and found.until_s is None
    assert found.times_s[0] == 0.5
    assert found.times_s[128] == pytest.approx(10.0)


def test_times_that_jump_back_stand_still() -> None:
    sound, accumulator = music(6.0, 2), CodingGridAccumulator("pcm_s16le")
    accumulator.update(block(sound[: 128 * FRAME], 5.0))
    accumulator.update(block(sound[128 * FRAME :], 1.0))
    found = accumulator.finish()
    assert found is not None and (np.diff(found.times_s) >= 0).all()


def test_one_wild_timestamp_moves_nothing() -> None:
    sound, accumulator = music(6.0, 2), CodingGridAccumulator("pcm_s16le")
    for k, a in enumerate(range(0, len(sound), 43 * FRAME)):
        accumulator.update(block(sound[a : a + 43 * FRAME], 1000.0 if k == 2 else a / RATE_HZ))
    found = accumulator.finish()
    assert found is not None
    assert found.times_s == pytest.approx(np.arange(len(found.times_s)) * FRAME / RATE_HZ)


def test_a_part_that_is_too_quiet_leaves_the_rest_of_a_place() -> None:
    shares = np.random.default_rng(4).normal(0.06, 0.01, (60, FRAME)).astype(np.float32)
    shares[:, 500] += 0.2
    shares[0, :200] = np.nan
    shown = above_surroundings(shares)
    assert shown[0, 500] > 8 and shown[0, 0] == 0.0
    surroundings = [*range(1020, 1024), *range(61)]
    step = shares[1:] - shares[1:, surroundings].mean(axis=1, keepdims=True)
    assert np.corrcoef(shown[1:, 28], step[:, 28])[0, 1] == pytest.approx(1.0)


def test_another_rate_ends_what_is_looked_at() -> None:
    accumulator = CodingGridAccumulator("pcm_s16le")
    accumulator.update(block(music(4.0, 2)))
    accumulator.update(block(music(1.0, 2), 4.0, rate_hz=48_000))
    accumulator.update(block(music(1.0, 2), 5.0))
    found = accumulator.finish()
    assert found is not None and found.until_s == 4.0
    assert len(found.times_s) < 4.0 * RATE_HZ / FRAME


def test_sound_behind_the_limit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding_grids, "MOST_SAMPLES", 3 * RATE_HZ)
    found = grids(music(6.0, 2))
    assert found is not None and 3.0 <= found.until_s < 4.5


def test_all_offsets_at_once_are_as_one_by_one() -> None:
    samples = (music(1.0, 3) * 32767).astype(np.int16)
    one_by_one = near_nought(samples, 5000 + np.arange(FRAME))
    assert at_every_offset(samples, 5000) == pytest.approx(one_by_one)


def test_the_transform_is_that_of_the_standard() -> None:
    """ISO/IEC 14496-3, 4.6.11: X[k] = 2 Σ z[n] cos(2π/N (n + n0)(k + 1/2)), n0 = (N/2 + 1)/2."""
    from vidforensics.features import coding_grid

    samples = (music(0.2, 4) * 32767).astype(np.int16)[2000 : 2000 + WINDOW]
    n, k = np.arange(WINDOW), np.arange(coding_grid.FIRST_BIN, coding_grid.LAST_BIN)
    shaped = samples * coding_grid._window().astype(np.float64)
    angles = 2 * np.pi / WINDOW * (n[None] + (WINDOW / 2 + 1) / 2) * (k[:, None] + 0.5)
    power = (np.cos(angles) @ shaped) ** 2
    padded = np.pad(power, 8, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 17).mean(axis=1)
    share = (power < coding_grid.NEAR_NOUGHT**2 * around).mean()
    assert near_nought(samples, np.zeros(1, np.int64))[0] == pytest.approx(share, abs=2 / len(k))


def test_the_likeliest_states_are_those_of_a_search_through_all() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        odds = rng.normal(0, 8, (5, 2))
        padded = np.concatenate([odds, np.zeros((5, 1))], axis=1)
        every = np.stack(np.meshgrid(*[range(3)] * 5, indexing="ij"), axis=-1).reshape(-1, 5)
        worth = padded[np.arange(5), every].sum(axis=1) - 12.0 * (np.diff(every, axis=1) != 0).sum(axis=1)
        assert _most_likely(odds).tolist() == every[np.argmax(worth)].tolist()


def test_examples() -> None:
    assert doctest.testmod(aac_frames).failed == 0

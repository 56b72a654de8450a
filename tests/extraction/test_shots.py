"""Shots: cuts exact to the frame, typed transitions, and everything that looks like one and is not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vidforensics.extraction.shots import ShotAccumulator, ShotOptions
from vidforensics.types import FrameBlock, Shot

H, W = 180, 320


def scene(seed: int, count: int, speed: float = 1.0) -> np.ndarray:
    """A textured scene seen by a slowly moving camera, with something moving in it: (count, H, W) float32."""
    rng = np.random.default_rng(seed)
    wide = np.zeros((H + 80, W + 400), np.float32)
    for size, gain in ((40, 60), (16, 35), (6, 18)):
        cells = rng.normal(0, 1, ((H + 80) // size + 2, (W + 400) // size + 2)).astype(np.float32)
        wide += gain * np.kron(cells, np.ones((size, size), np.float32))[: H + 80, : W + 400]
    wide = np.clip(wide + rng.uniform(90, 160), 16, 235)
    frames = []
    for i in range(count):
        x, y = int(speed * i) % 400, int(20 + 10 * np.sin(i / 9))
        frame = wide[y : y + H, x : x + W].copy()
        left = int(60 + 40 * np.sin(i / 6 + seed))
        frame[70:130, left : left + 50] = 40 + 30 * np.sin(seed)
        frames.append(frame + rng.normal(0, 1.0, (H, W)))
    return np.stack(frames).astype(np.float32)


def shots_of(frames: np.ndarray, times: np.ndarray | None = None, block: int = 32) -> tuple[Shot, ...]:
    luma = np.clip(frames, 0, 255).astype(np.uint8)
    pts = np.arange(len(luma)) / 25.0 if times is None else times
    half = luma[:, ::2, ::2]
    chroma = np.stack(
        [128 + (half.astype(np.int16) - 128) // 4, 128 - (half.astype(np.int16) - 128) // 6], axis=1
    )
    accumulator = ShotAccumulator()
    for start in range(0, len(luma), block):
        part = slice(start, start + block)
        accumulator.update(FrameBlock(start, pts[part], luma[part], chroma[part].astype(np.uint8), ()))
    return accumulator.finish()


def cuts(shots: tuple[Shot, ...]) -> list[tuple[str | None, int]]:
    return [(s.transition, round(s.end_s * 25)) for s in shots[:-1]]


def test_no_frames_give_no_shots() -> None:
    assert ShotAccumulator().finish() == ()


def test_one_frame_is_one_shot() -> None:
    (shot,) = shots_of(scene(1, 1))
    assert (shot.start_s, shot.transition) == (0.0, None)


def test_cuts_are_exact_and_shots_tile_the_clip() -> None:
    shots = shots_of(np.concatenate([scene(s, 40) for s in (1, 2, 3)]))
    assert cuts(shots) == [("cut", 40), ("cut", 80)]
    assert shots[0].start_s == 0.0
    assert shots[-1].end_s == pytest.approx(120 / 25)
    assert all(a.end_s == b.start_s for a, b in pairwise(shots))
    assert shots[-1].transition is None


@pytest.mark.parametrize("block", [1, 7, 500])
def test_result_does_not_depend_on_how_frames_are_blocked(block: int) -> None:
    frames = np.concatenate([scene(1, 30), scene(2, 33), scene(3, 30)])
    assert shots_of(frames, block=block) == shots_of(frames)


def test_window_slides_over_a_long_clip_without_losing_or_doubling_a_cut() -> None:
    rng = np.random.default_rng(5)
    small = [np.repeat(np.repeat(rng.integers(20, 235, (9, 16)), 20, 0), 20, 1) for _ in range(41)]
    frames = np.concatenate([np.repeat(p[None], 40, 0) for p in small]) + rng.normal(0, 1, (41 * 40, 1, 1))
    assert cuts(shots_of(frames)) == [("cut", 40 * i) for i in range(1, 41)]


def test_flash_and_broken_frame_are_no_cuts() -> None:
    frames = scene(4, 90)
    frames[30:32] = 0.3 * frames[30:32] + 0.7 * 255
    frames[60] = frames[60, ::-1, ::-1]
    assert cuts(shots_of(frames)) == []


def test_strobe_is_no_cut() -> None:
    frames = scene(5, 90)
    for i in range(30, 60, 3):
        frames[i] = 0.5 * frames[i] + 0.5 * 255
    assert cuts(shots_of(frames)) == []


def test_fast_pan_is_no_cut() -> None:
    assert cuts(shots_of(scene(6, 42, speed=7.0))) == []


def test_change_of_light_is_no_cut() -> None:
    frames = scene(7, 90)
    frames[45:] *= 0.6
    assert cuts(shots_of(frames)) == []


def test_dissolve_is_typed_with_its_extent_and_middle() -> None:
    a, b = scene(8, 70, 0.3), scene(9, 70, 0.3)
    weight = (np.arange(20, dtype=np.float32)[:, None, None] + 1) / 21
    frames = np.concatenate([a[:50], (1 - weight) * a[50:] + weight * b[:20], b[20:]])
    (first, _) = shots_of(frames)
    assert first.transition == "dissolve"
    assert first.transition_start_s == pytest.approx(50 / 25, abs=2.1 / 25)
    assert first.transition_end_s == pytest.approx(70 / 25, abs=2.1 / 25)
    assert first.end_s == pytest.approx(60 / 25, abs=2.1 / 25)


@pytest.mark.parametrize("level", [0.0, 255.0])
def test_fade_through_a_blank_picture_is_one_boundary(level: float) -> None:
    a, b = scene(10, 60, 0.3), scene(11, 60, 0.3)
    out = (np.arange(15, dtype=np.float32)[:, None, None] + 1) / 15
    a[45:] = (1 - out) * a[45:] + out * level
    b[:15] = (1 - out[::-1]) * b[:15] + out[::-1] * level
    blank = np.full((10, H, W), level, np.float32)
    (first, _) = shots_of(np.concatenate([a, blank, b]))
    assert first.transition == "fade"
    assert first.transition_start_s == pytest.approx(45 / 25, abs=3.1 / 25)
    assert first.transition_end_s == pytest.approx(85 / 25, abs=3.1 / 25)


def test_fade_at_the_ends_of_a_clip_is_no_boundary() -> None:
    frames = scene(12, 100, 0.3)
    ramp = (np.arange(20, dtype=np.float32)[:, None, None]) / 20
    frames[:20] *= ramp
    frames[-20:] *= ramp[::-1]
    assert cuts(shots_of(frames)) == []


def test_repeated_frames_neither_hide_nor_fake_cuts() -> None:
    frames = np.concatenate([scene(13, 30, 3.0), scene(14, 30, 3.0)])
    order = [i for i in range(60) for _ in range(2 if i % 4 == 3 else 1)]
    assert cuts(shots_of(frames[order])) == [("cut", order.index(30))]
    assert cuts(shots_of(np.repeat(frames, 3, axis=0))) == [("cut", 90)]


def test_times_of_a_variable_rate_clip_are_the_frames_own() -> None:
    frames = np.concatenate([scene(15, 30), scene(16, 30)])
    times = 5.0 + np.cumsum(np.random.default_rng(1).choice([0.02, 0.04, 0.12], 60))
    shots = shots_of(frames, times)
    assert [s.start_s for s in shots] == [times[0], times[30]]
    assert shots[-1].end_s > times[-1]


@pytest.mark.parametrize("shape", [(2, 2), (16, 16), (4, 320), (320, 6)])
def test_odd_and_tiny_pictures_are_taken(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 110, (2, *shape)), rng.integers(140, 255, (2, *shape))
    luma = np.concatenate([np.repeat(a[:1], 20, 0), np.repeat(b[:1], 20, 0)]).astype(np.uint8)
    chroma = np.full((40, 2, shape[0] // 2, shape[1] // 2), 128, np.uint8)
    accumulator = ShotAccumulator(ShotOptions())
    accumulator.update(FrameBlock(0, np.arange(40) / 25, luma, chroma, ()))
    assert cuts(accumulator.finish()) == [("cut", 20)]


def test_one_picture_throughout_is_one_shot() -> None:
    assert len(shots_of(np.full((60, H, W), 90.0))) == 1


def test_times_that_stand_still_or_go_back_do_not_break_the_tiling() -> None:
    frames = np.concatenate([scene(17, 20), scene(18, 20)])
    times = np.zeros(40)
    shots = shots_of(frames, times)
    assert all(s.end_s >= s.start_s for s in shots)

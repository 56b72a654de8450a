"""Stretches that show another moment nearby: found to the frame, and not made up."""

from __future__ import annotations

import numpy as np
import pytest

from vidforensics.tracing.align_jumps import without_jumps
from vidforensics.tracing.align_likeness import Clip
from vidforensics.types import Alignment

RATE = 25
FRAMES = 20 * RATE
WIDTH = 128


def walk(seed: int, step: float = 60.0) -> np.ndarray:
    """Signatures of a scene that moves on slowly around what stays."""
    rng = np.random.default_rng(seed)
    moving = np.cumsum(rng.normal(0.0, step, (FRAMES, WIDTH)), axis=0)
    return rng.normal(0.0, 3000.0, WIDTH) + moving


def clip(signatures: np.ndarray, noise: float = 15.0, seed: int = 9) -> Clip:
    noisy = signatures + np.random.default_rng(seed).normal(0.0, noise, signatures.shape)
    return Clip(np.arange(len(signatures)) / RATE, noisy.round().astype(np.int16))


def line(mirrored: bool = False, speed: float = 1.0, length_s: float = 20.0) -> Alignment:
    return Alignment(0.0, length_s, 0.0, speed * length_s, speed, mirrored, "both", 9.0, 9.0)


def told(pieces: tuple[Alignment, ...]) -> list[tuple[float, float, float]]:
    return [
        (round(p.query_start_s, 3), round(p.query_end_s, 3), round(p.reference_start_s, 3)) for p in pieces
    ]


def moved(signatures: np.ndarray, first: int, last: int, by: int) -> np.ndarray:
    changed = signatures.copy()
    changed[first:last] = signatures[first + by : last + by]
    return changed


@pytest.mark.parametrize("by", [-25, 20, -150])
def test_a_second_of_another_moment_is_cut_out_to_the_frame(by: int) -> None:
    scene = walk(1)
    pieces = without_jumps(line(), clip(moved(scene, 200, 225, by)), clip(scene, seed=3))
    shown_s = 8.0 + by / RATE
    assert told(pieces) == [(0.0, 8.0, 0.0), (8.0, 9.0, pytest.approx(shown_s)), (9.0, 20.0, 9.0)]


def test_two_of_them() -> None:
    scene = walk(2)
    query = clip(moved(moved(scene, 100, 120, -20), 300, 330, 40))
    pieces = without_jumps(line(), query, clip(scene, seed=3))
    assert [p[:2] for p in told(pieces)] == [(0, 4), (4, 4.8), (4.8, 12), (12, 13.2), (13.2, 20)]


def test_a_copy_is_one_piece() -> None:
    scene = walk(3)
    assert without_jumps(line(), clip(scene), clip(scene, seed=3)) == (line(),)


def test_of_a_still_scene_nothing_is_said() -> None:
    scene = walk(4, step=0.0)
    assert without_jumps(line(), clip(moved(scene, 200, 225, -25)), clip(scene, seed=3)) == (line(),)


def test_a_held_picture_is_no_other_moment() -> None:
    scene = walk(5)
    held = scene.copy()
    held[200:230] = scene[200]
    exact = held.copy()
    assert without_jumps(line(), clip(exact, noise=0.0), clip(scene, seed=3)) == (line(),)


def test_something_else_is_no_other_moment() -> None:
    scene = walk(6)
    strange = scene.copy()
    strange[200:230] = walk(7)[200:230]
    assert without_jumps(line(), clip(strange), clip(scene, seed=3)) == (line(),)


def test_less_than_half_a_second_is_left() -> None:
    scene = walk(8)
    assert without_jumps(line(), clip(moved(scene, 200, 212, -25)), clip(scene, seed=3)) == (line(),)


def test_mirrored_and_at_another_speed() -> None:
    from vidforensics.tracing.align_likeness import COLUMNS, ROWS

    scene = walk(9)
    signs = np.where(np.arange(ROWS * COLUMNS) % COLUMNS % 2, -1.0, 1.0)
    faster = scene[np.minimum((np.arange(400) * 1.25).round().astype(int), FRAMES - 1)]
    query = faster.copy()
    query[200:230] = faster[160:190]
    pieces = without_jumps(line(True, 1.25, 16.0), clip(query * signs), clip(scene, seed=3))
    (_, jumped, _) = told(pieces)
    assert jumped == (8.0, 9.2, pytest.approx(8.0, abs=0.05))


def test_sound_alone_and_nothing() -> None:
    scene = walk(1)
    heard = Alignment(0.0, 20.0, 0.0, 20.0, 1.0, False, "sound", 0.0, 9.0)
    assert without_jumps(heard, clip(scene), clip(scene)) == (heard,)
    none = clip(scene[:0])
    assert without_jumps(line(), none, clip(scene)) == (line(),)

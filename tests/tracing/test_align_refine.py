"""Alignments made exact on made-up clips whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tracing.simulate import as_signatures, walk
from vidforensics.tracing.align_refine import refine, refine_all
from vidforensics.types import Alignment

MIRROR = np.where(np.arange(128) % 16 % 2, -1.0, 1.0)


def show(reference, pieces, fps=25.0, change=lambda levels: levels):
    """Times and levels of a clip of (start, end, reference or None, speed) pieces; None is other footage."""
    times, levels = reference
    ours = np.arange(0, pieces[-1][1], 1 / fps)
    other = walk(pieces[-1][1] + 1, np.random.default_rng(99))
    shown = np.empty((len(ours), levels.shape[1]))
    for i, t in enumerate(ours):
        start, _, at, speed = next(p for p in pieces if p[0] - 1e-9 <= t < p[1] - 1e-9)
        source_times, source = (times, levels) if at is not None else other
        moment = at + speed * (t - start) if at is not None else t
        shown[i] = source[np.argmin(np.abs(source_times - moment))]
    return ours, change(shown)


def line_error(found, start, reference, speed=1.0):
    middle = (found.query_start_s + found.query_end_s) / 2
    at = found.reference_start_s + found.speed * (middle - found.query_start_s)
    return abs(at - (reference + speed * (middle - start)))


def alignment(q0, q1, r0, speed=1.0, mirrored=False, modality="picture"):
    return Alignment(q0, q1, r0, r0 + speed * (q1 - q0), speed, mirrored, modality, 5.0, 0.0)


@pytest.fixture(scope="module")
def reference():
    return walk(60, np.random.default_rng(1))


@pytest.fixture(scope="module")
def signatures(reference):
    return reference[0], as_signatures(reference[1], np.random.default_rng(2))


@pytest.mark.parametrize(("fps", "speed"), [(25.0, 1.0), (12.0, 1.0), (30.0, 1.0), (25.0, 1.25), (25.0, 0.8)])
def test_line_to_within_a_frame(reference, signatures, fps, speed):
    times, levels = show(reference, [(0, 20, 13.0, speed)], fps)
    guess = alignment(0.0, 20.0, 13.3, speed * 1.003 if speed != 1 else 1.0)
    found = refine(guess, times, as_signatures(levels, np.random.default_rng(3)), *signatures)
    assert line_error(found, 0, 13.0, speed) < max(1 / fps, 0.04)
    assert found.speed == pytest.approx(speed, rel=0.003)
    assert found.query_start_s == pytest.approx(0.0, abs=0.05)
    assert found.query_end_s == pytest.approx(20.0, abs=0.1)


CHANGES = {
    "none": lambda levels: levels,
    "darker, less contrast": lambda levels: levels * 0.6 - 5,
    "overlay": lambda levels: levels + np.random.default_rng(4).normal(0, 4, levels.shape[1]),
    "other framing": lambda levels: (
        levels @ np.linalg.qr(np.random.default_rng(5).normal(size=(128, 128)))[0]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_ends_to_the_frame_inside_other_footage(reference, signatures, change):
    pieces = [(0, 6, None, 1), (6, 20.04, 21.0, 1), (20.04, 28, None, 1)]
    times, levels = show(reference, pieces, change=CHANGES[change])
    ours = as_signatures(levels, np.random.default_rng(6))
    for start, end in ((7.1, 18.9), (5.3, 20.6), (6.0, 20.0)):
        found = refine(alignment(start, end, 21.0 + start - 6 + 0.2), times, ours, *signatures)
        assert line_error(found, 6, 21.0) < 0.04
        assert found.query_start_s == pytest.approx(6.0, abs=0.09)
        assert found.query_end_s == pytest.approx(20.04, abs=0.2 if change == "other framing" else 0.09)


def test_mirrored_pictures(reference, signatures):
    pieces = [(0, 5, None, 1), (5, 15, 30.0, 1), (15, 20, None, 1)]
    times, levels = show(reference, pieces, change=lambda levels: levels * MIRROR)
    found = refine(
        alignment(6.0, 14.0, 30.9, mirrored=True),
        times,
        as_signatures(levels, np.random.default_rng(7)),
        *signatures,
    )
    assert (found.query_start_s, found.query_end_s) == (
        pytest.approx(5, abs=0.09),
        pytest.approx(15, abs=0.09),
    )


def test_neighbours_meet_at_the_cut_between_them(reference, signatures):
    pieces = [(0, 10, 5.0, 1), (10, 22, 40.0, 1)]
    times, levels = show(reference, pieces)
    ours = as_signatures(levels, np.random.default_rng(8))
    guesses = [alignment(0, 11.2, 5.1), alignment(11.2, 22, 41.1)]
    before, after = refine_all(guesses, times, ours, *signatures)
    assert before.query_end_s == pytest.approx(10.0, abs=0.05)
    assert after.query_start_s == pytest.approx(10.0, abs=0.05)
    assert before.query_end_s <= after.query_start_s + 1e-9


def test_a_still_picture_is_left_as_it_is(signatures):
    times = np.arange(0, 10, 0.04)
    still = np.tile(signatures[1][100], (len(times), 1))
    guess = alignment(1.0, 9.0, 3.0)
    found = refine(guess, times, still, times, still)
    assert found.speed == 1.0 and line_error(found, 1.0, 3.0) < 0.8


def test_too_little_to_tell(signatures):
    none = np.zeros(0), np.zeros((0, 128), np.int16)
    guess = alignment(0.0, 5.0, 3.0)
    assert refine(guess, *none, *signatures) == guess
    assert refine(guess, *signatures, *none) == guess
    sound = alignment(0.0, 5.0, 3.0, modality="sound")
    assert refine(sound, *signatures, *signatures) == sound
    assert refine_all((), *signatures, *signatures) == ()
    one = signatures[0][:1], signatures[1][:1]
    assert refine(guess, *one, *one) == guess


def test_arrays_must_belong_together(signatures):
    times, codes = signatures
    with pytest.raises(ValueError, match="as many times"):
        refine(alignment(0, 5, 3), times[:-1], codes, times, codes)
    with pytest.raises(ValueError, match="ascend"):
        refine(alignment(0, 5, 3), times[::-1], codes, times, codes)


def test_odd_times(reference, signatures):
    rng = np.random.default_rng(9)
    times, levels = show(reference, [(0, 16, 20.0, 1)], fps=50.0)
    kept = np.sort(rng.choice(len(times), len(times) // 2, replace=False))
    ours = as_signatures(levels[kept], rng)
    found = refine(alignment(0.0, 16.0, 20.4), times[kept], ours, *signatures)
    assert line_error(found, 0, 20.0) < 0.05

"""The frames of a query, against all of them at once."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tests.features.test_frame_hashes import block, textured
from vidforensics.features.picture_code import codes_of
from vidforensics.features.query_frames import CHUNK_FRAMES, QueryFrameAccumulator

WIDE = textured(5, 120, 400)


def pan(count):
    return np.stack([WIDE[10:100, i : i + 160] for i in range(count)])


def taken(luma, times, sizes=(7,)):
    accumulator = QueryFrameAccumulator(io.BytesIO())
    at = 0
    while at < len(luma):
        size = sizes[at % len(sizes)]
        accumulator.update(block(luma[at : at + size], times=tuple(times[at : at + size])))
        at += size
    return accumulator.finish()


def test_one_frame_per_quarter_second_is_kept_whatever_the_blocks():
    luma, times = pan(120), np.arange(120) / 25
    few, many = taken(luma, times), taken(luma, times, (1, 30))
    assert np.diff(few.times_s).min() >= 0.25 - 1e-3
    assert few.times_s.tolist() == many.times_s.tolist()
    kept = np.searchsorted(times, few.times_s - 1e-9)
    assert np.array_equal(few.luma(np.arange(len(kept))), luma[kept])


def test_codes_of_the_whole_picture_are_those_of_its_frames():
    luma, times = pan(CHUNK_FRAMES + 10), np.arange(CHUNK_FRAMES + 10) / 2
    frames = taken(luma, times)
    whole = next(i for i, v in enumerate(frames.views.views) if v.box == (0, 0, 1, 1) and not v.mirrored)
    rows = frames.views.view == whole
    order = np.argsort(frames.views.times_s[rows], kind="stable")
    assert np.array_equal(frames.views.codes[rows][order], codes_of(luma)[0])


def test_the_nearest_frame_is_that_of_brute_force():
    rng = np.random.default_rng(2)
    times = np.array([0.0, 1.0, 3.0, 2.0, 7.0])  # timestamps may jump back
    frames = taken(pan(5), times)
    wanted = rng.uniform(-1, 9, 50)
    found = frames.nearest(wanted)
    best = np.abs(wanted[:, None] - times).min(axis=1)
    assert np.abs(wanted - frames.times_s[found]) == pytest.approx(best)


def test_a_clip_without_pictures_has_no_frames():
    frames = QueryFrameAccumulator(io.BytesIO()).finish()
    assert len(frames.times_s) == len(frames.views.codes) == 0
    with pytest.raises(ValueError, match="without frames"):
        frames.nearest(np.array([1.0]))


def test_one_frame_is_nearest_to_everything():
    frames = taken(pan(1), np.array([0.4]))
    assert frames.nearest(np.array([-1.0, 0.4, 9.0])).tolist() == [0, 0, 0]

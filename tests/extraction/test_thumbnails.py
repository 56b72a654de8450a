"""Thumbnails: few, even, small, and flat in memory."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extraction.clips import blocks_of, texture
from vidforensics.extraction.thumbnails import ThumbnailAccumulator
from vidforensics.types import FrameBlock


def times_of(times_s: np.ndarray, limit: int) -> np.ndarray:
    accumulator = ThumbnailAccumulator(limit)
    for block in blocks_of(np.zeros((len(times_s), 18, 32), np.uint8), times_s=times_s):
        accumulator.update(block)
        assert len(accumulator._kept) <= limit
    return np.array([thumbnail.time_s for thumbnail in accumulator.finish()])


def test_short_clip_keeps_every_frame() -> None:
    np.testing.assert_array_equal(times_of(np.arange(20) / 25, 120), np.arange(20) / 25)


@pytest.mark.parametrize("count", [121, 500, 3000])
def test_long_clip_is_thinned_evenly(count: int) -> None:
    kept = times_of(np.arange(count) / 25, 120)
    assert 50 <= len(kept) <= 120 and kept[0] == 0.0
    assert np.diff(kept).max() <= 2.1 * np.diff(kept).min() + 1e-9
    assert count / 25 - kept[-1] <= 2.1 * np.diff(kept).max()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.001, 30.0), min_size=1, max_size=200))
def test_any_frame_rate_gives_bounded_ordered_thumbnails(steps: list[float]) -> None:
    kept = times_of(np.cumsum(steps), 16)
    assert 1 <= len(kept) <= 16 and np.all(np.diff(kept) > 0.0)


def test_standing_and_backward_times() -> None:
    assert 1 <= len(times_of(np.zeros(300), 20)) <= 20
    kept = times_of(np.concatenate([np.arange(100) / 25, np.arange(100) / 25]), 20)
    assert np.all(np.diff(kept) >= 0.0) and len(kept) <= 20


def test_pictures_are_small_and_coloured() -> None:
    picture = cv2.cvtColor(texture(320, 180), cv2.COLOR_BGR2YCrCb)
    luma = picture[np.newaxis, ..., 0]
    small = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA)
    chroma = np.stack([small[..., 2], small[..., 1]])[np.newaxis]
    accumulator = ThumbnailAccumulator()
    accumulator.update(FrameBlock(0, np.zeros(1), np.ascontiguousarray(luma), chroma, ()))
    (thumbnail,) = accumulator.finish()
    decoded = cv2.imdecode(np.frombuffer(thumbnail.jpeg, np.uint8), cv2.IMREAD_COLOR)
    expected = cv2.resize(texture(320, 180), (160, 90), interpolation=cv2.INTER_AREA)
    assert decoded.shape == (90, 160, 3) and len(thumbnail.jpeg) < 20_000
    assert np.abs(decoded.astype(int) - expected).mean() < 13.0


def test_no_frames() -> None:
    assert ThumbnailAccumulator().finish() == ()

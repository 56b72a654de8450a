"""Views of a query: the picture that was put into another one is among them, mirrored or not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.test_picture_code import distance, textured
from vidforensics.features.picture_code import codes_of
from vidforensics.features.query_views import query_views
from vidforensics.features.query_views_boxes import boxes_of
from vidforensics.types import QueryViews, View

FRAMES = 8


def panned(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    """Frames of a camera that pans over a texture."""
    wide = textured(seed, height, width + 8 * FRAMES)
    return np.stack([wide[:, 8 * i : 8 * i + width] for i in range(FRAMES)])


def scaled(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames])


def letterboxed(frames: np.ndarray) -> np.ndarray:
    return np.pad(frames, ((0, 0), (30, 30), (0, 0)))


def pillarboxed(frames: np.ndarray) -> np.ndarray:
    return np.pad(frames, ((0, 0), (0, 0), (70, 70)))


def inset(frames: np.ndarray) -> np.ndarray:
    host = panned(99).copy()
    host[:, 60:150, 100:260] = scaled(frames, 160, 90)
    return host


def blurred_sides(frames: np.ndarray) -> np.ndarray:
    canvas = np.stack([cv2.GaussianBlur(f, (0, 0), 9) for f in scaled(frames, 480, 270)])[
        :, :, 150:330
    ].copy()
    canvas[:, 84:185] = scaled(frames, 180, 101)
    return canvas


def nearest(views: QueryViews, frame: np.ndarray, index: int) -> tuple[int, View]:
    """The view whose code of a frame is nearest to that of a picture."""
    code = codes_of(frame[np.newaxis])[0][0]
    rows = np.flatnonzero(views.times_s == index / 4)
    apart = [distance(code, views.codes[row]) for row in rows]
    return min(apart), views.views[views.view[rows[int(np.argmin(apart))]]]


@pytest.mark.parametrize("edit", [letterboxed, pillarboxed, inset, blurred_sides])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_picture_inside_is_found(edit, mirrored) -> None:
    frames = panned(3)
    made = edit(frames)
    if mirrored:
        made = np.ascontiguousarray(made[:, :, ::-1])
    views = query_views(made, np.arange(FRAMES) / 4)
    apart, view = nearest(views, frames[4], 4)
    assert apart <= 40 and view.mirrored == mirrored and view.box != (0.0, 0.0, 1.0, 1.0)


def test_a_plain_picture_keeps_its_code_as_first_view() -> None:
    frames = panned(5)
    views = query_views(frames, np.arange(FRAMES) / 4)
    assert views.views[:2] == (View((0.0, 0.0, 1.0, 1.0), False), View((0.0, 0.0, 1.0, 1.0), True))
    np.testing.assert_array_equal(views.codes[views.view == 0], codes_of(frames)[0])
    np.testing.assert_array_equal(views.times_s[views.view == 0], np.arange(FRAMES) / 4)


def test_the_layout_may_change_over_time() -> None:
    plain = np.pad(panned(6), ((0, 0), (30, 30), (0, 0)), mode="reflect")
    made = np.concatenate([plain, letterboxed(panned(6))])
    views = query_views(made, np.concatenate([np.arange(FRAMES) / 4, 30 + np.arange(FRAMES) / 4]))
    boxed = [i for i, view in enumerate(views.views) if abs(view.box[1] - 30 / 240) < 0.03]
    assert any((views.times_s[views.view == i] >= 30).sum() == FRAMES for i in boxed)


def test_nothing_gives_no_rows() -> None:
    views = query_views(np.zeros((0, 180, 320), np.uint8), np.zeros(0))
    assert len(views.views) == 1 and views.codes.shape == (0, 32) and len(views.view) == 0
    assert boxes_of(np.zeros((0, 180, 320), np.uint8)) == ()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 4), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_boxes_lie_inside_whatever_the_picture(height: int, width: int, count: int, seed: int) -> None:
    luma = np.random.default_rng(seed).integers(0, 256, (count, height, width), np.uint8)
    luma[:, : height // 2] = 0
    boxes = boxes_of(luma)
    assert len(boxes) <= 3
    for x, y, wide, high in boxes:
        assert x >= 0 and y >= 0 and wide > 0 and high > 0 and x + wide <= 1.0001 and y + high <= 1.0001
    views = query_views(luma, np.zeros(count))
    assert np.bincount(views.view).max() <= count and len(views.views) <= 10

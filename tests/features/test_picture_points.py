"""Local points: stable under what re-uploads do, absent where a picture shows nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vidforensics.features.picture_points import (
    DESCRIPTOR_BYTES,
    QUERY_POINTS,
    STORED_POINTS,
    points_of,
    query_points_of,
)


def scene(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    """Random blobs of several sizes on a soft ground."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width), 110.0)
    rows, columns = np.mgrid[:height, :width]
    for _ in range(70):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(3, 14)
        picture += rng.uniform(-60, 60) * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_shapes_and_repeatable():
    points, codes = points_of(scene(1))
    assert points.shape == (STORED_POINTS, 4) and codes.shape == (STORED_POINTS, DESCRIPTOR_BYTES)
    assert points.dtype == codes.dtype == np.uint8
    assert (points[:, 2] > 0).all()
    again = points_of(scene(1))
    assert np.array_equal(points, again[0]) and np.array_equal(codes, again[1])
    assert query_points_of(scene(1))[0].shape == (QUERY_POINTS, 4)


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_flat_pictures_have_no_points(level):
    rng = np.random.default_rng(2)
    noisy = np.clip(level + rng.normal(0, 2, (180, 320)), 0, 255).astype(np.uint8)
    for picture in (np.full((180, 320), level, np.uint8), noisy):
        points, codes = points_of(picture)
        assert not points.any() and not codes.any()
        assert not query_points_of(picture)[0].any()


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (15, 15), (31, 40)])
def test_too_small_planes_give_unused_rows(size):
    points, codes = points_of(np.zeros(size, np.uint8), 5)
    assert points.shape == (5, 4) and not points.any() and not codes.any()


def test_points_lie_on_what_is_drawn():
    picture = np.full((180, 320), 90, np.uint8)
    cv2.circle(picture, (240, 45), 12, 220, -1)
    points, _ = points_of(picture)
    used = points[points[:, 2] > 0]
    assert len(used)
    assert np.abs(used[0, :2] / 255 - (240.5 / 320, 45.5 / 180)).max() < 0.02


def test_most_points_are_found_again_in_a_darker_smaller_copy():
    picture = scene(3)
    small = cv2.resize(picture, (240, 136), interpolation=cv2.INTER_AREA)
    copy = cv2.resize((small * 0.7).astype(np.uint8), (320, 180))
    points, codes = points_of(picture)
    others, other_codes = query_points_of(copy)
    apart = np.unpackbits(codes[:, None] ^ other_codes[None], axis=2).sum(axis=2)
    nearest = apart.argmin(axis=1)
    off = np.abs(points[:, :2].astype(int) - others[nearest, :2].astype(int)).max(axis=1)
    assert (off <= 3).mean() >= 0.7


def test_no_cell_takes_all_points():
    picture = scene(4)
    rng = np.random.default_rng(4)
    picture[:60, :80] = np.kron(rng.integers(0, 2, (6, 8)), np.ones((10, 10))).astype(np.uint8) * 255
    points, _ = points_of(picture)
    assert ((points[:, 0] < 80) & (points[:, 1] < 85)).sum() <= 8

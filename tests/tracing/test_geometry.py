"""Placing a reference frame in a query frame from stored points alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.tracing.geometry import ACCEPTED, bits_apart, places_of, relate_points

ASPECT = 16 / 9


def reference(seed: int, count: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 256, (count, 4)).astype(np.uint8)
    points[:, 2] = rng.integers(60, 140, count)
    return points, rng.integers(0, 256, (count, 8)).astype(np.uint8)


def seen(points, codes, scale, x, y, query_aspect, seed, noise_bits=3, others=100):
    """The points as a query shows them that puts the reference at `scale` and (x, y), √area as the unit."""
    rng = np.random.default_rng(seed)
    places = places_of(points, ASPECT) * scale + complex(x, y)
    side = np.sqrt(query_aspect)
    across, down = places.real / side * 255, places.imag * side * 255
    inside = (across >= 0) & (across <= 255) & (down >= 0) & (down <= 255)
    shown = points[inside].copy()
    shown[:, 0], shown[:, 1] = np.rint(across[inside]), np.rint(down[inside])
    shown[:, 2] = np.clip(points[inside, 2] + 24 * np.log2(scale), 1, 255)
    flips = np.zeros((inside.sum(), 64), np.uint8)
    for row in flips:
        row[rng.choice(64, noise_bits, replace=False)] = 1
    more, more_codes = reference(seed + 1000, others)
    return np.vstack((shown, more)), np.vstack((codes[inside] ^ np.packbits(flips, axis=1), more_codes))


@given(
    st.integers(0, 1000),
    st.floats(0.5, 1.4),
    st.floats(-0.15, 0.25),
    st.floats(-0.1, 0.2),
    st.sampled_from([ASPECT, 1.0, 9 / 16]),
)
@settings(max_examples=40, deadline=None)
def test_finds_the_placement(seed, scale, x, y, query_aspect):
    points, codes = reference(seed)
    found, found_codes = seen(points, codes, scale, x, y, query_aspect, seed)
    if len(found) - 100 < 10:
        return
    fit = relate_points(found, found_codes, points, codes, query_aspect, ASPECT)
    assert fit is not None and fit.confidence > ACCEPTED
    assert fit.scale == pytest.approx(scale, rel=0.03)
    assert abs(fit.turn_deg) < 2
    side, own = np.sqrt(query_aspect), np.sqrt(ASPECT)
    expected = (scale * own / side, 0, x / side, 0, scale * side / own, y * side)
    assert np.allclose(fit.matrix, expected, atol=0.04)
    assert fit.inliers >= 0.8 * (len(found) - 100)


def test_mirrored_leads_to_the_query_as_it_is():
    points, codes = reference(5)
    fit = relate_points(points, codes, points, codes, ASPECT, ASPECT, mirrored=True)
    assert fit is not None
    assert np.allclose(fit.matrix, (-1, 0, 1, 0, 1, 0), atol=0.01)


def test_strangers_stay_below_the_threshold():
    for seed in range(60):
        fit = relate_points(*reference(seed, 150), *reference(seed + 5000), ASPECT, ASPECT)
        assert fit is None or fit.confidence < ACCEPTED


def test_a_shared_corner_alone_is_not_a_copy():
    points, codes = reference(8)
    points[:8, 0], points[:8, 1] = np.arange(8) * 7, np.arange(8)[::-1] * 9
    other, other_codes = reference(9, 150)
    other[:8], other_codes[:8] = points[:8], codes[:8]
    fit = relate_points(other, other_codes, points, codes, ASPECT, ASPECT)
    assert fit is not None and fit.inliers >= 8 and fit.confidence < ACCEPTED


def test_unused_rows_say_nothing():
    empty = np.zeros((24, 4), np.uint8), np.zeros((24, 8), np.uint8)
    assert relate_points(*empty, *empty, ASPECT, ASPECT) is None
    assert relate_points(*reference(1), *empty, ASPECT, ASPECT) is None
    none = np.zeros((0, 4), np.uint8), np.zeros((0, 8), np.uint8)
    assert relate_points(*none, *reference(1), ASPECT, ASPECT) is None


def test_points_in_one_place_give_no_placement():
    points, codes = reference(3)
    points[:, :2] = 100
    assert relate_points(points, codes, points, codes, ASPECT, ASPECT) is None


def test_bits_apart_equals_counting():
    rng = np.random.default_rng(0)
    first, second = (
        rng.integers(0, 256, (5, 8)).astype(np.uint8),
        rng.integers(0, 256, (7, 8)).astype(np.uint8),
    )
    counted = [
        [sum((int(a) ^ int(b)).bit_count() for a, b in zip(x, y, strict=True)) for y in second] for x in first
    ]
    assert bits_apart(first, second).tolist() == counted


def test_many_stored_points_on_one_query_point_do_not_shrink_the_picture():
    points, codes = reference(11)
    codes[:] = codes[0]
    other, other_codes = reference(12, 3)
    other[:, :2] = [[100, 100], [101, 101], [103, 100]]
    other[:, 2], points[:, 2] = 100, 140
    other_codes[:] = codes[0]
    fit = relate_points(other, other_codes, points, codes, ASPECT, ASPECT)
    assert fit is None or (fit.scale >= 0.2 and fit.confidence < ACCEPTED)

"""Interval algebra and coverage rows."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.flagging.coverage import assessed, intersect, not_assessed, subtract, tile, union

# Small integers make touching and nested spans likely, and a brute-force oracle over unit cells possible.
spans = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda p: (float(p[0]), float(p[1]))))
gaps = st.lists(
    st.tuples(st.integers(-5, 25), st.integers(-5, 25), st.sampled_from("abc")).map(
        lambda g: (float(g[0]), float(g[1]), g[2])
    ),
    max_size=6,
)


def cells(group):
    return {c for start, end in group for c in range(int(start), int(end))}


def is_normal(group):
    return all(a < b for a, b in group) and all(x[1] < y[0] for x, y in itertools.pairwise(group))


@given(spans, spans)
def test_algebra_equals_sets_of_cells(a, b):
    for operation, oracle in (
        (union, cells(a) | cells(b)),
        (intersect, cells(a) & cells(b)),
        (subtract, cells(a) - cells(b)),
    ):
        result = operation(a, b)
        assert is_normal(result)
        assert cells(result) == oracle


@given(spans, spans)
def test_subtract_and_intersect_put_a_together_again(a, b):
    assert union(subtract(a, b), intersect(a, b)) == union(a)


def test_nan_and_reversed_spans_count_as_nothing():
    assert union([(math.nan, 1.0), (2.0, 1.0), (0.0, math.nan)]) == ()


@given(gaps, st.integers(1, 20).map(float))
def test_rows_tile_the_clip_exactly(listed, duration):
    rows = tile("d", duration, listed)
    assert rows[0].start_s == 0.0
    assert rows[-1].end_s == duration
    assert all(x.end_s == y.start_s for x, y in itertools.pairwise(rows))
    assert all(x.start_s < x.end_s for x in rows)
    for row in rows:
        for cell in range(int(row.start_s), int(row.end_s)):
            first = next((r for s, e, r in listed if s <= cell < e), None)
            assert row.reason == first
            assert row.assessed == (first is None)


@given(gaps, st.integers(1, 20).map(float))
def test_neighbouring_rows_differ(listed, duration):
    rows = tile("d", duration, listed)
    assert all(x.reason != y.reason for x, y in itertools.pairwise(rows))


@pytest.mark.parametrize("duration", [0.0, -1.0, math.nan, math.inf])
def test_clip_of_no_length_keeps_its_answer_in_one_empty_row(duration):
    (row,) = assessed("d", duration)
    assert (row.start_s, row.end_s, row.assessed, row.reason) == (0.0, 0.0, True, None)
    (row,) = not_assessed("d", duration, "no picture")
    assert (row.start_s, row.end_s, row.assessed, row.reason) == (0.0, 0.0, False, "no picture")
    (row,) = tile("d", duration, [(0.0, 0.0, "no picture")])
    assert not row.assessed


def test_whole_clip():
    assert [(r.start_s, r.end_s, r.assessed) for r in assessed("d", 3.5)] == [(0.0, 3.5, True)]
    assert [(r.start_s, r.end_s, r.reason) for r in not_assessed("d", 3.5, "why")] == [(0.0, 3.5, "why")]


def test_gap_behind_the_end_leaves_no_row():
    rows = tile("d", 10.0, [(12.0, 15.0, "gone"), (-3.0, -1.0, "gone")])
    assert [(row.start_s, row.end_s, row.assessed) for row in rows] == [(0.0, 10.0, True)]

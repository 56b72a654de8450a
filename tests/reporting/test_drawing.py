"""Binning against brute force, and the small pieces of the drawing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.reporting.make_case import bare_case, jpeg, make_case, packets, picture
from vidforensics.reporting.binning import (
    column_of,
    merge_spans,
    reduce_packets,
    reduce_series,
    spread,
    timeline_end,
)
from vidforensics.reporting.drawing import at, grey_png, line_path, tag, tick_times
from vidforensics.reporting.pictures import jpeg_size, nearest_index
from vidforensics.reporting.timeline import frame_steps

values = hnp.arrays(np.float64, 60, elements=st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))))


@given(values)
def test_binned_extremes_match_brute_force(samples):
    times = np.linspace(0, 9.99, 60)
    series = reduce_series(times, samples, 10.0, columns=7)
    column = column_of(times, 10.0, 7)
    for i, c in enumerate(np.unique(column)):
        held = samples[column == c]
        held = held[np.isfinite(held)]
        if len(held):
            assert (series.least[i], series.greatest[i]) == (held.min(), held.max())
        else:
            assert np.isnan(series.greatest[i])


def test_short_and_empty_series_pass_unchanged():
    times = np.array([0.0, 0.5, np.nan, 1.0])
    series = reduce_series(times, np.array([1.0, np.nan, 2.0, 3.0]), 1.0)
    assert not series.binned
    np.testing.assert_array_equal(series.greatest, [1.0, np.nan, 3.0])
    assert len(reduce_series(np.zeros(0), np.zeros(0), 1.0).times_s) == 0


def test_binned_packets_keep_the_largest_of_each_type():
    table = packets(200.0)
    bars = reduce_packets(table, 200.0, columns=100)
    assert bars.binned
    assert bars.sizes_bytes.shape == (4, 100)
    for row, kind in enumerate("IPB"):
        assert bars.sizes_bytes[row].max() == table.size_bytes[table.frame_type == kind].max()


def test_packets_without_any_time_are_left_out():
    bars = reduce_packets(bare_case().bitstream.packets, 1.0)
    assert bars.sizes_bytes.shape == (4, 0)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=40))
def test_merged_spans_cover_the_same_moments(raw):
    spans = [(min(a, b), max(a, b)) for a, b in raw]
    merged = merge_spans(spans, 100.0, columns=50)
    assert len(merged) <= 51
    assert all(any(s <= a and b <= e for s, e in merged) for a, b in spans)
    assert all(b[0] - a[1] > 2.0 for a, b in pairwise(merged))


@given(st.integers(0, 500), st.integers(2, 50))
def test_spread_keeps_first_and_last(count, limit):
    kept = spread(count, limit)
    assert len(kept) == len(set(kept)) == min(count, limit)
    assert not kept or (kept[0], kept[-1]) == (0, count - 1)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=30), st.floats(-5, 60))
def test_nearest_index_matches_brute_force(times, wanted):
    times.sort()
    found = times[nearest_index(times, wanted)]
    assert abs(found - wanted) == min(abs(t - wanted) for t in times)


def test_absurd_declared_duration_does_not_stretch_the_axis():
    case = make_case(40.0)
    absurd = replace(case, clip=replace(case.clip, duration_s=1e12))
    assert timeline_end(absurd) == pytest.approx(40.0)
    truncated = replace(case, clip=replace(case.clip, duration_s=600.0))
    assert timeline_end(truncated) == 600.0
    assert timeline_end(bare_case()) > 0


def test_markup_is_escaped():
    assert str(tag("text", "<b>&", class_='a"b', x=None)) == '<text class="a&#34;b">&lt;b&gt;&amp;</text>'


def test_positions_stay_on_the_axis():
    assert (at(-1, 4), at(1, 4), at(9, 4)) == ("0%", "25%", "100%")


def test_line_breaks_at_gaps():
    x = np.array([0.0, 1, 2, 3, 50])
    y = np.array([1.0, 1, np.nan, 1, 1])
    assert line_path(x, y, longest_step=10).count("M") == 3


def test_png_reads_back():
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    back = cv2.imdecode(np.frombuffer(grey_png(grey), np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(back, grey)


def test_jpeg_size_reads_the_frame_header():
    assert jpeg_size(jpeg(picture(1.0, 64, 36))) == (64, 36)
    for broken in (b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00" * 3, jpeg(picture(1.0))[:20]):
        assert jpeg_size(broken) is None


def test_ticks_are_few_and_round():
    for end in (0.04, 1.0, 42.0, 3600.0, 90_000.0, 1e7):
        assert 2 <= len(tick_times(end)) <= 10


def test_frame_steps_read_back_variable_rates():
    times = np.array([0.0234, 0.0567, 0.2, 0.21])
    steps = frame_steps(times)
    assert np.round(times[0], 5) + np.cumsum(steps["steps"]) / 1e5 == pytest.approx(times[1:], abs=2e-5)
    assert frame_steps(np.zeros(0))["count"] == 0


def test_few_far_samples_are_sparse_and_short_dense_tracks_are_not():
    few = np.array([0.0, 4.0, 8.0, 9.0])
    dense = np.arange(20) * 0.04
    assert reduce_series(few, few, 10.0).sparse
    assert not reduce_series(dense, dense, 10.0).sparse

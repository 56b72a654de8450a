"""Score track to segments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.flagging.binarise import BinariseOptions, binarise, runs_of
from vidforensics.types import ScoreTrack

NAN = float("nan")


def track(scores, step=1.0, threshold=0.5):
    scores = np.asarray(scores, dtype=np.float64)
    return ScoreTrack("d", "s", "", np.arange(len(scores)) * step, scores, threshold)


def test_empty_track_has_no_segment():
    assert binarise(track([])) == ()


def test_single_sample_is_an_instant():
    assert binarise(track([0.9])) == ((0.0, 0.0, 0.9),)


def test_segment_ends_where_the_next_sample_falls_below():
    assert binarise(track([0, 0.9, 0.7, 0, 0.6])) == ((1.0, 3.0, 0.9), (4.0, 5.0, 0.6))


def test_hysteresis_starts_at_onset_and_lasts_to_offset():
    options = BinariseOptions(onset=0.8, offset=0.3)
    assert binarise(track([0.4, 0.9, 0.4, 0.35, 0.1, 0.4]), options) == ((1.0, 4.0, 0.9),)


def test_offset_above_onset_counts_as_onset():
    assert binarise(track([0.6]), BinariseOptions(onset=0.5, offset=0.9)) == ((0.0, 0.0, 0.6),)


def test_short_gap_is_filled_before_short_runs_are_dropped():
    options = BinariseOptions(min_on_s=3.0, min_off_s=1.5)
    assert binarise(track([1, 0, 1, 0, 0, 1]), options) == ((0.0, 3.0, 1.0),)


def test_nan_breaks_a_segment_and_is_never_bridged():
    options = BinariseOptions(min_off_s=10.0)
    assert binarise(track([1, NAN, 1]), options) == ((0.0, 1.0, 1.0), (2.0, 3.0, 1.0))


def test_uneven_times_are_taken_as_they_are():
    uneven = ScoreTrack("d", "s", "", np.array([0.0, 0.1, 0.5]), np.array([0.0, 1.0, 0.0]), 0.5)
    assert binarise(uneven) == ((0.1, 0.5, 1.0),)


@pytest.mark.parametrize("mask", [[], [False], [True], [True, False, False, True, True]])
def test_runs_cover_exactly_the_true_samples(mask):
    mask = np.array(mask, dtype=bool)
    covered = np.zeros(len(mask), dtype=bool)
    for a, b in runs_of(mask):
        covered[a:b] = True
    assert (covered == mask).all()


values = st.one_of(st.floats(0, 1), st.just(NAN))


@given(st.lists(values, max_size=30), st.floats(0, 1), st.floats(0, 1), st.floats(0, 5), st.floats(0, 5))
def test_segments_are_ordered_apart_and_hold_an_onset(scores, onset, offset, on, off):
    result = binarise(track(scores), BinariseOptions(onset, offset, on, off))
    assert all(a < b and b - a >= on for a, b, _ in result) or len(scores) == 1
    assert all(x[1] < y[0] for x, y in itertools.pairwise(result))
    assert all(peak >= onset for _, _, peak in result)
    unknown = np.flatnonzero(np.isnan(np.asarray(scores, dtype=np.float64)))
    assert not any(a <= t < b for a, b, _ in result for t in unknown)

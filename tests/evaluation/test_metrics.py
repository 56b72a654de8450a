"""Metrics against tiny cases worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.evaluation.metrics import (
    false_pairs,
    micro_average_precision,
    quantiles,
    recall_at_zero_false_positives,
    recall_listed,
)
from vidforensics.evaluation.metrics_segments import (
    edge_errors,
    macro_figures,
    matching_average_precision,
    micro_figures,
    pair_figures,
    union_length,
)

TRUTH = {"a": "A", "b": "B", "c": "C"}


def test_zero_false_positives_needs_scores_above_every_wrong_pair():
    scores = {("a", "A"): 0.9, ("b", "B"): 0.5, ("b", "A"): 0.5, ("n", "C"): 0.2}
    zero = recall_at_zero_false_positives(scores, TRUTH)
    assert zero.threshold == 0.5
    assert zero.found == {"a"}  # b ties with a wrong pair, c was not listed
    assert zero.recall == pytest.approx(1 / 3)
    assert recall_listed(scores, TRUTH) == {"a", "b"}
    assert false_pairs(scores, TRUTH) == [(("b", "A"), 0.5), (("n", "C"), 0.2)]


def test_zero_false_positives_without_any_wrong_pair():
    zero = recall_at_zero_false_positives({("a", "A"): 0.1}, TRUTH)
    assert (zero.threshold, zero.recall) == (None, pytest.approx(1 / 3))
    assert recall_at_zero_false_positives({}, {}).recall is None


def test_micro_average_precision_by_hand():
    scores = {("a", "A"): 0.9, ("n", "A"): 0.8, ("b", "B"): 0.7}
    assert micro_average_precision(scores, TRUTH) == pytest.approx((1 / 1 + 2 / 3) / 3)
    tied = {("a", "A"): 0.5, ("n", "A"): 0.5}
    assert micro_average_precision(tied, {"a": "A"}) == pytest.approx(0.5)
    assert micro_average_precision({}, TRUTH) == 0.0
    assert micro_average_precision(scores, {}) is None


def test_quantiles():
    assert quantiles([]) == (None, None)
    assert quantiles([3.0, 1.0, 2.0])[0] == 2.0


def test_union_length_counts_overlap_once():
    assert union_length([]) == 0
    assert union_length([(0, 2), (1, 3), (5, 6)]) == 4


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda s: (min(s), max(s)))))
def test_union_length_equals_counting_seconds(spans):
    assert union_length(spans) == len({second for a, b in spans for second in range(a, b)})


def test_pair_figures_multiply_the_axes():
    # The query axis is covered 4 of 10 seconds, the reference axis 5 of 10; all that was found is true.
    figures = pair_figures([(0, 0, 4, 5)], [(0, 0, 10, 10)])
    assert figures.precision == pytest.approx(1.0, abs=1e-6)
    assert figures.precision < 1  # only an empty rule gives exactly 1
    assert figures.recall == pytest.approx(0.4 * 0.5, abs=1e-6)


def test_pair_figures_count_only_boxes_that_meet():
    # The second box lies on the right query seconds of the wrong reference seconds.
    figures = pair_figures([(0, 0, 5, 5), (5, 50, 10, 55)], [(0, 0, 10, 10)])
    assert figures.precision == pytest.approx(0.5 * 0.5, abs=1e-6)
    assert figures.recall == pytest.approx(0.5 * 0.5, abs=1e-6)


def test_overlapping_predictions_cost_precision_not_recall():
    figures = pair_figures([(0, 0, 10, 10), (0, 0, 10, 10)], [(0, 0, 10, 10)])
    assert figures.precision == pytest.approx(1, abs=1e-6)
    assert figures.recall == pytest.approx(1, abs=1e-6)
    spread = pair_figures([(0, 0, 10, 10), (10, 10, 20, 20)], [(0, 0, 10, 10)])
    assert spread.precision == pytest.approx(0.25, abs=1e-6)


def test_empty_rules():
    box = (0.0, 0.0, 1.0, 1.0)
    assert (pair_figures([box], []).precision, pair_figures([box], []).recall) == (0, 1)
    assert (pair_figures([], [box]).precision, pair_figures([], [box]).recall) == (1, 0)
    assert (pair_figures([], []).precision, pair_figures([], []).recall) == (1, 1)


def test_micro_leaves_out_what_is_1_by_rule_and_macro_does_not():
    half = [(0.0, 0.0, 5.0, 5.0)]
    whole = [(0.0, 0.0, 10.0, 10.0)]
    pairs = {
        ("a", "A"): pair_figures(half, whole),  # P ~1, R 0.25
        ("b", "B"): pair_figures([], whole),  # P 1 by rule, R 0
        ("n", "A"): pair_figures(half, []),  # P 0, R 1 by rule
    }
    micro = micro_figures(pairs)
    assert micro.precision == pytest.approx(0.5, abs=1e-6)
    assert micro.recall == pytest.approx(0.125, abs=1e-6)
    assert micro.f1 == pytest.approx(2 * 0.5 * 0.125 / 0.625, abs=1e-6)
    macro = macro_figures(pairs)
    assert macro.precision == pytest.approx(2 / 3, abs=1e-6)
    assert macro.recall == pytest.approx(1.25 / 3, abs=1e-6)
    assert micro_figures({}).f1 is None


def test_macro_averages_pairs_of_one_query_first():
    whole = [(0.0, 0.0, 10.0, 10.0)]
    pairs = {
        ("a", "A"): pair_figures(whole, whole),
        ("a", "B"): pair_figures(whole, []),
        ("b", "B"): pair_figures(whole, whole),
    }
    assert macro_figures(pairs).precision == pytest.approx((0.5 + 1) / 2, abs=1e-6)


def test_matching_average_precision_by_hand():
    true = [(("a", "A"), (0.0, 0.0, 10.0, 10.0)), (("b", "B"), (0.0, 0.0, 10.0, 10.0))]
    perfect = [(pair, box, 1.0) for pair, box in true]
    assert matching_average_precision(perfect, true) == pytest.approx(1.0)
    # First: right, half of all seconds. Second: as long, wrong. Third: right, reaches everything.
    mixed = [
        (("a", "A"), (0.0, 0.0, 10.0, 10.0), 0.9),
        (("a", "B"), (0.0, 0.0, 10.0, 10.0), 0.8),
        (("b", "B"), (0.0, 0.0, 10.0, 10.0), 0.7),
    ]
    assert matching_average_precision(mixed, true) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert matching_average_precision([], true) == 0.0
    assert matching_average_precision(mixed, []) is None


def test_matching_takes_the_root_over_the_axes():
    true = [(("a", "A"), (0.0, 0.0, 10.0, 10.0))]
    found = [(("a", "A"), (0.0, 0.0, 5.0, 20.0), 1.0)]  # covers 5 of 10 and 10 of 10; is 5 and 20 long
    expected = (0.5 * 1.0) ** 0.5 * (1.0 * 0.5) ** 0.5
    assert matching_average_precision(found, true) == pytest.approx(expected)


def test_matching_ignores_truth_that_no_prediction_meets():
    # On the query axis the two true boxes are the same seconds; only the first is met.
    true = [(("a", "A"), (0.0, 0.0, 10.0, 10.0)), (("a", "A"), (0.0, 20.0, 10.0, 30.0))]
    found = [(("a", "A"), (0.0, 0.0, 10.0, 10.0), 1.0)]
    assert matching_average_precision(found, true) == pytest.approx((1.0 * 0.5) ** 0.5)


def test_edge_errors():
    true = (2.0, 12.0, 8.0, 18.0)
    errors = edge_errors([(2.5, 12.6, 5.0, 15.1), (5.0, 15.0, 8.25, 18.25)], true)
    assert errors is not None
    assert (errors.start_s, errors.end_s) == (0.5, 0.25)
    assert errors.aligned_s == pytest.approx(0.0)
    slid = edge_errors([(2.0, 12.3, 8.0, 18.3)], true)
    assert slid is not None
    assert slid.aligned_s == pytest.approx(0.3)
    assert edge_errors([(9.0, 19.0, 10.0, 20.0)], true) is None
    assert edge_errors([], true) is None

"""Which stretches were found: VCSL's precision and recall, VSC's matching AP, and errors at the edges.

A box is (query start, reference start, query end, reference end) in seconds. VCSL multiplies the two axes,
VSC takes the root of their product: figures of the one say nothing about the other.
Source: He et al., "A Large-scale Comprehensive Dataset and Copy-overlap Aware Evaluation Protocol for
Segment-level Video Copy Detection", CVPR 2022; VSC2022, matching track.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import sqrt

from vidforensics.evaluation.metrics import Pair

Box = tuple[float, float, float, float]
Span = tuple[float, float]
_AXES = (0, 1)
_GUARD_S = 1e-6  # VCSL's: keeps every computed value below 1, so that 1 always means "by rule"


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Precision and recall of one pair of videos; exactly 1 where there was nothing to compute them from."""

    precision: float
    recall: float


def union_length(spans: Iterable[Span]) -> float:
    """Seconds covered by any of the spans; 0 for none."""
    total, reach = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reach))
        reach = max(reach, end)
    return total


def _span(box: Box, axis: int) -> Span:
    return box[axis], box[axis + 2]


def _common(first: Box, second: Box) -> Box | None:
    """The rectangle shared by two boxes, None where it has no area."""
    left, top = max(first[0], second[0]), max(first[1], second[1])
    right, bottom = min(first[2], second[2]), min(first[3], second[3])
    return (left, top, right, bottom) if right > left and bottom > top else None


def _share(boxes: Sequence[Box], others: Sequence[Box]) -> float:
    """How much of `boxes` the others cover, on one axis times on the other."""
    product = 1.0
    for axis in _AXES:
        covered = sum(
            union_length(_span(c, axis) for other in others if (c := _common(box, other)) is not None)
            for box in boxes
        )
        product *= covered / (sum(b[axis + 2] - b[axis] for b in boxes) + _GUARD_S)
    return product


def pair_figures(found: Sequence[Box], true: Sequence[Box]) -> PairFigures:
    """Segment precision and recall of one pair (VCSL).

    Args:
        found: boxes that were reported.
        true: boxes that are there.

    Returns:
        Found but none there: 0 and 1. There but none found: 1 and 0. Neither: 1 and 1.
    """
    if not found or not true:
        return PairFigures(0.0 if found else 1.0, 0.0 if true else 1.0)
    return PairFigures(_share(found, true), _share(true, found))


@dataclass(frozen=True, slots=True)
class SegmentFigures:
    """Overall precision, recall and their F1; None where no pair contributes."""

    precision: float | None
    recall: float | None
    f1: float | None


def _figures(precisions: Sequence[float], recalls: Sequence[float]) -> SegmentFigures:
    precision = sum(precisions) / len(precisions) if precisions else None
    recall = sum(recalls) / len(recalls) if recalls else None
    if precision is None or recall is None:
        return SegmentFigures(precision, recall, None)
    both = precision + recall
    return SegmentFigures(precision, recall, 2 * precision * recall / both if both else 0.0)


def micro_figures(pairs: Mapping[Pair, PairFigures]) -> SegmentFigures:
    """Means over pairs, leaving out values that are 1 by rule (VCSL)."""
    precisions = [one.precision for one in pairs.values() if one.precision != 1]
    return _figures(precisions, [one.recall for one in pairs.values() if one.recall != 1])


def macro_figures(pairs: Mapping[Pair, PairFigures]) -> SegmentFigures:
    """Means over queries of the means over each query's pairs (VCSL)."""
    by_query: dict[str, list[PairFigures]] = {}
    for (query, _), one in pairs.items():
        by_query.setdefault(query, []).append(one)
    precisions = [sum(o.precision for o in group) / len(group) for group in by_query.values()]
    return _figures(precisions, [sum(o.recall for o in group) / len(group) for group in by_query.values()])


@dataclass(slots=True)
class _PairState:
    """Boxes of one pair so far, and what they cover on each axis."""

    true: list[Box] = field(default_factory=list)
    found: list[Box] = field(default_factory=list)
    covered: tuple[float, float] = (0.0, 0.0)
    length: tuple[float, float] = (0.0, 0.0)

    def measure(self) -> None:
        met = [t for t in self.true if any(_common(t, f) is not None for f in self.found)]
        lengths, overlaps = [], []
        for axis in _AXES:
            mine, theirs = [_span(b, axis) for b in self.found], [_span(b, axis) for b in met]
            lengths.append(union_length(mine))
            overlaps.append(lengths[-1] + union_length(theirs) - union_length(mine + theirs))
        self.length, self.covered = (lengths[0], lengths[1]), (overlaps[0], overlaps[1])


def matching_average_precision(
    found: Iterable[tuple[Pair, Box, float]], true: Iterable[tuple[Pair, Box]]
) -> float | None:
    """VSC matching AP: over predictions from sure to unsure, precision times the recall gained.

    Args:
        found: pair, box and score of every reported segment; equal scores count as one group.
        true: pair and box of every true segment.

    Returns:
        0–1, or None where there is no true segment.
    """
    states: dict[Pair, _PairState] = {}
    for pair, box in true:
        states.setdefault(pair, _PairState()).true.append(box)
    totals = [sum(union_length(_span(b, axis) for b in s.true) for s in states.values()) for axis in _AXES]
    if min(totals, default=0.0) <= 0:
        return None
    covered, length = [0.0, 0.0], [0.0, 0.0]
    recall = area = 0.0
    ranked = sorted(found, key=lambda item: -item[2])
    for _, group in groupby(ranked, key=lambda item: item[2]):
        for pair, box, _ in group:
            _extend(states.setdefault(pair, _PairState()), box, covered, length)
        if min(length) <= 0:
            continue
        reached = sqrt(covered[0] / totals[0] * covered[1] / totals[1])
        area += sqrt(covered[0] / length[0] * covered[1] / length[1]) * (reached - recall)
        recall = reached
    return area


def _extend(state: _PairState, box: Box, covered: list[float], length: list[float]) -> None:
    """Add one prediction to its pair and to the running sums."""
    before, reach = state.covered, state.length
    state.found.append(box)
    state.measure()
    for axis in _AXES:
        covered[axis] += state.covered[axis] - before[axis]
        length[axis] += state.length[axis] - reach[axis]


@dataclass(frozen=True, slots=True)
class EdgeErrors:
    """Errors of one true segment that was found, in seconds.

    start_s, end_s: distance of the first and last found moment of the query from the true ones. aligned_s:
    distance of the reported from the true reference time in the middle of the longest overlap.
    """

    start_s: float
    end_s: float
    aligned_s: float


def edge_errors(found: Sequence[Box], true: Box) -> EdgeErrors | None:
    """How far the found boxes are from a true one; None where none of them meets it on the query's axis."""
    meeting = [b for b in found if min(b[2], true[2]) > max(b[0], true[0])]
    if not meeting:
        return None
    longest = max(meeting, key=lambda b: min(b[2], true[2]) - max(b[0], true[0]))
    middle = (max(longest[0], true[0]) + min(longest[2], true[2])) / 2
    aligned = abs(_reference_at(longest, middle) - _reference_at(true, middle))
    start, end = min(b[0] for b in meeting), max(b[2] for b in meeting)
    return EdgeErrors(abs(start - true[0]), abs(end - true[2]), aligned)


def _reference_at(box: Box, query_s: float) -> float:
    length = box[2] - box[0]
    return box[1] + (box[3] - box[1]) * ((query_s - box[0]) / length if length > 0 else 0.0)

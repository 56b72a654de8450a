"""Which pairs of videos were found: recall without a false positive, and average precision over pairs.

Source: VSC2022, descriptor track (Pizzi et al., "The 2023 Video Similarity Dataset and Challenge", 2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

Pair = tuple[str, str]
"""Name of a query and name of a reference."""


@dataclass(frozen=True, slots=True)
class ZeroFalse:
    """Recall at the strictest use of a score.

    threshold: the highest score of a wrong pair, None where there was none; found: queries whose right pair
    scored above it; recall: their share, None for no query.
    """

    threshold: float | None
    found: frozenset[str]
    recall: float | None


def recall_at_zero_false_positives(scores: Mapping[Pair, float], truth: Mapping[str, str]) -> ZeroFalse:
    """Share of queries found by a threshold that lets no wrong pair through.

    Args:
        scores: of the pairs that were listed, higher is surer; a pair that is not there was not found.
        truth: the reference of every query that has one; every other listed pair is wrong.

    Returns:
        The operating point; a right pair must score above every wrong one, a tie is lost.
    """
    wrong = [score for (query, ref), score in scores.items() if truth.get(query) != ref]
    limit = max(wrong, default=None)
    found = frozenset(
        query
        for query, ref in truth.items()
        if (query, ref) in scores and (limit is None or scores[query, ref] > limit)
    )
    return ZeroFalse(limit, found, len(found) / len(truth) if truth else None)


def without(scores: Mapping[Pair, float], queries: Set[str], references: Set[str]) -> dict[Pair, float]:
    """The pairs in which none of these queries and references takes part."""
    return {p: score for p, score in scores.items() if p[0] not in queries and p[1] not in references}


def recall_listed(scores: Mapping[Pair, float], truth: Mapping[str, str]) -> frozenset[str]:
    """Queries whose right pair was listed at all: recall at the tool's own threshold."""
    return frozenset(query for query, ref in truth.items() if (query, ref) in scores)


def false_pairs(scores: Mapping[Pair, float], truth: Mapping[str, str]) -> list[tuple[Pair, float]]:
    """Listed pairs that are wrong, surest first."""
    wrong = [(pair, score) for pair, score in scores.items() if truth.get(pair[0]) != pair[1]]
    return sorted(wrong, key=lambda item: (-item[1], item[0]))


def micro_average_precision(scores: Mapping[Pair, float], truth: Mapping[str, str]) -> float | None:
    """µAP over all pairs: precision at each distinct score times the recall gained there, summed.

    Args:
        scores: one finite score per listed pair.
        truth: as for `recall_at_zero_false_positives`.

    Returns:
        0–1, or None where there is no true pair. Pairs of equal score count as one group.
    """
    if not truth:
        return None
    listed: dict[float, list[bool]] = {}
    for (query, ref), score in scores.items():
        listed.setdefault(score, []).append(truth.get(query) == ref)
    right = seen = 0
    total = 0.0
    for score in sorted(listed, reverse=True):
        group = listed[score]
        right, seen = right + sum(group), seen + len(group)
        total += right / seen * sum(group) / len(truth)
    return total


def quantiles(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Median and 95 % quantile; None for no value."""
    import numpy as np

    if not values:
        return None, None
    return float(np.median(values)), float(np.quantile(values, 0.95))

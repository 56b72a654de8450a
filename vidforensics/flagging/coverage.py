"""What a detector looked at: rows that tile a clip exactly, and the interval algebra behind them.

Spans are half-open `(start_s, end_s)` pairs on the clip's timeline; a *normal* tuple of spans is sorted,
non-empty span by span, and neither overlaps nor touches. Rows share the very floats of their borders, so
that a reader can compare them with `==`; interval algebra as in any set of half-open intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vidforensics.types import Coverage

Span = tuple[float, float]
Gap = tuple[float, float, str]


def union(*groups: Iterable[Span]) -> tuple[Span, ...]:
    """Every moment that lies in any span of any group.

    Args:
        groups: spans in any order; empty, reversed and NaN spans count as nothing.

    Returns:
        A normal tuple of spans; () for no span.

    >>> union([(0.0, 1.0), (0.5, 2.0)], [(2.0, 3.0), (5.0, 5.0)])
    ((0.0, 3.0),)

    """
    merged: list[Span] = []
    for start, end in sorted(s for group in groups for s in group if s[0] < s[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def intersect(a: Iterable[Span], b: Iterable[Span]) -> tuple[Span, ...]:
    """Every moment that lies in both groups, as a normal tuple of spans; () where they share nothing.

    >>> intersect([(0.0, 2.0), (3.0, 5.0)], [(1.0, 4.0)])
    ((1.0, 2.0), (3.0, 4.0))
    """
    left, right = union(a), union(b)
    i = j = 0
    shared: list[Span] = []
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            shared.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(shared)


def subtract(a: Iterable[Span], b: Iterable[Span]) -> tuple[Span, ...]:
    """Every moment of `a` that does not lie in `b`, as a normal tuple of spans.

    >>> subtract([(0.0, 5.0)], [(1.0, 2.0), (4.0, 9.0)])
    ((0.0, 1.0), (2.0, 4.0))
    """
    holes = union(b)
    left: list[Span] = []
    for start, end in union(a):
        at = start
        for hole_start, hole_end in holes:
            if hole_end <= at or hole_start >= end:
                continue
            if hole_start > at:
                left.append((at, hole_start))
            at = hole_end
        if at < end:
            left.append((at, end))
    return tuple(left)


def assessed(detector: str, duration_s: float) -> tuple[Coverage, ...]:
    """Coverage of a clip that was looked at from beginning to end."""
    return tile(detector, duration_s, ())


def not_assessed(detector: str, duration_s: float, reason: str) -> tuple[Coverage, ...]:
    """Coverage of a clip in which the detector could look at nothing."""
    end_s = _length(duration_s)
    return (Coverage(detector, 0.0, end_s, False, reason),)


def tile(detector: str, duration_s: float, gaps: Sequence[Gap]) -> tuple[Coverage, ...]:
    """Coverage of a clip with gaps: rows from 0 to `duration_s` without hole or overlap.

    Args:
        detector: name of the detector.
        duration_s: length of the clip, s; not finite or negative counts as 0.
        gaps: (start_s, end_s, reason) of what was not assessed, in any order; where gaps overlap the one
            listed first gives the reason, and what lies outside the clip is cut off.

    Returns:
        Rows in time order; neighbours with the same answer are one row. A clip of no length has one row
        from 0 to 0, so that the answer and its reason are kept.

    """
    end_s = _length(duration_s)
    if end_s == 0.0:
        reason = gaps[0][2] if gaps else None
        return (Coverage(detector, 0.0, 0.0, reason is None, reason),)
    clipped = [(max(0.0, start), min(end_s, end), reason) for start, end, reason in gaps]
    pieces: list[tuple[float, float, str | None]] = []
    taken: tuple[Span, ...] = ()
    for start, end, reason in clipped:
        if start >= end:  # the gap lies outside the clip
            continue
        pieces += [(s, e, reason) for s, e in subtract([(start, end)], taken)]
        taken = union(taken, [(start, end)])
    pieces += [(s, e, None) for s, e in subtract([(0.0, end_s)], taken)]
    return tuple(Coverage(detector, s, e, r is None, r) for s, e, r in _joined(sorted(pieces, key=_start)))


def _joined(pieces: Iterable[tuple[float, float, str | None]]) -> list[tuple[float, float, str | None]]:
    rows: list[tuple[float, float, str | None]] = []
    for start, end, reason in pieces:
        if rows and rows[-1][2] == reason:
            rows[-1] = (rows[-1][0], end, reason)
        else:
            rows.append((start, end, reason))
    return rows


def _start(piece: tuple[float, float, str | None]) -> float:
    return piece[0]


def _length(duration_s: float) -> float:
    return duration_s if math.isfinite(duration_s) and duration_s > 0 else 0.0

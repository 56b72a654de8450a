"""Long series made short enough to draw: spans merged, samples reduced to extremes per column.

Records' arrays and spans go in, at most `COLUMNS` columns come out; extremes survive, because a peak
that disappears in a drawing is a finding that disappears. A short series passes unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Case, PacketTable

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray, IntArray

COLUMNS = 2000
FRAME_TYPES = "IPB?"
_DECLARED_TO_DECODED = 20.0
_FEW_SAMPLES = 100
_DENSE_SPACING_S = 0.2
_LONGEST_DECLARED_S = 24 * 3600.0

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """A score track to draw: times (N,), least and greatest value per column (N,), NaN in gaps."""

    times_s: FloatArray
    least: FloatArray
    greatest: FloatArray
    binned: bool

    @property
    def sparse(self) -> bool:
        """Whether the samples are few and far between, so that a line would join what nobody measured."""
        times = self.times_s
        if len(times) < 3:
            return True
        spacing = float(times[-1] - times[0]) / (len(times) - 1)
        return len(times) <= _FEW_SAMPLES and spacing > _DENSE_SPACING_S


@dataclass(frozen=True, slots=True)
class Bars:
    """Frame sizes to draw: column starts and ends (N,), sizes (4, N) by I, P, B, ?; QP (N,) or NaN."""

    start_s: FloatArray
    end_s: FloatArray
    sizes_bytes: IntArray
    qp: FloatArray
    binned: bool


def timeline_end(case: Case) -> float:
    """Where the time axis ends, in seconds: never 0, and no absurd declared duration.

    A file may declare any duration. What was declared counts only while it stays within
    20 times of what was decoded (a truncated file then shows what is missing).
    """
    times = case.extraction.decode.frame_times_s
    ends = [float(times[-1])] if len(times) else []
    ends += [case.extraction.decode.sound_end_s or 0.0]
    decoded = max((e for e in ends if math.isfinite(e)), default=0.0)
    declared = case.clip.duration_s or case.probe.duration_s or 0.0
    limit = decoded * _DECLARED_TO_DECODED if decoded > 0 else _LONGEST_DECLARED_S
    if not math.isfinite(declared) or declared > limit:
        declared = 0.0
    return max(decoded, declared) or 1.0


def column_of(times_s: FloatArray, end_s: float, columns: int) -> IntArray:
    """The column of each time, int64 (N,), clipped to the drawing."""
    return np.clip((times_s / end_s * columns).astype(np.int64), 0, columns - 1)


def reduce_series(times_s: FloatArray, values: FloatArray, end_s: float, columns: int = COLUMNS) -> Series:
    """A score track as it is, or as least and greatest per column when it is longer than that.

    Args:
        times_s: float64 (N,), ascending; samples at times that are not finite are left out.
        values: float64 (N,); NaN means not assessed.
        end_s: end of the axis, > 0.
        columns: most columns.

    Returns:
        A Series; a column whose samples are all NaN stays a gap; empty input gives empty arrays.

    """
    known = np.isfinite(times_s)
    times, samples = np.asarray(times_s, float)[known], np.asarray(values, float)[known]
    if len(times) <= columns:
        return Series(times, samples, samples, binned=False)
    column = column_of(times, end_s, columns)
    least = np.full(columns, np.inf)
    greatest = np.full(columns, -np.inf)
    held = np.isfinite(samples)
    np.minimum.at(least, column[held], samples[held])
    np.maximum.at(greatest, column[held], samples[held])
    seen = np.unique(column)
    gap = ~np.isfinite(least[seen])
    low, high = least[seen], greatest[seen]
    low[gap] = np.nan
    high[gap] = np.nan
    return Series((seen + 0.5) / columns * end_s, low, high, binned=True)


def reduce_packets(packets: PacketTable, end_s: float, columns: int = COLUMNS) -> Bars:
    """Frame sizes in presentation order, one bar per packet or the greatest of each type per column."""
    times = np.where(np.isfinite(packets.pts_s), packets.pts_s, packets.dts_s)
    known = np.flatnonzero(np.isfinite(times))
    order = known[np.argsort(times[known], kind="stable")]
    times = times[order]
    kinds = _type_numbers(packets)[order]
    sizes, qp = packets.size_bytes[order], packets.qp[order]
    if len(order) <= columns:
        table = np.zeros((len(FRAME_TYPES), len(order)), np.int64)
        table[kinds, np.arange(len(order))] = sizes
        return Bars(times, _next_times(times), table, qp, binned=False)
    column = column_of(times, end_s, columns)
    table = np.zeros((len(FRAME_TYPES), columns), np.int64)
    np.maximum.at(table, (kinds, column), sizes)
    edges = np.arange(columns + 1) / columns * end_s
    return Bars(edges[:-1], edges[1:], table, _column_means(column, qp, columns), binned=True)


def _type_numbers(packets: PacketTable) -> IntArray:
    numbers = np.full(len(packets.frame_type), FRAME_TYPES.index("?"), np.int64)
    for number, kind in enumerate(FRAME_TYPES):
        numbers[packets.frame_type == kind] = number
    return numbers


def _next_times(times: FloatArray) -> FloatArray:
    if len(times) < 2:
        return times + 0.04
    step = float(np.median(np.diff(times)))
    return np.append(times[1:], times[-1] + step)


def _column_means(column: IntArray, values: FloatArray, columns: int) -> FloatArray:
    held = np.isfinite(values)
    sums = np.bincount(column[held], values[held], columns)
    counts = np.bincount(column[held], minlength=columns)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def merge_spans(spans: Iterable[Span], end_s: float, columns: int = COLUMNS) -> tuple[Span, ...]:
    """Spans that overlap, touch or lie within one column of each other, merged; at most `columns`."""
    gap = end_s / columns
    merged: list[Span] = []
    for start, end in sorted((s, max(s, e)) for s, e in spans if math.isfinite(s) and math.isfinite(e)):
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def spread(count: int, limit: int) -> tuple[int, ...]:
    """Indices of at most `limit` of `count` items, evenly spread, first and last kept.

    >>> spread(10, 4)
    (0, 3, 6, 9)
    """
    if count <= limit:
        return tuple(range(count))
    if limit < 2:
        return tuple(range(max(0, limit)))
    return tuple(round(i * (count - 1) / (limit - 1)) for i in range(limit))


def finite_range(parts: Sequence[FloatArray], *also: float) -> tuple[float, float]:
    """Least and greatest finite value over arrays and single values; (0, 1) where there is none."""
    values = [v for v in also if math.isfinite(v)]
    for part in parts:
        finite = part[np.isfinite(part)]
        if len(finite):
            values += [float(finite.min()), float(finite.max())]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1.0)

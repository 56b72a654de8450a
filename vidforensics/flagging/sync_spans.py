"""Measure how well a mouth and a sound belong together, over every stretch of 4 s and more.

The agreement of each step of picture with the sound at many lags goes in; per stretch its best agreement near
the clip's own lag, and how far that stands out from the other lags, come out. Pooling over a stretch is what
makes weak agreement decisive; a lag that is the same all along is how the clip was recorded, and no dub.
Source: the lag profile and its peak against the rest, Chung & Zisserman, Out of time (2016), section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.sync_input import RATE_HZ

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray

NEAR = 5
"""Steps about the clip's own lag within which picture and sound may slip: 0.2 s."""

OWN_LAG = 25
APART = 10
DENSE = OWN_LAG + NEAR
LAGS: tuple[int, ...] = tuple(sorted({*range(-DENSE, DENSE + 1), *range(33, 76, 3), *range(-75, -32, 3)}))
LENGTHS_S = (4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 40.0)
GRID_STEPS = 10
LEAST_VALID = 0.7
LEAST_FAR_LAGS = 8
DISTINCT = 3.0
"""So many deviations above the other lags the best one of a whole stretch of face must stand."""

MEASURES = 5


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches of one length: first step and one past the last, int64 (m,); measures float64 (m, 5).

    lag_steps int64 (m,): where near the own lag the agreement was best.
    """

    first: IntArray
    last: IntArray
    measures: FloatArray
    lag_steps: IntArray


def own_lag(agreement: Float32Array) -> int | None:
    """The lag, in steps, at which a whole stretch of face agrees with its sound; None if none stands out.

    Args:
        agreement: (len(LAGS), n), NaN outside the sound.
    """
    lags = np.array(LAGS)
    means = _span_means(agreement, np.array([0]), agreement.shape[1])[:, 0]
    dense = np.abs(lags) <= OWN_LAG
    if not np.isfinite(means[dense]).any():
        return None
    best = int(lags[dense][np.nanargmax(means[dense])])
    far = means[(np.abs(lags - best) > APART) & np.isfinite(means)]
    if len(far) < LEAST_FAR_LAGS:
        return None
    height = (means[lags == best][0] - far.mean()) / (far.std() + 0.01)
    return best if height >= DISTINCT else None


def spans(
    agreement: Float32Array, centre: int = 0, lengths_s: Sequence[float] = LENGTHS_S
) -> Iterator[Spans]:
    """Measure every stretch of each length, four tenths of a second apart, and the whole.

    Args:
        agreement: float32 (len(LAGS), n), NaN outside the sound.
        centre: the lag about which picture and sound may slip, in steps.
        lengths_s: stretches that do not fit are left out.
    """
    total = agreement.shape[1]
    lengths = sorted({n for n in (round(s * RATE_HZ) for s in lengths_s) if n < total})
    if total >= round(min(lengths_s) * RATE_HZ):
        lengths.append(total)
    for length in lengths:
        first = np.unique(np.append(np.arange(0, total - length + 1, GRID_STEPS), total - length))
        yield _measured(agreement, first, length, centre)


def _measured(agreement: Float32Array, first: IntArray, length: int, centre: int) -> Spans:
    lags = np.array(LAGS)
    means = _span_means(agreement, first, length)
    near = np.abs(lags - centre) <= NEAR
    far = np.abs(lags - centre) > APART
    with np.errstate(invalid="ignore"):
        best = np.where(np.isfinite(means[near]), means[near], -1.0)
        peak = best.max(axis=0)
        enough = np.isfinite(means[far]).sum(axis=0) >= LEAST_FAR_LAGS
        others = np.where(np.isfinite(means[far]), means[far], np.nan)
        level, spread = _mean_and_spread(others)
    height = np.where(enough, (peak - level) / (spread + 0.02), 0.0)
    longer = np.full(len(first), np.log2(length / RATE_HZ / min(LENGTHS_S)))
    measures = np.stack([peak, height, longer, peak * longer, height * longer], axis=1)
    return Spans(first, first + length, measures, lags[near][best.argmax(axis=0)])


def _mean_and_spread(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the finite values of each column; 0 where there is none."""
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, values, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(there, (values - mean) ** 2, 0.0).sum(axis=0) / count)
    return mean, spread


def _span_means(agreement: Float32Array, first: IntArray, length: int) -> FloatArray:
    """Mean agreement per lag of each stretch, float64 (len(LAGS), m); NaN where too little has sound."""
    there = np.isfinite(agreement)
    sums = np.cumsum(np.pad(np.where(there, agreement, 0.0).astype(np.float64), ((0, 0), (1, 0))), axis=1)
    counts = np.cumsum(np.pad(there.astype(np.int64), ((0, 0), (1, 0))), axis=1)
    count = counts[:, first + length] - counts[:, first]
    mean = (sums[:, first + length] - sums[:, first]) / np.maximum(count, 1)
    return np.where(count >= LEAST_VALID * length, mean, np.nan)

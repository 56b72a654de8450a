"""Compare every stretch of a sound track with what surrounds it.

Band levels per step go in; stretches on a grid of 0.4 s come out, each with its profile (quiet, middle and
loud levels per band; fastest falls, middle and fastest rises of broad bands) beside the profiles of up to
10 s before and behind it. Running histograms make every stretch cost the same whatever its length, and chunks
keep memory flat.
Source: comparing a segment with its context, after Chen & Gopalakrishnan (DARPA 1998); noise between words as
evidence, Zhao et al., Audio splicing detection and localization using environmental signature (2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.audio_discontinuity_steps import SLOPE_BANDS, SLOPE_OVER_STEPS, slopes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidforensics.records.arrays import BoolArray, Float32Array, IntArray

GRID_STEPS = 8
LENGTHS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 25, 30)
"""In grid cells of 0.4 s: 0.8 to 12 s."""

CONTEXT_STEPS = 200
LEAST_CONTEXT_STEPS = 30
LOW_DB, BIN_DB, BINS = -106.0, 2.0, 50
SLOPES = len(SLOPE_BANDS) * len(SLOPE_OVER_STEPS)
"""So many columns of each third of a profile (quiet, middle, loud) are slopes, behind the levels."""

QUANTILES = (0.05, 0.15, 0.25, 0.5, 0.75, 0.85, 0.95)
PARTS = (slice(0, 3), slice(3, 4), slice(4, 7))
CHUNK_STEPS = 300 * GRID_STEPS


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of one chunk and length: first and one past last step, steps of context, all int64 (P,).

    Profiles are float32 (P, 3 × (bands / 2 + SLOPES)), dB: of the stretch, of all its context, of what lies
    before and of what lies behind.
    """

    first: IntArray
    last: IntArray
    before_steps: IntArray
    behind_steps: IntArray
    inner: Float32Array
    context: Float32Array
    before: Float32Array
    behind: Float32Array

    def only(self, chosen: BoolArray) -> Stretches:
        """Some of them, bool (P,)."""
        return Stretches(*(getattr(self, field.name)[chosen] for field in fields(self)))


def stretches(levels: Float32Array) -> Iterator[Stretches]:
    """Every stretch of the grid that has at least 1.5 s of surroundings on one side.

    Args:
        levels: dB per step and band, float32 (T, bands), an even number of bands.

    Returns: in no particular order; nothing for a track shorter than 2.3 s.
    """
    bins = _bins(levels)
    total = len(bins)
    reach = CONTEXT_STEPS + max(LENGTHS) * GRID_STEPS
    for start in range(0, total, CHUNK_STEPS):
        low, high = max(0, start - reach), min(total, start + CHUNK_STEPS + reach)
        history = _history(bins[low:high])
        firsts = np.arange(start, min(total, start + CHUNK_STEPS), GRID_STEPS)
        for length in LENGTHS:
            found = _of_length(history, low, total, firsts, length * GRID_STEPS)
            if found is not None:
                yield found


def _bins(levels: Float32Array) -> IntArray:
    """Levels of pairs of bands and slopes of broad ones, in bins of BIN_DB, (T, bands / 2 + SLOPES)."""
    merged = np.maximum(levels[:, 0::2], levels[:, 1::2]) - LOW_DB
    risen = slopes(levels) + BINS * BIN_DB / 2
    binned: IntArray = np.clip(np.concatenate([merged, risen], axis=1) / BIN_DB, 0, BINS - 1).astype(np.int64)
    return binned


def _history(bins: IntArray) -> NDArray[np.int16]:
    """How often each column had each level or slope before each step, int16 (T + 1, columns, BINS)."""
    count, bands = bins.shape
    hits = np.zeros((count + 1, bands, BINS), np.int16)
    hits[np.arange(1, count + 1)[:, None], np.arange(bands)[None, :], bins] = 1
    return np.cumsum(hits, axis=0, out=hits)


def _of_length(
    history: NDArray[np.int16], low: int, total: int, firsts: IntArray, length: int
) -> Stretches | None:
    """Stretches of one length; one that ends within a cell of the track's end reaches to it."""
    lasts = firsts + length
    lasts = np.where((lasts > total) & (lasts < total + GRID_STEPS), total, lasts)
    before, behind = np.minimum(firsts, CONTEXT_STEPS), np.minimum(total - lasts, CONTEXT_STEPS)
    before = np.where(before < LEAST_CONTEXT_STEPS, 0, before)
    behind = np.where(behind < LEAST_CONTEXT_STEPS, 0, behind)
    fits = (lasts <= total) & (before + behind > 0)
    if not fits.any():
        return None
    first, last, before, behind = firsts[fits], lasts[fits], before[fits], behind[fits]
    a, b = first - low, last - low
    left, right = history[a] - history[a - before], history[b + behind] - history[b]
    profiles = [_profile(h) for h in (history[b] - history[a], left + right, left, right)]
    return Stretches(first, last, before, behind, *profiles)


def _profile(histogram: NDArray[np.int16]) -> Float32Array:
    """Quiet, middle and loud mean of every column, float32 (P, 3 × columns); 0 where there is nothing."""
    below = np.cumsum(histogram, axis=-1, dtype=np.int16)
    total = below[:, :1, -1:]
    counts = [np.floor(total * q).astype(np.int16) for q in QUANTILES]
    levels = np.stack([(below <= c).sum(axis=-1, dtype=np.int16) for c in counts], axis=-1).astype(np.float32)
    levels[total[:, 0, 0] == 0] = 0.0
    return np.concatenate([levels[:, :, part].mean(axis=-1) for part in PARTS], axis=1) * np.float32(BIN_DB)

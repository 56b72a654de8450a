"""The one step from a score track to segments: hysteresis, then filling short gaps, then dropping short runs.

A score track goes in, (start, end, peak) triples come out. The four settings and their order follow
pyannote.audio's `Binarize` (onset, offset, minimum duration on and off), in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import ScoreTrack

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class BinariseOptions:
    """How a score track becomes segments.

    onset: a segment begins where the score reaches this; None takes the track's own threshold.
    offset: it lasts while the score stays at or above this; None takes the onset.
    min_on_s: shorter segments are dropped, after filling. min_off_s: shorter gaps are filled.
    """

    onset: float | None = None
    offset: float | None = None
    min_on_s: float = 0.0
    min_off_s: float = 0.0


def binarise(
    track: ScoreTrack, options: BinariseOptions | None = None
) -> tuple[tuple[float, float, float], ...]:
    """Segments of a score track.

    Args:
        track: times_s must increase; a sample stands for the time up to the next sample, the last one for
            the median step. A NaN score was not assessed: it ends a segment, and no gap is filled across it.
        options: settings; the default cuts at the track's threshold and keeps everything.

    Returns:
        (start_s, end_s, peak score) in time order; () for an empty track.

    """
    options = options or BinariseOptions()
    scores = np.asarray(track.scores, dtype=np.float64)
    if not len(scores):
        return ()
    onset = track.threshold if options.onset is None else options.onset
    offset = onset if options.offset is None else min(options.offset, onset)
    edges = _edges(np.asarray(track.times_s, dtype=np.float64))
    runs = _filled(_hysteresis(scores, onset, offset), edges, np.isnan(scores), options.min_off_s)
    return tuple(
        (float(edges[a]), float(edges[b]), float(np.nanmax(scores[a:b])))
        for a, b in runs
        if edges[b] - edges[a] >= options.min_on_s
    )


def runs_of(mask: BoolArray) -> list[tuple[int, int]]:
    """Runs of true values as (first, one past last) index pairs; [] for none.

    >>> runs_of(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    padded = np.concatenate(([False], mask, [False])).astype(np.int8)
    steps = np.diff(padded)
    return [
        (int(a), int(b)) for a, b in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)
    ]


def _hysteresis(scores: FloatArray, onset: float, offset: float) -> list[tuple[int, int]]:
    """Runs at or above `offset` (NaN is not), each cut to begin at its first sample at or above `onset`."""
    runs = []
    for a, b in runs_of(scores >= offset):
        reached = np.flatnonzero(scores[a:b] >= onset)
        if len(reached):
            runs.append((a + int(reached[0]), b))
    return runs


def _filled(
    runs: list[tuple[int, int]], edges: FloatArray, unknown: BoolArray, min_off_s: float
) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for a, b in runs:
        if merged:
            before = merged[-1][1]
            if edges[a] - edges[before] < min_off_s and not unknown[before:a].any():
                merged[-1] = (merged[-1][0], b)
                continue
        merged.append((a, b))
    return merged


def _edges(times_s: FloatArray) -> FloatArray:
    """Borders of the samples, one more than there are samples."""
    step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return np.append(times_s, times_s[-1] + step)

"""Runs of frames that come again later in the clip, found by their signatures.

Signatures of every frame go in, repeated runs come out. Two frames are taken for copies when their
signatures lie nearer to each other than a fraction of what the picture moves in one frame, and a repeat is
several such pairs in a row at one lag: a scene that merely returns to the same look does not move in step.
The nearest signatures are looked up in a k-d tree (Bentley 1975), so that the cost stays near N log N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray, IntArray, ShortArray

UNITS_PER_LEVEL = 64.0
NEAR_SHARE = 0.5
LEAST_STEP = 0.1
"""Luma levels RMS: a frame that moves less than this cannot be told from its neighbours."""
LEAST_LAG_FRAMES = 5
NEIGHBOURS = 8
MAX_FRAMES = 250_000
TREE_DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class Repeat:
    """Frames [first, last) come again `lag` frames later; `closeness` is log2 of motion over distance."""

    first: int
    last: int
    lag: int
    closeness: float


def find_repeats(signatures: ShortArray, least_frames: int) -> list[Repeat]:
    """Every run that comes again.

    Args:
        signatures: int16 (N, 64), see `features.frame_series`; only the first MAX_FRAMES are searched.
        least_frames: shorter runs are left out.

    Returns:
        Repeats in the order of their first frame; [] for a clip too short.
    """
    levels = signatures[:MAX_FRAMES].astype(np.float64) / UNITS_PER_LEVEL
    if len(levels) < 2 * least_frames:
        return []
    step = _steps(levels)
    moving = step >= LEAST_STEP
    if int(moving.sum()) < 2 * least_frames:
        return []
    pairs, distance = _near_pairs(levels, step, moving)
    return _runs_at_a_lag(pairs, distance, step, least_frames)


def _steps(levels: FloatArray) -> FloatArray:
    """How far each frame's signature lies from the nearer of its neighbours, (N,), levels RMS."""
    between = np.sqrt((np.diff(levels, axis=0) ** 2).sum(axis=1))
    steps: FloatArray = np.minimum(np.append(between, between[-1]), np.append(between[0], between))
    return steps


def _near_pairs(levels: FloatArray, step: FloatArray, moving: BoolArray) -> tuple[IntArray, FloatArray]:
    """Pairs (P, 2) of moving frames, first < second, nearer than their motion allows, and their distance."""
    from scipy.spatial import cKDTree

    which = np.flatnonzero(moving)
    bound = float(np.quantile(NEAR_SHARE * step[which], 0.95))
    tree = cKDTree(levels[which, :TREE_DIMENSIONS])
    _, found = tree.query(levels[which, :TREE_DIMENSIONS], k=NEIGHBOURS, distance_upper_bound=bound)
    left = np.repeat(which, NEIGHBOURS)
    right = np.append(which, -1)[np.minimum(found, len(which)).ravel()]
    real = right - left >= LEAST_LAG_FRAMES
    left, right = left[real], right[real]
    distance = np.sqrt(((levels[left] - levels[right]) ** 2).sum(axis=1))
    near = distance < NEAR_SHARE * np.minimum(step[left], step[right])
    return np.stack([left[near], right[near]], axis=1).astype(np.int64), distance[near]


def _runs_at_a_lag(
    pairs: IntArray, distance: FloatArray, step: FloatArray, least_frames: int
) -> list[Repeat]:
    lag = pairs[:, 1] - pairs[:, 0]
    order = np.lexsort((pairs[:, 0], lag))
    first, lag, distance = pairs[order, 0], lag[order], distance[order]
    # one frame may be missing in a run: an I-frame inside a copy can differ more than its neighbours
    breaks = np.flatnonzero((np.diff(lag) != 0) | (np.diff(first) > 2)) + 1
    repeats = []
    for at in np.split(np.arange(len(first)), breaks):
        if len(at) < least_frames - 1 or not len(at):
            continue
        ratio = step[first[at]] / (distance[at] + 0.5 / UNITS_PER_LEVEL)
        closeness = float(np.log2(np.median(ratio)))
        repeats.append(Repeat(int(first[at[0]]), int(first[at[-1]]) + 1, int(lag[at[0]]), closeness))
    return sorted(repeats, key=lambda r: (r.first, r.lag))

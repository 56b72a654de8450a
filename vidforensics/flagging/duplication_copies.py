"""Runs of frames that come again later in the clip, found by how they move.

Signatures of every frame go in, repeated runs come out. A copy repeats the *steps* of the picture from frame
to frame, direction and size, so runs are found where the steps of two places correlate for several frames on
end; then the pictures themselves must agree to a fraction of one step, which a scene that merely returns to
the same look does not. All pairs of frames up to REACH_FRAMES apart are compared, as products of matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import runs_of
from vidforensics.flagging.duplication_path import (
    LEAST_NEAR,
    MAX_FRAMES,
    NEAR_SHARE,
    REACH_FRAMES,
    Path,
    lengths,
    median,
    path_of,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, IntArray, ShortArray

LEAST_LAG_FRAMES = 5
WINDOW_STEPS = 4
LEAST_AGREEMENT = 0.5
_BLOCK, _MAX_PAIRS = 256, 400_000


@dataclass(frozen=True, slots=True)
class Repeat:
    """Frames [first, last) come again `lag` frames later.

    closeness: log2 of a step of the picture over the distance of the two runs. extent: log2 of how far the
    picture moves within the run over the distance.
    """

    first: int
    last: int
    lag: int
    closeness: float
    extent: float


def find_repeats(signatures: ShortArray) -> list[Repeat]:
    """Every run that comes again.

    Args:
        signatures: int16 (N, K), see `features.frame_series`; only the first MAX_FRAMES are searched.

    Returns:
        Repeats of more than WINDOW_STEPS frames in the order of their first; [] for a clip too short.
    """
    if len(signatures) < 2 * (WINDOW_STEPS + 1):
        return []
    path = path_of(signatures[:MAX_FRAMES])
    repeats = [_measured(path, *run) for run in _diagonals(_agreeing(path))]
    return sorted(repeats, key=lambda r: (r.first, r.lag))


def _agreeing(path: Path) -> IntArray:
    """(P, 2) first step and lag of the windows whose steps agree at that lag."""
    count, found, left = len(path.sizes), [np.zeros((0, 2), dtype=np.int64)], _MAX_PAIRS
    for start in range(0, count, REACH_FRAMES):
        ahead = np.arange(start, min(count, start + 2 * REACH_FRAMES + _BLOCK + WINDOW_STEPS))
        steps = path.steps(ahead)
        for a in range(start, min(count, start + REACH_FRAMES), _BLOCK):
            pairs = _agreeing_from(steps[a - start :], min(start + REACH_FRAMES - a, _BLOCK))[:left]
            found.append(pairs + np.array([a, 0]))
            left -= len(pairs)
            if left <= 0:
                return np.concatenate(found)
    return np.concatenate(found)


def _agreeing_from(steps: Float32Array, count: int) -> IntArray:
    """As `_agreeing`, for windows that begin at the first `count` of these steps."""
    products = steps[: count + WINDOW_STEPS - 1] @ steps[: count + WINDOW_STEPS - 1 + REACH_FRAMES].T
    height, width = products.shape[0] - WINDOW_STEPS + 1, products.shape[1] - WINDOW_STEPS + 1
    if height < 1:
        return np.zeros((0, 2), dtype=np.int64)
    total = np.zeros((height, width), dtype=np.float32)
    for t in range(WINDOW_STEPS):
        total += products[t : t + height, t : t + width]
    i, j = np.nonzero(total > LEAST_AGREEMENT * WINDOW_STEPS)
    real = j - i >= LEAST_LAG_FRAMES
    return np.stack([i[real], (j - i)[real]], axis=1)


def _diagonals(windows: IntArray) -> list[tuple[int, int, int]]:
    """Runs of windows at one lag as (first frame, one past last, lag); a hole of one frame is bridged."""
    order = np.lexsort((windows[:, 0], windows[:, 1]))
    first, lag = windows[order, 0], windows[order, 1]
    breaks = np.flatnonzero((np.diff(lag) != 0) | (np.diff(first) > 2)) + 1
    runs = [at for at in np.split(np.arange(len(first)), breaks) if len(at)]
    return [
        (max(int(first[at[0]]) - 1, 0), int(first[at[-1]]) + WINDOW_STEPS, int(lag[at[0]])) for at in runs
    ]


def _measured(path: Path, first: int, last: int, lag: int) -> Repeat:
    last = min(last, len(path.sizes) - lag)
    here = path.levels(slice(first, last))
    distances = lengths(here - path.levels(slice(first + lag, last + lag)))
    sizes = np.minimum(path.sizes[first:last], path.sizes[first + lag : last + lag])
    a, b = _nearest(distances, sizes)
    part = here[a:b]
    moved = float(lengths(part - part.mean(axis=0)).mean()) + 0.005
    distance, step = median(distances[a:b]) + 0.01, median(sizes[a + 1 : b]) + 0.005
    return Repeat(first + a, first + b, lag, math.log2(step / distance), math.log2(moved / distance))


def _nearest(distances: Float32Array, sizes: Float32Array) -> tuple[int, int]:
    """The longest part whose pictures are nearer than half a step: windows reach over the ends of a run."""
    near = distances < max(NEAR_SHARE * median(sizes[1:]), LEAST_NEAR)
    near[1:-1] |= near[:-2] & near[2:]
    if near.all():
        return 0, len(near)
    a, b = max(runs_of(near), key=lambda run: run[1] - run[0], default=(0, 0))
    return (a, b) if b - a > WINDOW_STEPS else (0, len(near))

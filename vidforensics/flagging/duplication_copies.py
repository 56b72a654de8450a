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

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray, ShortArray

UNITS_PER_LEVEL = 64.0
LEAST_LAG_FRAMES = 5
MAX_FRAMES = 250_000
REACH_FRAMES = 4_000
WINDOW_STEPS = 4
LEAST_AGREEMENT = 0.5
STEP_NOISE = 0.08
"""Luma levels RMS that re-encoding alone leaves between the signatures of two equal pictures."""
NEAR_SHARE, LEAST_NEAR = 0.5, 0.1
"""Two frames are taken for one picture when nearer than this share of a step, or this many levels RMS."""
MEDIAN_FRAMES = 20_000
"""The usual size of a step is taken from at most about so many frames."""
_BLOCK, _MAX_PAIRS = 256, 400_000


@dataclass(frozen=True, slots=True)
class Repeat:
    """Frames [first, last) come again `lag` frames later.

    closeness: log2 of a step of the picture over the distance of the two runs. agreement: mean correlation
    of the steps of both, −1 to 1. extent: log2 of how far the picture moves within the run over the distance.
    """

    first: int
    last: int
    lag: int
    closeness: float
    agreement: float
    extent: float


@dataclass(frozen=True, slots=True)
class _Path:
    """Signatures in levels without brightness (N, 127), sizes of their steps (N,), their directions."""

    levels: Float32Array
    sizes: Float32Array
    steps: Float32Array


def find_repeats(signatures: ShortArray) -> list[Repeat]:
    """Every run that comes again.

    Args:
        signatures: int16 (N, K), see `features.frame_series`; only the first MAX_FRAMES are searched.

    Returns:
        Repeats of more than WINDOW_STEPS frames in the order of their first; [] for a clip too short.
    """
    if len(signatures) < 2 * (WINDOW_STEPS + 1):
        return []
    path = _path(signatures[:MAX_FRAMES])
    repeats = [_measured(path, *run) for run in _diagonals(_agreeing(path.steps))]
    return sorted(repeats, key=lambda r: (r.first, r.lag))


def _path(signatures: ShortArray) -> _Path:
    """Levels, step sizes, step directions; in place, as no arrays of a long clip are larger."""
    levels = signatures[:, 1:].astype(np.float32)
    levels /= np.float32(UNITS_PER_LEVEL)
    steps = np.diff(levels, axis=0, prepend=levels[:1])
    sizes = np.sqrt(np.einsum("ij,ij->i", steps, steps))
    usual = np.sqrt(np.median(steps[:: 1 + len(steps) // MEDIAN_FRAMES] ** 2, axis=0))
    steps /= usual + np.float32(0.3 * np.sqrt((usual**2).mean()) + 0.01)
    length = np.maximum(np.sqrt(np.einsum("ij,ij->i", steps, steps)), np.float32(1e-9))
    known = sizes / np.sqrt(sizes**2 + STEP_NOISE**2)  # a step of the size of the noise has no direction
    steps *= (known / length)[:, None].astype(np.float32)
    return _Path(levels, sizes, steps)


def _agreeing(steps: Float32Array) -> IntArray:
    """(P, 2) first step and lag of the windows whose steps agree at that lag."""
    count, found, left = len(steps), [np.zeros((0, 2), dtype=np.int64)], _MAX_PAIRS
    for a in range(0, count, _BLOCK):
        b = min(count, a + _BLOCK + WINDOW_STEPS - 1)
        products = steps[a:b] @ steps[a : b + REACH_FRAMES].T
        height, width = products.shape[0] - WINDOW_STEPS + 1, products.shape[1] - WINDOW_STEPS + 1
        if height < 1 or left <= 0:
            break
        total = np.zeros((height, width), dtype=np.float32)
        for t in range(WINDOW_STEPS):
            total += products[t : t + height, t : t + width]
        i, j = np.nonzero(total > LEAST_AGREEMENT * WINDOW_STEPS)
        real = j - i >= LEAST_LAG_FRAMES
        found.append(np.stack([i[real] + a, (j - i)[real]], axis=1)[:left])
        left -= len(found[-1])
    return np.concatenate(found)


def _diagonals(windows: IntArray) -> list[tuple[int, int, int]]:
    """Runs of windows at one lag as (first frame, one past last, lag); a hole of one frame is bridged."""
    order = np.lexsort((windows[:, 0], windows[:, 1]))
    first, lag = windows[order, 0], windows[order, 1]
    breaks = np.flatnonzero((np.diff(lag) != 0) | (np.diff(first) > 2)) + 1
    runs = [at for at in np.split(np.arange(len(first)), breaks) if len(at)]
    return [
        (max(int(first[at[0]]) - 1, 0), int(first[at[-1]]) + WINDOW_STEPS, int(lag[at[0]])) for at in runs
    ]


def _measured(path: _Path, first: int, last: int, lag: int) -> Repeat:
    first, last = _trimmed(path, first, min(last, len(path.levels) - lag), lag)
    here = np.arange(first, last)
    distance = _median(_distances(path, here, lag)) + 0.01
    step = _median(np.minimum(path.sizes[here[1:]], path.sizes[here[1:] + lag])) + 0.005
    centred = path.levels[here] - path.levels[here].mean(axis=0)
    moved = float(np.sqrt((centred**2).sum(axis=1)).mean()) + 0.005
    agreement = _agreement(path.steps, here[1:], lag)
    closeness, extent = float(np.log2(step / distance)), float(np.log2(moved / distance))
    return Repeat(first, last, lag, closeness, agreement, extent)


def _trimmed(path: _Path, first: int, last: int, lag: int) -> tuple[int, int]:
    """The longest part whose pictures are nearer than half a step: windows reach over the ends of a run."""
    here = np.arange(first, last)
    step = _median(np.minimum(path.sizes[here[1:]], path.sizes[here[1:] + lag]))
    near = _distances(path, here, lag) < max(NEAR_SHARE * step, LEAST_NEAR)
    near[1:-1] |= near[:-2] & near[2:]
    a, b = max(runs_of(near), key=lambda run: run[1] - run[0], default=(0, 0))
    return (first + a, first + b) if b - a > WINDOW_STEPS else (first, last)


def _median(values: Float32Array) -> float:
    """The median of a few values, NaN of none; numpy's own spends ten times as long on checks."""
    ordered = np.sort(values)
    count = len(ordered)
    if not count:
        return math.nan
    return float(ordered[(count - 1) // 2] + ordered[count // 2]) / 2.0


def _distances(path: _Path, here: IntArray, lag: int) -> Float32Array:
    between = path.levels[here] - path.levels[here + lag]
    return np.asarray(np.sqrt((between**2).sum(axis=1)), dtype=np.float32)


def _agreement(steps: Float32Array, here: IntArray, lag: int) -> float:
    inside = here[here + lag < len(steps)]
    products: FloatArray = (steps[inside] * steps[inside + lag]).sum(axis=1)
    return float(products.mean()) if len(inside) else 0.0

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
    from vidforensics.records.arrays import Float32Array, IntArray, ShortArray

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

    closeness: log2 of a step of the picture over the distance of the two runs. extent: log2 of how far the
    picture moves within the run over the distance.
    """

    first: int
    last: int
    lag: int
    closeness: float
    extent: float


@dataclass(frozen=True, slots=True)
class _Path:
    """How the picture moves through the clip.

    signatures: int16 (N, K) as given. sizes: of the step into each frame, luma levels, (N,). usual: per
    coefficient, the size of its steps in this clip, (K − 1,). Levels and directions of steps are worked out
    where they are asked for: as floats, those of an hour would take more memory than its decode pass.
    """

    signatures: ShortArray
    sizes: Float32Array
    usual: Float32Array

    def levels(self, at: slice) -> Float32Array:
        """Signatures in luma levels, without brightness, (frames, K − 1)."""
        levels = self.signatures[at, 1:].astype(np.float32)
        levels /= np.float32(UNITS_PER_LEVEL)
        return levels

    def steps(self, at: IntArray) -> Float32Array:
        """Directions of the steps into these frames; short where a step is no larger than the noise."""
        steps = _steps(self.signatures, at)
        steps /= self.usual + np.float32(0.3 * np.sqrt((self.usual**2).mean()) + 0.01)
        length = np.maximum(np.sqrt(np.einsum("ij,ij->i", steps, steps)), np.float32(1e-9))
        sizes = self.sizes[at]
        known = sizes / np.sqrt(sizes**2 + STEP_NOISE**2)
        steps *= (known / length)[:, None].astype(np.float32)
        return steps


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
    repeats = [_measured(path, *run) for run in _diagonals(_agreeing(path))]
    return sorted(repeats, key=lambda r: (r.first, r.lag))


def _path(signatures: ShortArray) -> _Path:
    count = len(signatures)
    sizes = np.zeros(count, dtype=np.float32)
    for a in range(0, count, REACH_FRAMES):
        at = np.arange(a, min(a + REACH_FRAMES, count))
        steps = _steps(signatures, at)
        sizes[at] = np.sqrt(np.einsum("ij,ij->i", steps, steps))
    sample = _steps(signatures, np.arange(0, count, 1 + count // MEDIAN_FRAMES))
    return _Path(signatures, sizes, np.sqrt(np.median(sample**2, axis=0)))


def _steps(signatures: ShortArray, at: IntArray) -> Float32Array:
    """Steps of the picture into these frames, luma levels; that of the first frame is 0."""
    before = signatures[np.maximum(at - 1, 0), 1:].astype(np.float32)
    return np.asarray((signatures[at, 1:] - before) / np.float32(UNITS_PER_LEVEL), dtype=np.float32)


def _agreeing(path: _Path) -> IntArray:
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


def _measured(path: _Path, first: int, last: int, lag: int) -> Repeat:
    last = min(last, len(path.sizes) - lag)
    here = path.levels(slice(first, last))
    distances = _lengths(here - path.levels(slice(first + lag, last + lag)))
    sizes = np.minimum(path.sizes[first:last], path.sizes[first + lag : last + lag])
    a, b = _nearest(distances, sizes)
    part = here[a:b]
    moved = float(_lengths(part - part.mean(axis=0)).mean()) + 0.005
    distance, step = _median(distances[a:b]) + 0.01, _median(sizes[a + 1 : b]) + 0.005
    return Repeat(first + a, first + b, lag, math.log2(step / distance), math.log2(moved / distance))


def _nearest(distances: Float32Array, sizes: Float32Array) -> tuple[int, int]:
    """The longest part whose pictures are nearer than half a step: windows reach over the ends of a run."""
    near = distances < max(NEAR_SHARE * _median(sizes[1:]), LEAST_NEAR)
    near[1:-1] |= near[:-2] & near[2:]
    if near.all():
        return 0, len(near)
    a, b = max(runs_of(near), key=lambda run: run[1] - run[0], default=(0, 0))
    return (a, b) if b - a > WINDOW_STEPS else (0, len(near))


def _median(values: Float32Array) -> float:
    """The median of a few values, NaN of none; numpy's own spends ten times as long on checks."""
    ordered = np.sort(values)
    count = len(ordered)
    if not count:
        return math.nan
    return float(ordered[(count - 1) // 2] + ordered[count // 2]) / 2.0


def _lengths(rows: Float32Array) -> Float32Array:
    """Euclidean length of every row."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)), dtype=np.float32)

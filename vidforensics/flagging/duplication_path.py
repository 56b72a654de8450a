"""How the picture moves through a clip, from the signatures of its frames.

Signatures go in; sizes and directions of the steps from frame to frame come out, and pictures in luma levels
where somebody asks for them: as floats, those of an hour would take more memory than its decode pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, IntArray, ShortArray

UNITS_PER_LEVEL = 64.0
MAX_FRAMES = 250_000
REACH_FRAMES = 4_000
"""Only so many frames are searched, and pairs so far apart."""
STEP_NOISE = 0.08
"""Luma levels RMS that re-encoding alone leaves between the signatures of two equal pictures."""
NEAR_SHARE, LEAST_NEAR = 0.5, 0.1
"""Two frames are taken for one picture when nearer than this share of a step, or this many levels RMS."""
MEDIAN_FRAMES = 20_000
"""The usual size of a step is taken from at most about so many frames."""


@dataclass(frozen=True, slots=True)
class Path:
    """How the picture moves through the clip.

    signatures: int16 (N, K) as given. sizes: of the step into each frame, luma levels, (N,). usual: per
    coefficient, the size of its steps in this clip, (K − 1,).
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
        length = np.maximum(lengths(steps), np.float32(1e-9))
        sizes = self.sizes[at]
        known = sizes / np.sqrt(sizes**2 + STEP_NOISE**2)
        steps *= (known / length)[:, None].astype(np.float32)
        return steps


def path_of(signatures: ShortArray) -> Path:
    """The path of a clip of one frame or more; signatures int16 (N, K), see `features.frame_series`."""
    count = len(signatures)
    sizes = np.zeros(count, dtype=np.float32)
    for a in range(0, count, REACH_FRAMES):
        at = np.arange(a, min(a + REACH_FRAMES, count))
        sizes[at] = lengths(_steps(signatures, at))
    sample = _steps(signatures, np.arange(0, count, 1 + count // MEDIAN_FRAMES))
    return Path(signatures, sizes, np.sqrt(np.median(sample**2, axis=0)))


def _steps(signatures: ShortArray, at: IntArray) -> Float32Array:
    """Steps of the picture into these frames, luma levels; that of the first frame is 0."""
    before = signatures[np.maximum(at - 1, 0), 1:].astype(np.float32)
    return np.asarray((signatures[at, 1:] - before) / np.float32(UNITS_PER_LEVEL), dtype=np.float32)


def lengths(rows: Float32Array) -> Float32Array:
    """Euclidean length of every row."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)), dtype=np.float32)


def median(values: Float32Array) -> float:
    """The median of a few values, NaN of none; numpy's own spends ten times as long on checks."""
    ordered = np.sort(values)
    count = len(ordered)
    if not count:
        return math.nan
    return float(ordered[(count - 1) // 2] + ordered[count // 2]) / 2.0

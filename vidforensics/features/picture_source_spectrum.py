"""Spectrum of one frame: how detail falls off with frequency, and periods that coding and scaling leave.

A luma plane goes in; log2 of normalised power in bands, edge sharpness, block grids and resampling peaks come
out. Each block's spectrum is divided by its own sum, so that what the picture shows weighs little.
Source: Gallagher, Detection of linear and cubic interpolation in JPEG compressed images (2005).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.picture_source_noise import SIDE, halved, usable_blocks

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray

RADIAL, AXIAL = 10, 7
SPECTRUM_NAMES = (
    *(f"spectrum_{i}" for i in range(RADIAL)),
    *(f"spectrum_across_{i}" for i in range(AXIAL)),
    *(f"spectrum_down_{i}" for i in range(AXIAL)),
    "edge_1_2",
    "edge_2_4",
    "edge_across_down",
    "combing",
    "grid_across",
    "grid_down",
    "grid_other_across",
    "grid_other_down",
    "resampling_across",
    "resampling_down",
)
_MAX_BLOCKS = 600
_GRID = 8
_LEAST_POWER = 4.0


def spectrum_values(luma: Float32Array) -> Float32Array:
    """Spectrum of one frame, float32 (len(SPECTRUM_NAMES),); NaN where the picture has no detail."""
    return np.concatenate([_bands(luma), _edges(luma), _grids(luma), _peaks(luma)]).astype(np.float32)


def _bands(luma: Float32Array) -> FloatArray:
    """Share of the power of 16×16 blocks by frequency: radial bands, then across, then down."""
    usable = usable_blocks(luma)
    rows, columns = usable.shape
    blocks = luma[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    chosen = np.flatnonzero(usable)
    if len(chosen) > _MAX_BLOCKS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, _MAX_BLOCKS).astype(int)]
    if not len(chosen):
        return np.full(RADIAL + 2 * AXIAL, np.nan)
    cosines = _cosines()
    power = (cosines @ blocks.reshape(-1, SIDE, SIDE)[chosen] @ cosines.T) ** 2
    power[:, 0, 0] = 0.0
    total = power.sum(axis=(1, 2))
    power = power[total > _LEAST_POWER] / total[total > _LEAST_POWER, None, None]
    if not len(power):
        return np.full(RADIAL + 2 * AXIAL, np.nan)
    mean = power.mean(axis=0)
    radial = np.bincount(_rings().ravel(), mean.ravel(), RADIAL + 1)[1:]
    across, down = mean[:2].sum(axis=0), mean[:, :2].sum(axis=1)
    bands = [radial, across[2:].reshape(AXIAL, 2).sum(axis=1), down[2:].reshape(AXIAL, 2).sum(axis=1)]
    return np.log2(np.concatenate(bands) + 1e-7)


@cache
def _cosines() -> Float32Array:
    k, n = np.arange(SIDE)[:, None], np.arange(SIDE)[None, :]
    basis = np.cos(np.pi * k * (2 * n + 1) / (2 * SIDE)) * np.sqrt(np.where(k == 0, 1.0, 2.0) / SIDE)
    return np.asarray(basis, np.float32)


@cache
def _rings() -> IntArray:
    """Radial band of every coefficient, 1 to RADIAL; 0 for the mean."""
    k = np.arange(SIDE)
    radius = np.hypot(k[:, None], k[None, :])
    rings = np.minimum(RADIAL, 1 + (radius - 1) * RADIAL / SIDE).astype(np.int64)
    rings[0, 0] = 0
    return rings


def _edges(luma: Float32Array) -> FloatArray:
    """Steepness of edges at three scales, their direction, and combs of interlaced lines, log2 ratios."""
    half = halved(luma)
    quarter = halved(half)
    across = [_steep(p[:: 4 // n, 1:] - p[:: 4 // n, :-1]) for n, p in ((1, luma), (2, half), (4, quarter))]
    down = [_steep(p[1:, :: 4 // n] - p[:-1, :: 4 // n]) for n, p in ((1, luma), (2, half), (4, quarter))]
    both = np.log2(np.array(across) + np.array(down))
    some = np.ascontiguousarray(luma[:, ::4])
    next_line = float(np.abs(some[1:-1] - some[:-2]).mean())
    second_line = float(np.abs(some[2:] - some[:-2]).mean())
    combing = np.log2((next_line + 0.1) / (second_line + 0.1))
    return np.array([both[0] - both[1], both[1] - both[2], np.log2(across[0] / down[0]), combing])


def _steep(steps: Float32Array) -> float:
    """The 97 % quantile of absolute steps, levels."""
    sizes = np.abs(steps, out=steps).ravel()
    at = int(0.97 * (len(sizes) - 1))
    sizes.partition(at)
    return float(sizes[at]) + 0.5


def _grids(luma: Float32Array) -> FloatArray:
    """Steps at the borders of 8×8 blocks against those inside, and the strongest other phase, log2."""
    known, other = [], []
    for axis in (1, 0):
        lines = luma[::2] if axis else luma[:, ::2]
        steps = np.minimum(np.abs(np.diff(lines, axis=axis)), 12.0).mean(axis=1 - axis)
        whole = len(steps) // _GRID * _GRID
        phases = steps[:whole].reshape(-1, _GRID).mean(axis=0) + 0.02
        inside = np.delete(phases, _GRID - 1)
        known.append(np.log2(phases[_GRID - 1] / np.median(inside)))
        other.append(np.log2(inside.max() / np.median(inside)))
    return np.array([*known, *other])


def _peaks(luma: Float32Array) -> FloatArray:
    """Strongest period of the second difference that is none of a 16-sample grid, log2 over the median."""
    return np.array([_peak(luma, 1), _peak(luma, 0)])


def _peak(luma: Float32Array, axis: int) -> float:
    lines = luma[1::2] if axis else luma[:, 1::2]
    curved = np.minimum(np.abs(np.diff(lines, 2, axis=axis)), 12.0).mean(axis=1 - axis)
    logs = np.log(curved + 0.05)
    count = len(logs) // 16 * 16
    flat = logs[:count] - np.convolve(logs, np.ones(9) / 9, "same")[:count]
    power = np.abs(np.fft.rfft(flat * np.hanning(count))) ** 2
    at = np.arange(len(power)) / count
    grid = np.abs(at * 16 - np.rint(at * 16)) * count / 16 <= 2.0
    inside = power[(at > 0.15) & ~grid]
    return float(np.log2((inside.max() + 1e-9) / (np.median(inside) + 1e-9))) if len(inside) > 8 else np.nan

"""Spectrum of one frame: how detail falls off with frequency, and periods that coding and scaling leave.

A luma plane goes in; log2 of normalised power in bands, edge sharpness, block grids and resampling peaks come
out. Each block's spectrum is divided by its own sum, so that what the picture shows weighs little.
Source: Gallagher, Detection of linear and cubic interpolation in JPEG compressed images (2005).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidforensics.features.picture_source_noise import SIDE, Scales

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
_LIMIT = 12.0


def spectrum_values(scales: Scales) -> Float32Array:
    """Spectrum of one frame, float32 (len(SPECTRUM_NAMES),); NaN where the picture has no detail."""
    turned = np.asarray(cv2.transpose(scales.luma), np.float32)  # so that columns lie together, too
    (known, other), (known_down, other_down) = _grid(scales.luma), _grid(turned)
    periods = [known, known_down, other, other_down, _peak(scales.luma), _peak(turned)]
    return np.concatenate([_bands(scales), _edges(scales, turned), periods]).astype(np.float32)


def _bands(scales: Scales) -> FloatArray:
    """Share of the power of 16×16 blocks by frequency: radial bands, then across, then down."""
    usable = scales.usable
    rows, columns = usable.shape
    blocks = scales.luma[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    chosen = np.flatnonzero(usable)
    if len(chosen) > _MAX_BLOCKS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, _MAX_BLOCKS).astype(int)]
    if not len(chosen):
        return np.full(RADIAL + 2 * AXIAL, np.nan)
    cosines = _cosines()
    taken = blocks[chosen // columns, chosen % columns]
    across = (taken.reshape(-1, SIDE) @ cosines.T).reshape(-1, SIDE, SIDE).swapaxes(1, 2)
    power = (np.ascontiguousarray(across).reshape(-1, SIDE) @ cosines.T).reshape(-1, SIDE * SIDE)
    power *= power
    power[:, 0] = 0.0
    total = power.sum(axis=1)
    detailed = total > _LEAST_POWER
    if not detailed.any():
        return np.full(RADIAL + 2 * AXIAL, np.nan)
    weights = np.where(detailed, 1.0 / np.maximum(total, _LEAST_POWER), 0.0).astype(np.float32)
    mean = (weights @ power / np.float32(detailed.sum())).reshape(SIDE, SIDE).T
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


def _edges(scales: Scales, turned: Float32Array) -> FloatArray:
    """Steepness of edges at three scales, their direction, and combs of interlaced lines, log2 ratios."""
    planes = ((4, scales.luma), (2, scales.half), (1, scales.quarter))
    turned_planes = ((4, turned), (2, cv2.transpose(scales.half)), (1, cv2.transpose(scales.quarter)))
    across = [_steep(plane[::n]) for n, plane in planes]
    down = [_steep(np.asarray(plane[::n], np.float32)) for n, plane in turned_planes]
    both = np.log2(np.array(across) + np.array(down))
    lines = turned[::4]
    next_line, second_line = (_mean_step(lines[:, :-2], lines[:, n : n - 2 or None]) for n in (1, 2))
    combing = np.log2((next_line + 0.1) / (second_line + 0.1))
    return np.array([both[0] - both[1], both[1] - both[2], np.log2(across[0] / down[0]), combing])


def _mean_step(before: Float32Array, after: Float32Array) -> float:
    return cv2.norm(after, before, cv2.NORM_L1) / before.size


def _steep(lines: Float32Array) -> float:
    """The 97 % quantile of absolute steps along lines, levels."""
    sizes = cv2.absdiff(lines[:, 1:], lines[:, :-1]).ravel()
    at = int(0.97 * (len(sizes) - 1))
    sizes.partition(at)
    return float(sizes[at]) + 0.5


def _grid(luma: Float32Array) -> tuple[float, float]:
    """Steps across the borders of blocks of 8 against those inside, and the strongest other phase, log2."""
    lines = luma[::2]
    steps = _mean_step_at(lines)
    whole = len(steps) // _GRID * _GRID
    phases = steps[:whole].reshape(-1, _GRID).mean(axis=0) + 0.02
    inside = np.delete(phases, _GRID - 1)
    middle = np.median(inside)
    return float(np.log2(phases[_GRID - 1] / middle)), float(np.log2(inside.max() / middle))


def _peak(luma: Float32Array) -> float:
    """Strongest period across of the second difference, none of a 16-sample grid's, log2 over the median."""
    lines = luma[1::2]
    steps = np.asarray(cv2.subtract(lines[:, 1:], lines[:, :-1]), np.float32)
    logs = np.log(_mean_step_at(steps) + 0.05)
    count = len(logs) // 16 * 16
    flat = logs[:count] - np.convolve(logs, np.ones(9) / 9, "same")[:count]
    power = np.abs(np.fft.rfft(flat * np.hanning(count))) ** 2
    at = np.arange(len(power)) / count
    grid = np.abs(at * 16 - np.rint(at * 16)) * count / 16 <= 2.0
    inside = power[(at > 0.15) & ~grid]
    return float(np.log2((inside.max() + 1e-9) / (np.median(inside) + 1e-9))) if len(inside) > 8 else np.nan


def _mean_step_at(lines: Float32Array) -> FloatArray:
    """Mean over all lines of the absolute step into each column but the first, each counted up to a limit."""
    steps = cv2.absdiff(lines[:, 1:], lines[:, :-1])
    cv2.threshold(steps, _LIMIT, 0.0, cv2.THRESH_TRUNC, dst=steps)
    return np.asarray(cv2.reduce(steps, 0, cv2.REDUCE_AVG)[0], np.float64)

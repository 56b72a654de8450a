"""Velocity of the picture in a coarse grid of cells, from one frame to the next.

Small luma planes go in, a velocity per cell comes out, in plane samples per frame. Least squares on
the brightness constancy equation per cell (Lucas & Kanade 1981), batched as matrix products; a ridge
keeps cells without texture at rest, and each plane's mean is taken off first, so that a fade is no motion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

ROWS, COLUMNS = 6, 8
_RIDGE = 4.0
"""Squared gradient, levels² per sample, of a flat cell: about the noise of a decoded plane."""


def cell_velocity(before: Float32Array, after: Float32Array) -> Float32Array:
    """Velocity of each cell between pairs of planes.

    Args:
        before: float32 (N, h, w), luma levels.
        after: float32 (N, h, w), the next frames.

    Returns:
        float32 (N, ROWS, COLUMNS, 2), x and y in plane samples per frame; reliable up to about two samples
        and saturated there, beyond it says "large". Zeros for planes under 4×4 samples.
    """
    count, height, width = before.shape
    if min(height, width) < 4 or not count:
        return np.zeros((count, ROWS, COLUMNS, 2), dtype=np.float32)
    step = _centred(after) - _centred(before)
    mean: Float32Array = np.float32(0.5) * (before + after)
    gx: Float32Array = np.float32(0.5) * (mean[:, 1:-1, 2:] - mean[:, 1:-1, :-2])
    gy: Float32Array = np.float32(0.5) * (mean[:, 2:, 1:-1] - mean[:, :-2, 1:-1])
    return _solve(gx, gy, step[:, 1:-1, 1:-1])


def _solve(gx: Float32Array, gy: Float32Array, step: Float32Array) -> Float32Array:
    over_y, over_x = _pool(gx.shape[1], ROWS), _pool(gx.shape[2], COLUMNS).T
    xx, xy, yy = (over_y @ p @ over_x for p in (gx * gx, gx * gy, gy * gy))
    xt, yt = over_y @ (gx * step) @ over_x, over_y @ (gy * step) @ over_x
    xx, yy = xx + _RIDGE, yy + _RIDGE
    determinant = np.maximum(xx * yy - xy * xy, 1e-6)
    velocity = np.stack([xy * yt - yy * xt, xy * xt - xx * yt], axis=-1) / determinant[..., None]
    return np.asarray(np.clip(velocity, -4.0, 4.0), dtype=np.float32)


def _centred(planes: Float32Array) -> Float32Array:
    return np.asarray(planes - planes.mean(axis=(1, 2), keepdims=True), dtype=np.float32)


def _pool(length: int, cells: int) -> Float32Array:
    """Matrix (cells, length) that averages a line of samples into cells."""
    which = np.minimum(np.arange(length) * cells // length, cells - 1)
    matrix = (which[None, :] == np.arange(cells)[:, None]).astype(np.float32)
    return np.asarray(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1.0), dtype=np.float32)

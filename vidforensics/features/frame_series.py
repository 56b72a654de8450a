"""Measure every frame: change against its neighbours, motion, brightness, sharpness, and a small signature.

Decoded blocks go in, one `FrameSeries` comes out, about 560 bytes per frame, of which 448 lie in a spool;
state is carried from block to block, so block sizes do not matter. Change is measured on area averages of the
analysis plane, where re-encoding leaves little noise; the signature is the lowest 8×16 DCT coefficients of
that plane, so that the Euclidean distance of two signatures is the RMS luma difference of the two smoothed
pictures (Parseval).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.features.motion import COLUMNS, ROWS, cell_velocity
from vidforensics.spool import Spool
from vidforensics.types import FrameBlock, FrameSeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidforensics.records.arrays import (
        ByteArray,
        CodeArray16,
        Float32Array,
        FloatArray,
        ShortArray,
        TinyArray,
    )

NAMES = (
    "difference",
    "difference_2",
    "difference_max",
    "residual_correlation",
    "brightness",
    "sharpness",
    "motion",
    "motion_break",
    "motion_return",
    "shift_x",
    "shift_y",
    "shift_left",
)
REDUCTION = 4
SIGNATURE_ROWS, SIGNATURE_COLUMNS = 8, 16
SIGNATURE_SCALE = 64
"""Signature units per luma level."""
CELL_SCALE = 256
"""Units per luma level of a cell's change."""
VELOCITY_SCALE = 31
"""Units per sample and frame of a cell's velocity."""
_JUMP, _LEAST_JUMP = 1.6, 0.6
"""A shift is looked for where a frame's change is this many times the last ones', and this many levels."""
_CARRIED = 2


@dataclass(frozen=True, slots=True)
class _Tail:
    """What the next block needs of the last frames: planes, high-passed planes, velocities, oldest first."""

    planes: Float32Array
    residuals: Float32Array
    velocities: Float32Array


class FrameSeriesAccumulator:
    """Takes decoded blocks, measures every frame.

    The series of `finish`, each float64 (N,), NaN where a neighbour is missing:
    difference, difference_2: mean absolute luma step to the frame before and the one before that, levels;
    difference_max: the same to the frame before, in the cell where it is greatest;
    residual_correlation: correlation of the high-passed picture with that of the frame before, −1 to 1;
    brightness: mean luma; sharpness: RMS of the high-passed luma, levels;
    motion: mean speed of the cells, samples of the reduced plane per frame;
    motion_break, motion_return: mean change of the cells' velocity against one and two frames before;
    shift_x, shift_y: how far the picture as a whole jumped into this frame, samples of the reduced plane, and
    shift_left: the share of the picture's contrast that differs after undoing it; known at jumps only.
    """

    def __init__(self) -> None:
        self._times: list[FloatArray] = []
        self._rows: list[Float32Array] = []
        cells = ROWS * COLUMNS
        self._signatures = Spool[np.int16](np.int16, (SIGNATURE_ROWS * SIGNATURE_COLUMNS,))
        self._cells = Spool[np.uint16](np.uint16, (cells,))
        self._velocities = Spool[np.int8](np.int8, (cells, 2))
        self._tail: _Tail | None = None

    def update(self, block: FrameBlock) -> None:
        """Measure these frames."""
        if not len(block.luma):
            return
        planes, residuals = _reduced(block.luma), _high_passed(block.luma)
        before = self._tail
        if before is not None:
            planes = np.concatenate([before.planes, planes])
            residuals = np.concatenate([before.residuals, residuals])
        fresh = len(planes) - len(block.luma)
        velocities = _velocities(planes, before)
        rows = np.full((len(planes), len(NAMES)), np.nan, dtype=np.float32)
        cells = _fill_differences(rows, planes)
        _fill_residuals(rows, residuals)
        _fill_motion(rows, velocities)
        _fill_shifts(rows, planes, fresh)
        self._times.append(np.asarray(block.pts_s, dtype=np.float64))
        self._rows.append(rows[fresh:])
        self._signatures.append(signatures(planes[fresh:]))
        self._cells.append(cells[fresh:])
        self._velocities.append(_coded_velocities(velocities[fresh:]))
        self._tail = _Tail(planes[-_CARRIED:], residuals[-1:], velocities[-_CARRIED:])

    def finish(self) -> FrameSeries:
        """The series; empty arrays for no frame."""
        table = _joined(self._rows, np.zeros((0, len(NAMES)), np.float32)).astype(np.float64)
        return FrameSeries(
            times_s=_joined(self._times, np.zeros(0)),
            values={name: table[:, i] for i, name in enumerate(NAMES)},
            signatures=self._signatures.finish(),
            cells=self._cells.finish(),
            velocities=self._velocities.finish(),
        )


def _joined(pieces: list[NDArray[Any]], empty: NDArray[Any]) -> NDArray[Any]:
    """All pieces as one array; they are let go, as an hour of them is large enough once."""
    whole = np.concatenate([empty, *pieces])
    pieces.clear()
    return whole


def signatures(planes: Float32Array) -> ShortArray:
    """Lowest DCT coefficients of each plane, int16 (N, 128), row by row from DC, in 1/64 luma level.

    Args:
        planes: float32 (N, h, w), luma levels.

    Returns:
        Coefficients of the orthonormal DCT-II over √(h·w): the first is the mean, and the root of the sum
        of squared differences is the RMS difference of the pictures so smoothed.
    """
    height, width = planes.shape[1:]
    found = _cosines(height, SIGNATURE_ROWS) @ planes @ _cosines(width, SIGNATURE_COLUMNS).T
    scaled = np.rint(found.reshape(len(planes), -1) * SIGNATURE_SCALE)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def _reduced(luma: ByteArray) -> Float32Array:
    import cv2

    height, width = luma.shape[1:]
    size = (max(1, width // REDUCTION), max(1, height // REDUCTION))
    planes = np.empty((len(luma), size[1], size[0]), dtype=np.float32)
    for i, plane in enumerate(luma):
        # float input: rounding to whole levels would drown the small steps of a re-encoded freeze
        planes[i] = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA).reshape(
            size[::-1]
        )
    return planes


def _high_passed(luma: ByteArray) -> Float32Array:
    """Second difference along every other line, float32 (N, M); empty rows for a picture under 3 wide."""
    lines = luma[:, ::2].astype(np.int16)
    curved = 2 * lines[:, :, 1:-1] - lines[:, :, :-2] - lines[:, :, 2:]
    return curved.reshape(len(luma), -1).astype(np.float32)


def _velocities(planes: Float32Array, before: _Tail | None) -> Float32Array:
    """Velocity into each frame of `planes`, NaN for the clip's first; what the tail knows is not redone."""
    known = np.full((1, ROWS, COLUMNS, 2), np.nan, np.float32) if before is None else before.velocities
    first = len(known)
    return np.concatenate([known, cell_velocity(planes[first - 1 : -1], planes[first:])])


def _fill_differences(rows: Float32Array, planes: Float32Array) -> CodeArray16:
    """Fill in the differences; the change of each cell, uint16 (N, ROWS × COLUMNS), 0 for the first frame."""
    steps = np.abs(planes[1:] - planes[:-1])
    rows[1:, 0] = steps.mean(axis=(1, 2))
    rows[2:, 1] = np.abs(planes[2:] - planes[:-2]).mean(axis=(1, 2))
    means = _cell_means(steps)
    rows[1:, 2] = means.max(axis=(1, 2))
    rows[:, 4] = planes.mean(axis=(1, 2))
    cells = np.zeros((len(planes), ROWS, COLUMNS), dtype=np.uint16)
    cells[1:, : means.shape[1], : means.shape[2]] = np.rint(means * CELL_SCALE)
    return cells.reshape(len(planes), -1)


def _coded_velocities(velocities: Float32Array) -> TinyArray:
    coded = np.rint(np.nan_to_num(velocities) * VELOCITY_SCALE)
    return np.clip(coded, -127, 127).astype(np.int8).reshape(len(velocities), ROWS * COLUMNS, 2)


def _fill_shifts(rows: Float32Array, planes: Float32Array, fresh: int) -> None:
    """Shift of the picture into each frame that changes more than the two before it."""
    change = np.nan_to_num(rows[:, 0])
    usual = np.maximum(change, np.append(0.0, change[:-1]))
    for i in range(max(fresh, 1), len(planes)):
        if change[i] > max(_LEAST_JUMP, _JUMP * float(usual[i - 1])):
            rows[i, 9:12] = _shift(planes[i - 1], planes[i])


def _shift(before: Float32Array, after: Float32Array) -> tuple[float, float, float]:
    """Shift by phase correlation (Kuglin & Hines 1975), and the contrast that differs after undoing it."""
    import cv2

    height, width = before.shape
    if min(height, width) < 8:
        return 0.0, 0.0, float("nan")
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # copies: OpenCV multiplies the window into its inputs where their size needs no padding
    (x, y), _ = cv2.phaseCorrelate(before.copy(), after.copy(), window)
    moved = [(0, 0), (round(x), round(y))]
    left = [_left_over(before, after, *shift) for shift in moved]
    best = int(np.argmin(left))
    return (x, y, left[1]) if best else (0.0, 0.0, left[0])


def _left_over(before: Float32Array, after: Float32Array, x: int, y: int) -> float:
    height, width = before.shape
    if abs(x) > width // 2 or abs(y) > height // 2:
        return float("inf")
    a = before[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    b = after[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)]
    contrast = np.abs(b - b.mean()).mean() + np.abs(a - a.mean()).mean()
    return float(2 * np.abs((b - b.mean()) - (a - a.mean())).mean() / max(float(contrast), 1.0))


def _cell_means(planes: Float32Array) -> Float32Array:
    """Means over at most ROWS × COLUMNS cells."""
    height, width = planes.shape[1:]
    down, across = (
        np.linspace(0, height, min(ROWS, height) + 1),
        np.linspace(0, width, min(COLUMNS, width) + 1),
    )
    y, x = down.astype(int)[:-1], across.astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(planes, y, axis=1), x, axis=2)
    area = np.diff(np.append(y, height))[:, None] * np.diff(np.append(x, width))[None, :]
    return np.asarray(sums / area, dtype=np.float32)


def _fill_residuals(rows: Float32Array, residuals: Float32Array) -> None:
    """`residuals` holds one carried frame fewer than `rows` has, or none for the first block."""
    energy = np.einsum("ij,ij->i", residuals, residuals)
    products = np.einsum("ij,ij->i", residuals[1:], residuals[:-1])
    scale = np.sqrt(energy[1:] * energy[:-1])
    known = len(rows) - len(energy)
    rows[known + 1 :, 3] = np.where(scale > 0, products / np.maximum(scale, 1e-9), np.nan)
    rows[known:, 5] = np.sqrt(energy / max(1, residuals.shape[1]))


def _fill_motion(rows: Float32Array, velocities: Float32Array) -> None:
    rows[:, 6] = _speed(velocities)
    rows[1:, 7] = _speed(velocities[1:] - velocities[:-1])
    rows[2:, 8] = _speed(velocities[2:] - velocities[:-2])


def _speed(velocities: Float32Array) -> Float32Array:
    return np.asarray(np.sqrt((velocities**2).sum(axis=-1)).mean(axis=(1, 2)), dtype=np.float32)


def _cosines(length: int, kept: int) -> Float32Array:
    k, n = np.arange(kept)[:, None], np.arange(length)[None, :]
    basis = np.cos(np.pi * k * (2 * n + 1) / (2 * length)) * np.where(k == 0, 1.0, np.sqrt(2.0)) / length
    return np.asarray(np.where(k < length, basis, 0.0), dtype=np.float32)

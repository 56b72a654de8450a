"""Whether what moves in the query is what moves in the reference, once one is laid over the other.

A room filmed by a fixed camera looks the same in every recording made there, and its geometry agrees to the
pixel; what tells a copy from another recording is the part that changes. Aligned planes and the map between
them go in, a correlation of their changes comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.geometry_pictures import warp
from vidforensics.types import PictureRelation

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array

CELL_PX = 4
LEAST_CELLS = 40
LEAST_CHANGE = 2.5
"""Levels RMS of change from one moment to the next, in both, below which nothing can be said."""
LEAST_CORRELATION = 0.35
"""Half way between what copies at the right moments reach at least (0.62) and strangers at most (0.14)."""
SURE_CORRELATION = 0.6
"""What another moment or speed must reach, as the best of several reaches more by chance."""


@dataclass(frozen=True, slots=True)
class MotionAgreement:
    """correlation: of the changes of both pictures, −1 to 1. change: the lesser of both, levels RMS."""

    correlation: float
    change: float

    @property
    def contradicts(self) -> bool:
        """Whether enough moves in both, but not the same: another recording, or another moment."""
        return self.change >= LEAST_CHANGE and self.correlation < LEAST_CORRELATION


def motion_agreement(
    query: ByteArray, reference: ByteArray, relation: PictureRelation
) -> MotionAgreement | None:
    """How far the changes between aligned moments agree.

    Args:
        query: uint8 (2n, h, w), luma of n moments, each followed by one a little later: near enough that
            few cuts lie between, which other recordings of one programme may share.
        reference: uint8 (2n, h2, w2), of the same moments.
        relation: the map from reference to query.

    Returns:
        None where there is no map, no moment, or hardly any common picture.
    """
    if relation.matrix is None or len(query) < 2:
        return None
    homography = np.vstack((np.reshape(relation.matrix, (2, 3)), (0.0, 0.0, 1.0)))
    warped, seen = warp(reference, homography, (query.shape[1], query.shape[2]))
    inside = _cells(np.asarray(seen > 0, dtype=np.float32).reshape(-1, *query.shape[1:])).min(axis=0) > 0.99
    if inside.sum() < LEAST_CELLS:
        return None
    ours, theirs = (_steps(planes)[:, inside] for planes in (query, warped))
    ours -= ours.mean(axis=1, keepdims=True)
    theirs -= theirs.mean(axis=1, keepdims=True)
    scale = float(np.sqrt((ours**2).sum() * (theirs**2).sum()))
    change = float(min(np.sqrt((ours**2).mean()), np.sqrt((theirs**2).mean())))
    return MotionAgreement(float((ours * theirs).sum()) / scale if scale > 0 else 0.0, change)


def _steps(planes: ByteArray) -> Float32Array:
    cells = _cells(planes.astype(np.float32))
    return cells[1::2] - cells[::2]


def _cells(planes: Float32Array) -> Float32Array:
    """Means of CELL_PX × CELL_PX samples, float32 (n, h', w'), which a shift by one sample hardly changes."""
    count, height, width = planes.shape
    rows, columns = height // CELL_PX, width // CELL_PX
    cut = planes[:, : rows * CELL_PX, : columns * CELL_PX]
    means = cut.reshape(count, rows, CELL_PX, columns, CELL_PX).mean(axis=(2, 4))
    return np.asarray(means, dtype=np.float32)

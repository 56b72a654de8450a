"""Stretches of an alignment on which the query shows something else: what was put in without moving the rest.

Planes of the query and of the reference at the same moments go in, with the map between them; the stretches
come out on which the two do not look alike although they do elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.geometry_pictures import warp

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray

CELL_PX = 4
LEAST_CELLS = 40
LEAST_TEXTURE = 2.0
AROUND_CELLS = 7


@dataclass(frozen=True, slots=True)
class HoleOptions:
    """When a stretch does not belong: alike under `unlike` for `least_s` where `alike` is usual elsewhere."""

    alike: float = 0.45
    unlike: float = 0.2
    least_s: float = 0.7


def likeness(query: ByteArray, reference: ByteArray, matrix: tuple[float, ...]) -> FloatArray:
    """How alike the fine structure of query and reference is at each moment.

    Args:
        query: uint8 (n, h, w).
        reference: uint8 (n, h2, w2), of the same moments.
        matrix: the 2×3 map from reference to query in fractions, row by row.

    Returns:
        float64 (n,), correlation from −1 to 1; NaN where either has no texture or they hardly overlap.
    """
    homography = np.vstack((np.reshape(matrix, (2, 3)), (0.0, 0.0, 1.0)))
    shape = (query.shape[1], query.shape[2])
    found = np.full(len(query), np.nan)
    for index, (ours, theirs) in enumerate(zip(query, reference, strict=True)):
        warped, seen = warp(theirs[None], homography, shape)
        inside = _cells(np.asarray(seen > 0, dtype=np.float32)) > 0.99
        if inside.sum() < LEAST_CELLS:
            return found
        a, b = (_detail(_cells(plane.astype(np.float32)))[inside] for plane in (ours, warped[0]))
        if min(a.std(), b.std()) >= LEAST_TEXTURE:
            found[index] = float(np.corrcoef(a, b)[0, 1])
    return found


def holes(
    times_s: FloatArray, alike: FloatArray, options: HoleOptions | None = None
) -> list[tuple[float, float]]:
    """Stretches that do not belong.

    Args:
        times_s: float64 (n,), ascending, query times of the moments.
        alike: float64 (n,) as `likeness` gives it.
        options: see `HoleOptions`.

    Returns:
        First and last moment of each stretch, in order; () where the whole is not alike to begin with.
    """
    options = options or HoleOptions()
    known = ~np.isnan(alike)
    if known.sum() < 4 or float(np.median(alike[known])) < options.alike:
        return []
    unlike = known & (np.nan_to_num(alike, nan=1.0) < options.unlike)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], unlike.astype(np.int8), [0])))).reshape(-1, 2)
    found = [(float(times_s[first]), float(times_s[last - 1])) for first, last in edges]
    return [(start_s, end_s) for start_s, end_s in found if end_s - start_s >= options.least_s]


def _cells(plane: Float32Array) -> Float32Array:
    rows, columns = plane.shape[0] // CELL_PX, plane.shape[1] // CELL_PX
    cut = plane[: rows * CELL_PX, : columns * CELL_PX].reshape(rows, CELL_PX, columns, CELL_PX)
    return np.asarray(cut.mean(axis=(1, 3)), dtype=np.float32)


def _detail(cells: Float32Array) -> Float32Array:
    """Cells less the mean around them, so that light and colour do not count."""
    import cv2

    around = cv2.blur(cells, (AROUND_CELLS, AROUND_CELLS), borderType=cv2.BORDER_REFLECT)
    return np.asarray(cells - around, dtype=np.float32)

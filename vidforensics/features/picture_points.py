"""Find the strongest local features of a luma plane and code each: 4 bytes of place, 8 of looks.

A luma plane goes in; positions and binary descriptors go out, for `PicturePrint` on the index's side and,
with many more points and finer scales, for the query's. Points are SIFT's (Lowe, "Distinctive Image
Features from Scale-Invariant Keypoints", IJCV 2004) without turning the descriptor: re-uploads tilt a
picture by a few degrees at most, and an upright descriptor tells more. 64 fixed random projections of it
keep their signs (Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC 2002).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray

DESCRIPTOR_BYTES = 8
STORED_POINTS, QUERY_POINTS = 24, 150
SIZE_STEPS_PER_OCTAVE = 24
SMALLEST_SIZE = 1.0 / 256.0
_SIFT_LENGTH = 128
_PROJECTION_SEED = 20_040_115
_CONTRAST = 0.012
_EDGE_RATIO = 12.0
_CELLS = (3, 4)
_CELL_SHARE = 1.5
_LEAST_SIDE = 16


def points_of(luma: ByteArray, count: int = STORED_POINTS) -> tuple[ByteArray, ByteArray]:
    """The points to store for a reference frame: coarse scales only, spread over the picture.

    Args:
        luma: uint8 (h, w), an analysis plane of about 320×180 samples.
        count: rows to return, 1 or more.

    Returns:
        points uint8 (count, 4) and descriptors uint8 (count, 8). A point is x and y in 1/255 of width and
        height, size in 1/24 octave above 1/256 of √(w·h), counted from 1, and direction in 1/256 turn.
        Rows beyond those found are zero, so size 0 marks an unused row; a blank plane has only such rows.
    """
    import cv2

    if min(luma.shape) < 2 * _LEAST_SIDE:
        return _packed([], None, (1, 1), count)
    # half size: what survives reduction to 240 lines, an inset of half the picture, and coding
    small = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return _points(small.astype(np.uint8, copy=False), count)


def query_points_of(luma: ByteArray, count: int = QUERY_POINTS) -> tuple[ByteArray, ByteArray]:
    """The points of a query frame: many, down to scales that a small inset needs.

    Args:
        luma: uint8 (h, w), an analysis plane of about 320×180 samples.
        count: rows to return, 1 or more.

    Returns:
        points uint8 (count, 4) and descriptors uint8 (count, 8), as `points_of` gives them.
    """
    if min(luma.shape) < _LEAST_SIDE:
        return _packed([], None, (1, 1), count)
    return _points(luma, count)


def _points(plane: ByteArray, count: int) -> tuple[ByteArray, ByteArray]:
    sift = _sift()
    found = _chosen(sift.detect(plane, None), plane.shape, count)
    if not found:
        return _packed([], None, (1, 1), count)
    turns = [point.angle for point in found]
    for point in found:
        point.angle = 0.0
    described, values = sift.compute(plane, found)
    for point, turn in zip(described, turns, strict=True):
        point.angle = turn
    return _packed(described, values, plane.shape, count)


@cache
def _sift() -> Any:
    import cv2

    make: Any = cv2.SIFT.create  # OpenCV's own annotations leave out what the build has
    return make(0, 3, _CONTRAST, _EDGE_RATIO, 1.6)


@cache
def _projection() -> Float32Array:
    """Orthonormal directions float32 (128, 64), blind to a descriptor's mean."""
    drawn = np.random.default_rng(_PROJECTION_SEED).normal(size=(_SIFT_LENGTH, DESCRIPTOR_BYTES * 8))
    # SIFT has no negative entries: without its mean most signs would be the same for every point
    drawn -= drawn.mean(axis=0)
    return np.linalg.qr(drawn)[0].astype(np.float32)


def _chosen(found: Sequence[Any], shape: tuple[int, ...], count: int) -> list[Any]:
    """The strongest points, no cell of a 3×4 grid holding much more than its share while others have some."""
    height, width = shape
    rows, columns = _CELLS
    share = max(1, round(_CELL_SHARE * count / (rows * columns)))
    held = np.zeros(rows * columns, dtype=np.int64)
    chosen: list[Any] = []
    spare: list[Any] = []
    seen: set[tuple[float, float, int]] = set()
    for point in sorted(found, key=lambda p: (-p.response, p.pt, p.angle)):
        x, y = point.pt
        # one place may have several directions; upright descriptors of it would be the same
        place = (x, y, point.octave)
        if place in seen:
            continue
        seen.add(place)
        cell = min(rows - 1, int(y * rows / height)) * columns + min(columns - 1, int(x * columns / width))
        held[cell] += 1
        (chosen if held[cell] <= share else spare).append(point)
        if len(chosen) == count:
            return chosen
    return chosen + spare[: count - len(chosen)]


def _packed(
    found: Sequence[Any], values: Float32Array | None, shape: tuple[int, ...], count: int
) -> tuple[ByteArray, ByteArray]:
    points = np.zeros((count, 4), dtype=np.uint8)
    codes = np.zeros((count, DESCRIPTOR_BYTES), dtype=np.uint8)
    if values is None:
        return points, codes
    height, width = shape
    raw: FloatArray = np.array([(p.pt[0], p.pt[1], p.size, p.angle) for p in found], dtype=np.float64)
    points[: len(raw), 0] = np.clip(np.rint((raw[:, 0] + 0.5) / width * 255.0), 0, 255)
    points[: len(raw), 1] = np.clip(np.rint((raw[:, 1] + 0.5) / height * 255.0), 0, 255)
    octaves = np.log2(raw[:, 2] / np.sqrt(width * height) / SMALLEST_SIZE)
    points[: len(raw), 2] = np.clip(np.rint(1.0 + SIZE_STEPS_PER_OCTAVE * octaves), 1, 255)
    points[: len(raw), 3] = np.rint(raw[:, 3] / 360.0 * 256.0).astype(np.int64) % 256
    codes[: len(raw)] = np.packbits(values @ _projection() > 0, axis=1)
    return points, codes

"""Geometry of normalisation: which way is up, how wide a sample is, how a plane becomes the analysis plane.

Takes display matrices, sizes and decoded planes; gives upright planes of one size per clip by area
averaging. The matrix is that of ISO/IEC 14496-12 section 8.3.2; the scaling is a cascade of bilinear
steps, most of them exact 2×2 means, which is nearly as faithful as an area average and several times
cheaper (docs/extraction.md has the table).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANALYSIS_PX = 57_600
MAX_ASPECT = 16.0
MAX_SAMPLE_ASPECT = 4.0


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored samples become upright: first transposed, then mirrored along x, along y."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False
    exact: bool = True

    @property
    def is_identity(self) -> bool:
        """Whether the stored picture is upright already."""
        return not (self.transpose or self.mirror_x or self.mirror_y)

    def describe(self) -> str:
        """The turn in words: "rotated 90° clockwise", with "mirrored" where it is."""
        mirrored = self.mirror_x ^ self.mirror_y ^ self.transpose
        if self.transpose:
            turn = "rotated 90° clockwise" if self.mirror_x else "rotated 90° anticlockwise"
        else:
            turn = "rotated 180°" if self.mirror_y else ""
        return " and ".join(part for part in (turn, "mirrored" if mirrored else "") if part)


def orientation_of(matrix: bytes | None) -> Orientation:
    """The turn that a display matrix asks for, to the nearest quarter turn.

    Args:
        matrix: nine native 32-bit integers (a, b, u, c, d, v, x, y, w), row by row, or None.

    Returns:
        The identity for None, a short matrix, or one that maps the picture to a line.

    Source: ISO/IEC 14496-12, 8.3.2: x' = a·x + c·y, y' = b·x + d·y.
    """
    if matrix is None or len(matrix) < 36:
        return Orientation()
    a, b, _, c, d, _, _, _, _ = struct.unpack("=9i", matrix[:36])
    if a * d == b * c:
        return Orientation()
    straight, turned = max(abs(a), abs(d)), max(abs(b), abs(c))
    exact = min(straight, turned) * 100 < max(straight, turned)
    if straight >= turned:
        return Orientation(False, a < 0, d < 0, exact)
    return Orientation(True, c < 0, b < 0, exact)


def upright(stack: NDArray[np.uint8], orientation: Orientation, axes: tuple[int, int]) -> NDArray[np.uint8]:
    """Turn pictures upright.

    Args:
        stack: pictures as stored, uint8.
        orientation: the turn.
        axes: which axes are height and width.

    Returns:
        The upright pictures, contiguous; the same array where nothing is to be done.
    """
    if orientation.is_identity:
        return stack
    height_axis, width_axis = axes
    turned = np.swapaxes(stack, height_axis, width_axis) if orientation.transpose else stack
    flips = (width_axis,) * orientation.mirror_x + (height_axis,) * orientation.mirror_y
    return np.ascontiguousarray(np.flip(turned, flips) if flips else turned)


def display_size(width: int, height: int, sample_aspect: float, orientation: Orientation) -> tuple[int, int]:
    """Size of the upright picture with square samples, never smaller than stored in either direction."""
    if sample_aspect >= 1.0:
        width = max(1, round(width * sample_aspect))
    else:
        height = max(1, round(height / sample_aspect))
    return (height, width) if orientation.transpose else (width, height)


def analysis_size(width: int, height: int) -> tuple[int, int]:
    """Even width and height of about 57,600 samples in the shape of the upright picture.

    >>> analysis_size(1920, 1080)
    (320, 180)
    """
    aspect = min(MAX_ASPECT, max(1.0 / MAX_ASPECT, width / height))
    return (
        2 * round(math.sqrt(ANALYSIS_PX * aspect) / 2.0),
        2 * round(math.sqrt(ANALYSIS_PX / aspect) / 2.0),
    )


class PlaneScaler:
    """Scales planes of one size to another by nearly exact area averaging, into a given array."""

    def __init__(self, source: tuple[int, int], target: tuple[int, int]) -> None:
        """Plan the steps; sizes are (width, height)."""
        self._target = target
        steps = [source]
        while steps[-1][0] >= 4 * target[0] and steps[-1][1] >= 4 * target[1]:
            steps.append((steps[-1][0] // 2, steps[-1][1] // 2))
        width, height = steps[-1]
        # bilinear steps only pass over samples where they shrink by more than two
        is_lopsided = width > 4 * target[0] or height > 4 * target[1]
        self._last = cv2.INTER_AREA if is_lopsided else cv2.INTER_LINEAR
        if not is_lopsided and (width, height) != (2 * target[0], 2 * target[1]):
            steps.append((2 * target[0], 2 * target[1]))
        self._steps = steps[1:]
        # kept between calls, as fresh megabytes for every frame cost page faults
        self._between: list[NDArray[Any] | None] = [None] * len(self._steps)

    def __call__(self, plane: NDArray[Any], out: NDArray[np.uint8], shift: int = 0) -> None:
        """Scale one plane into `out`, dropping `shift` low bits of 16-bit samples with rounding."""
        for step, size in enumerate(self._steps):
            plane = cv2.resize(plane, size, dst=self._between[step], interpolation=cv2.INTER_LINEAR)
            self._between[step] = plane
        if shift == 0:
            cv2.resize(plane, self._target, dst=out, interpolation=self._last)
            return
        small = cv2.resize(plane, self._target, interpolation=self._last)
        cv2.convertScaleAbs(small, dst=out, alpha=1.0 / (1 << shift))

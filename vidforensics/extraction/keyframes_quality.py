"""What makes a picture a good keyframe, and when two pictures look the same.

Takes analysis planes; gives a quality in 0 to 1 (sharpness, exposure, stillness) and a look made of the
64-bit DCT hash of the plane and a tiny copy of it. The hash follows Zauner, Implementation and benchmarking
of perceptual image hash functions (2010); sharpness is the mean absolute Laplacian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPARSE_STEP = 8
MIN_SPREAD = 6.0
MIN_RANGE = 24
SHARP = 6.0
MOVING = 10.0
HASH_SIDE = 8
TINY = (32, 32)
SAME_DIFFERENCE = 12.0
WHOLLY_DIFFERENT_BITS = 24
WHOLLY_DIFFERENT = 20.0


@dataclass(frozen=True, slots=True)
class Look:
    """A picture boiled down for comparison: hash bool (64,), tiny uint8 (32, 32)."""

    bits: NDArray[np.bool_]
    tiny: NDArray[np.uint8]

    def distance(self, other: Look) -> tuple[int, float]:
        """Hash bits that differ, and the mean absolute difference of the tiny copies."""
        bits = int(np.count_nonzero(self.bits != other.bits))
        return bits, float(cv2.absdiff(self.tiny, other.tiny).mean())

    def resembles(self, other: Look, same_bits: int) -> bool:
        """Whether the two pictures are nearly identical."""
        bits, difference = self.distance(other)
        return bits <= same_bits and difference <= SAME_DIFFERENCE

    def differs_wholly(self, other: Look) -> bool:
        """Whether the two pictures hardly show the same scene."""
        bits, difference = self.distance(other)
        return bits >= WHOLLY_DIFFERENT_BITS and difference >= WHOLLY_DIFFERENT


def look_of(luma: NDArray[np.uint8]) -> Look:
    """The look of one analysis plane, uint8 (h, w)."""
    tiny = np.asarray(cv2.resize(luma, TINY, interpolation=cv2.INTER_AREA), np.uint8)
    low = np.asarray(cv2.dct(tiny.astype(np.float32)))[:HASH_SIDE, :HASH_SIDE].ravel()
    return Look(low > np.median(low[1:]), tiny)


def sparse_planes(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every eighth sample of every eighth line of (N, h, w)."""
    return np.ascontiguousarray(luma[:, SPARSE_STEP // 2 :: SPARSE_STEP, SPARSE_STEP // 2 :: SPARSE_STEP])


def usable_frames(sparse: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which frames are neither black nor blank; bool (N,) from sparse planes."""
    spread = sparse.std(axis=(1, 2), dtype=np.float32)
    usable: NDArray[np.bool_] = (spread >= MIN_SPREAD) & (np.ptp(sparse, axis=(1, 2)) >= MIN_RANGE)
    return usable


def picture_quality(luma: NDArray[np.uint8], change: float) -> float:
    """How well a picture would serve as a keyframe, 0 to 1.

    Args:
        luma: uint8 (h, w), full range.
        change: mean absolute difference from the frame before; large in motion and transitions.
    """
    edges = cv2.convertScaleAbs(cv2.Laplacian(luma, cv2.CV_16S))
    sharpness = cv2.mean(edges)[0]
    shares = np.bincount(luma[::4, ::4].ravel(), minlength=256) / luma[::4, ::4].size
    clipped = float(shares[:4].sum() + shares[252:].sum())
    mean, spread = cv2.meanStdDev(luma)
    exposure = (1.0 - 0.5 * clipped) * min(1.0, float(spread[0, 0]) / 40.0)
    exposure *= 1.0 - abs(float(mean[0, 0]) - 118.0) / 256.0
    return float(sharpness / (sharpness + SHARP) * exposure * MOVING / (MOVING + change))

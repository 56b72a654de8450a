"""Hash sampled frames the PDQ way: 256 bits and a quality from 0 to 100 each, a whole block at a time.

Decoded blocks go in, `FrameHashes` come out, for tracing and for exchange with other archives. After
Meta's PDQ (ThreatExchange, pdq/README.md and "The TMK+PDQF Video-Hashing Algorithm and the PDQ
Image-Hashing Algorithm", 2019): 64×64 luma, the 16×16 lowest DCT coefficients without DC, cut at their
median. The one difference: the reduction starts from the analysis plane, not from the full picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import FrameBlock, FrameHashes

if TYPE_CHECKING:
    import imagehash

    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray

ALGORITHM = "pdq-luma-320/1"
SIDE, KEPT = 64, 16
HASH_BYTES = KEPT * KEPT // 8
_PROBE_STEP_PX = 8
_QUALITY_DIVISOR = 90.0


@dataclass(frozen=True, slots=True)
class HashOptions:
    """Which frames are hashed.

    interval_s: at least one hash per interval. change: mean luma step, in levels, against the last hashed
    frame that asks for one at once. least_gap_s: no two hashes are closer than this, so that flicker does
    not fill the memory.
    """

    interval_s: float = 0.5
    change: float = 12.0
    least_gap_s: float = 0.1


class FrameHashAccumulator:
    """Takes decoded blocks, hashes the frames that `HashOptions` picks."""

    def __init__(self, interval_s: float = 0.5, options: HashOptions | None = None) -> None:
        self._options = options or HashOptions(interval_s=interval_s)
        self._last: tuple[float, Float32Array] | None = None
        self._times: list[float] = []
        self._bits: list[ByteArray] = []
        self._quality: list[ByteArray] = []

    def update(self, block: FrameBlock) -> None:
        """Hash the frames of this block that are due."""
        half = _PROBE_STEP_PX // 2
        coarse = block.luma[:, half::_PROBE_STEP_PX, half::_PROBE_STEP_PX].astype(np.float32)
        due = [i for i, time_s in enumerate(block.pts_s) if self._is_due(float(time_s), coarse[i])]
        if due:
            bits, quality = hash_luma(block.luma[due])
            self._times += [float(block.pts_s[i]) for i in due]
            self._bits.append(bits)
            self._quality.append(quality)

    def finish(self) -> FrameHashes:
        """All hashes in the order of frames; empty arrays for no frame."""
        return FrameHashes(
            algorithm=ALGORITHM,
            times_s=np.asarray(self._times, dtype=np.float64),
            bits=np.concatenate([np.zeros((0, HASH_BYTES), np.uint8), *self._bits]),
            quality=np.concatenate([np.zeros(0, np.uint8), *self._quality]),
        )

    def _is_due(self, time_s: float, coarse: Float32Array) -> bool:
        if self._last is not None and not _calls_for_one(self._last, time_s, coarse, self._options):
            return False
        self._last = (time_s, coarse)
        return True


def _calls_for_one(
    last: tuple[float, Float32Array], time_s: float, coarse: Float32Array, options: HashOptions
) -> bool:
    gap_s = abs(time_s - last[0])  # timestamps may jump back
    if gap_s < options.least_gap_s:
        return False
    return gap_s >= options.interval_s or float(np.mean(np.abs(coarse - last[1]))) >= options.change


def hash_luma(luma: ByteArray) -> tuple[ByteArray, ByteArray]:
    """Hash a stack of luma planes.

    Args:
        luma: uint8 (N, h, w), any h and w of at least 1.

    Returns:
        bits uint8 (N, 32), most significant bit first, and quality uint8 (N,), 0–100; both empty for N = 0.
    """
    height, width = luma.shape[1:]
    small = _sampling(height) @ luma.astype(np.float32) @ _sampling(width).T
    return bits_of(small), quality_of(small)


def _sampling(length: int) -> Float32Array:
    """Matrix float32 (64, length) that reads a line at 64 points through PDQ's triangular window.

    PDQ takes the sample that begins at each centre, half a source sample late; an eighth of a sample of the
    analysis plane is that half for a 1280 px picture, and near it for others.
    """
    step = length / SIDE
    centre = (np.arange(SIDE)[:, None] + 0.5) * step - 0.5 + 0.125
    window = np.maximum(0.0, 1.0 - np.abs(np.arange(length)[None, :] - centre) / max(0.5 * step, 1.0))
    return np.asarray(window / np.maximum(window.sum(axis=1, keepdims=True), 1e-6), dtype=np.float32)


def dct_matrix() -> Float32Array:
    """Rows 1 to 16 of the orthonormal 64-point DCT-II, float32 (16, 64)."""
    k, n = np.arange(1, KEPT + 1)[:, None], np.arange(SIDE)[None, :]
    basis = np.sqrt(2.0 / SIDE) * np.cos(np.pi * k * (2 * n + 1) / (2 * SIDE))
    return np.asarray(basis, dtype=np.float32)


def bits_of(small: Float32Array) -> ByteArray:
    """Hash bits uint8 (N, 32) of planes float32 (N, 64, 64): each coefficient above the median is 1.

    The last coefficient comes first, which is the order in which PDQ hashes are written and exchanged.
    """
    basis = dct_matrix()
    coefficients = (basis @ small @ basis.T).reshape(len(small), KEPT * KEPT)
    if not len(small):
        return np.zeros((0, HASH_BYTES), dtype=np.uint8)
    median = np.median(coefficients, axis=1, keepdims=True)
    return np.packbits((coefficients > median)[:, ::-1], axis=1)


def quality_of(small: Float32Array) -> ByteArray:
    """PDQ's quality uint8 (N,), 0–100: the sum of steps between neighbours that exceed 1/100 of the range."""
    total: FloatArray = np.zeros(len(small), dtype=np.float64)
    for axis in (1, 2):
        steps = np.trunc(np.diff(small, axis=axis) * (100.0 / 255.0))
        total += np.abs(steps).sum(axis=(1, 2))
    return np.minimum(100.0, np.trunc(total / _QUALITY_DIVISOR)).astype(np.uint8)


def to_imagehash(bits: ByteArray) -> imagehash.ImageHash:
    """One hash as an `imagehash.ImageHash` of 16×16 bits, for exchange.

    Args:
        bits: uint8 (32,), one row of `FrameHashes.bits`.

    Raises:
        ValueError: any other shape.
    """
    import imagehash

    if bits.shape != (HASH_BYTES,):
        raise ValueError(f"one hash is {HASH_BYTES} bytes, not an array of shape {bits.shape}")
    return imagehash.ImageHash(np.unpackbits(bits).reshape(KEPT, KEPT).astype(bool))

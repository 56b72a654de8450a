"""Measure how pictures were made, not what they show: noise, spectrum, sharpness, colour, traces of scaling.

Decoded blocks go in, one `SourceSeries` comes out: a row of numbers for a few frames per second, measured on
the coded samples of at most `MAX_SIDE_PX` per side in the middle of the picture, so that cost is bounded.
Source: noise by the mask of Immerkær, Fast noise variance estimation (1996); resampling by the periodic
second difference of Gallagher, Detection of linear and cubic interpolation in JPEG images (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.picture_source_colour import COLOUR_NAMES, colour_values
from vidforensics.features.picture_source_noise import (
    NOISE_NAMES,
    STILL_NAMES,
    Scales,
    noise_values,
    stillness_values,
)
from vidforensics.features.picture_source_spectrum import SPECTRUM_NAMES, spectrum_values
from vidforensics.types import FrameBlock, NativePlanes, SourceSeries

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array

NAMES = (*NOISE_NAMES, *STILL_NAMES, *SPECTRUM_NAMES, *COLOUR_NAMES)
INTERVAL_S = 0.3
MAX_SIDE_PX = (768, 432)
LEAST_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class _Looked:
    """One frame's samples as measured: luma float32 (h, w), chroma float32, each full range."""

    luma: Float32Array
    chroma: tuple[Float32Array, ...]


class PictureSourceAccumulator:
    """Takes decoded blocks, measures a frame about every `INTERVAL_S`."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._rows: list[Float32Array] = []
        self._next_s = -np.inf

    def update(self, block: FrameBlock) -> None:
        """Measure the frames that are due, each with the frame behind it where the block has it."""
        times = block.pts_s.tolist()
        for i, time_s in enumerate(times):
            if time_s >= self._next_s or time_s < self._next_s - 2 * INTERVAL_S:
                after = block.pictures[i + 1].planes() if i + 1 < len(times) else None
                self._measure(time_s, block.pictures[i].planes(), after)

    def finish(self) -> SourceSeries:
        """The series; no row for no frame, or for pictures too small to measure."""
        rows = np.array(self._rows, np.float32).reshape(-1, len(NAMES))
        return SourceSeries(NAMES, np.array(self._times, np.float64), rows)

    def _measure(self, time_s: float, planes: NativePlanes, after: NativePlanes | None) -> None:
        self._next_s = time_s + INTERVAL_S
        if min(planes.luma.shape) < LEAST_SIDE_PX:
            return
        self._times.append(time_s)
        behind = None
        if after is not None and after.luma.shape == planes.luma.shape:
            behind = _middle(after.luma, 1, after.full_range)
        self._rows.append(measured(_looked(planes), behind))


def measured(now: _Looked, behind: Float32Array | None) -> Float32Array:
    """All numbers of one frame, float32 (K,) in the order of `NAMES`; NaN where one cannot be measured."""
    scales = Scales.of(now.luma)
    still = np.full(len(STILL_NAMES), np.nan, np.float32)
    if behind is not None:
        still = stillness_values(scales, behind)
    parts = [noise_values(scales, now.chroma), still, spectrum_values(scales)]
    return np.concatenate([*parts, colour_values(now.luma, now.chroma)]).astype(np.float32)


def _looked(planes: NativePlanes) -> _Looked:
    luma = _middle(planes.luma, 1, planes.full_range)
    chroma = tuple(_middle(plane, 2, planes.full_range, 224.0) for plane in planes.chroma)
    return _Looked(luma, chroma)


def _middle(plane: ByteArray, divisor: int, full_range: bool, narrow: float = 219.0) -> Float32Array:
    """The middle of a plane at full range, float32; it begins at a multiple of 16, where blocks begin."""
    height, width = plane.shape
    wide, high = MAX_SIDE_PX[0] // divisor, MAX_SIDE_PX[1] // divisor
    x, y = max(0, (width - wide) // 32 * 16), max(0, (height - high) // 32 * 16)
    cut = plane[y : y + min(high, height), x : x + min(wide, width)].astype(np.float32)
    if full_range:
        return cut
    cut -= 16.0 if narrow == 219.0 else 128.0
    cut *= np.float32(255.0 / narrow)
    if narrow != 219.0:
        cut += 128.0
    return cut

"""How likely frames are missing before each frame, measured as the pictures are decoded.

Decoded blocks go in, one `FrameGaps` comes out; nine small pictures are carried from block to block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.errors import MissingModelError
from vidforensics.features.gap_net import BEFORE, COLUMNS, FRAMES, ROWS, GapNet, gap_net
from vidforensics.types import FrameBlock, FrameGaps

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray


def gap_accumulator() -> GapAccumulator | str:
    """Who looks for missing frames through the decode pass; a sentence where its network cannot be read."""
    try:
        return GapAccumulator(gap_net())
    except MissingModelError as error:
        return str(error)


class GapAccumulator:
    """Takes every picture of the decode pass; judges each among the five before and the four after it."""

    def __init__(self, net: GapNet) -> None:
        self._net = net
        self._planes = np.zeros((0, ROWS, COLUMNS), np.float32)
        self._times: list[FloatArray] = []
        self._odds: list[Float32Array] = [np.full(BEFORE, np.nan, np.float32)]

    def update(self, block: FrameBlock) -> None:
        """Judge the frames whose followers are known by now."""
        if not len(block.luma):
            return
        self._times.append(np.asarray(block.pts_s, dtype=np.float64))
        planes = np.concatenate([self._planes, small_planes(block.luma)])
        self._odds.append(self._net.odds(planes))
        self._planes = planes[-(FRAMES - 1) :]

    def finish(self) -> FrameGaps:
        """Log odds of every frame; NaN for the first five and the last four, and where there are fewer."""
        times_s = np.concatenate([np.zeros(0), *self._times])
        known = np.concatenate(self._odds)[: len(times_s)]
        odds = np.full(len(times_s), np.nan, np.float32)
        odds[: len(known)] = known
        return FrameGaps(times_s, odds)


def small_planes(luma: ByteArray) -> Float32Array:
    """Area averages of each plane (N, h, w) on ROWS × COLUMNS samples, float32, luma levels."""
    import cv2

    planes = np.empty((len(luma), ROWS, COLUMNS), np.float32)
    for i, plane in enumerate(luma):
        planes[i] = cv2.resize(plane.astype(np.float32), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return planes

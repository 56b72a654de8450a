"""Fingerprint of a clip's pictures: a code of the whole picture and its strongest local points, per frame.

Decoded blocks go in, sparse or complete, a `PicturePrint` comes out. The index keeps one per video; a
query makes one of many more frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidforensics.features.picture_code import ALGORITHM, CODE_BYTES, codes_of
from vidforensics.features.picture_points import DESCRIPTOR_BYTES, STORED_POINTS, points_of
from vidforensics.types import FrameBlock, PicturePrint

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray

SLACK_S = 1e-3


@dataclass(frozen=True, slots=True)
class PrintOptions:
    """How frames are taken and what is kept of each.

    interval_s: frames nearer than this to the last one taken are passed over; 0 takes all. points: local
    points per frame; 0 leaves them out, which saves most of the time.
    """

    sampling: Literal["i-frames", "dense"] = "i-frames"
    interval_s: float = 0.0
    points: int = STORED_POINTS

    @classmethod
    def dense(cls, interval_s: float = 0.25) -> PrintOptions:
        """For a query, of which every frame is decoded and whose planes are at hand for local points."""
        return cls("dense", interval_s, 0)


class PicturePrintAccumulator:
    """Takes decoded blocks, fingerprints the frames that are due."""

    def __init__(self, options: PrintOptions | None = None) -> None:
        self._options = options or PrintOptions()
        self._last_s: float | None = None
        self._aspect = float("nan")
        self._times_s: list[float] = []
        self._codes: list[ByteArray] = []
        self._quality: list[ByteArray] = []
        self._points: list[ByteArray] = []
        self._descriptors: list[ByteArray] = []

    def update(self, block: FrameBlock) -> None:
        """Fingerprint the frames of this block that are due."""
        due = [i for i, time_s in enumerate(block.pts_s) if self._is_due(float(time_s))]
        if not due:
            return
        luma = block.luma[due]
        height, width = luma.shape[1:]
        self._aspect = width / height
        codes, quality = codes_of(luma)
        points, descriptors = _points_of(luma, quality, self._options.points)
        self._times_s += [float(block.pts_s[i]) for i in due]
        self._codes.append(codes)
        self._quality.append(quality)
        self._points.append(points)
        self._descriptors.append(descriptors)

    def finish(self) -> PicturePrint:
        """The fingerprint in the order of frames; empty arrays and a NaN aspect for no frame."""
        return PicturePrint(
            algorithm=ALGORITHM,
            sampling=self._options.sampling,
            aspect=self._aspect,
            times_s=np.asarray(self._times_s, dtype=np.float64),
            codes=np.concatenate([np.zeros((0, CODE_BYTES), np.uint8), *self._codes]),
            quality=np.concatenate([np.zeros(0, np.uint8), *self._quality]),
            points=np.concatenate([np.zeros((0, self._options.points, 4), np.uint8), *self._points]),
            descriptors=np.concatenate(
                [np.zeros((0, self._options.points, DESCRIPTOR_BYTES), np.uint8), *self._descriptors]
            ),
        )

    def _is_due(self, time_s: float) -> bool:
        # timestamps may jump back
        if self._last_s is not None and abs(time_s - self._last_s) < self._options.interval_s - SLACK_S:
            return False
        self._last_s = time_s
        return True


def _points_of(luma: ByteArray, quality: ByteArray, count: int) -> tuple[ByteArray, ByteArray]:
    points = np.zeros((len(luma), count, 4), np.uint8)
    descriptors = np.zeros((len(luma), count, DESCRIPTOR_BYTES), np.uint8)
    for index in np.flatnonzero(quality) if count else ():
        points[index], descriptors[index] = points_of(luma[index], count)
    return points, descriptors

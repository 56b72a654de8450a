"""Small pictures for the filmstrip, evenly spread over a clip of any length in flat memory.

Takes FrameBlocks; gives at most `limit` JPEGs with their times. While frames come in, those nearest to a
regular grid of times are kept; when they are too many the grid is made twice as coarse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidforensics.types import FrameBlock, Thumbnail

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SIDE_PX = 160
JPEG_QUALITY = 80


class ThumbnailAccumulator:
    """Keeps a thinned set of small pictures and encodes them at the end."""

    def __init__(self, limit: int = 120) -> None:
        """Keep at most `limit` pictures, and at least half as many if the clip has them."""
        self._limit = max(2, limit)
        self._step_s = 0.0
        self._next_s = -np.inf
        self._kept: list[tuple[float, NDArray[np.uint8]]] = []

    def update(self, block: FrameBlock) -> None:
        """Take the next frames."""
        for index, time_s in enumerate(block.pts_s.tolist()):
            if time_s < self._next_s:
                continue
            self._kept.append((time_s, _small_bgr(block, index)))
            self._next_s = time_s + self._step_s
            if len(self._kept) > self._limit:
                self._thin()

    def finish(self) -> tuple[Thumbnail, ...]:
        """The thumbnails in the order of their times; empty if no frame came."""
        return tuple(
            Thumbnail(time_s, _jpeg(picture)) for time_s, picture in sorted(self._kept, key=lambda k: k[0])
        )

    def _thin(self) -> None:
        """Keep the picture nearest to each point of a grid with half as many points."""
        times_s = np.array([time_s for time_s, _ in self._kept])
        span_s = float(times_s.max() - times_s.min())
        self._step_s = max(2.0 * self._step_s, 2.0 * span_s / self._limit)
        if self._step_s == 0.0:
            # timestamps that stand still: what came later shows nothing that can be placed
            self._kept.pop()
            return
        grid = times_s.min() + self._step_s * np.arange(int(span_s / self._step_s) + 1)
        nearest = sorted({int(np.abs(times_s - point).argmin()) for point in grid})
        self._kept = [self._kept[index] for index in nearest]
        self._next_s = self._kept[-1][0] + self._step_s


def _small_bgr(block: FrameBlock, index: int) -> NDArray[np.uint8]:
    luma, (blue, red) = block.luma[index], block.chroma[index]
    scale = min(1.0, MAX_SIDE_PX / max(luma.shape))
    size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (luma, red, blue)]
    return np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2BGR), np.uint8)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if done else b""

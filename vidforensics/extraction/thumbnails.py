"""Small pictures for the filmstrip, evenly spread over a clip of any length in flat memory.

Takes FrameBlocks; gives at most `limit` JPEGs with their times. While frames come in, one per
step of time is kept; when they are too many the step is doubled.
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
# rounded timestamps must not make every other frame miss its turn
SLACK = 0.999


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
        """Keep only pictures that are twice as far apart as before."""
        first_s, last_s = self._kept[0][0], self._kept[-1][0]
        average_s = max(0.0, last_s - first_s) / (len(self._kept) - 1)
        self._step_s = 2.0 * max(self._step_s, average_s) * SLACK
        thinned, self._next_s = [], -np.inf
        for time_s, picture in self._kept:
            if time_s >= self._next_s:
                thinned.append((time_s, picture))
                self._next_s = time_s + self._step_s
        # timestamps that stand still cannot be thinned: what came later shows nothing that can be placed
        self._kept = thinned[: self._limit]


def _small_bgr(block: FrameBlock, index: int) -> NDArray[np.uint8]:
    luma, (blue, red) = block.luma[index], block.chroma[index]
    scale = min(1.0, MAX_SIDE_PX / max(luma.shape))
    size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (luma, red, blue)]
    return np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2BGR), np.uint8)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if done else b""

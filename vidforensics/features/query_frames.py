"""The frames of a query: thinned, coded under every view, and kept at hand for a closer look.

Decoded blocks go in; `QueryFrames` come out. The luma planes go to a file, so that an hour of query costs no
more memory than a minute; whoever verifies a candidate reads back the few it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from vidforensics.features.query_views import query_views
from vidforensics.types import FrameBlock, QueryViews, View

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, FloatArray, IntArray

INTERVAL_S = 0.25
CHUNK_FRAMES = 24
SLACK_S = 1e-3


@dataclass(frozen=True, slots=True)
class QueryFrames:
    """Thinned frames of a query: times_s float64 (N,), their codes under views, their planes on disk.

    shape is (height, width) of a plane, (0, 0) without frames.
    """

    times_s: FloatArray
    views: QueryViews
    shape: tuple[int, int]
    planes: BinaryIO

    def luma(self, index: IntArray) -> ByteArray:
        """Planes uint8 (len(index), h, w) of frames, by their number in `times_s`."""
        height, width = self.shape
        out = np.empty((len(index), height, width), dtype=np.uint8)
        for row, number in zip(out, index.tolist(), strict=True):
            self.planes.seek(number * height * width)
            row[:] = np.frombuffer(self.planes.read(height * width), np.uint8).reshape(height, width)
        return out

    def nearest(self, times_s: FloatArray) -> IntArray:
        """Number of the frame nearest to each time; all 0 for a query of one frame.

        Raises:
            ValueError: there is no frame.
        """
        if not len(self.times_s):
            raise ValueError("a query without frames has no nearest one")
        order = np.argsort(self.times_s, kind="stable")
        ordered = self.times_s[order]
        right = np.clip(np.searchsorted(ordered, times_s), 1, max(1, len(ordered) - 1))
        right = np.minimum(right, len(ordered) - 1)
        left = np.maximum(right - 1, 0)
        is_left = np.abs(times_s - ordered[left]) <= np.abs(times_s - ordered[right])
        return np.asarray(order[np.where(is_left, left, right)], dtype=np.int64)


class QueryFrameAccumulator:
    """Takes every decoded block, keeps a frame per interval."""

    def __init__(self, planes: BinaryIO, interval_s: float = INTERVAL_S) -> None:
        """Write planes to `planes`, a file open for reading and writing that the caller closes."""
        self._interval_s = interval_s
        self._last_s: float | None = None
        self._planes = planes
        self._shape = (0, 0)
        self._times_s: list[float] = []
        self._waiting: list[ByteArray] = []
        self._views: dict[View, int] = {}
        self._rows: list[QueryViews] = []

    def update(self, block: FrameBlock) -> None:
        """Take the frames of this block that are due."""
        for index, time_s in enumerate(block.pts_s.tolist()):
            if self._last_s is not None and abs(time_s - self._last_s) < self._interval_s - SLACK_S:
                continue
            self._last_s = time_s
            self._shape = block.luma.shape[1:]
            self._planes.write(block.luma[index].tobytes())
            self._times_s.append(time_s)
            self._waiting.append(block.luma[index].copy())
            if len(self._waiting) == CHUNK_FRAMES:
                self._code()

    def finish(self) -> QueryFrames:
        """The frames in the order they came; empty for none."""
        self._code()
        times_s = np.asarray(self._times_s, dtype=np.float64)
        return QueryFrames(times_s, self._joined(), self._shape, self._planes)

    def _code(self) -> None:
        """Code the waiting frames; each chunk finds its own boxes, which others may share."""
        if not self._waiting and self._rows:
            return
        luma = np.stack(self._waiting) if self._waiting else np.zeros((0, 1, 1), np.uint8)
        count = len(self._waiting)
        times_s = np.asarray(self._times_s[len(self._times_s) - count :], dtype=np.float64)
        found = query_views(luma, times_s)
        numbers = np.array([self._views.setdefault(v, len(self._views)) for v in found.views], dtype=np.int64)
        self._rows.append(QueryViews((), found.times_s, numbers[found.view], found.codes, found.quality))
        self._waiting.clear()

    def _joined(self) -> QueryViews:
        return QueryViews(
            views=tuple(self._views),
            times_s=np.concatenate([row.times_s for row in self._rows]),
            view=np.concatenate([row.view for row in self._rows]),
            codes=np.concatenate([row.codes for row in self._rows]),
            quality=np.concatenate([row.quality for row in self._rows]),
        )

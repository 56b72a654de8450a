"""Analysis planes of normalisation: from a decoded frame of any pixel format to small luma and chroma.

Takes libav frames of one source; writes 8-bit planes as stored (not yet upright, range not yet widened),
so that the costly part touches each sample once and the rest works on the small planes of a whole block.
Formats without plain luma and chroma planes pass through libswscale first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import VideoReformatter

from vidforensics.extraction.normalise import PlaneScaler, upright
from vidforensics.extraction.normalise_colour import chroma_table, luma_table
from vidforensics.extraction.pictures import Source, as_planar, is_planar, plane_view, spare_bits

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

_NEUTRAL = 128


class PlaneReader:
    """Reads the frames of one source into planes of the analysis size."""

    def __init__(self, source: Source, analysis_size: tuple[int, int]) -> None:
        """Plan the reading; `analysis_size` is the upright (width, height), both even."""
        self._source = source
        self._planar = is_planar(source.pixel_format)
        self._shift = spare_bits(source.pixel_format)
        self._reformatter = VideoReformatter()
        width, height = analysis_size
        self.stored_size = (height, width) if source.orientation.transpose else (width, height)
        self._scalers: dict[tuple[int, int, int], PlaneScaler] = {}
        full = source.full_range or not self._planar
        self._luma_table = luma_table(full, source.transfer)
        self._chroma_table = chroma_table(full)

    def read(self, frame: VideoFrame, luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> None:
        """Scale one frame into luma (h, w) and chroma (2, h/2, w/2), both as stored."""
        if not self._planar:
            frame = self._as_planar(frame)
        planes = frame.planes
        self._scale(planes[0], luma, 1)
        if len(planes) < 3:
            chroma[:] = _NEUTRAL
            return
        self._scale(planes[1], chroma[0], 2)
        self._scale(planes[2], chroma[1], 2)

    def finish(
        self, luma: NDArray[np.uint8], chroma: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Widen the range of read planes (N, h, w) and (N, 2, h/2, w/2) in place and turn them upright."""
        luma, chroma = _looked_up(luma, self._luma_table), _looked_up(chroma, self._chroma_table)
        turn = self._source.orientation
        return upright(luma, turn, (1, 2)), upright(chroma, turn, (2, 3))

    def _as_planar(self, frame: VideoFrame) -> VideoFrame:
        return as_planar(frame, self._source, self._reformatter)

    def _scale(self, plane: Any, out: NDArray[np.uint8], divisor: int) -> None:
        view = plane_view(plane, self._shift)
        key = (plane.width, plane.height, divisor)
        scaler = self._scalers.get(key)
        if scaler is None:
            target = (self.stored_size[0] // divisor, self.stored_size[1] // divisor)
            scaler = self._scalers[key] = PlaneScaler(key[:2], target)
        scaler(view, out, self._shift)


def _looked_up(planes: NDArray[np.uint8], table: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if table is None:
        return planes
    import cv2

    flat = planes.reshape(-1, planes.shape[-1])
    return np.asarray(cv2.LUT(flat, table, dst=flat), np.uint8).reshape(planes.shape)

"""The picture side of the decode pass: decoded frames in, normalised blocks out.

Takes the frames of one stream in presentation order; gives FrameBlocks with exact times, and remembers
what was straightened and what was odd about the timestamps. Interlaced frames pass through bwdif
(Weston's three-field filter with yadif's spatial check) before anything is measured.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import VideoReformatter

from vidforensics.extraction.decode_interlace import Deinterlacer
from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.normalise import (
    MAX_SAMPLE_ASPECT,
    Orientation,
    analysis_size,
    orientation_of,
)
from vidforensics.extraction.normalise_planes import PlaneReader
from vidforensics.extraction.pictures import DecodedPicture, Source, source_of
from vidforensics.types import FrameBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import VideoFrame, VideoStream
    from numpy.typing import NDArray

MAX_SIDE_PX = 16_384
MAX_FRAME_PX = 200_000_000
JUMP_S = 10.0
NEGATIVE_S = -1e-6
# writers round display sizes to whole samples, which leaves aspects such as 427:426
SQUARE_WITHIN = 0.01


class PictureTrack:
    """Turns the frames of one picture stream into blocks."""

    def __init__(
        self, stream: VideoStream, origin_s: float, limits: tuple[int, int], problems: ProblemLog
    ) -> None:
        """Start with nothing decoded; `limits` are frames per block and bytes of frames kept per block."""
        self._stream = stream
        self._origin_s = origin_s
        self._max_frames, self._max_bytes = limits
        self._problems = problems
        self._reformatter = VideoReformatter()
        self._deinterlacer = Deinterlacer(problems)
        # AVI stores no presentation times; those that libav makes up for it are wrong with B-frames
        self._has_no_pts = stream.container.format.name == "avi"
        self._ticks: tuple[int, int] | None = None
        self._key: tuple[object, ...] | None = None
        self._source: Source | None = None
        self._reader: PlaneReader | None = None
        self._analysis: tuple[int, int] | None = None
        self._block: _BlockBuilder | None = None
        self.times_s = array("d")
        self.display_size: tuple[int, int] | None = None
        self.normalised: dict[str, None] = {}

    def take(self, frame: VideoFrame) -> Iterator[FrameBlock]:
        """Take the next frame of the decoder; gives the block that it completes, if any."""
        if _too_large(frame.width, frame.height):
            self._problems.add("size", f"A picture of {frame.width}×{frame.height} samples was not decoded")
            return
        if frame.is_corrupt:
            self._problems.add("corrupt", "The decoder marked a picture as damaged", self._last_s())
        for ready, time_s in self._deinterlacer.take(frame, self._time_of(frame)):
            yield from self._place(ready, time_s)

    def flush(self) -> Iterator[FrameBlock]:
        """Give what is still held back, at the end of the stream."""
        for ready, time_s in self._deinterlacer.flush():
            yield from self._place(ready, time_s)
        yield from self._close_block()
        if self._deinterlacer.used:
            self.normalised["deinterlaced (bwdif)"] = None

    def _place(self, frame: VideoFrame, time_s: float) -> Iterator[FrameBlock]:
        key = (
            frame.width,
            frame.height,
            frame.format.name,
            frame.rotation,
            frame.color_range,
            frame.colorspace,
            frame.color_trc,
        )
        if key != self._key:
            yield from self._close_block()
            self._start_source(frame, key, time_s)
        block = self._block
        if block is None:
            assert self._reader is not None and self._source is not None
            capacity = _frames_per_block(frame, self._max_frames, self._max_bytes)
            block = self._block = _BlockBuilder(len(self.times_s), self._reader, capacity)
        assert self._source is not None
        block.add(frame, time_s, DecodedPicture(frame, self._source, self._reformatter))
        self.times_s.append(time_s)
        if block.is_full:
            yield from self._close_block()

    def _close_block(self) -> Iterator[FrameBlock]:
        block, self._block = self._block, None
        if block is not None:
            yield block.finish()

    def _start_source(self, frame: VideoFrame, key: tuple[object, ...], time_s: float) -> None:
        orientation = self._orientation(frame)
        source = source_of(frame, self._sample_aspect(), orientation)
        if self._analysis is None:
            self.display_size = source.display_size
            self._analysis = analysis_size(*source.display_size)
        elif self._source is not None and source.display_size != self._source.display_size:
            width, height = source.display_size
            self._problems.add(
                "resize", f"The picture changes its size in mid-stream, here to {width}×{height}", time_s
            )
        self._key, self._source = key, source
        self._reader = PlaneReader(source, self._analysis)
        self._note(source)

    def _orientation(self, frame: VideoFrame) -> Orientation:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
        orientation = orientation_of(None if matrix is None else bytes(matrix))
        if not orientation.exact:
            self._problems.add(
                "turn", "The display matrix is no quarter turn, so the picture stays slightly tilted"
            )
        return orientation

    def _sample_aspect(self) -> float:
        ratio = self._stream.sample_aspect_ratio
        aspect = float(ratio) if ratio else 1.0
        if abs(aspect - 1.0) < SQUARE_WITHIN:
            return 1.0
        if 1.0 / MAX_SAMPLE_ASPECT <= aspect <= MAX_SAMPLE_ASPECT:
            return aspect
        self._problems.add("aspect", f"The sample aspect {ratio} is absurd and was read as 1:1")
        return 1.0

    def _note(self, source: Source) -> None:
        notes = [source.orientation.describe()]
        if source.sample_aspect != 1.0:
            notes.append(f"samples of aspect {source.sample_aspect:.4g} made square")
        if source.transfer != "sdr":
            notes.append(f"HDR ({source.transfer.upper()}) tone-mapped to standard range")
        if source.has_alpha:
            notes.append("transparency ignored")
        self.normalised.update((note, None) for note in notes if note)

    def _last_s(self) -> float:
        return self.times_s[-1] if self.times_s else 0.0

    def _time_of(self, frame: VideoFrame) -> float:
        previous = self._deinterlacer.last_time_s
        ticks = frame.dts if frame.pts is None or self._has_no_pts else frame.pts
        if self._has_no_pts:
            if previous is None:
                self._problems.add(
                    "avi", "AVI stores no presentation times, so pictures are placed in decoding order"
                )
        elif frame.pts is None:
            self._problems.add("no pts", "A picture carries no timestamp, so its time was derived", previous)
        if ticks is None or frame.time_base is None:
            return 0.0 if previous is None else previous + self._frame_s()
        if self._ticks is None:
            # read once, as libav's frames of one stream share it and each reading builds a Fraction
            self._ticks = (frame.time_base.numerator, frame.time_base.denominator)
        time_s = ticks * self._ticks[0] / self._ticks[1] - self._origin_s
        self._check_time(time_s, previous)
        return time_s

    def _check_time(self, time_s: float, previous: float | None) -> None:
        if time_s < NEGATIVE_S:
            self._problems.add("negative", "A picture lies before the start of the timeline", time_s)
        if previous is None:
            return
        if time_s == previous:
            self._problems.add("duplicate", "Two pictures carry the same timestamp", time_s)
        elif time_s < previous:
            self._problems.add("backward", "Picture timestamps run backwards", time_s)
        elif time_s - previous > JUMP_S:
            self._problems.add("jump", f"Picture timestamps jump by {time_s - previous:.1f} s", time_s)

    def _frame_s(self) -> float:
        rate = self._stream.average_rate
        return 1.0 / float(rate) if rate else 0.04


class _BlockBuilder:
    """Fills the arrays of one block."""

    def __init__(self, first_index: int, reader: PlaneReader, capacity: int) -> None:
        width, height = reader.stored_size
        self._first_index = first_index
        self._reader = reader
        self._luma = np.empty((capacity, height, width), np.uint8)
        self._chroma = np.empty((capacity, 2, height // 2, width // 2), np.uint8)
        self._times_s: list[float] = []
        self._pictures: list[DecodedPicture] = []

    @property
    def is_full(self) -> bool:
        return len(self._times_s) == len(self._luma)

    def add(self, frame: VideoFrame, time_s: float, picture: DecodedPicture) -> None:
        index = len(self._times_s)
        self._reader.read(frame, self._luma[index], self._chroma[index])
        self._times_s.append(time_s)
        self._pictures.append(picture)

    def finish(self) -> FrameBlock:
        count = len(self._times_s)
        luma, chroma = self._reader.finish(self._luma[:count], self._chroma[:count])
        times_s: NDArray[np.float64] = np.array(self._times_s)
        return FrameBlock(self._first_index, times_s, luma, chroma, tuple(self._pictures))


def _too_large(width: int, height: int) -> bool:
    return max(width, height) > MAX_SIDE_PX or width * height > MAX_FRAME_PX


def _frames_per_block(frame: VideoFrame, max_frames: int, max_bytes: int) -> int:
    frame_bytes = sum(plane.buffer_size for plane in frame.planes)
    return max(1, min(max_frames, max_bytes // max(1, frame_bytes)))

"""Deinterlacing for the decode pass, switched on by the first frame that is flagged as interlaced.

Takes frames with their times; gives as many frames with the same times, combed ones replaced by bwdif's
reconstruction at the time of their first field. Frames that are not flagged pass untouched, and
times are kept beside the filter because it rescales timestamps and knows none for frames without.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from av.error import BlockingIOError as AvBlockingIOError
from av.error import EOFError as AvEOFError
from av.error import FFmpegError
from av.filter import Graph

from vidforensics.extraction.decode_problems import ProblemLog

if TYPE_CHECKING:
    from av import VideoFrame

Timed = tuple["VideoFrame", float]


class Deinterlacer:
    """A filter graph that exists only while the stream needs it."""

    def __init__(self, problems: ProblemLog) -> None:
        self._problems = problems
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None
        self._waiting_s: deque[float] = deque()
        self._broken = False
        self.last_time_s: float | None = None
        self.used = False

    def take(self, frame: VideoFrame, time_s: float) -> list[Timed]:
        """Take one frame; gives the frames that are ready."""
        self.last_time_s = time_s
        if self._graph is None and (self._broken or not frame.interlaced_frame):
            return [(frame, time_s)]
        ready: list[Timed] = []
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and shape != self._shape:
            ready = self.flush()
            if not frame.interlaced_frame:
                return [*ready, (frame, time_s)]
        try:
            return ready + self._filter(frame, time_s, shape)
        except FFmpegError as error:
            self._problems.add(
                "deinterlace", f"Interlaced pictures could not be deinterlaced ({error.strerror})"
            )
            self._broken, self._graph = True, None
            self._waiting_s.clear()
            return [*ready, (frame, time_s)]

    def flush(self) -> list[Timed]:
        """End the filter, if there is one; gives the frames it still held."""
        if self._graph is None:
            return []
        graph, self._graph = self._graph, None
        try:
            graph.vpush(None)
            ready = self._pull(graph)
        except FFmpegError as error:
            self._problems.add(
                "deinterlace end", f"The deinterlacer lost its last pictures ({error.strerror})"
            )
            ready = []
        self._waiting_s.clear()
        return ready

    def _filter(self, frame: VideoFrame, time_s: float, shape: tuple[int, int, str]) -> list[Timed]:
        if self._graph is None:
            self._graph = _bwdif(frame)
            self._shape, self.used = shape, True
        frame.pts = None
        self._waiting_s.append(time_s)
        self._graph.vpush(frame)
        return self._pull(self._graph)

    def _pull(self, graph: Graph) -> list[Timed]:
        ready: list[Timed] = []
        while self._waiting_s:
            try:
                frame = graph.vpull()
            except (AvBlockingIOError, AvEOFError):
                break
            ready.append((frame, self._waiting_s.popleft()))
        return ready


def _bwdif(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    bwdif = graph.add("bwdif", mode="send_frame", parity="auto", deint="interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph

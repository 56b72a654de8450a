"""The cheap decode pass of tracing: key pictures only, and more only where they lie too far apart.

Takes a path and its probe; gives FrameBlocks of sparse pictures, normalised as `Decoder` does and on the
same timeline. The packets are read twice: once to see where the key pictures lie, once to decode what was
chosen. Packets that are not wanted never reach the decoder, which works alike for all codecs (libav's VP9
ignores skip_frame).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.error import FFmpegError

from vidforensics.errors import NotMediaError
from vidforensics.extraction.decode_picture import MAX_FRAME_PX, MAX_SIDE_PX, PictureTrack
from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.media import open_evidence, open_media
from vidforensics.types import FrameBlock, Probe

if TYPE_CHECKING:
    from av.container import InputContainer

    from vidforensics.records.arrays import BoolArray, FloatArray, IntArray

MAX_READ_ERRORS = 100
BLOCK_LIMITS = (16, 32_000_000)


@dataclass(frozen=True, slots=True)
class SparseOptions:
    """Which pictures are decoded.

    least_gap_s: key pictures nearer than this to the last one are left out. longest_gap_s: where key
    pictures lie further apart, pictures between them are decoded, `step_s` apart. A clip up to short_s, or
    up to twice that with fewer than fewest key pictures, uses the options whose names begin with short
    instead, since a short clip has little else to be found by.
    """

    least_gap_s: float = 1.5
    longest_gap_s: float = 6.0
    step_s: float = 4.0
    short_s: float = 30.0
    fewest: int = 8
    short_least_gap_s: float = 0.45
    short_longest_gap_s: float = 1.0
    short_step_s: float = 0.5


@dataclass(frozen=True, slots=True)
class PacketTable:
    """The packets of a picture stream in the order of the file.

    times_s float64 (P,) presentation time; is_key bool (P,), whether decoding can start there; is_shown
    bool (P,), False where an edit list of the file hides the picture.
    """

    times_s: FloatArray
    is_key: BoolArray
    is_shown: BoolArray


@dataclass(frozen=True, slots=True)
class Run:
    """Packets `first` to `last` of the stream to be decoded in one go, and the times wanted from them."""

    first: int
    last: int
    wanted_s: tuple[float, ...]


def sparse_frames(
    path: Path, probe: Probe, options: SparseOptions | None = None, problems: ProblemLog | None = None
) -> Iterator[FrameBlock]:
    """Pictures of a clip that are cheap to get and near enough to one another to find the clip by.

    Args:
        path: the file.
        probe: what the demuxer said of it.
        options: which pictures.
        problems: collects what was lost on the way.

    Returns:
        Blocks in the order of decoding; nothing for a file without a picture that can be decoded.

    Raises:
        NotMediaError: the file holds no stream that can be read.
        InputError: the file is missing or cannot be read.
    """
    problems = problems if problems is not None else ProblemLog()
    with opened(path) as container:
        stream = picture_stream(container, problems)
        if stream is None:
            return
        table = packet_table(container, stream, probe.origin_s, problems)
    runs = plan_runs(table, options or SparseOptions())
    with opened(path) as container:
        stream = picture_stream(container, ProblemLog())
        if stream is not None and runs:
            yield from SparsePass(container, stream, probe.origin_s, problems).blocks(runs)


def plan_runs(table: PacketTable, options: SparseOptions) -> list[Run]:
    """Which packets to decode.

    Args:
        table: the packets.
        options: how near the pictures shall lie.

    Returns:
        Runs in the order of the file, empty for no packet. Without any key packet the first one counts
        as such.
    """
    if not table.is_shown.any():
        return []
    keys = np.flatnonzero(table.is_key)
    if not len(keys):
        keys = np.zeros(1, np.int64)
    least_s, longest_s, step_s = _spacing(table, keys, options)
    runs: list[Run] = []
    last_s = -np.inf
    for key, stop in zip(keys.tolist(), [*keys[1:].tolist(), len(table.times_s)], strict=True):
        shown_s = table.times_s[key:stop][table.is_shown[key:stop]]
        if not len(shown_s):
            continue
        start_s = float(table.times_s[key] if table.is_shown[key] else shown_s.min())
        end_s = float(table.times_s[stop] if stop < len(table.times_s) else shown_s.max())
        if end_s - start_s > longest_s or not table.is_shown[key]:
            wanted_s = _steps(shown_s, start_s, end_s, step_s)
            in_time = np.flatnonzero(table.times_s[key:stop] <= wanted_s[-1])
            runs.append(Run(key, key + int(in_time[-1]), tuple(wanted_s.tolist())))
            last_s = float(wanted_s[-1])
        elif abs(start_s - last_s) >= least_s:  # timestamps may jump back
            runs.append(Run(key, key, (start_s,)))
            last_s = start_s
    return runs


def _spacing(table: PacketTable, keys: IntArray, options: SparseOptions) -> tuple[float, float, float]:
    """The shortest gap that is kept, the longest that is left alone, and the step where it is not."""
    span_s = np.ptp(table.times_s[table.is_shown])
    count = _thinned_count(table.times_s[keys], options.short_least_gap_s)
    if span_s <= options.short_s or (count < options.fewest and span_s <= 2.0 * options.short_s):
        return options.short_least_gap_s, options.short_longest_gap_s, options.short_step_s
    return options.least_gap_s, options.longest_gap_s, options.step_s


def _steps(shown_s: FloatArray, start_s: float, end_s: float, step_s: float) -> FloatArray:
    """Times from start_s on, step_s apart, leaving out steps in which no picture is shown."""
    within = shown_s[(shown_s >= start_s) & (shown_s <= max(end_s - 0.5 * step_s, start_s))]
    return start_s + step_s * np.unique(np.floor((within - start_s) / step_s))


def _thinned_count(times_s: FloatArray, least_gap_s: float) -> int:
    count, last_s = 0, -np.inf
    for time_s in times_s:
        if abs(time_s - last_s) >= least_gap_s:
            count, last_s = count + 1, time_s
    return count


class SparsePass:
    """The second reading: decodes the runs, one after the other."""

    def __init__(
        self,
        container: InputContainer,
        stream: Any,
        origin_s: float,
        problems: ProblemLog,
        *,
        exact: bool = False,
    ) -> None:
        self._container = container
        self._stream = stream
        self._context = stream.codec_context
        self._context.thread_count = 1
        self._context.thread_type = "NONE"
        self._origin_s = origin_s
        self._problems = problems
        self._exact = exact
        self._track = PictureTrack(stream, origin_s, BLOCK_LIMITS, problems)

    def blocks(self, runs: list[Run]) -> Iterator[FrameBlock]:
        """The pictures of at least one run, in the order of decoding; called once."""
        remaining = iter(runs)
        run = next(remaining)
        wanted_s = list(run.wanted_s)
        self._start(run)
        for index, packet in enumerate(_packets(self._container, self._stream, self._problems)):
            if index < run.first:
                continue
            yield from self._take(self._decoded(packet), wanted_s)
            if index == run.last:
                yield from self._take(self._decoded(None), wanted_s)
                if len(wanted_s) == len(run.wanted_s):
                    self._problems.add("key", "A key picture could not be decoded", run.wanted_s[0])
                following = next(remaining, None)
                if following is None:
                    break
                run, wanted_s = following, list(following.wanted_s)
                self._start(run)
        yield from self._take(self._decoded(None), wanted_s)
        yield from self._track.flush()

    def _start(self, run: Run) -> None:
        """Forget earlier packets; pictures between key pictures serve here only for fingerprints."""
        self._context.flush_buffers()
        whole = self._exact or run.first == run.last
        self._context.skip_frame = "DEFAULT" if whole else "NONREF"
        self._context.options = {"skip_loop_filter": "default" if whole else "all"}

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            frames = self._context.decode(packet)
        except av.error.EOFError:  # drained already
            return []
        except (FFmpegError, ValueError, MemoryError) as error:
            time_s = None if packet is None else _packet_time(packet, self._origin_s)
            reason = getattr(error, "strerror", None) or type(error).__name__
            self._problems.add("decode", f"A piece of the picture could not be decoded ({reason})", time_s)
            return []
        for frame in frames:
            if frame.time_base is None:  # so left where the decoder is drained
                frame.time_base = self._stream.time_base
        return list(frames)

    def _take(self, frames: list[Any], wanted_s: list[float]) -> Iterator[FrameBlock]:
        """Pass on the frames that are due, and strike their times from `wanted_s`."""
        for frame in frames:
            if not wanted_s or _frame_time(frame, self._origin_s, wanted_s[0]) < wanted_s[0] - 1e-6:
                continue
            time_s = _frame_time(frame, self._origin_s, wanted_s[0])
            wanted_s.pop(0)
            while wanted_s and wanted_s[0] <= time_s:
                wanted_s.pop(0)
            yield from self._track.take(frame)
            if frame.interlaced_frame:
                # the deinterlacer would weave in a picture of seconds ago
                yield from self._track.flush()


def _frame_time(frame: Any, origin_s: float, unknown_s: float) -> float:
    ticks = frame.dts if frame.pts is None else frame.pts
    if ticks is None or frame.time_base is None:
        return unknown_s
    return float(ticks * frame.time_base) - origin_s


def _packet_time(packet: Any, origin_s: float) -> float | None:
    ticks = packet.dts if packet.pts is None else packet.pts
    if ticks is None or not packet.time_base:
        return None
    return float(ticks * packet.time_base) - origin_s


def packet_table(
    container: InputContainer, stream: Any, origin_s: float, problems: ProblemLog
) -> PacketTable:
    """What is said of every packet; packets without a time stand one frame after the last."""
    times_s, is_key, is_shown = array("d"), array("b"), array("b")
    frame_s = 1.0 / float(stream.average_rate) if stream.average_rate else 0.04
    for packet in _packets(container, stream, problems):
        time_s = _packet_time(packet, origin_s)
        if time_s is None:
            time_s = times_s[-1] + frame_s if times_s else 0.0
        times_s.append(time_s)
        is_key.append(packet.is_keyframe)
        is_shown.append(not packet.is_discard)
    return PacketTable(np.array(times_s), np.array(is_key, np.bool_), np.array(is_shown, np.bool_))


def _packets(container: InputContainer, stream: Any, problems: ProblemLog) -> Iterator[Any]:
    """Packets with content in the order of the file, past every reading error that can be passed."""
    errors = 0
    while True:
        try:
            yield from (packet for packet in container.demux(stream) if packet.size)
        except (FFmpegError, OSError) as error:
            errors += 1
            reason = getattr(error, "strerror", None) or type(error).__name__
            problems.add("read", f"The file could not be read on ({reason})")
            if errors < MAX_READ_ERRORS:
                continue
        return


def picture_stream(container: InputContainer, problems: ProblemLog) -> Any:
    """The picture stream that is examined; None where there is none that can be decoded."""
    attached = av.stream.Disposition.attached_pic
    stream: Any = next((s for s in container.streams.video if not s.disposition & attached), None)
    if stream is None:
        return None
    if stream.codec_context is None:
        problems.add("picture codec", "The picture is in a coding that cannot be decoded")
        return None
    width, height = stream.codec_context.width, stream.codec_context.height
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_FRAME_PX:
        problems.add("size", f"The picture of {width}×{height} samples was not decoded")
        return None
    return stream


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a file for reading packets.

    Raises:
        NotMediaError, InputError: as `sparse_frames`.
    """
    with ExitStack() as opening:
        handle = opening.enter_context(open_evidence(path))
        try:
            container = opening.enter_context(open_media(handle))
        except (FFmpegError, ValueError) as error:
            raise NotMediaError(
                f"{path} is no media file that can be read ({getattr(error, 'strerror', error)}); "
                "check that it arrived whole."
            ) from error
        yield container

"""The one decode pass: a file in, blocks of normalised pictures and sound out, and an account of both.

Takes a path and its probe; iterating gives FrameBlocks and AudioBlocks roughly in timeline order from one
demultiplexing of the file, `summary()` says what came out and what was lost. Time is pts × time_base
minus the probe's origin, and damage is recorded and passed over, never a reason to stop early.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.container
import cv2
import numpy as np
from av.error import FFmpegError

from vidforensics.errors import DecodeError, NotMediaError
from vidforensics.extraction.decode_picture import MAX_FRAME_PX, MAX_SIDE_PX, PictureTrack
from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.decode_sound import SoundTrack
from vidforensics.media import open_evidence, open_media
from vidforensics.types import AudioBlock, DecodeSummary, FrameBlock, Probe

MAX_SOUND_TRACKS = 16
MAX_READ_ERRORS = 100
Block = FrameBlock | AudioBlock


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How to decode: which streams, how large a block may grow, how many threads a decoder may use."""

    picture: bool = True
    sound: bool = True
    block_frames: int = 32
    block_bytes: int = 32_000_000
    sound_block_s: float = 1.0
    threads: int = 1


class Decoder:
    """One pass over one file; a context manager to be iterated once."""

    def __init__(self, path: Path, probe: Probe, options: DecodeOptions | None = None) -> None:
        """Remember what to do; the file is opened on entering the context."""
        self._path = path
        self._probe = probe
        self._options = options or DecodeOptions()
        self._problems = ProblemLog()
        self._open = ExitStack()
        self._container: av.container.InputContainer | None = None
        self._picture: PictureTrack | None = None
        self._sounds: dict[int, SoundTrack] = {}
        self._streams: list[Any] = []
        self._cv2_threads = 1

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            NotMediaError: the file holds no stream that can be read.
            InputError: the file is missing or cannot be read.
        """
        with ExitStack() as opening:
            handle = opening.enter_context(open_evidence(self._path))
            try:
                self._container = opening.enter_context(open_media(handle))
            except (FFmpegError, ValueError) as error:
                raise NotMediaError(
                    f"{self._path} is no media file that can be read ({_reason(error)}); "
                    "check that it arrived whole."
                ) from error
            self._open = opening.pop_all()
        # blocks are small: a second thread costs more than it saves
        self._cv2_threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        self._choose_streams()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._container is not None:
            self._container = None
            cv2.setNumThreads(self._cv2_threads)
        self._open.close()

    def __iter__(self) -> Iterator[Block]:
        """Decode the file.

        Raises:
            DecodeError: not one picture and not one sample came out.
        """
        for packet in self._packets():
            yield from self._decoded(packet)
        if self._picture is not None:
            yield from self._picture.flush()
        for sound in self._sounds.values():
            yield from sound.flush()
        self._require_something()

    def summary(self) -> DecodeSummary:
        """How the pass went; meaningful once the iteration has ended."""
        picture = self._picture
        times_s = np.array(picture.times_s if picture else (), np.float64)
        width, height = (picture.display_size if picture else None) or (None, None)
        sound_ends_s = [sound.latest_s for sound in self._sounds.values() if sound.sample_count]
        return DecodeSummary(
            frame_count=len(times_s),
            frame_times_s=times_s,
            width_px=width,
            height_px=height,
            variable_frame_rate=variable_frame_rate(times_s, _tick_s(self._probe)),
            normalised=tuple(picture.normalised) if picture else (),
            problems=self._problems.sentences(),
            sound_end_s=max(sound_ends_s, default=None),
        )

    def _choose_streams(self) -> None:
        assert self._container is not None
        if self._options.picture:
            self._choose_picture(self._container)
        if self._options.sound:
            self._choose_sounds(self._container)

    def _choose_picture(self, container: av.container.InputContainer) -> None:
        chosen = next((s for s in container.streams.video if not _is_attached(s)), None)
        if chosen is None:
            return
        context = chosen.codec_context
        if context is None:
            self._problems.add("picture codec", "The picture is in a coding that cannot be decoded")
            return
        width, height = context.width, context.height
        if max(width, height) > MAX_SIDE_PX or width * height > MAX_FRAME_PX:
            self._problems.add("size", f"The picture of {width}×{height} samples was not decoded")
            return
        _set_threads(context, self._options.threads)
        limits = (self._options.block_frames, self._options.block_bytes)
        self._picture = PictureTrack(chosen, self._probe.origin_s, limits, self._problems)
        self._streams.append(chosen)

    def _choose_sounds(self, container: av.container.InputContainer) -> None:
        streams = container.streams.audio
        for track, stream in enumerate(streams[:MAX_SOUND_TRACKS]):
            if stream.codec_context is None:
                self._problems.add(
                    f"codec {track}", f"Sound track {track} is in a coding that cannot be decoded"
                )
                continue
            _set_threads(stream.codec_context, 1)
            sound = SoundTrack(track, self._probe.origin_s, self._options.sound_block_s, self._problems)
            self._sounds[stream.index] = sound
            self._streams.append(stream)
        if len(streams) > MAX_SOUND_TRACKS:
            left = len(streams) - MAX_SOUND_TRACKS
            self._problems.add(
                "tracks", f"{left} sound tracks beyond the first {MAX_SOUND_TRACKS} were not decoded"
            )

    def _packets(self) -> Iterator[Any]:
        """Packets in file order, then one empty packet per stream, past every error that can be passed."""
        assert self._container is not None
        if not self._streams:
            return
        errors = 0
        while True:
            try:
                yield from self._container.demux(self._streams)
            except (FFmpegError, OSError) as error:
                errors += 1
                self._problems.add("read", f"The file could not be read on ({_reason(error)})")
                if errors < MAX_READ_ERRORS:
                    continue
            return

    def _decoded(self, packet: Any) -> Iterator[Block]:
        # not packet.stream_index, which is 0 for the empty packets that drain the decoders
        index = packet.stream.index
        try:
            frames = packet.decode()
        except (FFmpegError, ValueError, MemoryError) as error:
            self._note_damage(packet, error)
            return
        sound = self._sounds.get(index)
        if sound is not None:
            for frame in frames:
                yield from sound.take(frame)
        elif self._picture is not None:
            for frame in frames:
                yield from self._picture.take(frame)

    def _note_damage(self, packet: Any, error: Exception) -> None:
        index = packet.stream.index
        kind = "sound" if index in self._sounds else "picture"
        code = f"decode {index} {type(error).__name__}"
        ticks = packet.pts if packet.pts is not None else packet.dts
        time_s = None
        if ticks is not None and packet.time_base:
            time_s = float(ticks * packet.time_base) - self._probe.origin_s
        sentence = f"A piece of the {kind} (stream {index}) could not be decoded ({_reason(error)})"
        self._problems.add(code, sentence, time_s)

    def _require_something(self) -> None:
        if self._picture is not None and self._picture.times_s:
            return
        if any(sound.sample_count for sound in self._sounds.values()):
            return
        reasons = " ".join(self._problems.sentences()) or "It holds no picture and no sound."
        raise DecodeError(
            f"Nothing in {self._path} could be decoded. {reasons} Fetch the file again or repair it."
        )


def variable_frame_rate(times_s: np.ndarray[Any, Any], tick_s: float) -> bool | None:
    """Whether more than 1 in 50 frame intervals differ from the median by more than rounding explains.

    Args:
        times_s: (N,) float64 presentation times.
        tick_s: the stream's time base; rounding moves an interval by at most one tick.

    Returns:
        None with fewer than three frames.
    """
    if len(times_s) < 3:
        return None
    intervals = np.diff(times_s)
    median = float(np.median(intervals))
    tolerance = max(1.01 * tick_s, 0.02 * abs(median))
    return bool(np.mean(np.abs(intervals - median) > tolerance) > 0.02)


def _is_attached(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _set_threads(context: Any, threads: int) -> None:
    context.thread_count = threads
    context.thread_type = "NONE" if threads == 1 else "AUTO"


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _tick_s(probe: Probe) -> float:
    stream = probe.first("video")
    if stream is None or not stream.time_base:
        return 0.0
    numerator, _, denominator = stream.time_base.partition("/")
    return float(numerator) / float(denominator or 1)

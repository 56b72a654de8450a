"""The coded pictures of a clip without decoding them: packets, types, quantisers, GOPs, settings, joins.

A path and its probe go in, one demux pass reads packet headers only, and a `Bitstream` comes out. Memory
grows by about 100 bytes per packet; hostile streams are bounded by the limits of the header readers.
Source: ITU-T H.264 and H.265, ISO/IEC 11172-2, 13818-2 and 14496-2, VP9 and AV1 specifications.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidforensics.acquisition.bitstream_columns import (
    NO_HEADER,
    UNKNOWN,
    HeaderEvent,
    HeaderReader,
    PacketColumns,
    SoundColumns,
)
from vidforensics.acquisition.bitstream_facts import gather_facts
from vidforensics.acquisition.bitstream_tables import bitstream_record, empty_bitstream
from vidforensics.acquisition.headers import MAX_EXTRADATA_BYTES, header_reader
from vidforensics.acquisition.headers_sound import SoundReader, sound_reader
from vidforensics.errors import NotMediaError
from vidforensics.media import open_evidence, open_media
from vidforensics.types import Bitstream, Finding, Probe

if TYPE_CHECKING:
    import av.container

MAX_PACKETS = 20_000_000
MAX_SOUND_STREAMS = 8


def read_bitstream(path: Path, probe: Probe) -> Bitstream:
    """Read the headers of the examined picture stream and the times of the sound streams.

    Args:
        path: the clip.
        probe: what `probe` said of it; the first picture stream that is no attached picture is read.

    Returns:
        The coded stream; with empty tables and a reason in `not_read` for a clip without picture. Header
        fields are NaN or "?" where the codec's headers are not read, and `not_read` says so.

    Raises:
        NotMediaError: the file cannot be opened as media.
    """
    stream = probe.first("video")
    if stream is None:
        return empty_bitstream("the clip has no picture stream")
    run = _Pass(probe, stream.index, stream.codec or "unknown")
    run.read(path)
    return run.record()


class _Pass:
    """One demux pass: what it reads with, and what it has gathered."""

    def __init__(self, probe: Probe, index: int, codec: str) -> None:
        self._probe = probe
        self._index = index
        self._codec = codec
        self._columns = PacketColumns()
        self._reader: HeaderReader | None = None
        self._sounds: dict[int, tuple[SoundColumns, SoundReader | None]] = {}
        self._tick_s = math.nan
        self._findings: list[Finding] = []
        self._extradata = b""

    def read(self, path: Path) -> None:
        import av

        try:
            with open_evidence(path) as handle, open_media(handle) as container:
                self._prepare(container)
                self._demux(container)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if not len(self._columns):
                raise NotMediaError(
                    f"{path} cannot be read as media ({error}); check that it is complete"
                ) from error
            self._note("packets_end_early", f"The packets end early: {str(error)[:200]}.")

    def record(self) -> Bitstream:
        facts = gather_facts(
            self._codec,
            self._columns,
            (self._tick_s, self._probe.origin_s),
            self._reader.log.events if self._reader else [],
            [columns for columns, _ in self._sounds.values()],
        )
        not_read = None if self._reader else f"headers of {self._codec} pictures are not read, only packets"
        return bitstream_record(self._index, self._columns, facts, tuple(self._findings), not_read)

    def _prepare(self, container: av.container.InputContainer) -> None:
        if self._index >= len(container.streams):
            raise ValueError("its picture stream is gone")
        video = container.streams[self._index]
        self._tick_s = float(video.time_base or 0) or math.nan
        context = video.codec_context
        self._extradata = bytes(context.extradata or b"") if context else b""
        self._reader = header_reader(self._codec, self._extradata)
        for sound in container.streams.audio[:MAX_SOUND_STREAMS]:
            codec = sound.codec_context.name if sound.codec_context else "unknown"
            columns = SoundColumns(sound.index, codec, float(sound.time_base or 0) or math.nan)
            self._sounds[sound.index] = (columns, sound_reader(codec))

    def _demux(self, container: av.container.InputContainer) -> None:
        streams = [container.streams[index] for index in (self._index, *self._sounds)]
        for number, packet in enumerate(container.demux(streams)):
            if number >= MAX_PACKETS:
                self._note("packets_limited", f"Only the first {MAX_PACKETS} packets were read.")
                return
            if packet.size:
                if packet.stream_index == self._index:
                    self._picture(packet)
                else:
                    self._sound(packet)

    def _picture(self, packet: Any) -> None:
        columns, number = self._columns, len(self._columns)
        pts, dts, position = packet.pts, packet.dts, packet.pos
        is_key = packet.is_keyframe
        columns.pts.append(UNKNOWN if pts is None else pts)
        columns.dts.append(UNKNOWN if dts is None else dts)
        columns.sizes.append(packet.size)
        columns.positions.append(-1 if position is None else position)
        columns.keys.append(is_key)
        if is_key and number and self._reader and packet.has_sidedata("new_extradata"):
            self._new_extradata(packet, number)
        columns.add_header(self._reader.read(bytes(packet), number) if self._reader else NO_HEADER)

    def _new_extradata(self, packet: Any, number: int) -> None:
        """A second description of the same stream in the container begins here."""
        assert self._reader is not None
        data = bytes(packet.get_sidedata("new_extradata"))
        changed = data != self._extradata
        self._extradata = data
        text = "another header of the container's own list"
        self._reader.log.note(HeaderEvent(number, "extradata", changed, text))
        self._reader.read_extradata(data[:MAX_EXTRADATA_BYTES], number)

    def _sound(self, packet: Any) -> None:
        columns, reader = self._sounds[packet.stream_index]
        pts = packet.pts
        columns.pts.append(UNKNOWN if pts is None else pts)
        columns.durations.append(packet.duration or 0)
        if reader is not None:
            reader.look(bytes(packet), len(columns.pts) - 1, columns)

    def _note(self, code: str, sentence: str) -> None:
        self._findings.append(Finding(code, "anomaly", sentence))

"""What the demux pass gathers: one row per packet in flat arrays, and a bounded list of header events.

Header readers hand in a `FrameHeader` per packet and note events in a `HeaderLog`; numpy views come out.
Nothing of a packet is kept but these numbers, so memory grows by about 60 bytes per coded picture.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray, IntArray

UNKNOWN = -(2**62)
MAX_EVENTS = 4096
MAX_TEXT = 2000

FLAG_IDR = 1
FLAG_CRA = 2
FLAG_LEADING = 4
FLAG_FIELD = 8
FLAG_NUMBER_BREAK = 16
FLAG_REFERENCE = 32
FLAG_HIDDEN = 64
FLAG_BROKEN_LINK = 128


class FrameHeader(NamedTuple):
    """What one packet's headers say of its picture; UNKNOWN and NaN where they say nothing.

    order is the picture order count since the last IDR picture, number the standard's own counter
    (frame_num, temporal reference), idr the idr_pic_id, ticks the microseconds of a clock
    written inside the headers.
    """

    kind: str = "?"
    qp: float = float("nan")
    order: int = UNKNOWN
    number: int = UNKNOWN
    idr: int = UNKNOWN
    flags: int = 0
    ticks: int = UNKNOWN


NO_HEADER = FrameHeader()


@dataclass(frozen=True, slots=True)
class HeaderEvent:
    """Something said beside a picture: kind SPS, PPS, VPS, sequence, encoder, extradata or timecode."""

    packet: int
    kind: str
    changed: bool
    text: str
    value: int = 0


@dataclass(slots=True)
class HeaderLog:
    """Events in packet order; beyond `MAX_EVENTS` they are only counted."""

    events: list[HeaderEvent] = field(default_factory=list)
    dropped: int = 0

    def note(self, event: HeaderEvent) -> None:
        """Keep the event if there is room."""
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)
        else:
            self.dropped += 1


class HeaderReader(Protocol):
    """Reads the headers of one codec; keeps what the next packet's headers depend on."""

    log: HeaderLog

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of the picture in packet number `packet`, never raising on bad data."""

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Take what the container's header holds, from packet number `packet` on."""


class PacketColumns:
    """Growing columns of the picture stream."""

    __slots__ = (
        "dts",
        "flags",
        "idr",
        "keys",
        "kinds",
        "number",
        "order",
        "positions",
        "pts",
        "qp",
        "sizes",
        "ticks",
    )

    def __init__(self) -> None:
        self.pts = array("q")
        self.dts = array("q")
        self.sizes = array("q")
        self.positions = array("q")
        self.keys = bytearray()
        self.kinds = bytearray()
        self.qp = array("d")
        self.order = array("q")
        self.number = array("q")
        self.idr = array("q")
        self.flags = array("H")
        self.ticks = array("q")

    def __len__(self) -> int:
        return len(self.sizes)

    def add_header(self, header: FrameHeader) -> None:
        """Append what the headers of the newest packet say."""
        self.kinds.append(ord(header.kind))
        self.qp.append(header.qp)
        self.order.append(header.order)
        self.number.append(header.number)
        self.idr.append(header.idr)
        self.flags.append(header.flags)
        self.ticks.append(header.ticks)


class SoundColumns:
    """Growing columns of one sound stream: time and length of each packet, and the places of events."""

    __slots__ = ("breaks", "codec", "durations", "idents", "index", "pts", "time_base_s")

    def __init__(self, index: int, codec: str, time_base_s: float) -> None:
        self.index = index
        self.codec = codec
        self.time_base_s = time_base_s
        self.pts = array("q")
        self.durations = array("q")
        self.idents: list[tuple[int, str]] = []
        self.breaks: list[int] = []


def as_numbers(column: array[int]) -> IntArray:
    """The column as int64, shape (N,); UNKNOWN stays."""
    import numpy as np

    return np.array(column, dtype=np.int64)


def as_seconds(column: array[int], time_base_s: float, origin_s: float) -> FloatArray:
    """Time stamps in seconds on the clip's timeline, shape (N,); NaN where unknown."""
    import numpy as np

    ticks = np.array(column, dtype=np.int64)
    seconds = ticks * time_base_s - origin_s
    return np.where(ticks == UNKNOWN, np.nan, seconds)

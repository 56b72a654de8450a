"""Reads VP8, VP9 and AV1 frame headers: picture types, the base quantiser of VP9, size and colour changes.

Packets go in; a `FrameHeader` per packet comes out, and changed sizes or sequence headers go to the log.
Source: RFC 6386 clause 9.1; VP9 bitstream specification 6.2 and annex B; AV1 specification 5.3 to 5.9.
"""

from __future__ import annotations

from vidforensics.acquisition.bitstream_bits import BitReader, HeaderError
from vidforensics.acquisition.bitstream_columns import (
    FLAG_HIDDEN,
    FLAG_IDR,
    NO_HEADER,
    FrameHeader,
    HeaderEvent,
    HeaderLog,
)

_OBU_SEQUENCE, _OBU_FRAME_HEADER, _OBU_FRAME = 1, 3, 6
_MAX_OBUS = 64


class _SequenceLog:
    """Notes the sequence description when it first appears and whenever it changes."""

    def __init__(self) -> None:
        self.log = HeaderLog()
        self._description = b""

    def note(self, packet: int, description: bytes, summary: str) -> None:
        if description != self._description:
            changed = bool(self._description)
            self._description = description
            self.log.note(HeaderEvent(packet, "sequence", changed, summary))


class Vp8Reader:
    """VP8: three bytes of frame tag, and the size in key frames."""

    def __init__(self, extradata: bytes) -> None:
        self._sequence = _SequenceLog()
        self.log = self._sequence.log

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Nothing: the container's header says no more than the key frames do."""

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of one packet's picture; empty where nothing could be read."""
        if len(data) < 3:
            return NO_HEADER
        hidden = 0 if data[0] & 0x10 else FLAG_HIDDEN
        if data[0] & 1:
            return FrameHeader("P", flags=hidden)
        if len(data) >= 10 and data[3:6] == b"\x9d\x01\x2a":
            width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
            self._sequence.note(packet, data[6:10], f"VP8 {width}×{height}")
        return FrameHeader("I", flags=hidden | FLAG_IDR)


class Vp9Reader:
    """VP9: the uncompressed header of the last frame in a superframe, the one that is shown."""

    def __init__(self, extradata: bytes) -> None:
        self._sequence = _SequenceLog()
        self.log = self._sequence.log

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Nothing: the container's header says no more than the key frames do."""

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of one packet's picture; empty where nothing could be read."""
        header = NO_HEADER
        frames = superframe(data)
        for frame in frames:
            try:
                found = self._frame(frame, packet)
            except HeaderError:
                continue
            header = found if header.kind != "I" else header
        return header._replace(flags=header.flags | FLAG_HIDDEN) if len(frames) > 1 else header

    def _frame(self, data: bytes, packet: int) -> FrameHeader:
        bits = BitReader(data[:64])
        if bits.u(2) != 2:
            raise HeaderError("no VP9 frame marker")
        profile = bits.u(1) | bits.u(1) << 1
        bits.skip(1 if profile == 3 else 0)
        if bits.flag():
            return FrameHeader("P")
        inter, shown, resilient = bits.flag(), bits.flag(), bits.flag()
        if inter:
            kind = _inter_fields(bits, profile, shown, resilient)
        else:
            kind = "I"
            colour = _colour(bits, profile)
            width, height = _size(bits)
            summary = f"VP9 profile {profile}, {width}×{height}"
            self._sequence.note(packet, f"{summary} {colour}".encode(), summary)
        return FrameHeader(kind, _base_quantiser(bits, resilient), flags=0 if inter else FLAG_IDR)


def superframe(data: bytes) -> list[bytes]:
    """The frames of one VP9 packet (annex B): one, unless the last byte marks an index of several."""
    if not data:
        return []
    marker = data[-1]
    count, size_bytes = (marker & 7) + 1, ((marker >> 3) & 3) + 1
    index_bytes = 2 + count * size_bytes
    if marker >> 5 != 6 or len(data) < index_bytes or data[-index_bytes] != marker:
        return [data]
    frames, at, table = [], 0, len(data) - index_bytes + 1
    for index in range(count):
        entry = data[table + index * size_bytes : table + (index + 1) * size_bytes]
        size = int.from_bytes(entry, "little")
        if size:
            frames.append(data[at : min(at + size, len(data) - index_bytes)])
        at += size
    return frames


def _colour(bits: BitReader, profile: int) -> tuple[int, ...]:
    if bits.u(24) != 0x498342:
        raise HeaderError("no VP9 key frame code")
    depth = bits.u(1) if profile >= 2 else 0
    space = bits.u(3)
    if space == 7:
        return depth, space, bits.u(1) if profile & 1 else 0
    return depth, space, bits.u(1), bits.u(3) if profile & 1 else 0


def _size(bits: BitReader) -> tuple[int, int]:
    width, height = bits.u(16) + 1, bits.u(16) + 1
    if bits.flag():
        bits.skip(32)
    return width, height


def _inter_fields(bits: BitReader, profile: int, shown: bool, resilient: bool) -> str:
    """Pass over what precedes the context fields of a picture that is no key frame; its type."""
    intra = False if shown else bits.flag()
    bits.skip(0 if resilient else 2)
    if intra:
        if profile:
            _colour(bits, profile)
        else:
            bits.skip(24)
        bits.skip(8)
        _size(bits)
        return "I"
    bits.skip(8 + 3 * 4)
    if any(bits.flag() for _ in range(3)):
        bits.skip(32 if bits.flag() else 0)
    else:
        _size(bits)
    bits.skip(1)
    bits.skip(0 if bits.flag() else 2)
    return "P"


def _base_quantiser(bits: BitReader, resilient: bool) -> float:
    bits.skip(2 if resilient else 4)
    bits.skip(9)
    if bits.flag() and bits.flag():
        for _ in range(6):
            bits.skip(7 if bits.flag() else 0)
    return float(bits.u(8))


class Av1Reader:
    """AV1: the open bitstream units of a temporal unit; only the frame type is read."""

    def __init__(self, extradata: bytes) -> None:
        self._sequence = _SequenceLog()
        self.log = self._sequence.log
        self.read_extradata(extradata, -1)

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Take the sequence header out of an av1C record."""
        if len(extradata) > 4 and extradata[0] == 0x81:
            self.read(extradata[4:], packet)

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of one packet's picture; empty where nothing could be read."""
        header, pictures = NO_HEADER, 0
        for kind, start, end in open_units(data):
            if kind == _OBU_SEQUENCE:
                self._sequence.note(
                    packet, data[start:end], f"AV1 profile {data[start] >> 5 if end > start else '?'}"
                )
            elif kind in (_OBU_FRAME, _OBU_FRAME_HEADER) and end > start:
                pictures += 1
                found = _av1_type(data[start])
                header = found if header.kind != "I" else header
        return header._replace(flags=header.flags | FLAG_HIDDEN) if pictures > 1 else header


def open_units(data: bytes) -> list[tuple[int, int, int]]:
    """Type and payload bounds of the open bitstream units of a packet, in order."""
    units: list[tuple[int, int, int]] = []
    at = 0
    while at < len(data) and len(units) < _MAX_OBUS:
        head = data[at]
        start = at + 1 + ((head >> 2) & 1)
        size, shift = len(data) - start, 0
        if head & 2:
            size = 0
            for _ in range(8):
                if start >= len(data):
                    return units
                byte = data[start]
                start += 1
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        at = start + max(size, 0)
        if at > len(data):
            return units
        units.append(((head >> 3) & 15, start, at))
    return units


def _av1_type(first: int) -> FrameHeader:
    if first & 0x80:
        return FrameHeader("P")
    kind = (first >> 5) & 3
    hidden = 0 if first & 0x10 else FLAG_HIDDEN
    return FrameHeader("I" if kind in (0, 2) else "P", flags=hidden | (FLAG_IDR if kind == 0 else 0))

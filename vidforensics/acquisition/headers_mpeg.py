"""Reads MPEG-1, MPEG-2 and MPEG-4 part 2 headers: picture types, quantiser, time codes, sequence changes.

Packets with start codes go in; a `FrameHeader` per packet comes out, and sequence headers, time codes and
encoder strings go to the log. Source: ISO/IEC 11172-2, 13818-2 clause 6.2, 14496-2 clause 6.2.
"""

from __future__ import annotations

from vidforensics.acquisition.bitstream_bits import BitReader, HeaderError, start_code_units
from vidforensics.acquisition.bitstream_columns import (
    FLAG_BROKEN_LINK,
    FLAG_IDR,
    NO_HEADER,
    UNKNOWN,
    FrameHeader,
    HeaderEvent,
    HeaderLog,
)
from vidforensics.acquisition.headers_text import note_encoder

_PICTURE, _USER_DATA, _SEQUENCE, _GROUP = 0x00, 0xB2, 0xB3, 0xB8
_LAST_SLICE = 0xAF
_MPEG12_KINDS = "?IPB????"
_RATES_HZ = (0.0, 24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0)
_MPEG4_KINDS = "IPBP"


class Mpeg12Reader:
    """MPEG-1 and MPEG-2 video: the time code of each group of pictures counts pictures since hour 0."""

    def __init__(self, extradata: bytes) -> None:
        self.log = HeaderLog()
        self._sequence = b""
        self._rate_hz = 0.0
        self.read_extradata(extradata, -1)

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Take what the container's header holds."""
        self.read(extradata, packet)

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of one packet's picture; empty where nothing could be read."""
        return self._read_units(data, packet)

    def _read_units(self, data: bytes, packet: int) -> FrameHeader:
        kind, reference, flags, clock, qp = "?", UNKNOWN, 0, UNKNOWN, float("nan")
        for start, end in start_code_units(data):
            code, body = data[start], data[start + 1 : min(end, start + 160)]
            if code == _PICTURE and len(body) >= 2 and kind == "?":
                reference = body[0] << 2 | body[1] >> 6
                kind = _MPEG12_KINDS[(body[1] >> 3) & 7]
            elif code == _GROUP and len(body) >= 4:
                added, clock = self._group(body, packet)
                flags |= added
            elif code == _SEQUENCE:
                self._note_sequence(body[:8], packet)
            elif code == _USER_DATA:
                note_encoder(self.log, body, packet)
            elif 0 < code <= _LAST_SLICE and body:
                qp = float(body[0] >> 3)
                break
        if clock != UNKNOWN and reference != UNKNOWN and self._rate_hz:
            clock += round(reference / self._rate_hz * 1e6)
        return FrameHeader(kind, qp, UNKNOWN, reference, UNKNOWN, flags, clock)

    def _group(self, body: bytes, packet: int) -> tuple[int, int]:
        """Flags and clock, in microseconds, of a group header."""
        word = int.from_bytes(body[:4], "big")
        hours, minutes = (word >> 26) & 31, (word >> 20) & 63
        seconds, pictures = (word >> 13) & 63, (word >> 7) & 63
        closed, broken = bool(word & 0x40), bool(word & 0x20)
        time_s = hours * 3600 + minutes * 60 + seconds
        self.log.note(
            HeaderEvent(packet, "timecode", False, "closed" if closed else "open", time_s << 6 | pictures)
        )
        part_s = pictures / self._rate_hz if self._rate_hz else 0.0
        return FLAG_IDR * closed | FLAG_BROKEN_LINK * broken, round((time_s + part_s) * 1e6)

    def _note_sequence(self, body: bytes, packet: int) -> None:
        if len(body) < 8 or body == self._sequence:
            return
        rate = body[3] & 15
        self._rate_hz = _RATES_HZ[rate] if rate < len(_RATES_HZ) else 0.0
        width, height = body[0] << 4 | body[1] >> 4, (body[1] & 15) << 8 | body[2]
        changed = bool(self._sequence)
        self._sequence = body
        self.log.note(HeaderEvent(packet, "sequence", changed, f"MPEG video {width}×{height}"))


class Mpeg4Reader:
    """MPEG-4 part 2: every picture carries its own time since the last group header."""

    def __init__(self, extradata: bytes) -> None:
        self.log = HeaderLog()
        self._layer = b""
        self._resolution = 0
        self._base_s = 0
        self._base_before_s = 0
        self.read_extradata(extradata, -1)

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Take what the container's header holds."""
        self.read(extradata, packet)

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of one packet's picture; empty where nothing could be read."""
        try:
            return self._read_units(data, packet)
        except HeaderError:
            return NO_HEADER

    def _read_units(self, data: bytes, packet: int) -> FrameHeader:
        for start, end in start_code_units(data):
            code, body = data[start], data[start + 1 : min(end, start + 300)]
            if code == 0xB6:
                return self._picture(body)
            if code == 0xB3 and len(body) >= 3:
                self._group(body, packet)
            elif 0x20 <= code <= 0x2F:
                self._note_layer(body, packet)
            elif code == _USER_DATA:
                note_encoder(self.log, body, packet)
        return NO_HEADER

    def _group(self, body: bytes, packet: int) -> None:
        word = int.from_bytes(body[:3], "big")
        time_s = ((word >> 19) & 31) * 3600 + ((word >> 13) & 63) * 60 + ((word >> 6) & 63)
        self._base_s = self._base_before_s = time_s
        self.log.note(HeaderEvent(packet, "timecode", False, "closed" if word & 0x20 else "open", time_s))

    def _picture(self, body: bytes) -> FrameHeader:
        bits = BitReader(body[:24])
        kind = bits.u(2)
        whole_s = 0
        while bits.flag():
            whole_s += 1
        bits.skip(1)
        if not self._resolution:
            return FrameHeader(_MPEG4_KINDS[kind])
        part = bits.u(max(1, (self._resolution - 1).bit_length()))
        base = self._base_before_s if kind == 2 else self._base_s
        if kind != 2:
            self._base_before_s, self._base_s = self._base_s, self._base_s + whole_s
        clock = round(((base + whole_s) + part / self._resolution) * 1e6)
        bits.skip(1)
        if not bits.flag():
            return FrameHeader(_MPEG4_KINDS[kind], ticks=clock)
        bits.skip(4 if kind in (1, 3) else 3)
        return FrameHeader(_MPEG4_KINDS[kind], float(bits.u(5)), ticks=clock)

    def _note_layer(self, body: bytes, packet: int) -> None:
        if body == self._layer:
            return
        changed = bool(self._layer)
        self._layer = body
        try:
            self._resolution = _time_resolution(body)
            summary = f"MPEG-4 video object layer, {self._resolution} ticks per second"
        except HeaderError as error:
            self._resolution = 0
            summary = f"unreadable: {error}"
        self.log.note(HeaderEvent(packet, "sequence", changed, summary))


def _time_resolution(body: bytes) -> int:
    """vop_time_increment_resolution of a video object layer header (ISO/IEC 14496-2 clause 6.2.3)."""
    bits = BitReader(body[:64])
    bits.skip(9)
    version = 1
    if bits.flag():
        version = bits.u(4)
        bits.skip(3)
    if bits.u(4) == 15:
        bits.skip(16)
    if bits.flag():
        bits.skip(3)
        if bits.flag():
            bits.skip(79)
    shape = bits.u(2)
    if shape == 3 and version != 1:
        bits.skip(4)
    bits.skip(1)
    return bits.u(16)

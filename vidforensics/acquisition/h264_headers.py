"""Reads an H.264 stream packet by packet: picture types, QP, order and numbering, sets, encoder strings.

Packets go in, in decoding order, length-prefixed or with start codes; a `FrameHeader` per packet comes out,
and events (changed sets, encoder strings) go to the log. Source: ITU-T H.264 clauses 7.3, 7.4, 8.2.1.
"""

from __future__ import annotations

from vidforensics.acquisition.bitstream_bits import HeaderError, start_code_units, without_emulation
from vidforensics.acquisition.bitstream_columns import (
    FLAG_FIELD,
    FLAG_IDR,
    FLAG_NUMBER_BREAK,
    FLAG_REFERENCE,
    NO_HEADER,
    UNKNOWN,
    FrameHeader,
    HeaderLog,
)
from vidforensics.acquisition.h264_sets import H264Picture, H264Sequence, read_picture, read_sequence
from vidforensics.acquisition.h264_slices import Slice, read_slice
from vidforensics.acquisition.headers_text import note_encoder
from vidforensics.acquisition.nal_sets import ParameterSets, order_high, packet_units, read_start

_SLICE, _IDR_SLICE, _SEI, _SPS, _PPS = 1, 5, 6, 7, 8
_SET_NAMES = {_SPS: "SPS", _PPS: "PPS"}
_SLICE_BYTES = (47, 1023)
_MAX_SLICES_READ = 8


class H264Reader:
    """Keeps the parameter sets in force and the counters that the next slice is measured against."""

    def __init__(self, extradata: bytes) -> None:
        self.log = HeaderLog()
        self._sets = ParameterSets[H264Sequence, H264Picture](self.log)
        self._prefix_bytes = 0
        self._last_reference_num = UNKNOWN
        self._order_high = 0
        self._order_low = 0
        self.read_extradata(extradata, packet=-1)

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Take the parameter sets from an avcC record or from a start-code header."""
        if len(extradata) >= 7 and extradata[0] == 1:
            self._prefix_bytes = (extradata[4] & 3) + 1
            self._read_avcc(extradata, packet)
            return
        for start, end in start_code_units(extradata):
            self._read_set(extradata[start:end], packet)

    def _read_avcc(self, extradata: bytes, packet: int) -> None:
        at, count = 6, extradata[5] & 31
        for _ in range(2):
            for _ in range(count):
                size = int.from_bytes(extradata[at : at + 2], "big")
                self._read_set(extradata[at + 2 : at + 2 + size], packet)
                at += 2 + size
            if at >= len(extradata):
                return
            count = extradata[at]
            at += 1

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of one packet's picture; empty where nothing could be read."""
        slices: list[tuple[int, int, Slice]] = []
        for start, end in packet_units(data, self._prefix_bytes):
            unit_type = data[start] & 31
            if unit_type in (_SLICE, _IDR_SLICE):
                if len(slices) < _MAX_SLICES_READ:
                    found = self._slice(data, start, end)
                    if found is not None:
                        slices.append((unit_type, (data[start] >> 5) & 3, found))
            elif unit_type in _SET_NAMES:
                self._read_set(data[start:end].rstrip(b"\x00"), packet)
            elif unit_type == _SEI:
                note_encoder(self.log, data[start:end], packet)
        return self._header(slices) if slices else NO_HEADER

    def _slice(self, data: bytes, start: int, end: int) -> Slice | None:
        unit_type, ref_idc = data[start] & 31, (data[start] >> 5) & 3

        def parse(payload: bytes) -> Slice:
            return read_slice(payload, unit_type, ref_idc, self._sets)

        return read_start(data, (start + 1, end), _SLICE_BYTES, parse)

    def _read_set(self, unit: bytes, packet: int) -> None:
        unit_type = unit[0] & 31 if len(unit) >= 4 else 0
        if unit_type in _SET_NAMES:
            number, summary = self._parse_set(unit_type, without_emulation(unit[1:]))
            self._sets.note(_SET_NAMES[unit_type], number, unit, packet, summary)

    def _parse_set(self, unit_type: int, payload: bytes) -> tuple[int, str]:
        try:
            if unit_type == _SPS:
                sequence = read_sequence(payload)
                self._sets.sequences[sequence.number] = sequence
                return sequence.number, sequence.summary
            picture = read_picture(payload)
            self._sets.pictures[picture.number] = picture
            return picture.number, picture.summary
        except HeaderError as error:
            return -1, f"unreadable: {error}"

    def _header(self, slices: list[tuple[int, int, Slice]]) -> FrameHeader:
        unit_type, ref_idc, first = slices[0]
        kinds = {found.kind for _, _, found in slices}
        kind = next(k for k in "BPI" if k in kinds)
        flags = (FLAG_IDR if unit_type == _IDR_SLICE else 0) | (FLAG_REFERENCE if ref_idc else 0)
        flags |= FLAG_FIELD if first.field else 0
        if self._number_breaks(first, unit_type == _IDR_SLICE):
            flags |= FLAG_NUMBER_BREAK
        order = self._order(first, unit_type == _IDR_SLICE, bool(ref_idc))
        if ref_idc:
            self._last_reference_num = 0 if first.resets else first.frame_num
        qp = sum(found.qp for _, _, found in slices) / len(slices)
        return FrameHeader(kind, qp, order, first.frame_num, first.idr_pic_id, flags)

    def _number_breaks(self, found: Slice, is_idr: bool) -> bool:
        """Whether frame_num jumps, as only a loss or a join makes it do (clause 7.4.3)."""
        last = self._last_reference_num
        if is_idr or last == UNKNOWN or found.sequence.gaps_allowed:
            return False
        highest = 1 << found.sequence.frame_num_bits
        return found.frame_num not in (last, (last + 1) % highest)

    def _order(self, found: Slice, is_idr: bool, is_reference: bool) -> int:
        """Picture order count since the last IDR picture (clause 8.2.1.1)."""
        low = found.order_low_bits
        if low == UNKNOWN:
            return UNKNOWN
        before_low, before_high = (0, 0) if is_idr else (self._order_low, self._order_high)
        high = order_high(low, before_low, before_high, 1 << found.sequence.order_bits)
        if is_reference:
            self._order_high, self._order_low = (0, 0) if found.resets else (high, low)
        return high + low

"""Reads an HEVC stream packet by packet: picture types, QP, picture order count, sets, encoder strings.

Packets go in, in decoding order, length-prefixed or with start codes; a `FrameHeader` per packet comes out,
and events (changed sets, encoder strings) go to the log. Source: ITU-T H.265 clauses 7.3.6, 7.4.2, 8.3.1.
"""

from __future__ import annotations

from typing import NamedTuple

from vidforensics.acquisition import hevc_sets
from vidforensics.acquisition.bitstream_bits import (
    BitReader,
    HeaderError,
    bounded,
    start_code_units,
    without_emulation,
)
from vidforensics.acquisition.bitstream_columns import (
    FLAG_CRA,
    FLAG_IDR,
    FLAG_LEADING,
    FLAG_REFERENCE,
    NO_HEADER,
    UNKNOWN,
    FrameHeader,
    HeaderLog,
)
from vidforensics.acquisition.headers_text import note_encoder
from vidforensics.acquisition.hevc_sets import HevcPicture, HevcSequence
from vidforensics.acquisition.nal_sets import (
    ParameterSets,
    active_references,
    order_high,
    packet_units,
    read_start,
)

_VPS, _SPS, _PPS, _SEI_BEFORE = 32, 33, 34, 39
_IDR_TYPES, _RANDOM_ACCESS = (19, 20), range(16, 24)
_LAST_SLICE_TYPE = 21
_LEADING_TYPES = (6, 7, 8, 9)
_SET_NAMES = {_VPS: "VPS", _SPS: "SPS", _PPS: "PPS"}
_KINDS = "BPI"
_SLICE_BYTES = (62, 2046)


class _Slice(NamedTuple):
    kind: str
    order_low_bits: int
    qp: float
    sequence: HevcSequence


class HevcReader:
    """Keeps the parameter sets in force and the order count of the last picture of the lowest layer."""

    def __init__(self, extradata: bytes) -> None:
        self.log = HeaderLog()
        self._sets = ParameterSets[HevcSequence, HevcPicture](self.log)
        self._prefix_bytes = 0
        self._order = 0
        self.read_extradata(extradata, packet=-1)

    def read_extradata(self, extradata: bytes, packet: int) -> None:
        """Take the parameter sets from an hvcC record or from a start-code header."""
        if len(extradata) >= 23 and extradata[0] == 1:
            self._prefix_bytes = (extradata[21] & 3) + 1
            at = 23
            for _ in range(extradata[22]):
                count = int.from_bytes(extradata[at + 1 : at + 3], "big")
                at += 3
                for _ in range(min(count, 64)):
                    size = int.from_bytes(extradata[at : at + 2], "big")
                    self._read_side_unit(extradata[at + 2 : at + 2 + size], packet)
                    at += 2 + size
            return
        for start, end in start_code_units(extradata):
            self._read_side_unit(extradata[start:end], packet)

    def read(self, data: bytes, packet: int) -> FrameHeader:
        """The header of one packet's picture; empty where nothing could be read."""
        header = NO_HEADER
        for start, end in packet_units(data, self._prefix_bytes):
            unit_type = (data[start] >> 1) & 63
            if unit_type <= _LAST_SLICE_TYPE:
                if header is NO_HEADER and end - start > 2:
                    header = self._picture(data, start, end, unit_type)
            elif unit_type in _SET_NAMES or unit_type == _SEI_BEFORE:
                self._read_side_unit(data[start:end].rstrip(b"\x00"), packet)
        return header

    def _read_side_unit(self, unit: bytes, packet: int) -> None:
        if len(unit) < 4:
            return
        unit_type = (unit[0] >> 1) & 63
        if unit_type == _SEI_BEFORE:
            note_encoder(self.log, unit, packet)
        elif unit_type in _SET_NAMES:
            number, summary = self._parse_set(unit_type, without_emulation(unit[2:]))
            self._sets.note(_SET_NAMES[unit_type], number, unit, packet, summary)

    def _parse_set(self, unit_type: int, payload: bytes) -> tuple[int, str]:
        try:
            if unit_type == _SPS:
                sequence = hevc_sets.read_sequence(payload)
                self._sets.sequences[sequence.number] = sequence
                return sequence.number, sequence.summary
            if unit_type == _PPS:
                picture = hevc_sets.read_picture(payload)
                self._sets.pictures[picture.number] = picture
                return picture.number, picture.summary
        except HeaderError as error:
            return -1, f"unreadable: {error}"
        return payload[0] >> 4, f"video parameter set {payload[0] >> 4}"

    def _picture(self, data: bytes, start: int, end: int, unit_type: int) -> FrameHeader:
        found = self._slice(data, start, end, unit_type)
        if found is None:
            return NO_HEADER
        order = self._full_order(found, unit_type in _IDR_TYPES)
        layer_zero = (data[start + 1] & 7) == 1
        if layer_zero and unit_type not in _LEADING_TYPES and (unit_type > 15 or unit_type % 2):
            self._order = order
        flags = FLAG_IDR if unit_type in _IDR_TYPES else 0
        flags |= FLAG_CRA if unit_type in _RANDOM_ACCESS and not flags else 0
        flags |= FLAG_LEADING if unit_type in _LEADING_TYPES else 0
        flags |= FLAG_REFERENCE if unit_type > 15 or unit_type % 2 else 0
        return FrameHeader(found.kind, found.qp, order, UNKNOWN, UNKNOWN, flags)

    def _full_order(self, found: _Slice, is_idr: bool) -> int:
        """Picture order count since the last IDR picture (clause 8.3.1)."""
        if is_idr:
            return 0
        span = 1 << found.sequence.order_bits
        low, before_low = found.order_low_bits, self._order % span
        return order_high(low, before_low, self._order - before_low, span) + low

    def _slice(self, data: bytes, start: int, end: int, unit_type: int) -> _Slice | None:
        return read_start(
            data, (start + 2, end), _SLICE_BYTES, lambda payload: self._parse_slice(payload, unit_type)
        )

    def _parse_slice(self, payload: bytes, unit_type: int) -> _Slice:
        bits = BitReader(payload)
        if not bits.flag():
            raise HeaderError("the first slice of the picture is missing")
        if unit_type in _RANDOM_ACCESS:
            bits.skip(1)
        sequence, picture = self._sets.named_by(bits)
        bits.skip(picture.extra_bits)
        kind = bounded(bits.ue(), 2, "slice_type")
        bits.skip(int(picture.output_flag) + 2 * int(sequence.separate_planes))
        low, references, temporal = 0, 0, False
        if unit_type not in _IDR_TYPES:
            low = bits.u(sequence.order_bits)
            references = self._references(bits, sequence)
            temporal = sequence.temporal_motion and bits.flag()
        try:
            qp = _slice_qp(bits, kind, (sequence, picture), references, temporal)
        except HeaderError:
            if bits.left() > 8:
                qp = float("nan")
            else:
                raise
        return _Slice(_KINDS[kind], low, qp, sequence)

    def _references(self, bits: BitReader, sequence: HevcSequence) -> int:
        """Pass over the reference picture sets; how many pictures the current one may use."""
        count = len(sequence.reference_sets)
        if not bits.flag():
            used = hevc_sets.read_reference_set(bits, count, count, list(sequence.reference_sets))[2]
        else:
            index = bits.u((count - 1).bit_length()) if count > 1 else 0
            if index >= count:
                raise HeaderError("the slice names a reference set that is absent")
            used = sequence.reference_sets[index][2]
        return used + (_long_term(bits, sequence) if sequence.long_term else 0)


def _long_term(bits: BitReader, sequence: HevcSequence) -> int:
    candidates = sequence.long_term_candidates
    from_set = bounded(bits.ue(), 32, "num_long_term_sps") if candidates else 0
    total = from_set + bounded(bits.ue(), 32, "num_long_term_pics")
    used = 0
    for index in range(total):
        if index < from_set:
            bits.skip((candidates - 1).bit_length() if candidates > 1 else 0)
            used += 1
        else:
            bits.skip(sequence.order_bits)
            used += bits.flag()
        if bits.flag():
            bits.ue()
    return used


def _slice_qp(
    bits: BitReader, kind: int, sets: tuple[HevcSequence, HevcPicture], used: int, temporal: bool
) -> float:
    sequence, picture = sets
    chroma = sequence.chroma_format != 0 and not sequence.separate_planes
    if sequence.sample_offset:
        bits.skip(2 if chroma else 1)
    if kind != 2:
        _skip_inter(bits, kind, (sequence, picture), used, temporal)
    return picture.initial_qp + bits.se()


def _skip_inter(
    bits: BitReader, kind: int, sets: tuple[HevcSequence, HevcPicture], used: int, temporal: bool
) -> None:
    sequence, picture = sets
    references = active_references(bits, picture.references, 2 if kind == 0 else 1, 14)
    if picture.lists_modified and used > 1:
        for count in references:
            if bits.flag():
                bits.skip(count * (used - 1).bit_length())
    if kind == 0:
        bits.skip(1)
    if picture.cabac_init:
        bits.skip(1)
    if temporal:
        from_first = bits.flag() if kind == 0 else True
        if references[0 if from_first else 1] > 1:
            bits.ue()
    if picture.weighted if kind == 1 else picture.weighted_b:
        _skip_weights(bits, references, sequence.chroma_format != 0 and not sequence.separate_planes)
    bits.ue()


def _skip_weights(bits: BitReader, lists: list[int], has_chroma: bool) -> None:
    """Pass over the prediction weights (clause 7.3.6.3) of a picture that refers to no other layer."""
    bits.ue()
    if has_chroma:
        bits.se()
    for count in lists:
        luma = [bits.flag() for _ in range(count)]
        chroma = [bits.flag() if has_chroma else False for _ in range(count)]
        for has_luma_weight, has_chroma_weight in zip(luma, chroma, strict=True):
            for _ in range(2 * has_luma_weight + 4 * has_chroma_weight):
                bits.se()

"""The H.264 slice header up to the quantiser: type, frame_num, picture order count, idr_pic_id, QP.

The payload of one slice NAL unit and the parameter sets in force go in, a `Slice` comes out.
Source: ITU-T H.264 clauses 7.3.3 and 7.4.3; the order count follows clause 8.2.1.
"""

from __future__ import annotations

from typing import NamedTuple

from vidforensics.acquisition.bitstream_bits import BitReader, HeaderError, bounded
from vidforensics.acquisition.bitstream_columns import UNKNOWN
from vidforensics.acquisition.h264_sets import H264Picture, H264Sequence
from vidforensics.acquisition.nal_sets import ParameterSets, active_references

_TYPES = ("P", "B", "I", "P", "I")
_P, _B, _I, _SP, _SI = range(5)
_MAX_COMMANDS = 66


class Slice(NamedTuple):
    """One slice header. `resets` says that a memory command 5 ends the numbering (clause 7.4.3.3)."""

    kind: str
    frame_num: int
    idr_pic_id: int
    order_low_bits: int
    field: bool
    qp: int
    resets: bool
    sequence: H264Sequence


def read_slice(
    payload: bytes, unit_type: int, ref_idc: int, sets: ParameterSets[H264Sequence, H264Picture]
) -> Slice:
    """Parse one slice header.

    Args:
        payload: the NAL unit after its header byte, without emulation prevention.
        unit_type: nal_unit_type, 1 or 5.
        ref_idc: nal_ref_idc.
        sets: the parameter sets in force.

    Raises:
        HeaderError: the header ends early, breaks a limit, or names a set that is absent.
    """
    bits = BitReader(payload)
    bits.ue()
    slice_type = bounded(bits.ue(), 9, "slice_type") % 5
    sequence, picture = sets.named_by(bits)
    if sequence.separate_planes:
        bits.skip(2)
    frame_num = bits.u(sequence.frame_num_bits)
    field = False if sequence.frames_only else bits.flag()
    if field:
        bits.skip(1)
    idr_pic_id = bits.ue() if unit_type == 5 else UNKNOWN
    low_bits = _order_low_bits(bits, sequence, picture, field)
    if picture.redundant_pictures:
        bits.ue()
    _skip_prediction(bits, slice_type, (sequence, picture), ref_idc)
    resets = _memory_commands(bits, unit_type == 5) if ref_idc else False
    if picture.cabac and slice_type not in (_I, _SI):
        bits.ue()
    qp = picture.initial_qp + bits.se()
    return Slice(_TYPES[slice_type], frame_num, idr_pic_id, low_bits, field, qp, resets, sequence)


def _order_low_bits(bits: BitReader, sequence: H264Sequence, picture: H264Picture, field: bool) -> int:
    in_fields = picture.order_in_fields and not field
    if sequence.order_type == 0:
        low_bits = bits.u(sequence.order_bits)
        if in_fields:
            bits.se()
        return low_bits
    if sequence.order_type == 1 and not sequence.order_always_zero:
        bits.se()
        if in_fields:
            bits.se()
    return UNKNOWN


def _skip_prediction(
    bits: BitReader, slice_type: int, sets: tuple[H264Sequence, H264Picture], ref_idc: int
) -> None:
    sequence, picture = sets
    if slice_type == _B:
        bits.skip(1)
    if slice_type in (_I, _SI):
        return
    references = active_references(bits, picture.references, 2 if slice_type == _B else 1, 31)
    for _ in references:
        _skip_list_modification(bits)
    weighted = picture.weighted if slice_type != _B else picture.weighted_b == 1
    if weighted:
        has_chroma = sequence.chroma_format != 0 and not sequence.separate_planes
        _skip_weights(bits, references, has_chroma)


def _skip_list_modification(bits: BitReader) -> None:
    if not bits.flag():
        return
    for _ in range(_MAX_COMMANDS):
        if bits.ue() == 3:
            return
        bits.ue()
    raise HeaderError("too many reference list modifications")


def _skip_weights(bits: BitReader, references: list[int], has_chroma: bool) -> None:
    bits.ue()
    if has_chroma:
        bits.ue()
    for count in references:
        for _ in range(count):
            if bits.flag():
                bits.se()
                bits.se()
            if has_chroma and bits.flag():
                for _ in range(4):
                    bits.se()


def _memory_commands(bits: BitReader, is_idr: bool) -> bool:
    """Pass over dec_ref_pic_marking; True if it holds command 5."""
    if is_idr:
        bits.skip(2)
        return False
    if not bits.flag():
        return False
    resets = False
    for _ in range(_MAX_COMMANDS):
        command = bits.ue()
        if command == 0:
            return resets
        resets |= command == 5
        if command in (1, 2, 3, 4, 6):
            bits.ue()
        if command == 3:
            bits.ue()
    raise HeaderError("too many memory commands")

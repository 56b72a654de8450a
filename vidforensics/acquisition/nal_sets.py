"""What H.264 and HEVC share: units in a packet, parameter sets in force, headers read in part, order counts.

The readers of both codecs differ in the syntax of their sets and slices; what is kept between packets, and
how far into a unit one looks, stands here.
Source: ITU-T H.264 clauses 7.4.1.2 and 8.2.1.1, ITU-T H.265 clauses 7.4.2.4 and 8.3.1; ISO/IEC 14496-15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from vidforensics.acquisition.bitstream_bits import (
    BitReader,
    HeaderError,
    bounded,
    length_prefixed_units,
    start_code_units,
    without_emulation,
)
from vidforensics.acquisition.bitstream_columns import HeaderEvent, HeaderLog


class _NamesSequence(Protocol):
    @property
    def sequence(self) -> int: ...


SequenceT = TypeVar("SequenceT")
PictureT = TypeVar("PictureT", bound=_NamesSequence)
HeaderT = TypeVar("HeaderT")


class ParameterSets(Generic[SequenceT, PictureT]):
    """The parameter sets in force, by number; a set that is new or differs goes to the log."""

    def __init__(self, log: HeaderLog) -> None:
        self.sequences: dict[int, SequenceT] = {}
        self.pictures: dict[int, PictureT] = {}
        self._log = log
        self._raw: dict[tuple[str, int], bytes] = {}

    def note(self, kind: str, number: int, unit: bytes, packet: int, summary: str) -> None:
        """Log the set unless its bytes are those in force."""
        before = self._raw.get((kind, number))
        if before != unit:
            self._raw[kind, number] = unit
            self._log.note(HeaderEvent(packet, kind, before is not None, summary))

    def named_by(self, bits: BitReader) -> tuple[SequenceT, PictureT]:
        """The sets that a slice names next.

        Raises:
            HeaderError: one of them is absent.
        """
        picture = self.pictures.get(bits.ue())
        sequence = self.sequences.get(picture.sequence) if picture else None
        if picture is None or sequence is None:
            raise HeaderError("the slice names a parameter set that is absent")
        return sequence, picture


def packet_units(data: bytes, prefix_bytes: int) -> Iterator[tuple[int, int]]:
    """Bounds of a packet's units, length-prefixed, or between start codes where `prefix_bytes` is 0."""
    return length_prefixed_units(data, prefix_bytes) if prefix_bytes else start_code_units(data)


def read_start(
    data: bytes, bounds: tuple[int, int], budgets: tuple[int, ...], parse: Callable[[bytes], HeaderT]
) -> HeaderT | None:
    """Parse the header at the start of a unit from as few of its bytes as suffice.

    Args:
        data: the packet.
        bounds: where the unit's payload starts and ends.
        budgets: how many bytes to try, in rising order.
        parse: takes the payload without emulation prevention; raises HeaderError where it ends early.

    Returns:
        None where the largest budget, or the whole unit, did not suffice.
    """
    start, end = bounds
    for budget in budgets:
        try:
            return parse(without_emulation(data[start : min(end, start + budget)]))
        except HeaderError:
            if end - start <= budget:
                return None
    return None


def order_high(low: int, before_low: int, before_high: int, span: int) -> int:
    """The high part of a picture's order count: that of the picture before, unless the low part wrapped."""
    if low < before_low and before_low - low >= span // 2:
        return before_high + span
    if low > before_low and low - before_low > span // 2:
        return before_high - span
    return before_high


def active_references(bits: BitReader, default: tuple[int, int], lists: int, highest: int) -> list[int]:
    """How many reference pictures a slice uses of each of its one or two lists.

    Args:
        bits: at num_ref_idx_active_override_flag.
        default: what the picture parameter set says.
        lists: 1 in a P slice, 2 in a B slice.
        highest: what the standard allows, less 1.

    Raises:
        HeaderError: there are more than that.
    """
    if not bits.flag():
        return list(default[:lists])
    return [bounded(bits.ue(), highest, f"num_ref_idx_l{n}_active_minus1") + 1 for n in range(lists)]

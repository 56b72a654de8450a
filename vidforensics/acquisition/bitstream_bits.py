"""Bits and NAL units: the two alphabets in which coded pictures are written.

Bytes of one packet go in; fixed-length and exponential-Golomb values, or the bounds of NAL units, come out.
Every read is bounded: a run past the end raises `HeaderError`, and a packet yields a limited number of units.
Source: ITU-T H.264 clauses 7.2, 9.1 and annex B; ISO/IEC 14496-15 for length-prefixed units.
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_UNITS_PER_PACKET = 512
MAX_GOLOMB_ZEROS = 32


class HeaderError(ValueError):
    """A coded header ended early or holds a value that the standard does not allow."""


class BitReader:
    """Reads a byte string bit by bit, most significant bit first.

    >>> BitReader(bytes([0xA0])).ue()
    0
    """

    __slots__ = ("_at", "_bits")

    def __init__(self, payload: bytes) -> None:
        self._bits = bin(int.from_bytes(b"\x01" + payload, "big"))[3:]
        self._at = 0

    def u(self, count: int) -> int:
        """The next `count` bits as an unsigned number; 0 for no bits."""
        if count == 0:
            return 0
        end = self._at + count
        if end > len(self._bits):
            raise HeaderError("header ends early")
        value = int(self._bits[self._at : end], 2)
        self._at = end
        return value

    def flag(self) -> bool:
        """The next bit."""
        at = self._at
        if at >= len(self._bits):
            raise HeaderError("header ends early")
        self._at = at + 1
        return self._bits[at] == "1"

    def skip(self, count: int) -> None:
        """Pass over `count` bits."""
        self._at += count
        if self._at > len(self._bits):
            raise HeaderError("header ends early")

    def ue(self) -> int:
        """The next exponential-Golomb number, unsigned (H.264 clause 9.1)."""
        at = self._at
        one = self._bits.find("1", at, at + MAX_GOLOMB_ZEROS)
        if one < 0:
            raise HeaderError("exponential-Golomb run too long")
        end = 2 * one - at + 1
        if end > len(self._bits):
            raise HeaderError("header ends early")
        self._at = end
        return int(self._bits[one:end], 2) - 1

    def se(self) -> int:
        """The next exponential-Golomb number, signed (H.264 clause 9.1.1)."""
        code = self.ue()
        return (code + 1) >> 1 if code & 1 else -(code >> 1)

    def left(self) -> int:
        """Bits not read yet."""
        return len(self._bits) - self._at


def bounded(value: int, highest: int, name: str) -> int:
    """The value itself, if the standard allows it.

    Raises:
        HeaderError: `value` is above `highest`.
    """
    if value > highest:
        raise HeaderError(f"{name} {value} is above {highest}")
    return value


def without_emulation(unit: bytes) -> bytes:
    """The unit's payload: emulation prevention bytes taken out (H.264 clause 7.4.1)."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00") if b"\x00\x00\x03" in unit else unit


def length_prefixed_units(data: bytes, prefix_bytes: int) -> Iterator[tuple[int, int]]:
    """Bounds (start, end) of the NAL units of an MP4 or Matroska packet."""
    at, size = 0, len(data)
    for _ in range(MAX_UNITS_PER_PACKET):
        start = at + prefix_bytes
        if start >= size:
            return
        at = start + int.from_bytes(data[at:start], "big")
        if at > size:
            return
        if at > start:
            yield start, at


def start_code_units(data: bytes) -> Iterator[tuple[int, int]]:
    """Bounds (start, end) of the units between start codes 00 00 01 of a raw or transport stream packet."""
    at = data.find(b"\x00\x00\x01")
    for _ in range(MAX_UNITS_PER_PACKET):
        if at < 0:
            return
        start = at + 3
        at = data.find(b"\x00\x00\x01", start)
        end = len(data) if at < 0 else at
        if end > start:
            yield start, end

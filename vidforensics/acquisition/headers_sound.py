"""Marks in coded sound that a fresh encoder or a cut leaves: signatures, window order, the bit reservoir.

Packets of one sound stream go in, in order; packet numbers of signatures and of breaks come out.
Source: ISO/IEC 14496-3 clause 4.5.2.3 (AAC windows); ISO/IEC 11172-3 clause 2.4.1.7 (main_data_begin).
"""

from __future__ import annotations

import re
from typing import Protocol

from vidforensics.acquisition.bitstream_columns import SoundColumns

_MAX_IDENTS = 1024
_MAX_BREAKS = 4096
_SIGNATURE = re.compile(rb"Lav[cf]\d[\x20-\x7e]{0,30}|libfaac [\x20-\x7e]{0,20}")
_WINDOWS_AFTER = {0: (0, 1), 1: (2,), 2: (2, 3), 3: (0, 1)}
_MP3_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_MP3_RATES_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)


class SoundReader(Protocol):
    """Looks at one packet of sound."""

    def look(self, data: bytes, packet: int, columns: SoundColumns) -> None:
        """Note what packet number `packet` shows."""


class AacReader:
    """AAC: the encoder's signature in a fill element, and the order of window sequences."""

    def __init__(self) -> None:
        self._window = -1

    def look(self, data: bytes, packet: int, columns: SoundColumns) -> None:
        """Note a signature, and a window sequence that cannot follow the one before."""
        if len(data) < 4:
            self._window = -1
            return
        if b"Lav" in data or b"libfaac" in data:
            found = _SIGNATURE.search(data)
            if found and len(columns.idents) < _MAX_IDENTS:
                columns.idents.append((packet, found.group().decode("ascii")))
        window = aac_window(data)
        before, self._window = self._window, window
        if (
            before >= 0 <= window
            and window not in _WINDOWS_AFTER[before]
            and len(columns.breaks) < _MAX_BREAKS
        ):
            columns.breaks.append(packet)


def aac_window(data: bytes) -> int:
    """window_sequence of the first channel in a raw AAC packet; −1 where the packet begins otherwise."""
    if data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        data = data[7 if data[1] & 1 else 9 :]
        if len(data) < 4:
            return -1
    word = int.from_bytes(data[:4], "big")
    element = word >> 29
    if element == 0 and not word >> 16 & 1:
        return word >> 14 & 3
    if element == 1:
        if word >> 24 & 1:
            return word >> 21 & 3 if not word >> 23 & 1 else -1
        return word >> 13 & 3 if not word >> 15 & 1 else -1
    return -1


class Mp3Reader:
    """MP3: a frame may only reach back into main data that the frames before it left."""

    def __init__(self) -> None:
        self._reservoir = -1

    def look(self, data: bytes, packet: int, columns: SoundColumns) -> None:
        """Note a frame whose main_data_begin lies before the data that is there."""
        frame = _mp3_main_data(data)
        if frame is None:
            self._reservoir = -1
            return
        begin, main_bytes, used_bytes = frame
        before = self._reservoir
        if before >= 0 and begin > before and len(columns.breaks) < _MAX_BREAKS:
            columns.breaks.append(packet)
        self._reservoir = max(0, begin + main_bytes - used_bytes)


def _mp3_main_data(data: bytes) -> tuple[int, int, int] | None:
    """main_data_begin, bytes of main data in this frame, bytes that its sound uses; None if unreadable."""
    if len(data) < 40 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return None
    version, protected, mono = data[1] >> 3 & 3, not data[1] & 1, data[3] >> 6 == 3
    if version == 1 or not (_MP3_RATES if version == 3 else _MP3_RATES_LOW)[data[2] >> 4]:
        return None
    first = version == 3
    side_bytes = (17 if mono else 32) if first else (9 if mono else 17)
    start = 6 if protected else 4
    side = int.from_bytes(data[start : start + side_bytes], "big")
    at, size = 0, 8 * side_bytes

    def take(count: int) -> int:
        nonlocal at
        at += count
        return side >> (size - at) & ((1 << count) - 1)

    channels = 1 if mono else 2
    begin = take(9 if first else 8)
    take((5 if mono else 3) + 4 * channels if first else (1 if mono else 2))
    used_bits = 0
    for _ in range((2 if first else 1) * channels):
        used_bits += take(12)
        take(47 if first else 51)
    return begin, len(data) - start - side_bytes, (used_bits + 7) // 8


def sound_reader(codec: str) -> SoundReader | None:
    """The reader for a sound codec; None where its packets hold no such marks."""
    if codec == "aac":
        return AacReader()
    return Mp3Reader() if codec in ("mp3", "mp3float") else None

"""Encoders that sign their work: the strings that x264, x265, Lavc and others leave in the coded stream.

The bytes of a user-data unit go in; a log entry comes out when they hold a known encoder's signature.
Source: ITU-T H.264 annex D.1.7 (user_data_unregistered); the writers' own publicly visible strings.
"""

from __future__ import annotations

import re

from vidforensics.acquisition.bitstream_columns import MAX_TEXT, HeaderEvent, HeaderLog

_SIGNATURE = re.compile(
    rb"(?:x264 - core|x265 \(build|x262 build|Lavc\d|Lavc N|XviD\d|DivX\d|SVT-(?:AV1|HEVC)|libvpx|"
    rb"HEVC encoder|MainConcept|Elemental|Zencoder|Ateme|Kvazaar|rav1e|MPEG Encoder|TMPGEnc|CCE )[\x20-\x7e]*"
)


def encoder_text(data: bytes) -> str | None:
    """The encoder's signature in these bytes, without trailing spaces; None if there is none."""
    found = _SIGNATURE.search(data)
    return found.group()[:MAX_TEXT].decode("ascii").rstrip() if found else None


def encoder_name(text: str) -> str:
    """The encoder's name and build: the signature up to its options.

    >>> encoder_name("x264 - core 164 r3108 31e19f9 - H.264/MPEG-4 AVC codec - options: cabac=1")
    'x264 - core 164 r3108 31e19f9'
    """
    head = re.split(r" - (?:H\.26|options)|:\[|: ", text, maxsplit=1)[0]
    return head.strip()[:120]


def encoder_options(text: str) -> dict[str, str]:
    """The `name=value` options of an x264 or x265 signature; empty if it lists none."""
    return dict(re.findall(r"([a-z0-9_-]+)=([^ ]+)", text))


def note_encoder(log: HeaderLog, unit: bytes, packet: int) -> None:
    """Log the encoder's signature in a user-data unit, if there is one."""
    text = encoder_text(unit.replace(b"\x00\x00\x03", b"\x00\x00"))
    if text:
        log.note(HeaderEvent(packet, "encoder", False, text))

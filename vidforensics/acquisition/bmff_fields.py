"""The fields of the telling boxes: brands, times, handlers, codecs, edits, tags.

The content of one box goes in (at most 64 KiB of it) and named values are added to a dictionary; a short
or odd box adds what it holds. Source: ISO/IEC 14496-12 §8, Apple QuickTime File Format, iTunes `ilst`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

Values = dict[str, Any]

MAX_ENTRIES = 1000
MAX_TEXT = 1000

_VISUAL = frozenset({b"vide", b"pict"})


def text_of(data: bytes, limit: int = MAX_TEXT) -> str:
    """Bytes as text: UTF-8, else Latin-1; without the zeros around it."""
    trimmed = data[: 4 * limit].strip(b"\x00")
    try:
        return trimmed.decode("utf-8")[:limit]
    except UnicodeDecodeError:
        return trimmed.decode("latin-1")[:limit]


def _brands(values: Values, data: bytes) -> None:
    values["major"] = data[:4].decode("latin-1")
    values["minor"] = int.from_bytes(data[4:8], "big")
    values["brands"] = [data[i : i + 4].decode("latin-1") for i in range(8, min(len(data) - 3, 264), 4)]


def _times(values: Values, data: bytes, skip: int) -> int:
    """Version, flags, creation and modification time; returns where the fields after them begin."""
    values["version"], values["flags"] = data[0], int.from_bytes(data[1:4], "big")
    wide = data[0] == 1
    values["created"], values["modified"] = struct.unpack_from(">QQ" if wide else ">II", data, 4)
    return (20 if wide else 12) + skip


def _scaled_duration(values: Values, data: bytes, at: int) -> int:
    wide = values["version"] == 1
    values["timescale"], values["duration"] = struct.unpack_from(">IQ" if wide else ">II", data, at)
    if values["duration"] == (1 << (64 if wide else 32)) - 1:
        values["duration"] = None
    return at + (12 if wide else 8)


def _mvhd(values: Values, data: bytes) -> None:
    at = _scaled_duration(values, data, _times(values, data, 0))
    values["rate"] = struct.unpack_from(">i", data, at)[0] / 65536
    values["next_track"] = struct.unpack_from(">I", data, at + 76)[0]


def _tkhd(values: Values, data: bytes) -> None:
    at = _times(values, data, 0)
    wide = values["version"] == 1
    values["track"] = struct.unpack_from(">I", data, at)[0]
    values["duration"] = struct.unpack_from(">Q" if wide else ">I", data, at + 8)[0]
    if values["duration"] == (1 << (64 if wide else 32)) - 1:
        values["duration"] = None
    at += 16 if wide else 12
    values["matrix"] = struct.unpack_from(">9i", data, at + 16)
    width, height = struct.unpack_from(">II", data, at + 52)
    values["width"], values["height"] = width / 65536, height / 65536


def _mdhd(values: Values, data: bytes) -> None:
    at = _scaled_duration(values, data, _times(values, data, 0))
    code = struct.unpack_from(">H", data, at)[0]
    if 0x400 <= code < 0x7FFF:
        values["language"] = "".join(chr(((code >> s) & 31) + 0x60) for s in (10, 5, 0))


def _hdlr(values: Values, data: bytes) -> None:
    values["component"], values["type"] = text_of(data[4:8]), data[8:12]
    values["manufacturer"] = text_of(data[12:16])
    name = data[24:]
    # QuickTime writes a counted string, MP4 a zero-terminated one; some MP4 writers keep the count.
    if name and name[0] == len(name.rstrip(b"\x00")) - 1 and name[0] > 0:
        name = name[1:]
    values["name"] = text_of(name.split(b"\x00", 1)[0])


def _elst(values: Values, data: bytes) -> None:
    wide, count = data[0] == 1, int.from_bytes(data[4:8], "big")
    form = struct.Struct(">Qqi" if wide else ">Iii")
    usable = min(count, MAX_ENTRIES, (len(data) - 8) // form.size)
    values["count"] = count
    values["entries"] = [form.unpack_from(data, 8 + i * form.size) for i in range(usable)]


def _counted(values: Values, data: bytes) -> None:
    values["count"] = int.from_bytes(data[4:8], "big")


def _stsz(values: Values, data: bytes) -> None:
    values["sample_size"], values["count"] = struct.unpack_from(">II", data, 4)


def _sequence(values: Values, data: bytes) -> None:
    values["sequence"] = struct.unpack_from(">I", data, 4)[0]


def _flagged(values: Values, data: bytes) -> None:
    values["flags"] = int.from_bytes(data[1:4], "big")


def _tfhd(values: Values, data: bytes) -> None:
    flags = int.from_bytes(data[1:4], "big")
    values["flags"], values["track"] = flags, struct.unpack_from(">I", data, 4)[0]
    at = 8
    for bit, name, form in ((1, "base", ">Q"), (2, "description", ">I"), (8, "default_duration", ">I")):
        if flags & bit:
            values[name] = struct.unpack_from(form, data, at)[0]
            at += struct.calcsize(form)
    if flags & 16:
        values["default_size"] = struct.unpack_from(">I", data, at)[0]


def _trun(values: Values, data: bytes) -> None:
    flags = int.from_bytes(data[1:4], "big")
    values["flags"], values["count"] = flags, struct.unpack_from(">I", data, 4)[0]
    if flags & 1:
        values["data_offset"] = struct.unpack_from(">i", data, 8)[0]


def _trex(values: Values, data: bytes) -> None:
    values["track"], _, _, values["default_size"] = struct.unpack_from(">4I", data, 4)


def _sidx(values: Values, data: bytes) -> None:
    values["timescale"] = struct.unpack_from(">I", data, 8)[0]
    values["count"] = struct.unpack_from(">H", data, 30 if data[0] else 22)[0]


def _dref(values: Values, data: bytes) -> None:
    values["count"] = int.from_bytes(data[4:8], "big")
    values["external"] = _external(data)


def _external(data: bytes) -> list[str]:
    """The places outside the file that a data reference box names."""
    found: list[str] = []
    at = 8
    while at + 12 <= len(data) and len(found) < 16:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size < 12:
            break
        if not data[at + 11] & 1 and kind in (b"url ", b"urn ", b"alis", b"rsrc"):
            found.append(
                f"{kind.decode('latin-1').strip()} {text_of(data[at + 12 : at + size], 200)}".strip()
            )
        at += size
    return found


def _user_text(values: Values, data: bytes) -> None:
    """Text of a user data box: QuickTime's counted strings, 3GPP's language and text, or plain."""
    if len(data) >= 4 and int.from_bytes(data[:2], "big") == len(data) - 4:
        values["text"] = text_of(data[4:])
    elif len(data) > 6 and not any(data[:4]) and 0x400 <= int.from_bytes(data[4:6], "big") < 0x8000:
        values["text"] = text_of(data[6:].split(b"\x00", 1)[0])
    elif _printable_share(data[:64]) > 0.9:
        values["text"] = text_of(data)


def _xmp(values: Values, data: bytes) -> None:
    values["text"] = text_of(data, 200)
    values["xmp"] = data


def _item_data(values: Values, data: bytes) -> None:
    """`data` of an `ilst` item; its type 1 is UTF-8, 21 a signed and 22 an unsigned number."""
    form = int.from_bytes(data[1:4], "big")
    body = data[8:]
    if form == 1 or (form == 0 and _printable_share(body[:64]) > 0.9):
        values["text"] = text_of(body)
    elif form in (21, 22) and len(body) <= 8:
        values["text"] = str(int.from_bytes(body, "big", signed=form == 21))
    else:
        values["text"] = f"[{len(body)} bytes]"


def _item_name(values: Values, data: bytes) -> None:
    values["text"] = text_of(data[4:], 200)


def _keys(values: Values, data: bytes) -> None:
    found: list[str] = []
    at = 8
    while at + 8 <= len(data) and len(found) < MAX_ENTRIES:
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            break
        found.append(text_of(data[at + 8 : at + size], 200))
        at += size
    values["keys"] = found


def _padding(values: Values, data: bytes) -> None:
    # one byte value throughout is filler, whatever the value
    values["nonzero"] = len(data) - data.count(0) if len(set(data)) > 1 else 0
    if len(set(data)) > 1 and len(data) >= 4 and _printable_share(data[:64].rstrip(b"\x00")) > 0.9:
        values["text"] = text_of(data, 200)


def _printable_share(data: bytes) -> float:
    return sum(0x20 <= b < 0x7F or b in (9, 10, 13) for b in data) / len(data) if data else 0.0


def read_sample_entries(values: Values, data: bytes) -> None:
    """The codecs of an `stsd` box, with size and compressor name where the entry is a picture's."""
    values["count"] = int.from_bytes(data[4:8], "big")
    entries: list[Values] = []
    at = 8
    while at + 16 <= len(data) and len(entries) < 64:
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 16:
            break
        entries.append(_sample_entry(data[at : at + size]))
        at += size
    values["entries"] = entries


def _sample_entry(data: bytes) -> Values:
    entry: Values = {"codec": data[4:8].decode("latin-1")}
    if len(data) >= 86 and re.match(rb"[\x20-\x7e]{4}", data[4:8]):
        width, height = struct.unpack_from(">HH", data, 32)
        length = data[50]
        name = data[51 : 51 + min(length, 31)]
        if width and height and length <= 31 and data[16:18] in (b"\x00\x00", b"\x00\x01"):
            entry["width"], entry["height"] = width, height
            entry["vendor"] = text_of(data[20:24])
            entry["compressor"] = text_of(name) if _printable_share(name) > 0.9 else ""
    return entry


def _safely(reader: Callable[[Values, bytes], None]) -> Callable[[Values, bytes], None]:
    """A reader that leaves a mark instead of failing on a box too short for its fields."""

    def read(values: Values, data: bytes) -> None:
        try:
            reader(values, data)
        except (struct.error, IndexError):
            values["short"] = True

    return read


FIELD_READERS: dict[bytes, Callable[[Values, bytes], None]] = {
    kind: _safely(reader)
    for reader, kinds in {
        _brands: (b"ftyp", b"styp"),
        _mvhd: (b"mvhd",),
        _tkhd: (b"tkhd",),
        _mdhd: (b"mdhd",),
        _hdlr: (b"hdlr",),
        _elst: (b"elst",),
        _counted: (b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stss", b"saio"),
        _stsz: (b"stsz", b"stz2"),
        _sequence: (b"mfhd",),
        _flagged: (b"vmhd", b"smhd"),
        _tfhd: (b"tfhd",),
        _trun: (b"trun",),
        _trex: (b"trex",),
        _sidx: (b"sidx",),
        _dref: (b"dref",),
        _xmp: (b"XMP_",),
        _user_text: (b"user data",),
        _item_data: (b"data",),
        _keys: (b"keys",),
        _item_name: (b"item mean", b"item name"),
        _padding: (b"free", b"skip", b"wide"),
    }.items()
    for kind in kinds
}

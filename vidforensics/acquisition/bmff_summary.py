"""An ISO base media tree as records: one line per telling box, and the named fields of the file.

Nodes go in; `Box` records with a short summary come out, and a flat mapping of what the file says about
itself (brands, times, handlers, tags). Names of user data follow ISO/IEC 14496-12 and QuickTime.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from vidforensics.acquisition.bmff import Node, Tree, kind_name
from vidforensics.acquisition.bmff_times import time_text
from vidforensics.media import printable
from vidforensics.types import Box

MAX_FIELDS = 300
MAX_TEXT = 200

UUID_NAMES = {
    "d8fec3d61b0e483c92975828877ec481": "C2PA content credentials",
    "be7acfcb97a942e89c71999491e3afac": "XMP metadata",
    "50524f4621d24fcebb88695cfac9c740": "Sony/PSP profile",
    "ffcc8263f8554a938814587a02521fdd": "spherical video",
    "85c0b687820f11e08111f4ce462b6a48": "Canon",
    "a5d40b30e81411ddba2f0800200c9a66": "PIFF or UltraViolet",
    "6d1d9b0542d544e680e2141daff757b2": "PIFF fragment time",
}
_XMP_UUID = "be7acfcb97a942e89c71999491e3afac"
_XMP_TOOL = re.compile(rb"(?:CreatorTool|softwareAgent)(?:=\"|>)([^<\"]{1,200})", re.ASCII)


def box_records(node: Node) -> tuple[Box, ...]:
    """The children of a node as records, with their own children."""
    return tuple(
        Box(
            kind=kind_name(child.kind),
            offset_bytes=child.offset,
            size_bytes=child.size,
            summary=summary(child),
            children=box_records(child),
        )
        for child in node.children
    )


def summary(node: Node) -> str:
    """What a box says, in a few words; empty for boxes that only hold others."""
    if not node.values:
        return ""
    if node.values.get("short"):
        return "too short for its fields"
    write = _SUMMARIES.get(node.kind, _text)
    return printable(write(node.values), MAX_TEXT)


def _text(values: dict[str, Any]) -> str:
    return str(values.get("text", ""))


def _brands(values: dict[str, Any]) -> str:
    return f"{values['major']} {values['minor']}, compatible: {' '.join(values['brands'])}"


def _movie_head(values: dict[str, Any]) -> str:
    scale, duration = values.get("timescale"), values.get("duration")
    length = (
        f"{duration / scale:.3f} s at {scale}/s" if scale and duration is not None else "unknown duration"
    )
    return f"{length}, created {time_text(values['created']) or 'not stated'}"


def _track_head(values: dict[str, Any]) -> str:
    size = f", {values['width']:g}×{values['height']:g}" if values.get("width") else ""
    return f"track {values['track']}{size}, created {time_text(values['created']) or 'not stated'}"


def _handler(values: dict[str, Any]) -> str:
    maker = f", maker {values['manufacturer']}" if values["manufacturer"] else ""
    return f'{values["type"].decode("latin-1")} "{values["name"]}"{maker}'


def _edit_list(values: dict[str, Any]) -> str:
    shown = ", ".join(
        f"{duration} ticks " + ("empty" if start < 0 else f"from {start}")
        for duration, start, _ in values["entries"][:5]
    )
    return f"{values['count']} edits: {shown}"


def _descriptions(values: dict[str, Any]) -> str:
    return ", ".join(
        entry["codec"]
        + (f" {entry['width']}×{entry['height']}" if "width" in entry else "")
        + (f' "{entry["compressor"]}"' if entry.get("compressor") else "")
        for entry in values.get("entries", [])[:8]
    )


def _count(values: dict[str, Any]) -> str:
    size = f", all of {values['sample_size']} bytes" if values.get("sample_size") else ""
    return f"{values['count']} entries{size}"


def _padding(values: dict[str, Any]) -> str:
    return str(values.get("text") or (f"{values['nonzero']} bytes not zero" if values.get("nonzero") else ""))


def _uuid(values: dict[str, Any]) -> str:
    return UUID_NAMES.get(values["uuid"], str(values["uuid"]))


_SUMMARIES: dict[bytes, Callable[[dict[str, Any]], str]] = {
    b"ftyp": _brands,
    b"styp": _brands,
    b"mvhd": _movie_head,
    b"mdhd": _movie_head,
    b"tkhd": _track_head,
    b"hdlr": _handler,
    b"elst": _edit_list,
    b"stsd": _descriptions,
    b"free": _padding,
    b"skip": _padding,
    b"wide": _padding,
    b"uuid": _uuid,
    b"keys": lambda values: ", ".join(values["keys"][:8]),
    b"mfhd": lambda values: f"fragment {values['sequence']}",
    b"tfhd": lambda values: f"track {values['track']}",
    b"sidx": lambda values: f"{values['count']} references",
    b"dref": lambda values: ", ".join(values["external"]) or "in this file",
    **dict.fromkeys(
        (b"stts", b"ctts", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss", b"trun"), _count
    ),
}


def file_fields(tree: Tree, xmp: bytes) -> dict[str, str]:
    """What the file says about itself, flat; keys such as "ftyp.major_brand" and "udta.©too".

    Args:
        tree: the file's boxes.
        xmp: the start of its XMP packet, if it has one.
    """
    found: dict[str, str] = {}
    for key, value in _fields(tree, xmp):
        if value and len(found) < MAX_FIELDS:
            found.setdefault(printable(key), printable(value, 1000))
    return found


def _fields(tree: Tree, xmp: bytes) -> Iterator[tuple[str, str]]:
    root = tree.root
    yield "box_order", " ".join(_runs([kind_name(n.kind) for n in root.children]))
    for head in root.all(b"ftyp"):
        if "brands" in head.values:
            yield "ftyp.major_brand", head.values["major"]
            yield "ftyp.minor_version", str(head.values["minor"])
            yield "ftyp.compatible_brands", " ".join(head.values["brands"])
    for movie in root.all(b"moov"):
        for head in movie.all(b"mvhd"):
            yield "mvhd.created", time_text(head.values.get("created")) or ""
            yield "mvhd.modified", time_text(head.values.get("modified")) or ""
        for number, trak in enumerate(movie.all(b"trak"), 1):
            yield from _track_fields(f"track{number}", trak)
        yield from _tag_fields(movie)
    yield from _tag_fields(root)
    for number, match in enumerate(dict.fromkeys(_XMP_TOOL.findall(xmp))):
        if number < 8:
            yield f"xmp.tool{number + 1}", match.decode("utf-8", "replace")
    for node in root.walk():
        if node.kind in (b"free", b"skip") and node.values.get("text"):
            yield "free.text", node.values["text"]


def _runs(names: list[str]) -> Iterator[str]:
    """Names with repeats counted: "moof mdat moof mdat" stays, "free free" becomes "free×2"; at most 40."""
    shown = 0
    while names and shown < 40:
        count = next((i for i, n in enumerate(names) if n != names[0]), len(names))
        yield names[0] if count == 1 else f"{names[0]}×{count}"
        names, shown = names[count:], shown + 1
    if names:
        yield f"… {len(names)} more"


def _track_fields(name: str, trak: Node) -> Iterator[tuple[str, str]]:
    for handler in trak.all(b"mdia", b"hdlr"):
        if "name" in handler.values:
            yield f"{name}.type", handler.values["type"].decode("latin-1")
            yield f"{name}.handler", handler.values["name"]
            yield f"{name}.manufacturer", handler.values["manufacturer"]
    for description in trak.all(b"mdia", b"minf", b"stbl", b"stsd"):
        yield f"{name}.codec", ", ".join(e["codec"] for e in description.values.get("entries", []))
        yield (
            f"{name}.compressor",
            ", ".join(e["compressor"] for e in description.values.get("entries", []) if e.get("compressor")),
        )
    yield from ((f"{name}.{key}", value) for key, value in _tag_fields(trak))


def _tag_fields(parent: Node) -> Iterator[tuple[str, str]]:
    """User data, and metadata items by their own or by their key's name."""
    for udta in parent.all(b"udta"):
        for child in udta.children:
            if child.kind != b"meta":
                yield f"udta.{kind_name(child.kind)}", child.values.get("text", f"[{child.size} bytes]")
        for meta in udta.all(b"meta"):
            yield from _items(meta)
    for meta in parent.all(b"meta"):
        yield from _items(meta)


def _items(meta: Node) -> Iterator[tuple[str, str]]:
    keys: list[str] = next((k.values.get("keys", []) for k in meta.all(b"keys")), [])
    for item in meta.all(b"ilst"):
        for child in item.children:
            text = ", ".join(d.values["text"] for d in child.all(b"data") if d.values.get("text"))
            index = int.from_bytes(child.kind, "big")
            if keys and 1 <= index <= len(keys):
                yield f"keys.{keys[index - 1]}", text
            elif child.kind == b"----":
                names = [
                    n.values["text"] for k in (b"mean", b"name") for n in child.all(k) if "text" in n.values
                ]
                yield f"ilst.{'.'.join(names)}", text
            else:
                yield f"ilst.{kind_name(child.kind)}", text


def find_xmp(tree: Tree) -> Node | None:
    """The box that holds an XMP packet."""
    for node in tree.root.walk():
        if node.kind == b"XMP_" or (node.kind == b"uuid" and node.values.get("uuid") == _XMP_UUID):
            return node
    return None

"""An AVI file as records: its chunks, what it says about itself, and what is odd.

Chunks go in; `Box` records, a flat mapping of fields and findings come out.
Source: Microsoft AVI RIFF File Reference, OpenDML AVI File Format Extensions 1.02.
"""

from __future__ import annotations

from collections.abc import Iterator

from vidforensics.acquisition.riff import Chunk, Chunks
from vidforensics.media import printable
from vidforensics.types import Box, Finding, FindingLevel

_READER_CODES = {
    "trailing_bytes": "The file goes on behind its last chunk with {0}.",
    "chunk_damaged": "A chunk is damaged: {0}.",
    "tree_limit": "The chunk tree is very large: {0}.",
}
_HAS_INDEX = 0x10


def chunk_records(chunk: Chunk) -> tuple[Box, ...]:
    """The children of a chunk as records, with their own children."""
    return tuple(
        Box(
            kind=printable(f"{child.kind} {child.form}".strip()),
            offset_bytes=child.offset,
            size_bytes=child.size + 8,
            summary=_summary(child),
            children=chunk_records(child),
        )
        for child in chunk.children
    )


def _summary(chunk: Chunk) -> str:
    values = chunk.values
    if "text" in values:
        return printable(values["text"], 200)
    if chunk.kind == "JUNK":
        return f"{values['nonzero']} bytes not zero" if values.get("nonzero") else ""
    return printable(", ".join(f"{key} {value}" for key, value in values.items()), 200)


def avi_fields(chunks: Chunks) -> dict[str, str]:
    """What the file says about itself, flat; keys such as "INFO.ISFT" and "stream1.handler"."""
    found: dict[str, str] = {}
    for info in chunks.root.of_kind("INFO"):
        for child in info.children:
            if child.values.get("text"):
                found.setdefault(f"INFO.{printable(child.kind)}", printable(child.values["text"], 1000))
    for number, stream in enumerate(chunks.root.of_kind("strl"), 1):
        for child in stream.children:
            for key, value in child.values.items():
                if key in ("type", "handler", "codec", "text") and value:
                    found.setdefault(f"stream{number}.{key}", printable(str(value)))
    for chunk in chunks.root.of_kind("IDIT"):
        found.setdefault("IDIT", printable(chunk.values.get("text", "")))
    for junk in chunks.root.of_kind("JUNK"):
        if junk.values.get("text"):
            found.setdefault("JUNK", printable(junk.values["text"]))
    found["chunk_order"] = " ".join(
        f"{c.kind} {c.form}".strip() for top in chunks.root.children[:4] for c in top.children[:20]
    )
    return {key: value for key, value in found.items() if value}


def avi_findings(chunks: Chunks) -> Iterator[Finding]:
    """Sizes, missing index, counts that disagree, bytes that belong to no chunk."""
    for code, offset, text in chunks.problems[:20]:
        yield Finding(
            code, "notice" if code == "tree_limit" else "anomaly", _READER_CODES[code].format(text), offset
        )
    for parent in (chunks.root, *chunks.root.children):
        yield from _cut(parent)
    kinds = {c.form or c.kind for c in chunks.root.walk()}
    for form in ("hdrl", "movi"):
        if form not in kinds:
            yield Finding("chunk_missing", "anomaly", f"The file holds no {form} list.")
    yield from _index(chunks, kinds)
    yield from _counts(chunks)
    # muxers reserve room for an index inside the header lists and leave its skeleton there
    reserved = {id(c) for lists in chunks.root.of_kind("hdrl", "strl", "odml") for c in lists.children}
    for junk in chunks.root.of_kind("JUNK"):
        if junk.values.get("text"):
            text = f'Unused space (JUNK) holds the text "{printable(junk.values["text"], 100)}".'
            yield Finding("padding_text", "info", text, junk.offset)
        elif junk.values.get("nonzero") and id(junk) not in reserved:
            text = f"Unused space (JUNK) holds {junk.values['nonzero']} bytes that are not zero."
            yield Finding("padding_not_empty", "notice", text, junk.offset)


def _cut(parent: Chunk) -> Iterator[Finding]:
    for child in parent.children:
        if child.is_cut:
            missing = child.offset + 8 + child.size - child.end
            name = printable(f"{child.kind} {child.form}".strip())
            text = f"Chunk {name} claims {child.size} bytes, but {missing} of them are missing."
            yield Finding("chunk_truncated", "anomaly", text, child.offset)


def _index(chunks: Chunks, kinds: set[str]) -> Iterator[Finding]:
    main = next(chunks.root.of_kind("avih"), None)
    promised = bool(main and main.values.get("flags", 0) & _HAS_INDEX)
    if "idx1" in kinds or "indx" in kinds:
        return
    level: FindingLevel = "anomaly" if promised else "notice"
    text = "The index (idx1) is missing" + (", though the header promises one." if promised else ".")
    yield Finding("index_missing", level, text)


def _counts(chunks: Chunks) -> Iterator[Finding]:
    """The main header's frame count against the picture stream's and the extended header's."""
    main = next(chunks.root.of_kind("avih"), None)
    pictures = [c for c in chunks.root.of_kind("strh") if c.values.get("type") == "vids"]
    declared = main.values.get("frames") if main else None
    if declared and pictures and (length := pictures[0].values.get("length")):
        extended = next((c.values.get("frames") for c in chunks.root.of_kind("dmlh")), None)
        if length not in (declared, extended):
            text = f"The main header counts {declared} frames, the picture stream {length}."
            yield Finding("frame_counts_differ", "notice", text, pictures[0].offset)

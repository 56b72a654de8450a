"""The chunk tree of an AVI file, read straight from its bytes.

An open handle goes in, a tree of `Chunk` comes out, with the fields of the main and stream headers, the INFO
texts and what JUNK holds; the media list is stepped over, and every count and depth is bounded.
Source: Microsoft AVI RIFF File Reference, OpenDML AVI File Format Extensions 1.02.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from vidforensics.acquisition.bmff_fields import text_of

MAX_CHUNKS = 20_000
MAX_DEPTH = 8
MAX_VALUE_BYTES = 4096

_INDEX_ENTRY_BYTES = 16


@dataclass(slots=True)
class Chunk:
    """One chunk or list; `form` is the list's type. `size` is the declared payload length."""

    kind: str
    form: str
    offset: int
    size: int
    end: int
    values: dict[str, Any] = field(default_factory=dict)
    children: list[Chunk] = field(default_factory=list)

    @property
    def is_cut(self) -> bool:
        """Whether the chunk says that it is longer than the room it has."""
        return self.offset + 8 + self.size > self.end

    def walk(self) -> Iterator[Chunk]:
        """This chunk and everything in it, outermost first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def of_kind(self, *kinds: str) -> Iterator[Chunk]:
        """Every chunk in it whose type, or list form, is one of `kinds`."""
        return (c for c in self.walk() if c.kind in kinds or (c.form and c.form in kinds))


@dataclass(slots=True)
class Chunks:
    """All chunks of a file; `root` stands for the file itself. `problems` are (code, offset, text)."""

    root: Chunk
    problems: list[tuple[str, int, str]] = field(default_factory=list)


def looks_like_avi(head: bytes) -> bool:
    """Whether the first 12 bytes of a file are those of an AVI file."""
    return head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX")


def read_chunks(handle: BinaryIO, size: int) -> Chunks:
    """Read every chunk outside the media lists.

    Args:
        handle: the open file.
        size: its length in bytes.

    Returns:
        The tree; what cannot be read is missing from it and named in `problems`.
    """
    found = Chunks(Chunk("file", "", -8, size, size))
    _Reader(handle, found).read(found.root, 0, 0)
    return found


class _Reader:
    """Reads chunks depth first until its budget is spent."""

    def __init__(self, handle: BinaryIO, found: Chunks) -> None:
        self._handle = handle
        self._found = found
        self._left = MAX_CHUNKS

    def read(self, parent: Chunk, start: int, depth: int) -> None:
        """Read the chunks of `parent` from `start`."""
        position = start
        while position < parent.end:
            head = self._at(position, min(12, parent.end - position))
            if len(head) < 8 or not _is_code(head[:4]) or (depth == 0 and head[:4] != b"RIFF"):
                # one zero byte pads an odd chunk
                if parent.end - position > 1 or any(head):
                    self._problem(depth, position, parent.end)
                return
            self._left -= 1
            if self._left < 0:
                self._found.problems.append(("tree_limit", position, f"only {MAX_CHUNKS} chunks were read"))
                return
            chunk = self._chunk(head, position, parent)
            parent.children.append(chunk)
            if chunk.form and chunk.form not in ("movi", "rec ") and depth < MAX_DEPTH:
                self.read(chunk, position + 12, depth + 1)
            position += 8 + chunk.size + (chunk.size & 1)

    def _problem(self, depth: int, position: int, end: int) -> None:
        code = "trailing_bytes" if depth == 0 else "chunk_damaged"
        self._found.problems.append((code, position, f"{end - position} bytes that are no chunk"))

    def _chunk(self, head: bytes, position: int, parent: Chunk) -> Chunk:
        kind, size = head[:4].decode("latin-1"), int.from_bytes(head[4:8], "little")
        form = head[8:12].decode("latin-1") if kind in ("RIFF", "LIST") and len(head) == 12 else ""
        chunk = Chunk(kind, form, position, size, min(position + 8 + size, parent.end))
        reader = _READERS.get(kind, _info_text if parent.form == "INFO" else None)
        if reader is not None:
            data = self._at(position + 8, min(size, MAX_VALUE_BYTES, max(chunk.end - position - 8, 0)))
            try:
                reader(chunk.values, data)
            except struct.error:
                chunk.values["short"] = True
        if kind == "idx1":
            chunk.values["entries"] = size // _INDEX_ENTRY_BYTES
        return chunk

    def _at(self, position: int, count: int) -> bytes:
        self._handle.seek(position)
        return self._handle.read(max(count, 0))


def _is_code(code: bytes) -> bool:
    return all(0x20 <= b < 0x7F for b in code)


def _avih(values: dict[str, Any], data: bytes) -> None:
    fields = struct.unpack_from("<10I", data)
    values["frame_duration_us"], values["flags"], values["frames"] = fields[0], fields[3], fields[4]
    values["streams"], values["width"], values["height"] = fields[6], fields[8], fields[9]


def _strh(values: dict[str, Any], data: bytes) -> None:
    values["type"], values["handler"] = text_of(data[:4]), text_of(data[4:8])
    values["scale"], values["rate"], values["start"], values["length"] = struct.unpack_from("<4I", data, 20)


def _strf(values: dict[str, Any], data: bytes) -> None:
    if len(data) >= 40 and struct.unpack_from("<I", data)[0] >= 40:
        values["width"], values["height"] = struct.unpack_from("<ii", data, 4)
        values["codec"] = text_of(data[16:20])
    else:
        values["codec"] = f"0x{struct.unpack_from('<H', data)[0]:04x}"


def _dmlh(values: dict[str, Any], data: bytes) -> None:
    values["frames"] = struct.unpack_from("<I", data)[0]


def _junk(values: dict[str, Any], data: bytes) -> None:
    values["nonzero"] = len(data) - data.count(0)
    text = data.strip(b"\x00 ")
    if len(text) >= 4 and all(0x20 <= b < 0x7F or b in (0, 9, 10, 13) for b in text[:200]):
        values["text"] = text_of(text.split(b"\x00", 1)[0], 200)


def _info_text(values: dict[str, Any], data: bytes) -> None:
    values["text"] = text_of(data.split(b"\x00", 1)[0])


_READERS = {
    "avih": _avih,
    "strh": _strh,
    "strf": _strf,
    "strn": _info_text,
    "dmlh": _dmlh,
    "JUNK": _junk,
    "ISFT": _info_text,
    "IDIT": _info_text,
}

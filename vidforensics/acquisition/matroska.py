"""The element tree of a Matroska or WebM file, read straight from its bytes.

An open handle goes in, a tree of `Element` comes out, with the values of Info, Tracks, Tags and Attachments;
clusters are stepped over, and every count, depth and length is bounded.
Source: RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from vidforensics.acquisition.matroska_ids import CLUSTER, ELEMENTS, ENDS_CLUSTER
from vidforensics.runtime import iso_utc

MAX_ELEMENTS = 50_000
MAX_DEPTH = 8
MAX_VALUE_BYTES = 4096
EPOCH_2001_UNIX_S = 978_307_200

Value = int | float | str | None


@dataclass(slots=True)
class Element:
    """One element: where it lies, what it says, what lies in it. `size` is None where not declared."""

    identifier: int
    name: str
    offset: int
    header: int
    size: int | None
    end: int
    value: Value = None
    children: list[Element] = field(default_factory=list)

    @property
    def is_cut(self) -> bool:
        """Whether the element says that it is longer than the room it has."""
        return self.size is not None and self.offset + self.header + self.size > self.end

    def all(self, *path: str) -> Iterator[Element]:
        """Every element down a path of names."""
        for child in self.children:
            if child.name == path[0]:
                if len(path) == 1:
                    yield child
                else:
                    yield from child.all(*path[1:])

    def get(self, *path: str) -> Value:
        """The value of the first element down a path of names."""
        return next((e.value for e in self.all(*path)), None)


@dataclass(slots=True)
class Elements:
    """All elements of a file; `root` stands for the file itself. `problems` are (code, offset, text)."""

    root: Element
    problems: list[tuple[str, int, str]] = field(default_factory=list)


def looks_like_matroska(head: bytes) -> bool:
    """Whether the first bytes of a file are an EBML header."""
    return head[:4] == b"\x1a\x45\xdf\xa3"


def read_elements(handle: BinaryIO, size: int) -> Elements:
    """Read every element of a file, clusters by their header only.

    Args:
        handle: the open file.
        size: its length in bytes.

    Returns:
        The tree; what cannot be read is missing from it and named in `problems`.
    """
    found = Elements(Element(0, "file", 0, 0, size, size))
    _Reader(handle, found).read(found.root, 0)
    return found


class _Reader:
    """Reads elements depth first until its budget is spent."""

    def __init__(self, handle: BinaryIO, found: Elements) -> None:
        self._handle = handle
        self._found = found
        self._left = MAX_ELEMENTS

    def read(self, parent: Element, depth: int) -> None:
        """Read the elements that lie in `parent`."""
        position = parent.offset + parent.header
        while position < parent.end:
            element = self._header(position, parent.end)
            if element is None:
                code = "trailing_bytes" if depth < 2 else "element_damaged"
                self._problem(code, position, f"{parent.end - position} bytes that are no element")
                return
            if not self._spend(position):
                return
            parent.children.append(element)
            if element.size is None and element.identifier == CLUSTER:
                element.end = self._cluster_end(element, parent.end)
            self._content(element, depth)
            position = element.end

    def _spend(self, position: int) -> bool:
        self._left -= 1
        if self._left < 0:
            self._problem("tree_limit", position, f"only the first {MAX_ELEMENTS} elements were read")
        return self._left >= 0

    def _header(self, position: int, limit: int) -> Element | None:
        """The element that begins at `position`; None where there is none."""
        head = self._at(position, min(12, limit - position))
        if not head or head[0] < 0x10:
            return None
        id_length = 9 - head[0].bit_length()
        if len(head) < id_length + 1 or head[id_length] == 0:
            return None
        length = 9 - head[id_length].bit_length()
        coded = head[id_length : id_length + length]
        if len(coded) < length:
            return None
        size: int | None = int.from_bytes(coded, "big") & ((1 << (7 * length)) - 1)
        if size == (1 << (7 * length)) - 1:
            size = None
        identifier = int.from_bytes(head[:id_length], "big")
        name = ELEMENTS.get(identifier, (f"0x{identifier:X}", "b"))[0]
        end = limit if size is None else min(position + id_length + length + size, limit)
        return Element(identifier, name, position, id_length + length, size, end)

    def _content(self, element: Element, depth: int) -> None:
        kind = ELEMENTS.get(element.identifier, ("", "b"))[1]
        if kind == "m" and depth < MAX_DEPTH:
            self.read(element, depth + 1)
        elif kind != "m" and (kind != "b" or element.name in ("SegmentUUID", "Void")):
            start = element.offset + element.header
            data = self._at(start, min(element.end - start, MAX_VALUE_BYTES))
            element.value = _value(kind, data, element.name)

    def _cluster_end(self, cluster: Element, limit: int) -> int:
        """Where a cluster of unknown size ends: at the next element that cannot be inside one."""
        position = cluster.offset + cluster.header
        while position < limit:
            inner = self._header(position, limit)
            if inner is None or inner.identifier in ENDS_CLUSTER or inner.size is None:
                return position
            if not self._spend(position):
                return limit
            position = inner.end
        return limit

    def _at(self, position: int, count: int) -> bytes:
        self._handle.seek(position)
        return self._handle.read(max(count, 0))

    def _problem(self, code: str, position: int, text: str) -> None:
        if len(self._found.problems) < 100:
            self._found.problems.append((code, position, text))


def _value(kind: str, data: bytes, name: str) -> Value:
    """The value of an element by its type; None where its bytes make no sense."""
    if kind == "u":
        return int.from_bytes(data[:8], "big")
    if kind == "f":
        return _float(data)
    if kind == "d":
        return _date(data)
    if kind == "s":
        return data.split(b"\x00", 1)[0].decode("utf-8", "replace")
    return len(data) - data.count(0) if name == "Void" else data[:16].hex()


def _float(data: bytes) -> float | None:
    if len(data) not in (4, 8):
        return None
    number = float(struct.unpack(">f" if len(data) == 4 else ">d", data)[0])
    return number if math.isfinite(number) else None


def _date(data: bytes) -> str | None:
    """Nanoseconds since 2001-01-01 as UTC."""
    if len(data) != 8:
        return None
    try:
        return iso_utc(int.from_bytes(data, "big", signed=True) / 1e9 + EPOCH_2001_UNIX_S)
    except (OverflowError, ValueError, OSError):
        return None

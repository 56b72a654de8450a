"""The box tree of an ISO base media or QuickTime file, read straight from its bytes.

An open handle goes in, a tree of `Node` comes out, with the fields of the telling boxes read by
`bmff_fields`; media data are stepped over, and every count, depth and length is bounded.
Source: ISO/IEC 14496-12 (boxes, fragments, edit lists), 14496-14, Apple QuickTime File Format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from vidforensics.acquisition.bmff_fields import FIELD_READERS, read_sample_entries

MAX_BOXES = 50_000
MAX_DEPTH = 12
MAX_PAYLOAD_BYTES = 1 << 16

CONTAINERS = frozenset(
    b"moov trak mdia minf stbl dinf edts udta mvex moof traf mfra tref gmhd schi sinf ilst iprp ipco "
    b"wave rinf strk strd meco tapt clip matt cmov gmhd rmra rmda".split()
)
_FULL_CONTAINERS = frozenset({b"meta"})


@dataclass(slots=True)
class Node:
    """One box: where it lies, what it says, what lies in it. `size` is as declared, `end` as possible."""

    kind: bytes
    offset: int
    header: int
    size: int
    end: int
    values: dict[str, Any] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    @property
    def payload(self) -> int:
        """Where the content begins."""
        return self.offset + self.header

    @property
    def is_cut(self) -> bool:
        """Whether the box says that it is longer than the room it has."""
        return self.offset + self.size > self.end

    def find(self, *path: bytes) -> Node | None:
        """The first box down a path of kinds."""
        return next(self.all(*path), None)

    def all(self, *path: bytes) -> Iterator[Node]:
        """Every box down a path of kinds."""
        for child in self.children:
            if child.kind == path[0]:
                if len(path) == 1:
                    yield child
                else:
                    yield from child.all(*path[1:])

    def walk(self) -> Iterator[Node]:
        """This box and everything in it, outermost first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(slots=True)
class Tree:
    """All boxes of a file; `root` stands for the file itself. `problems` are (code, offset, text)."""

    root: Node
    problems: list[tuple[str, int, str]] = field(default_factory=list)


def kind_name(kind: bytes) -> str:
    r"""A four-character code as text: "moov", "©too", "\x00\x00\x00\x01".

    >>> kind_name(b"moov")
    'moov'
    """
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in kind.decode("latin-1"))


def read_tree(handle: BinaryIO, size: int, unopened: frozenset[bytes] = frozenset()) -> Tree:
    """Read every box of a file.

    Args:
        handle: the open file.
        size: its length in bytes.
        unopened: kinds of boxes whose content is not wanted.

    Returns:
        The tree; what cannot be read is missing from it and named in `problems`.
    """
    tree = Tree(Node(b"", 0, 0, size, size))
    _Reader(handle, tree, unopened | {b"mdat"}).read(tree.root, 0)
    return tree


def looks_like_bmff(head: bytes) -> bool:
    """Whether the first 12 bytes of a file can be those of a box file."""
    return len(head) >= 8 and head[4:8] in (b"ftyp moov mdat free skip wide pnot styp uuid moof sidx".split())


class _Reader:
    """Reads boxes depth first until its budget of boxes is spent."""

    def __init__(self, handle: BinaryIO, tree: Tree, unopened: frozenset[bytes]) -> None:
        self._handle = handle
        self._tree = tree
        self._unopened = unopened
        self._left = MAX_BOXES

    def read(self, parent: Node, depth: int) -> None:
        """Read the boxes that lie in `parent`."""
        position = parent.payload
        while position < parent.end:
            node = self._header(parent, position)
            if node is None:
                return
            if self._left <= 0:
                self._problem("tree_limit", position, f"only the first {MAX_BOXES} boxes were read")
                return
            self._left -= 1
            parent.children.append(node)
            self._content(node, parent, depth)
            position = node.offset + node.size

    def _header(self, parent: Node, position: int) -> Node | None:
        """The box that begins at `position`, or None where no box can begin."""
        room = parent.end - position
        head = self._at(position, min(room, 32))
        if len(head) < 8:
            # QuickTime ends user data with four zero bytes (File Format, "User Data Atoms").
            if not (parent.kind in (b"udta", b"wave") and not any(head)):
                self._problem("trailing_bytes", position, f"{room} bytes after the last box")
            return None
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) >= 16:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0 and parent.kind == b"":
            size = room
        if size < header:
            if parent.kind in (b"udta", b"wave") and not any(head[:8]):
                return None
            code = "box_size_open" if size == 0 else "box_size_invalid"
            self._problem("trailing_bytes" if parent.kind == b"" else code, position, _bad_size(room))
            return None
        if parent.kind == b"" and position and not _plausible(kind):
            self._problem("trailing_bytes", position, f"{room} bytes after the last box")
            return None
        return Node(kind, position, header, size, min(position + size, parent.end))

    def _content(self, node: Node, parent: Node, depth: int) -> None:
        kind = node.kind
        if kind in self._unopened:
            return
        if kind == b"uuid":
            node.values["uuid"] = self._at(node.payload, 16).hex()
        if parent.kind == b"ilst" or (kind in CONTAINERS and depth < MAX_DEPTH):
            self.read(node, depth + 1)
        elif kind in _FULL_CONTAINERS and depth < MAX_DEPTH:
            self._read_meta(node, depth)
        elif kind == b"stsd":
            read_sample_entries(node.values, self._payload(node))
        else:
            self._read_fields(node, parent)

    def _read_meta(self, node: Node, depth: int) -> None:
        """`meta` is a full box in MP4 and a plain one in QuickTime; its first child tells which."""
        head = self._at(node.payload, 12)
        if head[4:8] != b"hdlr":
            node.header += 4
        self.read(node, depth + 1)

    def _read_fields(self, node: Node, parent: Node) -> None:
        reader = FIELD_READERS.get(node.kind)
        if parent.kind == b"----":
            reader = FIELD_READERS.get(b"item " + node.kind, reader)
        elif reader is None and parent.kind == b"udta":
            reader = FIELD_READERS[b"user data"]
        if reader is not None:
            reader(node.values, self._payload(node))

    def _payload(self, node: Node) -> bytes:
        return self._at(node.payload, min(node.end - node.payload, MAX_PAYLOAD_BYTES))

    def _at(self, position: int, count: int) -> bytes:
        self._handle.seek(position)
        return self._handle.read(max(count, 0))

    def _problem(self, code: str, position: int, text: str) -> None:
        self._tree.problems.append((code, position, text))


def _bad_size(room: int) -> str:
    return f"{room} bytes that no box header fits"


def _plausible(kind: bytes) -> bool:
    """Whether four bytes can be a box type: printable, as every registered one is."""
    return all(0x20 <= b < 0x7F or b == 0xA9 for b in kind)

"""Where the samples of an ISO base media file lie, and which bytes of its media data nobody refers to.

The box tree and the open file go in; per track the byte ranges of its chunks come out, from the sample
tables and from movie fragments, and from them the gaps. Tables are read at most 64 MiB each, as arrays.
Source: ISO/IEC 14496-12 §8.7 (sample tables) and §8.8 (fragments).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from vidforensics.acquisition.bmff import Node, Tree

if TYPE_CHECKING:
    from vidforensics.records.arrays import IntArray

MAX_TABLE_BYTES = 1 << 26
MAX_FRAGMENTS = 20_000
MAX_OFFSET = 1 << 60


@dataclass(frozen=True, slots=True)
class TrackSamples:
    """One track's tables: total of stts, number of samples, and the ranges (N, 2) of its chunks."""

    ticks: int | None
    stts_samples: int | None
    samples: int | None
    ranges: IntArray | None


@dataclass(frozen=True, slots=True)
class Gaps:
    """Media data that no sample refers to, and samples that refer to no media data.

    `unreferenced` are (offset, length), longest first; None when it cannot be told.
    """

    unreferenced: tuple[tuple[int, int], ...] | None
    media_bytes: int
    beyond_file: int
    outside_media: int


def track_samples(handle: BinaryIO, trak: Node) -> TrackSamples:
    """Read one track's sample tables; what is absent or damaged is None."""
    stbl = trak.find(b"mdia", b"minf", b"stbl")
    if stbl is None:
        return TrackSamples(None, None, None, None)
    stts, sizes = stbl.find(b"stts"), _sizes(handle, stbl)
    ticks = count = None
    if stts is not None:
        pairs = _table(handle, stts, 8, ">u4", 2)
        if pairs is not None:
            count, ticks = int(pairs[:, 0].sum()), round(float(pairs[:, 0].astype(float) @ pairs[:, 1]))
    return TrackSamples(ticks, count, None if sizes is None else len(sizes), _ranges(handle, stbl, sizes))


def find_gaps(handle: BinaryIO, tree: Tree, tracks: list[TrackSamples]) -> Gaps:
    """Compare what the tables refer to with the media data that is there."""
    media = [(n.payload, n.end) for n in tree.root.children if n.kind == b"mdat" and n.end > n.payload]
    parts = [t.ranges for t in tracks if t.ranges is not None and len(t.ranges)]
    fragments, readable = _fragment_ranges(handle, tree)
    parts.extend(fragments)
    complete = readable and _all_known(tree, tracks)
    merged = _merge(np.concatenate(parts)) if parts else np.empty((0, 2), np.int64)
    size = tree.root.end
    outside = sum(_outside(part, media) for part in parts)
    return Gaps(
        unreferenced=_holes(media, merged) if complete else None,
        media_bytes=sum(end - start for start, end in media),
        beyond_file=sum(int((part[:, 1] > size).sum()) for part in parts),
        outside_media=outside,
    )


def _all_known(tree: Tree, tracks: list[TrackSamples]) -> bool:
    """Whether nothing but sample tables can refer to media data in this file."""
    kinds = {n.kind for n in tree.root.walk()}
    others = {b"iloc", b"saio", b"idat"} & kinds
    return not others and all(t.ranges is not None for t in tracks) and b"moov" in kinds


def _table(handle: BinaryIO, node: Node, skip: int, kind: str, columns: int) -> IntArray | None:
    """A table of big-endian numbers as int64 (n, columns); cut where the box ends."""
    width = np.dtype(kind).itemsize * columns
    room = node.end - node.payload - skip
    count = min(int(node.values.get("count", 0)), max(room, 0) // width)
    if count * width > MAX_TABLE_BYTES:
        return None
    handle.seek(node.payload + skip)
    data = handle.read(count * width)
    numbers = np.frombuffer(data, kind, len(data) // width * columns)
    table: IntArray = np.minimum(numbers.astype(np.uint64), MAX_OFFSET).astype(np.int64)
    return table.reshape(-1, columns)


def _sizes(handle: BinaryIO, stbl: Node) -> IntArray | None:
    """The size of every sample."""
    stsz = stbl.find(b"stsz")
    if stsz is None or "count" not in stsz.values:
        return None
    fixed, count = int(stsz.values["sample_size"]), int(stsz.values["count"])
    if fixed:
        return np.full(count, fixed, np.int64) if count * 8 <= MAX_TABLE_BYTES else None
    table = _table(handle, stsz, 12, ">u4", 1)
    return None if table is None else _column(table)


def _column(table: IntArray) -> IntArray:
    return table[:, 0]


def _ranges(handle: BinaryIO, stbl: Node, sizes: IntArray | None) -> IntArray | None:
    """The byte range of every chunk, (N, 2)."""
    offsets = _chunk_offsets(handle, stbl)
    runs_box = stbl.find(b"stsc")
    if sizes is None or offsets is None or runs_box is None or _is_external(stbl):
        return None
    runs = _table(handle, runs_box, 8, ">u4", 3)
    if not len(offsets) or runs is None or not len(runs):
        return np.empty((0, 2), np.int64)
    if np.any(np.diff(runs[:, 0]) <= 0):
        return None
    per_chunk = runs[np.searchsorted(runs[:, 0], np.arange(1, len(offsets) + 1), "right") - 1, 1]
    last = np.minimum(np.cumsum(np.minimum(per_chunk, len(sizes) + 1)), len(sizes))
    totals = np.concatenate([[0], np.cumsum(sizes)])
    ends = totals[last]
    lengths = np.diff(ends, prepend=0)
    keep = lengths > 0
    return np.stack([offsets[keep], offsets[keep] + lengths[keep]], axis=1)


def _chunk_offsets(handle: BinaryIO, stbl: Node) -> IntArray | None:
    for kind, form in ((b"stco", ">u4"), (b"co64", ">u8")):
        box = stbl.find(kind)
        if box is not None:
            table = _table(handle, box, 8, form, 1)
            return None if table is None else _column(table)
    return None


def _is_external(stbl: Node) -> bool:
    """Whether the track's sample entries are protected or its boxes too short to trust."""
    return any(n.values.get("short") for n in stbl.children)


def _fragment_ranges(handle: BinaryIO, tree: Tree) -> tuple[list[IntArray], bool]:
    """The byte range of every track run of every fragment, and whether all could be read."""
    moofs = [n for n in tree.root.children if n.kind == b"moof"]
    if len(moofs) > MAX_FRAGMENTS:
        return [], False
    defaults = {
        n.values.get("track"): n.values.get("default_size", 0)
        for top in tree.root.children
        if top.kind == b"moov"
        for n in top.all(b"mvex", b"trex")
    }
    found: list[tuple[int, int]] = []
    for moof in moofs:
        for traf in moof.all(b"traf"):
            runs = _track_fragment(handle, moof, traf, defaults)
            if runs is None:
                return [np.array(found, np.int64).reshape(-1, 2)], False
            found.extend(runs)
    return [np.array(found, np.int64).reshape(-1, 2)] if found else [], True


def _track_fragment(
    handle: BinaryIO, moof: Node, traf: Node, defaults: dict[int | None, int]
) -> list[tuple[int, int]] | None:
    """The runs of one track fragment; None when a run's place cannot be told."""
    tfhd = traf.find(b"tfhd")
    if tfhd is None or "track" not in tfhd.values:
        return None
    base = int(tfhd.values.get("base", moof.offset))
    default = int(tfhd.values.get("default_size", defaults.get(tfhd.values["track"], 0)))
    runs: list[tuple[int, int]] = []
    for trun in traf.all(b"trun"):
        if "count" not in trun.values:
            return None
        length = _run_bytes(handle, trun, default)
        if "data_offset" in trun.values:
            start = base + int(trun.values["data_offset"])
        elif runs:
            start = runs[-1][1]
        else:
            return None
        start = min(max(start, -MAX_OFFSET), MAX_OFFSET)
        runs.append((start, start + length))
    return runs


def _run_bytes(handle: BinaryIO, trun: Node, default: int) -> int:
    """How many bytes the samples of one run take."""
    flags, count = int(trun.values["flags"]), int(trun.values["count"])
    if not flags & 0x200:
        return min(count * default, MAX_OFFSET)
    columns = sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    table = _table(handle, trun, 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4), ">u4", columns)
    return 0 if table is None else int(table[:, 1 if flags & 0x100 else 0].sum())


def _merge(ranges: IntArray) -> IntArray:
    """The union of ranges as disjoint, ordered ranges."""
    if not len(ranges):
        return ranges
    ordered = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ordered[:, 1])
    new = np.concatenate([[True], ordered[1:, 0] > reach[:-1]])
    starts = ordered[new, 0]
    ends = reach[np.concatenate([np.flatnonzero(new)[1:] - 1, [len(ordered) - 1]])]
    return np.stack([starts, ends], axis=1)


def _holes(media: list[tuple[int, int]], used: IntArray) -> tuple[tuple[int, int], ...]:
    """What of `media` is not in `used`, as (offset, length), longest first, at most 100."""
    holes: list[tuple[int, int]] = []
    for start, end in media:
        inside = used[(used[:, 1] > start) & (used[:, 0] < end)]
        edges_from = np.concatenate([[start], inside[:, 1]])
        edges_to = np.concatenate([inside[:, 0], [end]])
        free = edges_to - edges_from
        holes.extend((int(edges_from[i]), int(free[i])) for i in np.flatnonzero(free > 0))
    return tuple(sorted(holes, key=lambda h: (-h[1], h[0]))[:100])


def _outside(ranges: IntArray, media: list[tuple[int, int]]) -> int:
    """How many ranges lie in no media data box; all of a file without one."""
    if not media:
        return len(ranges)
    begins = np.array([m[0] for m in media])
    ends = np.array([m[1] for m in media])
    slot = np.searchsorted(begins, ranges[:, 0], "right") - 1
    return int(((slot < 0) | (ranges[:, 0] >= ends[np.maximum(slot, 0)])).sum())

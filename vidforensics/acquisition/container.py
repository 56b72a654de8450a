"""The container as its own bytes lay it out: boxes, fields, findings, and who wrote it last.

A path and its probe go in and a `Container` comes out; media data are stepped over, never loaded. ISO base
media, Matroska and AVI have parsers of their own, every other format says what its demuxer says.
Source: ISO/IEC 14496-12, RFC 9559, OpenDML 1.02; reading writers from structure after Gloe et al. 2014.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vidforensics.acquisition.bmff import looks_like_bmff, read_tree
from vidforensics.acquisition.bmff_findings import data_findings, structure_findings
from vidforensics.acquisition.bmff_summary import box_records, file_fields, find_xmp
from vidforensics.acquisition.bmff_times import duration_findings, edit_findings, time_findings
from vidforensics.acquisition.matroska import looks_like_matroska, read_elements
from vidforensics.acquisition.matroska_facts import element_records, matroska_fields, matroska_findings
from vidforensics.acquisition.riff import looks_like_avi, read_chunks
from vidforensics.acquisition.riff_facts import avi_fields, avi_findings, chunk_records
from vidforensics.acquisition.writer import read_writer
from vidforensics.media import open_evidence, printable
from vidforensics.types import Box, Container, Finding, Probe

MAX_XMP_BYTES = 1 << 17
MAX_FINDINGS = 200
LISTED_AT_EACH_END = 100


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What a format's parser gives."""

    format: str
    boxes: tuple[Box, ...]
    fields: dict[str, str]
    findings: list[Finding]


def read_container(path: Path, probe: Probe) -> Container:
    """Read the structure of the file.

    Args:
        path: the clip.
        probe: what the demuxer says of it.

    Returns:
        Boxes (long runs of fragments or clusters are summed up in one row named "…"), the fields the file
        states about itself, findings in the order of the file, and the reading of its last writer.

    Raises:
        InputError: the file cannot be read.
    """
    with open_evidence(path) as handle:
        size = handle.seek(0, 2)
        handle.seek(0)
        parsed = _parse(handle, size, handle.read(16), probe)
    return Container(
        format=parsed.format,
        boxes=_shorten(parsed.boxes),
        fields=parsed.fields,
        findings=tuple(parsed.findings[:MAX_FINDINGS]),
        writer=read_writer(parsed.format, parsed.fields),
    )


def _parse(handle: BinaryIO, size: int, head: bytes, probe: Probe) -> _Parsed:
    if looks_like_matroska(head):
        elements = read_elements(handle, size)
        findings = _ordered(matroska_findings(elements))
        return _Parsed("matroska", element_records(elements.root), matroska_fields(elements), findings)
    if looks_like_avi(head):
        chunks = read_chunks(handle, size)
        return _Parsed("avi", chunk_records(chunks.root), avi_fields(chunks), _ordered(avi_findings(chunks)))
    if looks_like_bmff(head) or "mp4" in probe.format_name.split(","):
        return _parse_bmff(handle, size)
    return _Parsed("other", (), _demuxer_fields(probe), [])


def _parse_bmff(handle: BinaryIO, size: int) -> _Parsed:
    from vidforensics.acquisition.bmff_samples import find_gaps, track_samples

    tree = read_tree(handle, size)
    movie = tree.root.find(b"moov")
    samples = [track_samples(handle, trak) for trak in (movie.all(b"trak") if movie else ())]
    xmp_box, xmp = find_xmp(tree), b""
    if xmp_box is not None:
        handle.seek(xmp_box.payload)
        xmp = handle.read(min(xmp_box.end - xmp_box.payload, MAX_XMP_BYTES))
    findings = [
        *structure_findings(tree),
        *data_findings(find_gaps(handle, tree, samples), size),
        *time_findings(tree, time.time()),
        *edit_findings(tree),
        *duration_findings(tree, samples),
    ]
    return _Parsed("iso-bmff", box_records(tree.root), file_fields(tree, xmp), _ordered(findings))


def _demuxer_fields(probe: Probe) -> dict[str, str]:
    """What the demuxer says, for formats without a parser here."""
    fields = {"format": probe.format_name}
    for key, value in probe.metadata.items():
        fields[f"tag.{printable(key)}"] = printable(value, 1000)
    for stream in probe.streams:
        for key, value in stream.metadata.items():
            fields[f"stream{stream.index}.{printable(key)}"] = printable(value, 1000)
    return fields


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by level, gravest first, then by place."""
    rank = {"anomaly": 0, "notice": 1, "info": 2}
    return sorted(findings, key=lambda f: (rank[f.level], f.offset_bytes or 0, f.code))


def _shorten(boxes: tuple[Box, ...]) -> tuple[Box, ...]:
    """The boxes of one level with the middle of a very long row summed up, at every level."""
    if len(boxes) > 2 * LISTED_AT_EACH_END + 1:
        first, middle, last = (
            boxes[:LISTED_AT_EACH_END],
            boxes[LISTED_AT_EACH_END:-LISTED_AT_EACH_END],
            boxes[-LISTED_AT_EACH_END:],
        )
        counts = Counter(b.kind for b in middle).most_common(6)
        note = f"{len(middle)} more: " + ", ".join(f"{count} {kind}" for kind, count in counts)
        total = sum(b.size_bytes for b in middle)
        boxes = (*first, Box("…", middle[0].offset_bytes, total, note), *last)
    return tuple(
        Box(b.kind, b.offset_bytes, b.size_bytes, b.summary, _shorten(b.children)) if b.children else b
        for b in boxes
    )

"""Facts about the structure of an ISO base media file that a reader of the evidence should know.

A box tree and its sample tables go in, findings come out, each a checked fact with its place. The levels are
set by how often ordinary files show a fact (see docs/acquisition.md); order, sizes, duplicates and times
follow ISO/IEC 14496-12, and what they tell of a file's history Gloe et al. 2014 and Yang et al. 2020.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vidforensics.acquisition.bmff import Tree, kind_name
from vidforensics.acquisition.bmff_samples import Gaps
from vidforensics.types import Finding, FindingLevel

KNOWN_TOP = frozenset(
    b"ftyp moov mdat free skip wide pnot uuid moof mfra sidx ssix styp emsg prft meta pdin udta imda".split()
)
KNOWN_MOVIE = frozenset(
    b"mvhd trak udta iods mvex meta free skip uuid ctab cmov rmra clip prfl pssh gpst ainf".split()
)
_ONE_IN_FILE = (b"ftyp", b"moov", b"mfra")
_ONE_IN = {
    b"moov": (b"mvhd", b"iods", b"mvex"),
    b"trak": (b"tkhd", b"mdia", b"edts"),
    b"mdia": (b"mdhd", b"hdlr", b"minf"),
    b"minf": (b"stbl", b"dinf", b"vmhd", b"smhd"),
    b"stbl": (b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss"),
    b"edts": (b"elst",),
}
_READER_CODES = {
    "trailing_bytes": "The file goes on behind its last box with {0}.",
    "box_size_invalid": "A box header is damaged: {0}.",
    "box_size_open": "The size of a box was never filled in, as when a writer cannot go back: {0}.",
    "tree_limit": "The box tree is very large: {0}.",
}
TRAILING_LISTED = 20


def structure_findings(tree: Tree) -> Iterator[Finding]:
    """Order, sizes, unknown and duplicate boxes, bytes that belong to no box."""
    yield from _reader_findings(tree)
    yield from _cut_boxes(tree)
    yield from _required(tree)
    yield from _order(tree)
    yield from _unknown(tree)
    yield from _duplicates(tree)
    yield from _padding(tree)


def _reader_findings(tree: Tree) -> Iterator[Finding]:
    for code, offset, text in tree.problems[:TRAILING_LISTED]:
        level: FindingLevel = "notice" if code in ("tree_limit", "box_size_open") else "anomaly"
        # a tail inside a box is the reader's "trailing bytes" too, but says something else
        if code == "trailing_bytes" and not _is_tail(tree, offset):
            yield Finding("box_tail", "notice", f"A box ends with bytes that are no box ({text}).", offset)
        else:
            yield Finding(code, level, _READER_CODES[code].format(text), offset)


def _is_tail(tree: Tree, offset: int) -> bool:
    return all(not n.offset <= offset < n.end for n in tree.root.children)


def _cut_boxes(tree: Tree) -> Iterator[Finding]:
    for parent in tree.root.walk():
        for node in parent.children:
            if not node.is_cut:
                continue
            name, missing = kind_name(node.kind), node.offset + node.size - node.end
            if parent.kind == b"":
                text = f"Box {name} claims {node.size} bytes, but the file ends {missing} bytes earlier."
                yield Finding("box_truncated", "anomaly", text, node.offset)
            elif not parent.is_cut:
                text = (
                    f"Box {name} reaches {missing} bytes beyond the box {kind_name(parent.kind)} it lies in."
                )
                yield Finding("box_overruns_parent", "anomaly", text, node.offset)


def _required(tree: Tree) -> Iterator[Finding]:
    kinds = [n.kind for n in tree.root.children]
    if b"moov" not in kinds:
        yield Finding("moov_missing", "anomaly", "The index of the file (moov) is missing.")
    if b"ftyp" not in kinds and b"styp" not in kinds:
        yield Finding(
            "ftyp_missing", "notice", "The file names no brand (no ftyp box), as old QuickTime files do."
        )
    if b"mdat" not in kinds and b"imda" not in kinds:
        yield Finding("mdat_missing", "anomaly", "The file holds no media data (no mdat box).")


def _order(tree: Tree) -> Iterator[Finding]:
    kinds = [n.kind for n in tree.root.children if n.kind not in (b"free", b"skip", b"wide", b"uuid")]
    if b"ftyp" in kinds and kinds[0] != b"ftyp":
        text = f"The brand box (ftyp) is not the first box; {kind_name(kinds[0])} is."
        yield Finding("ftyp_not_first", "anomaly", text)
    if b"moov" in kinds and b"mdat" in kinds and b"moof" not in kinds:
        if kinds.index(b"moov") > kinds.index(b"mdat"):
            text = (
                "The index (moov) lies behind the media data, as recorders and encoders write it in one go."
            )
            yield Finding("index_last", "info", text)
        else:
            text = "The index (moov) lies before the media data: the file was completed in a second step."
            yield Finding("index_first", "info", text)
    if b"moof" in kinds:
        text = f"The file is fragmented: {kinds.count(b'moof')} movie fragments."
        yield Finding("fragmented", "info", text)
    elif (count := kinds.count(b"mdat")) > 1:
        yield Finding("several_mdat", "notice", f"The media data lie in {count} boxes instead of one.")


def _unknown(tree: Tree) -> Iterator[Finding]:
    for parent, known in ((tree.root, KNOWN_TOP), *((m, KNOWN_MOVIE) for m in tree.root.all(b"moov"))):
        unknown = Counter(n.kind for n in parent.children if n.kind not in known)
        place = "the file" if parent.kind == b"" else "moov"
        for kind, count in sorted(unknown.items())[:TRAILING_LISTED]:
            first = next(n.offset for n in parent.children if n.kind == kind)
            times = "" if count == 1 else f" ({count} times)"
            text = f"Box {kind_name(kind)} directly in {place}{times} is not one of the standard."
            yield Finding("box_unknown", "notice", text, first)


def _duplicates(tree: Tree) -> Iterator[Finding]:
    for parent in tree.root.walk():
        unique = _ONE_IN_FILE if parent.kind == b"" else _ONE_IN.get(parent.kind, ())
        counts = Counter(n.kind for n in parent.children if n.kind in unique)
        for kind, count in sorted(counts.items()):
            if count > 1:
                last = [n for n in parent.children if n.kind == kind][-1]
                text = f"Box {kind_name(kind)} occurs {count} times where one is allowed."
                yield Finding("box_duplicate", "anomaly", text, last.offset)


def _padding(tree: Tree) -> Iterator[Finding]:
    for node in tree.root.walk():
        if node.kind in (b"free", b"skip") and node.values.get("nonzero"):
            name, text = kind_name(node.kind), node.values.get("text")
            if text:
                yield Finding(
                    "padding_text", "info", f'Unused space ({name}) holds the text "{text}".', node.offset
                )
            else:
                sentence = f"Unused space ({name}) holds {node.values['nonzero']} bytes that are not zero."
                yield Finding("padding_not_empty", "notice", sentence, node.offset)


def data_findings(gaps: Gaps, size: int) -> Iterator[Finding]:
    """Media data that no sample refers to, and samples without media data.

    Args:
        gaps: the comparison of tables and media data.
        size: the file's length in bytes.
    """
    if gaps.beyond_file:
        text = f"{gaps.beyond_file} pieces of media lie beyond the file's end at {size} bytes: it is cut off."
        yield Finding("samples_beyond_file", "anomaly", text)
    if gaps.outside_media > 0:
        text = f"{gaps.outside_media} pieces of media lie outside the media data boxes."
        yield Finding("samples_outside_media", "anomaly", text)
    if gaps.unreferenced is None:
        text = "Whether all media data are in use could not be told from the tables of this file."
        yield Finding("media_use_unknown", "info", text)
    elif gaps.unreferenced:
        total = sum(length for _, length in gaps.unreferenced)
        offset, longest = gaps.unreferenced[0]
        text = (
            f"{total} of {gaps.media_bytes} bytes of media data belong to no stream; the longest stretch has "
            f"{longest} bytes."
        )
        yield Finding(
            "media_unreferenced", "anomaly" if total >= UNREFERENCED_ANOMALY_BYTES else "notice", text, offset
        )


# Writers leave small gaps (alignment, a header inside mdat); a stretch of this size can hold pictures.
UNREFERENCED_ANOMALY_BYTES = 4096

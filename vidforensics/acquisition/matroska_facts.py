"""A Matroska or WebM file as records: its elements, what it says about itself, and what is odd.

Elements go in; `Box` records, a flat mapping of fields and findings come out. Source: RFC 9559.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from vidforensics.acquisition.matroska import Element, Elements
from vidforensics.acquisition.matroska_ids import ELEMENTS
from vidforensics.media import printable
from vidforensics.types import Box, Finding

MAX_FIELDS = 300
SAME_DURATION_S = 0.5
SAME_DURATION_SHARE = 0.01

_READER_CODES = {
    "trailing_bytes": "The file goes on behind its last element with {0}.",
    "element_damaged": "An element is damaged: {0}.",
    "tree_limit": "The element tree is very large: {0}.",
}
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def element_records(element: Element) -> tuple[Box, ...]:
    """The children of an element as records, with their own children."""
    return tuple(
        Box(
            kind=child.name,
            offset_bytes=child.offset,
            size_bytes=child.end - child.offset,
            summary=_summary(child),
            children=element_records(child),
        )
        for child in element.children
    )


def _summary(element: Element) -> str:
    if element.name == "Void":
        return f"{element.value} bytes not zero" if element.value else ""
    note = "size not stated" if element.size is None else ""
    return printable(str(element.value), 200) if element.value is not None else note


def matroska_fields(elements: Elements) -> dict[str, str]:
    """What the file says about itself, flat; keys such as "Info.WritingApp" and "track1.CodecID"."""
    found: dict[str, str] = {}
    for key, value in _fields(elements.root):
        if value is not None and str(value) and len(found) < MAX_FIELDS:
            found.setdefault(printable(key), printable(str(value), 1000))
    return found


def _fields(root: Element) -> Iterator[tuple[str, object]]:
    for name in ("DocType", "DocTypeVersion"):
        yield name, root.get("EBML", name)
    for segment in root.all("Segment"):
        yield "element_order", " ".join(dict.fromkeys(c.name for c in segment.children))
        for info in segment.all("Info"):
            yield from ((f"Info.{c.name}", c.value) for c in info.children if c.name in ELEMENT_NAMES)
        for number, track in enumerate(segment.all("Tracks", "TrackEntry"), 1):
            for name in ("TrackType", "TrackUID", "CodecID", "Name", "Language"):
                yield f"track{number}.{name}", track.get(name)
        for file in segment.all("Attachments", "AttachedFile"):
            yield f"attachment.{file.get('FileName')}", file.get("FileMediaType")
        for target, name, text in _tags(segment):
            yield f"tag.{target}.{name}", text


ELEMENT_NAMES = frozenset(name for name, kind in ELEMENTS.values() if kind in "ufsd") | {"SegmentUUID"}


def _tags(segment: Element) -> Iterator[tuple[str, str, str]]:
    """Every tag as (track number or "file", name, text)."""
    numbers = {
        track.get("TrackUID"): f"track{number}"
        for number, track in enumerate(segment.all("Tracks", "TrackEntry"), 1)
    }
    for tag in segment.all("Tags", "Tag"):
        target = numbers.get(tag.get("Targets", "TagTrackUID"), "file")
        for simple in tag.all("SimpleTag"):
            name, text = simple.get("TagName"), simple.get("TagString")
            if isinstance(name, str) and isinstance(text, str):
                yield target, name, text


def matroska_findings(elements: Elements) -> Iterator[Finding]:
    """Sizes, order, unknown and missing elements, durations that disagree."""
    root = elements.root
    for code, offset, text in elements.problems[:20]:
        yield Finding(
            code, "notice" if code == "tree_limit" else "anomaly", _READER_CODES[code].format(text), offset
        )
    segments = list(root.all("Segment"))
    if not segments:
        yield Finding("segment_missing", "anomaly", "The file holds no Segment, only a header.")
    if len(segments) > 1:
        text = f"The file holds {len(segments)} segments one after the other."
        yield Finding("several_segments", "anomaly", text, segments[1].offset)
    for parent in (root, *segments):
        yield from _cut(parent)
    for segment in segments[:8]:
        yield from _segment_findings(segment)


def _cut(parent: Element) -> Iterator[Finding]:
    for child in parent.children:
        if child.is_cut and child.size is not None:
            missing = child.offset + child.header + child.size - child.end
            text = f"Element {child.name} claims {child.size} bytes, but {missing} of them are missing."
            yield Finding("element_truncated", "anomaly", text, child.offset)


def _segment_findings(segment: Element) -> Iterator[Finding]:
    names = Counter(c.name for c in segment.children)
    for name in ("Info", "Tracks", "Cluster"):
        if not names[name]:
            yield Finding("element_missing", "anomaly", f"The segment holds no {name}.", segment.offset)
    for name in ("Info", "Tracks", "Cues", "Attachments", "Chapters"):
        if names[name] > 1:
            yield Finding(
                "element_duplicate", "anomaly", f"{name} occurs {names[name]} times.", segment.offset
            )
    if segment.size is None:
        text = "The segment's size is not stated, as in a live recording."
        yield Finding("segment_size_unknown", "info", text, segment.offset)
    open_clusters = sum(c.size is None for c in segment.children if c.name == "Cluster")
    if open_clusters:
        text = f"The size of {open_clusters} clusters is not stated, as in a live recording."
        yield Finding("cluster_size_unknown", "info", text, segment.offset)
    if names["Cluster"] and not names["Cues"]:
        yield Finding("cues_missing", "info", "The file has no index (Cues).", segment.offset)
    yield from _unknown(segment)
    yield from _durations(segment)


def _unknown(segment: Element) -> Iterator[Finding]:
    stack, listed = [segment], 0
    while stack and listed < 20:
        element = stack.pop()
        stack.extend(element.children)
        if element.name.startswith("0x"):
            listed += 1
            text = f"Element {element.name} is not one of the standard's that are read here."
            yield Finding("element_unknown", "notice", text, element.offset)
        elif element.name == "Void" and element.value:
            listed += 1
            text = f"Unused space (Void) holds {element.value} bytes that are not zero."
            yield Finding("padding_not_empty", "notice", text, element.offset)


def _durations(segment: Element) -> Iterator[Finding]:
    """The declared duration against the per-track DURATION tags that muxers write at the end."""
    duration, scale = segment.get("Info", "Duration"), segment.get("Info", "TimestampScale") or 1_000_000
    if not isinstance(duration, float | int):
        return
    declared_s = float(duration) * float(scale) / 1e9
    tags = [seconds for _, name, text in _tags(segment) if name == "DURATION" and (seconds := _clock(text))]
    if tags and abs(declared_s - max(tags)) > max(SAME_DURATION_S, SAME_DURATION_SHARE * declared_s):
        text = f"The file is declared {declared_s:.3f} s long, its longest track {max(tags):.3f} s."
        yield Finding("duration_differs", "anomaly", text, segment.offset)


def _clock(text: str) -> float | None:
    """Seconds of "HH:MM:SS.nnn"."""
    match = _CLOCK.match(text[:40])
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None

"""Stretches of a match put together and taken apart: one relation, one segment.

`TraceSegment`s go in and come out. Neighbours on one line with one relation become one segment; a segment
is cut where the relation of its sound changes, so that a replaced or mixed stretch stands by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from vidforensics.types import Edit, Modality, SoundRelation, SoundStretch, TraceSegment

LEAST_PART_S = 0.5
"""A shorter part of a segment goes to its longer neighbour."""
SAME_LINE_S, SAME_SPEED, SAME_BOX = 0.15, 0.01, 0.05


def merged(segments: Sequence[TraceSegment], gap_s: float = 0.5) -> tuple[TraceSegment, ...]:
    """Neighbouring segments of one relation as one.

    Args:
        segments: of one match, any order.
        gap_s: greatest query time between two that are still neighbours.

    Returns:
        Segments by query start; the edits of a merged one are those of its longest part, its score is the
        best. () for none.
    """
    done: list[tuple[TraceSegment, float]] = []
    for segment in sorted(segments, key=lambda s: (s.query_start_s, s.query_end_s)):
        length = segment.query_end_s - segment.query_start_s
        at = next((i for i in reversed(range(len(done))) if _one(done[i][0], segment, gap_s)), None)
        if at is None:
            done.append((segment, length))
        else:
            before, longest = done[at]
            done[at] = _union(before, segment, length > longest), max(length, longest)
    return tuple(s for s, _ in done)


def _union(a: TraceSegment, b: TraceSegment, later: bool) -> TraceSegment:
    end = max((a, b), key=lambda s: s.query_end_s)
    return replace(
        a,
        query_end_s=end.query_end_s,
        reference_end_s=end.reference_end_s,
        score=max(a.score, b.score),
        edits=b.edits if later else a.edits,
    )


def _one(a: TraceSegment, b: TraceSegment, gap_s: float) -> bool:
    if (a.mirrored, a.sound, a.modality) != (b.mirrored, b.sound, b.modality):
        return False
    if b.query_start_s - a.query_end_s > gap_s or abs(a.speed / b.speed - 1.0) > SAME_SPEED:
        return False
    expected = a.reference_end_s + a.speed * (b.query_start_s - a.query_end_s)
    return abs(expected - b.reference_start_s) <= SAME_LINE_S and _same_edits(a.edits, b.edits)


def _same_edits(a: Sequence[Edit], b: Sequence[Edit]) -> bool:
    ours, theirs = sorted(a, key=_edit_key), sorted(b, key=_edit_key)
    return len(ours) == len(theirs) and all(
        x.kind == y.kind and _same_box(x, y) for x, y in zip(ours, theirs, strict=True)
    )


def _edit_key(edit: Edit) -> tuple[str, tuple[float, ...]]:
    return edit.kind, edit.box or ()


def _same_box(a: Edit, b: Edit) -> bool:
    if a.box is None or b.box is None:
        return a.box is b.box
    return all(abs(x - y) <= SAME_BOX for x, y in zip(a.box, b.box, strict=True))


@dataclass(frozen=True, slots=True)
class _Part:
    start_s: float
    end_s: float
    relation: SoundRelation


def split_by_sound(
    segments: Sequence[TraceSegment], stretches: Sequence[SoundStretch]
) -> tuple[TraceSegment, ...]:
    """Segments cut where the relation of their sound changes.

    Args:
        segments: of one match; those found by sound alone are passed on as they are.
        stretches: how the query's sound relates to that match, in query time; where none tells, a segment
            keeps the relation it has.

    Returns:
        Segments by query start, each with one relation. () for none.
    """
    done: list[TraceSegment] = []
    for segment in segments:
        if segment.modality == "sound":
            done.append(segment)
            continue
        done += [_cut(segment, part) for part in _parts(segment, stretches)]
    return tuple(sorted(done, key=lambda s: (s.query_start_s, s.query_end_s)))


def _parts(segment: TraceSegment, stretches: Sequence[SoundStretch]) -> list[_Part]:
    start, end = segment.query_start_s, segment.query_end_s
    inside = [s for s in stretches if s.end_s > start and s.start_s < end]
    edges = sorted({start, end, *(t for s in inside for t in (s.start_s, s.end_s) if start < t < end)})
    parts: list[_Part] = []
    for a, b in pairwise(edges):
        middle = (a + b) / 2
        relation = next((s.relation for s in inside if s.start_s <= middle < s.end_s), segment.sound)
        if parts and parts[-1].relation == relation:
            parts[-1] = replace(parts[-1], end_s=b)
        else:
            parts.append(_Part(a, b, relation))
    return _without_slivers(parts) if parts else [_Part(start, end, segment.sound)]


def _without_slivers(parts: list[_Part]) -> list[_Part]:
    """Parts with those too short to mean anything given to a neighbour."""
    parts = list(parts)
    while len(parts) > 1:
        at = min(range(len(parts)), key=lambda i: parts[i].end_s - parts[i].start_s)
        if parts[at].end_s - parts[at].start_s >= LEAST_PART_S:
            break
        beside = [i for i in (at - 1, at + 1) if 0 <= i < len(parts)]
        into = max(beside, key=lambda i: parts[i].end_s - parts[i].start_s)
        low, high = min(at, into), max(at, into)
        parts[low : high + 1] = [_Part(parts[low].start_s, parts[high].end_s, parts[into].relation)]
        parts = _joined(parts)
    return parts


def _joined(parts: list[_Part]) -> list[_Part]:
    done: list[_Part] = []
    for part in parts:
        if done and done[-1].relation == part.relation:
            done[-1] = replace(done[-1], end_s=part.end_s)
        else:
            done.append(part)
    return done


def _cut(segment: TraceSegment, part: _Part) -> TraceSegment:
    """The part of a segment, with the reference time that belongs to it."""
    length = segment.query_end_s - segment.query_start_s
    scale = (segment.reference_end_s - segment.reference_start_s) / length if length > 0 else 0.0
    modality: Modality = "both" if part.relation in ("same", "mixed", "shifted") else "picture"
    return replace(
        segment,
        query_start_s=part.start_s,
        query_end_s=part.end_s,
        reference_start_s=segment.reference_start_s + scale * (part.start_s - segment.query_start_s),
        reference_end_s=segment.reference_start_s + scale * (part.end_s - segment.query_start_s),
        modality=segment.modality if part.relation == "not_assessed" else modality,
        sound=part.relation,
    )

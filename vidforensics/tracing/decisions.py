"""The edit decision list of a suspect: every second of it once, and what the order of its pieces tells.

`TraceSegment`s go in. `edit_decisions` gives rows without gap or overlap; `order_edits` gives the segments
back with the edits that only show between them: `trim` (the reference goes on where it left something out),
`reorder` (it goes back without repeating), `loop` (it repeats), `insert` (something without source between).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from vidforensics.types import Edit, EditDecision, EditKind, NotTraced, TraceSegment


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """What counts as a break of order.

    step_s: reference seconds left out or gone back between two pieces. end_s: reference seconds left out
    before the first piece and after the last, whose ends are known less well: more than the suspect has
    room for there by this much, or less. sliver_s: a shorter row goes to its neighbour.
    """

    step_s: float = 0.15
    end_s: float = 0.5
    sliver_s: float = 0.02


@dataclass(frozen=True, slots=True)
class _Row:
    start_s: float
    end_s: float
    segment: TraceSegment | None
    number: int


def edit_decisions(
    segments: Sequence[TraceSegment],
    duration_s: float,
    *,
    reference_duration_s: float | None = None,
    not_assessed: Sequence[NotTraced] = (),
    options: OrderOptions | None = None,
) -> tuple[EditDecision, ...]:
    """Every second of the suspect once, in order.

    Args:
        segments: shared with one reference, any order, may overlap: picture goes before sound alone, then
            the higher score, then the longer.
        duration_s: length of the suspect; what segments hold beyond it is cut off.
        reference_duration_s: length of the reference, to tell what was left out after the last piece.
        not_assessed: stretches that could not be searched; those without a source become rows of their own.
        options: see `OrderOptions`.

    Returns:
        Rows from 0 to `duration_s` without gap or overlap; `detail` holds speed, score, modality and
        mirrored of rows with a source, and `not_assessed` with the reason of rows that were not looked at.
        () for a duration of 0.

    Raises:
        ValueError: `duration_s` is negative or not finite.
    """
    if not (math.isfinite(duration_s) and duration_s >= 0):
        raise ValueError(f"a duration of {duration_s} s has no edit decision list")
    chosen = options or OrderOptions()
    rows = _rows(segments, duration_s, chosen.sliver_s)
    cut = [_cut_to(r.segment, r.start_s, r.end_s) if r.segment is not None else None for r in rows]
    ends = _Ends.of([s for s in cut if s is not None], duration_s, reference_duration_s)
    marked = _marked(cut, ends, chosen)
    done: list[EditDecision] = []
    for row, segment, (before, _) in zip(rows, cut, marked, strict=True):
        if segment is not None:
            done.append(_with_source(segment, before))
        else:
            done += _without_source(row, before, not_assessed, chosen.sliver_s)
    return tuple(done)


def order_edits(
    segments: Sequence[TraceSegment],
    reference_duration_s: float | None = None,
    options: OrderOptions | None = None,
    *,
    duration_s: float | None = None,
) -> tuple[TraceSegment, ...]:
    """Segments with the edits that their order tells.

    Args:
        segments: of one match, any order; where they overlap in query time, those of picture are compared
            among themselves and so are those of sound alone.
        reference_duration_s: length of the reference; None where unknown.
        options: see `OrderOptions`.
        duration_s: length of the suspect; None where unknown.

    Returns:
        The segments by query start, each with `trim`, `reorder` or `loop` for how it follows the one
        before, and with `insert` where something without source lies between the two. () for none.
    """
    chosen = options or OrderOptions()
    done: list[TraceSegment] = []
    ends = _Ends.of(segments, duration_s, reference_duration_s)
    for alone in (False, True):
        same = sorted(
            (s for s in segments if (s.modality == "sound") == alone),
            key=lambda s: (s.query_start_s, s.query_end_s),
        )
        padded = _padded(same, chosen)
        for segment, (edits, carried) in zip(padded, _marked(padded, ends, chosen), strict=True):
            if segment is not None:
                done.append(replace(segment, edits=(*segment.edits, *edits, *carried)))
    return tuple(sorted(done, key=lambda s: (s.query_start_s, s.query_end_s)))


def _padded(segments: Sequence[TraceSegment], options: OrderOptions) -> list[TraceSegment | None]:
    """Segments in order, None between two that do not touch."""
    padded: list[TraceSegment | None] = []
    for segment in segments:
        last = padded[-1] if padded else None
        if last is not None and segment.query_start_s - last.query_end_s > options.end_s:
            padded.append(None)
        padded.append(segment)
    return padded


def _rows(segments: Sequence[TraceSegment], duration_s: float, sliver_s: float) -> list[_Row]:
    """The suspect cut into stretches of one source each."""
    ranked = sorted(
        segments, key=lambda s: (s.modality == "sound", -s.score, s.query_start_s - s.query_end_s)
    )
    times = {0.0, duration_s}
    times.update(t for s in ranked for t in (s.query_start_s, s.query_end_s) if 0.0 < t < duration_s)
    edges = sorted(times)
    rows: list[_Row] = []
    for a, b in pairwise(edges):
        middle = (a + b) / 2
        number = next(
            (i for i, s in enumerate(ranked) if s.query_start_s <= middle < s.query_end_s), len(ranked)
        )
        segment = ranked[number] if number < len(ranked) else None
        rows.append(_Row(a, b, segment, number))
    return _settled(rows, sliver_s)


def _settled(rows: list[_Row], sliver_s: float) -> list[_Row]:
    """Neighbours of one source as one row, slivers given to the row before, or after where there is none."""
    rows = _joined(rows)
    while len(rows) > 1:
        at = min(range(len(rows)), key=lambda i: rows[i].end_s - rows[i].start_s)
        if rows[at].end_s - rows[at].start_s >= sliver_s:
            break
        if at > 0:
            rows[at - 1] = replace(rows[at - 1], end_s=rows[at].end_s)
        else:
            rows[at + 1] = replace(rows[at + 1], start_s=rows[at].start_s)
        rows = _joined(rows[:at] + rows[at + 1 :])
    return rows


def _joined(rows: list[_Row]) -> list[_Row]:
    done: list[_Row] = []
    for row in rows:
        if done and done[-1].number == row.number:
            done[-1] = replace(done[-1], end_s=row.end_s)
        else:
            done.append(row)
    return done


def _cut_to(segment: TraceSegment, start_s: float, end_s: float) -> TraceSegment:
    """A segment between two query times, with the reference times that belong to them."""
    length = segment.query_end_s - segment.query_start_s
    scale = (segment.reference_end_s - segment.reference_start_s) / length if length > 0 else 0.0
    low, high = sorted((segment.reference_start_s, segment.reference_end_s))
    first = segment.reference_start_s + scale * (start_s - segment.query_start_s)
    last = segment.reference_start_s + scale * (end_s - segment.query_start_s)
    return replace(
        segment,
        query_start_s=start_s,
        query_end_s=end_s,
        reference_start_s=min(max(first, low), high),
        reference_end_s=min(max(last, low), high),
    )


Marks = tuple[tuple[Edit, ...], tuple[Edit, ...]]
"""Edits of a row, and those it carries for the row without source before it."""


@dataclass(frozen=True, slots=True)
class _Ends:
    """Lengths of suspect and reference, None where unknown; first and last moment of the reference shown."""

    suspect_s: float | None
    reference_s: float | None
    first_s: float
    last_s: float

    @classmethod
    def of(
        cls, segments: Sequence[TraceSegment], suspect_s: float | None, reference_s: float | None
    ) -> _Ends:
        first_s = min((s.reference_start_s for s in segments), default=0.0)
        last_s = max((s.reference_end_s for s in segments), default=0.0)
        return cls(suspect_s, reference_s, first_s, last_s)


def _marked(rows: Sequence[TraceSegment | None], ends: _Ends, options: OrderOptions) -> list[Marks]:
    """The edits of order of each row."""
    known = [i for i, s in enumerate(rows) if s is not None]
    pieces = [s for s in rows if s is not None]
    spans = [(s.reference_start_s, s.reference_end_s) for s in pieces]
    marks: list[Marks] = [((), ()) for _ in rows]
    for place, i in enumerate(known):
        edits = list(_follows(place, spans, options))
        if place == 0:
            edits += _cut_before(pieces, ends, options)
        if place == len(known) - 1:
            edits += _cut_after(pieces, ends, options)
        between = place > 0 and known[place - 1] < i - 1
        carried: tuple[Edit, ...] = ()
        if between:
            before = pieces[place - 1]
            gap = {"start_s": before.query_end_s, "end_s": pieces[place].query_start_s}
            carried = (Edit("insert", detail=gap),)
            for j in range(known[place - 1] + 1, i):
                marks[j] = (carried, ())
        marks[i] = (tuple(edits), carried)
    return marks


def _cut_before(pieces: Sequence[TraceSegment], ends: _Ends, options: OrderOptions) -> list[Edit]:
    """A trim where the suspect leaves out the beginning of the reference.

    Where the first piece, followed back, reaches the beginning of both at once, nothing was cut off: what
    lies before it stands where it should, and was only not found. Pieces that others reach beyond say
    nothing.
    """
    first, start_s = pieces[0], min(s.reference_start_s for s in pieces)
    whole = first.reference_start_s == start_s and _room(first, first.query_start_s, start_s, options)
    return [] if whole or start_s > ends.first_s else _left_out(0.0, start_s, [], options.end_s, "before")


def _cut_after(pieces: Sequence[TraceSegment], ends: _Ends, options: OrderOptions) -> list[Edit]:
    """The same at the end, where its length is known."""
    last, end_s = pieces[-1], max(s.reference_end_s for s in pieces)
    if ends.reference_s is None or end_s < ends.last_s:
        return []
    known = ends.suspect_s is not None and last.reference_end_s == end_s
    room_s = (ends.suspect_s or 0.0) - last.query_end_s
    if known and _room(last, room_s, ends.reference_s - end_s, options):
        return []
    return _left_out(end_s, ends.reference_s, [], options.end_s, "after")


def _room(piece: TraceSegment, query_s: float, reference_s: float, options: OrderOptions) -> bool:
    """Whether so much of the suspect beside a piece is as long as so much of the reference there."""
    return abs(query_s * piece.speed - reference_s) <= options.end_s


def _follows(place: int, spans: Sequence[tuple[float, float]], options: OrderOptions) -> Sequence[Edit]:
    """How a piece of the reference follows the one before it in the suspect."""
    if place == 0:
        return ()
    (_, left), (start, end) = spans[place - 1], spans[place]
    if start > left + options.step_s:
        return _left_out(left, start, spans, options.step_s, "between")
    if start >= left - options.step_s:
        return ()
    earlier = spans[:place]
    again = sum(min(end, b) - max(start, a) for a, b in _united(earlier) if min(end, b) > max(start, a))
    kind: EditKind = "loop" if again > max(options.step_s, 0.2 * (end - start)) else "reorder"
    return [Edit(kind, detail={"back_s": left - start, "reference_start_s": start, "reference_end_s": end})]


def _left_out(
    start_s: float, end_s: float, used: Sequence[tuple[float, float]], least_s: float, where: str
) -> list[Edit]:
    """A trim for each part of the reference that no piece shows."""
    open_from, parts = start_s, []
    for a, b in _united(used):
        if b <= start_s or a >= end_s:
            continue
        parts.append((open_from, a))
        open_from = max(open_from, b)
    parts.append((open_from, end_s))
    code = {"before": -1.0, "between": 0.0, "after": 1.0}[where]
    return [
        Edit("trim", detail={"reference_start_s": a, "reference_end_s": b, "side": code})
        for a, b in parts
        if b - a > least_s
    ]


def _united(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    done: list[tuple[float, float]] = []
    for a, b in sorted(spans):
        if done and a <= done[-1][1]:
            done[-1] = done[-1][0], max(done[-1][1], b)
        else:
            done.append((a, b))
    return done


def _with_source(segment: TraceSegment, edits: Sequence[Edit]) -> EditDecision:
    return EditDecision(
        start_s=segment.query_start_s,
        end_s=segment.query_end_s,
        reference=True,
        reference_start_s=segment.reference_start_s,
        reference_end_s=segment.reference_end_s,
        edits=(*segment.edits, *edits),
        sound=segment.sound,
        detail={
            "speed": segment.speed,
            "score": segment.score,
            "modality": segment.modality,
            "mirrored": segment.mirrored,
        },
    )


def _without_source(
    row: _Row, edits: tuple[Edit, ...], not_assessed: Sequence[NotTraced], sliver_s: float
) -> list[EditDecision]:
    """A row without a source, cut where it was not looked at."""
    inside = [n for n in not_assessed if n.end_s > row.start_s and n.start_s < row.end_s]
    times = {row.start_s, row.end_s}
    times.update(t for n in inside for t in (n.start_s, n.end_s) if row.start_s < t < row.end_s)
    edges = _spaced(sorted(times), sliver_s)
    done: list[EditDecision] = []
    for a, b in pairwise(edges):
        middle = (a + b) / 2
        reason = next((n.reason for n in inside if n.start_s <= middle < n.end_s), None)
        detail: dict[str, Any] = {} if reason is None else {"not_assessed": reason}
        if done and done[-1].detail == detail:
            done[-1] = replace(done[-1], end_s=b)
        else:
            kept = edits if reason is None else ()
            done.append(EditDecision(a, b, False, None, None, kept, "not_assessed", detail))
    return done


def _spaced(edges: Sequence[float], least_s: float) -> list[float]:
    """Sorted times without those that stand too near to the one before or to the last."""
    kept = [edges[0]]
    for time in edges[1:-1]:
        if time - kept[-1] >= least_s and edges[-1] - time >= least_s:
            kept.append(time)
    return [*kept, edges[-1]]

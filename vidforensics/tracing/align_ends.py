"""From lines with evidence to stretches with ends: extended to where the copy may go, and no further.

`Segment`s go in, `Alignment`s come out. A stretch is known between its first and last anchor; it goes on to
the end of the clip where no row of the reference was missed on the way, else to the shot cut or, failing
that, half way to the row that was missed. Neighbours meet at the cut between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidforensics.tracing.align_extent import Field, Reach
from vidforensics.tracing.align_lines import Line
from vidforensics.tracing.align_segment import Segment
from vidforensics.types import Alignment, Modality

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

LEAST_SOUND_REST_S = 2.0
"""Sound that goes on this long beyond the picture is an alignment of its own."""
SOUND_STOP_S = 0.5
"""A picture ends with its sound where a cut lies this near to the sound's end."""
OPEN_S, LEAST_SPACING_S = 1.5, 4.0
MOST_MISSED, CUT_EVIDENCE = 1.0, 0.3
"""A stretch goes on to the end of the clip past missed rows that cost up to this much, log10; a shot cut
without an I-frame counts as evidence that it does not."""
SOUND_EDGE_S = 0.25
SAME_LINE_S, SAME_SPEED, BRIDGE_S = 0.3, 0.01, 5.0
MOST_GAP_S = 6.0
"""Neighbours this far apart meet where no row between them was missed, half as far where one was."""
DENSE_ROWS_S, EDGE_S = 1.5, 0.6
_ROW_AT_CUT_S = 0.3


@dataclass(frozen=True, slots=True)
class _Piece:
    """One alignment in the making: [start_s, end_s] in the query, borne out on [first_s, last_s].

    firm: whether the sound tells where it starts and where it ends.
    """

    segment: Segment
    kind: Literal["picture", "sound"]
    first_s: float
    last_s: float
    start_s: float
    end_s: float
    picture: float
    sound: float
    firm: tuple[bool, bool] = (False, False)


def stretches(segments: list[Segment], field: Field) -> tuple[Alignment, ...]:
    """The alignments of all segments, by query start.

    Args:
        segments: in the order they were found.
        field: durations, rows and cuts.

    Returns:
        See `align.align`; () for no segment.
    """
    pieces = [p for s in segments for p in _pieces(s, field)]
    seen, heard = ([p for p in pieces if p.kind == kind] for kind in ("picture", "sound"))
    done: list[_Piece] = []
    for same in _together(seen, heard):
        done += _meeting(_bridged(sorted(same, key=lambda p: (p.first_s, p.last_s))), field)
    found = [a for p in done for a in (_alignment(p, field),) if a.query_end_s > a.query_start_s]
    return tuple(sorted(found, key=lambda a: (a.query_start_s, a.query_end_s, a.reference_start_s)))


def _pieces(segment: Segment, field: Field) -> list[_Piece]:
    """The picture with the sound that goes with it, and the sound that goes on without it."""
    picture, sound = segment.picture, segment.sound
    if picture is None:
        return [] if sound is None else [_sound_piece(segment, sound, (sound.first_s, sound.last_s), field)]
    start, end = _picture_ends(segment, picture, field)
    if sound is None:
        return [
            _Piece(segment, "picture", picture.first_s, picture.last_s, start, end, picture.evidence, 0.0)
        ]
    rests = [(sound.first_s, min(sound.last_s, start)), (max(sound.first_s, end), sound.last_s)]
    rests = [(a, b) for a, b in rests if b - a >= LEAST_SOUND_REST_S]
    shared = max(0.0, min(end, sound.last_s) - max(start, sound.first_s))
    share = min(1.0, (shared + 0.1) / (sound.last_s - sound.first_s + 0.1))
    low, high = _allowed(segment.line, field)
    firm = _stops(-picture.first_s, -sound.first_s, -low), _stops(picture.last_s, sound.last_s, high)
    main = _Piece(segment, "picture", picture.first_s, picture.last_s, start, end,
                  picture.evidence, sound.evidence * share, firm)  # fmt: skip
    return [main, *(_sound_piece(segment, sound, rest, field) for rest in rests)]


def _together(seen: list[_Piece], heard: list[_Piece]) -> tuple[list[_Piece], list[_Piece]]:
    """Sound pieces that run under a picture of the same line given to it, the others kept."""
    rest: list[_Piece] = []
    for sound in heard:
        under = [i for i, p in enumerate(seen) if _overlap(p, sound) > 0 and _one_line(p, sound)]
        covered = sum(_overlap(seen[i], sound) for i in under)
        length = max(sound.end_s - sound.start_s, 1e-9)
        for i in under:
            share = _overlap(seen[i], sound) / length
            seen[i] = replace(seen[i], sound=seen[i].sound + sound.sound * share)
        if length - covered >= LEAST_SOUND_REST_S or not under:
            rest.append(sound)
    return seen, rest


def _overlap(a: _Piece, b: _Piece) -> float:
    return max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s))


def _sound_piece(segment: Segment, sound: Reach, span: tuple[float, float], field: Field) -> _Piece:
    share = (span[1] - span[0] + 0.1) / (sound.last_s - sound.first_s + 0.1)
    low, high = _allowed(segment.line, field)
    start, end = max(low, span[0] - SOUND_EDGE_S), min(high, span[1] + SOUND_EDGE_S)
    return _Piece(segment, "sound", *span, start, end, 0.0, sound.evidence * share)


def _allowed(line: Line, field: Field) -> tuple[float, float]:
    """Query seconds for which both clips exist."""
    low = max(0.0, line.back(0.0))
    return low, max(low, min(field.query_duration_s, line.back(field.reference_duration_s)))


def _picture_ends(segment: Segment, picture: Reach, field: Field) -> tuple[float, float]:
    low, high = _allowed(segment.line, field)
    rows = _expected(segment.line, field)
    spacing = _spacing(segment.seen_s)
    last = field.query_duration_s
    backward = _Side(-low, None if rows is None else -rows[::-1], -field.cuts_s[::-1], spacing, low <= EDGE_S)
    forward = _Side(high, rows, field.cuts_s, spacing, high >= last - EDGE_S)
    start = -_end(-picture.first_s, backward, picture.miss_cost)
    end = _end(picture.last_s, forward, picture.miss_cost)
    if segment.sound is not None:
        start = -_with_sound(-start, -picture.first_s, -segment.sound.first_s, backward)
        end = _with_sound(end, picture.last_s, segment.sound.last_s, forward)
    return max(low, min(start, picture.first_s)), min(high, max(end, picture.last_s))


@dataclass(frozen=True, slots=True)
class _Side:
    """What lies towards one end, in time that runs towards it: limit, rows on the line, cuts, row spacing.

    whole: the limit is the end of the query; else that of the reference, after which the query must cut.
    """

    limit_s: float
    rows_s: FloatArray | None
    cuts_s: FloatArray
    spacing_s: float
    whole: bool

    def plausible(self) -> bool:
        """Whether the stretch may end at the limit, by what the query shows there."""
        return self.whole or bool((np.abs(self.cuts_s - self.limit_s) <= EDGE_S).any())


def _expected(line: Line, field: Field) -> FloatArray | None:
    """Query times of the rows of the reference along the line, where a query picture was searched."""
    if field.rows_s is None:
        return None
    times = line.query_s + (field.rows_s - line.reference_s) / line.speed
    times = times[(times >= 0) & (times <= field.query_duration_s)]
    if field.query_s is not None and len(field.query_s):
        nearest = np.abs(times[:, None] - field.query_s[None, :]).min(axis=1) if len(times) else times
        times = times[nearest <= 0.5]
    return times


def _spacing(seen_s: FloatArray) -> float:
    """Usual time between rows, s."""
    gaps = np.diff(np.unique(seen_s))
    return max(LEAST_SPACING_S, float(np.median(gaps)) if len(gaps) else 0.0)


def _end(last_s: float, side: _Side, miss_cost: float) -> float:
    """Where a stretch ends that is borne out to `last_s`."""
    missed = None if side.rows_s is None else side.rows_s[side.rows_s > last_s + 0.5]
    if missed is None:
        near = side.limit_s - last_s <= 1.5 * side.spacing_s
        return side.limit_s if near else last_s + 0.5 * side.spacing_s
    if not len(missed):
        return side.limit_s
    first = float(missed[0])
    between = side.cuts_s[(side.cuts_s > last_s + 0.05) & (side.cuts_s <= first + 0.05)]
    own = _without_row(between, side.rows_s)
    against = len(missed) * miss_cost + (CUT_EVIDENCE if len(own) else 0.0)
    if against <= MOST_MISSED and (side.plausible() or not len(between)):
        return side.limit_s
    chosen = own if len(own) else between
    return float(chosen[0]) if len(chosen) else min((last_s + first) / 2, last_s + OPEN_S)


def _without_row(cuts_s: FloatArray, rows_s: FloatArray | None) -> FloatArray:
    """Cuts at which the reference has no I-frame: those are less likely the reference's own.

    Where rows are as dense as this, they were not placed by an encoder and tell nothing of cuts.
    """
    if rows_s is None or not len(cuts_s) or len(rows_s) < 2 or np.median(np.diff(rows_s)) < DENSE_ROWS_S:
        return cuts_s
    near = np.abs(cuts_s[:, None] - rows_s[None, :]).min(axis=1) <= _ROW_AT_CUT_S
    return np.asarray(cuts_s[~near], dtype=np.float64)


def _with_sound(end_s: float, last_s: float, sound_s: float, side: _Side) -> float:
    """The end moved to where the sound stops, if it stops after the last picture and before the clip does."""
    if not _stops(last_s, sound_s, side.limit_s):
        rows_known = side.rows_s is not None  # then the rows tell how far the picture goes
        return end_s if sound_s <= last_s or rows_known else max(end_s, min(sound_s, side.limit_s))
    near = side.cuts_s[np.abs(side.cuts_s - sound_s) <= SOUND_STOP_S]
    return float(near[np.argmin(np.abs(near - sound_s))]) if len(near) else max(last_s, sound_s)


def _stops(last_s: float, sound_s: float, limit_s: float) -> bool:
    return last_s - SOUND_STOP_S <= sound_s <= limit_s - 1.0


def _bridged(pieces: list[_Piece]) -> list[_Piece]:
    """Neighbours on one line with little between them as one piece."""
    done: list[_Piece] = []
    for piece in pieces:
        before = done[-1] if done else None
        if before is not None and _one_line(before, piece):
            heavier = max(before, piece, key=lambda p: p.picture + p.sound)
            done[-1] = replace(
                heavier,
                first_s=before.first_s,
                last_s=max(before.last_s, piece.last_s),
                start_s=before.start_s,
                end_s=max(before.end_s, piece.end_s),
                picture=before.picture + piece.picture,
                sound=before.sound + piece.sound,
            )
        else:
            done.append(piece)
    return done


def _one_line(a: _Piece, b: _Piece) -> bool:
    gap = b.first_s - a.last_s
    if (a.kind == b.kind and a.segment.mirrored != b.segment.mirrored) or gap > BRIDGE_S:
        return False
    middle = (a.last_s + b.first_s) / 2
    apart = abs(a.segment.line.at(middle) - b.segment.line.at(middle))
    return apart <= SAME_LINE_S and abs(a.segment.line.speed / b.segment.line.speed - 1.0) <= SAME_SPEED


def _meeting(pieces: list[_Piece], field: Field) -> list[_Piece]:
    """Neighbours joined at the cut between them, unless rows were missed that say that something else is."""
    done: list[_Piece] = []
    for piece in pieces:
        while done and _should_meet(done[-1], piece, field):
            before = done.pop()
            meet, _ = _meeting_point(before, piece, field)
            if meet > before.start_s or not done:
                done.append(replace(before, end_s=meet))
                piece = replace(piece, start_s=meet)
                break
            # nothing is left of the one between: the piece meets the one before that
        done.append(piece)
    return done


def _should_meet(a: _Piece, b: _Piece, field: Field) -> bool:
    if b.start_s < a.end_s:
        return True
    if a.firm[1] and b.firm[0]:
        return False
    _, missed = _meeting_point(a, b, field)
    cost = max(p.segment.picture.miss_cost if p.segment.picture else 0.0 for p in (a, b))
    return missed * cost <= MOST_MISSED and b.start_s - a.end_s <= MOST_GAP_S / (1 + missed)


def _meeting_point(a: _Piece, b: _Piece, field: Field) -> tuple[float, int]:
    """Where one stretch most likely goes over into the next, and how many rows were missed if so."""
    low, high = min(a.last_s, b.first_s), max(a.last_s, b.first_s)
    if a.firm[1] != b.firm[0]:
        return min(max(a.end_s if a.firm[1] else b.start_s, low), high), 0
    middle = (min(max(a.end_s, low), high) + min(max(b.start_s, low), high)) / 2
    cuts = field.cuts_s[(field.cuts_s >= low) & (field.cuts_s <= high)]
    options = np.append(cuts, middle)
    after, before = _expected(a.segment.line, field), _expected(b.segment.line, field)
    missed = np.zeros(len(options), dtype=np.int64)
    if a.kind == "picture" and after is not None and before is not None:
        after, before = after[after > low + 0.5], before[before < high - 0.5]
        missed = (after[:, None] < options).sum(axis=0) + (before[:, None] > options).sum(axis=0)
    away = np.abs(options - middle) + np.where(np.arange(len(options)) < len(cuts), 0.0, 1e3)
    best = int(np.lexsort((away, missed))[0])
    return float(options[best]), int(missed[best])


def _alignment(piece: _Piece, field: Field) -> Alignment:
    line = piece.segment.line
    modality: Modality = "sound" if piece.kind == "sound" else "both" if piece.sound > 0 else "picture"
    low, high = _allowed(line, field)
    start, end = min(max(piece.start_s, low), high), min(max(piece.end_s, low), high)
    return Alignment(
        query_start_s=start,
        query_end_s=end,
        reference_start_s=min(max(line.at(start), 0.0), field.reference_duration_s),
        reference_end_s=min(max(line.at(end), 0.0), field.reference_duration_s),
        speed=line.speed,
        mirrored=piece.segment.mirrored and piece.kind == "picture",
        modality=modality,
        picture_evidence=piece.picture,
        sound_evidence=piece.sound,
        views=piece.segment.views if piece.kind == "picture" else (),
    )

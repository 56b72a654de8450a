"""Where two videos run together: many straight stretches, in any order, out of many chance likenesses.

`Hits` of one query and one reference go in, `Alignment`s come out in the order of the query. The strongest
stretch is taken first; what it explains is taken away, and the rest is searched again, so that repeated,
reordered and removed stretches each become their own. Picture and sound are looked for together and may part
ways: where the sound comes from elsewhere, or from another moment, it gets its own alignment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.align_ends import stretches
from vidforensics.tracing.align_extent import (
    Field,
    Rates,
    Reach,
    near,
    novelty,
    over_chance,
    picture_reach,
    sound_reach,
)
from vidforensics.tracing.align_lines import (
    BLOCK_S,
    SPEED_AGREEMENT,
    Anchors,
    Line,
    anchors,
    candidates,
    fit,
    speed_grid,
    steady,
)
from vidforensics.tracing.align_points import Points, gather
from vidforensics.tracing.align_segment import Segment
from vidforensics.types import Alignment, Hits

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

_ROUNDS = 8
_SETTLED_S = 0.05
_NEAR_ROW_S, _NEAR_S = 1.5, 0.3
_MOMENT_S, _CHANCE_WEIGHT = 0.25, 3.0
_APART_S, _CLEARLY = 0.3, 1.0
_FAR_GREATER = 3.0
_ONE, _AS_WELL = 0.015, 0.5
"""Speeds whose binary logarithm is nearer to 0 cost nothing; a line at speed 1 may explain this much less."""
_BEYOND = 0.03
"""A fitted speed this much beyond the speeds allowed is taken for the outermost of them."""


@dataclass(frozen=True, slots=True)
class AlignOptions:
    """How alignments are looked for.

    least_speed, greatest_speed: reference seconds per query second. picture_tolerance_s, sound_tolerance_s:
    how far a hit may lie from its line. least_evidence: of the first stretch, log10; least_further: of every
    other; least_inside: of one that lies where the ends of an earlier one are open. least_gain: how much
    better a further line must explain the hits than none, log10. other_speed_cost: evidence that a speed
    other than 1 costs, log10 of how much rarer it is, once more for each halving or doubling. most_segments,
    most_hits (of each modality), most_candidates: bounds of work.
    """

    least_speed: float = 0.5
    greatest_speed: float = 2.0
    picture_tolerance_s: float = 0.4
    sound_tolerance_s: float = 0.15
    least_evidence: float = 1.0
    least_further: float = 2.0
    least_inside: float = 4.0
    least_gain: float = 1.0
    other_speed_cost: float = 2.0
    most_segments: int = 64
    most_hits: int = 6_000
    most_candidates: int = 12


def align(
    hits: Sequence[Hits],
    query_duration_s: float,
    reference_duration_s: float,
    options: AlignOptions | None = None,
    *,
    rows_s: FloatArray | None = None,
    query_s: FloatArray | None = None,
    cuts_s: FloatArray | None = None,
) -> tuple[Alignment, ...]:
    """Ordered many-segment alignment of one pair of videos.

    Args:
        hits: of one query and one reference, picture and sound as separate records, either may be missing.
        query_duration_s: length of the query.
        reference_duration_s: length of the reference.
        options: see `AlignOptions`.
        rows_s: reference times of the picture rows that the index holds of this video, float64 (R,), those
            that can be hit (quality above 0). With them a stretch ends where rows stop being hit; without,
            where hits thin out.
        query_s: query times at which pictures were searched, float64 (M,), those that can hit.
        cuts_s: query times of shot cuts, float64 (C,): ends that are open between two rows go to them.

    Returns:
        Alignments by query start. Those of picture do not overlap in query time, nor do those of sound;
        a picture and a sound alignment may, where they lie on different lines. () without hits.

    Raises:
        ValueError: a duration is negative or not finite.

    Source:
        Hough voting with temporal consistency: Douze, Jégou & Schmid 2010, IEEE Trans. Multimedia 12.
    """
    for duration in (query_duration_s, reference_duration_s):
        if not (np.isfinite(duration) and duration >= 0):
            raise ValueError(f"a duration of {duration} s cannot be aligned")
    chosen = options or AlignOptions()
    points = gather(hits, chosen.most_hits)
    cuts = np.zeros(0) if cuts_s is None else np.sort(cuts_s)
    rows = None if rows_s is None else np.sort(rows_s)
    searched = None if query_s is None else np.sort(query_s)
    seen = (points.take(~points.sound & (points.mirrored == m)) for m in (False, True))
    rates = (Rates.of(p, searched) for p in seen)
    field = Field(query_duration_s, reference_duration_s, rows, searched, cuts, *rates)
    return stretches(_segments(points, field, chosen), field)


def _segments(points: Points, field: Field, options: AlignOptions) -> list[Segment]:
    """Best segment first, until what is left shows none."""
    speeds = speed_grid(options.least_speed, options.greatest_speed)
    free, found = points, list[Segment]()
    while len(free) and len(found) < options.most_segments:
        grown = [s for s in _grown_all(free, field, speeds, options) if _enough(s, found, field, options)]
        if not grown:
            break
        best = _own_picture(max(_way_round(grown), key=lambda s: s.rank), grown)
        found.append(best)
        free = free.take(~_explained(free, best))
    return found


def _enough(segment: Segment, found: list[Segment], field: Field, options: AlignOptions) -> bool:
    """Whether a stretch has the evidence asked of it: a further one more, most where another may go on."""
    if not found:
        return segment.evidence >= options.least_evidence
    taken = [(a.query_start_s, a.query_end_s) for a in stretches(found, field)]
    inside = any(a < segment.last_s and segment.first_s < b for a, b in taken)
    least = options.least_inside if inside else options.least_further
    return segment.evidence >= least and segment.rank >= options.least_gain


def _way_round(grown: Sequence[Segment]) -> Sequence[Segment]:
    """The candidates of one mirroring where their evidence is far greater than that of the other.

    How well lines explain which rows were hit, the rank, compares lines of one mirroring. Where a picture
    hardly moves every row resembles every moment, so that the right line explains little, while a single
    chance hit of the mirrored picture, which resembles nothing else, explains much.
    """
    greatest = {m: max((s.evidence for s in grown if s.mirrored == m), default=0.0) for m in (False, True)}
    if abs(greatest[True] - greatest[False]) <= _FAR_GREATER:
        return grown
    return [s for s in grown if s.mirrored == (greatest[True] > greatest[False])]


def _own_picture(best: Segment, grown: Sequence[Segment]) -> Segment:
    """The best segment without its picture, where that fits clearly better on another line.

    A picture that hardly moves fits on the line of any sound; a sound that was slid must not drag it along.
    """
    if best.picture is None or best.sound is None:
        return best
    first, last, line = best.first_s, best.last_s, best.line
    middle, half = (first + last) / 2, (last - first) / 2
    for other in grown:
        if other.picture is None or min(other.last_s, last) - max(other.first_s, first) < half:
            continue
        apart = abs(other.line.at(middle) - line.at(middle)) > _APART_S
        if apart and other.picture.gain - other.speed_cost > best.picture.gain + _CLEARLY:
            return replace(best, picture=None, mirrored=False, views=(), seen_s=np.zeros(0), rows=np.zeros(0))
    return best


def _grown_all(points: Points, field: Field, speeds: FloatArray, options: AlignOptions) -> list[Segment]:
    """Every candidate line, followed as far as it is borne out."""
    grown = []
    for mirrored in (False, True):
        seen = points.take(points.sound | (points.mirrored == mirrored))
        if mirrored and seen.sound.all():
            continue  # sound alone was looked at unmirrored
        usual = candidates(seen, np.ones(1), options.most_candidates // 2)
        for line, low, high in [*usual, *candidates(seen, speeds, options.most_candidates)]:
            grown.append(_grown(seen, line, (low, high), field, options))
    return [segment for segment in grown if segment is not None]


def _grown(
    points: Points, line: Line, span: tuple[float, float], field: Field, options: AlignOptions
) -> Segment | None:
    """A candidate line, fitted and followed as far as it is borne out."""
    segment, slack = None, 1.5
    for _ in range(_ROUNDS):
        margin = 0.0 if segment is None else max(BLOCK_S / 2, segment.last_s - segment.first_s)
        within = (points.query_s >= span[0] - margin) & (points.query_s <= span[1] + margin)
        mask = within & _near(points, line, slack, options)
        segment = _measured(points, mask, line, field, options)
        if segment is None:
            return None
        settled = abs(segment.first_s - span[0]) + abs(segment.last_s - span[1]) < _SETTLED_S
        line, span = segment.line, (segment.first_s, segment.last_s)
        if settled and slack == 1.0:
            break
        slack = 1.0
    return _at_speed_one(points, segment, field, options) if segment is not None else None


def _near(points: Points, line: Line, slack: float, options: AlignOptions) -> BoolArray:
    picture, sound = slack * options.picture_tolerance_s, slack * options.sound_tolerance_s
    return near(points, line, picture, sound, SPEED_AGREEMENT)


def _at_speed_one(points: Points, segment: Segment, field: Field, options: AlignOptions) -> Segment:
    """The segment at speed 1 where that explains the points as well."""
    line = steady(segment.line, segment.last_s - segment.first_s)
    if line is segment.line:
        return segment
    within = (points.query_s >= segment.first_s - _NEAR_S) & (points.query_s <= segment.last_s + _NEAR_S)
    mask = within & _near(points, line, 1.0, options)
    plain = _measured(points, mask, line, field, options, keep_speed=True)
    return plain if plain is not None and plain.rank >= segment.rank - _AS_WELL else segment


def _measured(
    points: Points, mask: BoolArray, line: Line, field: Field, options: AlignOptions, keep_speed: bool = False
) -> Segment | None:
    """The line refitted to these points, how far it reaches and what speaks for it."""
    found = anchors(points, mask)
    if not len(found):
        return None
    fitted = fit(found, line)
    speed = line.speed if keep_speed else min(max(fitted.speed, options.least_speed), options.greatest_speed)
    if abs(fitted.speed / speed - 1.0) > _BEYOND and not keep_speed:
        return None
    fitted = replace(fitted, speed=speed)
    pictures = found.take(~found.sound)
    news = novelty(points, found)[~found.sound]
    mirrored = bool(len(pictures)) and bool(points.mirrored[found.used].any())
    rates = field.mirrored_rates if mirrored else field.rates
    picture = picture_reach(pictures, news, fitted, field, rates)
    sound = sound_reach(found.take(found.sound))
    picture = _less_chance(picture, points, mask, 2 * options.picture_tolerance_s, field, sound=False)
    sound = _less_chance(sound, points, mask, 2 * options.sound_tolerance_s, field, sound=True)
    if picture is None and sound is None:
        return None
    far = abs(math.log2(fitted.speed))
    cost = 0.0 if far < _ONE else options.other_speed_cost * (1.0 + far)
    return Segment(fitted, picture, sound, cost, *_kept(points, found, pictures, picture))


def _kept(
    points: Points, found: Anchors, pictures: Anchors, picture: Reach | None
) -> tuple[bool, tuple[int, ...], FloatArray, FloatArray]:
    """Mirroring and views of the picture points that bear a segment, and where its rows were seen."""
    if picture is None:
        return False, (), np.zeros(0), np.zeros(0)
    used = points.take(found.used)
    inside = (used.query_s >= picture.first_s - _NEAR_S) & (used.query_s <= picture.last_s + _NEAR_S)
    behind = used.take(inside & ~used.sound)
    views, counts = np.unique(behind.view[behind.view >= 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    on = (pictures.query_s >= picture.first_s - 1e-9) & (pictures.query_s <= picture.last_s + 1e-9)
    held = pictures.take(on)
    mirrored = bool(len(behind)) and bool(behind.mirrored.all())
    return mirrored, tuple(int(v) for v in views[order]), held.query_s, held.row.astype(np.float64)


def _less_chance(
    reach: Reach | None, points: Points, on: BoolArray, width_s: float, field: Field, *, sound: bool
) -> Reach | None:
    """The stretch with the evidence that chance does not explain; None where nothing remains."""
    if reach is None:
        return None
    others, share = _scattered(points, on & (points.sound == sound), points.sound == sound)
    evidence = over_chance(reach, _loudest(others), share, width_s, field)
    return replace(reach, evidence=evidence) if evidence > 0 else None


def _scattered(points: Points, on: BoolArray, same: BoolArray) -> tuple[Points, float]:
    """Points that neither share a row nor a moment with those on the line, and the share of places for them.

    Points of great weight are no chance but belong to other stretches. What resembles a row on the line, or
    the moments that this row resembles, is so because pictures resemble one another within a video.
    """
    moment = np.floor(points.query_s / _MOMENT_S).astype(np.int64)
    told = same & np.isin(points.run, points.run[on])
    rows, moments = np.unique(points.row[told]), np.unique(moment[told])
    free = same & ~np.isin(points.row, rows) & ~np.isin(moment, moments) & (points.weight < _CHANCE_WEIGHT)
    all_rows, all_moments = len(np.unique(points.row[same])), len(np.unique(moment[same]))
    share = (1 - len(rows) / max(1, all_rows)) * (1 - len(moments) / max(1, all_moments))
    return points.take(free), max(share, 0.05)


def _loudest(points: Points) -> FloatArray:
    """The greatest weight of each row in each second of the query."""
    order = np.lexsort((-points.weight, np.floor(points.query_s), points.row))
    second, row = np.floor(points.query_s[order]), points.row[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (second[1:] != second[:-1]) | (row[1:] != row[:-1])
    return points.weight[order[fresh]]


def _explained(points: Points, segment: Segment) -> BoolArray:
    """Points that a segment has used up: its own, and all others of its modality at its time."""
    gone = np.zeros(len(points), dtype=bool)
    if segment.sound is not None:
        first, last = segment.sound.first_s, segment.sound.last_s
        gone |= points.sound & (points.query_s >= first - _NEAR_S) & (points.query_s <= last + _NEAR_S)
    if segment.picture is not None:
        first, last = segment.picture.first_s, segment.picture.last_s
        inside = (points.query_s >= first - _NEAR_S) & (points.query_s <= last + _NEAR_S)
        about = (points.query_s >= first - _NEAR_ROW_S) & (points.query_s <= last + _NEAR_ROW_S)
        gone |= ~points.sound & (inside | (about & np.isin(points.row, segment.rows.astype(np.int64))))
    return gone

"""Hits of one pair of videos as one table of points in the plane of query time and reference time.

`Hits` of picture and of sound go in, one `Points` comes out: a row of the reference and a moment of the query
occur once, and every point knows how many like it there are, so that a still picture, which is like itself
everywhere, has no louder voice than a moving one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Hits

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray, IntArray

PICTURE_CELL_S, SOUND_CELL_S = 4.0, 0.1
"""Picture points of a row, or of a moment, this near each other share one voice; sound points likewise."""
RUN_GAP_S = 0.7
_GREATEST_WEIGHT = 30.0


@dataclass(frozen=True, slots=True)
class Points:
    """Hits in order of query time, each array (N,).

    query_s, reference_s, weight, vote, speed float64: `weight` as in `Hits`, `vote` the same shared among
    points that tell the same, speed NaN where unknown; best: the greatest weight of the point's run. sound,
    mirrored bool. row, view, run int64: a run is a row's points at neighbouring moments, which a picture that
    stands still makes long. Sound has a row for each SOUND_CELL_S of the reference.
    """

    query_s: FloatArray
    reference_s: FloatArray
    weight: FloatArray
    vote: FloatArray
    best: FloatArray
    speed: FloatArray
    sound: BoolArray
    mirrored: BoolArray
    row: IntArray
    view: IntArray
    run: IntArray

    def __len__(self) -> int:
        return len(self.query_s)

    def take(self, at: IntArray | BoolArray) -> Points:
        """The points at these places."""
        return Points(*(getattr(self, f.name)[at] for f in fields(self)))


def gather(hits: Sequence[Hits], most: int) -> Points:
    """All hits as points.

    Args:
        hits: picture and sound hits of one query and one reference, any number of records, any order.
        most: points kept of each of the two kinds, those of greatest weight.

    Returns:
        The points; hits whose times or weights are not finite, or whose weight is not above 0, are left out.
    """
    parts = [p for h in hits for p in (_points(h),) if len(p)]
    if not parts:
        return _empty()
    whole = Points(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Points)))
    whole = _distinct(whole)
    kept = [_heaviest(np.flatnonzero(whole.sound == s), whole.weight, most) for s in (False, True)]
    at = np.concatenate(kept)
    whole = whole.take(at[np.argsort(whole.query_s[at], kind="stable")])
    whole = _with_runs(whole)
    return replace(whole, vote=_votes(whole))


def _empty() -> Points:
    none, no, zero = np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64)
    return Points(none, none, none, none, none, none, no, no, zero, zero, zero)


def _points(hits: Hits) -> Points:
    weight = np.minimum(hits.weight.astype(np.float64), _GREATEST_WEIGHT)
    query, reference = hits.query_s.astype(np.float64), hits.reference_s.astype(np.float64)
    good = np.isfinite(query) & np.isfinite(reference) & (weight > 0)
    sound = np.full(len(query), hits.modality == "sound")
    mirrored = hits.mirrored.astype(bool) & ~sound
    heard = np.floor(np.nan_to_num(reference, posinf=0.0, neginf=0.0) / SOUND_CELL_S)
    row = np.where(sound, heard, hits.reference_row).astype(np.int64)
    view, speed = hits.view.astype(np.int64), hits.speed.astype(np.float64)
    found = Points(query, reference, weight, weight, weight, speed, sound, mirrored, row, view, row)
    return found.take(good)


def _distinct(points: Points) -> Points:
    """Each moment of the query meets each row of the reference once, in the view that fits best."""
    order = np.lexsort((-points.weight, points.query_s, points.row, points.mirrored, points.sound))
    keys = (points.sound, points.mirrored, points.row, points.query_s)
    fresh = np.ones(len(order), dtype=bool)
    if len(order) > 1:
        fresh[1:] = np.any([k[order][1:] != k[order][:-1] for k in keys], axis=0)
    return points.take(order[fresh])


def _heaviest(at: IntArray, weight: FloatArray, most: int) -> IntArray:
    if len(at) <= most:
        return at
    return at[np.argpartition(-weight[at], most)[:most]]


def _with_runs(points: Points) -> Points:
    """The points with their runs and the greatest weight of each."""
    order = np.lexsort((points.query_s, points.row, points.mirrored, points.sound))
    p = points.take(order)
    if not len(p):
        return points
    fresh = np.ones(len(p), dtype=bool)
    keys = (p.sound, p.mirrored, p.row)
    fresh[1:] = np.any([k[1:] != k[:-1] for k in keys], axis=0) | (np.diff(p.query_s) > RUN_GAP_S)
    number = np.cumsum(fresh) - 1
    best = np.maximum.reduceat(p.weight, np.flatnonzero(fresh))
    run, greatest = np.empty(len(p), dtype=np.int64), np.empty(len(p))
    run[order], greatest[order] = number, best[number]
    return replace(points, run=run, best=greatest)


def _votes(points: Points) -> FloatArray:
    """Weights by how near each is to its run's best, over the root of how many tell the same.

    Of the moments that resemble a row, the one that resembles it most is likeliest the one it is of.
    """
    cell = np.where(points.sound, SOUND_CELL_S, PICTURE_CELL_S)
    q, r = np.floor(points.query_s / cell), np.floor(points.reference_s / cell)
    kind = points.sound.astype(np.int64) * 2 + points.mirrored
    near_row = _group_sizes(kind, points.row, q)
    near_moment = _group_sizes(kind, np.round(points.query_s / 0.01), r)
    behind = (points.best - points.weight) / np.maximum(1.0, 0.15 * points.best)
    share = np.where(points.sound, 1.0, 10.0**-behind)
    return np.asarray(points.weight * share / np.sqrt(near_row * near_moment), dtype=np.float64)


def _group_sizes(*keys: FloatArray | IntArray) -> IntArray:
    """How many points share all keys, per point."""
    order = np.lexsort(keys)
    step = np.zeros(len(order), dtype=bool)
    step[1:] = np.any([k[order][1:] != k[order][:-1] for k in keys], axis=0)
    group = np.cumsum(step)
    sizes = np.empty(len(order), dtype=np.int64)
    sizes[order] = np.bincount(group)[group]
    return sizes

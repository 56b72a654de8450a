"""How far along a line the evidence of a copy reaches, and how much of it there is.

Anchors of a line go in; the stretch of greatest evidence and that evidence come out. Every anchor speaks
for the line; every row of the reference that should have been hit and was not, and every second without a
word, against it; the stretch is the run of greatest sum (Kadane). A row that also resembles the moment of the
anchor before says little new (a still picture), and what chance points give on any line is taken off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.align_lines import Anchors, Line
from vidforensics.tracing.align_points import Points

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

STEADY_NOVELTY = 0.02
"""Share of its weight that an anchor keeps where its row resembles the moment of the anchor before."""
NEAR_MOMENT_S = 0.3
SOUND_SILENCE = 0.3
"""Each second without a sound point costs this share of the usual evidence of a second."""
PICTURE_SILENCE_S = 8.0
"""So many seconds without a picture point cost half of a usual one, where the rows are not known."""
_LEAST_RATE, _MOST_RATE = 0.2, 1.0
_GREATEST_VALUE, _GREATEST_SOUND_VALUE = 6.0, 1.0
_FEW_OTHERS = 4
SHORTNESS = 0.25
"""What each unit counts that a row is less like the moment on the line than like the best moment near."""
_HIT, _LEAST_SHARE, _MOST_SHARE = 0.9, 0.02, 0.7
_SAME_ROW_S = 0.01


@dataclass(frozen=True, slots=True)
class Rates:
    """How much of the query each row of the reference resembles: times_s, share, float64, sorted by time.

    A still picture resembles much, so that a hit on a line says little for this line against any other.
    """

    times_s: FloatArray
    share: FloatArray

    @classmethod
    def of(cls, points: Points, query_s: FloatArray | None) -> Rates:
        """Shares of the searched moments that hit each row.

        Args:
            points: picture points of one mirroring.
            query_s: moments that were searched; None counts those that hit anything.
        """
        searched = np.unique(points.query_s) if query_s is None else query_s
        times, counts = np.unique(points.reference_s, return_counts=True)
        return cls(times, np.minimum(1.0, counts / max(1, len(searched), *counts.tolist())))

    def at(self, reference_s: FloatArray) -> FloatArray:
        """Shares of the rows at these times; 0 for one that nothing hit."""
        if not len(self.times_s):
            return np.zeros(len(reference_s))
        place = np.clip(np.searchsorted(self.times_s, reference_s - _SAME_ROW_S), 0, len(self.times_s) - 1)
        same = np.abs(self.times_s[place] - reference_s) <= _SAME_ROW_S
        return np.where(same, self.share[place], 0.0)


@dataclass(frozen=True, slots=True)
class Field:
    """What is known of the two videos beside the hits on a line.

    rows_s: reference times of the rows that could have been hit, or None; query_s: query times that were
    searched, or None; cuts_s: query times of shot cuts; each float64, sorted. rates, mirrored_rates: how much
    of the query each row resembles, as it is and mirrored.
    """

    query_duration_s: float
    reference_duration_s: float
    rows_s: FloatArray | None
    query_s: FloatArray | None
    cuts_s: FloatArray
    rates: Rates
    mirrored_rates: Rates


@dataclass(frozen=True, slots=True)
class Reach:
    """Query seconds [first_s, last_s] on which one modality speaks for a line, and its evidence.

    miss_cost: what a row that was not hit costs, log10, by how many were hit on the way. gain: log10 of how
    much better this line explains which rows were hit when than no line does, given that it is a copy.
    """

    first_s: float
    last_s: float
    evidence: float
    miss_cost: float = 0.0
    gain: float = 0.0


def near(points: Points, line: Line, picture_s: float, sound_s: float, agreement: float) -> BoolArray:
    """Which points lie within a tolerance of a line, in reference seconds, and know no other speed."""
    off = np.abs(points.reference_s - line.reference_s - line.speed * (points.query_s - line.query_s))
    close = off <= np.where(points.sound, sound_s, picture_s) * max(1.0, line.speed)
    other = np.abs(np.log(points.speed / line.speed)) > agreement
    return np.asarray(close & ~other, dtype=bool)


def novelty(points: Points, found: Anchors) -> FloatArray:
    """Share of each picture anchor's weight that is news after the anchor before it; 1 for sound.

    Args:
        points: those that the anchors were gathered from.
        found: the anchors.
    """
    share = np.ones(len(found))
    at = np.flatnonzero(~found.sound)
    picture = points.take(np.flatnonzero(~points.sound))
    if len(at) < 2:
        return share
    scale = float(picture.query_s.max()) + 2.0
    order = np.lexsort((picture.query_s, picture.row))
    keys = picture.row[order] * scale + picture.query_s[order] + 1.0
    before, rows = found.query_s[at[:-1]], found.row[at[1:]]
    low = np.searchsorted(keys, rows * scale + np.maximum(before - NEAR_MOMENT_S, -1.0) + 1.0)
    high = np.searchsorted(keys, rows * scale + before + NEAR_MOMENT_S + 1.0)
    edges = np.stack([low, high], axis=1).ravel()
    like = np.maximum.reduceat(np.append(picture.weight[order], 0.0), edges)[::2]
    like = np.where(high > low, like, 0.0)
    share[at[1:]] = np.maximum(STEADY_NOVELTY, 1.0 - like / found.weight[at[1:]])
    return share


def picture_reach(found: Anchors, news: FloatArray, line: Line, field: Field, rates: Rates) -> Reach | None:
    """The stretch on which picture anchors speak for the line.

    Args:
        found: picture anchors in order of query time.
        news: share of each anchor's weight that counts, see `novelty`.
        line: what they lie on.
        field: what else is known; rows that should have been hit count against the line.
        rates: how much of the query each row resembles.

    Returns:
        The stretch, from the first anchor's place to the last one's; None without anchors.
    """
    if not len(found):
        return None
    misses = missed_rows(found, line, field)
    inner = misses[(misses > found.query_s[0]) & (misses < found.query_s[-1])]
    share = (len(found) + 0.5) / (len(found) + len(inner) + 1.0)
    cost = -math.log10(1.0 - min(0.9, max(0.3, share)))
    value = np.minimum(found.weight * np.maximum(news, 0.3), _GREATEST_VALUE)
    usual = float(np.median(value))
    rate = 0.5 * usual / PICTURE_SILENCE_S if field.rows_s is None else 0.02
    times = np.concatenate([found.query_s, misses])
    values = np.concatenate([value, np.full(len(misses), -cost)])
    order = np.argsort(times, kind="stable")
    first, last = _greatest_run(times[order], values[order], rate)
    inside = (found.query_s >= first - 1e-9) & (found.query_s <= last + 1e-9)
    evidence = float((found.weight * news)[inside].sum())
    hit = np.log10(_HIT / np.clip(rates.at(found.reference_s[inside]), _LEAST_SHARE, _MOST_SHARE))
    missed = misses[(misses >= first) & (misses <= last)]
    other = np.minimum(_MOST_SHARE, rates.at(line.reference_s + line.speed * (missed - line.query_s)))
    gain = float((hit - SHORTNESS * found.short[inside]).sum() + np.log10((1 - _HIT) / (1 - other)).sum())
    return Reach(first, last, evidence, cost, gain)


def sound_reach(found: Anchors) -> Reach | None:
    """The stretch on which sound anchors speak for the line; None without anchors."""
    if not len(found):
        return None
    value = np.minimum(found.weight, _GREATEST_SOUND_VALUE)
    gaps = np.diff(found.query_s)
    middle = float(np.median(gaps)) if len(gaps) else 1.0
    usual = float(np.median(value)) / max(middle, 0.1)
    rate = min(_MOST_RATE, max(_LEAST_RATE, SOUND_SILENCE * usual))
    first, last = _greatest_run(found.query_s, value, rate)
    inside = (found.query_s >= first) & (found.query_s <= last)
    return Reach(first, last, float(found.weight[inside].sum()))


def missed_rows(found: Anchors, line: Line, field: Field) -> FloatArray:
    """Query times at which a row of the reference should have been hit and was not, sorted."""
    if field.rows_s is None or not len(field.rows_s):
        return np.zeros(0)
    expected = line.query_s + (field.rows_s - line.reference_s) / line.speed
    expected = expected[(expected >= 0) & (expected <= field.query_duration_s)]
    expected = expected[_distance(found.query_s, expected) > 0.5]
    if field.query_s is not None:
        expected = expected[_distance(field.query_s, expected) <= 0.5]
    return expected


def _distance(times_s: FloatArray, from_s: FloatArray) -> FloatArray:
    """From each of `from_s` to the nearest of the sorted `times_s`; infinite where there is none."""
    if not len(times_s):
        return np.full(len(from_s), np.inf)
    at = np.clip(np.searchsorted(times_s, from_s), 1, max(1, len(times_s) - 1))
    before, after = times_s[at - 1], times_s[np.minimum(at, len(times_s) - 1)]
    return np.minimum(np.abs(from_s - before), np.abs(from_s - after))


def _greatest_run(times: FloatArray, values: FloatArray, rate: float) -> tuple[float, float]:
    """First and last time of the run of greatest sum of values less `rate` times its length."""
    best, best_run = -math.inf, (0, 0)
    total, start = 0.0, 0
    before = float(times[0])
    for i, (time, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
        total -= rate * (time - before)
        if total <= 0:
            total, start = 0.0, i
        total += value
        before = time
        if total > best:
            best, best_run = total, (start, i)
    return float(times[best_run[0]]), float(times[best_run[1]])


def over_chance(reach: Reach, others: FloatArray, share: float, width_s: float, field: Field) -> float:
    """Evidence of a stretch after what chance gives is taken off.

    Args:
        reach: the stretch.
        others: weights of scattered points of the same modality, one per row and second.
        share: share of the plane of both times that they were counted in.
        width_s: width of the line in reference seconds.
        field: durations.

    Returns:
        At most `reach.evidence`: less what as many scattered points put on any line, and no more than how
        unlikely it is that they put as much on the luckiest of all lines of this length.

    Source:
        Chernoff bound of a compound Poisson sum whose weights are drawn from `others`.
    """
    if len(others) < _FEW_OTHERS:
        return reach.evidence
    length = max(reach.last_s - reach.first_s, 2.0)
    area = max(field.query_duration_s, length) * max(field.reference_duration_s, 1.0)
    expected = len(others) * min(1.0, length * width_s / area) / share
    lines = max(1.0, 4.0 * area / (length * width_s))
    significance = _log10_tail(reach.evidence, expected, others) + math.log10(lines)
    return min(reach.evidence - expected * float(others.mean()), -significance)


def _log10_tail(total: float, count: float, weights: FloatArray) -> float:
    """Bound on log10 P(sum ≥ total) of a Poisson number, on average `count`, of draws from `weights`."""
    if total <= count * float(weights.mean()):
        return 0.0
    slopes = np.geomspace(0.02, 20.0, 40)[:, None] / max(float(weights.max()), 1e-6)
    growth = np.exp(slopes * weights[None, :]).mean(axis=1) - 1.0
    return min(0.0, float((count * growth - slopes[:, 0] * total).min()) / math.log(10.0))

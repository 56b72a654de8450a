"""Fit straight lines of reference time against query time to chance-ridden sound hits, strongest first.

Hits of many videos and speeds go in; the lines come out that carry more hits than chance explains, each with
its hits, its speed and its log10 odds. Of several that explain the same moments of the query by the same
moments of a video, the strongest is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.sound_odds import evidence

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, CodeArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class LineOptions:
    """How lines are fitted.

    tube_s: how far a hit lies from its line at most. gap_s: a longer stretch without hits ends a line.
    speed_reach, speed_steps: fine speeds tried around that of the print. least_hits, least_evidence: what a
    line must have. rival_share: a line that claims moments which a stronger one of the same video has
    explained needs this share of its evidence. most_lines: per video and speed. most_hits: of
    these, rarest first.
    """

    tube_s: float = 0.1
    gap_s: float = 8.0
    speed_reach: float = 0.028
    speed_steps: int = 15
    least_hits: int = 4
    least_evidence: float = 4.5
    rival_share: float = 0.5
    most_lines: int = 16
    most_hits: int = 4_000


@dataclass(frozen=True, slots=True)
class Found:
    """Hits of several prints, each array (H,).

    number: of the print; speed: its; rarity: log10 of the codes in the index per code equal to this one;
    codes_per_s: of the query around the hit.
    """

    number: IntArray
    speed: FloatArray
    video: IntArray
    query_s: FloatArray
    reference_s: FloatArray
    code: CodeArray
    rarity: FloatArray
    codes_per_s: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Found]) -> Found:
        """All hits of all parts, at least one, in their order."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def at(self, rows: IntArray | BoolArray | slice) -> Found:
        """Some of the hits."""
        return Found(*(getattr(self, f.name)[rows] for f in fields(Found)))


@dataclass(frozen=True, slots=True)
class Line:
    """One straight stretch: reference time = offset_s + speed · query time."""

    video: int
    speed: float
    offset_s: float
    evidence: float
    query_s: FloatArray
    reference_s: FloatArray


def lines(found: Found, options: LineOptions) -> list[Line]:
    """Lines of all videos.

    Args:
        found: hits, those of one video and print together.
        options: see `LineOptions`.

    Returns: lines that pass, video by video, the strongest of each first.
    """
    if not len(found.video):
        return []
    fresh = (np.diff(found.video) != 0) | (np.diff(found.number) != 0)
    cuts = [0, *(np.flatnonzero(fresh) + 1).tolist(), len(found.video)]
    of_video: dict[int, list[Line]] = {}
    for low, high in pairwise(cuts):
        group = found.at(slice(low, high))
        of_video.setdefault(int(group.video[0]), []).extend(_of_group(group, options))
    return [line for video in sorted(of_video) for line in _without_rivals(of_video[video], options)]


def _of_group(group: Found, options: LineOptions) -> Iterator[Line]:
    """Lines of one video under one print, strongest first."""
    if len(group.video) > options.most_hits:
        group = group.at(np.argsort(-group.rarity, kind="stable")[: options.most_hits])
    for _ in range(options.most_lines):
        if len(group.video) < options.least_hits:
            return
        speed, offset_s = _best_line(group, options)
        near = np.abs(group.reference_s - offset_s - speed * group.query_s) <= options.tube_s
        if near.sum() < options.least_hits:
            return
        passed = list(_runs(group.at(near), speed, offset_s, options))
        if not passed:
            return
        yield from passed
        group = group.at(~near)


def _best_line(group: Found, options: LineOptions) -> tuple[float, float]:
    """Speed and offset with the greatest sum of rarity within the tube, fitted to what lies there."""
    middle_s = float(np.median(group.query_s))
    base = float(group.speed[0])
    best = (-1.0, base, 0.0)
    factors = np.linspace(1 - options.speed_reach, 1 + options.speed_reach, options.speed_steps)
    for factor in sorted(factors, key=lambda one: abs(one - 1)):
        at_middle = group.reference_s - base * factor * (group.query_s - middle_s)
        order = np.argsort(at_middle)
        at_middle = at_middle[order]
        total = np.append(0.0, np.cumsum(group.rarity[order]))
        high = np.searchsorted(at_middle, at_middle + 2 * options.tube_s, "right")
        sums = total[high] - total[:-1]
        start = int(sums.argmax())
        if sums[start] > best[0]:
            best = (float(sums[start]), base * factor, float(at_middle[start : high[start]].mean()))
    _, speed, at_middle_s = best
    for reach_s in (1.5 * options.tube_s, options.tube_s):
        left = group.reference_s - at_middle_s - speed * (group.query_s - middle_s)
        near = np.abs(left) <= reach_s
        if near.sum() < 3 or float(np.ptp(group.query_s[near])) < 0.5:
            break
        slope, shift = np.polyfit(group.query_s[near] - middle_s, left[near], 1)
        if abs(slope) < 2 * options.speed_reach * base:
            speed, at_middle_s = speed + float(slope), at_middle_s + float(shift)
    return speed, at_middle_s - speed * middle_s


def _runs(near: Found, speed: float, offset_s: float, options: LineOptions) -> Iterator[Line]:
    """The hits of one line, cut where there are none for long; those parts that pass."""
    near = near.at(np.argsort(near.query_s, kind="stable"))
    for rows in np.split(
        np.arange(len(near.query_s)), np.flatnonzero(np.diff(near.query_s) > options.gap_s) + 1
    ):
        run = near.at(rows)
        run = run.at(_distinct(run))
        if len(run.query_s) < options.least_hits:
            continue
        odds = evidence(run.query_s, run.code, run.rarity, run.codes_per_s)
        if odds >= options.least_evidence:
            yield Line(int(run.video[0]), speed, offset_s, odds, run.query_s, run.reference_s)


def _distinct(run: Found) -> IntArray:
    """Rows, in order, of the rarest hit of every moment of the reference and of the query."""
    rows = np.lexsort((-run.rarity, run.reference_s))
    rows = rows[np.append(True, np.diff(run.reference_s[rows]) > 1e-4)]
    rows = rows[np.lexsort((-run.rarity[rows], run.query_s[rows]))]
    kept: IntArray = rows[np.append(True, np.diff(run.query_s[rows]) > 1e-4)]
    return kept


def _without_rivals(found: Sequence[Line], options: LineOptions) -> list[Line]:
    """Lines of one video, strongest first, less those that retell what a stronger one tells."""
    kept: list[Line] = []
    for line in sorted(found, key=lambda one: -one.evidence):
        if not any(_retells(line, other, options) for other in kept):
            kept.append(line)
    return kept


def _retells(line: Line, other: Line, options: LineOptions) -> bool:
    inside = (line.query_s >= other.query_s[0] - 1) & (line.query_s <= other.query_s[-1] + 1)
    if inside.mean() < 0.5:
        return False
    off_s = np.abs(line.reference_s - other.offset_s - other.speed * line.query_s)
    if (off_s[inside] < 4 * options.tube_s).mean() > 0.3:
        return True
    return line.evidence < options.rival_share * other.evidence

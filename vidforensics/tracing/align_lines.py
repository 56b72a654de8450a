"""Straight lines through the points of two videos: candidates by voting, then weighted least squares.

Points go in, lines reference = reference_s + speed · (query − query_s) come out. Voting is a Hough transform
(Hough 1962; for copies: Douze et al. 2010, IEEE Trans. Multimedia 12) over blocks of the query, so that a
short stretch is not drowned by chance points elsewhere and a coarse grid of speeds is fine enough. A row of
the reference then pulls the line through the moment of the query that is most like it, not through the middle
of all moments that are a little like it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.align_points import SOUND_CELL_S, Points

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray, IntArray

BLOCK_S = 24.0
SPEED_STEP = 0.025
"""Speeds tried are this far apart (natural logarithm): half a step over half a block is 0.15 s."""
CELL_S = 1.0
PICTURE_SIGMA_S, SOUND_SIGMA_S = 0.12, 0.04
"""Least uncertainty of one point's place: a quarter of the usual second between query frames, a hop."""
SPEED_PRIOR = 0.3
"""Spread of log speed that is assumed before any point is seen."""
SPEED_AGREEMENT = 0.06
"""A sound point that knows its speed supports lines whose log speed is at most this far from it."""
SAME_SPEED_SHIFT_S = 0.1
"""A speed is taken for 1 where over the stretch it moves nothing by more than this to either side."""
_MOST_PEAKS = 400


@dataclass(frozen=True, slots=True)
class Line:
    """reference = reference_s + speed · (query − query_s); `speed_error` is the standard error of speed."""

    query_s: float
    reference_s: float
    speed: float
    speed_error: float = math.inf

    def at(self, query_s: float) -> float:
        """Reference time at a query time."""
        return self.reference_s + self.speed * (query_s - self.query_s)

    def back(self, reference_s: float) -> float:
        """Query time at a reference time."""
        return self.query_s + (reference_s - self.reference_s) / self.speed


def speed_grid(least: float, greatest: float) -> FloatArray:
    """Speeds to try, evenly spaced in their logarithm, 1 among them where it lies within."""
    low, high = math.ceil(math.log(least) / SPEED_STEP), math.floor(math.log(greatest) / SPEED_STEP)
    return np.asarray(np.exp(SPEED_STEP * np.arange(low, high + 1)), dtype=np.float64)


def candidates(points: Points, speeds: FloatArray, most: int) -> list[tuple[Line, float, float]]:
    """Lines that many points vote for.

    Args:
        points: of one mirroring, and of sound.
        speeds: see `speed_grid`.
        most: greatest number of lines.

    Returns:
        (line, first and last query second of the block that voted), most votes first; no two of them run
        through the same place of the same block.
    """
    if not len(points):
        return []
    points = points.take(
        ~(np.abs(np.log(speeds)[:, None] - np.log(points.speed)) > SPEED_AGREEMENT).all(axis=0)
    )
    if not len(points):
        return []
    block, speed, reference, votes = _ballots(points, speeds)
    order = np.argsort(-votes * (1.0 - 0.05 * np.abs(np.log(speeds[speed]))), kind="stable")[:_MOST_PEAKS]
    found: list[tuple[Line, float, float]] = []
    for i in order:
        centre = (float(block[i]) + 1.0) * BLOCK_S / 2
        line = Line(centre, float(reference[i]), float(speeds[speed[i]]))
        if all(_apart(line, other) for other, _, _ in found):
            found.append((line, centre - BLOCK_S / 2, centre + BLOCK_S / 2))
            if len(found) == most:
                break
    return found


def _apart(line: Line, other: Line) -> bool:
    if abs(line.query_s - other.query_s) > BLOCK_S / 2 + 1e-6:
        return True
    ends = (line.query_s - BLOCK_S / 3, line.query_s + BLOCK_S / 3)
    return max(abs(line.at(q) - other.at(q)) for q in ends) > 3 * CELL_S


def _ballots(points: Points, speeds: FloatArray) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Block, number of speed, reference time at the block's middle and votes of every cell voted for."""
    half = BLOCK_S / 2
    late = np.floor(points.query_s / half).astype(np.int64)
    block = np.stack([late - 1, late])  # blocks overlap by half: every point lies in two
    query = points.query_s - (block + 1) * half
    place = points.reference_s - speeds[:, None, None] * query
    allowed = ~(np.abs(np.log(speeds)[:, None] - np.log(points.speed)) > SPEED_AGREEMENT)
    keep = np.broadcast_to(allowed[:, None, :], place.shape)
    size = np.array([len(speeds), 2 * block.shape[1]])
    speed = np.broadcast_to(np.arange(size[0])[:, None, None], place.shape)[keep]
    blocks = np.broadcast_to(block, place.shape)[keep]
    vote = np.broadcast_to(points.vote, place.shape)[keep]
    tables = [_tally(blocks, speed, place[keep], vote, phase) for phase in (0.0, 0.5)]
    columns = [np.concatenate([t[i] for t in tables]) for i in range(4)]
    return columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2], columns[3]


def _tally(
    block: IntArray, speed: IntArray, place: FloatArray, vote: FloatArray, phase: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    cell = np.floor(place / CELL_S + phase).astype(np.int64)
    low, span = int(cell.min()), int(cell.max()) - int(cell.min()) + 1
    first, count = int(block.min()), int(speed.max()) + 1
    key = ((block - first) * count + speed) * span + (cell - low)
    order = np.argsort(key, kind="stable")
    key, vote, place = key[order], vote[order], place[order]
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    votes = np.add.reduceat(vote, starts)
    middle = np.add.reduceat(vote * place, starts) / votes
    rest = key[starts] // span
    return (rest // count + first).astype(float), (rest % count).astype(float), middle, votes


@dataclass(frozen=True, slots=True)
class Anchors:
    """What supports a line: one anchor per row of the reference, or per SOUND_CELL_S of sound, each (A,).

    query_s, reference_s float64 in order of query time; first_s, last_s: query times of the anchor's first
    and last point; weight: that of its best point; short: how much less that is than the best of its run;
    sigma_s: how well its place is known; sound bool; row int64; used: indices of the points behind the
    anchors, (U,).
    """

    query_s: FloatArray
    reference_s: FloatArray
    first_s: FloatArray
    last_s: FloatArray
    weight: FloatArray
    short: FloatArray
    sigma_s: FloatArray
    sound: BoolArray
    row: IntArray
    used: IntArray

    def __len__(self) -> int:
        return len(self.query_s)

    def take(self, at: BoolArray | IntArray) -> Anchors:
        """The anchors at these places; the points behind the others stay named."""
        return replace(self, **{f.name: getattr(self, f.name)[at] for f in fields(self) if f.name != "used"})


def anchors(points: Points, near: BoolArray) -> Anchors:
    """Points near a line, gathered into anchors.

    Args:
        points: all points.
        near: bool (N,), which of them lie near the line.

    Returns:
        The anchors; empty where nothing is near.
    """
    used = np.flatnonzero(near)
    if not len(used):
        none, no, zero = np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64)
        return Anchors(none, none, none, none, none, none, none, no, zero, used)
    p = points.take(used)
    group = np.where(p.sound, np.floor(p.query_s / SOUND_CELL_S).astype(np.int64), p.row)
    order = np.lexsort((p.query_s, group, p.sound))
    p, group = p.take(order), group[order]
    starts = np.flatnonzero(np.append(True, (group[1:] != group[:-1]) | (p.sound[1:] != p.sound[:-1])))
    sizes = np.diff(np.append(starts, len(group)))
    best = np.maximum.reduceat(p.weight, starts)
    share = 10.0 ** ((p.weight - np.repeat(best, sizes)) / np.repeat(np.maximum(1.0, 0.15 * best), sizes))
    total = np.add.reduceat(share, starts)
    query = np.add.reduceat(share * p.query_s, starts) / total
    spread = np.add.reduceat(share * (p.query_s - np.repeat(query, sizes)) ** 2, starts) / total
    reference = np.add.reduceat(share * p.reference_s, starts) / total
    least = np.where(p.sound[starts], SOUND_SIGMA_S, PICTURE_SIGMA_S)
    found = Anchors(
        query, reference, p.query_s[starts], p.query_s[starts + sizes - 1], best,
        np.maximum.reduceat(p.best, starts) - best, np.sqrt(spread + least**2),
        p.sound[starts], p.row[starts], used,
    )  # fmt: skip
    return found.take(np.argsort(query, kind="stable"))


def fit(found: Anchors, guess: Line) -> Line:
    """The line through anchors by weighted least squares, its speed drawn towards the guess where open.

    Args:
        found: at least one anchor.
        guess: where the anchors were found.
    """
    weight = 1.0 / found.sigma_s**2
    query = float((weight * found.query_s).sum() / weight.sum())
    reference = float((weight * found.reference_s).sum() / weight.sum())
    dq, dr = found.query_s - query, found.reference_s - reference
    prior = 1.0 / (SPEED_PRIOR * guess.speed) ** 2
    information = float((weight * dq * dq).sum()) + prior
    speed = (float((weight * dq * dr).sum()) + prior * guess.speed) / information
    residual = (dr - speed * dq) ** 2 * weight
    scale = max(1.0, float(residual.sum()) / max(1, len(found) - 2))
    return Line(query, reference, speed, math.sqrt(scale / information))


def steady(line: Line, length_s: float) -> Line:
    """The line with speed 1 where the points cannot tell it from 1 over a stretch of this length."""
    allowed = max(2.5 * line.speed_error, 2 * SAME_SPEED_SHIFT_S / max(length_s, 1.0))
    if abs(line.speed - 1.0) > min(allowed, 0.5):
        return line
    return Line(line.query_s, line.reference_s, 1.0, line.speed_error)

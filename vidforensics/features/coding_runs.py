"""Which stretches of a track show the frames of one earlier coding, and at which offset.

Samples go in; candidates for the frames' offset, how clearly each shows at every frame, and runs of frames
that show one of them come out. Candidates are looked for at some places of the track only, as every offset
must be tried; those found are then followed through every frame.
Source: the most likely sequence of states, Viterbi (1967), over log odds of two normal distributions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.aac_frames import FRAME, apart
from vidforensics.features.coding_grid import (
    WINDOW,
    above_neighbours,
    above_surroundings,
    at_every_offset,
    near_nought,
)
from vidforensics.spool import let_pages_go
from vidforensics.types import GridRun

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray, ShortArray

PLACES, HOLE_PLACES = 60, 30
"""At so many places of the track, or of a hole in it, every offset is tried."""

SHORT_LIST = 16
"""Of the offsets that stand out most so many are tried at many more frames."""

MOST_FRAMES = 1000
LEAST_FOUND = 5.0
"""A candidate's sum over some of these frames in a row, in standard errors."""

PARTS = (1, 2, 4, 8)
"""Sums are taken over so many parts of the track, which overlap by half."""

LEAST_PART = 8
MOST_CANDIDATES = 5
MOST_FOLLOWED = 8
BESIDE, NEAR_BESIDE = (-40, -20, 20, 40), (-20, 20)
"""Offsets beside a candidate that tell what is usual, where it is followed and where it is only tried."""

OWN = 16
"""So far around the present coding's frames nothing is taken for another."""

BLOCK_FRAMES = 256
SMOOTH = 40
EXPECTED = (0.3, 3.0)
MOST_ODDS = 3.0
SWITCH = 12.0
"""Log odds that a change of state costs."""

LEAST_HOLE = 50
MOST_HOLES = 4


@dataclass(frozen=True, slots=True)
class Followed:
    """G offsets followed through F frames: shown float32 (F, G), in standard deviations of one frame."""

    offsets: IntArray
    shown: Float32Array


def frames_in(samples: ShortArray) -> int:
    """How many frames can be followed at any offset."""
    return max(0, (len(samples) - WINDOW) // FRAME)


def followed(samples: ShortArray, own: int | None) -> Followed:
    """Find candidates and follow them; where the one that is found leaves holes, look there again.

    Args:
        samples: int16 (N,), one track at its own rate.
        own: offset of the frames that the track's present coding has, which show everywhere; 0–1023, None
            where it has none.
    """
    count = frames_in(samples)
    found = _candidates(samples, np.arange(count), PLACES, own)
    if not len(found):
        return Followed(found, np.zeros((count, 0), np.float32))
    first = Followed(found, _shown(samples, found, np.arange(count), BESIDE))
    more = found
    for start, end in _holes(runs_of(first), count)[:MOST_HOLES]:
        more = _joined(more, _candidates(samples, np.arange(start, end), HOLE_PLACES, own))
    more = more[:MOST_FOLLOWED]
    if len(more) == len(found):
        return first
    return Followed(more, _shown(samples, more, np.arange(count), BESIDE))


_NONE = np.zeros(0, np.int64)


def _shown(samples: ShortArray, offsets: IntArray, frames: IntArray, beside: tuple[int, ...]) -> Float32Array:
    """How clearly frames show at every offset, against offsets beside it, float32 (F, G)."""
    steps = [(int(offset) + step) % FRAME for offset in offsets for step in (0, *beside)]
    shares = np.empty((len(frames), len(steps)), np.float32)
    for a in range(0, len(frames), BLOCK_FRAMES):  # the windows of an hour would take 600 MB
        starts = frames[a : a + BLOCK_FRAMES] * FRAME
        for k, step in enumerate(steps):
            shares[a : a + BLOCK_FRAMES, k] = near_nought(samples, starts + step)
        let_pages_go()
    parts = shares.reshape(len(frames), len(offsets), 1 + len(beside))
    return above_neighbours(parts[:, :, 0], parts[:, :, 1:])


def runs_of(found: Followed) -> list[GridRun]:
    """The most likely sequence of grids, without the frames that show none."""
    states = _most_likely(_log_odds(found.shown))
    borders = np.flatnonzero(np.diff(states)) + 1
    edges = [0, *borders.tolist(), len(states)]
    return [
        GridRun(a, b, int(found.offsets[states[a]]))
        for a, b in itertools.pairwise(edges)
        if b > a and states[a] < len(found.offsets)
    ]


def _candidates(samples: ShortArray, frames: IntArray, places: int, own: int | None) -> IntArray:
    """Offsets at which values near nought stand out over some frames in a row, strongest first, (G,).

    Args:
        samples: int16 (N,).
        frames: numbers of the frames to look at, ascending.
        places: at so many of them every offset is tried.
        own: offset of the present coding's frames; None for none.
    """
    tried = _some(frames, places) * FRAME
    if len(tried) < LEAST_PART:
        return _NONE
    shares = np.stack([at_every_offset(samples, int(start)) for start in tried])
    best = _greatest_sums(above_surroundings(shares))
    short_list: list[int] = []
    for offset in np.argsort(-best, kind="stable").tolist():
        is_own = own is not None and apart(offset, own) <= OWN
        if not is_own and all(apart(offset, other) > 2 for other in short_list):
            short_list.append(offset)
        if len(short_list) == SHORT_LIST:
            break
    offsets = np.array(short_list, np.int64)
    sums = _greatest_sums(_shown(samples, offsets, _some(frames, MOST_FRAMES), NEAR_BESIDE))
    order = np.argsort(-sums, kind="stable")[:MOST_CANDIDATES]
    return offsets[order[sums[order] >= LEAST_FOUND]]


def _some(frames: IntArray, most: int) -> IntArray:
    """At most so many of the frames, evenly spaced."""
    if len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).astype(np.int64)]


def _greatest_sums(shown: NDArray[Any]) -> FloatArray:
    """Per column the greatest sum over rows in a row, of several lengths, in standard errors, (columns,)."""
    count, columns = shown.shape
    sums = np.concatenate([np.zeros((1, columns)), np.cumsum(shown, axis=0, dtype=np.float64)])
    best: FloatArray = np.full(columns, -np.inf)
    for length in {count // part for part in PARTS if count // part >= LEAST_PART}:
        for a in range(0, count - length + 1, max(1, length // 2)):
            np.maximum(best, (sums[a + length] - sums[a]) / np.sqrt(length), out=best)
    return best


def _joined(known: IntArray, more: IntArray) -> IntArray:
    fresh = [o for o in more.tolist() if all(apart(o, k) > 2 for k in known.tolist())]
    return np.concatenate([known, np.array(fresh, np.int64)])


def _holes(runs: list[GridRun], count: int) -> list[tuple[int, int]]:
    """Stretches between and around runs, the longest first; none where there is no run."""
    if not runs:
        return []
    edges = [0, *(t for run in runs for t in (run.first, run.last)), count]
    holes = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= LEAST_HOLE]
    return sorted(holes, key=lambda hole: hole[0] - hole[1])


def _log_odds(shown: Float32Array) -> FloatArray:
    """Per frame and grid, that it is there against that none is, (F, G)."""
    if not len(shown):
        return np.zeros(shown.shape)
    width = min(SMOOTH, len(shown))
    sums = np.concatenate([np.zeros((1, shown.shape[1])), np.cumsum(shown, axis=0)])
    means = (sums[width:] - sums[:-width]) / width
    expected = np.clip(np.quantile(means, 0.9, axis=0), *EXPECTED)
    odds: FloatArray = np.clip(expected * shown - expected**2 / 2, -MOST_ODDS, MOST_ODDS)
    odds[shown == 0.0] = 0.0  # no sound says nothing
    return odds


def _most_likely(odds: FloatArray) -> IntArray:
    """State of every frame, int64 (F,): a column of `odds`, or their number where no grid shows."""
    count, grids = odds.shape
    all_odds = np.concatenate([odds, np.zeros((count, 1))], axis=1)
    came_from = np.zeros((count, grids + 1), np.int64)
    best = np.zeros(grids + 1)
    stay = np.arange(grids + 1)
    for k in range(count):
        leader = int(np.argmax(best))
        switch = best[leader] - SWITCH > best
        came_from[k] = np.where(switch, leader, stay)
        best = np.where(switch, best[leader] - SWITCH, best) + all_odds[k]
    states = np.zeros(count, np.int64)
    state = int(np.argmax(best))
    for k in range(count - 1, -1, -1):
        states[k] = state
        state = int(came_from[k, state])
    return states

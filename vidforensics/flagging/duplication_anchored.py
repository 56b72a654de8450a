"""Runs of frames that begin or end with a jump and show pictures that the clip shows elsewhere.

Where frames are put in or over others, the picture jumps; a jump says where a copy begins or ends, so only
runs at jumps have to be looked for, in either direction from each, against all others of the clip. That finds
copies whose steps are no larger than the noise of coding, which step by step nobody can tell from others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.duplication_path import (
    LEAST_NEAR,
    MAX_FRAMES,
    NEAR_SHARE,
    REACH_FRAMES,
    Path,
    lengths,
    median,
    path_of,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, IntArray, ShortArray

WINDOWS = (5, 8, 12, 20)
"""Frames on one side of a jump that are compared at once; the one that tells most is kept."""
LEAST_FRAMES = WINDOWS[0]
LONGEST_RUN = 300
JUMP_RATIO, JUMP_LEVELS, JUMP_REACH = 1.7, 0.05, 2
"""A jump is the largest step of JUMP_REACH frames on either side, and so much larger than is usual there."""
USUAL_FRAMES = 15
BLOCK_FRAMES, MOST_JUMPS = 1_000, 40
"""Of so many frames only so many jumps, the largest, are looked at: flicker and coding make hundreds."""
LEAST_STEP, LEAST_MOVED = 0.06, 0.1
"""Luma levels; a run that moves less is like any other rest of the scene."""
LEAST_GAP = 0.15
SAME_LAG_FRAMES = 2
"""Lags so near to each other show the same pictures."""
FAR_LEVELS = 0.6
"""Luma levels RMS; coding seldom leaves so much between two copies of one picture."""
_DISTANCE_FLOOR, _STEP_FLOOR, _BACK_FLOOR = 0.03, 0.02, 0.04


@dataclass(frozen=True, slots=True)
class Anchored:
    """Frames [first, last), at a jump, are those of [first + lag, last + lag); log2 ratios but `distance`.

    gap: distance of the next best place over that of this one. jump: of the step at the anchor over the
    usual. back: of that step over the one from the frame before the run to the frame after it, which is
    small where the run was put between two frames that belong together. distance: between the runs, luma
    levels RMS.
    """

    first: int
    last: int
    lag: int
    gap: float
    jump: float
    back: float
    distance: float

    def evidence(self) -> float:
        """What the cues say together, log2; weights and limits come from the fit half (docs/flagging.md)."""
        breaks = _within(self.back, 0.0, 3.0) + 2.0 * _within(self.jump, 0.0, 2.0)
        unlike = _within(math.log2(max(self.distance, FAR_LEVELS) / FAR_LEVELS), 0.0, 3.0)
        return breaks + _within(self.gap, 0.0, 3.0) - 2.0 * unlike


@dataclass(frozen=True, slots=True)
class _Match:
    """`width` frames on one side of the anchor are nearest to those `lag` later."""

    width: int
    lag: int
    distance: float
    gap: float


def find_anchored(signatures: ShortArray) -> list[Anchored]:
    """Every run at a jump that is nearer to another run of the clip than to all the rest.

    Args:
        signatures: int16 (N, K), see `features.frame_series`; only the first MAX_FRAMES are searched.

    Returns:
        Runs of LEAST_FRAMES or more in the order of their first; [] for a clip too short.
    """
    if len(signatures) < 4 * LEAST_FRAMES:
        return []
    path = path_of(signatures[:MAX_FRAMES])
    usual = _usual(path.sizes)
    found = [run for at in _jumps(path.sizes, usual) for run in _runs_at(path, usual, at)]
    return sorted(found, key=lambda run: (run.first, run.lag))


def _usual(sizes: Float32Array) -> Float32Array:
    from scipy.ndimage import median_filter

    usual: Float32Array = median_filter(sizes, size=USUAL_FRAMES, mode="nearest")
    return usual


def _jumps(sizes: Float32Array, usual: Float32Array) -> list[int]:
    """Frames into which the picture jumps."""
    from scipy.ndimage import maximum_filter1d

    is_peak = sizes >= maximum_filter1d(sizes, 2 * JUMP_REACH + 1, mode="nearest")
    jumps = np.flatnonzero(is_peak & (sizes > JUMP_RATIO * usual + JUMP_LEVELS))
    jumps = jumps[(jumps >= 2) & (jumps < len(sizes) - 1)]
    kept: list[int] = []
    for first in range(0, len(sizes), BLOCK_FRAMES):
        here = jumps[(jumps >= first) & (jumps < first + BLOCK_FRAMES)]
        ratios = sizes[here] / (usual[here] + _DISTANCE_FLOOR)
        kept += sorted(here[np.argsort(-ratios, kind="stable")[:MOST_JUMPS]].tolist())
    return kept


def _runs_at(path: Path, usual: Float32Array, at: int) -> Iterator[Anchored]:
    """The run that begins at this jump, and the one that ends there."""
    first, last = max(0, at - REACH_FRAMES), min(len(path.sizes), at + REACH_FRAMES)
    levels = path.levels(slice(first, last))
    for is_forward in (True, False):
        levels -= levels[at - first - (not is_forward)]  # small numbers keep the distances precise
        match = _best_match(_distances(levels, at - first, is_forward), at - first, is_forward)
        if match is not None and match.gap >= LEAST_GAP:
            run = _measured(path, usual, at, is_forward, match)
            if run is not None:
                yield run


def _distances(levels: Float32Array, at: int, is_forward: bool) -> Float32Array:
    """From each of the frames on one side of `at`, nearest first, to every frame; infinite past the end.

    Args:
        levels: float32 (N, K).
        at: the first frame after the jump.
        is_forward: whether the frames from `at` on are meant, else those before it, and everything runs
            backwards in time.

    Returns:
        float32 (W, N + W).
    """
    if not is_forward:
        levels, at = levels[::-1], len(levels) - at
    width = min(WINDOWS[-1], len(levels) - at)
    here = levels[at : at + width]
    squares = np.einsum("ij,ij->i", levels, levels)
    far = squares[at : at + width, None] + squares[None] - 2.0 * (here @ levels.T)
    distances = np.full((width, len(levels) + width), np.inf, dtype=np.float32)
    distances[:, : len(levels)] = np.sqrt(np.maximum(far, 0.0))
    return distances


def _best_match(distances: Float32Array, at: int, is_forward: bool) -> _Match | None:
    """The width and lag that tell most; lags are those of time, whatever the direction."""
    width, count = len(distances), distances.shape[1] - len(distances)
    start = at if is_forward else count - at
    lags = np.arange(count) - start
    best: _Match | None = None
    total = np.zeros(count, dtype=np.float32)
    for i in range(width):
        total += distances[i, i : i + count]
        if i + 1 not in WINDOWS:
            continue
        match = _least(np.where(np.abs(lags) >= i + 1, total / (i + 1), np.inf), lags, i + 1)
        if match is not None and (best is None or match.gap > best.gap):
            best = match
    if best is None or is_forward:
        return best
    return _Match(best.width, -best.lag, best.distance, best.gap)


def _least(means: Float32Array, lags: IntArray, width: int) -> _Match | None:
    at = int(means.argmin())
    others = means[np.abs(lags - lags[at]) > SAME_LAG_FRAMES]
    second = float(others.min(initial=np.inf))
    if not np.isfinite(second):
        return None
    gap = float(np.log2((second + _DISTANCE_FLOOR) / (means[at] + _DISTANCE_FLOOR)))
    return _Match(width, int(lags[at]), float(means[at]), gap)


def _measured(path: Path, usual: Float32Array, at: int, is_forward: bool, match: _Match) -> Anchored | None:
    """The run as far as it goes on, with its measures; None for one at rest or without an end in the clip."""
    a = at if is_forward else at - match.width
    part = slice(a, a + match.width)
    here, lag = path.levels(part), match.lag
    sizes = np.minimum(path.sizes[part], path.sizes[a + lag : a + lag + match.width])
    step, moved = median(sizes[1:]), float(lengths(here - here.mean(axis=0)).mean())
    if step < LEAST_STEP or moved < LEAST_MOVED:
        return None
    near = max(NEAR_SHARE * step, 1.5 * match.distance, LEAST_NEAR)
    length = match.width + _further(path, at, is_forward, match, near)
    ends = _closed(path, at, is_forward, length, lag)
    if ends is None:
        return None
    first, last, back = ends
    if lag > 0 and abs(first + lag - last) <= SAME_LAG_FRAMES:  # it comes again at once
        if not is_forward:
            return None  # the second of the two is found from its own beginning
        first, last, lag = first + lag, min(last + lag, len(path.sizes)), -lag
    return Anchored(
        first,
        last,
        lag,
        match.gap,
        jump=float(np.log2((path.sizes[at] + _DISTANCE_FLOOR) / (usual[at] + _DISTANCE_FLOOR))),
        back=back,
        distance=match.distance,
    )


def _further(path: Path, at: int, is_forward: bool, match: _Match, near: float) -> int:
    """How many frames more, away from the anchor, are near to those `lag` later, which they do not reach."""
    most = min(LONGEST_RUN, abs(match.lag)) - match.width
    here = at + match.width if is_forward else at - match.width - 1
    there, count = here + match.lag, len(path.sizes)
    room = count - max(here, there) if is_forward else min(here, there) + 1
    most = min(most, room)
    if most <= 0:
        return 0
    if is_forward:
        parts = slice(here, here + most), slice(there, there + most)
    else:
        parts = slice(here - most + 1, here + 1), slice(there - most + 1, there + 1)
    distances = lengths(path.levels(parts[0]) - path.levels(parts[1]))
    is_far = distances >= near if is_forward else (distances >= near)[::-1]
    return int(is_far.argmax()) if is_far.any() else most


def _closed(path: Path, at: int, is_forward: bool, length: int, lag: int) -> tuple[int, int, float] | None:
    """(first, last, back) for the end, within JUMP_REACH, where the clip goes on best without the run."""
    count = len(path.sizes)
    end = at + length if is_forward else at - length
    best: tuple[int, int, float] | None = None
    for other in range(end - JUMP_REACH, end + JUMP_REACH + 1):
        first, last = (at, other) if is_forward else (other, at)
        if first < 1 or last >= count or last - first < LEAST_FRAMES:
            continue
        pair = path.levels(slice(first - 1, first)) - path.levels(slice(last, last + 1))
        over = float(lengths(pair)[0]) + _BACK_FLOOR
        back = float(np.log2((path.sizes[at] + _STEP_FLOOR) / over))
        if best is None or back > best[2]:
            best = (first, last, back)
    if best is not None and length == abs(lag):
        # shown again at once: its end is known, and its last frame is the very one before its first
        first, last = (at, at + length) if is_forward else (at - length, at)
        return first, last, best[2]
    return best


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)

"""What speaks for frames missing between two neighbours of one shot, cue by cue.

Per-frame series and the network's odds go in; one row of cues per frame comes out. Each cue holds a frame
against the frames around it, so that a lively or a noisy scene is its own yardstick; a motion that jumps
and returns at once is what removed frames leave (compare the gradients of residual and flow of Kingra,
Aggarwal & Singh 2017, Multimedia Tools and Applications 76).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import FrameSeries

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, TinyArray

REACH_FRAMES = 8
NEAR_FRAMES = (3, 12)
"""From where to where the odds of other frames count as near; the next two see the jump itself."""
WIDE_FRAMES, RIVAL_RANK = 75, 4
"""How far other jumps are looked for, and the how manieth greatest of them counts."""
UNKNOWN_ODDS = -4.0
BLOCK_FRAMES = 8_000
EDGE_FRAMES = 4
LEAST_SHOT_FRAMES = 18
LIVELY_CELLS = 6
LEAST_MOTION = 0.12
LEAST_FLOW = 0.15
CELL_UNITS_PER_LEVEL, FLOW_UNITS = 256.0, 31.0


@dataclass(frozen=True, slots=True)
class Cues:
    """One value per frame, each float64 (N,), NaN where it cannot be had.

    odds: the network's log odds (natural). near: the greatest of those near it, and rival: the fourth
    greatest within WIDE_FRAMES beyond them, which is high where the picture jumps again and again. jump: log2
    of the change into the frame over the second greatest change near it; the second, because one I-frame may
    pulse nearby. motion: log2 of the break in the cells' velocity over what is left of it one frame later.
    """

    odds: FloatArray
    near: FloatArray
    rival: FloatArray
    jump: FloatArray
    motion: FloatArray


def measure_cues(series: FrameSeries, odds: Float32Array, spans: tuple[tuple[int, int], ...]) -> Cues:
    """Cues of every frame; NaN outside `spans`, near their ends, and where timestamps explain the jump.

    Args:
        series: of the N frames.
        odds: float32 (N,), NaN unknown, see `FrameGaps`.
        spans: index ranges (first, one past last) within which neighbours are of one recording.
    """
    count = len(series.times_s)
    if series.cells is None:
        return Cues(*(np.full(count, np.nan) for _ in range(5)))
    cells = series.cells
    whole = cells.mean(axis=1) / CELL_UNITS_PER_LEVEL
    lively = np.sort(cells, axis=1)[:, -LIVELY_CELLS:].mean(axis=1) / CELL_UNITS_PER_LEVEL
    usable = usable_frames(series.times_s, lively, spans)
    # a jump between two still pictures is a slide show, or the one step of a scene at rest
    usable &= np.nan_to_num(_middle(lively)) >= LEAST_MOTION
    jump, motion = np.full(count, np.nan), np.full(count, np.nan)
    for a, b in spans:
        part = slice(a, b)
        jump[part] = _over_near(whole[part], 0.05, 2)
        motion[part] = _break_and_return(
            series.values["motion_break"][part], series.values["motion_return"][part]
        )
    near, rival = other_odds(odds)
    rows = (np.asarray(odds, np.float64), near, rival, jump, motion)
    return Cues(*(np.where(usable, cue, np.nan) for cue in rows))


def flow_continuity(velocities: TinyArray, at: int) -> float:
    """Correlation of the mean flow before a frame with that after it, −1 to 1.

    A camera or an object that moves goes on moving as before where frames are missing; a jump cut to another
    moment of an interview does not. Flow of less than LEAST_FLOW in all counts as none.

    Args:
        velocities: int8 (N, cells, 2), see `FrameSeries`.
        at: the first frame after the place in question.
    """
    before = velocities[max(0, at - EDGE_FRAMES) : at].astype(np.float64).mean(axis=0) / FLOW_UNITS
    after = velocities[at + 1 : at + 1 + EDGE_FRAMES].astype(np.float64).mean(axis=0) / FLOW_UNITS
    sizes = float(np.sqrt((before**2).sum() * (after**2).sum()))
    return float((before * after).sum()) / (sizes + LEAST_FLOW)


def other_odds(odds: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Greatest odds near each frame, and the RIVAL_RANK-th greatest of those farther off, float64 (N,).

    Unknown odds, and those beyond the ends of the clip, count as UNKNOWN_ODDS.
    """
    known = np.nan_to_num(np.asarray(odds, np.float64), nan=UNKNOWN_ODDS)
    padded = np.pad(known, WIDE_FRAMES, constant_values=UNKNOWN_ODDS)
    away = np.abs(np.arange(-WIDE_FRAMES, WIDE_FRAMES + 1))
    is_near, is_far = (away >= NEAR_FRAMES[0]) & (away <= NEAR_FRAMES[1]), away > NEAR_FRAMES[1]
    near, rival = [np.zeros(0)], [np.zeros(0)]
    for a in range(0, len(known), BLOCK_FRAMES):
        part = padded[a : min(a + BLOCK_FRAMES, len(known)) + 2 * WIDE_FRAMES]
        windows = np.lib.stride_tricks.sliding_window_view(part, len(away))
        near.append(windows[:, is_near].max(axis=1))
        rival.append(np.partition(windows[:, is_far], -RIVAL_RANK, axis=1)[:, -RIVAL_RANK])
    return np.concatenate(near), np.concatenate(rival)


def usable_frames(times_s: FloatArray, change: FloatArray, spans: tuple[tuple[int, int], ...]) -> BoolArray:
    """Frames that can be judged: inside a shot, on a regular clock, and not right after a repeated frame.

    A gap in the timestamps is a dropped frame that the file owns up to, and a repeated frame before a jump
    is the same in a file whose writer filled the gap: neither is a cut.
    """
    usable = np.zeros(len(times_s), dtype=bool)
    for a, b in spans:
        if b - a >= LEAST_SHOT_FRAMES:
            usable[a + EDGE_FRAMES : b - EDGE_FRAMES] = True
    step_s = np.diff(times_s, prepend=times_s[0])
    usable &= step_s <= 1.5 * np.nan_to_num(_middle(np.where(step_s > 0, step_s, np.nan)), nan=np.inf)
    known = np.nan_to_num(change, nan=np.inf)
    usual = np.nan_to_num(_middle(change))
    for back in (1, 2):
        usable &= np.roll(known, back) > 0.25 * usual
    return usable


def around(values: FloatArray) -> FloatArray:
    """Each value's neighbours within REACH_FRAMES, (N, 2 × REACH_FRAMES); NaN beyond the ends."""
    return np.concatenate([np.zeros((0, 2 * REACH_FRAMES)), *_around_in_blocks(values)])


def _around_in_blocks(values: FloatArray) -> Iterator[FloatArray]:
    """`around` for BLOCK_FRAMES values at a time, as that of an hour would take hundreds of megabytes."""
    padded = np.pad(values, REACH_FRAMES, constant_values=np.nan)
    for a in range(0, len(values), BLOCK_FRAMES):
        part = padded[a : min(a + BLOCK_FRAMES, len(values)) + 2 * REACH_FRAMES]
        windows = np.lib.stride_tricks.sliding_window_view(part, 2 * REACH_FRAMES + 1)
        yield np.delete(windows, REACH_FRAMES, axis=1)


def _over_near(values: FloatArray, floor: float, rank: int) -> FloatArray:
    """log2 of each value over its neighbours' `rank`-th greatest."""
    ranked = [np.sort(np.nan_to_num(near), axis=1)[:, -rank] for near in _around_in_blocks(values)]
    near = np.concatenate([np.zeros(0), *ranked])
    return np.asarray(np.log2((values + floor) / (near + floor)))


def _break_and_return(broken: FloatArray, returned: FloatArray) -> FloatArray:
    both = np.minimum(broken, np.append(broken[1:], np.nan))
    left = np.append(returned[1:], np.nan)
    return np.asarray(np.log2((both + 0.02) / (left + 0.02)))


def _middle(values: FloatArray) -> FloatArray:
    """Median of each value's known neighbours; NaN where it has none."""
    return np.concatenate([np.zeros(0), *(_middle_of(near) for near in _around_in_blocks(values))])


def _middle_of(neighbours: FloatArray) -> FloatArray:
    near = np.sort(neighbours, axis=1)  # NaN sorts last
    known = np.isfinite(near).sum(axis=1)
    rows = np.arange(len(near))
    middle = 0.5 * (near[rows, np.maximum(known - 1, 0) // 2] + near[rows, known // 2 % near.shape[1]])
    return np.asarray(np.where(known > 0, middle, np.nan))

"""What speaks for frames missing between two neighbours of one shot, cue by cue.

Per-frame series and sound series go in; one row of cues per frame comes out. Each cue compares
a frame with the frames around it, so that a lively or a noisy scene is its own yardstick; a motion that jumps
and returns at once is what removed frames leave (compare the gradients of residual and flow of Kingra,
Aggarwal & Singh 2017, Multimedia Tools and Applications 76).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Evidence, SoundSeries

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray, TinyArray

REACH_FRAMES = 8
BLOCK_FRAMES = 8_000
EDGE_FRAMES = 4
LEAST_SHOT_FRAMES = 18
LIVELY_CELLS = 6
LEAST_CORRELATION = 0.3
LEAST_MOTION = 0.12
LEAST_FLOW = 0.15
CELL_UNITS_PER_LEVEL, FLOW_UNITS = 256.0, 31.0
SOUND_WINDOW_HOPS, SOUND_REACH_HOPS, SOUND_NEAR_HOPS = 3, 150, 4


@dataclass(frozen=True, slots=True)
class Cues:
    """One value per frame, each float64 (N,), NaN where it cannot be had.

    jump, cell_jump: log2 of the change into the frame over the second greatest change near it, over the whole
    picture and in the liveliest cells; the second, because one I-frame may pulse nearby. overlay: what the
    single liveliest cell jumps more than the whole picture. motion: log2 of the break in the cells' velocity
    over what is left of it one frame later. detail: drop of the high-passed picture's correlation below its
    usual value. continuity: correlation of the flow before with the flow after, −1 to 1. sound: log2 of the
    step of the sound's band levels at this moment over the great steps near it.
    """

    jump: FloatArray
    cell_jump: FloatArray
    overlay: FloatArray
    motion: FloatArray
    detail: FloatArray
    continuity: FloatArray
    sound: FloatArray


def measure_cues(evidence: Evidence, spans: tuple[tuple[int, int], ...]) -> Cues:
    """Cues of every frame; NaN outside `spans`, near their ends, and where timestamps explain the jump."""
    series = evidence.features.frames
    values, count = series.values, len(series.times_s)
    if series.cells is None or series.velocities is None:
        return Cues(*(np.full(count, np.nan) for _ in range(7)))
    cells = series.cells
    lively = np.sort(cells, axis=1)[:, -LIVELY_CELLS:]
    change = tuple(
        row / CELL_UNITS_PER_LEVEL for row in (cells.mean(axis=1), lively.mean(axis=1), cells.max(axis=1))
    )
    usable = usable_frames(series.times_s, change[1], spans)
    # a jump between two still pictures is a slide show, or the one step of a scene at rest
    usable &= np.nan_to_num(_middle(change[1])) >= LEAST_MOTION
    jump, cell_jump, overlay, motion, detail = (np.full(count, np.nan) for _ in range(5))
    for a, b in spans:
        if b - a < LEAST_SHOT_FRAMES:
            continue
        part = slice(a, b)
        whole, busy, liveliest = (c[part] for c in change)
        jump[part], cell_jump[part] = _over_near(whole, 0.05, 2), _over_near(busy, 0.1, 2)
        overlay[part] = _over_near(liveliest, 0.1, 1) - _over_near(whole, 0.05, 1)
        motion[part] = _break_and_return(values["motion_break"][part], values["motion_return"][part])
        detail[part] = _detail(values["residual_correlation"][part])
    standing = np.nan_to_num(jump, nan=-1.0) > 0.5
    flow = flow_continuity(series.velocities, standing & usable)
    sound = sound_breaks(series.times_s, evidence.features.sounds, standing & usable)
    rows = (jump, cell_jump, overlay, motion, detail, flow, sound)
    return Cues(*(np.where(usable, cue, np.nan) for cue in rows))


def flow_continuity(velocities: TinyArray, asked: BoolArray) -> FloatArray:
    """Correlation of the mean flow before with that after each frame asked for; NaN for the others.

    A camera or an object that moves goes on moving as before where frames are missing; a jump cut to another
    moment of an interview does not. Flow of less than LEAST_FLOW in all counts as none.
    """
    found = np.full(len(velocities), np.nan)
    for i in np.flatnonzero(asked):
        before = velocities[max(0, i - EDGE_FRAMES) : i].astype(np.float64).mean(axis=0) / FLOW_UNITS
        after = velocities[i + 1 : i + 1 + EDGE_FRAMES].astype(np.float64).mean(axis=0) / FLOW_UNITS
        sizes = float(np.sqrt((before**2).sum() * (after**2).sum()))
        found[i] = float((before * after).sum()) / (sizes + LEAST_FLOW)
    return found


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


def sound_breaks(times_s: FloatArray, sounds: tuple[SoundSeries, ...], asked: BoolArray) -> FloatArray:
    """log2 of the greatest level step at each frame asked for over the 95% quantile within 1.5 seconds.

    A step is the mean absolute change of the band levels, dB, from 30 ms before to 30 ms after. NaN without
    sound. Only the first track is read.
    """
    breaks = np.full(len(times_s), np.nan)
    for sound in sounds[:1]:
        codes = sound.values.get("band_code")
        if codes is None or len(codes) < 4 * SOUND_WINDOW_HOPS:
            continue
        for i in np.flatnonzero(asked):
            at = int(np.searchsorted(sound.times_s, times_s[i]))
            first = max(0, at - SOUND_REACH_HOPS)
            steps = _level_steps(np.asarray(codes[first : at + SOUND_REACH_HOPS], dtype=np.float64))
            here = steps[max(0, at - first - SOUND_NEAR_HOPS) : at - first + SOUND_NEAR_HOPS]
            if len(steps) >= SOUND_REACH_HOPS // 2 and len(here):
                usual = float(np.quantile(steps, 0.95))
                breaks[i] = np.log2((float(here.max()) + 0.6) / (usual + 0.6))
    return breaks


def _level_steps(codes: FloatArray) -> FloatArray:
    """Mean absolute step of the levels about each hop, codes; shorter by a window on either side."""
    width = SOUND_WINDOW_HOPS
    if len(codes) < 2 * width + 1:
        return np.zeros(0)
    sums = np.cumsum(np.vstack([np.zeros((1, codes.shape[1])), codes]), axis=0)
    means = (sums[width:] - sums[:-width]) / width
    return np.asarray(np.abs(means[width:] - means[:-width]).mean(axis=1))


def _over_near(values: FloatArray, floor: float, rank: int) -> FloatArray:
    """log2 of each value over its neighbours' `rank`-th greatest."""
    ranked = [np.sort(np.nan_to_num(near), axis=1)[:, -rank] for near in _around_in_blocks(values)]
    near = np.concatenate([np.zeros(0), *ranked])
    return np.asarray(np.log2((values + floor) / (near + floor)))


def _detail(correlation: FloatArray) -> FloatArray:
    correlation = correlation.copy()
    correlation[:1] = np.nan
    usual = _middle(correlation)
    # motion of more than a grain per frame leaves no correlation that could drop
    return np.asarray(np.where(usual >= LEAST_CORRELATION, usual - correlation, np.nan))


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

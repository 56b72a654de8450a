"""What speaks for frames missing between two neighbours of one shot, cue by cue.

Per-frame series and sound series go in; one row of cues per frame comes out. Each cue compares
a frame with the frames around it, so that a lively or a noisy scene is its own yardstick; a motion that jumps
and returns at once is what removed frames leave (compare the gradients of residual and flow of Kingra,
Aggarwal & Singh 2017, Multimedia Tools and Applications 76).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Evidence, SoundSeries

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

REACH_FRAMES = 8
EDGE_FRAMES = 4
LEAST_SHOT_FRAMES = 14
LEAST_CORRELATION = 0.3
LEAST_MOTION = 0.12
SOUND_REACH_S = 1.0
SOUND_WINDOW_S = (-0.03, 0.05)


@dataclass(frozen=True, slots=True)
class Cues:
    """One value per frame, each float64 (N,), NaN where it cannot be had.

    jump, cell_jump: log2 of the change into the frame over the greatest change near it, over the whole
    picture and in the liveliest cell. motion: log2 of the break in the cells' velocity over what is left
    of it one frame later. detail: drop of the high-passed picture's correlation below its usual value.
    sound: log2 of the click at
    this moment over the loud clicks near it.
    """

    jump: FloatArray
    cell_jump: FloatArray
    motion: FloatArray
    detail: FloatArray
    sound: FloatArray


def measure_cues(evidence: Evidence, spans: tuple[tuple[int, int], ...]) -> Cues:
    """Cues of every frame; NaN outside `spans`, near their ends, and where timestamps explain the jump."""
    series = evidence.features.frames
    values, count = series.values, len(series.times_s)
    usable = usable_frames(series.times_s, values["difference"], spans)
    # a jump between two still pictures is a slide show, or the one step of a scene at rest
    usable &= np.nan_to_num(_middle(values["difference_max"])) >= LEAST_MOTION
    blank = np.full(count, np.nan)
    jump, cell_jump, motion, detail = blank.copy(), blank.copy(), blank.copy(), blank.copy()
    for a, b in spans:
        if b - a < LEAST_SHOT_FRAMES:
            continue
        part = slice(a, b)
        jump[part] = _over_greatest(values["difference"][part], 0.05)
        cell_jump[part] = _over_greatest(values["difference_max"][part], 0.1)
        motion[part] = _break_and_return(values["motion_break"][part], values["motion_return"][part])
        correlation = values["residual_correlation"][part].copy()
        correlation[:1] = np.nan
        usual = _middle(correlation)
        # motion of more than a grain per frame leaves no correlation that could drop
        detail[part] = np.where(usual >= LEAST_CORRELATION, usual - correlation, np.nan)
    sound = sound_breaks(series.times_s, evidence.features.sounds, np.nan_to_num(jump, nan=-1.0) > 0)
    rows = (np.where(usable, cue, np.nan) for cue in (jump, cell_jump, motion, detail, sound))
    return Cues(*rows)


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
    padded = np.pad(values, REACH_FRAMES, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH_FRAMES + 1)
    return np.delete(windows, REACH_FRAMES, axis=1)


def sound_breaks(
    times_s: FloatArray, sounds: tuple[SoundSeries, ...], asked: BoolArray | None = None
) -> FloatArray:
    """log2 of the greatest click at each frame asked for over the 98% quantile within a second.

    NaN without sound. Only the first track is read.
    """
    which = range(len(times_s)) if asked is None else np.flatnonzero(asked)
    breaks = np.full(len(times_s), np.nan)
    for sound in sounds[:1]:
        click = np.asarray(sound.values.get("click", ()), dtype=np.float64)
        if len(click) != len(sound.times_s) or len(click) < 2:
            continue
        for i in which:
            time_s = times_s[i]
            near = _window(sound.times_s, click, time_s - SOUND_REACH_S, time_s + SOUND_REACH_S)
            here = _window(sound.times_s, click, time_s + SOUND_WINDOW_S[0], time_s + SOUND_WINDOW_S[1])
            if len(here) and len(near) >= 50 and np.isfinite(here).any():
                usual = float(np.nanquantile(near, 0.98))
                breaks[i] = np.log2((float(np.nanmax(here)) + 1e-6) / (usual + 1e-6))
    return breaks


def _window(times_s: FloatArray, values: FloatArray, start_s: float, end_s: float) -> FloatArray:
    a, b = np.searchsorted(times_s, (start_s, end_s))
    return values[a:b]


def _over_greatest(values: FloatArray, floor: float) -> FloatArray:
    greatest = np.max(np.nan_to_num(around(values)), axis=1, initial=0.0)
    return np.asarray(np.log2((values + floor) / (greatest + floor)))


def _break_and_return(broken: FloatArray, returned: FloatArray) -> FloatArray:
    both = np.minimum(broken, np.append(broken[1:], np.nan))
    left = np.append(returned[1:], np.nan)
    return np.asarray(np.log2((both + 0.02) / (left + 0.02)))


def _middle(values: FloatArray) -> FloatArray:
    """Median of each value's known neighbours; NaN where it has none."""
    near = np.sort(around(values), axis=1)  # NaN sorts last
    known = np.isfinite(near).sum(axis=1)
    rows = np.arange(len(values))
    middle = 0.5 * (near[rows, np.maximum(known - 1, 0) // 2] + near[rows, known // 2 % near.shape[1]])
    return np.asarray(np.where(known > 0, middle, np.nan))

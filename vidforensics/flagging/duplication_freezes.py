"""Frozen stretches inside a moving recording: runs of frames that hardly change between frames that do.

Change per cell and frame goes in, candidate freezes come out. A freeze is judged against the motion just
before and just after it, and against the stillest other stretch of its length nearby: re-encoding leaves a
repeated frame a small change of its own (so "difference = 0" misses it), a scene at rest has no motion to be
frozen, and a speaker who pauses, a low frame rate padded by repeats, or a stutter, pauses more than once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import runs_of

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, CodeArray16, FloatArray

CELL_UNITS_PER_LEVEL = 256.0
FLANK_FRAMES = 6
LIVELY_CELLS = 4
LIVELY_FLOOR, PICTURE_FLOOR = 0.015, 0.003
"""Change, in luma levels, that re-encoding alone leaves in the liveliest cells and in the whole picture."""
STILL_SHARE, STILL_LEVEL = 0.4, 0.05
LEVEL_FRAMES = 81
NEIGHBOURHOOD_FRAMES = 150
LONGEST_WINDOW = 25
LEAST_WINDOWS = 20
MAX_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True)
class Freeze:
    """Frames [first, last) repeat frame first − 1; both measures are the weaker one of the two series.

    contrast: log2 of the motion on either side over the change inside. unlike: log2 of the change in the
    stillest other stretch of this length nearby over the change inside; NaN where there is none.
    """

    first: int
    last: int
    contrast: float
    unlike: float


def find_freezes(cells: CodeArray16, span: tuple[int, int], least_frames: int) -> list[Freeze]:
    """Candidate freezes of one recording.

    Args:
        cells: uint16 (N, K), change of each cell to the frame before, 1/256 luma level.
        span: index range of the recording.
        least_frames: shorter runs are left out.

    Returns:
        Candidates in order, their flanks inside the recording; [] for one too short to have any.
    """
    first, last = span[0] + 1, span[1]  # the first frame of a recording has no neighbour in it
    if last - first < least_frames + 2 * FLANK_FRAMES:
        return []
    part = cells[first:last]
    lively = np.sort(part, axis=1)[:, -LIVELY_CELLS:].mean(axis=1) / CELL_UNITS_PER_LEVEL
    series = ((lively, LIVELY_FLOOR), (part.mean(axis=1) / CELL_UNITS_PER_LEVEL, PICTURE_FLOOR))
    found = []
    for a, b in runs_of(_still(lively)):
        if b - a < least_frames or a < FLANK_FRAMES or b + FLANK_FRAMES > len(part):
            continue
        contrast = min(_contrast(change, a, b, floor) for change, floor in series)
        unlike = min(_unlike(change, a, b, floor) for change, floor in series)
        found.append(Freeze(first + a, first + b, contrast, unlike))
        if len(found) == MAX_CANDIDATES:
            break
    return found


def _still(lively: FloatArray) -> BoolArray:
    """Frames that change far less than is usual around them; a single pulse of coding noise is bridged."""
    from scipy.ndimage import median_filter

    usual = median_filter(lively, size=LEVEL_FRAMES, mode="nearest")
    still: BoolArray = lively < np.maximum(STILL_LEVEL, STILL_SHARE * usual)
    still[1:-1] |= still[:-2] & still[2:]
    return still


def _contrast(change: FloatArray, a: int, b: int, floor: float) -> float:
    """log2 of the weaker flank's median over the change inside."""
    before, after = change[a - FLANK_FRAMES : a], change[b : b + FLANK_FRAMES]
    flank = float(min(np.median(before), np.median(after)))
    return float(np.log2((flank + 1e-3) / (_inside(change[a:b]) + floor)))


def _inside(change: FloatArray) -> float:
    return float(np.quantile(change, 0.75))


def _unlike(change: FloatArray, a: int, b: int, floor: float) -> float:
    """log2 of the stillest other stretch of this length, up to LONGEST_WINDOW, over the change inside."""
    width = min(b - a, LONGEST_WINDOW)
    sides = (
        change[max(0, a - NEIGHBOURHOOD_FRAMES) : a - 1],
        change[b + 1 : b + 1 + NEIGHBOURHOOD_FRAMES],
    )
    views = [np.lib.stride_tricks.sliding_window_view(s, width) for s in sides if len(s) >= width]
    if sum(map(len, views)) < LEAST_WINDOWS:
        return float("nan")
    stillest = min(float(np.quantile(view, 0.75, axis=1).min()) for view in views)
    return float(np.log2((stillest + 1e-3) / (_inside(change[a:b]) + floor)))

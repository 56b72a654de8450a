"""Frozen stretches inside a moving shot: runs of frames that hardly change between frames that do.

Per-frame change goes in, candidate freezes come out. A freeze is judged against the motion just before
and just after it in the same shot, because re-encoding leaves a repeated frame a small change of its own
(so "difference = 0" misses it) and a scene at rest has no motion to be frozen. Regular patterns of still
frames (pulldown, low frame rates padded by repeats, stuttering recorders) count against a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import runs_of

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

FLANK_FRAMES = 4
CELL_FLOOR, PICTURE_FLOOR = 0.04, 0.015
"""Change, in luma levels, that re-encoding alone leaves in one cell and in the whole reduced picture."""
STILL_SHARE = 0.3
NEIGHBOURHOOD_FRAMES = 150


@dataclass(frozen=True, slots=True)
class Freeze:
    """Frames [first, last) repeat frame first − 1.

    contrast: log2 of the motion around over the change inside. rivals: other still runs of like length near
    it, which speak for a pattern.
    """

    first: int
    last: int
    contrast: float
    rivals: int


def find_freezes(
    cell: FloatArray, picture: FloatArray, span: tuple[int, int], least_frames: int
) -> list[Freeze]:
    """Candidate freezes of one shot.

    Args:
        cell: float64 (N,), change to the frame before where it is greatest, luma levels; NaN unknown.
        picture: float64 (N,), the same as a mean over the whole picture.
        span: index range of the shot.
        least_frames: shorter runs are left out (they still count as rivals).

    Returns:
        Candidates in order, their flanks inside the shot; [] for a shot too short to have any.
    """
    first, last = span[0] + 1, span[1]  # the first frame of a shot has no neighbour in it
    if last - first < least_frames + 2 * FLANK_FRAMES:
        return []
    cell, picture = cell[first:last], picture[first:last]
    runs = runs_of(_still(cell))
    found = []
    for a, b in runs:
        if b - a < least_frames or a < FLANK_FRAMES or b + FLANK_FRAMES > len(cell):
            continue
        contrast = min(_contrast(cell, a, b, CELL_FLOOR), _contrast(picture, a, b, PICTURE_FLOOR))
        found.append(Freeze(first + a, first + b, contrast, _rivals(runs, a, b)))
    return found


def _still(change: FloatArray) -> BoolArray:
    """Frames that change far less than the livelier frames around them."""
    padded = np.nan_to_num(change, nan=np.inf)
    lively = np.full(len(padded), np.inf)
    for shift in (-1, 1):
        lively = np.minimum(lively, _one_sided(padded, shift))
    still: BoolArray = padded < np.maximum(CELL_FLOOR, STILL_SHARE * lively)
    return still


def _one_sided(change: FloatArray, direction: int) -> FloatArray:
    """The last change on one side that was seen before the frames fell still, median of a flank."""
    from scipy.ndimage import median_filter

    smooth = median_filter(
        change, size=FLANK_FRAMES, origin=(FLANK_FRAMES // 2 - 1) * -direction, mode="nearest"
    )
    ordered = smooth if direction < 0 else smooth[::-1]
    held = np.empty_like(ordered)
    level = ordered[0]
    decay = 0.97  # a long rest forgets the motion before it within about three seconds
    for i, value in enumerate(ordered):
        level = max(value, level * decay)
        held[i] = level
    one_sided: FloatArray = held if direction < 0 else held[::-1]
    return one_sided


def _contrast(change: FloatArray, a: int, b: int, floor: float) -> float:
    """log2 of the weaker flank over the upper quartile inside.

    A flank counts by its median or by the frame at the edge, whichever moves less: what is stopped by hand
    stops between two frames, what comes to rest by itself slows down.
    """
    before, after = change[a - FLANK_FRAMES : a], change[b : b + FLANK_FRAMES]
    flank = np.nan_to_num([np.median(before), np.median(after), before[-1], after[0]]).min()
    inside = np.quantile(np.nan_to_num(change[a:b]), 0.75) + floor
    return float(np.log2(max(float(flank), 1e-6) / inside))


def _rivals(runs: list[tuple[int, int]], a: int, b: int) -> int:
    """Other still runs in the neighbourhood that are at least half as long."""
    near = [
        (x, y)
        for x, y in runs
        if (x, y) != (a, b) and y > a - NEIGHBOURHOOD_FRAMES and x < b + NEIGHBOURHOOD_FRAMES
    ]
    return sum(1 for x, y in near if 2 * (y - x) >= b - a)

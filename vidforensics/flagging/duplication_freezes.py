"""Frozen stretches inside a moving recording: runs of frames that hardly change between frames that do.

Change per cell and frame and coded sizes go in, candidate freezes come out. A freeze is judged against the
motion just before and just after it, and against the stillest other stretch of its length nearby, and by what
it cost the encoder: re-encoding leaves a repeated frame a small change of its own (so "difference = 0" misses
it), a scene at rest has no motion to be frozen, and a speaker who pauses, a low frame rate padded by repeats,
or a stutter, pauses more than once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import runs_of
from vidforensics.flagging.duplication_coded import cost

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, CodeArray16, FloatArray

CELL_UNITS_PER_LEVEL = 256.0
FLANK_FRAMES, EDGE_FRAMES = 6, 2
LIVELY_CELLS = 4
LIVELY_FLOOR, PICTURE_FLOOR = 0.015, 0.003
"""Change, in luma levels, that re-encoding alone leaves in the liveliest cells and in the whole picture."""
STILL_SHARE, STILL_LEVEL = 0.4, 0.05
LEVEL_FRAMES = 81
NEIGHBOURHOOD_FRAMES = 150
LONGEST_WINDOW = 25
LEAST_WINDOWS = 20
CHEAP_QUANTILE = 0.1
MAX_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True)
class Freeze:
    """Frames [first, last) repeat frame first − 1; measures of change are the weaker one of the two series.

    contrast: log2 of the motion on either side over the change inside. unlike: log2 of the change in the
    stillest other stretch of this length nearby over the change inside; NaN where there is none. edge: as
    contrast, of the two frames next to the run. ramp: log2 of the change at the quieter end of the run over
    the usual change inside: a rest comes and goes gradually, a freeze at once. cheap: log2 of what other
    stretches of this length cost the encoder over what this one did; 0 where unknown. flank: log2 of the
    motion on either side over what is usual in the recording.
    """

    first: int
    last: int
    contrast: float
    unlike: float
    edge: float
    ramp: float
    cheap: float
    flank: float


def find_freezes(
    cells: CodeArray16, sizes: FloatArray, span: tuple[int, int], least_frames: int
) -> list[Freeze]:
    """Candidate freezes of one recording.

    Args:
        cells: uint16 (N, K), change of each cell to the frame before, 1/256 luma level.
        sizes: float64 (N,), log2 of the coded bytes of each frame, NaN unknown.
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
        found.append(_measured(series, sizes[first:last], first, (a, b)))
        if len(found) == MAX_CANDIDATES:
            break
    return found


def _measured(
    series: tuple[tuple[FloatArray, float], ...], sizes: FloatArray, first: int, run: tuple[int, int]
) -> Freeze:
    """The measures of a run; it and `sizes` count from frame `first`."""
    a, b = run
    lively = series[0][0]
    return Freeze(
        first + a,
        first + b,
        contrast=min(_contrast(change, a, b, floor, _flank(change, a, b)) for change, floor in series),
        unlike=min(_unlike(change, a, b, floor) for change, floor in series),
        edge=min(_contrast(change, a, b, floor, _next_to(change, a, b)) for change, floor in series),
        ramp=_ramp(lively[a:b]),
        cheap=_cheap(sizes, a, b),
        flank=float(np.log2((_flank(lively, a, b) + 1e-3) / (np.median(lively) + LIVELY_FLOOR))),
    )


def _still(lively: FloatArray) -> BoolArray:
    """Frames that change far less than is usual around them; a single pulse of coding noise is bridged."""
    from scipy.ndimage import median_filter

    usual = median_filter(lively, size=LEVEL_FRAMES, mode="nearest")
    still: BoolArray = lively < np.maximum(STILL_LEVEL, STILL_SHARE * usual)
    still[1:-1] |= still[:-2] & still[2:]
    return still


def _flank(change: FloatArray, a: int, b: int) -> float:
    """The weaker flank's median."""
    return float(min(np.median(change[a - FLANK_FRAMES : a]), np.median(change[b : b + FLANK_FRAMES])))


def _next_to(change: FloatArray, a: int, b: int) -> float:
    """The weaker of the greatest changes of EDGE_FRAMES on either side."""
    return float(min(change[a - EDGE_FRAMES : a].max(), change[b : b + EDGE_FRAMES].max()))


def _contrast(change: FloatArray, a: int, b: int, floor: float, beside: float) -> float:
    """log2 of the change beside a run over the change inside."""
    return float(np.log2((beside + 1e-3) / (_inside(change[a:b]) + floor)))


def _ramp(inside: FloatArray) -> float:
    """log2 of the change at the quieter end over the usual change inside."""
    quieter = min(inside[0], inside[-1])
    return float(np.log2((quieter + LIVELY_FLOOR) / (np.median(inside) + LIVELY_FLOOR)))


def _inside(change: FloatArray) -> float:
    return float(np.quantile(change, 0.75))


def _unlike(change: FloatArray, a: int, b: int, floor: float) -> float:
    """log2 of the stillest other stretch of this length, up to LONGEST_WINDOW, over the change inside."""
    others = [np.quantile(stretches, 0.75, axis=1) for stretches in _others(change, a, b)]
    if sum(map(len, others)) < LEAST_WINDOWS:
        return float("nan")
    stillest = float(np.concatenate(others).min())
    return float(np.log2((stillest + 1e-3) / (_inside(change[a:b]) + floor)))


def _cheap(sizes: FloatArray, a: int, b: int) -> float:
    """log2 of what the cheaper of the other stretches of this length cost over what this one did."""
    others = [cost(stretches) for stretches in _others(sizes, a, b)]
    if sum(map(len, others)) < LEAST_WINDOWS:
        return 0.0
    width = min(b - a, LONGEST_WINDOW)
    here = cost(np.lib.stride_tricks.sliding_window_view(sizes[a:b], width)).min()
    cheaper = float(np.quantile(np.concatenate(others), CHEAP_QUANTILE) - here)
    return cheaper if np.isfinite(cheaper) else 0.0


def _others(series: FloatArray, a: int, b: int) -> list[FloatArray]:
    """Stretches of this length, up to LONGEST_WINDOW, on either side, as rows."""
    width = min(b - a, LONGEST_WINDOW)
    sides = (
        series[max(0, a - NEIGHBOURHOOD_FRAMES) : a - 1],
        series[b + 1 : b + 1 + NEIGHBOURHOOD_FRAMES],
    )
    return [np.lib.stride_tricks.sliding_window_view(s, width) for s in sides if len(s) >= width]

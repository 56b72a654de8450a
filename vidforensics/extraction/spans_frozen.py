"""Frozen stretches, told by neighbours: a picture that was held and then encoded again.

Takes FrameBlocks; gives start and end of each stretch. Encoders skip a held picture, so most of its frames
do not change at all, but fresh I-frames and their refinement do change it a little: those are bridged.
Frames of a quiet live scene may stand still too, so a stretch counts only if that many still frames in a row
would be a rare accident (1 in a million) at the share of still frames in the seconds around it.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidforensics.types import FrameBlock

STILL = 1
REFRESHED = 12
CELLS = (20, 12)
DRIFT_EVERY = 8
MAX_GAP_S = 0.25
BRIDGE_S = 0.25
AROUND_S = 5.0
MAX_LOG_ACCIDENT = math.log(1e-6)
LEAST_SHARE = 0.02


class FreezeFollower:
    """Keeps one small number per frame and finds the stretches at the end."""

    def __init__(self) -> None:
        self._previous: NDArray[np.uint8] | None = None
        self._anchor: NDArray[np.uint8] | None = None
        self._since_drift = 0
        self._times_s = array("d")
        self._changes = bytearray()

    def update(self, block: FrameBlock, empty: NDArray[np.bool_]) -> None:
        """Take the next frames; `empty` marks those that are black or blank anyway, bool (N,)."""
        luma = block.luma
        previous = luma[:1] if self._previous is None else self._previous
        changes = largest_change(luma, np.concatenate((previous, luma[:-1])))
        if self._previous is None:
            changes[0] = 255
        for index, change in enumerate(changes.tolist()):
            self._changes.append(255 if empty[index] else self._checked(luma[index], change))
        self._previous = luma[-1:].copy()
        self._times_s.extend(block.pts_s.tolist())

    def finish(self, min_span_s: float) -> list[tuple[float, float]]:
        """Start and end of every frozen stretch of at least `min_span_s`."""
        times_s, changes = np.array(self._times_s), np.frombuffer(bytes(self._changes), np.uint8)
        runs = [run for run in _stretches(times_s, changes, min_span_s) if _is_rare(times_s, changes, run)]
        return [(float(times_s[first - 1]), _end_s(times_s, last)) for first, last in runs]

    def _checked(self, luma: NDArray[np.uint8], change: int) -> int:
        """The change of a frame, or 255 where it left the picture that its stretch began with."""
        self._since_drift += 1
        if change < REFRESHED and self._anchor is not None:
            if change < STILL and self._since_drift < DRIFT_EVERY:
                return change
            self._since_drift = 0
            if largest_change(luma[np.newaxis], self._anchor[np.newaxis])[0] < REFRESHED:
                return change
        self._anchor, self._since_drift = luma.copy(), 0
        return 255


def largest_change(luma: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rounded mean absolute difference in the cell of the picture that changed most, uint8 (N,).

    Args:
        luma: uint8 (N, h, w).
        other: uint8 (N, h, w), what to compare each with.
    """
    count, _, width = luma.shape
    difference: NDArray[Any] = cv2.absdiff(luma.reshape(-1, width), other.reshape(-1, width))
    for _ in range(2):
        # all frames at once, as one tall picture of an even number of lines per frame
        rows, columns = len(difference) // count // 2 * 2, difference.shape[1] // 2 * 2
        stacked = difference.reshape(count, -1, difference.shape[1])[:, :rows, :columns]
        size = (columns // 2, count * rows // 2)
        difference = cv2.resize(stacked.reshape(-1, columns), size, interpolation=cv2.INTER_LINEAR)
    small = difference.reshape(count, -1, difference.shape[1])
    return np.array([cv2.resize(f, CELLS, interpolation=cv2.INTER_AREA).max() for f in small], np.uint8)


def _stretches(
    times_s: NDArray[np.float64], changes: NDArray[np.uint8], min_span_s: float
) -> list[tuple[int, int]]:
    """First and last still frame of each stretch that is long enough, bridged and with its fringes."""
    runs = _still_runs(changes)
    long_runs = [run for run in runs if times_s[run[1]] - times_s[run[0] - 1] >= BRIDGE_S]
    stretches = []
    for first, last in _bridged(long_runs, times_s, changes):
        grown = _grown((first, last), runs, times_s, changes)
        if _end_s(times_s, last) - times_s[first - 1] >= min_span_s - 1e-9:
            stretches.append(grown)
    return stretches


def _still_runs(changes: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """First and last frame of every run of at least two still frames."""
    edges = np.diff(np.concatenate(([0], (changes < STILL).astype(np.int8), [0])))
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return [(int(f), int(e)) for f, e in zip(firsts, lasts, strict=True) if e > f and f > 0]


def _joins(
    left: tuple[int, int], right: tuple[int, int], times_s: NDArray[np.float64], changes: NDArray[np.uint8]
) -> bool:
    """Whether what lies between two runs is no more than a refreshed picture."""
    between = changes[left[1] + 1 : right[0]]
    is_short = times_s[right[0]] - times_s[left[1]] <= MAX_GAP_S
    return bool(is_short and (between < REFRESHED).all())


def _bridged(
    runs: list[tuple[int, int]], times_s: NDArray[np.float64], changes: NDArray[np.uint8]
) -> list[tuple[int, int]]:
    """Runs joined across refreshed pictures."""
    joined: list[tuple[int, int]] = []
    for run in runs:
        if joined and _joins(joined[-1], run, times_s, changes):
            joined[-1] = (joined[-1][0], run[1])
        else:
            joined.append(run)
    return joined


def _grown(
    core: tuple[int, int],
    runs: list[tuple[int, int]],
    times_s: NDArray[np.float64],
    changes: NDArray[np.uint8],
) -> tuple[int, int]:
    """A stretch with the shorter runs at its ends, which refreshes cut off."""
    for run in [run for run in runs if run[0] > core[1]]:
        if not _joins(core, run, times_s, changes):
            break
        core = (core[0], run[1])
    for run in [run for run in reversed(runs) if run[1] < core[0]]:
        if not _joins(run, core, times_s, changes):
            break
        core = (run[0], core[1])
    return core


def _is_rare(times_s: NDArray[np.float64], changes: NDArray[np.uint8], run: tuple[int, int]) -> bool:
    """Whether so many still frames in a row are a 1 in a million accident beside their neighbours."""
    first, last = run
    near = np.abs(times_s - np.clip(times_s, times_s[first], times_s[last])) <= AROUND_S
    near[first : last + 1] = False
    share = float((changes[near] < STILL).mean()) if near.any() else 0.0
    length = int((changes[first : last + 1] < STILL).sum())
    return length * math.log(min(1.0, max(LEAST_SHARE, share))) < MAX_LOG_ACCIDENT


def _end_s(times_s: NDArray[np.float64], last: int) -> float:
    """When the frame after the stretch is shown; after the last, one more interval like the one before."""
    if last + 1 < len(times_s):
        return float(times_s[last + 1])
    return float(2.0 * times_s[last] - times_s[last - 1])

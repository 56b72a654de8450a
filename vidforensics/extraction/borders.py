"""Bars around the picture: letterbox, pillarbox and both, per stretch of the clip.

Takes FrameBlocks; gives Borders with the active picture as fractions. A side counts as a bar where its
outermost lines keep one level and end in a straight step across most of the picture; where a dark scene
hides the step, the side is left open and takes the answer of the blocks around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Border, BorderKind, FrameBlock

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLED_FRAMES = 6
TOLERANCE = 10
STEP = 14
BLACK_LEVEL = 40
# captions may cover part of a bar's lines, and some of its lines
LINE_SHARE = 0.6
BAR_SHARE = 0.5
STEP_SHARE = 0.5
LONE_STEP_SHARE = 0.95
PAIR_SLACK = 0.2
PICTURE_LINES = 3
LARGEST_SHARE = 0.45
SMALLEST_LINES = 3
MIN_STRETCH_S = 1.0
SAME_LINES = 2
OPEN = -1


@dataclass(frozen=True, slots=True)
class _Bar:
    """A side's bar in analysis lines: 0 none, OPEN where it cannot be told."""

    lines: int
    level: float = 0.0
    step_share: float = 1.0

    @property
    def is_black(self) -> bool:
        return self.level <= BLACK_LEVEL


class BorderAccumulator:
    """Measures the bars of each block and settles them over time at the end."""

    def __init__(self) -> None:
        self._times_s: list[tuple[float, float]] = []
        self._bars: list[tuple[int, int, int, int]] = []
        self._size = (1, 1)

    def update(self, block: FrameBlock) -> None:
        """Take the next frames."""
        chosen = np.unique(np.linspace(0, len(block.luma) - 1, SAMPLED_FRAMES).astype(int))
        frames = block.luma[chosen]
        self._size = frames.shape[1:]
        self._bars.append(_bars(frames.max(axis=0), frames.min(axis=0)))
        self._times_s.append((float(block.pts_s[0]), float(block.pts_s[-1])))

    def finish(self) -> tuple[Border, ...]:
        """The stretches with bars in the order of their starts; empty if there are none."""
        if not self._bars:
            return ()
        settled = np.stack([_settled(side) for side in np.array(self._bars).T], axis=1)
        starts = [0, *(np.flatnonzero((settled[1:] != settled[:-1]).any(axis=1)) + 1).tolist()]
        ends = [*starts[1:], len(settled)]
        return tuple(
            self._border(settled[start], start, end)
            for start, end in zip(starts, ends, strict=True)
            if settled[start].any() and self._lasts(start, end)
        )

    def _end_s(self, end: int) -> float:
        return self._times_s[end][0] if end < len(self._times_s) else self._times_s[-1][1]

    def _lasts(self, start: int, end: int) -> bool:
        whole = start == 0 and end == len(self._bars)
        return whole or self._end_s(end) - self._times_s[start][0] >= MIN_STRETCH_S

    def _border(self, bars: NDArray[np.int64], start: int, end: int) -> Border:
        top, bottom, left, right = bars.tolist()
        height, width = self._size
        tall, wide = top or bottom, left or right
        kind: BorderKind = "windowbox" if tall and wide else "letterbox" if tall else "pillarbox"
        box = (
            left / width,
            top / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        )
        return Border(self._times_s[start][0], self._end_s(end), kind, box)


def _bars(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Lines of bar at the top, bottom, left and right of the brightest and darkest of some frames."""
    top, bottom = _bar(high, low), _bar(high[::-1], low[::-1])
    top, bottom = _paired(top, bottom)
    # side bars are measured beside the picture only, so that a windowbox's corners do not dilute them
    rows = slice(max(0, top.lines), high.shape[0] - max(0, bottom.lines))
    high, low = high[rows].T, low[rows].T
    left, right = _paired(_bar(high, low), _bar(high[::-1], low[::-1]))
    return top.lines, bottom.lines, left.lines, right.lines


def _bar(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> _Bar:
    """The bar that begins at line 0, or none, or OPEN."""
    largest = int(len(high) * LARGEST_SHARE)
    high, low = high[: largest + 1].astype(np.int16), low[: largest + 1].astype(np.int16)
    level = float(np.median(high[:SMALLEST_LINES]))
    at_level = (np.abs(high - level) <= TOLERANCE) & (high - low <= TOLERANCE)
    flat_line = at_level.mean(axis=1) >= LINE_SHARE
    if not flat_line[:SMALLEST_LINES].all():
        return _Bar(0)
    off_level = np.abs(high - level) >= STEP
    # the picture goes on behind the step; a drawn line or a title falls back to the level
    goes_on = np.concatenate((off_level[PICTURE_LINES:], np.repeat(off_level[-1:], PICTURE_LINES, axis=0)))
    step_share = ((off_level & goes_on)[1:] & at_level[:-1]).mean(axis=1)
    flat_so_far = np.cumsum(flat_line)[:-1] / np.arange(1, len(flat_line))
    allowed = flat_line[:-1] & (flat_so_far >= BAR_SHARE)
    allowed[: SMALLEST_LINES - 1] = False
    step_share = np.where(allowed, step_share, 0.0)
    best = int(step_share.argmax())
    share = float(step_share[best])
    return _Bar(best + 1, level, share) if share >= STEP_SHARE else _Bar(OPEN, level)


def _paired(first: _Bar, second: _Bar) -> tuple[_Bar, _Bar]:
    """Bars come in pairs of one size and colour; one alone must be black and its step nearly whole.

    Drawn backgrounds have straight edges too, but seldom the same on both sides.
    """
    slack = max(SAME_LINES, PAIR_SLACK * max(first.lines, second.lines))
    alike = abs(first.lines - second.lines) <= slack and abs(first.level - second.level) <= TOLERANCE
    if first.lines > 0 and second.lines > 0 and alike:
        return first, second
    return _alone(first), _alone(second)


def _alone(bar: _Bar) -> _Bar:
    if bar.lines > 0:
        return bar if bar.is_black and bar.step_share >= LONE_STEP_SHARE else _Bar(0)
    return bar if bar.is_black else _Bar(0)


def _settled(lines: NDArray[np.int64]) -> NDArray[np.int64]:
    """One side over time: open blocks filled from before, else from after; wavering values made equal."""
    known = np.flatnonzero(lines != OPEN)
    if len(known) == 0:
        return np.zeros_like(lines)
    before = known[np.maximum(np.searchsorted(known, np.arange(len(lines)), "right") - 1, 0)]
    filled = _without_flicker(lines[before])
    settled = filled.copy()
    start = 0
    for index in range(1, len(filled) + 1):
        if index == len(filled) or abs(filled[index] - filled[start]) > SAME_LINES:
            settled[start:index] = int(np.median(filled[start:index]))
            start = index
    return settled


def _without_flicker(lines: NDArray[np.int64]) -> NDArray[np.int64]:
    """Median over three blocks, so that one odd block does not break a stretch."""
    if len(lines) < 3:
        return lines
    padded = np.concatenate((lines[:1], lines, lines[-1:]))
    triples = np.lib.stride_tricks.sliding_window_view(padded, 3)
    return np.sort(triples, axis=1)[:, 1]

"""Stretches of the picture that carry nothing: black, blank (one colour) and frozen.

Takes FrameBlocks; gives Spans of at least half a second. A frozen picture that was encoded again is not
repeated bit by bit, so freezing is read from how still a frame is beside the frames around the stretch and
beside the first frame of the stretch, and one frame of coding noise (a fresh I-frame) does not end it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vidforensics.types import FrameBlock, Span, SpanKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_SPAN_S = 0.5
# the darkest tenth of the range over 98% of the picture, as is customary for finding black frames
BLACK_LEVEL = 26
BLACK_SHARE = 0.98
BLANK_SPREAD = 4.0
# a cheap look at few samples spares most frames the exact one
COARSE_SPREAD = 40
STILL = 1.0
REFRESHED = 4.0
CELLS = (20, 12)


@dataclass(slots=True)
class _OpenSpan:
    start_s: float
    last_s: float
    frames: int = 1


class PictureSpanAccumulator:
    """Follows each kind of empty stretch from frame to frame."""

    def __init__(self) -> None:
        self._open: dict[SpanKind, _OpenSpan] = {}
        self._found: list[Span] = []
        self._freeze = _FreezeFollower()
        self._last_s: float | None = None

    def update(self, block: FrameBlock) -> None:
        """Take the next frames."""
        black, blank = _empty_frames(block)
        frozen = self._freeze.flags(block.luma)
        for index, time_s in enumerate(block.pts_s.tolist()):
            self._step("black", bool(black[index]), time_s)
            self._step("blank", bool(blank[index]), time_s)
            self._step("frozen", bool(frozen[index]) and not black[index] and not blank[index], time_s)
            self._last_s = time_s

    def finish(self) -> tuple[Span, ...]:
        """The stretches in the order of their starts; empty if no frame came."""
        for kind in list(self._open):
            self._close(kind, None)
        return tuple(sorted(self._found, key=lambda span: (span.start_s, span.kind)))

    def _step(self, kind: SpanKind, holds: bool, time_s: float) -> None:
        span = self._open.get(kind)
        if not holds:
            if span is not None:
                self._close(kind, time_s)
        elif span is None:
            # a still frame repeats the one before it, so the stretch begins there
            start_s = self._last_s if kind == "frozen" and self._last_s is not None else time_s
            self._open[kind] = _OpenSpan(start_s, time_s)
        else:
            span.last_s = time_s
            span.frames += 1

    def _close(self, kind: SpanKind, end_s: float | None) -> None:
        span = self._open.pop(kind)
        if end_s is None:
            mean_s = (span.last_s - span.start_s) / max(1, span.frames)
            end_s = span.last_s + mean_s
        if end_s - span.start_s >= MIN_SPAN_S:
            self._found.append(Span(span.start_s, end_s, kind))


class _FreezeFollower:
    """Tells for each frame whether it repeats the frame before it."""

    def __init__(self) -> None:
        self._previous: NDArray[np.uint8] | None = None
        self._anchor: NDArray[np.uint8] | None = None

    def flags(self, luma: NDArray[np.uint8]) -> list[bool]:
        previous = luma[:1] if self._previous is None else self._previous
        change = _largest_change(luma, np.concatenate((previous, luma[:-1])))
        if self._previous is None:
            change[0] = np.inf
        frozen = [self._is_still(luma[i], float(change[i])) for i in range(len(luma))]
        self._previous = luma[-1:].copy()
        return frozen

    def _is_still(self, luma: NDArray[np.uint8], change: float) -> bool:
        if self._anchor is not None and change < REFRESHED:
            drift = float(_largest_change(luma[np.newaxis], self._anchor[np.newaxis])[0])
            if change < STILL and drift < REFRESHED:
                return True
        self._anchor = luma.copy()
        return False


def _largest_change(luma: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean absolute difference in the cell of the picture that changed most, (N,)."""
    count, _, width = luma.shape
    difference: NDArray[Any] = cv2.absdiff(luma.reshape(-1, width), other.reshape(-1, width))
    for _ in range(2):
        # all frames at once, as one tall picture of an even number of lines per frame
        rows, columns = len(difference) // count // 2 * 2, difference.shape[1] // 2 * 2
        stacked = difference.reshape(count, -1, difference.shape[1])[:, :rows, :columns]
        size = (columns // 2, count * rows // 2)
        difference = cv2.resize(stacked.reshape(-1, columns), size, interpolation=cv2.INTER_LINEAR)
    small = difference.reshape(count, -1, difference.shape[1])
    return np.array(
        [cv2.resize(frame, CELLS, interpolation=cv2.INTER_AREA).max() for frame in small], np.float64
    )


def _empty_frames(block: FrameBlock) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which frames are black, and which are of one colour but not black; both bool (N,)."""
    luma = block.luma[:, 2::4, 2::4]
    black: NDArray[Any] = (luma <= BLACK_LEVEL).mean(axis=(1, 2)) >= BLACK_SHARE
    coarse = block.luma[:, 8::16, 8::16]
    blank = ~black & (np.ptp(coarse, axis=(1, 2)) <= COARSE_SPREAD)
    for index in np.flatnonzero(blank):
        planes = (luma[index], *block.chroma[index][:, 1::2, 1::2])
        blank[index] = all(float(np.ptp(np.percentile(plane, (1, 99)))) <= BLANK_SPREAD for plane in planes)
    return black, blank

"""Stretches of the picture that carry nothing: black, blank (one colour) and frozen.

Takes FrameBlocks; gives Spans of at least half a second. What is frozen is told from how every frame
differs from the one before and from the first of its stretch, see `spans_frozen`; black follows the
customary rule of 98% of the picture in the darkest tenth of the range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.extraction.spans_frozen import FreezeFollower
from vidforensics.types import FrameBlock, Span, SpanKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_SPAN_S = 0.5
BLACK_LEVEL = 26
BLACK_SHARE = 0.98
BLANK_SPREAD = 4.0
# a cheap look at few samples spares most frames the exact one
COARSE_SPREAD = 40


@dataclass(slots=True)
class _OpenSpan:
    start_s: float
    last_s: float


class PictureSpanAccumulator:
    """Follows each kind of empty stretch from frame to frame."""

    def __init__(self) -> None:
        self._open: dict[SpanKind, _OpenSpan] = {}
        self._found: list[Span] = []
        self._freeze = FreezeFollower()
        self._last_s: float | None = None
        self._step_s = 0.0

    def update(self, block: FrameBlock) -> None:
        """Take the next frames."""
        black, blank = _empty_frames(block)
        self._freeze.update(block, black | blank)
        for index, time_s in enumerate(block.pts_s.tolist()):
            self._step("black", bool(black[index]), time_s)
            self._step("blank", bool(blank[index]), time_s)
            if self._last_s is not None:
                self._step_s = max(0.0, time_s - self._last_s)
            self._last_s = time_s

    def finish(self) -> tuple[Span, ...]:
        """The stretches in the order of their starts; empty if no frame came."""
        for kind in list(self._open):
            self._close(kind, self._open[kind].last_s + self._step_s)
        frozen = [Span(start_s, end_s, "frozen") for start_s, end_s in self._freeze.finish(MIN_SPAN_S)]
        return tuple(sorted(self._found + frozen, key=lambda span: (span.start_s, span.kind)))

    def _step(self, kind: SpanKind, holds: bool, time_s: float) -> None:
        span = self._open.get(kind)
        if not holds:
            if span is not None:
                self._close(kind, time_s)
        elif span is None:
            self._open[kind] = _OpenSpan(time_s, time_s)
        else:
            span.last_s = time_s

    def _close(self, kind: SpanKind, end_s: float) -> None:
        span = self._open.pop(kind)
        if end_s - span.start_s >= MIN_SPAN_S - 1e-9:
            self._found.append(Span(span.start_s, end_s, kind))


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

"""Shots with typed transitions, found while the clip is decoded.

Frame blocks go in, shots that tile the clip come out, each with how it ends: cut, fade or dissolve.
Cuts are exact to the frame; a window of small planes slides over the clip, so that memory does not grow
with its length. How the measures were chosen and what they reach is in docs/shots.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.extraction import shots_cuts, shots_gradual
from vidforensics.extraction.shots_model import CUT_MODEL, DISSOLVE_MODEL
from vidforensics.extraction.shots_planes import MotionResidual, Planes, difference, shrink
from vidforensics.types import FrameBlock, Shot, TransitionKind

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray, IntArray

GRADUAL_RATE_HZ = 30.0


@dataclass(frozen=True, slots=True)
class ShotOptions:
    """Operating points and window sizes.

    cut_probability and dissolve_probability are the least that count; a cut within `swallow` of a gradual
    transition's own change belongs to it. The window holds `window_frames`; `margin_frames` on either
    side of the frames decided upon are context only.
    """

    cut_probability: float = 0.5
    dissolve_probability: float = 0.5
    swallow_share: float = 0.6
    window_frames: int = 768
    margin_frames: int = 160


@dataclass(frozen=True, slots=True)
class _Event:
    """A cut (start == end), a dissolve, or half a fade: frames start to end − 1 are the transition."""

    start: int
    end: int
    kind: str
    probability: float
    change: float

    @property
    def middle(self) -> int:
        return (self.start + self.end) // 2


@dataclass(slots=True)
class ShotAccumulator:
    """Finds the shots of a clip from its frame blocks; see `update` and `finish`."""

    options: ShotOptions = field(default_factory=ShotOptions)
    _residual: MotionResidual = field(default_factory=MotionResidual)
    _window: Planes | None = None
    _first: int = 0
    _decided: int = 0
    _times: list[FloatArray] = field(default_factory=list)
    _contrast: list[FloatArray] = field(default_factory=list)
    _events: list[_Event] = field(default_factory=list)

    def update(self, block: FrameBlock) -> None:
        """Take the next frames, in presentation order."""
        if not len(block.pts_s):
            return
        planes = shrink(block)
        self._times.append(planes.pts_s)
        self._contrast.append(planes.contrast)
        start = 0
        while start < len(planes):
            held = len(self._window) if self._window is not None else 0
            end = min(len(planes), start + self.options.window_frames - held)
            piece = planes.part(start, end)
            self._window = piece if self._window is None else self._window.then(piece)
            start = end
            if len(self._window) >= self.options.window_frames:
                self._slide()

    def finish(self) -> tuple[Shot, ...]:
        """The shots, from the first frame's time to the end of the last; no frame gives ()."""
        if self._window is None:
            return ()
        self._decide(self._first + len(self._window))
        times, contrast = np.concatenate(self._times), np.concatenate(self._contrast)
        self._window = None
        return _tile(times, _settle(self._events, contrast, self.options))

    def _slide(self) -> None:
        """Decide on all but the last margin, and forget what no later decision needs."""
        if self._window is None:
            return
        margin = self.options.margin_frames
        end = self._first + len(self._window)
        self._decide(end - margin)
        keep = end - 2 * margin - self._first
        self._window = self._window.part(keep, len(self._window))
        self._first += keep

    def _decide(self, end: int) -> None:
        """Find the transitions whose place lies from the last decision up to frame `end`."""
        if self._window is None:
            return
        found = [*self._cuts(self._window), *self._ramps(self._window)]
        self._events += [
            replace(e, start=e.start + self._first, end=e.end + self._first)
            for e in found
            if self._decided <= e.middle + self._first < end
        ]
        self._decided = end

    def _cuts(self, planes: Planes) -> list[_Event]:
        run = shots_cuts.Run.of(planes)
        found = []
        for j in shots_cuts.candidates(run):
            values = shots_cuts.measure(run, j, self._residual)
            probability = 0.0 if values is None else CUT_MODEL.probability(values)
            if probability >= self.options.cut_probability:
                frame = int(run.distinct[j])
                found.append(_Event(frame, frame, "cut", probability, float(run.step[j])))
        return found

    def _ramps(self, planes: Planes) -> list[_Event]:
        found = []
        for ramp in shots_gradual.find_ramps(planes, _stride(planes.pts_s)):
            kind = shots_gradual.kind_of(planes, ramp)
            probability = ramp.straightness
            if kind == "mix":
                probability = DISSOLVE_MODEL.probability(shots_gradual.measure(planes, ramp, self._residual))
                if probability < self.options.dissolve_probability:
                    continue
            change = difference(planes, ramp.start - 1, ramp.end)
            found.append(_Event(ramp.start, ramp.end, kind, probability, change))
        return found


def _stride(times: FloatArray) -> int:
    """Every how manieth frame makes about GRADUAL_RATE_HZ."""
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return max(1, round(1 / (GRADUAL_RATE_HZ * usual))) if usual > 1e-4 else 1


def _settle(events: list[_Event], contrast: FloatArray, options: ShotOptions) -> list[_Event]:
    """Halves of fades joined, cuts inside gradual transitions dropped, one event per boundary, in order."""
    shown = shots_gradual.blank_frames(contrast)
    cuts = sorted((e for e in events if e.kind == "cut"), key=lambda e: e.start)
    ramps = sorted((e for e in events if e.kind != "cut"), key=lambda e: e.start)
    ramps = [r for r in ramps if r.kind != "mix" or not _is_cut(r, cuts, options)]
    cuts = [c for c in cuts if not any(r.start - 1 <= c.start <= r.end + 1 for r in ramps)]
    return _join_fades(sorted([*cuts, *ramps], key=lambda e: (e.start, e.end)), shown)


def _is_cut(ramp: _Event, cuts: list[_Event], options: ShotOptions) -> bool:
    inside = [c.change for c in cuts if ramp.start - 1 <= c.start <= ramp.end + 1]
    return max(inside, default=0.0) > options.swallow_share * ramp.change


def _join_fades(events: list[_Event], shown: IntArray) -> list[_Event]:
    """One fade for a way out of a picture and the way into the next, whichever of the two may be a cut."""
    settled: list[_Event] = []
    waiting: _Event | None = None
    for event in events:
        held, waiting = waiting, None
        if held is not None and _blank(shown, held.end, event.start):
            if event.kind in ("in", "cut"):
                settled.append(_fade(held, event))
                continue
            held = None
        if event.kind == "out":
            waiting = event
        elif event.kind == "in":
            if settled and settled[-1].kind == "cut" and _blank(shown, settled[-1].end, event.start):
                settled.append(_fade(settled.pop(), event))
        else:
            settled.append(replace(event, kind="dissolve" if event.kind == "mix" else event.kind))
    return settled


def _blank(shown: IntArray, start: int, end: int) -> bool:
    return end <= start or int(shown[end] - shown[start]) == 0


def _fade(out: _Event, back: _Event) -> _Event:
    return _Event(out.start, back.end, "fade", min(out.probability, back.probability), out.change)


def _tile(times: FloatArray, events: list[_Event]) -> tuple[Shot, ...]:
    """Shots from the first frame to the end of the last, split at the middle of each event."""
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    last = float(times[-1]) + max(0.0, usual)
    shots: list[Shot] = []
    start = float(times[0])
    for event in events:
        at = float(times[event.middle])
        if at <= start:
            continue
        shots.append(_shot(start, at, event, times))
        start = at
    return (*shots, Shot(start, last, None))


def _shot(start: float, end: float, event: _Event, times: FloatArray) -> Shot:
    kinds: dict[str, TransitionKind] = {"cut": "cut", "fade": "fade", "dissolve": "dissolve"}
    confidence = round(event.probability, 4)
    if event.kind == "cut":
        return Shot(start, end, "cut", confidence=confidence)
    extent = (float(times[event.start]), float(times[min(event.end, len(times) - 1)]))
    return Shot(start, end, kinds[event.kind], *extent, confidence=confidence)

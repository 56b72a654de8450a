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

    cut_probability and dissolve_probability are the least that count. A cut inside a gradual transition is
    part of it, unless its step is more than `trim_share` of the whole change and it lies near an end, or,
    in a dissolve, more than `swallow_share`: then the dissolve was a cut.
    The window holds `window_frames`; `margin_frames` on either side of what is decided are context only.
    """

    cut_probability: float = 0.45
    dissolve_probability: float = 0.4
    swallow_share: float = 0.6
    trim_share: float = 0.35
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
        span = range(self._decided - self._first, end - self._first)
        found = [*self._cuts(self._window, span), *self._ramps(self._window, span)]
        shift = self._first
        self._events += [replace(e, start=e.start + shift, end=e.end + shift) for e in found]
        self._decided = end

    def _cuts(self, planes: Planes, span: range) -> list[_Event]:
        run = shots_cuts.Run.of(planes)
        found = []
        for j in shots_cuts.candidates(run):
            if int(run.distinct[j]) not in span:
                continue
            values = shots_cuts.measure(run, j, self._residual)
            probability = 0.0 if values is None else CUT_MODEL.probability(values)
            if probability >= self.options.cut_probability:
                frame = int(run.distinct[j])
                found.append(_Event(frame, frame, "cut", probability, float(run.step[j])))
        return found

    def _ramps(self, planes: Planes, span: range) -> list[_Event]:
        found = []
        for ramp in shots_gradual.find_ramps(planes, gradual_stride(planes.pts_s)):
            if (ramp.start + ramp.end) // 2 not in span:
                continue
            kind = shots_gradual.kind_of(planes, ramp)
            probability = DISSOLVE_MODEL.probability(shots_gradual.measure(planes, ramp, self._residual))
            if kind == "mix" and probability < self.options.dissolve_probability:
                continue
            change = difference(planes, ramp.start - 1, ramp.end)
            found.append(_Event(ramp.start, ramp.end, kind, probability, change))
        return found


def gradual_stride(times: FloatArray) -> int:
    """Every how manieth frame makes about GRADUAL_RATE_HZ."""
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return max(1, round(1 / (GRADUAL_RATE_HZ * usual))) if usual > 1e-4 else 1


def _settle(events: list[_Event], contrast: FloatArray, options: ShotOptions) -> list[_Event]:
    """Halves of fades joined, cuts inside gradual transitions dropped, one event per boundary, in order."""
    shown = shots_gradual.blank_frames(contrast)
    cuts = sorted((e for e in events if e.kind == "cut"), key=lambda e: e.start)
    ramps = sorted((e for e in events if e.kind != "cut"), key=lambda e: e.start)
    ramps = [trimmed for r in ramps if (trimmed := _trim(r, cuts, options)) is not None]
    cuts = [c for c in cuts if not any(r.start < c.start < r.end for r in ramps)]
    joined = _join_fades(sorted([*cuts, *ramps], key=lambda e: (e.start, e.end)), shown)
    return [e for e in joined if e.kind in ("cut", "fade") or e.probability >= options.dissolve_probability]


def _trim(ramp: _Event, cuts: list[_Event], options: ShotOptions) -> _Event | None:
    """The ramp without what a real cut at one of its ends added to it; None if it is nothing but a cut."""
    slack = 2 + (ramp.end - ramp.start) // 4
    for cut in cuts:
        if not ramp.start - 1 <= cut.start <= ramp.end + 1:
            continue
        if ramp.kind == "mix" and cut.change > options.swallow_share * ramp.change:
            return None
        if cut.change > options.trim_share * ramp.change:
            if cut.start <= ramp.start + slack:
                ramp = replace(ramp, start=cut.start + 1)
            elif cut.start >= ramp.end - slack:
                ramp = replace(ramp, end=cut.start - 1)
    return ramp if ramp.end > ramp.start else None


def _join_fades(events: list[_Event], shown: IntArray) -> list[_Event]:
    """One fade for a way out of a picture and the way into the next, whichever of the two may be a cut.

    The way out at the end of a clip and the way in at its start are no boundaries; a way to or from a dark
    picture that is not blank for long is a dissolve.
    """
    settled: list[_Event] = []
    for event in events:
        before = settled[-1] if settled else None
        if before is not None and _makes_fade(before, event) and _blank(shown, before.end, event.start):
            settled[-1] = _Event(before.start, event.end, "fade", 1.0, before.change)
        elif event.kind != "in" or not _blank(shown, 0, event.start):
            settled.append(event)
    if settled and settled[-1].kind == "out" and _blank(shown, settled[-1].end, len(shown) - 1):
        settled.pop()
    return [replace(e, kind="dissolve") if e.kind in ("mix", "in", "out") else e for e in settled]


def _makes_fade(before: _Event, event: _Event) -> bool:
    return (before.kind, event.kind) in (("out", "in"), ("out", "cut"), ("cut", "in"))


def _blank(shown: IntArray, start: int, end: int) -> bool:
    return end <= start or int(shown[end] - shown[start]) == 0


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

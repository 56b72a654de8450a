"""Flag repeated pictures: a frame frozen inside a moving shot, and runs of frames that come again.

Per-frame change and signatures go in, segments labelled `duplication` come out. Both searches compare with
what moves around the frames instead of asking for a difference of zero (docs/flagging.md has the figures);
a still scene, an end card, a slideshow, pulldown and a padded frame rate have either no motion around
or a regular pattern, and are not flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import BinariseOptions, binarise
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import Gap, not_assessed, tile
from vidforensics.flagging.duplication_copies import Repeat, find_repeats
from vidforensics.flagging.duplication_freezes import Freeze, find_freezes
from vidforensics.flagging.duplication_shots import (
    pictureless_gaps,
    quiet_gaps,
    reason_not_to_look,
    recordings,
)
from vidforensics.types import Detection, Evidence, FrameSeries, Label, ScoreTrack, Segment

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

NAME = "duplication"
LABEL: Label = "duplication"
THRESHOLD = 0.0
NOTHING = -6.0
"""Margin of a frame that belongs to no candidate."""
BORDER_FRAMES = 2
RIVAL_CLOSENESS = 1.0


@dataclass(frozen=True, slots=True)
class DuplicationOptions:
    """Operating point of the detector; how it was chosen stands in docs/flagging.md.

    freeze_contrast, copy_closeness: log2 ratios at which a candidate is flagged. copy_extent: how much
    further than one step, log2, the picture of a copy must move. alone_penalty: what a freeze loses with no
    other stretch to compare with. short_penalty: what a freeze under `listed_frames` loses. rival_penalty:
    what a copy loses per rival, another lag like it that speaks for a pattern. candidate_margin: what lies
    above this, but below 0, is kept unlisted. least_change: luma levels; stretches that move less cannot be
    judged.
    """

    freeze_contrast: float = 2.2
    copy_closeness: float = -0.8
    copy_extent: float = 2.0
    alone_penalty: float = 1.0
    least_frames: int = 3
    listed_frames: int = 5
    short_penalty: float = 2.0
    rival_penalty: float = 0.5
    candidate_margin: float = -1.0
    least_change: float = 0.12


@dataclass(frozen=True, slots=True)
class Candidate:
    """Frames [first, last) may be a repeat; `margin` is in log2 units over the operating point."""

    first: int
    last: int
    margin: float
    basis: str


class DuplicationDetector:
    """Finds frozen and repeated frames."""

    name = NAME
    label = LABEL

    def __init__(self, options: DuplicationOptions | None = None) -> None:
        self.options = options or DuplicationOptions()

    def detect(self, evidence: Evidence) -> Detection:
        """Look at one clip; stretches without motion are "not assessed"."""
        reason = reason_not_to_look(evidence, 2 * self.options.listed_frames)
        if reason is not None:
            return Detection(NAME, coverage=not_assessed(NAME, evidence.duration_s, reason))
        times_s = evidence.features.frames.times_s
        found = candidates(evidence, self.options)
        track = _track(times_s, found)
        spans = binarise(track, BinariseOptions(onset=self.options.candidate_margin))
        segments = tuple(_segment(span, found, times_s) for span in spans)
        gaps = _gaps(evidence, self.options, segments)
        return Detection(NAME, (track,), segments, tile(NAME, evidence.duration_s, gaps))


def candidates(evidence: Evidence, options: DuplicationOptions) -> list[Candidate]:
    """Every stretch that may be a repeat, in the order of frames."""
    series = evidence.features.frames
    found = []
    if series.cells is not None:
        for span in recordings(series, evidence.extraction.shots):
            freezes = find_freezes(series.cells, span, options.least_frames)
            found += [_frozen(freeze, options) for freeze in freezes]
    if series.signatures is not None:
        found += _copies(find_repeats(series.signatures), options, series)
    return sorted(found, key=lambda c: (c.first, c.last, c.basis))


def _frozen(freeze: Freeze, options: DuplicationOptions) -> Candidate:
    count = freeze.last - freeze.first
    unlike = freeze.contrast - options.alone_penalty if np.isnan(freeze.unlike) else freeze.unlike
    margin = min(freeze.contrast, unlike) - options.freeze_contrast
    margin -= options.short_penalty if count < options.listed_frames else 0.0
    ratio = 2.0**freeze.contrast
    basis = (
        f"The picture stands still for {count} frames although the same shot moves at least {ratio:.0f} times"
        " as much directly before and after, and nowhere near is it as still."
    )
    return Candidate(freeze.first, freeze.last, margin, basis)


def _copied(repeat: Repeat, margin: float, series: FrameSeries) -> Candidate:
    times_s, change = series.times_s, np.nan_to_num(series.values["difference"])
    count = repeat.last - repeat.first
    first, other = repeat.first + repeat.lag, repeat.first
    if _border_jump(change, repeat.first, repeat.last) > _border_jump(change, first, first + count):
        first, other = other, first  # what was put in breaks the motion at its borders
    last_other = min(other + count, len(times_s) - 1)
    basis = (
        f"These {count} frames show the same moving picture, step by step, as"
        f" {times_s[other]:.3f}–{times_s[last_other]:.3f} s."
    )
    return Candidate(first, min(first + count, len(times_s)), margin, basis)


def _border_jump(change: FloatArray, first: int, last: int) -> float:
    """The lesser of the changes into and out of a run, each the greatest within BORDER_FRAMES of it."""
    sides = [change[max(0, at - BORDER_FRAMES) : at + BORDER_FRAMES + 1] for at in (first, last)]
    return float(min(np.max(side, initial=0.0) for side in sides))


def _copies(repeats: list[Repeat], options: DuplicationOptions, series: FrameSeries) -> list[Candidate]:
    """Repeats that may be copies; hopeless ones are left out first, as a loop has thousands of them."""
    table = np.array([(r.last - r.first, r.closeness, r.lag) for r in repeats], dtype=np.float64)
    found = []
    for repeat in repeats:
        margin = min(repeat.closeness, repeat.extent - options.copy_extent) - options.copy_closeness
        if margin < options.candidate_margin:
            continue
        margin -= options.rival_penalty * _rivals(repeat, table)
        if margin >= options.candidate_margin:
            found.append(_copied(repeat, margin, series))
    return found


def _rivals(repeat: Repeat, table: FloatArray) -> int:
    """Other lags at which a run of like length comes again: a loop or a drawn pattern, not one copy.

    `table` holds (length, closeness, lag) of every repeat, (R, 3).
    """
    length, least = repeat.last - repeat.first, repeat.closeness - RIVAL_CLOSENESS
    like = table[(2 * table[:, 0] >= length) & (table[:, 1] >= least), 2]
    return len(set(like.tolist()) - {float(repeat.lag)})


def _track(times_s: FloatArray, found: list[Candidate]) -> ScoreTrack:
    margins = np.full(len(times_s), NOTHING)
    for candidate in found:
        part = slice(candidate.first, candidate.last)
        margins[part] = np.maximum(margins[part], max(candidate.margin, NOTHING))
    return ScoreTrack(
        NAME, "repeated frames", "log2 ratio over the operating point", times_s, margins, THRESHOLD
    )


def _segment(span: tuple[float, float, float], found: list[Candidate], times_s: FloatArray) -> Segment:
    start_s, end_s, peak = span
    inside = [c for c in found if start_s <= times_s[c.first] < end_s or times_s[c.first] == start_s]
    best = max(inside, key=lambda c: c.margin)
    score, log10_lr = calibrated(NAME, peak)
    listed = peak >= THRESHOLD
    return Segment(
        start_s, min(end_s, _end(times_s, end_s)), LABEL, score, log10_lr, NAME, best.basis, listed
    )


def _end(times_s: FloatArray, end_s: float) -> float:
    """A run that reaches the last frame ends with it; its own duration is not known."""
    return float(min(end_s, times_s[-1]))


def _gaps(evidence: Evidence, options: DuplicationOptions, segments: tuple[Segment, ...]) -> list[Gap]:
    reason = "nothing moves, so a repeated frame would look the same"
    quiet = quiet_gaps(evidence, options.least_change, reason)
    listed = [s for s in segments if s.listed]
    unflagged = [g for g in quiet if not any(s.start_s < g[1] and s.end_s > g[0] for s in listed)]
    return unflagged + pictureless_gaps(evidence)

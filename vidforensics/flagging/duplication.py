"""Flag repeated pictures: a frame frozen inside a moving shot, and runs of frames that come again.

Per-frame change and signatures go in, segments labelled `duplication` come out. Both searches compare with
what moves around the frames instead of asking for a difference of zero (docs/flagging.md has the figures);
a still scene, an end card, a slideshow, pulldown and a padded frame rate have either no motion around
or a regular pattern, and are not flagged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import BinariseOptions, binarise
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import Gap, not_assessed, tile
from vidforensics.flagging.duplication_anchored import Anchored, find_anchored
from vidforensics.flagging.duplication_coded import coded_sizes
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
Spans = tuple[tuple[int, int], ...]
"""Index ranges of the recordings of a clip."""
LABEL: Label = "duplication"
THRESHOLD = 0.0
NOTHING = -6.0
"""Margin of a frame that belongs to no candidate."""
BORDER_FRAMES = 2
TOLD_CHEAP = 0.5
"""The sentence of a freeze names what it cost the encoder from so much on, log2."""
RIVAL_CLOSENESS, RIVAL_LAG_FRAMES = 1.0, 3


@dataclass(frozen=True, slots=True)
class DuplicationOptions:
    """Operating point of the detector; how it was chosen stands in docs/flagging.md. In log2 ratios.

    freeze_evidence, copy_closeness, anchored_evidence: at which a freeze, a run that moves as another does,
    and a run at a jump are flagged. copy_extent: how much further than one step the picture of a copy must
    move. rival_penalty, anchored_rival_penalty: what the two kinds of copies lose per rival, another lag like
    theirs that speaks for a pattern. cheap_limits: what a freeze loses, and gains at most, by what it cost
    the encoder. ramp_limit: what it loses at most by coming and going gradually. alone_penalty: what it loses
    with no other stretch to compare with. short_penalty: what one under `listed_frames` loses. least_flank:
    one with less motion around it, against what is usual in its recording, is none. candidate_margin: what
    lies above this, but below 0, is kept unlisted. least_change: luma levels; stretches that move less cannot
    be judged.
    """

    freeze_evidence: float = 2.5
    copy_closeness: float = -0.8
    copy_extent: float = 2.0
    anchored_evidence: float = 5.5
    rival_penalty: float = 0.5
    anchored_rival_penalty: float = 0.25
    cheap_limits: tuple[float, float] = (-1.0, 1.5)
    ramp_limit: float = 3.0
    alone_penalty: float = 1.0
    least_frames: int = 3
    listed_frames: int = 5
    short_penalty: float = 4.0
    least_flank: float = -3.0
    candidate_margin: float = -1.0
    least_change: float = 0.12


@dataclass(frozen=True, slots=True)
class Candidate:
    """Frames [first, last) may be a repeat; `margin` is in log2 units over the operating point.

    lag: the same pictures are those of frames [first + lag, last + lag); 0 for a freeze.
    """

    first: int
    last: int
    margin: float
    basis: str
    lag: int = 0

    def is_shown_by(self, other: Candidate) -> bool:
        """Whether this is the run that the other one, a copy, is taken from."""
        first, last = other.first + other.lag, other.last + other.lag
        return other.lag != 0 and self.first < last and first < self.last


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
    """Every stretch that may be a repeat, in the order of frames; of overlapping ones the surest."""
    spans = recordings(evidence.features.frames, evidence.extraction.shots)
    found = [*_freezes(evidence, spans, options), *_shown_again(evidence, spans, options)]
    return _surest(found, len(evidence.features.frames.times_s))


def _surest(found: Sequence[Candidate], count: int) -> list[Candidate]:
    """Of candidates that share frames, or are both runs of one repeat, the one with the greatest margin."""
    taken = np.zeros(count, dtype=np.bool_)
    by_lag: dict[int, list[Candidate]] = {}
    for candidate in sorted(found, key=lambda c: (-c.margin, c.first, c.last)):
        like = range(-candidate.lag - RIVAL_LAG_FRAMES, -candidate.lag + RIVAL_LAG_FRAMES + 1)
        others = (other for lag in like for other in by_lag.get(lag, ()))
        if not taken[candidate.first : candidate.last].any() and not any(map(candidate.is_shown_by, others)):
            taken[candidate.first : candidate.last] = True
            by_lag.setdefault(candidate.lag, []).append(candidate)
    return sorted((c for kept in by_lag.values() for c in kept), key=lambda c: c.first)


def _freezes(evidence: Evidence, spans: Spans, options: DuplicationOptions) -> Iterator[Candidate]:
    series = evidence.features.frames
    if series.cells is None:
        return
    sizes = coded_sizes(evidence.bitstream.packets, series.times_s)
    for span in spans:
        for freeze in find_freezes(series.cells, sizes, span, options.least_frames):
            if freeze.flank >= options.least_flank:
                yield _frozen(freeze, options)


def _shown_again(evidence: Evidence, spans: Spans, options: DuplicationOptions) -> Iterator[Candidate]:
    """Runs at jumps, and of the others those that no flagged one of these places more surely."""
    series = evidence.features.frames
    if series.signatures is None:
        return
    anchored = find_anchored(series.signatures)
    anchored = [run for run in anchored if _is_inside(run.first, run.last, run.lag, spans)]
    margins = _margins_at_jumps(anchored, options)
    flagged = [run for run, margin in zip(anchored, margins, strict=True) if margin >= THRESHOLD]
    for run, margin in zip(anchored, margins, strict=True):
        if margin >= options.candidate_margin:
            yield _at_jump(run, margin, series.times_s)
    repeats = [r for r in find_repeats(series.signatures) if _may_be_copy(r, spans)]
    yield from _copies([r for r in repeats if not any(_is_same(r, run) for run in flagged)], options, series)


def _frozen(freeze: Freeze, options: DuplicationOptions) -> Candidate:
    count = freeze.last - freeze.first
    unlike = freeze.contrast - options.alone_penalty if np.isnan(freeze.unlike) else freeze.unlike
    margin = min(freeze.contrast, unlike, freeze.edge) - options.freeze_evidence
    margin += float(np.clip(freeze.cheap, *options.cheap_limits))
    margin -= float(np.clip(freeze.ramp, 0.0, options.ramp_limit))
    margin -= options.short_penalty if count < options.listed_frames else 0.0
    return Candidate(freeze.first, freeze.last, margin, _freeze_sentence(freeze))


def _freeze_sentence(freeze: Freeze) -> str:
    count, ratio = freeze.last - freeze.first, 2.0**freeze.contrast
    said = f"The picture stands still for {count} frames; on either side it moves at least {ratio:.0f} times"
    said += " as much"
    if freeze.unlike > 0.0:  # NaN, nothing to compare with, is not
        said += ", and nowhere near is it as still"
    if freeze.cheap >= TOLD_CHEAP:
        said += (
            f". Nine in ten stretches so long near it cost the encoder {2.0**freeze.cheap:.1f} times as much"
        )
    return said + "."


def _margins_at_jumps(runs: Sequence[Anchored], options: DuplicationOptions) -> list[float]:
    """Evidence over the operating point, less a penalty per other lag with about as much: a pattern."""
    evidence = np.array([run.evidence() for run in runs])
    lags = np.array([abs(run.lag) for run in runs], dtype=np.int64)
    margins = []
    for own, lag in zip(evidence, lags, strict=True):
        like = lags[(evidence >= own - RIVAL_CLOSENESS) & (np.abs(lags - lag) >= RIVAL_LAG_FRAMES)]
        rivals = len(np.unique(like // RIVAL_LAG_FRAMES))
        margins.append(float(own - options.anchored_evidence - options.anchored_rival_penalty * rivals))
    return margins


def _at_jump(run: Anchored, margin: float, times_s: FloatArray) -> Candidate:
    count = run.last - run.first
    other, last_other = run.first + run.lag, min(run.last + run.lag, len(times_s) - 1)
    basis = (
        f"The picture jumps, and the {count} frames there are those of"
        f" {times_s[other]:.3f}–{times_s[last_other]:.3f} s again; no other stretch near differs less than"
        f" {2.0**run.gap:.1f} times as much."
    )
    return Candidate(run.first, run.last, margin, basis, run.lag)


def _is_inside(first: int, last: int, lag: int, spans: Spans) -> bool:
    """Whether a recording goes on around frames [first, last), or shows those `lag` later right beside them.

    A shot that is shown twice, an opening or a replay, is editing.
    """
    at, after = (bisect_right(spans, frame, key=lambda span: span[0]) - 1 for frame in (first, last))
    for start, end in {spans[i] for i in (at - 1, at, after) if i >= 0}:
        if start < first and last < end:
            return True
        is_beside = start < first <= end or start <= last < end
        if is_beside and start <= first + lag and last + lag <= end:
            return True
    return False


def _may_be_copy(repeat: Repeat, spans: Spans) -> bool:
    """Whether either run of a repeat lies inside a recording."""
    first, last, lag = repeat.first, repeat.last, repeat.lag
    return _is_inside(first, last, lag, spans) or _is_inside(first + lag, last + lag, -lag, spans)


def _is_same(repeat: Repeat, run: Anchored) -> bool:
    """Whether a repeat is one that a jump places more surely: the same two stretches."""
    first = run.first if run.lag > 0 else run.first + run.lag
    last = first + run.last - run.first
    return abs(repeat.lag - abs(run.lag)) <= 1 and repeat.first < last and repeat.last > first


def _copied(repeat: Repeat, margin: float, series: FrameSeries) -> Candidate:
    times_s, change = series.times_s, np.nan_to_num(series.values["difference"])
    count = repeat.last - repeat.first
    first, other = repeat.first + repeat.lag, repeat.first
    is_at_once = repeat.lag <= count + RIVAL_LAG_FRAMES  # side by side, the second is the copy
    if not is_at_once and _border_jump(change, other, other + count) > _border_jump(
        change, first, first + count
    ):
        first, other = other, first  # what was put in breaks the motion at its borders
    last_other = min(other + count, len(times_s) - 1)
    basis = (
        f"These {count} frames show the same moving picture, step by step, as"
        f" {times_s[other]:.3f}–{times_s[last_other]:.3f} s."
    )
    return Candidate(first, min(first + count, len(times_s)), margin, basis, other - first)


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

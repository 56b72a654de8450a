"""Flag instants at which frames are missing inside one shot.

Cues per frame go in, instants labelled `deletion` come out. A network that was trained on clips with frames
taken out must find that the motion does not go on from one frame to the next, far more than at any frame
near; and the picture itself must agree: it changes more than around, and its motion breaks and returns at
once. What it finds and misses stands in docs/flagging.md: an unflagged clip is not shown to be whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import BinariseOptions, binarise, runs_of
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import Gap, not_assessed, tile
from vidforensics.flagging.deletion_cues import LEAST_SHOT_FRAMES, Cues, flow_continuity, measure_cues
from vidforensics.flagging.duplication import BORDER_FRAMES
from vidforensics.flagging.duplication_shots import (
    pictureless_gaps,
    quiet_gaps,
    reason_not_to_look,
    recordings,
)
from vidforensics.types import Detection, Evidence, Label, ScoreTrack, Segment

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

NAME = "deletion"
LABEL: Label = "deletion"
LEAST_GAP_S = 0.5
LEAST_RATE_HZ = 10.0
"""With fewer frames per second, any two of them are as far apart as where some are missing."""


DISAGREED = -1.0
"""The most that is left of a score to which the picture's own cues do not agree."""


@dataclass(frozen=True, slots=True)
class DeletionOptions:
    """Operating point and weights of the cues; how they were chosen stands in docs/flagging.md.

    threshold, candidate: score at which an instant is listed, and is kept at all. near_share: how much of
    the greatest odds near is taken off. rival_share: the same of the fourth greatest farther off, where that
    is above 0. least_jump, least_motion: what the picture's own cues must reach, log2. cut_continuity: where
    the shot detector saw a cut, the flow must go on at least so well across it. least_change: luma levels;
    stretches that move less cannot be judged.
    """

    threshold: float = 5.6
    candidate: float = 0.0
    near_share: float = 0.85
    rival_share: float = 0.3
    least_jump: float = 0.3
    least_motion: float = 0.0
    cut_continuity: float = 0.1
    least_change: float = 0.12


class DeletionDetector:
    """Finds instants where frames were taken out of a shot."""

    name = NAME
    label = LABEL

    def __init__(self, options: DeletionOptions | None = None) -> None:
        self.options = options or DeletionOptions()

    def detect(self, evidence: Evidence) -> Detection:
        """Look at one clip; short shots and stretches without motion are "not assessed"."""
        gaps = evidence.features.gaps
        reason = reason_not_to_look(evidence, LEAST_SHOT_FRAMES) or _too_few_per_second(evidence)
        if reason is None and gaps is None:
            reason = evidence.features.gaps_not_sought
        if reason is not None or gaps is None:
            return Detection(
                NAME, coverage=not_assessed(NAME, evidence.duration_s, reason or "not looked for")
            )
        times_s = evidence.features.frames.times_s
        shots = evidence.extraction.shots
        cues = measure_cues(evidence.features.frames, gaps.odds, recordings(evidence.features.frames, shots))
        scores = agreement(cues, self.options)
        scores[_ordinary_cuts(evidence, self.options.cut_continuity) | _borders_of_repeats(evidence)] = np.nan
        track = ScoreTrack(NAME, "missing frames", "log odds", times_s, scores, self.options.threshold)
        spans = binarise(track, BinariseOptions(onset=self.options.candidate))
        segments = tuple(_segment(span, cues, times_s, self.options) for span in spans)
        return Detection(
            NAME, (track,), segments, tile(NAME, evidence.duration_s, self._gaps(evidence, scores))
        )

    def _gaps(self, evidence: Evidence, scores: FloatArray) -> list[Gap]:
        times_s = evidence.features.frames.times_s
        reason = "nothing moves, so missing frames would not show"
        gaps = quiet_gaps(evidence, self.options.least_change, reason)
        for a, b in runs_of(np.isnan(scores)):
            start_s, end_s = float(times_s[a]), float(times_s[min(b, len(times_s) - 1)])
            if end_s - start_s >= LEAST_GAP_S:
                gaps.append((start_s, end_s, "no run of evenly timed frames in one shot"))
        return gaps + pictureless_gaps(evidence)


def agreement(cues: Cues, options: DeletionOptions) -> FloatArray:
    """Score per frame, (N,), log odds less those of other frames; NaN unknown, low where a cue disagrees."""
    scores = cues.odds - options.near_share * cues.near - options.rival_share * np.maximum(cues.rival, 0.0)
    agrees = (cues.jump >= options.least_jump) & (cues.motion >= options.least_motion)
    return np.asarray(np.where(np.isnan(scores) | agrees, scores, np.minimum(scores, DISAGREED)))


def _ordinary_cuts(evidence: Evidence, least_continuity: float) -> BoolArray:
    """Frames that begin a shot and across which the motion does not go on: edited, and listed as a cut."""
    series = evidence.features.frames
    cuts = np.zeros(len(series.times_s), dtype=bool)
    if series.velocities is None:
        return cuts
    starts_s = np.array([s.start_s for s in evidence.extraction.shots[1:]])
    for at in np.searchsorted(series.times_s, starts_s - 1e-3):
        if 0 < at < len(cuts) - 1 and flow_continuity(series.velocities, at) < least_continuity:
            cuts[at] = True
    return cuts


def _too_few_per_second(evidence: Evidence) -> str | None:
    step_s = float(np.median(np.diff(evidence.features.frames.times_s)))
    if step_s * LEAST_RATE_HZ <= 1.0 + 1e-3:  # times are floats: ten per second are not 9.99
        return None
    return f"fewer than {LEAST_RATE_HZ:.0f} frames per second"


def _borders_of_repeats(evidence: Evidence) -> BoolArray:
    """Frames where a listed repeat begins or ends: the jump there has its explanation already."""
    times_s = evidence.features.frames.times_s
    near = np.zeros(len(times_s), dtype=bool)
    for segment in (s for d in evidence.earlier for s in d.segments):
        if segment.label == "duplication" and segment.listed:
            for at in np.searchsorted(times_s, (segment.start_s, segment.end_s)):
                near[max(0, at - BORDER_FRAMES) : at + BORDER_FRAMES + 1] = True
    return near


def _segment(
    span: tuple[float, float, float], cues: Cues, times_s: FloatArray, options: DeletionOptions
) -> Segment:
    start_s, end_s, peak = span
    first = int(np.searchsorted(times_s, start_s))
    last = max(first, int(np.searchsorted(times_s, end_s)) - 1)
    # the instant lies between the last frame before the jump and the first after it
    at = first + int(np.nanargmax(cues.odds[first : last + 1]))
    score, log10_lr = calibrated(NAME, peak)
    ratio = math.exp(float(cues.odds[at] - cues.near[at]))
    sentence = (
        f"The movement does not go on from one frame to the next ({_times(ratio)} the odds of any frame"
        f" near), and the picture changes {2.0 ** cues.jump[at]:.1f} times as much as around."
    )
    listed = peak >= options.threshold
    return Segment(
        float(times_s[max(at - 1, 0)]), float(times_s[at]), LABEL, score, log10_lr, NAME, sentence, listed
    )


def _times(ratio: float) -> str:
    return "over 1,000 times" if ratio > 1000 else f"{ratio:,.0f} times"

"""Flag instants at which frames are missing inside one shot.

Cues per frame go in, instants labelled `deletion` come out. The picture must jump against its own
neighbourhood and a second cue must agree at the same frame: the motion breaks and returns, and fine
detail is displaced; a break of the sound adds to it. Blind detection is weak (docs/flagging.md has the
figures): an unflagged clip is not shown to be whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import BinariseOptions, binarise, runs_of
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import Gap, not_assessed, tile
from vidforensics.flagging.deletion_cues import LEAST_SHOT_FRAMES, Cues, measure_cues
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


@dataclass(frozen=True, slots=True)
class DeletionOptions:
    """Operating point and scales of the cues; how they were chosen stands in docs/flagging.md.

    threshold, candidate: score at which an instant is listed, and is kept at all. detail_scale: what brings
    that cue to the unit of the jump. overlay_penalty: what is lost per unit by which the liveliest cell jumps
    more than `overlay_slack` above the whole picture. cut_continuity: where the shot detector saw a cut, the
    flow must go on at least so well across it. greatest_jump: a jump beyond it is more than motion explains.
    sound_bonus: added where the sound breaks by `sound_break` or more at the same time. least_change: luma
    levels; stretches that move less cannot be judged.
    """

    threshold: float = 2.15
    candidate: float = 0.6
    detail_scale: float = 20.0
    overlay_slack: float = 0.2
    overlay_penalty: float = 4.0
    cut_continuity: float = 0.2
    greatest_jump: float = 4.6
    sound_bonus: float = 0.3
    sound_break: float = 1.2
    least_change: float = 0.12


class DeletionDetector:
    """Finds instants where frames were taken out of a shot."""

    name = NAME
    label = LABEL

    def __init__(self, options: DeletionOptions | None = None) -> None:
        self.options = options or DeletionOptions()

    def detect(self, evidence: Evidence) -> Detection:
        """Look at one clip; short shots and stretches without motion are "not assessed"."""
        reason = reason_not_to_look(evidence, LEAST_SHOT_FRAMES)
        if reason is not None:
            return Detection(NAME, coverage=not_assessed(NAME, evidence.duration_s, reason))
        times_s = evidence.features.frames.times_s
        shots = evidence.extraction.shots
        cues = measure_cues(evidence, recordings(evidence.features.frames, shots))
        scores = agreement(cues, self.options)
        scores[self._ordinary_cuts(evidence, cues) | _borders_of_repeats(evidence)] = np.nan
        track = ScoreTrack(NAME, "missing frames", "log2 ratio", times_s, scores, self.options.threshold)
        spans = binarise(track, BinariseOptions(onset=self.options.candidate))
        segments = tuple(_segment(span, cues, times_s, self.options) for span in spans)
        return Detection(
            NAME, (track,), segments, tile(NAME, evidence.duration_s, self._gaps(evidence, scores))
        )

    def _ordinary_cuts(self, evidence: Evidence, cues: Cues) -> BoolArray:
        """Frames that begin a shot and across which the motion does not go on: edited, not shortened."""
        starts_s = np.array([s.start_s for s in evidence.extraction.shots[1:]])
        times_s = evidence.features.frames.times_s
        begins = np.zeros(len(times_s), dtype=bool)
        begins[np.searchsorted(times_s, starts_s - 1e-3).clip(0, len(times_s) - 1)] = True
        broken: BoolArray = begins & ~(cues.continuity >= self.options.cut_continuity)
        return broken

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
    """Score per frame, (N,): the weakest of the picture's cues, so that all known ones agree; NaN unknown."""
    detail = cues.detail * options.detail_scale
    scores = np.minimum(np.minimum(cues.jump, cues.cell_jump), cues.motion)
    scores = np.where(np.isnan(detail), scores, np.minimum(scores, detail))
    scores = np.where(cues.jump > options.greatest_jump, np.nan, scores)
    # a caption that appears changes one part of the picture only; removed frames change all that moves
    scores = scores - options.overlay_penalty * np.maximum(0.0, cues.overlay - options.overlay_slack)
    sound = np.nan_to_num(cues.sound, nan=-np.inf) >= options.sound_break
    return np.asarray(scores + np.where(sound & (scores > 0), options.sound_bonus, 0.0))


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
    at = int(np.searchsorted(times_s, start_s))
    score, log10_lr = calibrated(NAME, peak)
    sentence = (
        f"Between two frames of one recording the picture changes {2.0 ** cues.jump[at]:.1f} times as much as"
        f" anywhere near, and its motion breaks there and returns at once"
    )
    if cues.sound[at] >= options.sound_break:
        sentence += "; the sound breaks at the same moment"
    listed = peak >= options.threshold
    # the instant lies between the last frame before the jump and the first after it
    last = max(at, int(np.searchsorted(times_s, end_s)) - 1)
    start_s, end_s = float(times_s[max(at - 1, 0)]), float(times_s[last])
    return Segment(start_s, end_s, LABEL, score, log10_lr, NAME, sentence + ".", listed)

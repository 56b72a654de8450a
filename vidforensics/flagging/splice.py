"""Flag shots whose picture comes from another recording than the other shots of the file.

The evidence of one clip goes in; a score track, segments labelled `splice` and coverage come out. Every shot
is compared with all others by how it was made (noise, spectrum, sharpness, colour, coding, cadence), and the
odd one out is flagged. Of one or two shots none is odd; a still picture has no noise of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import binarise
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import Gap, not_assessed, tile
from vidforensics.flagging.splice_model import LEAST_SHOTS, Model, load_model, shot_odds
from vidforensics.flagging.splice_signature import LEAST_S, Signatures, signatures_of
from vidforensics.flagging.splice_words import basis_of
from vidforensics.types import Detection, Evidence, Label, ScoreTrack, Segment

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

LISTED_BELOW_THRESHOLD = 4.0
"""Candidates so far below the threshold (log odds) are still given, marked as not listed."""

LEAST_CHANGE = float(np.log2(0.025 + 0.05))
"""Pictures that change less, log2 of levels and 0.05, are stills: all their frames are one."""

MAX_SHOTS = 400
SHORT = f"shot shorter than {LEAST_S:.1f} s, or too small to measure"
FEW = f"fewer than {LEAST_SHOTS} shots to compare"
STILL = "still picture"
BETWEEN = "gradual transition"
OUTSIDE = "no picture"


class SpliceDetector:
    """Compares every shot with all others of the clip."""

    name = "splice"
    label: Label = "splice"

    def detect(self, evidence: Evidence) -> Detection:
        """Look at the shots of one clip."""
        duration_s = evidence.duration_s
        times = evidence.features.frames.times_s
        if not len(times):
            return Detection(self.name, coverage=not_assessed(self.name, duration_s, OUTSIDE))
        if bool((np.diff(times) < 0).any()) or times[0] < 0:
            reason = "the picture's timestamps jump back"
            return Detection(self.name, coverage=not_assessed(self.name, duration_s, reason))
        model = load_model()
        found = signatures_of(evidence)
        moving = is_moving(found)
        gaps = _gaps(found, moving, times, duration_s)
        used = np.flatnonzero(moving)[:MAX_SHOTS]
        if len(used) < LEAST_SHOTS:
            alone = [(float(a), float(b), FEW) for a, b in found.spans_s[used]]
            return Detection(self.name, coverage=tile(self.name, duration_s, [*gaps, *alone]))
        values, spans = ordered(found, model)[used], found.spans_s[used]
        odds = shot_odds(values, spans[:, 1] - spans[:, 0], model)
        track = _track(self.name, spans, odds, model.threshold, duration_s)
        segments = tuple(self._segment(run, (values, spans, odds), model) for run in candidates(track, spans))
        return Detection(self.name, (track,), segments, tile(self.name, duration_s, gaps))

    def _segment(
        self, run: tuple[float, float, float], shots: tuple[FloatArray, FloatArray, FloatArray], model: Model
    ) -> Segment:
        """One run of odd shots, or of one; its words are those of the oddest."""
        values, spans, odds = shots
        start_s, end_s, peak = run
        inside = (spans[:, 0] >= start_s - 1e-6) & (spans[:, 0] < end_s - 1e-6)
        basis = basis_of(values, int(np.argmax(np.where(inside, odds, -np.inf))), inside, model)
        score, log10_lr = calibrated(self.name, peak)
        listed = peak >= model.threshold
        return Segment(start_s, end_s, self.label, score, log10_lr, self.name, basis, listed)


def candidates(track: ScoreTrack, spans: FloatArray) -> list[tuple[float, float, float]]:
    """(start_s, end_s, peak) of runs of shots above the threshold, and of weaker shots one by one.

    Args:
        track: of `_track`, one value where each shot begins.
        spans: the shots (S, 2), s; a weaker shot is no part of the run beside it.
    """
    runs = list(binarise(track))
    at = dict(zip(track.times_s.tolist(), track.scores.tolist(), strict=True))
    weaker = track.threshold - LISTED_BELOW_THRESHOLD
    alone = [(a, b, at[a]) for a, b in spans.tolist() if weaker <= at[a] < track.threshold]
    return sorted([*runs, *alone])


def ordered(found: Signatures, model: Model) -> FloatArray:
    """Values in the order of the model's names, (S, K)."""
    at = {name: i for i, name in enumerate(found.names)}
    return found.values[:, [at[name] for name in model.names]]


def is_moving(found: Signatures) -> BoolArray:
    """Which shots are no still pictures, bool (S,)."""
    change = found.values[:, found.names.index("change")]
    moving: BoolArray = change >= LEAST_CHANGE
    return moving


def _track(name: str, spans: FloatArray, odds: FloatArray, threshold: float, duration_s: float) -> ScoreTrack:
    """A sample where each shot begins, and NaN where none was assessed."""
    times: list[float] = []
    scores: list[float] = []
    for (start_s, end_s), value in zip(spans.tolist(), odds.tolist(), strict=True):
        if times and times[-1] == start_s:
            scores[-1] = value
        else:
            times, scores = [*times, start_s], [*scores, value]
        times, scores = [*times, min(end_s, max(duration_s, start_s))], [*scores, float("nan")]
    return ScoreTrack(
        name, "shot from another recording", "log odds", np.array(times), np.array(scores), threshold
    )


def _gaps(found: Signatures, moving: BoolArray, times: FloatArray, duration_s: float) -> list[Gap]:
    """What was not assessed, and why."""
    gaps: list[Gap] = [(start_s, end_s, SHORT) for start_s, end_s in found.short]
    gaps += [(float(a), float(b), STILL) for a, b in found.spans_s[~moving]]
    gaps += [(float(a), float(b), SHORT) for a, b in found.spans_s[np.flatnonzero(moving)[MAX_SHOTS:]]]
    last_s = float(times[-1]) + (float(np.median(np.diff(times))) if len(times) > 1 else 0.0)
    known = sorted([*found.short, *((float(a), float(b)) for a, b in found.spans_s)])
    before_s = float(times[0])
    for start_s, end_s in known:
        gaps.append((before_s, start_s, BETWEEN))
        before_s = max(before_s, end_s)
    gaps.append((0.0, float(times[0]), OUTSIDE))
    if duration_s - last_s > 0.5:
        gaps.append((last_s, duration_s, OUTSIDE))
    return gaps

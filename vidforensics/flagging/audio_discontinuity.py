"""Flag stretches of speech whose sound came from another source than what surrounds them.

The evidence of one clip goes in; a score track, segments labelled `audio_splice` and coverage come out. Each
stretch of 0.8 to 12 s is compared with up to 10 s before and behind it by noise floor and spectrum, within
its shot only, as sound that changes with the picture is editing. Where the speech network listened, what it
heard decides with the sound's own measures what is speech. Cuts within one recording, which leave
almost no trace after a lossy codec, are not looked for.
Source: Zhao et al., Audio splicing detection and localization using environmental signature (2014).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.audio_discontinuity_model import Model, load_model, measures
from vidforensics.flagging.audio_discontinuity_steps import (
    AROUND_STEPS,
    STRIDE,
    Steps,
    speech_measures,
    steps_of,
)
from vidforensics.flagging.audio_discontinuity_stretches import Stretches, stretches
from vidforensics.flagging.binarise import BinariseOptions, binarise, runs_of
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import not_assessed, tile
from vidforensics.flagging.sync_input import grid_speech
from vidforensics.types import Detection, Evidence, Label, ScoreTrack, Segment, Speech

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, IntArray

LEAST_S = 3.0
LEAST_SPEECH_SHARE = 0.75
LEAST_RANGE_DB = 10.0
LIKELY_SPEECH = 0.5
LEAST_HEARD_SHARE = 0.3
LISTED_BELOW_THRESHOLD = 2.0
"""Candidates so far below the threshold (log odds) are still given, marked as not listed."""

MAX_SEGMENTS = 200
EDGE_S = 0.25
NO_SPEECH = "no clear speech in a shot long enough to compare"
BASIS = (
    "The noise floor and spectrum of this stretch of speech differ from the sound before and behind it more "
    "than one recording usually differs from itself."
)


class AudioDiscontinuityDetector:
    """Compares every stretch of the first sound track with its surroundings."""

    name = "audio_discontinuity"
    label: Label = "audio_splice"

    def detect(self, evidence: Evidence) -> Detection:
        """Look at the first sound track of one clip."""
        duration_s = evidence.duration_s
        if not evidence.features.sounds:
            return Detection(self.name, coverage=not_assessed(self.name, duration_s, "no sound"))
        steps = steps_of(evidence.features.sounds[0])
        if steps.times_s[-1] - steps.times_s[0] < LEAST_S:
            reason = f"less than {LEAST_S:.0f} s of sound"
            return Detection(self.name, coverage=not_assessed(self.name, duration_s, reason))
        model, speech = load_model(), evidence.features.speech
        scores = scored(steps, model, spoken(steps, model, speech), picture_cuts_s(evidence))
        threshold = model.threshold if speech is not None else model.threshold_unheard
        track = ScoreTrack(
            self.name, "sound from another source", "log odds", steps.times_s[:-1], scores, threshold
        )
        return Detection(
            detector=self.name,
            tracks=(track,),
            segments=_segments(self.name, self.label, track, duration_s),
            coverage=tile(self.name, duration_s, _gaps(steps, scores, duration_s)),
        )


def picture_cuts_s(evidence: Evidence) -> FloatArray:
    """Times where the picture changes, float64 (n,), ascending: both ends of gradual transitions."""
    times: list[float] = []
    for shot in evidence.extraction.shots[:-1]:
        ends = (shot.transition_start_s, shot.end_s, shot.transition_end_s)
        times += [t for t in ends if t is not None]
    return np.sort(np.array(times, np.float64))


def spoken(steps: Steps, model: Model, speech: Speech | None) -> BoolArray:
    """Which steps are speech, judged over 4 s by the sound's measures and by the network where it listened.

    Args:
        steps: T steps of one track.
        model: weights.
        speech: heard in that track; None where nobody listened.

    Returns: bool (T,).
    """
    values = speech_measures(steps.levels)
    odds = np.where(values[:, 0] >= LEAST_RANGE_DB, model.speech(values), -np.inf)
    odds = np.clip(odds, -10.0, 10.0)
    at = np.arange(len(odds)) * STRIDE
    like_speech: BoolArray = np.interp(np.arange(len(steps.levels)), at, odds) > 0.0
    return like_speech if speech is None else like_speech & _heard(steps, speech)


def _heard(steps: Steps, speech: Speech) -> BoolArray:
    """Steps about which somebody speaks for LEAST_HEARD_SHARE of 4 s or more, bool (T,)."""
    middles_s = (steps.times_s[:-1] + steps.times_s[1:]) / 2
    speaks = grid_speech(speech, middles_s) > LIKELY_SPEECH
    padded = np.pad(speaks.astype(np.float64), (AROUND_STEPS // 2, AROUND_STEPS // 2 - 1), mode="edge")
    share = np.convolve(padded, np.full(AROUND_STEPS, 1 / AROUND_STEPS), "valid")
    heard: BoolArray = share >= LEAST_HEARD_SHARE
    return heard


def scored(steps: Steps, model: Model, spoken: BoolArray, cuts_s: FloatArray) -> FloatArray:
    """Per step the score of the best stretch there, stretches not overlapping; NaN where none was assessed.

    Args:
        steps: T steps of one track.
        model: weights.
        spoken: bool (T,), which steps sound like speech.
        cuts_s: times of picture cuts; sound is compared only within a shot.

    Returns: float64 (T,), log odds.
    """
    scores: FloatArray = np.full(len(steps.levels), np.nan)
    inside = np.searchsorted(steps.times_s[:-1], cuts_s)
    borders = np.unique(np.concatenate([[0], inside, [len(scores)]]))
    for start, end in itertools.pairwise(borders):
        _score_shot(steps.levels[start:end], model, spoken[start:end], scores[start:end])
    return scores


def _score_shot(levels: Float32Array, model: Model, spoken: BoolArray, scores: FloatArray) -> None:
    kept: list[tuple[IntArray, IntArray, FloatArray]] = []
    for part in stretches(levels):
        fits = _is_speech(spoken, part)
        if fits.any():
            odds = model.join(measures(part, model.directions))
            kept.append((part.first[fits], part.last[fits], odds[fits]))
    if kept:
        odds = np.concatenate([k[2] for k in kept])
        order = np.argsort(-odds, kind="stable")
        first, last = np.concatenate([k[0] for k in kept]), np.concatenate([k[1] for k in kept])
        _fill(scores, first[order], last[order], odds[order])


def _fill(scores: FloatArray, first: IntArray, last: IntArray, odds: FloatArray) -> None:
    """Give each step the odds of the best stretch that lies free of better ones, stretches in falling order.

    What only overlaps with better stretches was assessed too: it takes the lowest odds.
    """
    taken = np.zeros(len(scores), bool)
    for a, b, value in zip(first, last, odds, strict=True):
        if not (taken[a] or taken[b - 1] or taken[a:b].any()):
            scores[a:b] = value
            taken[a:b] = True
    depth = np.zeros(len(scores) + 1, np.int64)
    np.add.at(depth, first, 1)
    np.add.at(depth, last, -1)
    scores[(np.cumsum(depth)[:-1] > 0) & ~taken] = odds[-1]


def _is_speech(spoken: BoolArray, part: Stretches) -> BoolArray:
    """Stretches that are mostly speech within and around, bool (P,)."""
    total = np.concatenate([[0], np.cumsum(spoken)])
    first, last, before, behind = part.first, part.last, part.before_steps, part.behind_steps
    inner = (total[last] - total[first]) / (last - first)
    around = total[first] - total[first - before] + total[last + behind] - total[last]
    fits: BoolArray = (inner >= LEAST_SPEECH_SHARE) & (around >= LEAST_SPEECH_SHARE * (before + behind))
    return fits


def _segments(name: str, label: Label, track: ScoreTrack, duration_s: float) -> tuple[Segment, ...]:
    """Stretches above the threshold, and weaker candidates, not listed, where there is none of those."""
    listed = binarise(track)
    weaker = binarise(track, BinariseOptions(onset=track.threshold - LISTED_BELOW_THRESHOLD))
    free = [w for w in weaker if not any(w[0] < b and a < w[1] for a, b, _ in listed)]
    strongest = sorted([*listed, *free], key=lambda s: -s[2])[:MAX_SEGMENTS]
    found = []
    for start_s, end_s, peak in sorted(strongest):
        start_s, end_s = max(0.0, start_s), min(end_s, duration_s)
        if start_s < end_s:
            score, log10_lr = calibrated(name, peak)
            listed_now = peak >= track.threshold
            found.append(Segment(start_s, end_s, label, score, log10_lr, name, BASIS, listed_now))
    return tuple(found)


def _gaps(steps: Steps, scores: FloatArray, duration_s: float) -> list[tuple[float, float, str]]:
    """What was not assessed: before and behind the sound, and where it is no clear speech."""
    borders = np.clip(steps.times_s, 0.0, duration_s)
    # the first and last half window of the track belong to the nearest step
    borders[0] = 0.0 if borders[0] <= EDGE_S else borders[0]
    borders[-1] = duration_s if duration_s - borders[-1] <= EDGE_S else borders[-1]
    gaps = [(float(borders[a]), float(borders[b]), NO_SPEECH) for a, b in runs_of(np.isnan(scores))]
    outside = "no sound here"
    return [*gaps, (0.0, float(borders[0]), outside), (float(borders[-1]), duration_s, outside)]

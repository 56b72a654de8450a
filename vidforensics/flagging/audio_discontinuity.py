"""Flag stretches of speech whose sound came from another source than what surrounds them.

The evidence of one clip goes in; a score track, segments labelled `audio_splice` and coverage come out. Each
stretch of 0.8 to 12 s is compared with up to 10 s before and behind it by noise floor, spectrum,
reverberation and voice, within its shot only, as sound that changes with the picture is editing. Where the
speech or the voice network is not installed, the voice is left out and the sound's own measures say what is
speech. Cuts within one recording, which leave almost no trace after a lossy codec, are not looked for.
Source: Zhao et al., Audio splicing detection and localization using environmental signature (2014).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.audio_discontinuity_changes import change_tracks
from vidforensics.flagging.audio_discontinuity_model import JoinModel, Model, load_model, measures
from vidforensics.flagging.audio_discontinuity_steps import (
    AROUND_STEPS,
    STRIDE,
    Steps,
    speech_measures,
    steps_of,
)
from vidforensics.flagging.audio_discontinuity_stretches import Stretches, stretches
from vidforensics.flagging.audio_discontinuity_voices import LIKELY_SPEECH, VoiceSums
from vidforensics.flagging.binarise import BinariseOptions, binarise, runs_of
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import not_assessed, tile
from vidforensics.flagging.sync_input import grid_speech
from vidforensics.types import Detection, Evidence, Label, ScoreTrack, Segment, Shot, Speech, Voices

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, IntArray

LEAST_S = 3.0
LEAST_SPEECH_SHARE = 0.75
LEAST_RANGE_DB = 10.0
LEAST_HEARD_SHARE = 0.3
LISTED_BELOW_THRESHOLD = 2.0
"""Candidates so far below the threshold (log odds) are still given, marked as not listed."""

MAX_SEGMENTS = 200
EDGE_S = 0.25
NO_SPEECH = "no clear speech in a shot long enough to compare"
BASIS = (
    "The noise floor, spectrum and reverberation of this stretch of speech differ from the sound before "
    "and behind it more than one recording usually differs from itself. Voices were not told apart, as the "
    "models of speech and voices are not installed."
)
BASIS_HEARD = (
    "The noise floor, spectrum, reverberation and voice of this stretch of speech together differ from the "
    "speech before and behind it more than those of one recording usually do. Another person who speaks in "
    "the same room is mostly, but not always, told from that."
)


@dataclass(frozen=True, slots=True)
class Judge:
    """What one track is judged by: weights, and bool (T,) which steps are speech; voices where told apart."""

    model: JoinModel
    spoken: BoolArray
    voices: VoiceSums | None = None


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
        judge = judge_of(steps, load_model(), evidence.features.speech, evidence.features.voices)
        cuts_s = cuts_between(evidence.extraction.shots)
        scores = scored(steps, judge, cuts_s)
        track = ScoreTrack(
            self.name,
            "sound from another source",
            "log odds",
            steps.times_s[:-1],
            scores,
            judge.model.threshold,
        )
        return Detection(
            detector=self.name,
            tracks=(track, *change_tracks(self.name, steps, judge.voices, cuts_s)),
            segments=_segments(self.name, self.label, track, duration_s, _basis(judge)),
            coverage=tile(self.name, duration_s, _gaps(steps, scores, duration_s)),
            listed_from_log10_lr=calibrated(self.name, track.threshold)[1],
        )


def judge_of(steps: Steps, model: Model, speech: Speech | None, voices: Voices | None) -> Judge:
    """How a track is judged: with its voices where both networks listened, without them elsewhere."""
    if speech is None or voices is None:
        return Judge(model.unheard, like_speech(steps, model))
    return Judge(model.heard, heard(steps, speech), VoiceSums.of(voices, speech))


def _basis(judge: Judge) -> str:
    return BASIS if judge.voices is None else BASIS_HEARD


def cuts_between(shots: Sequence[Shot]) -> FloatArray:
    """Times where the picture changes, float64 (n,), ascending: both ends of gradual transitions."""
    times: list[float] = []
    for shot in shots[:-1]:
        ends = (shot.transition_start_s, shot.end_s, shot.transition_end_s)
        times += [t for t in ends if t is not None]
    return np.sort(np.array(times, np.float64))


def like_speech(steps: Steps, model: Model) -> BoolArray:
    """Which steps sound like speech, judged over 4 s by the sound's own measures, bool (T,)."""
    values = speech_measures(steps.levels)
    odds = np.where(values[:, 0] >= LEAST_RANGE_DB, model.speech(values), -np.inf)
    odds = np.clip(odds, -10.0, 10.0)
    at = np.arange(len(odds)) * STRIDE
    like: BoolArray = np.interp(np.arange(len(steps.levels)), at, odds) > 0.0
    return like


def heard(steps: Steps, speech: Speech) -> BoolArray:
    """Steps about which somebody speaks for LEAST_HEARD_SHARE of 4 s or more, bool (T,)."""
    middles_s = (steps.times_s[:-1] + steps.times_s[1:]) / 2
    speaks = grid_speech(speech, middles_s) > LIKELY_SPEECH
    padded = np.pad(speaks.astype(np.float64), (AROUND_STEPS // 2, AROUND_STEPS // 2 - 1), mode="edge")
    share = np.convolve(padded, np.full(AROUND_STEPS, 1 / AROUND_STEPS), "valid")
    found: BoolArray = share >= LEAST_HEARD_SHARE
    return found


def scored(steps: Steps, judge: Judge, cuts_s: FloatArray) -> FloatArray:
    """Per step the score of the best stretch there, stretches not overlapping; NaN where none was assessed.

    Args:
        steps: T steps of one track.
        judge: what they are judged by.
        cuts_s: times of picture cuts; sound is compared only within a shot.

    Returns: float64 (T,), log odds.
    """
    scores: FloatArray = np.full(len(steps.levels), np.nan)
    inside = np.searchsorted(steps.times_s[:-1], cuts_s)
    borders = np.unique(np.concatenate([[0], inside, [len(scores)]]))
    for start, end in itertools.pairwise(borders):
        shot = Steps(steps.times_s[start : end + 1], steps.levels[start:end])
        _score_shot(shot, replace(judge, spoken=judge.spoken[start:end]), scores[start:end])
    return scores


def _score_shot(shot: Steps, judge: Judge, scores: FloatArray) -> None:
    kept: list[tuple[IntArray, IntArray, FloatArray]] = []
    for part in stretches(shot.levels):
        fits = is_speech(judge.spoken, part)
        if fits.any():
            fitting = part.only(fits)
            odds = judge.model.odds(measured(shot, fitting, judge))
            kept.append((fitting.first, fitting.last, odds))
    if kept:
        odds = np.concatenate([k[2] for k in kept])
        order = np.argsort(-odds, kind="stable")
        first, last = np.concatenate([k[0] for k in kept]), np.concatenate([k[1] for k in kept])
        _fill(scores, first[order], last[order], odds[order])


def measured(steps: Steps, part: Stretches, judge: Judge) -> Float32Array:
    """All that the weights see of some stretches of one shot, float32 (P, k + 17), or 8 more with voices."""
    of_sound = measures(part, judge.model.directions, summed=judge.model.summed)
    if judge.voices is None:
        return of_sound
    shot_s = float(steps.times_s[0]), float(steps.times_s[-1])
    of_voice = judge.voices.measures(steps.times_s[part.first], steps.times_s[part.last], shot_s)
    return np.concatenate([of_sound, of_voice], axis=1)


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


def is_speech(spoken: BoolArray, part: Stretches) -> BoolArray:
    """Stretches that are mostly speech within and around, bool (P,)."""
    total = np.concatenate([[0], np.cumsum(spoken)])
    first, last, before, behind = part.first, part.last, part.before_steps, part.behind_steps
    inner = (total[last] - total[first]) / (last - first)
    around = total[first] - total[first - before] + total[last + behind] - total[last]
    fits: BoolArray = (inner >= LEAST_SPEECH_SHARE) & (around >= LEAST_SPEECH_SHARE * (before + behind))
    return fits


def _segments(
    name: str, label: Label, track: ScoreTrack, duration_s: float, basis: str
) -> tuple[Segment, ...]:
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
            found.append(Segment(start_s, end_s, label, score, log10_lr, name, basis, listed_now))
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

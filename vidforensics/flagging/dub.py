"""Flag stretches where the voice is not the visible mouth's: replaced, or slid against the picture.

Face tracks, sound levels and speech of one clip go in; a score track, segments labelled `dub` and coverage
come out. Judged is only speech while a face is on camera, is large enough and moves its mouth; of several
faces at once one that fits is enough. Off-camera speech is not assessed. Lip-synced fakes, whose picture was
made to fit, are not found by this.
Source: Chung & Zisserman, Out of time (2016); Korshunov & Marcel, Speaker inconsistency detection (2018).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.errors import MissingModelError
from vidforensics.flagging.audio_discontinuity_changes import VOICE_CHANGE
from vidforensics.flagging.binarise import BinariseOptions, binarise, runs_of
from vidforensics.flagging.coverage import Gap, not_assessed, tile
from vidforensics.flagging.sync_gates import NO_FACE, Gate, gate_of
from vidforensics.flagging.sync_input import (
    RATE_HZ,
    FaceStretch,
    face_stretches,
    heard_features,
    seen_features,
)
from vidforensics.flagging.sync_net import agreement_by_lag
from vidforensics.flagging.sync_spans import LAGS, NEAR, own_lag, spans
from vidforensics.spool import let_pages_go
from vidforensics.types import Detection, Evidence, Label, ScoreTrack, Segment

if TYPE_CHECKING:
    from vidforensics.flagging.sync_model import SyncModel
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray

Line = Callable[["FloatArray"], "FloatArray"]
LISTED_BELOW_THRESHOLD = 2.0
STEP_S = 0.2
"""Resolution of the score track."""

SHUT = "speech while the only mouth in view is shut"
OTHER_VOICE = "voice changes while one face stays"
STAYS_S = 1.6
"""A face stays where it is on camera for so long before and behind."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One stretch of face: log odds per step of the 25 Hz grid, NaN where the gate was shut.

    lag_steps is the lag at which the whole stretch agrees, None where none stands out.
    """

    start_s: float
    odds: FloatArray
    gate: Gate
    lag_steps: int | None

    @property
    def end_s(self) -> float:
        """Time of the last step."""
        return self.start_s + (len(self.odds) - 1) / RATE_HZ


class DubDetector:
    """Compares every visible mouth with the first sound track."""

    name = "sync"
    label: Label = "dub"

    def detect(self, evidence: Evidence) -> Detection:
        """Look at every on-camera speaker of one clip."""
        duration_s, faces, speech = evidence.duration_s, evidence.features.faces, evidence.features.speech
        reason = self._obstacle(evidence)
        if speech is None or reason is not None:
            return Detection(self.name, coverage=not_assessed(self.name, duration_s, reason or NO_FACE))
        try:
            from vidforensics.flagging.sync_model import load_model

            model = load_model()
        except MissingModelError as error:
            return Detection(self.name, coverage=not_assessed(self.name, duration_s, str(error)))
        sound = evidence.features.sounds[0]
        judged = []
        for track in faces.tracks:
            for item in face_stretches(track, sound, speech):
                judged.append(judge(item, model))
                let_pages_go()
        return self._answer(judged, evidence, model.config.threshold, model)

    def _obstacle(self, evidence: Evidence) -> str | None:
        """Why nothing can be said of the clip; None where something can."""
        features, faces = evidence.features, evidence.features.faces
        if not features.sounds:
            return "no sound"
        if faces.not_sought is not None:
            return faces.not_sought
        if features.speech is None:
            return features.speech_not_sought
        return None if faces.tracks else NO_FACE

    def _answer(
        self, judged: Sequence[Judged], evidence: Evidence, threshold: float, model: SyncModel
    ) -> Detection:
        duration_s = evidence.duration_s
        times_s = np.arange(0.0, max(duration_s, STEP_S), STEP_S)
        scores = best_fitting(judged, times_s)
        track = ScoreTrack(self.name, "voice not this mouth's", "log odds", times_s, scores, threshold)
        return Detection(
            detector=self.name,
            tracks=(
                track,
                ScoreTrack(self.name, SHUT, "share of 4 s", times_s, shut(judged, times_s), np.nan),
                *other_voices(self.name, evidence),
            ),
            segments=self._segments(track, judged, duration_s, model),
            coverage=tile(self.name, duration_s, gaps(judged, scores, times_s, duration_s)),
            listed_from_log10_lr=model.config.calibration.apply(threshold)[1],
        )

    def _segments(
        self, track: ScoreTrack, judged: Sequence[Judged], duration_s: float, model: SyncModel
    ) -> tuple[Segment, ...]:
        found = []
        for start_s, end_s, peak in candidates(track):
            end_s = min(end_s, duration_s)
            score, log10_lr = model.config.calibration.apply(peak)
            basis = _basis(judged, start_s, end_s)
            listed_now = peak >= track.threshold
            found.append(Segment(start_s, end_s, self.label, score, log10_lr, self.name, basis, listed_now))
        return tuple(found)


def candidates(track: ScoreTrack) -> list[tuple[float, float, float]]:
    """Stretches above the threshold and, where there is none of those, weaker ones: (start, end, peak)."""
    listed = binarise(track)
    weaker = binarise(track, BinariseOptions(onset=track.threshold - LISTED_BELOW_THRESHOLD))
    free = [w for w in weaker if not any(w[0] < b and a < w[1] for a, b, _ in listed)]
    return sorted([*listed, *free])


def judge(item: FaceStretch, model: SyncModel) -> Judged:
    """Log odds of one stretch of face against its sound."""
    seen, heard = seen_features(item.shapes, item.mouths), heard_features(item.levels)
    agreement = agreement_by_lag(model.networks, seen, heard, LAGS)
    agreement[:, ~item.sounding] = np.nan
    lag, gate = own_lag(agreement), gate_of(item)
    odds = pooled_odds(agreement, gate, lag or 0, model.config.log_odds)
    return Judged(item.start_s, odds, gate, lag)


def pooled_odds(agreement: Float32Array, gate: Gate, centre: int, line: Line) -> FloatArray:
    """Per step the log odds of the likeliest stretch there, stretches not overlapping; NaN where none passed.

    Args:
        agreement: float32 (len(LAGS), n).
        gate: which stretches may be judged.
        centre: the stretch's own lag, in steps.
        line: from measures of a stretch to log odds.
    """
    firsts, lasts, odds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for some in spans(agreement, centre):
        passed = gate.passes(some.first, some.last)
        firsts.append(some.first[passed])
        lasts.append(some.last[passed])
        odds.append(line(some.measures[passed]))
    first, last, value = np.concatenate(firsts), np.concatenate(lasts), np.concatenate(odds)
    return _laid_out(agreement.shape[1], first, last, value)


def _laid_out(count: int, first: IntArray, last: IntArray, odds: FloatArray) -> FloatArray:
    """Give each step the odds of the best stretch that lies free of better ones; the rest the lowest."""
    scores: FloatArray = np.full(count, np.nan)
    taken = np.zeros(count, bool)
    order = np.argsort(-odds, kind="stable")
    for i in order:
        a, b = int(first[i]), int(last[i])
        if not (taken[a] or taken[b - 1] or taken[a:b].any()):
            scores[a:b] = odds[i]
            taken[a:b] = True
    lowest = float(odds.min()) if len(odds) else np.nan
    for a, b in zip(first, last, strict=True):
        part = scores[a:b]
        part[np.isnan(part)] = lowest
    return scores


def best_fitting(judged: Sequence[Judged], times_s: FloatArray) -> FloatArray:
    """Score per time: the lowest log odds of the faces on camera then, as one that fits is enough.

    Args:
        judged: stretches of face.
        times_s: float64 (n,), ascending.

    Returns:
        float64 (n,), NaN where nothing was judged.
    """
    scores: FloatArray = np.full(len(times_s), np.nan)
    for one in judged:
        index = np.floor((times_s - one.start_s) * RATE_HZ).astype(np.int64)
        inside = (index >= 0) & (index < len(one.odds))
        values = np.full(len(times_s), np.nan)
        values[inside] = one.odds[index[inside]]
        scores = np.fmin(scores, values)
    return scores


def shut(judged: Sequence[Judged], times_s: FloatArray) -> FloatArray:
    """How much of the 2 s on both sides somebody speaks and the one mouth on camera does not.

    Args:
        judged: stretches of face.
        times_s: float64 (n,), ascending.

    Returns:
        float64 (n,), 0–1; NaN where no face or more than one is on camera.
    """
    shares: FloatArray = np.full(len(times_s), np.nan)
    faces = np.zeros(len(times_s), np.int64)
    for one in judged:
        index = np.floor((times_s - one.start_s) * RATE_HZ).astype(np.int64)
        inside = (index >= 0) & (index < len(one.odds))
        faces[inside] += 1
        shares[inside] = one.gate.shut_share(index[inside])
    shares[faces != 1] = np.nan
    return shares


def other_voices(name: str, evidence: Evidence) -> Iterator[ScoreTrack]:
    """The change of voice measured before, where one face is on camera throughout; none where it was not.

    Args:
        name: of the detector.
        evidence: with the answers of earlier detectors.
    """
    tracks = [t for answer in evidence.earlier for t in answer.tracks if t.name == VOICE_CHANGE]
    for track in tracks[:1]:
        stays = np.zeros(len(track.times_s), bool)
        for face in (f for f in evidence.features.faces.tracks if len(f.times_s)):
            first_s, last_s = float(face.times_s[0]) + STAYS_S, float(face.times_s[-1]) - STAYS_S
            stays |= (track.times_s >= first_s) & (track.times_s <= last_s)
        scores = np.where(stays, track.scores, np.nan)
        yield replace(track, detector=name, name=OTHER_VOICE, scores=scores)


def gaps(judged: Sequence[Judged], scores: FloatArray, times_s: FloatArray, duration_s: float) -> list[Gap]:
    """What was not assessed, each with the best reason that any face there gives."""
    worst = np.zeros(len(times_s), np.int64)  # no face
    for one in judged:
        index = np.floor((times_s - one.start_s) * RATE_HZ).astype(np.int64)
        inside = (index >= 0) & (index < len(one.odds))
        worst[inside] = np.maximum(worst[inside], one.gate.reason_number(index[inside]))
    found: list[Gap] = []
    for number, reason in enumerate(Gate.reasons()):
        here = np.isnan(scores) & (worst == number)
        for a, b in runs_of(here):
            end_s = float(times_s[b]) if b < len(times_s) else duration_s
            found.append((float(times_s[a]), end_s, reason))
    return found


def _basis(judged: Sequence[Judged], start_s: float, end_s: float) -> str:
    middle = (start_s + end_s) / 2
    here = [j for j in judged if j.start_s <= middle <= j.end_s]
    text = (
        "The movements of the mouth on camera do not follow the voice in this stretch, at any shift of up to "
        f"{NEAR / RATE_HZ:.1f} s"
    )
    lag = next((j.lag_steps for j in here if j.lag_steps is not None), None)
    if lag is not None:
        text += f"; in the whole shot around it they follow it best with the sound {_words(lag)}"
    return text + "."


def _words(lag_steps: int) -> str:
    if lag_steps == 0:
        return "where it is"
    return f"{abs(lag_steps) / RATE_HZ:.2f} s {'late' if lag_steps > 0 else 'early'}"

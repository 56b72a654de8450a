"""The sync detector's arithmetic, gates, pooling, coverage and refusals, on made-up faces."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.flagging.conformance import Given, check_promises, evidence_of
from vidforensics.flagging import sync_spans
from vidforensics.flagging.audio_discontinuity_changes import VOICE_CHANGE
from vidforensics.flagging.dub import DubDetector, best_fitting, gaps, other_voices, pooled_odds, shut
from vidforensics.flagging.dub import Judged as Judgement
from vidforensics.flagging.sync_gates import CLOSED, NO_FACE, SILENT, SMALL, gate_of
from vidforensics.flagging.sync_input import FaceStretch, face_stretches, heard_features, seen_features
from vidforensics.flagging.sync_spans import LAGS, own_lag, spans
from vidforensics.types import Detection, Faces, FaceTrack, ScoreTrack, SoundSeries, Speech


def stretch(seconds: float = 12.0, start_s: float = 0.0, seed: int = 1, **changes: object) -> FaceStretch:
    rng = np.random.default_rng(seed)
    count = round(seconds * 25)
    made = FaceStretch(
        start_s=start_s,
        shapes=rng.normal(0, 0.05, (count, 48)).astype(np.float32),
        mouths=rng.integers(0, 255, (count, 24, 24)).astype(np.uint8),
        levels=rng.normal(-50, 10, (count, 4, 34)).astype(np.float32),
        speech=np.ones(count, np.float32),
        eyes_px=np.full(count, 60, np.float32),
        sounding=np.ones(count, bool),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def agreement(count: int, lag: int | None, rng: np.random.Generator) -> np.ndarray:  # type: ignore[type-arg]
    """Noise, and agreement at one lag."""
    values = rng.normal(0.1, 0.2, (len(LAGS), count)).astype(np.float32)
    if lag is not None:
        values[LAGS.index(lag)] += 0.4
    return values


def peak_only(measures: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Log odds of a dub: low agreement is suspicious."""
    return 10.0 * (0.3 - measures[:, 0])


def test_span_measures_equal_the_slow_way() -> None:
    values = agreement(260, 3, np.random.default_rng(2))
    values[5, 40:80] = np.nan
    lags = np.array(LAGS)
    for some in spans(values):
        for k in range(0, len(some.first), 7):
            part = values[:, some.first[k] : some.last[k]]
            there = np.isfinite(part)
            enough = there.mean(axis=1) >= sync_spans.LEAST_VALID
            means = np.array([part[i][there[i]].mean() if enough[i] else np.nan for i in range(len(lags))])
            near = means[np.abs(lags) <= 5]
            far = means[(np.abs(lags) > 10) & np.isfinite(means)]
            assert some.measures[k, 0] == pytest.approx(np.nanmax(near), abs=1e-5)
            height = (np.nanmax(near) - far.mean()) / (far.std() + 0.02)
            assert some.measures[k, 1] == pytest.approx(height, abs=1e-3)
            assert some.lag_steps[k] == lags[np.abs(lags) <= 5][np.nanargmax(near)]


def test_spans_cover_every_length_and_short_stretches_give_none() -> None:
    values = agreement(260, 0, np.random.default_rng(3))
    assert [int(s.last[0] - s.first[0]) for s in spans(values)] == [100, 150, 200, 260]
    assert list(spans(agreement(99, 0, np.random.default_rng(3)))) == []


@pytest.mark.parametrize("lag", [-20, -3, 0, 4, 17])
def test_a_constant_lag_is_found(lag: int) -> None:
    assert own_lag(agreement(300, lag, np.random.default_rng(4))) == lag


def test_no_lag_stands_out_of_noise_or_silence() -> None:
    assert own_lag(agreement(300, None, np.random.default_rng(5))) is None
    assert own_lag(np.full((len(LAGS), 200), np.nan, np.float32)) is None


def test_the_stretch_that_disagrees_is_laid_out() -> None:
    rng = np.random.default_rng(6)
    values = agreement(600, 0, rng)
    values[:, 200:400] = agreement(200, None, rng)
    odds = pooled_odds(values, gate_of(stretch(24.0)), 0, peak_only)
    flagged = np.flatnonzero(odds > 0)
    assert flagged[0] == pytest.approx(200, abs=50)
    assert flagged[-1] == pytest.approx(400, abs=50)
    assert np.isfinite(odds).all()


def test_a_constant_lag_is_no_dub_about_that_lag() -> None:
    values = agreement(300, 15, np.random.default_rng(7))
    gate = gate_of(stretch(12.0))
    assert (pooled_odds(values, gate, 0, peak_only) > 0).all()
    assert (pooled_odds(values, gate, 15, peak_only) < 0).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"speech": np.zeros(300, np.float32)}, SILENT),
        ({"sounding": np.zeros(300, bool)}, SILENT),
        ({"eyes_px": np.full(300, 15, np.float32)}, SMALL),
        ({"shapes": np.zeros((300, 48), np.float32)}, CLOSED),
    ],
)
def test_gates_shut_with_a_reason(changes: dict[str, object], reason: str) -> None:
    face = stretch(12.0, **changes)
    gate = gate_of(face)
    odds = pooled_odds(agreement(300, None, np.random.default_rng(8)), gate, 0, peak_only)
    assert np.isnan(odds).all()
    times_s = np.arange(0, 15, 0.2)
    found = gaps([Judgement(face.start_s, odds, gate, None)], np.full(len(times_s), np.nan), times_s, 15.0)
    assert sorted(found) == [(0.0, pytest.approx(12.0), reason), (pytest.approx(12.0), 15.0, NO_FACE)]


def test_of_two_faces_the_one_that_fits_decides() -> None:
    speaking, listening = stretch(4.0), stretch(4.0, start_s=1.0)
    gate = gate_of(speaking)
    judged = [
        Judgement(speaking.start_s, np.full(100, -2.0), gate, 0),
        Judgement(listening.start_s, np.full(100, 3.0), gate, None),
    ]
    scores = best_fitting(judged, np.array([0.0, 2.0, 4.5, 6.0]))
    assert scores == pytest.approx([-2.0, -2.0, 3.0, np.nan], nan_ok=True)


def test_a_shut_mouth_while_somebody_speaks_is_told_where_it_is_the_only_one() -> None:
    lips = np.random.default_rng(9).normal(0, 0.05, (300, 48)).astype(np.float32)
    lips[150:] = lips[149]
    times_s = np.arange(0.0, 16.0, 0.2)

    def judged(start_s: float, shapes: np.ndarray, speech: np.ndarray | None = None) -> Judgement:  # type: ignore[type-arg]
        heard = np.ones(300, np.float32) if speech is None else speech
        face = stretch(12.0, start_s, shapes=shapes, speech=heard)
        return Judgement(start_s, np.zeros(300), gate_of(face), None)

    alone = shut([judged(0.0, lips)], times_s)
    assert alone[times_s < 3.5] == pytest.approx(0.0)
    assert alone[(times_s > 8.5) & (times_s < 12.0)] == pytest.approx(1.0)
    assert np.isnan(alone[times_s >= 12.0]).all()
    two = shut([judged(0.0, lips), judged(6.0, lips)], times_s)
    assert np.isnan(two[(times_s > 6.0) & (times_s < 12.0)]).all()
    quiet = shut([judged(0.0, lips, np.zeros(300, np.float32))], times_s)
    assert quiet[times_s < 12.0] == pytest.approx(0.0)
    assert np.isnan(shut([], times_s)).all()


def test_a_voice_that_changes_is_told_where_one_face_stays() -> None:
    times_s = np.arange(0.0, 20.0, 0.4)
    change = ScoreTrack("audio_discontinuity", VOICE_CHANGE, "1 − cosine", times_s, np.full(50, 0.4), np.nan)
    faces = Faces((track(np.arange(2.0, 9.0, 0.04)), track(np.arange(12.0, 13.0, 0.04))))
    evidence = evidence_of(Given(times_s=(0.0, 10.0, 20.0)))
    evidence = replace(evidence, features=replace(evidence.features, faces=faces))
    assert list(other_voices("sync", evidence)) == []
    evidence = replace(evidence, earlier=(Detection("audio_discontinuity", tracks=(change,)),))
    (found,) = other_voices("sync", evidence)
    known = found.times_s[np.isfinite(found.scores)]
    assert known.min() == pytest.approx(3.6)
    assert known.max() == pytest.approx(7.2)
    assert found.detector == "sync"


def test_features_say_nothing_of_level_and_place() -> None:
    face = stretch(6.0)
    assert heard_features(face.levels + 12) == pytest.approx(heard_features(face.levels), abs=1e-3)
    assert seen_features(face.shapes + 3, face.mouths) == pytest.approx(
        seen_features(face.shapes, face.mouths), abs=1e-2
    )


def track(times_s: np.ndarray) -> FaceTrack:  # type: ignore[type-arg]
    count = len(times_s)
    return FaceTrack(
        times_s=times_s,
        boxes=np.zeros((count, 3), np.float32),
        eyes_px=np.full(count, 50, np.float32),
        presence=np.ones(count, np.float32),
        shapes=np.random.default_rng(1).normal(0, 0.1, (count, 24, 2)).astype(np.float32),
        mouths=np.zeros((count, 24, 24), np.uint8),
    )


def sound(seconds: float, start_s: float = 0.0) -> SoundSeries:
    times_s = start_s + np.arange(round(seconds * 100)) / 100
    codes = np.random.default_rng(2).integers(60, 200, (len(times_s), 58)).astype(np.uint8)
    return SoundSeries(0, 0.01, times_s, {"band_code": codes})


SPOKEN = Speech(np.arange(0, 200, 0.032), np.ones(6250, np.float32))


def test_long_tracks_are_cut_and_gaps_split_them() -> None:
    whole = list(face_stretches(track(np.arange(0, 130, 1 / 25)), sound(130), SPOKEN))
    assert [round(s.start_s, 1) for s in whole] == [
        0.0,
        pytest.approx(43.3, abs=0.1),
        pytest.approx(86.6, abs=0.1),
    ]
    times_s = np.concatenate([np.arange(0, 5, 0.04), np.arange(7, 9, 0.04), np.arange(10, 16, 0.04)])
    assert [round(s.start_s, 1) for s in face_stretches(track(times_s), sound(16), SPOKEN)] == [0.0, 10.0]


def test_variable_rate_and_late_sound_land_on_the_grid() -> None:
    rng = np.random.default_rng(9)
    times_s = np.cumsum(rng.uniform(0.02, 0.08, 200))
    (face,) = face_stretches(track(times_s), sound(5.0, start_s=3.0), SPOKEN)
    assert len(face) == int(np.ptp(times_s) * 25) + 1
    first = np.flatnonzero(face.sounding)[0]
    assert face.start_s + first / 25 == pytest.approx(3.0, abs=0.06)


def test_without_face_sound_or_model_nothing_is_assessed() -> None:
    detector = DubDetector()
    evidence = evidence_of(Given(times_s=tuple(k / 25 for k in range(200)), sound_length_s=8.0))
    for faces, word in ((Faces(not_sought="no model here"), "no model here"), (Faces(), NO_FACE)):
        features = replace(evidence.features, faces=faces, sounds=(sound(8.0),), speech=SPOKEN)
        answer = detector.detect(replace(evidence, features=features))
        check_promises(answer, "sync", "dub", evidence.duration_s)
        (row,) = answer.coverage
        assert (row.assessed, row.reason) == (False, word)
    features = replace(
        evidence.features, faces=Faces((track(np.arange(0, 8, 0.04)),)), sounds=(sound(8.0),), speech=None,
        speech_not_sought="no network here",
    )  # fmt: skip
    (row,) = detector.detect(replace(evidence, features=features)).coverage
    assert (row.assessed, row.reason) == (False, "no network here")
    silent = replace(evidence.features, faces=Faces(), sounds=())
    (row,) = detector.detect(replace(evidence, features=silent)).coverage
    assert row.reason == "no sound"


def test_the_shipped_model_is_whole_small_and_described() -> None:
    from vidforensics import models
    from vidforensics.flagging.sync_model import NAME, load_from

    folder = models.shipped_folder() / NAME
    model = load_from(folder)
    assert len(model.networks) == model.config.networks
    assert sum(p.stat().st_size for p in models.shipped_folder().rglob("*")) < 20e6
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["threshold_log_odds"] == pytest.approx(model.config.threshold, abs=1e-3)
    assert metrics["command"] in (folder / "MODEL_CARD.md").read_text("utf-8")


def test_the_replaced_voice_of_the_sample_is_likelier_a_dub_than_its_own(samples: Path) -> None:
    from vidforensics import acquisition, pipeline
    from vidforensics.features import face_accumulator, speech_accumulator
    from vidforensics.runtime import no_progress

    if isinstance(face_accumulator(), str) or isinstance(speech_accumulator(), str):
        pytest.skip("the face and speech models are not installed")
    peaks = {}
    for name in ("clean", "revoiced"):
        path = samples / f"{name}.mp4"
        talking = pipeline.follow_faces(path, acquisition.probe(path), no_progress)
        evidence = evidence_of(
            Given(times_s=tuple(k / 25 for k in range(595)), sounds=talking.sounds, sound_length_s=23.8)
        )
        features = replace(evidence.features, faces=talking.faces, speech=talking.speech)
        answer = DubDetector().detect(replace(evidence, features=features))
        check_promises(answer, "sync", "dub", evidence.duration_s)
        track = answer.tracks[0]
        inside = (track.times_s > 17.0) & (track.times_s < 20.0)
        assert np.isfinite(track.scores[inside]).all()
        peaks[name] = float(track.scores[inside].max())
    assert peaks["revoiced"] > peaks["clean"] + 2.0

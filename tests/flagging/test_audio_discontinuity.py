"""The sound-join detector on made-up tracks: shaped noise that speaks in syllables."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.flagging.conformance import Given, check_promises, evidence_of, same
from vidforensics.flagging import audio_discontinuity
from vidforensics.flagging.audio_discontinuity import AudioDiscontinuityDetector
from vidforensics.flagging.audio_discontinuity_model import (
    JoinModel,
    Logistic,
    Model,
    load_model,
    measures,
)
from vidforensics.flagging.audio_discontinuity_steps import Steps, slopes, speech_measures, steps_of
from vidforensics.flagging.audio_discontinuity_stretches import GRID_STEPS, SLOPES, stretches
from vidforensics.flagging.audio_discontinuity_voices import VOICE_MEASURES
from vidforensics.types import Shot, SoundSeries, Speech, Voices

BANDS = 58
HOP_S = 0.01


def speech_like(seconds: float, seed: int, *, floor_db: float = -75.0, tilt_db: float = 0.5) -> np.ndarray:
    """Band levels per hop: syllables four times a second with pauses, over a noise floor."""
    rng = np.random.default_rng(seed)
    count = round(seconds / HOP_S)
    times = np.arange(count) * HOP_S
    beat = np.clip(np.sin(2 * np.pi * 3.7 * times + rng.uniform(0, 6)), 0, 1) ** 0.5
    phrases = np.repeat(rng.random(count // 40 + 1) < 0.75, 40)[:count]
    formant = 8 * np.sin(np.cumsum(rng.normal(0, 0.6, count))[:, None] + np.arange(BANDS) / 6)
    voice = -30 - tilt_db * np.arange(BANDS) + formant + 20 * np.log10(beat * phrases + 1e-3)[:, None]
    floor = floor_db + rng.normal(0, 3, (count, BANDS))
    return np.maximum(voice, floor)


def series_of(levels_db: np.ndarray, start_s: float = 0.0) -> SoundSeries:
    codes = np.clip(np.rint((levels_db + 120) * 2), 0, 255).astype(np.uint8)
    return SoundSeries(0, HOP_S, start_s + 0.0107 + np.arange(len(codes)) * HOP_S, {"band_code": codes})


def detect(
    levels_db: np.ndarray,
    *,
    cuts_s: tuple[float, ...] = (),
    length_s: float | None = None,
    speech: Speech | None = None,
    voices: Voices | None = None,
):
    seconds = len(levels_db) * HOP_S if length_s is None else length_s
    edges = (0.0, *cuts_s, seconds)
    shots = tuple(Shot(a, b, "cut" if b != seconds else None) for a, b in itertools.pairwise(edges))
    evidence = evidence_of(Given(shots=shots, sounds=(series_of(levels_db),), sound_length_s=seconds))
    evidence = replace(evidence, features=replace(evidence.features, speech=speech, voices=voices))
    detector = AudioDiscontinuityDetector()
    detection = detector.detect(evidence)
    check_promises(detection, detector.name, detector.label, evidence.duration_s)
    assert same(detection, detector.detect(evidence))
    return detection


def plain_model() -> Model:
    """Weights made by hand: the noise floor differs from the nearer side's, and the sides agree."""
    directions = np.zeros((3 * (BANDS // 2 + SLOPES), 1))
    directions[:29, 0] = 1.0 / 29
    weights = np.zeros(18)
    weights[4] = 1.0  # the nearer side's distance less that between the sides
    weights[5] = 0.05  # a little more for longer stretches
    join = Logistic(np.zeros(18), np.ones(18), weights, -2.5, 8.0)
    with_voice = np.append(weights, [0, 0, 0, 4.0, 0, 0, 0, 0])  # and the voice is nearer across than to it
    heard = Logistic(np.zeros(26), np.ones(26), with_voice, -3.5, 8.0)
    speech = Logistic(np.zeros(7), np.ones(7), np.zeros(7), 5.0, 8.0)
    return Model(
        JoinModel(directions, heard, 1.9, False),
        JoinModel(directions, join, 2.0, False),
        speech,
        "made by hand",
    )


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the detector does is tested apart from what its weights were fitted to."""
    monkeypatch.setattr(audio_discontinuity, "load_model", plain_model)


def spliced(start_s: float = 8.0, end_s: float = 11.0) -> np.ndarray:
    levels = speech_like(20.0, 1)
    other = speech_like(20.0, 2, floor_db=-52.0, tilt_db=1.3)
    a, b = round(start_s / HOP_S), round(end_s / HOP_S)
    return np.concatenate([levels[:a], other[a:b], levels[b:]])


def test_untouched_speech_is_assessed_and_not_flagged() -> None:
    detection = detect(speech_like(20.0, 1))
    assert not [s for s in detection.segments if s.listed]
    assert sum(c.end_s - c.start_s for c in detection.coverage if c.assessed) > 15


def test_another_source_is_flagged_where_it_is() -> None:
    detection = detect(spliced())
    (segment,) = [s for s in detection.segments if s.listed]
    assert segment.start_s == pytest.approx(8.0, abs=0.5)
    assert segment.end_s == pytest.approx(11.0, abs=0.5)
    assert 0.0 < segment.score < 1.0


def heard(seconds: float, speaks: tuple[float, float]) -> Speech:
    times_s = np.arange(0.016, seconds, 0.032)
    inside = (times_s >= speaks[0]) & (times_s < speaks[1])
    return Speech(times_s, np.where(inside, 0.9, 0.1).astype(np.float32))


def voices(seconds: float, others: tuple[float, float]) -> Voices:
    """One voice, and another in windows that lie mostly between two times."""
    times_s = np.arange(0.0, seconds - 1.6, 0.8)
    vectors = np.zeros((len(times_s), 256), np.float16)
    other = (times_s + 0.8 >= others[0]) & (times_s + 0.8 < others[1])
    vectors[other, 1] = vectors[~other, 0] = 1.0
    return Voices(times_s, vectors)


ALWAYS, HOST = (0.0, 20.0), (8.0, 11.0)


def test_only_what_the_network_hears_as_speech_is_assessed() -> None:
    everywhere = detect(spliced(), speech=heard(20.0, ALWAYS), voices=voices(20.0, HOST))
    assert [s.start_s for s in everywhere.segments if s.listed] == [pytest.approx(8.0, abs=0.5)]
    assert everywhere.tracks[0].threshold == 1.9
    nowhere = detect(spliced(), speech=heard(20.0, (0.0, 0.0)), voices=voices(20.0, HOST))
    assert not nowhere.segments
    assert not any(c.assessed for c in nowhere.coverage)
    first_half = detect(spliced(), speech=heard(20.0, (0.0, 6.0)), voices=voices(20.0, HOST))
    assert not [s for s in first_half.segments if s.listed]
    silent = Speech(np.zeros(0), np.zeros(0, np.float32))
    nobody = Voices(np.zeros(0), np.zeros((0, 256), np.float16))
    assert not any(c.assessed for c in detect(spliced(), speech=silent, voices=nobody).coverage)


def test_without_both_networks_it_goes_by_the_sound_alone() -> None:
    by_sound = detect(spliced())
    assert by_sound.tracks[0].threshold == 2.0
    assert same(by_sound, detect(spliced(), speech=heard(20.0, ALWAYS)))
    assert same(by_sound, detect(spliced(), voices=voices(20.0, HOST)))


def test_the_voice_adds_to_what_the_room_says() -> None:
    speech = heard(20.0, ALWAYS)
    with_voice, same_voice = (
        detect(spliced(), speech=speech, voices=voices(20.0, who)).tracks[0].scores
        for who in (HOST, (0.0, 0.0))
    )
    assert np.nanmax(with_voice) > np.nanmax(same_voice) + 1.0
    in_one_room = detect(speech_like(20.0, 1), speech=speech, voices=voices(20.0, HOST))
    assert not [s for s in in_one_room.segments if s.listed]


def test_changes_of_voice_and_room_are_tracks_that_flag_nothing() -> None:
    levels = spliced(10.0, 20.0)
    found = detect(levels, speech=heard(20.0, ALWAYS), voices=voices(20.0, (10.0, 20.0)))
    _, room, voice = found.tracks
    assert all(np.isnan(t.threshold) for t in (room, voice))
    at = float(room.times_s[np.nanargmax(room.scores)])
    assert at == pytest.approx(10.0, abs=0.5)
    assert np.nanmax(voice.scores) == pytest.approx(1.0, abs=0.05)
    assert float(voice.times_s[np.nanargmax(voice.scores)]) == pytest.approx(10.0, abs=1.0)
    assert np.isnan(room.scores[room.times_s < 1.5]).all()
    across = detect(levels, cuts_s=(10.0,)).tracks[1]
    assert np.isnan(across.scores[np.abs(across.times_s - 10.0) < 1.5]).all()
    assert len(detect(levels).tracks) == 2


def test_sound_that_changes_with_the_picture_is_editing() -> None:
    assert not [
        s
        for s in detect(spliced(), cuts_s=(8.0, 11.0)).segments
        if s.listed and s.start_s > 7 and s.end_s < 12
    ]


def test_a_join_within_a_shot_is_found_though_the_picture_is_cut_elsewhere() -> None:
    found = [s for s in detect(spliced(), cuts_s=(2.0, 17.0)).segments if s.listed]
    assert [(round(s.start_s, 1), round(s.end_s, 1)) for s in found] == [(8.0, pytest.approx(11.2, abs=0.5))]


def test_shots_too_short_to_compare_are_not_assessed() -> None:
    detection = detect(spliced(), cuts_s=tuple(np.arange(1.0, 20.0, 1.0)))
    assert not detection.segments
    assert not any(c.assessed for c in detection.coverage)


def test_no_sound_and_too_little_of_it_are_not_assessed() -> None:
    detector = AudioDiscontinuityDetector()
    silent = detector.detect(evidence_of(Given(times_s=(0.0, 1.0, 2.0))))
    assert [c.reason for c in silent.coverage] == ["no sound"]
    assert [c.reason for c in detect(speech_like(1.0, 1)).coverage] == ["less than 3 s of sound"]
    assert [c.reason for c in detect(np.zeros((0, BANDS)), length_s=0.02).coverage] == [
        "less than 3 s of sound"
    ]


@pytest.mark.parametrize("level_db", [-120.0, -40.0])
def test_silence_and_steady_sound_are_not_assessed(level_db: float) -> None:
    detection = detect(np.full((1500, BANDS), level_db))
    assert not detection.segments
    assert not any(c.assessed for c in detection.coverage)


@pytest.mark.parametrize("cut_s", [3.0, 24.999])
def test_sound_that_starts_late_keeps_its_times(cut_s: float) -> None:
    shots = (Shot(0.0, cut_s, "cut"), Shot(cut_s, 25.0, None))
    evidence = evidence_of(
        Given(sounds=(series_of(spliced(), start_s=5.0),), sound_length_s=20.0, duration_s=25.0, shots=shots)
    )
    detection = AudioDiscontinuityDetector().detect(evidence)
    room = detection.tracks[1]
    assert np.isnan(room.scores[room.times_s < 6.5]).all()
    assert np.isfinite(room.scores).any()
    check_promises(detection, "audio_discontinuity", "audio_splice", evidence.duration_s)
    (segment,) = [s for s in detection.segments if s.listed]
    assert segment.start_s == pytest.approx(13.0, abs=0.5)
    assert detection.coverage[0].reason == "no sound here"


def test_steps_are_power_means_with_borders() -> None:
    levels = np.full((12, BANDS), -60.0)
    levels[2] = -20.0
    steps = steps_of(series_of(levels))
    assert steps.levels.shape == (2, BANDS)
    assert steps.levels[0, 0] == pytest.approx(10 * np.log10((4 * 1e-6 + 1e-2) / 5), abs=0.01)
    assert steps.levels[1] == pytest.approx(-60.0)
    assert np.diff(steps.times_s) == pytest.approx(0.05)


def test_empty_steps_give_empty_measures() -> None:
    steps = steps_of(series_of(np.zeros((3, BANDS))))
    assert isinstance(steps, Steps)
    assert speech_measures(steps.levels).shape[0] == 0
    assert list(stretches(steps.levels)) == []


def test_running_histograms_equal_sorting() -> None:
    """The oracle: the level that at most a share of the sorted steps stays below."""
    levels = np.random.default_rng(4).uniform(-100, -20, (300, BANDS)).astype(np.float32)
    merged = np.maximum(levels[:, 0::2], levels[:, 1::2])
    bins = np.floor(np.concatenate([(merged + 106.0) / 2.0, (slopes(levels) + 50.0) / 2.0], axis=1))
    bins = np.clip(bins, 0, 49)
    columns = bins.shape[1]
    for part in stretches(levels):
        k = len(part.first) // 2
        a, b = part.first[k], part.last[k]
        ordered = np.sort(bins[a:b], axis=0)
        count = b - a
        middle = ordered[min(count - 1, int(np.floor(count * 0.5)))] * 2.0
        assert part.inner[k, columns : 2 * columns] == pytest.approx(middle)


def test_slopes_are_how_fast_broad_bands_rise_and_fall() -> None:
    """A band that falls by 1 dB per step, then is silent, as a room that rings and is cut off."""
    levels = np.full((20, BANDS), -120.0, np.float32)
    levels[:10, 5:9] = -30.0 - np.arange(10, dtype=np.float32)[:, None]
    found = slopes(levels)
    assert found.shape == (20, SLOPES)
    assert found[1:10, 1] == pytest.approx(-1.0, abs=1e-4)
    assert found[3:10, 8] == pytest.approx(-3.0, abs=1e-4)
    assert found[10, 1] == pytest.approx(-95.0 + 39.0)
    assert not found[:, [0, 2, 3, 4, 5, 6]].any()
    assert not found[0].any()
    assert slopes(levels[:0]).shape == (0, SLOPES)
    assert not slopes(levels[:2])[:, 7:].any()


def test_stretches_keep_to_grid_and_track() -> None:
    levels = speech_like(30.0, 3)[::5].astype(np.float32)
    for part in stretches(levels):
        assert (part.first % GRID_STEPS == 0).all()
        assert (part.last <= len(levels)).all()
        assert (part.before_steps <= part.first).all()
        assert (part.last + part.behind_steps <= len(levels)).all()
        assert (part.before_steps + part.behind_steps >= 30).all()


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from vidforensics.flagging import audio_discontinuity_stretches as module

    levels = speech_like(60.0, 3)[::5].astype(np.float32)

    def profiles() -> dict[tuple[int, int], np.ndarray]:
        return {
            (int(a), int(b)): row
            for part in stretches(levels)
            for a, b, row in zip(part.first, part.last, part.context, strict=True)
        }

    whole = profiles()
    monkeypatch.setattr(module, "CHUNK_STEPS", 20 * GRID_STEPS)
    pieces = profiles()
    assert whole.keys() == pieces.keys()
    assert all(np.array_equal(whole[key], pieces[key]) for key in whole)


def test_no_stretches_give_no_measures() -> None:
    part = next(stretches(speech_like(20.0, 1)[::5].astype(np.float32)))
    none = part.only(np.zeros(len(part.first), bool))
    assert len(measures(none, load_model().heard.directions, summed=True)) == 0


def test_weights_fit_the_measures() -> None:
    model = load_model()
    part = next(stretches(speech_like(20.0, 1)[::5].astype(np.float32)))
    assert measures(part, model.unheard.directions, summed=False).shape[1] == len(model.unheard.odds.weights)
    of_sound = measures(part, model.heard.directions, summed=True).shape[1]
    assert of_sound + VOICE_MEASURES == len(model.heard.odds.weights)
    assert model.source.startswith("python -m tests.benchmarks.audio_discontinuity")

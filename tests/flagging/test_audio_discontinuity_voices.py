"""Measures of the voice against plain means over the windows, and at a track's ends."""

from __future__ import annotations

import numpy as np
import pytest

from vidforensics.flagging.audio_discontinuity_voices import UNKNOWN, VOICE_MEASURES, VoiceSums
from vidforensics.types import Speech, Voices

SECONDS = 30.0
WHOLE = (0.0, SECONDS)


def speech_of(spoken: np.ndarray) -> Speech:  # type: ignore[type-arg]
    times_s = np.arange(0.016, SECONDS, 0.032)
    index = np.minimum((times_s / SECONDS * len(spoken)).astype(int), len(spoken) - 1)
    return Speech(times_s, np.where(spoken[index], 0.9, 0.1).astype(np.float32))


def random_voices(seed: int) -> Voices:
    rng = np.random.default_rng(seed)
    times_s = np.arange(0.0, SECONDS - 1.6, 0.8)
    vectors = np.abs(rng.normal(size=(len(times_s), 256)))
    return Voices(times_s, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16))


def direction(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    mean = (vectors * weights[:, None]).sum(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def test_measures_equal_plain_means() -> None:
    voices = random_voices(1)
    speech = speech_of(np.random.default_rng(2).random(60) < 0.7)
    sums = VoiceSums.of(voices, speech)
    weights = np.diff(sums.weights)
    first_s, last_s = 12.0, 16.0
    starts = voices.times_s
    inside = (starts >= first_s - 0.21) & (starts + 1.6 <= last_s + 0.21)
    before = (starts >= first_s - 10.0) & (starts + 1.6 <= first_s + 0.21)
    behind = (starts >= last_s - 0.21) & (starts + 1.6 <= last_s + 10.0)
    vectors = voices.vectors.astype(float)
    inner, left, right = (direction(vectors[m], weights[m]) for m in (inside, before, behind))
    around = left * weights[before].sum() + right * weights[behind].sum()
    around /= np.linalg.norm(around)
    nearest, across = max(inner @ left, inner @ right), left @ right
    much = np.log1p(weights[inside].sum())
    wanted = [1 - inner @ around, 1 - nearest, 1 - across, across - nearest, 1, 1, much, (1 - nearest) * much]
    assert sums.measures(np.array([first_s]), np.array([last_s]), WHOLE)[0] == pytest.approx(wanted, abs=1e-5)


def test_windows_weigh_by_their_share_of_speech() -> None:
    half = np.repeat([True, False], 30)
    weights = np.diff(VoiceSums.of(random_voices(3), speech_of(half)).weights)
    assert weights[:17] == pytest.approx(1.0, abs=0.03)
    assert not weights[20:].any()
    assert 0.3 < weights[18] < 0.7


def test_where_nobody_is_heard_nothing_is_known() -> None:
    silent = VoiceSums.of(random_voices(4), speech_of(np.zeros(10, bool)))
    row = silent.measures(np.array([10.0]), np.array([12.0]), WHOLE)[0]
    assert row == pytest.approx([UNKNOWN, UNKNOWN, UNKNOWN, 0, 0, 0, 0, UNKNOWN / 2])
    assert np.isnan(silent.change(np.array([10.0]), np.array([5.0]), np.array([15.0]))).all()


def test_no_window_and_no_stretch() -> None:
    nobody = Voices(np.zeros(0), np.zeros((0, 256), np.float16))
    sums = VoiceSums.of(nobody, speech_of(np.ones(10, bool)))
    assert sums.measures(np.array([1.0]), np.array([3.0]), WHOLE)[0, 4:6].tolist() == [0.0, 0.0]
    assert sums.measures(np.zeros(0), np.zeros(0), WHOLE).shape == (0, VOICE_MEASURES)


def test_stretches_at_the_ends_have_one_side() -> None:
    sums = VoiceSums.of(random_voices(5), speech_of(np.ones(10, bool)))
    first, last = sums.measures(np.array([0.0, 27.0]), np.array([3.0, 29.9]), WHOLE)
    assert first[4:6].tolist() == last[4:6].tolist() == [1.0, 0.0]
    assert first[2] == last[2] == pytest.approx(UNKNOWN)


def test_voices_of_other_shots_are_no_surroundings() -> None:
    vectors = np.zeros((36, 256), np.float16)
    vectors[:, 1] = 1.0
    vectors[13:23] = np.eye(1, 256)  # another voice in the shot from 10 to 20 s, and nobody else there
    sums = VoiceSums.of(Voices(np.arange(36) * 0.8, vectors), speech_of(np.ones(10, bool)))
    stretch = np.array([14.0]), np.array([16.0])
    assert sums.measures(*stretch, (10.4, 19.5))[0, :2] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert sums.measures(*stretch, WHOLE)[0, 0] > 0.2


def test_a_change_is_greatest_where_the_voice_changes() -> None:
    vectors = np.zeros((36, 256), np.float16)
    vectors[:18, 0] = vectors[18:, 1] = 1.0
    sums = VoiceSums.of(Voices(np.arange(36) * 0.8, vectors), speech_of(np.ones(10, bool)))
    times_s = np.arange(5.0, 25.0, 0.4)
    change = sums.change(times_s, times_s - 5.0, times_s + 5.0)
    assert times_s[np.argmax(change)] == pytest.approx(14.4, abs=1.0)
    assert change.max() == pytest.approx(1.0)
    assert change[0] == pytest.approx(0.0)

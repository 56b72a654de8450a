"""The speech network as we run it, against its publisher's own running of the same weights."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.features.make_sound import audio
from vidforensics import models
from vidforensics.features import speech
from vidforensics.features.onnx_weights import onnx_weights
from vidforensics.features.speech import SpeechAccumulator
from vidforensics.features.speech_net import CHUNK, RATE_HZ, SpeechNet


def published() -> bytes:
    """The pinned file out of the development dependency; skips where that is absent."""
    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        pytest.skip("silero-vad is not installed")
    return (Path(spec.origin).parent / "data" / models.SPEECH_FILE.name).read_bytes()


@pytest.fixture(scope="module")
def net() -> SpeechNet:
    return SpeechNet.from_weights(onnx_weights(published()))


def speech_like(seconds: float, seed: int = 1) -> np.ndarray:  # type: ignore[type-arg]
    """Buzz of a changing pitch in syllables, with noise; some of it passes for a voice."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 25)) * np.clip(np.sin(2 * np.pi * 4 * t), 0, 1)
    return (0.2 * voice + rng.normal(0, 0.003, len(t))).astype(np.float32)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the format of its other weights
def test_the_same_numbers_as_the_publisher_gets(net: SpeechNet) -> None:
    torch = pytest.importorskip("torch")
    silero_vad = pytest.importorskip("silero_vad")
    samples = speech_like(40.0)  # more chunks than are taken at once
    samples[RATE_HZ * 10 : RATE_HZ * 12] = 0.0
    network = silero_vad.load_silero_vad()
    chunks = torch.from_numpy(samples[: len(samples) // CHUNK * CHUNK].reshape(-1, CHUNK).copy())
    with torch.inference_mode():
        wanted = np.array([float(network(chunk, RATE_HZ)) for chunk in chunks])
    assert np.ptp(wanted) > 0.3
    assert net.probability(samples) == pytest.approx(wanted, abs=1e-4)


def test_noise_and_silence_are_no_speech_and_too_little_gives_nothing(net: SpeechNet) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 2 * RATE_HZ).astype(np.float32)
    assert len(net.probability(noise)) == 62
    assert float(np.median(net.probability(noise))) < 0.3
    assert float(net.probability(np.zeros(RATE_HZ, np.float32)).max()) < 0.3
    assert len(net.probability(np.zeros(CHUNK - 1, np.float32))) == 0


def test_a_stretch_says_the_same_whatever_follows_it(net: SpeechNet) -> None:
    samples = speech_like(20.0, seed=2)
    assert net.probability(samples)[:100] == pytest.approx(net.probability(samples[: 100 * CHUNK]), abs=1e-5)


def test_a_file_that_ends_early_is_refused() -> None:
    data = published()
    for size in (len(data) - 1, len(data) // 2, 3):
        with pytest.raises(ValueError, match="not an ONNX file"):
            onnx_weights(data[:size])
    assert onnx_weights(b"") == {}


@given(st.binary(max_size=200))
def test_other_bytes_are_read_or_refused_but_never_worse(data: bytes) -> None:
    try:
        found = onnx_weights(data)
    except ValueError:
        return
    assert all(isinstance(v, np.ndarray) for v in found.values())


@pytest.fixture
def accumulator(net: SpeechNet, monkeypatch: pytest.MonkeyPatch) -> SpeechAccumulator:
    monkeypatch.setattr(speech, "speech_net", lambda: net)
    return SpeechAccumulator()


def test_sound_in_pieces_of_any_size_is_one_sound(net: SpeechNet, accumulator: SpeechAccumulator) -> None:
    samples, at = speech_like(9.0, seed=3), 0
    for size in np.random.default_rng(4).integers(1, 3000, 200):
        accumulator.update(audio(0.5 + at / RATE_HZ, samples[at : at + size]))
        accumulator.update(audio(0.5, np.ones(500), track=1))
        at += len(samples[at : at + size])
    heard = accumulator.finish()
    assert heard.probability == pytest.approx(net.probability(samples), abs=1e-5)
    assert heard.times_s == pytest.approx(0.5 + (np.arange(len(samples) // CHUNK) + 0.5) * CHUNK / RATE_HZ)


def test_a_jump_of_the_timestamps_begins_anew(net: SpeechNet, accumulator: SpeechAccumulator) -> None:
    first, second = speech_like(3.0, seed=5), speech_like(2.0, seed=6)
    accumulator.update(audio(-0.02, first))
    accumulator.update(audio(7.0, second))
    heard = accumulator.finish()
    wanted = np.concatenate([net.probability(first), net.probability(second)])
    assert heard.probability == pytest.approx(wanted, abs=1e-5)
    assert heard.times_s[0] == pytest.approx(-0.02 + 0.016)
    assert np.flatnonzero(np.diff(heard.times_s) > 0.1).tolist() == [len(net.probability(first)) - 1]
    assert heard.times_s[len(first) // CHUNK] == pytest.approx(7.016)


def test_timestamps_that_jump_back_are_put_in_order(accumulator: SpeechAccumulator) -> None:
    accumulator.update(audio(20.0, speech_like(2.0, seed=7)))
    accumulator.update(audio(5.0, speech_like(2.0, seed=8)))
    heard = accumulator.finish()
    assert heard.times_s[0] == pytest.approx(5.016)
    assert (np.diff(heard.times_s) > 0).all()


def test_bad_samples_and_no_sound(net: SpeechNet, accumulator: SpeechAccumulator) -> None:
    assert len(accumulator.finish().times_s) == 0
    accumulator.update(audio(0.0, np.zeros(0)))
    accumulator.update(audio(0.0, np.full(RATE_HZ, np.nan)))
    accumulator.update(audio(1.0, np.full(RATE_HZ, 1e9)))
    heard = accumulator.finish()
    assert len(heard.times_s) == 2 * RATE_HZ // CHUNK
    assert np.isfinite(heard.probability).all()
    assert (np.diff(heard.times_s) > 0).all()


def test_without_the_network_a_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDFORENSICS_MODELS", str(tmp_path))
    assert speech.speech_accumulator() == speech.NO_SPEECH_MODEL

"""The voice encoder as we run it, against torch's layers, a plain spectrum, and in pieces."""

from __future__ import annotations

import numpy as np
import pytest

from tests.features.make_sound import audio
from vidforensics import models
from vidforensics.features import voice_net as module
from vidforensics.features import voices
from vidforensics.features.voice_net import BANDS, FRAME, RATE_HZ, SIZE, STEP, VoiceNet, mel_frames
from vidforensics.features.voices import HOP, WINDOW, VoiceAccumulator

FILE_BYTES = module._STAY_BIAS_AT[-1] + 4 * SIZE * 4


def made_file(seed: int = 1) -> bytes:
    """Random weights laid out as the published file has them; scaled so that no layer saturates."""
    values = np.random.default_rng(seed).normal(0, 0.06, FILE_BYTES // 4 + 1).astype("<f4")
    return (b"\0" * 3 + values.tobytes())[:FILE_BYTES]  # the tensors begin 3 bytes after a multiple of 4


@pytest.fixture(scope="module")
def net() -> VoiceNet:
    return VoiceNet.from_file(made_file())


def test_the_same_numbers_as_torch_gets(net: VoiceNet) -> None:
    torch = pytest.importorskip("torch")
    recurrent = torch.nn.LSTM(BANDS, SIZE, module.LAYERS, batch_first=True)
    project = torch.nn.Linear(SIZE, SIZE)
    data = made_file()
    places = zip(module._ENTER_AT, module._STAY_AT, module._ENTER_BIAS_AT, module._STAY_BIAS_AT, strict=True)
    for layer, (enter, stay, enter_bias, stay_bias) in enumerate(places):
        for name, at in (
            (f"weight_ih_l{layer}", enter),
            (f"weight_hh_l{layer}", stay),
            (f"bias_ih_l{layer}", enter_bias),
            (f"bias_hh_l{layer}", stay_bias),
        ):
            _fill(torch, getattr(recurrent, name), data, at)
    _fill(torch, project.weight, data, module._PROJECT_AT)
    _fill(torch, project.bias, data, module._PROJECT_BIAS_AT)
    windows = np.random.default_rng(2).exponential(0.5, (3, 50, BANDS)).astype(np.float32)
    with torch.inference_mode():
        _, (hidden, _) = recurrent(torch.from_numpy(windows))
        wanted = torch.relu(project(hidden[-1])).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.ptp(wanted) > 0.1
    assert net.vectors(windows) == pytest.approx(wanted, abs=1e-5)


def _fill(torch, parameter, data: bytes, at: int) -> None:  # type: ignore[no-untyped-def]
    values = np.frombuffer(data, "<f4", parameter.numel(), at).reshape(tuple(parameter.shape))
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values.copy()))


def test_a_tone_lies_in_its_band_and_powers_add_up() -> None:
    times = np.arange(RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 1000 * times).astype(np.float32)
    frames = mel_frames(tone)
    assert frames.shape == (1 + (RATE_HZ - FRAME) // STEP, BANDS)
    edges = module._hz(np.linspace(0.0, module._mel(RATE_HZ / 2), BANDS + 2))
    band = int(frames.mean(axis=0).argmax())
    assert edges[band] < 1000 < edges[band + 2]
    assert mel_frames(2 * tone) == pytest.approx(4 * frames, rel=1e-4)


def test_less_than_a_frame_gives_none() -> None:
    assert mel_frames(np.zeros(FRAME - 1, np.float32)).shape == (0, BANDS)
    assert mel_frames(np.zeros(FRAME, np.float32)).shape == (1, BANDS)


@pytest.fixture
def accumulator(net: VoiceNet, monkeypatch: pytest.MonkeyPatch) -> VoiceAccumulator:
    monkeypatch.setattr(voices, "voice_net", lambda: net)
    return VoiceAccumulator()


def buzz(seconds: float, seed: int = 1) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE_HZ))


def test_sound_in_pieces_of_any_size_is_one_sound(net: VoiceNet, accumulator: VoiceAccumulator) -> None:
    samples, at = buzz(6.0), 0
    for size in np.random.default_rng(4).integers(1, 3000, 100):
        accumulator.update(audio(0.5 + at / RATE_HZ, samples[at : at + size]))
        accumulator.update(audio(0.5, np.ones(500), track=1))
        at += len(samples[at : at + size])
    pieces = accumulator.finish()
    whole = VoiceAccumulator()
    whole.update(audio(0.5, samples))
    wanted = whole.finish()
    assert pieces.times_s == pytest.approx(0.5 + np.arange(6) * 0.8)
    assert pieces.times_s == pytest.approx(wanted.times_s)
    assert pieces.vectors == pytest.approx(wanted.vectors, abs=1e-3)
    assert np.linalg.norm(pieces.vectors.astype(float), axis=1) == pytest.approx(1.0, abs=2e-3)


def test_more_windows_than_are_run_at_once(
    accumulator: VoiceAccumulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = buzz(8.0)
    accumulator.update(audio(0.0, samples))
    wanted = accumulator.finish()
    monkeypatch.setattr(voices, "WINDOWS_AT_ONCE", 2)
    other = VoiceAccumulator()
    for at in range(0, len(samples), 4000):
        other.update(audio(at / RATE_HZ, samples[at : at + 4000]))
    found = other.finish()
    assert found.times_s == pytest.approx(wanted.times_s)
    assert found.vectors == pytest.approx(wanted.vectors, abs=1e-3)


def test_a_jump_of_the_timestamps_begins_anew_and_order_is_kept(accumulator: VoiceAccumulator) -> None:
    accumulator.update(audio(20.0, buzz(2.0)))
    accumulator.update(audio(5.0, buzz(2.5, seed=2)))
    found = accumulator.finish()
    assert found.times_s == pytest.approx([5.0, 5.8, 20.0])


def test_silence_is_nobody_and_loudness_does_not_matter(accumulator: VoiceAccumulator) -> None:
    samples = buzz(1.7)
    accumulator.update(audio(0.0, np.zeros(WINDOW + HOP)))
    accumulator.update(audio(10.0, samples))
    accumulator.update(audio(20.0, samples * 0.3))
    found = accumulator.finish()
    assert found.vectors.any(axis=1).tolist() == [False, False, True, True]
    assert found.vectors[2] == pytest.approx(found.vectors[3], abs=2e-3)


def test_bad_samples_and_no_sound(accumulator: VoiceAccumulator) -> None:
    assert accumulator.finish().vectors.shape == (0, SIZE)
    accumulator.update(audio(0.0, np.zeros(0)))
    accumulator.update(audio(0.0, np.full(2 * RATE_HZ, np.nan)))
    accumulator.update(audio(2.0, np.full(2 * RATE_HZ, 1e9)))
    found = accumulator.finish()
    assert len(found.times_s) == 3
    assert np.isfinite(found.vectors.astype(float)).all()


def test_without_the_network_a_sentence_says_so(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDFORENSICS_MODELS", str(tmp_path))
    assert voices.voice_accumulator() == voices.NO_VOICE_MODEL


def test_the_published_weights_tell_a_voice_from_noise() -> None:
    if models.installed(models.VOICE_FILE) is None:
        pytest.skip("the voice model is not installed")
    network = VoiceNet.from_file(models.installed(models.VOICE_FILE).read_bytes())  # type: ignore[union-attr]
    frames = np.stack([mel_frames(buzz(1.7, seed).astype(np.float32))[:160] for seed in (1, 2)])
    one, other = network.vectors(frames)
    assert one @ other > 0.95
    tones = np.sin(2 * np.pi * 140 * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)
    assert network.vectors(mel_frames(tones)[None, :160])[0] @ one < 0.9

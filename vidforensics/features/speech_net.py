"""The silero-vad network on numpy: sound of 16 kHz goes in, a speech probability every 32 ms comes out.

Its weights are the published ones; what is ours is the running of them: a short-time spectrum, four
convolutions, one recurrent layer. Its publisher's ways to run it need torch or onnxruntime; loading torch
costs every examination 1.5 s and 158 MB, and this gives the same numbers in less time (docs/dub.md).
Source: Silero Team, Silero VAD 6.2, https://github.com/snakers4/silero-vad (MIT); ONNX, LSTM operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

import numpy as np

from vidforensics import models
from vidforensics.features.onnx_weights import onnx_weights
from vidforensics.features.squash import sigmoid

if TYPE_CHECKING:
    from pathlib import Path

    from vidforensics.records.arrays import Float32Array

RATE_HZ = 16000
CHUNK = 512
CONTEXT = 64
"""Samples of the chunk before that the network hears again."""

WINDOW, STEP = 256, 128
STRIDES = (1, 2, 2, 1)
HIDDEN = 128
CHUNKS_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class SpeechNet:
    """The weights, laid out for products from the right.

    spectrum (256, 258); layers: one (3 × inputs, outputs) and (outputs,) per convolution; enter (128, 512),
    stay (512, 128) and offset (512,) of the recurrent layer, gates in the order in, out, forget, cell; leave
    (128,) and level.
    """

    spectrum: Float32Array
    layers: tuple[tuple[Float32Array, Float32Array], ...]
    enter: Float32Array
    stay: Float32Array
    offset: Float32Array
    leave: Float32Array
    level: float

    @classmethod
    def from_weights(cls, weights: Mapping[str, Float32Array]) -> Self:
        """Lay out the published weights.

        Raises:
            KeyError: one is missing.
        """
        recurrent = ("onnx::LSTM_209", "onnx::LSTM_210", "onnx::LSTM_211")
        enter, stay, biases = (weights[name][0] for name in recurrent)
        return cls(
            spectrum=np.ascontiguousarray(weights["stft.forward_basis_buffer"][:, 0].T),
            layers=tuple(_layer(weights, number) for number in range(len(STRIDES))),
            enter=np.ascontiguousarray(enter.T),
            stay=np.ascontiguousarray(stay),
            offset=biases[: 4 * HIDDEN] + biases[4 * HIDDEN :],
            leave=weights["output.weight"][0, :, 0].copy(),
            level=float(weights["output.bias"][0]),
        )

    def probability(self, samples: Float32Array) -> Float32Array:
        """Probability of speech in each whole chunk of 512 samples; what is left over is not heard.

        Args:
            samples: mono float32 (n,) at 16 kHz, ±1, from the beginning of a stretch.

        Returns:
            float32 (n // 512,), 0–1; empty for less than one chunk.
        """
        listener = Listener(self)
        probability: Float32Array = np.concatenate([listener.hear(samples), listener.rest()])
        return probability

    def encoded(self, samples: Float32Array) -> Float32Array:
        """What the recurrent layer takes of m chunks with their context before, float32 (m, 128)."""
        chunks = np.lib.stride_tricks.sliding_window_view(samples, CHUNK + CONTEXT)[::CHUNK]
        chunks = np.pad(chunks, ((0, 0), (0, CONTEXT)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(chunks, WINDOW, axis=1)[:, ::STEP]
        waves = windows.reshape(-1, WINDOW) @ self.spectrum
        half = waves.shape[1] // 2
        values = np.hypot(waves[:, :half], waves[:, half:]).reshape(len(chunks), -1, half)
        for (weights, bias), stride in zip(self.layers, STRIDES, strict=True):
            values = _convolved(values, weights, bias, stride)
        first: Float32Array = values[:, 0]
        return first

    def remembered(
        self, heard: Float32Array, state: tuple[Float32Array, Float32Array]
    ) -> tuple[Float32Array, tuple[Float32Array, Float32Array]]:
        """The recurrent layer's answer to each chunk, float32 (m, 128), and the state that it leaves."""
        hidden, cell = state
        entering = heard @ self.enter + self.offset
        answers = np.empty((len(heard), HIDDEN), np.float32)
        for row, entered in enumerate(entering):
            gates = entered + self.stay @ hidden
            let_in, let_out, kept = sigmoid(gates[: 3 * HIDDEN]).reshape(3, HIDDEN)
            cell = kept * cell + let_in * np.tanh(gates[3 * HIDDEN :])
            hidden = let_out * np.tanh(cell)
            answers[row] = hidden
        return answers, (hidden, cell)


class Listener:
    """One hearing of a sound from its beginning, piece by piece."""

    def __init__(self, net: SpeechNet) -> None:
        self._net = net
        self._state = (np.zeros(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32))
        self._kept: list[Float32Array] = [np.zeros(CONTEXT, np.float32)]
        self._kept_count = CONTEXT

    def hear(self, samples: Float32Array) -> Float32Array:
        """Take the next samples; give the probabilities of as many chunks as it is worth to run at once."""
        self._kept.append(samples)
        self._kept_count += len(samples)
        if self._kept_count - CONTEXT < CHUNKS_AT_ONCE * CHUNK:
            return np.zeros(0, np.float32)
        return self.rest()

    def rest(self) -> Float32Array:
        """Probabilities of all whole chunks that were taken and not yet given, float32 (m,)."""
        kept: Float32Array = np.concatenate(self._kept)
        count = (len(kept) - CONTEXT) // CHUNK
        found = [np.zeros(0, np.float32)]
        for first in range(0, count, CHUNKS_AT_ONCE):
            last = min(first + CHUNKS_AT_ONCE, count)
            found.append(self._run(kept[first * CHUNK : last * CHUNK + CONTEXT]))
        self._kept = [kept[count * CHUNK :]]
        self._kept_count = len(self._kept[0])
        probability: Float32Array = np.concatenate(found)
        return probability

    def _run(self, samples: Float32Array) -> Float32Array:
        net = self._net
        remembered, self._state = net.remembered(net.encoded(samples), self._state)
        return sigmoid(np.maximum(remembered, 0.0) @ net.leave + np.float32(net.level))


@cache
def speech_net() -> SpeechNet:
    """The installed network.

    Raises:
        FileNotFoundError: it is not installed; ask `models.installed` first.
    """
    path: Path | None = models.installed(models.SPEECH_FILE)
    if path is None:
        raise FileNotFoundError(models.SPEECH_FILE.name)
    return SpeechNet.from_weights(onnx_weights(path.read_bytes()))


def _layer(weights: Mapping[str, Float32Array], number: int) -> tuple[Float32Array, Float32Array]:
    kernel = weights[f"encoder.{number}.weight"]
    return np.ascontiguousarray(kernel.reshape(len(kernel), -1).T), weights[f"encoder.{number}.bias"].copy()


def _convolved(values: Float32Array, weights: Float32Array, bias: Float32Array, stride: int) -> Float32Array:
    """Three taps over time with zeros on both sides, cut at zero, (m, t, inputs) → (m, t', outputs)."""
    padded = np.pad(values, ((0, 0), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=1)[:, ::stride]
    count, times = windows.shape[:2]
    answers: Float32Array = np.maximum(windows.reshape(count * times, -1) @ weights + bias, 0.0)
    return answers.reshape(count, times, -1)

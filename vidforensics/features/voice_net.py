"""The voice encoder of Resemblyzer on numpy: 1.6 s of sound of 16 kHz go in, a vector of the voice comes out.

Two stretches of one person give vectors with a product near 1, those of two people one that is smaller. The
weights are the published ones, read from their file by place, as a file pinned by its hash allows: nothing
of it is unpickled, which would run code. What is ours is the running of them: power in 40 mel bands, three
recurrent layers, one projection.
Source: Wan et al., Generalized end-to-end loss for speaker verification (2018); Resemble AI, Resemblyzer
0.1.4, https://github.com/resemble-ai/Resemblyzer (Apache-2.0); mel bands of Slaney, Auditory Toolbox (1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

import numpy as np

from vidforensics import models
from vidforensics.features.squash import sigmoid

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

RATE_HZ = 16000
FRAME, STEP = 400, 160
BANDS = 40
WINDOW_STEPS = 160
"""Mel frames that the network was trained to judge by: 1.6 s."""

SIZE = 256
LAYERS = 3
LEVEL = 10.0 ** (-30.0 / 20.0)
"""Root mean square at which the network heard its training sound."""

# where the float32 tensors begin in pretrained.pt, bytes
_ENTER_AT = (269883, 1482299, 3579451)
_STAY_AT = (433723, 2530875, 4628027)
_ENTER_BIAS_AT = (5676603, 5684795, 5692987)
_STAY_BIAS_AT = (5680699, 5688891, 5697083)
_PROJECT_AT, _PROJECT_BIAS_AT = 7731, 6699


@dataclass(frozen=True, slots=True)
class Layer:
    """enter (inputs, 1024), stay (256, 1024), offset (1024,); gates in the order in, forget, cell, out."""

    enter: Float32Array
    stay: Float32Array
    offset: Float32Array

    def answers(self, values: Float32Array) -> Float32Array:
        """The layer's answer at every step, float32 (t, n, 256), to values (t, n, inputs) from silence on."""
        steps, count = values.shape[:2]
        entering = (values.reshape(steps * count, -1) @ self.enter + self.offset).reshape(steps, count, -1)
        hidden, cell = np.zeros((2, count, SIZE), np.float32)
        answers = np.empty((steps, count, SIZE), np.float32)
        for step in range(steps):
            gates = entering[step] + hidden @ self.stay
            let_in, kept = sigmoid(gates[:, :SIZE]), sigmoid(gates[:, SIZE : 2 * SIZE])
            cell = kept * cell + let_in * np.tanh(gates[:, 2 * SIZE : 3 * SIZE])
            hidden = sigmoid(gates[:, 3 * SIZE :]) * np.tanh(cell)
            answers[step] = hidden
        return answers


@dataclass(frozen=True, slots=True)
class VoiceNet:
    """The recurrent layers, and the projection (256, 256) with its offset (256,)."""

    layers: tuple[Layer, ...]
    project: Float32Array
    offset: Float32Array

    @classmethod
    def from_file(cls, data: bytes) -> Self:
        """The published weights, out of the bytes of pretrained.pt."""

        def tensor(at: int, *shape: int) -> Float32Array:
            values: Float32Array = np.frombuffer(data, "<f4", int(np.prod(shape)), at).reshape(shape)
            turned: Float32Array = values.T.copy("C")  # a view would keep all 17 MB of the file
            return turned

        inputs = (BANDS, SIZE, SIZE)
        layers = tuple(
            Layer(
                tensor(_ENTER_AT[i], 4 * SIZE, inputs[i]),
                tensor(_STAY_AT[i], 4 * SIZE, SIZE),
                tensor(_ENTER_BIAS_AT[i], 4 * SIZE) + tensor(_STAY_BIAS_AT[i], 4 * SIZE),
            )
            for i in range(LAYERS)
        )
        return cls(layers, tensor(_PROJECT_AT, SIZE, SIZE), tensor(_PROJECT_BIAS_AT, SIZE))

    def vectors(self, windows: Float32Array) -> Float32Array:
        """The voice of each window.

        Args:
            windows: power in mel bands, float32 (n, WINDOW_STEPS, BANDS), sound at LEVEL.

        Returns:
            float32 (n, SIZE), each 0 and up and of length 1; (0, SIZE) for none.
        """
        values = windows.transpose(1, 0, 2)
        for layer in self.layers:
            values = layer.answers(values)
        found: Float32Array = np.maximum(values[-1] @ self.project + self.offset, 0.0)
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        return found


def mel_frames(samples: Float32Array) -> Float32Array:
    """Power in mel bands of every whole frame.

    Args:
        samples: mono float32 (n,) at 16 kHz.

    Returns:
        float32 (1 + (n − FRAME) // STEP, BANDS), every 10 ms; (0, BANDS) for less than a frame.
    """
    if len(samples) < FRAME:
        return np.zeros((0, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::STEP] * _window()
    spectrum = np.fft.rfft(frames, axis=1)
    power: Float32Array = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _bank()
    return power


def voice_net() -> VoiceNet:
    """The installed network, read anew: 6 MB that shall go with whoever listens.

    Raises:
        FileNotFoundError: it is not installed; ask `models.installed` first.
    """
    path = models.installed(models.VOICE_FILE)
    if path is None:
        raise FileNotFoundError(models.VOICE_FILE.name)
    return VoiceNet.from_file(path.read_bytes())


@cache
def _window() -> Float32Array:
    return np.hanning(FRAME + 1)[:FRAME].astype(np.float32)


@cache
def _bank() -> Float32Array:
    """Triangles between mel-spaced edges, each of unit area, float32 (FRAME // 2 + 1, BANDS)."""
    edges = _hz(np.linspace(0.0, _mel(RATE_HZ / 2), BANDS + 2))
    hz = np.fft.rfftfreq(FRAME, 1 / RATE_HZ)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    bank: Float32Array = (
        np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (edges[2:] - edges[:-2])
    ).astype(np.float32)
    return bank


def _mel(hz: float) -> float:
    """Slaney's scale at 1 kHz and above: even steps of the logarithm."""
    return 15.0 + float(np.log(hz / 1000.0)) * 27.0 / float(np.log(6.4))


def _hz(mel: FloatArray) -> FloatArray:
    """The inverse of Slaney's scale, which is even below 1 kHz."""
    hz: FloatArray = np.where(
        mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0)
    )
    return hz

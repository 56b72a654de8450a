"""The network that says whether frames are missing between two neighbours, in plain numpy.

Small pictures of five frames before and five after go in; the log odds that frames are missing in the middle
come out. It looks at the nine steps from frame to frame, each in units of the usual one, so that a lively
scene and a still one look alike, and learns how motion goes on. Trained by the command that its config.json
names (docs/flagging.md); batch normalisation is folded into the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from vidforensics import models
from vidforensics.features.convolution import convolved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidforensics.records.arrays import Float32Array

NAME = "gaps"
BEFORE, FRAMES = 5, 10
"""Frames before the place in question, and frames in all."""
ROWS, COLUMNS = 45, 80
STRIDES = (2, 2, 1, 2)
CHANNELS = FRAMES + 2
WHITE = 255.0
STEP_FLOOR, STEP_KNEE = 0.6 / WHITE, 6.0
CONTRAST_FLOOR, JUMP_FLOOR = 0.03, 0.2 / WHITE
LEAST_JUMP, LEAST_ODDS, DOUBTED_ODDS = -0.1, -4.0, -2.0
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class GapNet:
    """The weights: per convolution a kernel (3, 3, in, out) and a bias (out,), then two full layers.

    hidden (3 × out + 2, n), hidden_bias (n,), last (n,), level: of the layers behind the pooling.
    """

    layers: tuple[tuple[Float32Array, Float32Array], ...]
    hidden: Float32Array
    hidden_bias: Float32Array
    last: Float32Array
    level: float

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Float32Array]) -> GapNet:
        """Lay out what the weights file holds.

        Raises:
            KeyError: something is missing.
        """
        layers = tuple((tensors[f"kernel{i}"], tensors[f"bias{i}"]) for i in range(len(STRIDES)))
        hidden, hidden_bias, last = (tensors[name] for name in ("hidden", "hidden_bias", "last"))
        return cls(layers, hidden, hidden_bias, last, float(tensors["level"][0]))

    def tensors(self) -> dict[str, Float32Array]:
        """What `from_tensors` reads."""
        found = {"hidden": self.hidden, "hidden_bias": self.hidden_bias, "last": self.last}
        for i, (kernel, bias) in enumerate(self.layers):
            found |= {f"kernel{i}": kernel, f"bias{i}": bias}
        return {**found, "level": np.array([self.level], np.float32)}

    def odds(self, planes: Float32Array) -> Float32Array:
        """Log odds (natural) that frames are missing before each picture that has enough others around it.

        Args:
            planes: float32 (N, ROWS, COLUMNS), luma levels, one after another.

        Returns:
            float32 (N − FRAMES + 1,), for the pictures from number BEFORE on; empty for fewer than FRAMES.
            Where the picture changes less than usual nothing is run, and the odds are LEAST_ODDS; above
            DOUBTED_ODDS they are the lesser of those forwards and backwards.
        """
        count = max(0, len(planes) - FRAMES + 1)
        odds = np.full(count, LEAST_ODDS, np.float32)
        chosen = np.flatnonzero(_jumps(planes) > LEAST_JUMP) if count else np.zeros(0, int)
        for first in range(0, len(chosen), AT_ONCE):
            part = chosen[first : first + AT_ONCE]
            windows = planes[part[:, None] + np.arange(FRAMES)]
            found = self.window_odds(windows)
            again = found > DOUBTED_ODDS
            # frames are missing whichever way the time runs; a jerk looks otherwise backwards
            if again.any():
                found[again] = np.minimum(found[again], self.window_odds(windows[again][:, ::-1]))
            odds[part] = found
        return np.maximum(odds, np.float32(LEAST_ODDS))

    def window_odds(self, windows: Float32Array) -> Float32Array:
        """The same of windows of FRAMES pictures, (N, FRAMES, ROWS, COLUMNS) → (N,), all of them run."""
        cells, about = network_input(windows)
        for (kernel, bias), stride in zip(self.layers, STRIDES, strict=True):
            cells = convolved(cells, kernel, stride)
            cells += bias
            np.maximum(cells, 0.0, out=cells)
        flat = cells.reshape(len(cells), -1, cells.shape[-1])
        power = np.cbrt(np.maximum((flat**3).mean(axis=1), 1e-6))
        pooled = np.concatenate([flat.mean(axis=1), flat.max(axis=1), power, about], axis=1)
        answers = np.maximum(pooled @ self.hidden + self.hidden_bias, 0.0) @ self.last
        return np.asarray(answers + np.float32(self.level), np.float32)


def _jumps(planes: Float32Array) -> Float32Array:
    """Log of the middle step over the usual one, of every window; see `network_input`."""
    steps = planes[1:] - planes[:-1]
    sizes = np.sqrt(np.einsum("kij,kij->k", steps, steps) / (ROWS * COLUMNS)) / np.float32(WHITE)
    around = np.lib.stride_tricks.sliding_window_view(sizes, FRAMES - 1)
    usual = np.median(around, axis=1) + STEP_FLOOR
    return np.asarray(np.log((around[:, BEFORE - 1] + JUMP_FLOOR) / usual), np.float32)


def network_input(windows: Float32Array) -> tuple[Float32Array, Float32Array]:
    """What the convolutions see of each window, (N, ROWS, COLUMNS, CHANNELS), and two numbers about it.

    Channels: the nine steps and the one over the three middle frames, in units of the usual step and bent so
    that a great one does not drown the rest; both middle pictures by their own contrast. The numbers: logs of
    the usual step and of how many times as large the middle one is.
    """
    pictures = windows * np.float32(1.0 / WHITE)
    steps = pictures[:, 1:] - pictures[:, :-1]
    sizes = np.sqrt(np.einsum("nkij,nkij->nk", steps, steps) / (ROWS * COLUMNS))
    usual = np.median(sizes, axis=1) + np.float32(STEP_FLOOR)
    middle = pictures[:, BEFORE - 1 : BEFORE + 1]
    flat = middle.reshape(len(windows), 2, -1)
    contrast = (flat - flat.mean(axis=2, keepdims=True)) / (flat.std(axis=2, keepdims=True) + CONTRAST_FLOOR)
    wide = pictures[:, BEFORE + 1] - pictures[:, BEFORE - 2]
    cells = np.empty((len(windows), ROWS, COLUMNS, CHANNELS), np.float32)
    scale = (1.0 / usual)[:, None, None, None]
    for first, part in ((0, steps), (FRAMES + 1, wide[:, None])):
        scaled = part * scale
        scaled /= 1.0 + np.abs(scaled) * np.float32(1.0 / STEP_KNEE)
        cells[..., first : first + part.shape[1]] = scaled.transpose(0, 2, 3, 1)
    cells[..., FRAMES - 1 : FRAMES + 1] = contrast.reshape(middle.shape).transpose(0, 2, 3, 1)
    jump = (sizes[:, BEFORE - 1] + np.float32(JUMP_FLOOR)) / usual
    return cells, np.log(np.stack([usual, jump], axis=1)).astype(np.float32)


@cache
def gap_net() -> GapNet:
    """The network in use.

    Raises:
        MissingModelError: see `load_from`.
    """
    return load_from(models.trained_folder(NAME))


def load_from(folder: Path) -> GapNet:
    """The network of a folder with config.json and weights.safetensors.

    Raises:
        MissingModelError: it is absent, unreadable, or its weights are not those it was published with.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    _, data = models.read_trained(folder)
    try:
        return GapNet.from_tensors(load(data))
    except (SafetensorError, KeyError) as error:
        raise models.unreadable(folder, error) from error

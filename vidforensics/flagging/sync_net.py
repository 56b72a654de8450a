"""The sync network as it is run: what is seen of a mouth and what is heard agree where they belong.

Two small towers of convolutions over time, one for the picture and one for the sound, each giving a unit
vector per step; their inner product is the agreement of a moment of picture with a moment of sound.
`training.sync_net` is the same network as it is trained, in torch; running it on numpy spares every
examination 1.5 s and 158 MB of loading torch.
Source: Chung & Zisserman, Out of time (2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

# places of the convolutions in a tower, and of the normalisation that follows each but the last
CONVOLUTIONS = ((1, 2), (5, 6), (9, None))
NORMALISED_LEAST = 1e-5
UNIT_LEAST = 1e-12

Tower = tuple["Convolution", ...]


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution over time: taps float32 (k, inputs, outputs), bias float32 (outputs,)."""

    taps: Float32Array
    bias: Float32Array

    def over(self, values: Float32Array) -> Float32Array:
        """Convolve, with zeros around: float32 (n, inputs) → (n, outputs)."""
        margin = len(self.taps) // 2
        padded = np.pad(values, ((margin, margin), (0, 0)))
        total = np.tile(self.bias, (len(values), 1))
        for k, tap in enumerate(self.taps):
            total += padded[k : k + len(values)] @ tap
        return total


@dataclass(frozen=True, slots=True)
class SyncNetwork:
    """Both towers of one network."""

    seen: Tower
    heard: Tower

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Any]) -> Self:
        """Take the weights of a trained network, as numpy arrays by their names in torch.

        Raises:
            KeyError: one is missing.
        """
        return cls(_tower(tensors, "seen"), _tower(tensors, "heard"))

    def see(self, values: Float32Array) -> Float32Array:
        """Unit vectors of the picture, (n, 146) → (n, vector)."""
        return _unit(self.seen, values)

    def hear(self, values: Float32Array) -> Float32Array:
        """Unit vectors of the sound, (n, 136) → (n, vector)."""
        return _unit(self.heard, values)


def _tower(tensors: Mapping[str, Any], name: str) -> Tower:
    return tuple(_convolution(tensors, name, *places) for places in CONVOLUTIONS)


def _convolution(tensors: Mapping[str, Any], tower: str, place: int, normalised: int | None) -> Convolution:
    """One convolution with the normalisation after it, a scale and an offset per output, taken in."""
    weight, bias = tensors[f"{tower}.{place}.weight"], tensors[f"{tower}.{place}.bias"]
    if normalised is not None:
        mean, variance, gain, offset = (
            tensors[f"{tower}.{normalised}.{part}"]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        scale = gain / np.sqrt(variance + NORMALISED_LEAST)
        weight, bias = weight * scale[:, None, None], (bias - mean) * scale + offset
    return Convolution(np.ascontiguousarray(weight.transpose(2, 1, 0)), bias)


def _unit(tower: Tower, values: Float32Array) -> Float32Array:
    for layer in tower[:-1]:
        values = np.maximum(layer.over(values), 0.0)
    vectors = tower[-1].over(values)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32Array = vectors / np.maximum(length, np.float32(UNIT_LEAST))
    return unit


def agreement_by_lag(
    networks: Sequence[SyncNetwork], seen: Float32Array, heard: Float32Array, lags: Sequence[int]
) -> Float32Array:
    """Agreement of every step of the picture with the sound so many steps later.

    Args:
        networks: at least one; their agreements are averaged.
        seen: (n, 146).
        heard: (m, 136), m need not be n.
        lags: in steps; positive where the sound comes later than the picture.

    Returns:
        float32 (len(lags), n); NaN where a lag leads outside the sound.
    """
    total = np.zeros((len(lags), len(seen)), np.float32)
    for network in networks:
        sight, sound = network.see(seen), network.hear(heard)
        total += np.stack([_shifted_product(sight, sound, lag) for lag in lags])
    return total / np.float32(len(networks))


def _shifted_product(sight: Float32Array, sound: Float32Array, lag: int) -> Float32Array:
    row = np.full(len(sight), np.nan, np.float32)
    first, last = max(0, -lag), min(len(sight), len(sound) - lag)
    if first < last:
        row[first:last] = np.einsum("ij,ij->i", sight[first:last], sound[first + lag : last + lag])
    return row

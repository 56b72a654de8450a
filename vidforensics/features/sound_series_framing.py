"""Cut a sound track that arrives in pieces into overlapping windows of equal length, and sum their bands.

Samples go in with the time of their first one; windows with the times of their middles come out, the
same whatever the pieces were. A real gap or overlap in the timestamps starts the windows afresh, so that
no window reaches across it. `BandPower` gives a window's power in bands of frequency.
Source: short-time analysis, Rabiner & Schafer, Theory and Applications of Digital Speech Processing (2011).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

GAP_TOLERANCE_S = 0.02
"""Timestamps jitter by less than this (Matroska rounds to 1 ms); a larger jump is a gap or an overlap."""

MAX_ABS_SAMPLE = 64.0
"""Broken float streams hold absurd values; 36 dB above full scale is more than any real one needs."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Window and hop in samples at one rate; the hop is at most the window."""

    rate_hz: int
    window: int
    hop: int


@dataclass(frozen=True, slots=True)
class Windows:
    """Consecutive windows: samples (k, window) or (k, window, channels), times_s (k,) of their middles."""

    samples: Float32Array
    times_s: FloatArray


class Framer:
    """Hands out the windows that each new piece of one track completes."""

    def __init__(self, framing: Framing, batch_s: float = 1.0) -> None:
        self.framing = framing
        self._batch = max(framing.window + framing.hop, int(batch_s * framing.rate_hz))
        self._pieces: list[Float32Array] = []
        self._held = 0
        self._start_s: float | None = None

    def push(self, start_s: float, samples: Float32Array) -> Iterator[Windows]:
        """Take the next samples, float32 (n,) or (n, channels), the first at `start_s`.

        Returns: the windows that became complete; none while less than a batch is held.
        """
        if not len(samples):
            return
        if self._start_s is not None:
            due = self._start_s + self._held / self.framing.rate_hz
            if abs(start_s - due) > GAP_TOLERANCE_S:
                yield from self.flush()
        if self._start_s is None:
            self._start_s = start_s
        self._pieces.append(samples)
        self._held += len(samples)
        if self._held >= self._batch:
            yield from self._cut()

    def flush(self) -> Iterator[Windows]:
        """Hand out what is complete and forget the rest; the next samples start afresh."""
        if self._held:
            yield from self._cut()
        self._pieces, self._held, self._start_s = [], 0, None

    def _cut(self) -> Iterator[Windows]:
        f = self.framing
        joined = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        count = 0 if len(joined) < f.window else 1 + (len(joined) - f.window) // f.hop
        start_s = self._start_s or 0.0
        if count:
            view = np.lib.stride_tricks.sliding_window_view(joined, f.window, axis=0)[: count * f.hop : f.hop]
            if joined.ndim == 2:
                view = view.swapaxes(1, 2)
            yield Windows(view, start_s + (np.arange(count) * f.hop + f.window / 2) / f.rate_hz)
        rest = joined[count * f.hop :].copy()
        self._pieces, self._held = [rest], len(rest)
        self._start_s = start_s + count * f.hop / f.rate_hz


def finite(samples: Float32Array) -> Float32Array:
    """The samples with not-a-number as 0 and absurd values limited; the same array if it was sound."""
    peak = float(np.max(np.abs(samples))) if samples.size else 0.0
    if peak <= MAX_ABS_SAMPLE:  # False for NaN
        return samples
    limited = np.nan_to_num(samples, nan=0.0, posinf=MAX_ABS_SAMPLE, neginf=-MAX_ABS_SAMPLE)
    sound: Float32Array = np.clip(limited, -MAX_ABS_SAMPLE, MAX_ABS_SAMPLE)
    return sound


def mono_mix(samples: Float32Array) -> Float32Array:
    """The channels' mean of samples (n, channels), as float32 (n,)."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    if samples.shape[1] == 2:
        return (samples[:, 0] + samples[:, 1]) * np.float32(0.5)
    mean: Float32Array = samples.mean(axis=1, dtype=np.float32)
    return mean


def band_matrix(edges_hz: FloatArray, rate_hz: int, window: int) -> Float32Array:
    """Weights that sum power-spectrum bins into bands, float32 (window // 2 + 1, bands).

    Args:
        edges_hz: band edges in ascending order, (bands + 1,).
        rate_hz: sample rate.
        window: transform length in samples.

    Returns: each bin shared among the bands that its width overlaps; a band above half the rate is all 0.
    """
    width = rate_hz / window
    centres = np.arange(window // 2 + 1) * width
    low = np.maximum(centres[:, None] - width / 2, edges_hz[None, :-1])
    high = np.minimum(centres[:, None] + width / 2, edges_hz[None, 1:])
    weights: Float32Array = (np.clip(high - low, 0.0, None) / width).astype(np.float32)
    return weights


@dataclass(frozen=True, slots=True)
class BandPower:
    """Power in bands of Hann-tapered windows of one length at one rate."""

    taper: Float32Array
    bands: Float32Array
    scale: float

    @classmethod
    def at(cls, edges_hz: FloatArray, rate_hz: int, window: int, *, full_scale: float) -> Self:
        """Prepare it for windows of `window` samples.

        Args:
            edges_hz: band edges in ascending order, (bands + 1,).
            rate_hz: sample rate.
            window: samples per window.
            full_scale: the power to give the spectral peak of a sine of amplitude 1.
        """
        taper = np.hanning(window + 1)[:-1].astype(np.float32)
        scale = 4.0 * full_scale / float(taper.sum()) ** 2
        return cls(taper, band_matrix(edges_hz, rate_hz, window), scale)

    def of(self, samples: Float32Array) -> Float32Array:
        """Power of windows (k, window) in each band, (k, bands)."""
        spectrum = np.fft.rfft(samples * self.taper, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) @ self.bands
        return power.astype(np.float32, copy=False) * np.float32(self.scale)


def mel_edges_hz(low_hz: float, high_hz: float, bands: int) -> FloatArray:
    """Edges of `bands` bands of equal width on the mel scale, float64 (bands + 1,).

    Source: O'Shaughnessy, Speech Communication (1987): m = 2595 log10(1 + f / 700).
    """
    mel = 2595.0 * np.log10(1.0 + np.array([low_hz, high_hz]) / 700.0)
    return np.asarray(700.0 * (10.0 ** (np.linspace(mel[0], mel[1], bands + 1) / 2595.0) - 1.0))

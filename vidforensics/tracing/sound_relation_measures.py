"""Measure, window by window, how much of a reference's sound is in a query's sound.

Two aligned stretches of mono sound at 16 kHz go in; likeness of their spectra at every lag, coherence of
their waveforms and their levels come out, a row every quarter of a second.
Source: Knapp & Carter, The Generalized Correlation Method for Estimation of Time Delay (IEEE TASSP 1976);
magnitude-squared coherence: Carter, Knapp & Nuttall (IEEE Trans. Audio 1973).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

RATE_HZ = 16000
WINDOW, FRAME_S = 1024, 0.02
LOW_HZ, BANDS, BANDS_PER_OCTAVE = 200.0, 54, 12
STEP_S, REACH_S = 0.25, 0.5
"""A row every quarter of a second, over half a second to either side."""

MAX_LAG_S = 2.4
PITCHES = tuple(range(-5, 6))
SILENT_DB = -65.0
_COHERENCE_WINDOW, _COHERENCE_HOP = 512, 128


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured, rows (R,) at times_s of the query.

    likeness float64 (L, R): correlation of the spectra's details at each of lags_s (reference later by so
    much). base_lag: the row of it that fits the whole. coherence: share of the query's spectrum that follows
    the reference's waveform, NaN where waveforms cannot be compared. peak: how far the delay peak stands out
    of the other delays, in their standard deviations. query_db, reference_db: levels; swing_db: how much
    the reference's level varies. pitch: twelfths of an octave that the query lies higher. frames_s and what
    follows are finer: query_frame_db level of every frame; query and reference float32 (F, B) and
    (F + L − 1, B) details.
    """

    times_s: FloatArray
    lags_s: FloatArray
    likeness: FloatArray
    base_lag: int
    coherence: FloatArray
    peak: FloatArray
    query_db: FloatArray
    reference_db: FloatArray
    swing_db: FloatArray
    pitch: float
    frames_s: FloatArray
    query_frame_db: FloatArray
    query: Float32Array
    reference: Float32Array


def measure(query: Float32Array, reference: Float32Array, lead_s: float, speed: float) -> Measures:
    """Compare two stretches.

    Args:
        query: float32 (n,) at 16 kHz, at least a second.
        reference: float32 (m,) at 16 kHz, with some seconds more at both ends where there are any.
        lead_s: where in `reference` the query's first sample falls, s.
        speed: reference seconds per query second.

    Returns: rows every `STEP_S` of the query.
    """
    centres_s = _steps(FRAME_S, len(query) / RATE_HZ)
    half = round(MAX_LAG_S / FRAME_S)
    lags_s: FloatArray = np.arange(-half, half + 1, dtype=np.float64) * FRAME_S
    wide_s = _steps(FRAME_S, (len(centres_s) + 2 * half) * FRAME_S) - half * FRAME_S
    query_levels = _levels(query, centres_s)
    reference_levels = _levels(reference, lead_s + speed * wide_s)
    details_query = _details(query_levels)
    played = BANDS_PER_OCTAVE * float(np.log2(speed))
    pitch, chosen, likeness = _best_pitch(details_query, reference_levels, played, len(lags_s))
    near = np.flatnonzero(np.abs(lags_s) <= 0.32)
    base = int(near[(np.maximum(likeness[near], 0) ** 2).sum(axis=1).argmax()])
    coherent = abs(pitch - played) < 0.1
    times_s = _steps(STEP_S, len(query) / RATE_HZ)
    columns = np.minimum((times_s / FRAME_S).astype(np.int64), len(centres_s) - 1)
    coherence, peak = np.full(len(times_s), np.nan), np.full(len(times_s), np.nan)
    if coherent:
        coherence, peak = _coherence(query, reference, lead_s + speed * lags_s[base], speed, times_s)
    same_time = slice(half, half + len(centres_s))
    return Measures(
        times_s, lags_s, likeness[:, columns], base, coherence, peak,
        _power(query_levels)[columns], _power(reference_levels[same_time])[columns],
        _swing(reference_levels[same_time])[columns], pitch,
        centres_s, _frame_db(query_levels), details_query, chosen,
    )  # fmt: skip


def _steps(step_s: float, until_s: float) -> FloatArray:
    """The middles of steps that begin before a time, at least one."""
    middles: FloatArray = np.arange(max(1, round(until_s / step_s)), dtype=np.float64) * step_s + 0.5 * step_s
    return middles


def _best_pitch(
    query: Float32Array, levels: Float32Array, played: float, lags: int
) -> tuple[float, Float32Array, FloatArray]:
    """The pitch at which the better half of the query is most like the reference, details and likeness."""
    found = []
    others = PITCHES if abs(played) < 0.1 else ()
    for pitch in sorted({0.0, played, *map(float, others)}, key=abs):
        details = _details(_shifted(levels, pitch))
        likeness = _likeness(query, details, lags)
        better = np.sort(likeness.max(axis=0))[likeness.shape[1] // 2 :]
        cost = 0.0 if pitch in (0.0, played) else 0.02
        found.append((float(better.mean()) - cost, pitch, details, likeness))
    _, pitch, details, likeness = max(found, key=lambda one: one[0])
    return pitch, details, likeness


def _levels(mono: Float32Array, centres_s: FloatArray) -> Float32Array:
    """Band levels in dB of windows around the times, float32 (n, BANDS); −120 outside the sound."""
    from scipy.fft import rfft

    taper = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    starts = np.rint(centres_s * RATE_HZ).astype(np.int64)
    padded = np.concatenate([np.zeros(WINDOW, np.float32), mono, np.zeros(WINDOW, np.float32)])
    starts = np.clip(starts + WINDOW // 2, 0, len(padded) - WINDOW)
    edges = LOW_HZ * 2.0 ** (np.arange(BANDS + 1) / BANDS_PER_OCTAVE)
    weights = _band_matrix(edges) * np.float32(4.0 / taper.sum() ** 2)
    view = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    found = [np.zeros((0, BANDS), np.float32)]
    for at in range(0, len(starts), 1024):
        spectrum = rfft(view[starts[at : at + 1024]] * taper, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) @ weights
        found.append((10.0 * np.log10(power + 1e-12)).astype(np.float32))
    return np.concatenate(found)


def _band_matrix(edges_hz: FloatArray) -> Float32Array:
    """Each bin shared among the bands that its width overlaps, float32 (WINDOW // 2 + 1, BANDS)."""
    width = RATE_HZ / WINDOW
    centres = np.arange(WINDOW // 2 + 1) * width
    low = np.maximum(centres[:, None] - width / 2, edges_hz[None, :-1])
    high = np.minimum(centres[:, None] + width / 2, edges_hz[None, 1:])
    weights: Float32Array = (np.clip(high - low, 0.0, None) / width).astype(np.float32)
    return weights


def _shifted(levels: Float32Array, pitch: float) -> Float32Array:
    """The levels as they lie when the sound is `pitch` bands higher."""
    if not pitch:
        return levels
    at = np.clip(np.arange(BANDS) - pitch, 0, BANDS - 1)
    low = np.minimum(at.astype(np.int64), BANDS - 2)
    part = (at - low).astype(np.float32)
    moved: Float32Array = levels[:, low] * (1 - part) + levels[:, low + 1] * part
    return moved


def _details(levels: Float32Array) -> Float32Array:
    """Levels less their mean over half a second and four bands to either side, limited, in dB."""
    from scipy.ndimage import uniform_filter

    floored = np.maximum(levels, SILENT_DB - 25)
    smooth = uniform_filter(floored, size=(2 * round(0.5 / FRAME_S) + 1, 9), mode="nearest")
    details: Float32Array = np.clip(floored - smooth, -12.0, 20.0)
    return details


def _likeness(query: Float32Array, reference: Float32Array, lags: int) -> FloatArray:
    """Correlation of details around every frame at every lag, float64 (lags, frames)."""
    count = len(query)
    own = _summed((query**2).sum(axis=1)[None])[0]
    others = (reference**2).sum(axis=1)
    products = np.empty((lags, count))
    energies = np.empty((lags, count))
    for lag in range(lags):
        products[lag] = np.einsum("ij,ij->i", query, reference[lag : lag + count])
        energies[lag] = others[lag : lag + count]
    found: FloatArray = _summed(products) / np.sqrt(_summed(energies) * own + 1e4)
    return found


def _summed(values: FloatArray) -> FloatArray:
    from scipy.ndimage import uniform_filter1d

    size = 2 * round(REACH_S / FRAME_S) + 1
    return np.asarray(uniform_filter1d(values.astype(np.float64), size, axis=1, mode="nearest")) * size


def _frame_db(levels: Float32Array) -> FloatArray:
    """Level in dB of all bands of every frame."""
    found: FloatArray = 10.0 * np.log10((10.0 ** (levels.astype(np.float64) / 10.0)).sum(axis=1))
    return found


def _power(levels: Float32Array) -> FloatArray:
    """Mean level in dB of all bands around every frame."""
    power = 10.0 ** (_frame_db(levels) / 10.0)
    return 10.0 * np.log10(np.maximum(_mean(power), 1e-12))


def _swing(levels: Float32Array) -> FloatArray:
    """Standard deviation of the level around every frame, dB."""
    level = _frame_db(levels)
    return np.sqrt(np.maximum(_mean(level**2) - _mean(level) ** 2, 0.0))


def _mean(values: FloatArray) -> FloatArray:
    mean: FloatArray = _summed(values[None])[0] / (2 * round(REACH_S / FRAME_S) + 1)
    return mean


def _coherence(
    query: Float32Array, reference: Float32Array, lead_s: float, speed: float, times_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Coherence and height of the delay peak around every time."""
    length = 2 * round(REACH_S * RATE_HZ)
    slack = round(0.08 * RATE_HZ)
    coherence, peak = np.zeros(len(times_s)), np.zeros(len(times_s))
    for row, time_s in enumerate(times_s):
        start = int(np.clip(round(time_s * RATE_HZ) - length // 2, 0, max(0, len(query) - length)))
        piece = query[start : start + length]
        at = (lead_s + speed * (start + np.arange(-slack, len(piece) + slack)) / RATE_HZ) * RATE_HZ
        heard = np.interp(at, np.arange(len(reference)), reference, 0.0, 0.0).astype(np.float32)
        delay, peak[row] = _delay(piece, heard, slack)
        coherence[row] = _mean_coherence(piece, heard[delay : delay + len(piece)])
    return coherence, peak


def _delay(piece: Float32Array, heard: Float32Array, slack: int) -> tuple[int, float]:
    """Samples into `heard` at which `piece` begins, by whitened correlation, and how that peak stands out."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(heard) + len(piece), real=True)
    cross = rfft(heard, size) * np.conj(rfft(piece, size))
    strength = np.abs(cross)
    low, high = round(200 / RATE_HZ * size), round(4000 / RATE_HZ * size)
    white = np.zeros_like(cross)
    white[low:high] = cross[low:high] / (strength[low:high] + 1e-6 * strength.max() + 1e-12)
    found = irfft(white, size)[: 2 * slack + 1]
    best = int(found.argmax())
    around = np.abs(np.arange(len(found)) - best) > RATE_HZ // 500
    spread = float(found[around].std()) + 1e-12
    return best, float(found[best]) / spread


def _mean_coherence(one: Float32Array, other: Float32Array) -> float:
    """Magnitude-squared coherence from 200 Hz to 4 kHz, weighted by the root of the power of `one`."""
    first, second = _spectra(one), _spectra(other)
    bins = slice(round(200 / RATE_HZ * _COHERENCE_WINDOW), round(4000 / RATE_HZ * _COHERENCE_WINDOW))
    cross = np.abs((first * np.conj(second))[:, bins].sum(axis=0)) ** 2
    power = (np.abs(first[:, bins]) ** 2).sum(axis=0)
    share = cross / (power * (np.abs(second[:, bins]) ** 2).sum(axis=0) + 1e-12)
    weight = np.sqrt(power) + 1e-9
    return float((share * weight).sum() / weight.sum())


def _spectra(mono: Float32Array) -> FloatArray:
    from scipy.fft import rfft

    if len(mono) < _COHERENCE_WINDOW:
        mono = np.pad(mono, (0, _COHERENCE_WINDOW - len(mono)))
    view = np.lib.stride_tricks.sliding_window_view(mono, _COHERENCE_WINDOW)[::_COHERENCE_HOP]
    taper = np.hanning(_COHERENCE_WINDOW + 1)[:-1].astype(np.float32)
    return np.asarray(rfft(view * taper, axis=1))

"""A sound track in steps of 50 ms, and how much it sounds like speech.

A `SoundSeries` goes in; band levels per step, how fast they rise and fall, and seven measures of the 4 s
around every tenth step, come out. Speech alternates with pauses a few times a second and fills the telephone
band; steady noise, music and single events do not. How fast a band falls is how long the room rings.
Source: 4 Hz modulation and low-energy share, Scheirer & Slaney, Construction and evaluation of a robust
multifeature speech/music discriminator (ICASSP 1997); decay rates of bands as a measure of reverberation,
Wen, Habets & Naylor, Blind estimation of reverberation time based on the distribution of signal decay rates
(ICASSP 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import SoundSeries

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

STEP_HOPS = 5
CODE_DB, LOWEST_DB = 0.5, -120.0
"""How `band_code` of a SoundSeries is to be read: half decibels from −120 dB."""

MEL_BANDS = 26
SPEECH_BANDS = slice(4, 24)
HIGH_BANDS = slice(MEL_BANDS, MEL_BANDS + 8)
LOW_BANDS = slice(0, 3)
"""About 270–3400 Hz, 4–8 kHz and 50–210 Hz of the bands of a SoundSeries."""

SLOPE_BANDS = (
    slice(0, 5),
    slice(5, 9),
    slice(9, 13),
    slice(13, 17),
    slice(17, 21),
    slice(21, MEL_BANDS),
    HIGH_BANDS,
)
SLOPE_OVER_STEPS = (1, 3)
SLOPE_FLOOR_DB = -95.0
"""Slopes are taken of seven broad bands up to 8 kHz, over 50 and 150 ms; below the floor is silence."""

BLOCK_STEPS = 4_000
AROUND_STEPS = 80
STRIDE = 10
SPEECH_MEASURES = 7


@dataclass(frozen=True, slots=True)
class Steps:
    """times_s float64 (T + 1,), the steps' borders; levels float32 (T, bands), dB re full scale."""

    times_s: FloatArray
    levels: Float32Array


def steps_of(series: SoundSeries) -> Steps:
    """Hops gathered into steps, power means; none for a track shorter than one step."""
    count = len(series.times_s) // STEP_HOPS
    if not count:
        return Steps(np.zeros(1), np.zeros((0, 58), np.float32))
    codes = series.values["band_code"]
    levels = np.empty((count, codes.shape[1]), np.float32)
    for a in range(0, count, BLOCK_STEPS):  # the powers of a whole hour would take 250 MB
        b = min(count, a + BLOCK_STEPS)
        known = codes[a * STEP_HOPS : b * STEP_HOPS].astype(np.float32)
        power = np.exp((known * CODE_DB + LOWEST_DB) * np.float32(np.log(10.0) / 10.0))
        levels[a:b] = 10.0 * np.log10(power.reshape(b - a, STEP_HOPS, -1).mean(axis=1))
    starts = series.times_s[: count * STEP_HOPS : STEP_HOPS] - series.hop_s / 2
    return Steps(np.append(starts, starts[-1] + STEP_HOPS * series.hop_s), levels)


def slopes(levels: Float32Array) -> Float32Array:
    """How much louder or quieter broad bands are than 50 and 150 ms before.

    Args:
        levels: dB per step and band, float32 (T, bands).

    Returns:
        float32 (T, 14), dB: all bands over one step, then over three; 0 for the first steps.
    """
    means = [_sum_db(levels[:, b]) - 10.0 * math.log10(b.stop - b.start) for b in SLOPE_BANDS]
    broad = np.maximum(np.stack(means, axis=1), SLOPE_FLOOR_DB)
    found = []
    for steps in SLOPE_OVER_STEPS:
        change = np.zeros_like(broad)
        change[steps:] = broad[steps:] - broad[:-steps]
        found.append(change)
    return np.concatenate(found, axis=1)


def speech_measures(levels: Float32Array) -> Float32Array:
    """Measures of the 4 s around every tenth step.

    Args:
        levels: dB per step and band, float32 (T, bands).

    Returns:
        float32 (1 + (T − 1) // 10, SPEECH_MEASURES): range of the speech band's level, share of quiet steps,
        share of its 2–8 Hz modulation, its level over that of 4–8 kHz and over that below 210 Hz, and the
        unrest of level and spectrum from step to step; (0, SPEECH_MEASURES) for no step.

    """
    if not len(levels):
        return np.zeros((0, SPEECH_MEASURES), np.float32)
    speech = _sum_db(levels[:, SPEECH_BANDS])
    unrest = np.abs(np.diff(levels[:, :MEL_BANDS], axis=0, prepend=levels[:1, :MEL_BANDS])).mean(axis=1)
    stacked = [speech, _sum_db(levels[:, HIGH_BANDS]), _sum_db(levels[:, LOW_BANDS]), unrest]
    windows = _around(np.stack(stacked, axis=1))
    level, high, low = windows[:, 0], windows[:, 1], windows[:, 2]
    loud, quiet = np.quantile(level, 0.95, axis=1), np.quantile(level, 0.1, axis=1)
    return np.stack(
        [
            np.minimum(loud - quiet, 60.0),
            (level < loud[:, None] - 15.0).mean(axis=1),
            _modulation(level),
            loud - np.quantile(high, 0.95, axis=1),
            loud - np.quantile(low, 0.95, axis=1),
            np.abs(np.diff(level, axis=1)).mean(axis=1),
            windows[:, 3].mean(axis=1),
        ],
        axis=1,
    ).astype(np.float32)


def _sum_db(levels: Float32Array) -> Float32Array:
    summed: Float32Array = np.logaddexp.reduce(levels * np.float32(np.log(10.0) / 10.0), axis=1)
    return summed * np.float32(10.0 / np.log(10.0))


def _around(values: Float32Array) -> Float32Array:
    """Windows of AROUND_STEPS around every STRIDE-th step, (n, columns, AROUND_STEPS); edges repeat."""
    padded = np.pad(values, ((AROUND_STEPS // 2, AROUND_STEPS // 2 - 1), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, AROUND_STEPS, axis=0)[::STRIDE]


def _modulation(level: Float32Array) -> Float32Array:
    """Share of the amplitude's modulation that lies within 2–8 Hz, (n,)."""
    amplitude = 10.0 ** ((level - level.max(axis=1, keepdims=True)) / 20.0)
    amplitude = (amplitude - amplitude.mean(axis=1, keepdims=True)) * np.hanning(AROUND_STEPS)
    power = np.abs(np.fft.rfft(amplitude, axis=1)) ** 2
    share: Float32Array = power[:, 8:33].sum(axis=1) / (power[:, 1:].sum(axis=1) + 1e-9)
    return share

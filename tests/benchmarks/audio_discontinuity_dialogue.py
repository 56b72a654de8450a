"""Two people in one room: a conversation made of two recordings, as one microphone would have heard it.

A track and another person's go in, one track comes out in which the second person speaks one to three times.
Both go through one room, one microphone and one noise, louder than their own, so that the voice changes and
nothing else does: what a detector of joins must leave alone.
Source: exponentially decaying noise as the tail of a room's answer, Polack, La transmission de l'énergie
sonore dans les salles (1988).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from tests.benchmarks import audio_discontinuity_material as material

KIND = "dialogue"
MOST_TURNS = 3
APART_S = 3.0
TAIL_S = (0.15, 0.6)
DIRECT_DB = (-3.0, 12.0)
FARTHER_DB = (-6.0, 3.0)
NOISE_OVER_FLOOR_DB = (6.0, 12.0)
LEAST_SNR_DB = 15.0
TILT = (0.0, 1.0)
TOP_HZ = (6000.0, 16000.0)


def dialogue(
    host: material.Source, donors: list[material.Source], rng: np.random.Generator
) -> material.Item | None:
    """The host's track with turns of one other person; None where no place or no turn was found."""
    donor = donors[int(rng.integers(len(donors)))]
    mono = host.samples.mean(axis=1)
    places = material.pauses(mono, host.rate)
    margin, apart = int(1.5 * host.rate), APART_S * host.rate
    chosen: list[int] = []
    for at in rng.permutation(places[(places > margin) & (places < len(mono) - margin)]):
        if len(chosen) < MOST_TURNS and all(abs(at - c) >= apart for c in chosen):
            chosen.append(int(at))
    turns = [material.piece_of(donor, host, rng) for _ in chosen]
    if not turns or any(t is None for t in turns):
        return None
    gain = 10.0 ** (rng.uniform(*FARTHER_DB) / 20.0)
    own, other = [], []
    last = 0
    for at, turn in sorted(zip(chosen, turns, strict=True), key=lambda c: c[0]):
        said = turn.mean(axis=1) * gain
        own += [mono[last:at], np.zeros(len(said))]
        other += [np.zeros(at - last), said]
        last = at
    own.append(mono[last:])
    other.append(np.zeros(len(mono) - last))
    mixed = _heard(np.concatenate(own), np.concatenate(other), host.rate, rng)
    return material.Item(host.name, KIND, "none", host, 0.0, mixed[:, None], (), donor.corpus)


def _heard(own: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Both voices as one microphone hears them: a tail each, of one length, then one noise and one colour."""
    tail_s = rng.uniform(*TAIL_S)
    near, far = (fftconvolve(v, _room(tail_s, rate, rng))[: len(v)] for v in (own, other))
    mixed = near + far
    floors = [material.floor_of(v[v != 0.0], rate) for v in (own, other)]
    level = max(floors) * 10.0 ** (rng.uniform(*NOISE_OVER_FLOOR_DB) / 20.0)
    loud = float(np.sqrt(np.mean(mixed**2)))
    noise = _noise(len(mixed), rng)
    mixed = _coloured(mixed + noise * min(level, loud * 10.0 ** (-LEAST_SNR_DB / 20.0)), rate, rng)
    return np.clip(mixed / max(1.0, float(np.abs(mixed).max())), -1, 1).astype(np.float32)


def _room(tail_s: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A direct sound and a tail that falls by 60 dB in tail_s."""
    times = np.arange(int(tail_s * rate)) / rate
    answer = rng.standard_normal(len(times)) * 10.0 ** (-3.0 * times / tail_s)
    answer *= 10.0 ** (-rng.uniform(*DIRECT_DB) / 20.0) / np.sqrt(np.sum(answer**2))
    answer[0] = 1.0
    return answer


def _noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """Steady noise of level 1, its power falling with frequency to a power of 0 to 2."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) / 400) ** rng.uniform(*TILT)
    noise = np.fft.irfft(spectrum, count)
    return noise / np.sqrt(np.mean(noise**2))


def _coloured(mixed: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The microphone: gains of ±4 dB that vary smoothly over the octaves, and nothing above its top."""
    spectrum = np.fft.rfft(mixed)
    hz = np.fft.rfftfreq(len(mixed), 1 / rate)
    octaves = np.log2(np.maximum(hz, 40.0) / 40.0)
    gains_db = np.interp(octaves, np.arange(11.0), rng.uniform(-4.0, 4.0, 11))
    gains_db -= 24.0 * np.maximum(octaves - np.log2(rng.uniform(*TOP_HZ) / 40.0), 0.0)
    return np.fft.irfft(spectrum * 10.0 ** (gains_db / 20.0), len(mixed))

"""Speech, rooms and background sound for the sample clips.

Speech comes from the free synthesiser flite; everything else is filtered noise from a seeded generator.
A room is an image-free reverberation: decaying noise after the direct sound, coloured by the room's size
(Moorer, "About this reverberation business", Computer Music Journal 3(2), 1979).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

SAMPLE_RATE_HZ = 44100
Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """One speaker: a flite voice, its pace (1 = as built) and its mean pitch."""

    name: str
    pace: float = 1.0
    pitch_hz: float | None = None


@dataclass(frozen=True)
class Room:
    """Where a microphone stands: reverberation time, how much of it is heard, and the microphone's band."""

    reverberation_s: float = 0.3
    wet: float = 0.15
    low_hz: float = 90.0
    high_hz: float = 7600.0
    seed: int = 1


def require_flite() -> str:
    """Path of the synthesiser; raises SystemExit with one sentence when it is not installed."""
    found = shutil.which("flite")
    if found is None:
        raise SystemExit(
            "make_samples needs the speech synthesiser flite: install the package `flite` and run again."
        )
    return found


def speak(text: str, voice: Voice) -> Sound:
    """Mono speech at SAMPLE_RATE_HZ, peak 1, silence at both ends removed."""
    options = ["--setf", f"duration_stretch={1 / voice.pace:.4f}"]
    if voice.pitch_hz is not None:
        options += ["--setf", f"int_f0_target_mean={voice.pitch_hz:.1f}"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run([require_flite(), "-voice", voice.name, *options, "-t", text, str(path)], check=True)
        with wave.open(str(path)) as reader:
            rate_hz = reader.getframerate()
            samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.float64)
    sound = resample_poly(samples, SAMPLE_RATE_HZ // 100, rate_hz // 100)
    return _trimmed(sound / np.abs(sound).max())


def _trimmed(sound: Sound) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > 0.02)
    return np.asarray(sound[loud[0] : loud[-1] + 1]) if len(loud) else sound


def band(sound: Sound, low_hz: float, high_hz: float, order: int = 2) -> Sound:
    """The part of a sound between two frequencies."""
    return np.asarray(
        sosfilt(butter(order, [low_hz, high_hz], "band", fs=SAMPLE_RATE_HZ, output="sos"), sound)
    )


def in_room(sound: Sound, room: Room) -> Sound:
    """The same sound as a microphone in that room would record it; same length."""
    rng = np.random.default_rng(room.seed)
    time_s = np.arange(int(room.reverberation_s * 1.3 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(time_s)) * np.exp(-6.9 * time_s / room.reverberation_s)
    tail[: int(0.004 * SAMPLE_RATE_HZ)] = 0
    for delay_s in rng.uniform(0.005, 0.03, 7):
        tail[int(delay_s * SAMPLE_RATE_HZ)] += rng.uniform(3, 9) * rng.choice([-1, 1])
    tail /= np.sqrt(np.sum(tail**2))
    heard = sound + room.wet * fftconvolve(sound, tail)[: len(sound)]
    return band(heard, room.low_hz, room.high_hz)


def _swell(length: int, rng: np.random.Generator, slowest_s: float) -> Sound:
    knots = rng.standard_normal(max(4, int(length / SAMPLE_RATE_HZ / slowest_s * 4) + 4))
    return np.interp(np.linspace(0, len(knots) - 1, length), np.arange(len(knots)), knots)


def room_tone(length: int, rng: np.random.Generator, hum_hz: float = 50.0, level: float = 0.004) -> Sound:
    """The sound of an empty room: soft noise and a little mains hum with harmonics."""
    noise = band(rng.standard_normal(length), 40, 3000, 1) * level * 1.6
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    phases = rng.uniform(0, 6.28, 4)
    hum = sum(np.sin(2 * np.pi * hum_hz * k * time_s + phases[k - 1]) / k**1.4 for k in range(1, 5))
    return np.asarray(noise + 0.35 * level * np.asarray(hum))


def traffic(length: int, rng: np.random.Generator, level: float = 0.05) -> Sound:
    """A street: low rumble, cars that come and go, footsteps."""
    sound = (
        band(rng.standard_normal(length), 35, 260, 1) * 1.8
        + band(rng.standard_normal(length), 200, 5000, 1) * 0.25
    )
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    for moment_s in np.arange(rng.uniform(0, 1.5), time_s[-1] + 1 if length else 0, 2.6):
        passing = np.exp(-(((time_s - moment_s - rng.uniform(-0.5, 0.5)) / rng.uniform(0.4, 0.9)) ** 2))
        sound += 1.3 * passing * band(rng.standard_normal(length), 120, 2600, 1)
    for step_s in np.arange(0.2, time_s[-1] if length else 0, 0.53):
        at = int((step_s + rng.uniform(-0.03, 0.03)) * SAMPLE_RATE_HZ)
        click = rng.standard_normal(900) * np.exp(-np.arange(900) / 130)
        sound[at : at + 900] += 0.5 * click[: max(0, min(900, length - at))]
    return np.asarray(level * sound)


def wind(length: int, rng: np.random.Generator, level: float = 0.05) -> Sound:
    """Gusts over a microphone, and leaves."""
    gusts = 0.6 + 0.4 * np.tanh(_swell(length, rng, 2.5))
    return np.asarray(
        level
        * gusts
        * (
            2.2 * band(rng.standard_normal(length), 25, 240, 1)
            + 0.3 * band(rng.standard_normal(length), 900, 6000, 1)
        )
    )


def surf(length: int, rng: np.random.Generator, level: float = 0.06) -> Sound:
    """Waves that break and run out."""
    swell = 0.55 + 0.45 * np.tanh(1.3 * _swell(length, rng, 3.4))
    return np.asarray(level * swell**1.5 * 2.0 * band(rng.standard_normal(length), 180, 7000, 1))


def envelope(sound: Sound, values_hz: int = 100) -> NDArray[np.float64]:
    """Loudness over time, 0 … 1, for a mouth to follow."""
    step = SAMPLE_RATE_HZ // values_hz
    usable = sound[: len(sound) // step * step].reshape(-1, step)
    level = np.sqrt((usable**2).mean(axis=1)) if len(usable) else np.zeros(1)
    smooth = np.convolve(level, np.hanning(9) / np.hanning(9).sum(), "same")
    return np.asarray(np.clip(smooth / max(float(np.percentile(smooth, 95)), 1e-9), 0, 1) ** 0.8)


def laid(base: Sound, piece: Sound, at_s: float, gain: float = 1.0) -> Sound:
    """A copy of `base` with `piece` mixed in at a time; what runs past the end is left off."""
    mixed = base.copy()
    at = round(at_s * SAMPLE_RATE_HZ)
    end = min(len(mixed), at + len(piece))
    mixed[at:end] += gain * piece[: end - at]
    return mixed

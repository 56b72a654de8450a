"""One face and the sound beside it, on one grid of 25 steps a second, as the sync network takes them.

A face track, the clip's sound levels and the speech heard go in; `FaceStretch` comes out, one per minute or
so of a track, and from it the two arrays that the network takes. Everything is centred and scaled over its
own stretch, so that a voice's loudness, a room's colour or the shape of a mouth say nothing; only what
changes does.
Source: features after Korshunov & Marcel, Speaker inconsistency detection in tampered video (2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import FaceTrack, SoundSeries, Speech

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, ByteArray, Float32Array, FloatArray, IntArray

RATE_HZ = 25.0
HOPS = 4
"""Sound is measured 100 times a second: so many measurements per step."""

BANDS = 34
"""Of the measured bands those up to 8 kHz, where speech is and every codec keeps sound."""

FLOOR_DB, STEP_DB, LEAST_DB = -120.0, 0.5, -100.0
LONGEST_S = 60.0
LEAST_S = 4.0
MOST_GAP_S = 0.2
WAVES = 6
"""The mouth's picture is described by cosine waves up to this many half periods along and across."""


@dataclass(frozen=True, slots=True)
class FaceStretch:
    """A stretch of one face and its sound on the grid, n steps, the first at `start_s`.

    shapes float32 (n, 48): points in the frame of the eyes; mouths uint8 (n, 24, 24); levels float32
    (n, 4, 34), dB; speech float32 (n,): probability that somebody speaks; eyes_px float32 (n,): distance of
    the eyes; sounding bool (n,): where the track has sound.
    """

    start_s: float
    shapes: Float32Array
    mouths: ByteArray
    levels: Float32Array
    speech: Float32Array
    eyes_px: Float32Array
    sounding: BoolArray

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def end_s(self) -> float:
        """Time of the last step."""
        return self.start_s + (len(self) - 1) / RATE_HZ

    @property
    def opening(self) -> Float32Array:
        """Distance of the middles of the inner lips, float32 (n,), in eye distances."""
        points = self.shapes.reshape(len(self), -1, 2)
        apart = points[:, INNER_LOWER] - points[:, INNER_UPPER]
        distance: Float32Array = np.hypot(apart[:, 0], apart[:, 1]).astype(np.float32)
        return distance


def face_stretches(
    track: FaceTrack, sound: SoundSeries, speech: Speech, least_s: float = LEAST_S
) -> Iterator[FaceStretch]:
    """Cut one face track into stretches of at most a minute and put each on the grid.

    Args:
        track: cut where pictures are missing.
        sound: levels of the clip's first sound track.
        speech: heard in that track.
        least_s: shorter stretches are left out.
    """
    breaks = np.flatnonzero(np.diff(track.times_s) > MOST_GAP_S) + 1
    for part in np.split(np.arange(len(track.times_s)), breaks):
        start_s, length_s = float(track.times_s[part[0]]), float(np.ptp(track.times_s[part]))
        if length_s < least_s:
            continue
        count = math.ceil(length_s / LONGEST_S)
        for k in range(count):
            grid = start_s + k * length_s / count + np.arange(int(length_s / count * RATE_HZ) + 1) / RATE_HZ
            yield _on_grid(track, part, sound, speech, grid)


def _on_grid(
    track: FaceTrack, part: IntArray, sound: SoundSeries, speech: Speech, grid: FloatArray
) -> FaceStretch:
    times_s = track.times_s[part]
    nearest = part[np.clip(np.searchsorted(times_s, grid - 0.5 / 30), 0, len(part) - 1)]
    levels, sounding = grid_levels(sound, float(grid[0]), len(grid))
    return FaceStretch(
        start_s=float(grid[0]),
        shapes=_resampled(grid, times_s, track.shapes[part].reshape(len(part), -1)),
        mouths=track.mouths[nearest],
        levels=levels,
        speech=grid_speech(speech, grid),
        eyes_px=np.interp(grid, times_s, track.eyes_px[part]).astype(np.float32),
        sounding=sounding,
    )


def grid_speech(speech: Speech, grid: FloatArray) -> Float32Array:
    """Speech probability at each time of the grid, float32 (n,); 0 where nothing was heard."""
    if not len(speech.times_s):
        return np.zeros(len(grid), np.float32)
    return np.interp(grid, speech.times_s, speech.probability).astype(np.float32)


def _resampled(grid: FloatArray, times_s: FloatArray, values: Float32Array) -> Float32Array:
    columns = [np.interp(grid, times_s, values[:, k]) for k in range(values.shape[1])]
    return np.stack(columns, axis=1).astype(np.float32)


def grid_levels(sound: SoundSeries, start_s: float, steps: int) -> tuple[Float32Array, BoolArray]:
    """Levels in dB float32 (steps, 4, 34), and where there is sound, bool (steps,)."""
    wanted = start_s + np.arange(steps * HOPS) / (RATE_HZ * HOPS)
    index = np.clip(np.searchsorted(sound.times_s, wanted), 0, len(sound.times_s) - 1)
    there: BoolArray = np.abs(sound.times_s[index] - wanted) < 2 * sound.hop_s
    codes = np.asarray(sound.values["band_code"])[index, :BANDS].astype(np.float32)
    levels = np.where(there[:, None], codes * STEP_DB + FLOOR_DB, FLOOR_DB).astype(np.float32)
    whole: BoolArray = there.reshape(steps, HOPS).min(axis=1)
    return levels.reshape(steps, HOPS, BANDS), whole


# places of the middles of the inner lips among the 24 kept points
INNER_UPPER, INNER_LOWER = 14, 18


def seen_features(shapes: Float32Array, mouths: ByteArray) -> Float32Array:
    """What the network sees, float32 (n, 146): lips and mouth picture, each with its change.

    Args:
        shapes: float32 (n, 48), points in the frame of the eyes.
        mouths: uint8 (n, 24, 24).
    """
    waves = _waves(mouths)
    parts = (
        _scaled(shapes, 2e-3),
        _scaled(_change(shapes), 5e-4),
        _scaled(waves, 0.02),
        _scaled(_change(waves), 0.01),
    )
    return np.concatenate(parts, axis=1)


def heard_features(levels: Float32Array) -> Float32Array:
    """What the network hears, float32 (n, 136).

    Args:
        levels: float32 (n, 4, 34), dB.
    """
    flat = np.maximum(levels, LEAST_DB).reshape(-1, levels.shape[-1])
    return _scaled(flat, 1.0).reshape(len(levels), -1)


def _scaled(values: Float32Array, least: float) -> Float32Array:
    scaled: Float32Array = ((values - values.mean(axis=0)) / (values.std(axis=0) + least)).astype(np.float32)
    return scaled


def _change(values: Float32Array) -> Float32Array:
    """Central difference along time; 0 at both ends."""
    change = np.zeros_like(values)
    change[1:-1] = (values[2:] - values[:-2]) / 2
    return change


def _waves(mouths: ByteArray) -> Float32Array:
    """Low cosine coefficients of each mouth without its mean, float32 (n, 25)."""
    size = mouths.shape[-1]
    places = (2 * np.arange(size) + 1) / (2 * size)
    basis = np.cos(np.pi * np.arange(WAVES)[:, None] * places).astype(np.float32)
    pictures = mouths.astype(np.float32) / 64
    found = np.einsum("ux,nxy,vy->nuv", basis, pictures, basis, optimize=True) / np.float32(size)
    kept = [(u, v) for u in range(WAVES) for v in range(WAVES) if 0 < u + v <= WAVES]
    return np.stack([found[:, u, v] for u, v in kept], axis=1)

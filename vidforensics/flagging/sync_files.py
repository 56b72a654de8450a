"""Keep stretches of face in a file, so that training measures footage once.

Stretches, or the sound of a clip without a face, go in and come back as they were; npz without pickle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.flagging.sync_input import (
    BANDS,
    HOPS,
    RATE_HZ,
    FaceStretch,
    face_stretches,
    grid_levels,
)
from vidforensics.types import FaceTrack, SoundSeries, Speech

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

_ARRAYS = tuple(f.name for f in fields(FaceStretch) if f.name != "start_s")


@dataclass(frozen=True, slots=True)
class Measured:
    """What training keeps of one clip: stretches of face, and the whole sound.

    levels float32 (n, 4, 34), dB on the grid from the sound's beginning, of no length where there is none.
    """

    stretches: tuple[FaceStretch, ...]
    levels: Float32Array


LEAST_S = 2.4
"""Shorter than the detector judges: training takes windows of 1.6 s with margins."""


def measured_of(faces: Sequence[FaceTrack], sounds: Sequence[SoundSeries], speech: Speech) -> Measured:
    """What training keeps of a clip's faces and sound."""
    if not sounds or not len(sounds[0].times_s):
        return Measured((), np.zeros((0, HOPS, BANDS), np.float32))
    sound = sounds[0]
    stretches = tuple(stretch for track in faces for stretch in face_stretches(track, sound, speech, LEAST_S))
    first_s, last_s = float(sound.times_s[0]), float(sound.times_s[-1])
    levels, _ = grid_levels(sound, first_s, int((last_s - first_s) * RATE_HZ))
    return Measured(stretches, levels)


def write_measured(path: Path, measured: Measured) -> None:
    """Write one clip's stretches and sound; levels are kept as half floats."""
    arrays: dict[str, Any] = {"levels": measured.levels.astype(np.float16)}
    for number, stretch in enumerate(measured.stretches):
        for name in _ARRAYS:
            value = getattr(stretch, name)
            arrays[f"{number}.{name}"] = value.astype(np.float16) if name == "levels" else value
    starts = np.array([s.start_s for s in measured.stretches])
    np.savez_compressed(path, start_s=starts, **arrays)


def read_measured(path: Path) -> Measured:
    """Read what `write_measured` wrote.

    Raises:
        OSError, KeyError, ValueError: the file is not one.
    """
    with np.load(path, allow_pickle=False) as kept:
        stretches = tuple(
            FaceStretch(start_s=float(start_s), **_arrays(kept, number))
            for number, start_s in enumerate(kept["start_s"])
        )
        return Measured(stretches, kept["levels"].astype(np.float32))


def _arrays(kept: np.lib.npyio.NpzFile, number: int) -> dict[str, Any]:
    found = {name: kept[f"{number}.{name}"] for name in _ARRAYS}
    return {**found, "levels": found["levels"].astype(np.float32)}

"""Made-up talkers: lips that follow the loudness of a made-up voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidforensics.flagging.sync_files import Measured, write_measured
from vidforensics.flagging.sync_input import FaceStretch


def talker(seed: int, seconds: float = 14.0) -> FaceStretch:
    """A face whose lips open with the voice, in sync."""
    rng = np.random.default_rng(seed)
    count = round(seconds * 25)
    smooth = np.convolve(rng.normal(0, 1, count + 8), np.ones(4) / 2, "same")[:count]
    bands = rng.uniform(4, 12, 34)
    levels = -50 + smooth[:, None, None] * bands + rng.normal(0, 2, (count, 4, 34))
    weights = rng.normal(0, 1, 48)
    weights[[29, 37]] = (-2, 2)
    shapes = smooth[:, None] * 0.02 * weights + rng.normal(0, 0.004, (count, 48))
    mouths = (
        120
        + smooth[:, None, None] * 12 * np.cos(np.linspace(0, np.pi, 24))
        + rng.normal(0, 3, (count, 24, 24))
    )
    return FaceStretch(
        start_s=0.0,
        shapes=shapes.astype(np.float32),
        mouths=np.clip(mouths, 0, 255).astype(np.uint8),
        levels=levels.astype(np.float32),
        speech=np.ones(count, np.float32),
        eyes_px=np.full(count, 50, np.float32),
        sounding=np.ones(count, bool),
    )


def measure(clip: Path, target: Path) -> None:
    """What a worker would write: a talker, or for a .wav a voice alone, by the file's content."""
    stretch = talker(int(clip.read_text()))
    faces = () if clip.suffix == ".wav" else (stretch,)
    write_measured(target, Measured(faces, stretch.levels))

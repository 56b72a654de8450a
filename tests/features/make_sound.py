"""Blocks of sound as the decode pass hands them on."""

from __future__ import annotations

import numpy as np

from vidforensics.types import AudioBlock

RATE_HZ = 16000


def audio(start_s: float, samples: np.ndarray, track: int = 0) -> AudioBlock:  # type: ignore[type-arg]
    mono = samples.astype(np.float32)
    return AudioBlock(track, start_s, mono[:, None], RATE_HZ, start_s, mono)

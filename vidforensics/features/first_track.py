"""The first sound track of a clip as networks hear it: clean samples of 16 kHz, and where they begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import AudioBlock

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

RATE_HZ = 16000
MOST_DRIFT_S = 0.1
"""Sound that begins so far from where the last ended is heard as a new beginning."""


class FirstTrack:
    """Passes on the sound of the track that came first."""

    def __init__(self) -> None:
        self._track: int | None = None
        self._start_s = -np.inf
        self._taken = 0

    def take(self, block: AudioBlock) -> tuple[Float32Array, bool]:
        """Samples of the block within ±1, and whether they do not go on from those before.

        Returns:
            float32 (n,) of no length for another track or an empty block, which never begins anew.
        """
        self._track = block.track if self._track is None else self._track
        if block.track != self._track or not len(block.mono):
            return np.zeros(0, np.float32), False
        drift_s = block.mono_start_s - (self._start_s + self._taken / RATE_HZ)
        anew = bool(abs(drift_s) > MOST_DRIFT_S)
        if anew:
            self._start_s, self._taken = block.mono_start_s, 0
        self._taken += len(block.mono)
        return np.clip(np.nan_to_num(block.mono), -1.0, 1.0).astype(np.float32), anew

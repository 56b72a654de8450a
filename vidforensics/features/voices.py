"""Whose voice is heard, through the whole first sound track, as it is decoded.

Sound of 16 kHz goes in; every 0.8 s a vector of the voice in the 1.6 s from there comes out, by the installed
network. It says nothing of who somebody is, only whether two stretches sound like one person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics import models
from vidforensics.features.first_track import FirstTrack
from vidforensics.features.voice_net import (
    FRAME,
    LEVEL,
    RATE_HZ,
    SIZE,
    STEP,
    WINDOW_STEPS,
    mel_frames,
    voice_net,
)
from vidforensics.types import AudioBlock, Voices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidforensics.records.arrays import Float32Array

HOP = 80 * STEP
"""Samples from one window to the next."""

WINDOW = (WINDOW_STEPS - 1) * STEP + FRAME
WINDOWS_AT_ONCE = 16
LEAST_LEVEL = 1e-3
"""Root mean square, of full scale 1, below which nobody is taken to be heard."""

NO_VOICE_MODEL = "the voice model is not installed; run: vidforensics models install"


def voice_accumulator() -> VoiceAccumulator | str:
    """Who tells voices apart in the decode pass; a sentence where the network for it is missing."""
    if models.installed(models.VOICE_FILE) is None:
        return NO_VOICE_MODEL
    return VoiceAccumulator()


class VoiceAccumulator:
    """Takes every sound of the decode pass; gives the voices of the first track."""

    def __init__(self) -> None:
        self._net = voice_net()
        self._sound = FirstTrack()
        self._kept = np.zeros(0, np.float32)
        self._kept_from_s = 0.0
        self._times_s: list[float] = []
        self._vectors: list[NDArray[np.float16]] = []

    def update(self, block: AudioBlock) -> None:
        """Take the next sound; other tracks than the first are passed over."""
        samples, anew = self._sound.take(block)
        if anew:
            self._run()
            self._kept, self._kept_from_s = samples, block.mono_start_s
        elif len(samples):
            self._kept = np.concatenate([self._kept, samples])
        if len(self._kept) >= WINDOW + (WINDOWS_AT_ONCE - 1) * HOP:
            self._run()

    def finish(self) -> Voices:
        """The voices of the track by time; of no length where there was none."""
        self._run()
        order = np.argsort(self._times_s, kind="stable")  # timestamps may jump back
        vectors = np.concatenate([np.zeros((0, SIZE), np.float16), *self._vectors])
        return Voices(np.asarray(self._times_s, np.float64)[order], vectors[order])

    def _run(self) -> None:
        """Judge every whole window of what is kept; keep what later windows need."""
        count = (len(self._kept) - WINDOW) // HOP + 1
        if count <= 0:
            return
        frames = mel_frames(self._kept[: (count - 1) * HOP + WINDOW])
        firsts = np.arange(count) * (HOP // STEP)
        levels = np.array([_level(self._kept[i * HOP : i * HOP + WINDOW]) for i in range(count)])
        vectors = np.zeros((count, SIZE), np.float16)
        heard = np.flatnonzero(levels >= LEAST_LEVEL)
        for some in (heard[i : i + WINDOWS_AT_ONCE] for i in range(0, len(heard), WINDOWS_AT_ONCE)):
            windows = np.stack([frames[f : f + WINDOW_STEPS] for f in firsts[some]])
            gains = np.float32(LEVEL) / levels[some]
            vectors[some] = self._net.vectors(windows * (gains**2)[:, None, None].astype(np.float32))
        self._times_s += [self._kept_from_s + i * HOP / RATE_HZ for i in range(count)]
        self._vectors.append(vectors)
        self._kept = self._kept[count * HOP :]
        self._kept_from_s += count * HOP / RATE_HZ


def _level(samples: Float32Array) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))

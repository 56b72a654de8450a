"""Where somebody speaks, through the whole first sound track, as it is decoded.

Sound of 16 kHz goes in; a speech probability every 32 ms comes out, by the installed network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics import models
from vidforensics.features.first_track import FirstTrack
from vidforensics.features.speech_net import CHUNK, RATE_HZ, Listener, speech_net
from vidforensics.types import AudioBlock, Speech

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

HOP_S = CHUNK / RATE_HZ
NO_SPEECH_MODEL = "the speech model is not installed; run: vidforensics models install"


def speech_accumulator() -> SpeechAccumulator | str:
    """Who listens through the decode pass; a sentence where the network for it is missing."""
    if models.installed(models.SPEECH_FILE) is None:
        return NO_SPEECH_MODEL
    return SpeechAccumulator()


class SpeechAccumulator:
    """Takes every sound of the decode pass; gives the speech of the first track."""

    def __init__(self) -> None:
        self._sound = FirstTrack()
        self._listener = Listener(speech_net())
        self._start_s = 0.0
        self._heard = 0
        self._found: list[tuple[float, Float32Array]] = []

    def update(self, block: AudioBlock) -> None:
        """Take the next sound; other tracks than the first are passed over."""
        samples, anew = self._sound.take(block)
        if anew:
            self._keep(self._listener.rest())
            self._listener = Listener(speech_net())
            self._start_s, self._heard = block.mono_start_s, 0
        if len(samples):
            self._keep(self._listener.hear(samples))

    def finish(self) -> Speech:
        """The speech of the track by time; of no length where there was none."""
        self._keep(self._listener.rest())
        middles = [start_s + (np.arange(len(p)) + 0.5) * HOP_S for start_s, p in self._found]
        times_s = np.concatenate([np.zeros(0), *middles])
        probability = np.concatenate([np.zeros(0, np.float32), *(p for _, p in self._found)])
        order = np.argsort(times_s, kind="stable")  # timestamps may jump back
        return Speech(times_s[order], probability[order])

    def _keep(self, probability: Float32Array) -> None:
        if len(probability):
            self._found.append((self._start_s + self._heard * HOP_S, probability))
            self._heard += len(probability)

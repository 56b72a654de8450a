"""Say which stretches of a face may be judged against the sound: a speaker who is seen to speak.

A stretch passes where somebody speaks most of the time, the face is large enough and its mouth moves; each
step that lies in no passing stretch has a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.sync_input import RATE_HZ, FaceStretch

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, IntArray

LEAST_SPEECH = 0.5
LEAST_SPEECH_SHARE = 0.5
LEAST_EYES_PX = 22.0
LEAST_MOVE = 0.0012
"""Mean change of the opening per step over a second, in eye distances; a shut mouth stays below."""

LEAST_OF_LIVELY = 0.35
LIVELY = 75.0
"""A second also counts as moving only from this share of the face's own lively seconds (a percentile) on:
somebody who listens moves the lips a little."""

LEAST_MOVING_SHARE = 0.7

AROUND_STEPS = 50
NO_FACE = "no face on camera, or for less than 4 s"
SHORT = "no stretch of 4 s that can be judged"
SMALL = "the face is too small"
SILENT = "no speech while a face is on camera"
CLOSED = "speech, but no visible mouth moves: perhaps a voice-over"


@dataclass(frozen=True, slots=True)
class Gate:
    """Running sums over the n steps of one stretch of face, each float64 (n + 1,)."""

    speech: FloatArray
    large: FloatArray
    moving: FloatArray
    sounding: FloatArray
    shut: FloatArray

    def shut_share(self, index: IntArray) -> FloatArray:
        """Share of the 2 s on both sides in which somebody speaks and this mouth does not, float64 (m,)."""
        first, last = (
            np.maximum(index - AROUND_STEPS, 0),
            np.minimum(index + AROUND_STEPS, len(self.shut) - 1),
        )
        return _share(self.shut, first, last)

    def passes(self, first: IntArray, last: IntArray) -> BoolArray:
        """Which stretches [first, last) may be judged, bool (m,)."""
        length = last - first
        passed: BoolArray = (
            (_share(self.speech, first, last) >= LEAST_SPEECH_SHARE)
            & (_share(self.large, first, last) >= 0.5)
            & (_share(self.moving, first, last) >= LEAST_MOVING_SHARE)
            & (_share(self.sounding, first, last) >= 0.9)
            & (length > 0)
        )
        return passed

    def reason_number(self, index: IntArray) -> IntArray:
        """Which of `reasons()` keeps the step from being judged, going by 2 s on both sides, int64 (m,)."""
        count = len(self.speech) - 1
        first, last = np.maximum(index - AROUND_STEPS, 0), np.minimum(index + AROUND_STEPS, count)
        found = np.full(len(index), 1)
        found[_share(self.moving, first, last) < LEAST_MOVING_SHARE] = 4
        found[_share(self.large, first, last) < 0.5] = 2
        silent = _share(self.speech, first, last) < LEAST_SPEECH_SHARE
        found[silent | (_share(self.sounding, first, last) < 0.9)] = 3
        return found

    @staticmethod
    def reasons() -> tuple[str, ...]:
        """Every reason, by number; a greater number is the better one to give."""
        return (NO_FACE, SHORT, SMALL, SILENT, CLOSED)


def gate_of(item: FaceStretch) -> Gate:
    """The gate of one stretch of face."""
    speaks, large, moving = item.speech > LEAST_SPEECH, item.eyes_px >= LEAST_EYES_PX, _moving(item)
    return Gate(
        speech=_sums(speaks),
        large=_sums(large),
        moving=_sums(moving),
        sounding=_sums(item.sounding),
        shut=_sums(speaks & large & ~moving),
    )


def _moving(item: FaceStretch) -> BoolArray:
    """Steps about which the mouth moves as a speaker's does, bool (n,)."""
    change = np.abs(np.diff(item.opening, prepend=item.opening[:1]))
    second = np.ones(min(len(change), round(RATE_HZ)))
    move = np.convolve(change, second, "same") / np.convolve(np.ones(len(change)), second, "same")
    moving: BoolArray = move >= max(LEAST_MOVE, LEAST_OF_LIVELY * float(np.percentile(move, LIVELY)))
    return moving


def _sums(values: BoolArray | Float32Array) -> FloatArray:
    total: FloatArray = np.concatenate([[0.0], np.cumsum(np.asarray(values, np.float64))])
    return total


def _share(sums: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    share: FloatArray = (sums[last] - sums[first]) / np.maximum(last - first, 1)
    return share

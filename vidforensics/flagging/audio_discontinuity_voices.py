"""Compare the voice of a stretch with the voices before and behind it.

Voices and speech of one track go in; measures of stretches, and how much the voice changes at a moment, come
out. A window counts by how much of it is speech, and means over many windows cost the same as over one.
Source: cosine of mean speaker vectors, as in Wan et al., Generalized end-to-end loss for speaker
verification (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from vidforensics.types import Speech, Voices

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, IntArray

WINDOW_S = 1.6
LEAST_SPEECH_SHARE = 0.3
LIKELY_SPEECH = 0.5
CONTEXT_S = 10.0
SLACK_S = 0.21
"""By so much a window may reach out of its stretch."""

UNKNOWN = 0.2
"""Distance where no voice is heard: about that of two stretches of one person."""

VOICE_MEASURES = 8


@dataclass(frozen=True, slots=True)
class VoiceSums:
    """Running sums over N windows: starts_s (N,), weighted vectors (N + 1, 256), weights (N + 1,)."""

    starts_s: FloatArray
    vectors: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, voices: Voices, speech: Speech) -> Self:
        """Sums of one track's voices, each window weighing by its share of speech, 0 below 0.3."""
        ends = np.searchsorted(speech.times_s, voices.times_s + WINDOW_S)
        starts = np.searchsorted(speech.times_s, voices.times_s)
        spoken = np.concatenate([[0.0], np.cumsum(speech.probability > LIKELY_SPEECH)])
        share = (spoken[ends] - spoken[starts]) / np.maximum(1, ends - starts)
        weight = np.where((share >= LEAST_SPEECH_SHARE) & voices.vectors.any(axis=1), share, 0.0)
        vectors = voices.vectors.astype(np.float64) * weight[:, None]
        return cls(voices.times_s, _sums(vectors), _sums(weight))

    def measures(self, first_s: FloatArray, last_s: FloatArray, shot_s: tuple[float, float]) -> Float32Array:
        """Measures of the voice of P stretches.

        Args:
            first_s: where they begin, float64 (P,).
            last_s: where they end.
            shot_s: the shot they lie in; a voice beyond it is no surroundings of theirs.

        Returns:
            float32 (P, VOICE_MEASURES): distance (1 − cosine) of the stretch's voice to that of up to 10 s
            on both sides within the shot, to the nearer side, and between the sides; how much nearer the
            sides are to each other; whether a voice is heard within and beside, and on both sides; how much
            of it there is; and the distance to the nearer side times that.
        """
        inner, inner_weight = self._mean(*self._within(first_s, last_s))
        from_s = np.maximum(first_s - CONTEXT_S, shot_s[0] - SLACK_S)
        to_s = np.minimum(last_s + CONTEXT_S, shot_s[1] + SLACK_S)
        before, before_weight = self._mean(*self._before(first_s, from_s))
        behind, behind_weight = self._mean(*self._behind(last_s, to_s))
        around = _unit(before * before_weight[:, None] + behind * behind_weight[:, None])
        left, right = _cosine(inner, before), _cosine(inner, behind)
        nearest = np.where(
            before_weight > 0, np.where(behind_weight > 0, np.maximum(left, right), left), right
        )
        across = _cosine(before, behind)
        heard: BoolArray = (inner_weight > 0) & ((before_weight > 0) | (behind_weight > 0))
        both = heard & (before_weight > 0) & (behind_weight > 0)
        much = np.log1p(np.where(heard, inner_weight, 0.0))
        columns = [
            np.where(heard, 1.0 - _cosine(inner, around), UNKNOWN),
            np.where(heard, 1.0 - nearest, UNKNOWN),
            np.where(both, 1.0 - across, UNKNOWN),
            np.where(both, across - nearest, 0.0),
            heard,
            both,
            much,
            np.where(heard, (1.0 - nearest) * much, UNKNOWN / 2),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def change(self, times_s: FloatArray, from_s: FloatArray, to_s: FloatArray) -> FloatArray:
        """Distance of the voice before each time to that behind it, float64 (M,), NaN where one is not heard.

        Args:
            times_s: float64 (M,).
            from_s: how far back each looks.
            to_s: how far ahead.
        """
        before, before_weight = self._mean(*self._before(times_s, from_s))
        behind, behind_weight = self._mean(*self._behind(times_s, to_s))
        distance: FloatArray = 1.0 - _cosine(before, behind)
        distance[(before_weight <= 0) | (behind_weight <= 0)] = np.nan
        return distance

    def _within(self, first_s: FloatArray, last_s: FloatArray) -> tuple[IntArray, IntArray]:
        """Windows in each stretch; the one about its middle where it is too short to hold one."""
        first = np.searchsorted(self.starts_s, first_s - SLACK_S)
        last = np.searchsorted(self.starts_s, last_s - WINDOW_S + SLACK_S, side="right")
        step_s = float(np.median(np.diff(self.starts_s))) if len(self.starts_s) > 1 else WINDOW_S
        middle_s = (first_s + last_s - WINDOW_S - step_s) / 2
        middle = np.clip(np.searchsorted(self.starts_s, middle_s), 0, max(0, len(self.starts_s) - 1))
        none = last <= first
        return np.where(none, middle, first), np.where(none, middle + 1, last)

    def _before(self, times_s: FloatArray, from_s: FloatArray) -> tuple[IntArray, IntArray]:
        first = np.searchsorted(self.starts_s, from_s)
        return first, np.searchsorted(self.starts_s, times_s - WINDOW_S + SLACK_S, side="right")

    def _behind(self, times_s: FloatArray, to_s: FloatArray) -> tuple[IntArray, IntArray]:
        first = np.searchsorted(self.starts_s, times_s - SLACK_S)
        return first, np.searchsorted(self.starts_s, to_s - WINDOW_S, side="right")

    def _mean(self, first: IntArray, last: IntArray) -> tuple[FloatArray, FloatArray]:
        """Direction of the mean vector of windows [first, last), (P, 256), and their weight, (P,)."""
        last = np.minimum(np.maximum(first, last), len(self.starts_s))
        return _unit(self.vectors[last] - self.vectors[first]), self.weights[last] - self.weights[first]


def _sums(values: FloatArray) -> FloatArray:
    summed: FloatArray = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    return summed


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = vectors / np.maximum(length, 1e-9)
    return unit


def _cosine(a: FloatArray, b: FloatArray) -> FloatArray:
    cosine: FloatArray = np.einsum("pk,pk->p", a, b)
    return cosine

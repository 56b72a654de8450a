"""How strongly a stretch of sound looks as if it came from another source than its surroundings.

Stretches with their profiles go in, one score each comes out; so do measures of speech and a score for each.
The weights are data, in audio_discontinuity.json, with the command that fitted them: directions in which
sources differ more than one source does with itself, and a logistic function of the distances along them and,
where voices are told apart, of those of the voice.
Source: discriminant directions after Fisher (1936); logistic regression with ridge penalty.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.flagging.audio_discontinuity_stretches import SLOPES, Stretches

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

TOP_BANDS = slice(17, None)
"""Merged bands from 8 kHz up."""

STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic function: (x − mean) / scale, no farther from 0 than the limit, · weights + bias."""

    mean: FloatArray
    scale: FloatArray
    weights: FloatArray
    bias: float
    limit: float = 8.0

    def __call__(self, values: Float32Array) -> FloatArray:
        """Log odds of every row of values (n, k), float64 (n,)."""
        standard = np.clip((values - self.mean) / self.scale, -self.limit, self.limit)
        return np.asarray(standard @ self.weights + self.bias, np.float64)


@dataclass(frozen=True, slots=True)
class JoinModel:
    """directions float64 (profile length, k); `odds` scores stretches by them; the operating point.

    summed: whether the directions count all alike, as one distance, or each for itself.
    """

    directions: FloatArray
    odds: Logistic
    threshold: float
    summed: bool


@dataclass(frozen=True, slots=True)
class Model:
    """`heard` judges where the speech and the voice network listened, `unheard` where they did not.

    speech scores measures of the sound itself, and says there what is speech.
    """

    heard: JoinModel
    unheard: JoinModel
    speech: Logistic
    source: str


def load_model() -> Model:
    """The fitted weights that come with the package."""
    text = resources.files("vidforensics.flagging").joinpath("audio_discontinuity.json").read_text("utf-8")
    return model_of(json.loads(text))


def model_of(plain: dict[str, Any]) -> Model:
    """A model from its JSON form."""
    heard, unheard = (join_model_of(plain[name]) for name in ("heard", "unheard"))
    return Model(heard, unheard, logistic_of(plain["speech"]), str(plain["source"]))


def join_model_of(plain: dict[str, Any]) -> JoinModel:
    """One of its parts from its JSON form."""
    directions, join = np.array(plain["directions"], np.float64), logistic_of(plain["join"])
    return JoinModel(directions, join, float(plain["threshold"]), bool(plain["summed"]))


def logistic_of(plain: dict[str, Any]) -> Logistic:
    """A logistic function from its JSON form."""
    mean, scale, weights = (np.array(plain[name], np.float64) for name in ("mean", "scale", "weights"))
    return Logistic(mean, scale, weights, float(plain["bias"]), float(plain["limit"]))


def measures(found: Stretches, directions: FloatArray, *, summed: bool) -> Float32Array:
    """What the logistic function of a stretch sees.

    Args:
        found: P stretches with their profiles.
        directions: float64 (profile length, k).
        summed: add the distances along the directions up, so that k below is 1.

    Returns: float32 (P, k + 17): squared distances to the context along every direction, the distance to
        the nearer side and between the sides, how much there was to compare, and how quiet, middle and loud
        levels differ.
    """
    along = _squared(found.inner - found.context, directions)
    along = along.sum(axis=1, keepdims=True) if summed else along
    left = _squared(found.inner - found.before, directions).sum(axis=1)
    right = _squared(found.inner - found.behind, directions).sum(axis=1)
    has_left, has_right = found.before_steps > 0, found.behind_steps > 0
    nearest = np.minimum(np.where(has_left, left, np.inf), np.where(has_right, right, np.inf))
    both = has_left & has_right
    across = np.where(both, _squared(found.before - found.behind, directions).sum(axis=1), 0.0)
    seconds = np.log((found.last - found.first) * STEP_S)
    context = np.log((found.before_steps + found.behind_steps) * STEP_S)
    sides = [nearest, nearest * seconds, across, nearest - across, seconds, context, both, both * nearest]
    columns = [along, *(np.asarray(s)[:, None] for s in sides), _differences(found)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _squared(change: Float32Array, directions: FloatArray) -> FloatArray:
    squared: FloatArray = np.log1p((change @ directions) ** 2)
    return squared


def _differences(found: Stretches) -> FloatArray:
    """Shape, level and top of the band for quiet, middle and loud levels, log1p of dB, (P, 9)."""
    columns = found.inner.shape[1] // 3
    change = (found.inner - found.context).reshape(-1, 3, columns)[:, :, :-SLOPES]
    level = change.mean(axis=2)
    shape = np.abs(change - level[:, :, None]).mean(axis=2)
    top = np.abs(change[:, :, TOP_BANDS].mean(axis=2))
    differences: FloatArray = np.log1p(np.concatenate([shape, np.abs(level), top], axis=1))
    return differences

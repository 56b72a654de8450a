"""How likely a shot comes from another recording than the other shots of its file.

Signatures go in, one score per shot comes out. First every two shots are compared: a logistic function of how
far apart their numbers lie. Then a shot is weighed by how far it is from all others and how well those agree
among themselves, so that a file in which everything differs accuses nobody. The weights are data, in
splice.json, with the command that fitted them.
Source: the odd one out among sources, after Cozzolino & Verdoliva, Noiseprint (2019), with measured cues.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.flagging.audio_discontinuity_model import Logistic

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

MAX_ODDS = 8.0
MAX_WEIGHT_S = 4.0
SHOT_MEASURES = (
    "mean odds to the others",
    "least odds to one other",
    "mean odds among the others",
    "log seconds",
)
LEAST_SHOTS = 3
"""Of two shots nothing tells which is odd: any cut between two scenes would look the same."""


@dataclass(frozen=True, slots=True)
class Model:
    """What was fitted: names of the K columns it looks at, in order, and what they weigh.

    scale (K,): how far one recording usually differs from itself; pair: logistic
    of K scaled distances and the log of the shorter length; shot: logistic of `SHOT_MEASURES`.
    """

    names: tuple[str, ...]
    scale: FloatArray
    pair: Logistic
    shot: Logistic
    threshold: float
    source: str


def load_model() -> Model:
    """The fitted weights that come with the package."""
    text = resources.files("vidforensics.flagging").joinpath("splice.json").read_text("utf-8")
    return model_of(json.loads(text))


def model_of(plain: dict[str, Any]) -> Model:
    """A model from its JSON form."""
    pair, shot = (
        Logistic(np.array(p["mean"]), np.array(p["scale"]), np.array(p["weights"]), float(p["bias"]))
        for p in (plain["pair"], plain["shot"])
    )
    scale = np.array(plain["scale"], np.float64)
    return Model(tuple(plain["names"]), scale, pair, shot, float(plain["threshold"]), str(plain["source"]))


def pair_measures(change: FloatArray, scale: FloatArray, shorter_s: FloatArray) -> FloatArray:
    """What the logistic function of a pair sees, (P, K + 1).

    Args:
        change: differences of signatures (P, K), NaN where one is unknown, which counts as no difference.
        scale: (K,).
        shorter_s: length of the shorter shot of each pair (P,), s.
    """
    scaled = np.nan_to_num(np.minimum(np.abs(change) / scale, 8.0))
    return np.concatenate([np.log1p(scaled), np.log(shorter_s)[:, None]], axis=1)


def pair_odds(values: FloatArray, seconds: FloatArray, model: Model) -> FloatArray:
    """Log odds that two shots come from different recordings, (S, S), 0 on the diagonal.

    Args:
        values: signatures (S, K) in the order of `model.names`.
        seconds: lengths of the shots (S,).
        model: weights.
    """
    first, last = np.triu_indices(len(values), 1)
    odds = np.zeros((len(values), len(values)))
    if len(first):
        shorter = np.minimum(seconds[first], seconds[last])
        seen = pair_measures(values[first] - values[last], model.scale, shorter)
        found = np.clip(model.pair(seen.astype(np.float32)), -MAX_ODDS, MAX_ODDS)
        odds[first, last] = odds[last, first] = found
    return odds


def shot_measures(odds: FloatArray, seconds: FloatArray) -> FloatArray:
    """How each shot stands to the others, (S, len(SHOT_MEASURES)); needs `LEAST_SHOTS`."""
    count = len(odds)
    to_others = odds.sum(axis=1)  # the diagonal is 0
    weights = np.minimum(seconds, MAX_WEIGHT_S)
    away = odds @ weights / (weights.sum() - weights)
    least = np.where(np.eye(count, dtype=bool), np.inf, odds).min(axis=1)
    among = (odds.sum() / 2 - to_others) / ((count - 1) * (count - 2) / 2)
    return np.stack([away, least, among, np.log(seconds)], axis=1).astype(np.float64)


def shot_odds(values: FloatArray, seconds: FloatArray, model: Model) -> FloatArray:
    """Log odds that each shot was cut in from another recording, (S,); of fewer than `LEAST_SHOTS`, NaN."""
    if len(values) < LEAST_SHOTS:
        return np.full(len(values), np.nan)
    return model.shot(shot_measures(pair_odds(values, seconds, model), seconds).astype(np.float32))

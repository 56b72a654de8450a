"""How likely a shot comes from another recording than the other shots of its file.

Signatures go in, one score per shot comes out. First every two shots are compared: a logistic function of how
far apart their numbers lie. Then a shot is weighed by how far it is from all others and how well those agree
among themselves, so that a file in which everything differs accuses nobody. The weights are data, in
splice.json, with the command that fitted them.
Source: the odd one out among sources, after Cozzolino & Verdoliva, Noiseprint (2019), with measured cues.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.flagging.audio_discontinuity_model import Logistic

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

MAX_ODDS = 8.0
MAX_WEIGHT_S = 4.0
SHOT_MEASURES = (
    "mean odds to the others",
    "least odds to one other",
    "the same, below 0",
    "mean odds among the others",
    "the same, above 0",
    "greatest odds among the others",
    "mean to the others less mean among them",
    "share of the time",
    "log seconds",
    "log count of shots",
    "whether only one other",
)


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
    """How each shot stands to the others, (S, len(SHOT_MEASURES)); needs two shots or more."""
    rows = []
    everyone = np.arange(len(odds))
    for i in everyone:
        others = np.delete(everyone, i)
        weights = np.minimum(seconds[others], MAX_WEIGHT_S)
        away = float(np.average(odds[i, others], weights=weights))
        least = float(odds[i, others].min())
        among = [float(odds[a, b]) for a, b in itertools.combinations(others.tolist(), 2)]
        mean_among, most_among = (float(np.mean(among)), max(among)) if among else (-1.0, 0.0)
        rows.append(
            [
                *(away, least, min(least, 0.0)),
                *(mean_among, max(mean_among, 0.0), most_among, away - mean_among),
                *(seconds[i] / seconds.sum(), np.log(seconds[i]), np.log(len(odds)), float(not among)),
            ]
        )
    return np.array(rows, np.float64).reshape(-1, len(SHOT_MEASURES))


def shot_odds(values: FloatArray, seconds: FloatArray, model: Model) -> FloatArray:
    """Log odds that each shot was cut in from another recording, (S,); of fewer than two shots, NaN."""
    if len(values) < 2:
        return np.full(len(values), np.nan)
    measures = shot_measures(pair_odds(values, seconds, model), seconds)
    return scored(measures, seconds, model.shot)


def scored(measures: FloatArray, seconds: FloatArray, shot: Logistic) -> FloatArray:
    """Log odds of every shot; the longer of two is no candidate, as nothing tells which is foreign."""
    odds = shot(measures.astype(np.float32))
    return np.where(is_host(seconds), np.minimum(odds, 0.0) - MAX_ODDS, odds)


def is_host(seconds: FloatArray) -> BoolArray:
    """Which shot is taken for the host without asking, bool (S,): of two, the longer; of more, none."""
    host: BoolArray = np.zeros(len(seconds), bool)
    if len(seconds) == 2:
        host[int(np.argmax(seconds))] = True
    return host

"""Fit the sound-join detector's weights: on half of the speakers and scenes, by two ridge logistic fits.

Examples with their steps go in; the JSON form of the model comes out. Positive stretches are those that
were put in, to a quarter of a second; negative ones are all stretches of untouched speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize

from vidforensics.flagging import audio_discontinuity_model as model
from vidforensics.flagging.audio_discontinuity_steps import Steps, speech_measures
from vidforensics.flagging.audio_discontinuity_stretches import Stretches, stretches

NEAR_S = 0.25
DIRECTIONS = 20
SHRINK = 0.05
RIDGE = 1e-3
NEGATIVES_PER_TRACK = 400


@dataclass(frozen=True)
class Example:
    """One track: its steps, whether it is speech, and the stretch that was put in, if any."""

    steps: Steps
    is_speech: bool
    joins: tuple[float, ...] = ()


def fitted(examples: Sequence[Example], rng: np.random.Generator) -> dict:
    speech = _speech(examples)
    positive = [s for e in examples if len(e.joins) == 2 for s in _chosen(e, rng)]
    negative = [s for e in examples if not e.joins and e.is_speech for s in _chosen(e, rng)]
    directions = _directions(positive, negative)
    x_pos = np.concatenate([model.measures(s, directions) for s in positive])
    x_neg = np.concatenate([model.measures(s, directions) for s in negative])
    join = _logistic(x_pos, x_neg, RIDGE, hard=True)
    return {"join": join, "speech": speech, "directions": _rounded(directions)}


def _speech(examples: Sequence[Example]) -> dict:
    clean = [e for e in examples if not e.joins]
    yes = np.concatenate([speech_measures(e.steps.levels) for e in clean if e.is_speech])
    no = np.concatenate([speech_measures(e.steps.levels) for e in clean if not e.is_speech])
    return _logistic(yes, no, 1e-3, hard=False)


def _chosen(example: Example, rng: np.random.Generator) -> list[Stretches]:
    """The stretch that was put in, as the grid has it; or some of all stretches."""
    found = []
    for part in stretches(example.steps.levels):
        if example.joins:
            starts, ends = example.steps.times_s[part.first], example.steps.times_s[part.last]
            keep = (np.abs(starts - example.joins[0]) < NEAR_S) & (np.abs(ends - example.joins[1]) < NEAR_S)
        else:
            keep = rng.random(len(part.first)) < NEGATIVES_PER_TRACK / 15 / len(part.first)
        if keep.any():
            found.append(Stretches(*(getattr(part, f)[keep] for f in part.__dataclass_fields__)))
    return found


def _directions(positive: list[Stretches], negative: list[Stretches]) -> np.ndarray:
    within = _scatter(np.concatenate([s.inner - s.context for s in negative]))
    between = _scatter(np.concatenate([s.inner - s.context for s in positive]))
    within += SHRINK * np.trace(within) / len(within) * np.eye(len(within))
    _, vectors = eigh(between, within)
    return vectors[:, ::-1][:, :DIRECTIONS]


def _scatter(change: np.ndarray) -> np.ndarray:
    """Second moments, with the largest tenth of the changes pulled in."""
    size = np.sqrt((change**2).mean(axis=1)) + 1e-9
    limited = change * np.minimum(1.0, np.quantile(size, 0.9) / size)[:, None]
    return (limited.T @ limited / len(limited)).astype(np.float64)


def _logistic(yes: np.ndarray, no: np.ndarray, ridge: float, *, hard: bool) -> dict:
    """Ridge logistic fit, classes of equal weight; `hard` then weighs the highest negatives most."""
    values = np.concatenate([yes, no]).astype(np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0) + 1e-6
    values = np.clip((values - mean) / scale, -8.0, 8.0)
    sign = np.concatenate([np.ones(len(yes)), -np.ones(len(no))])
    share = np.concatenate([np.full(len(yes), 0.5 / len(yes)), np.full(len(no), 0.5 / len(no))])
    for _ in range(3 if hard else 1):
        weights = _minimum(np.c_[values, np.ones(len(values))], sign, share, ridge)
        score = values[len(yes) :] @ weights[:-1] + weights[-1]
        heavy = 0.02 + 1.0 / (1.0 + np.exp(np.quantile(score, 0.98) - score))
        share[len(yes) :] = 0.5 * heavy / heavy.sum()
    parts = {"mean": mean, "scale": scale, "weights": weights[:-1]}
    return {name: _rounded(part) for name, part in parts.items()} | {"bias": round(float(weights[-1]), 5)}


def _minimum(values: np.ndarray, sign: np.ndarray, share: np.ndarray, ridge: float) -> np.ndarray:
    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (values @ weights)
        pull = ridge * np.append(weights[:-1], 0.0)
        slope = -(share * sign / (1.0 + np.exp(np.minimum(margin, 500)))) @ values
        return float(share @ np.logaddexp(0, -margin) + 0.5 * pull @ weights), slope + pull

    return minimize(loss, np.zeros(values.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x


def _rounded(values: np.ndarray) -> list:
    return [float(f"{v:.5g}") for v in values] if values.ndim == 1 else [_rounded(row) for row in values]

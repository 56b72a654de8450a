"""Fit the sound-join detector's weights by ridge logistic fits.

Examples with their steps go in; the JSON form of the model comes out. Positive stretches are those that
were put in, to a quarter of a second; negative ones are all stretches of untouched speech and, where voices
are told apart, of conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize

from vidforensics.flagging import audio_discontinuity as detector
from vidforensics.flagging import audio_discontinuity_model as model
from vidforensics.flagging.audio_discontinuity_steps import Steps, speech_measures
from vidforensics.flagging.audio_discontinuity_stretches import Stretches, stretches
from vidforensics.flagging.audio_discontinuity_voices import VoiceSums
from vidforensics.types import Speech, Voices

NEAR_S = 0.25
DIRECTIONS, SHRINK, LIMIT = 20, 0.05, 8.0
HEARD_DIRECTIONS, HEARD_SHRINK, HEARD_LIMIT = 10, 1.0, 2.5
"""Where voices count too: fewer directions, drawn in, and no measure that outweighs all others."""

RIDGE, HEARD_RIDGE = 1e-3, 0.03
NEGATIVES_PER_TRACK = 400
NO_ODDS = model.Logistic(np.zeros(0), np.zeros(0), np.zeros(0), 0.0, 0.0)


@dataclass(frozen=True)
class Example:
    """One track and of it the stretches that teach: of all, and of those where somebody is heard to speak.

    joins are the ends of the stretch that was put in, if any; a dialogue teaches only where voices are told
    apart.
    """

    steps: Steps
    joins: tuple[float, ...]
    is_speech: bool
    is_dialogue: bool
    chosen: tuple[Stretches, ...]
    spoken: tuple[Stretches, ...]
    voices: VoiceSums


def example(
    steps: Steps,
    heard: tuple[Speech, Voices],
    joins: tuple[float, ...],
    kind: tuple[bool, bool],
    rng: np.random.Generator,
) -> Example:
    """An example of a track; kind says whether it is speech, and a dialogue."""
    chosen = tuple(_chosen(steps, joins, rng)) if joins or kind[0] else ()
    spoken = detector.heard(steps, heard[0])
    fitting = [(s, detector.is_speech(spoken, s)) for s in chosen]
    judged = tuple(s.only(fits) for s, fits in fitting if fits.any())
    return Example(steps, joins, *kind, chosen, judged, VoiceSums.of(heard[1], heard[0]))


def fitted(examples: Sequence[Example]) -> dict:
    """Both models and what is speech, with thresholds of 0."""
    return {"heard": _heard(examples), "unheard": _unheard(examples), "speech": _speech(examples)}


def _unheard(examples: Sequence[Example]) -> dict:
    put_in, own = (
        [s for e in examples if not e.is_dialogue and bool(e.joins) is forged for s in e.chosen]
        for forged in (True, False)
    )
    directions = _directions(put_in, own, DIRECTIONS, SHRINK)
    values = (
        np.concatenate([model.measures(s, directions, summed=False) for s in side]) for side in (put_in, own)
    )
    return _plain(_logistic(*values, RIDGE, hard=True), directions, summed=False)


def _heard(examples: Sequence[Example]) -> dict:
    """Directions in which a source differs from itself even where two people speak do not count."""
    put_in, own = (
        [(e, s) for e in examples if bool(e.joins) is forged for s in e.spoken] for forged in (True, False)
    )
    directions = _directions([s for _, s in put_in], [s for _, s in own], HEARD_DIRECTIONS, HEARD_SHRINK)
    judge = detector.Judge(model.JoinModel(directions, NO_ODDS, 0.0, summed=True), np.zeros(0, bool))

    def measured(e: Example, part: Stretches) -> np.ndarray:
        return detector.measured(e.steps, part, replace(judge, voices=e.voices))

    values = (np.concatenate([measured(e, s) for e, s in side]) for side in (put_in, own))
    return _plain(_logistic(*values, HEARD_RIDGE, hard=True, limit=HEARD_LIMIT), directions, summed=True)


def _plain(join: dict, directions: np.ndarray, *, summed: bool) -> dict:
    return {"join": join, "directions": _rounded(directions), "threshold": 0.0, "summed": summed}


def _speech(examples: Sequence[Example]) -> dict:
    clean = [e for e in examples if not e.joins and not e.is_dialogue]
    yes = np.concatenate([speech_measures(e.steps.levels) for e in clean if e.is_speech])
    no = np.concatenate([speech_measures(e.steps.levels) for e in clean if not e.is_speech])
    return _logistic(yes, no, 1e-3, hard=False)


def _chosen(steps: Steps, joins: tuple[float, ...], rng: np.random.Generator) -> list[Stretches]:
    """The stretch that was put in, as the grid has it; or some of all stretches."""
    found = []
    for part in stretches(steps.levels):
        if joins:
            starts, ends = steps.times_s[part.first], steps.times_s[part.last]
            keep = (np.abs(starts - joins[0]) < NEAR_S) & (np.abs(ends - joins[1]) < NEAR_S)
        else:
            keep = rng.random(len(part.first)) < NEGATIVES_PER_TRACK / 15 / len(part.first)
        if keep.any():
            found.append(part.only(keep))
    return found


def _directions(
    positive: list[Stretches], negative: list[Stretches], count: int, shrink: float
) -> np.ndarray:
    within = _scatter(np.concatenate([s.inner - s.context for s in negative]))
    between = _scatter(np.concatenate([s.inner - s.context for s in positive]))
    within += shrink * np.trace(within) / len(within) * np.eye(len(within))
    _, vectors = eigh(between, within)
    return vectors[:, ::-1][:, :count]


def _scatter(change: np.ndarray) -> np.ndarray:
    """Second moments, with the largest tenth of the changes pulled in."""
    size = np.sqrt((change**2).mean(axis=1)) + 1e-9
    limited = change * np.minimum(1.0, np.quantile(size, 0.9) / size)[:, None]
    return (limited.T @ limited / len(limited)).astype(np.float64)


def _logistic(yes: np.ndarray, no: np.ndarray, ridge: float, *, hard: bool, limit: float = LIMIT) -> dict:
    """Ridge logistic fit, classes of equal weight; `hard` then weighs the highest negatives most."""
    values = np.concatenate([yes, no]).astype(np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0) + 1e-6
    values = np.clip((values - mean) / scale, -limit, limit)
    sign = np.concatenate([np.ones(len(yes)), -np.ones(len(no))])
    share = np.concatenate([np.full(len(yes), 0.5 / len(yes)), np.full(len(no), 0.5 / len(no))])
    for _ in range(3 if hard else 1):
        weights = _minimum(np.c_[values, np.ones(len(values))], sign, share, ridge)
        score = values[len(yes) :] @ weights[:-1] + weights[-1]
        heavy = 0.02 + 1.0 / (1.0 + np.exp(np.quantile(score, 0.98) - score))
        share[len(yes) :] = 0.5 * heavy / heavy.sum()
    parts = {"mean": mean, "scale": scale, "weights": weights[:-1]}
    return {name: _rounded(part) for name, part in parts.items()} | {
        "bias": round(float(weights[-1]), 5),
        "limit": limit,
    }


def _minimum(values: np.ndarray, sign: np.ndarray, share: np.ndarray, ridge: float) -> np.ndarray:
    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (values @ weights)
        pull = ridge * np.append(weights[:-1], 0.0)
        slope = -(share * sign / (1.0 + np.exp(np.minimum(margin, 500)))) @ values
        return float(share @ np.logaddexp(0, -margin) + 0.5 * pull @ weights), slope + pull

    return minimize(loss, np.zeros(values.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x


def _rounded(values: np.ndarray) -> list:
    return [float(f"{v:.5g}") for v in values] if values.ndim == 1 else [_rounded(row) for row in values]

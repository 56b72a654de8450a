"""From the evidence of a stretch to a score in [0, 1] that means the same for every query.

Evidence (log10 odds of picture hits, sound hits and geometry) goes in, a probability comes out; the constants
lie in scores.json, which a benchmark writes with its command. Each part of the evidence is a sum over moments
that are not independent, so it enters as its logarithm: the tenth hit on a line says less than the second.
Logistic calibration as in Brümmer & du Preez 2006 (Computer Speech & Language 20), weights kept at or above 0
so that more evidence never lowers a score.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Alignment, PictureRelation

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

CONSTANTS = "scores.json"
_RIDGE = 0.05
"""Each weight is drawn to 0 as if by this many samples: separable samples have no greatest likelihood."""
_STEPS = 60


@dataclass(frozen=True, slots=True)
class MatchEvidence:
    """What speaks for a stretch, each log10 odds, 0 where nothing is known, below 0 where it speaks against.

    picture, sound: of the hits on the line. geometry: of the pictures held against each other.
    """

    picture: float
    sound: float
    geometry: float = 0.0


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """score = logistic(intercept + Σ weight · sign(e) · ln(1 + |e|)).

    threshold: a match is listed from this score on. positives, negatives: how many stretches the constants
    were fitted on; source: the command and seed.
    """

    picture: float
    sound: float
    geometry: float
    intercept: float
    threshold: float
    positives: int = 0
    negatives: int = 0
    source: str = ""

    def score(self, evidence: MatchEvidence) -> float:
        """Probability in [0, 1] that the stretch is a copy; NaN in the evidence counts as unknown."""
        weights = np.array([self.picture, self.sound, self.geometry])
        return _logistic(self.intercept + float(weights @ _row(evidence)))

    def written(self, path: Path) -> None:
        """Write the constants where `load_scores` finds them."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def evidence_of(alignment: Alignment, relation: PictureRelation | None = None) -> MatchEvidence:
    """The evidence of an alignment, with that of its geometry where it was measured."""
    geometry = 0.0 if relation is None else relation.confidence
    return MatchEvidence(alignment.picture_evidence, alignment.sound_evidence, geometry)


def score(evidence: MatchEvidence) -> float:
    """Score of one stretch by the shipped constants.

    Args:
        evidence: see `MatchEvidence`.

    Returns:
        Probability in [0, 1].

    Raises:
        ValueError: scores.json is damaged.
    """
    return load_scores().score(evidence)


def threshold() -> float:
    """Score from which on a match is listed, by the shipped constants."""
    return load_scores().threshold


def match_score(scores: Iterable[float]) -> float:
    """Score of a video from those of its stretches: its best; 0 for none."""
    return max(scores, default=0.0)


@cache
def load_scores(path: Path | None = None) -> ScoreModel:
    """The constants in scores.json.

    Args:
        path: another file of the same form; None for the shipped one.

    Raises:
        ValueError: the file is not what `ScoreModel.written` writes.
    """
    shipped = resources.files("vidforensics.tracing").joinpath(CONSTANTS)
    text = shipped.read_text("utf-8") if path is None else path.read_text("utf-8")
    try:
        entry = json.loads(text)
        model = ScoreModel(
            picture=float(entry["picture"]),
            sound=float(entry["sound"]),
            geometry=float(entry["geometry"]),
            intercept=float(entry["intercept"]),
            threshold=float(entry["threshold"]),
            positives=int(entry["positives"]),
            negatives=int(entry["negatives"]),
            source=str(entry.get("source", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path or CONSTANTS} does not hold the constants of a score: {error}") from error
    numbers = (model.picture, model.sound, model.geometry, model.intercept, model.threshold)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{path or CONSTANTS} holds a constant that is not a finite number")
    return model


def fit(evidence: Sequence[MatchEvidence], labels: BoolArray, source: str = "") -> ScoreModel:
    """Constants fitted to stretches whose truth is known.

    Args:
        evidence: of each stretch.
        labels: bool (N,), whether it is a copy.
        source: command and seed of the sample.

    Returns:
        The model of greatest likelihood with weights of at least 0; its threshold lies half way, in log
        odds, between the highest score of a non-copy and the next copy above it, at 0.5 or more.

    Raises:
        ValueError: the sample lacks copies or non-copies, or the lengths differ.
    """
    truth = np.asarray(labels, dtype=bool)
    if len(evidence) != len(truth):
        raise ValueError("as many labels as stretches are needed")
    if truth.all() or not truth.any():
        raise ValueError("both copies and stretches that are none are needed")
    rows = np.stack([_row(e) for e in evidence])
    used = np.flatnonzero(np.abs(rows).max(axis=0) > 0)
    while True:
        solved = _newton(rows[:, used], truth)
        if (solved[:-1] >= 0).all():
            break
        used = used[solved[:-1] >= 0]
    weights = np.zeros(3)
    weights[used] = solved[:-1]
    odds = rows @ weights + solved[-1]
    return ScoreModel(
        picture=float(weights[0]),
        sound=float(weights[1]),
        geometry=float(weights[2]),
        intercept=float(solved[-1]),
        threshold=_threshold(odds, truth),
        positives=int(truth.sum()),
        negatives=int((~truth).sum()),
        source=source,
    )


def _row(evidence: MatchEvidence) -> FloatArray:
    parts = np.nan_to_num(np.array([evidence.picture, evidence.sound, evidence.geometry], dtype=np.float64))
    return np.asarray(np.sign(parts) * np.log1p(np.abs(parts)), dtype=np.float64)


def _logistic(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1.0 + math.exp(odds))


def _newton(rows: FloatArray, truth: BoolArray) -> FloatArray:
    """Weights and intercept of ridge logistic regression, both classes counting the same, by Newton steps."""
    design = np.column_stack([rows, np.ones(len(rows))])
    share = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum()) * len(truth)
    ridge = np.diag(np.append(np.full(rows.shape[1], _RIDGE), 1e-6))
    solved = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ solved, -40, 40)))
        slope = design.T @ (share * (truth - chance)) - ridge @ solved
        curve = (design.T * (share * np.maximum(chance * (1.0 - chance), 1e-9))) @ design + ridge
        step = np.linalg.solve(curve, slope)
        step *= min(1.0, 4.0 / max(1e-12, float(np.abs(step).max())))
        solved = solved + step
        if np.abs(step).max() < 1e-10:
            break
    return solved


def _threshold(odds: FloatArray, truth: BoolArray) -> float:
    highest = float(odds[~truth].max())
    above = odds[truth & (odds > highest)]
    middle = (highest + float(above.min())) / 2 if len(above) else highest + 1e-6
    return _logistic(max(0.0, middle))

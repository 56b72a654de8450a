"""Fit the splice detector's weights: on half of the speakers and scenes, by two ridge logistic fits.

Shots with truth go in; the JSON form of the model and its calibration come out. The second fit, the threshold
and the calibration see only odds from pair fits that knew none of the clip's own recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from tests.benchmarks.splice_shots import Shots
from vidforensics.flagging.audio_discontinuity_model import Logistic
from vidforensics.flagging.splice_model import LEAST_SHOTS, MAX_ODDS, pair_measures, shot_measures

FOLDS = 5
TAIL = 12
PAIR_RIDGE, SHOT_RIDGE = 0.1, 0.01
SHARES = {"same view": 0.1, "other view": 0.4, "other corpus": 0.4, "same corpus": 0.1}
"""How much each kind of pair counts in the fit."""


@dataclass(frozen=True)
class Pairs:
    """P pairs of shots of one file: differences (P, K), the shorter length, kind, both groups."""

    change: np.ndarray
    shorter_s: np.ndarray
    kinds: np.ndarray
    groups: np.ndarray

    @property
    def foreign(self) -> np.ndarray:
        return np.isin(self.kinds, ("other corpus", "same corpus"))

    def some(self, keep: np.ndarray) -> Pairs:
        return Pairs(self.change[keep], self.shorter_s[keep], self.kinds[keep], self.groups[keep])


@dataclass(frozen=True)
class PairModel:
    columns: np.ndarray
    scale: np.ndarray
    logistic: Logistic

    def odds(self, change: np.ndarray, shorter_s: np.ndarray) -> np.ndarray:
        seen = pair_measures(change[:, self.columns], self.scale, shorter_s).astype(np.float32)
        return np.clip(self.logistic(seen), -MAX_ODDS, MAX_ODDS)


def pairs_of(clips: Sequence[Shots], *, neighbours: bool = False) -> Pairs:
    """All pairs of shots within each clip, or only those that meet at a cut."""
    rows, shorter, kinds, groups = [], [], [], []
    for shots in clips:
        for i in range(len(shots.values)):
            for j in range(i + 1, min(len(shots.values), i + 2 if neighbours else 10**9)):
                first, last = shots.groups[i], shots.groups[j]
                if first is None or last is None:
                    continue
                rows.append(shots.values[i] - shots.values[j])
                shorter.append(min(shots.lengths_s[i], shots.lengths_s[j]))
                groups.append((first, last))
                if first == last:
                    kinds.append("same view" if shots.views[i] == shots.views[j] else "other view")
                else:
                    same = shots.corpora[i] == shots.corpora[j]
                    kinds.append("same corpus" if same else "other corpus")
    return Pairs(np.array(rows), np.array(shorter), np.array(kinds), np.array(groups).reshape(-1, 2))


def fit_pairs(pairs: Pairs, columns: np.ndarray) -> PairModel:
    same = ~pairs.foreign
    change = pairs.change[:, columns]
    scale = np.nanquantile(np.abs(change[same]), 0.75, axis=0) + 0.02 * np.nanstd(change, axis=0) + 1e-6
    weights = np.zeros(len(pairs.kinds))
    for kind, share in SHARES.items():
        here = pairs.kinds == kind
        weights[here] = share / max(1, here.sum())
    seen = pair_measures(change, scale, pairs.shorter_s)
    return PairModel(columns, scale, logistic(seen, pairs.foreign, weights, PAIR_RIDGE))


def logistic(values: np.ndarray, truth: np.ndarray, weights: np.ndarray, ridge: float) -> Logistic:
    """Ridge logistic fit with a weight per row."""
    mean = np.average(values, axis=0, weights=weights)
    scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights)) + 1e-6
    standard = np.c_[np.clip((values - mean) / scale, -8.0, 8.0), np.ones(len(values))]
    sign, share = np.where(truth, 1.0, -1.0), weights / weights.sum()

    def loss(b: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (standard @ b)
        pull = ridge * np.append(b[:-1], 0.0)
        slope = -(share * sign / (1.0 + np.exp(np.clip(margin, -500, 500)))) @ standard
        return float(share @ np.logaddexp(0, -margin) + 0.5 * pull @ b), slope + pull

    b = minimize(loss, np.zeros(standard.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    return Logistic(mean, scale, b[:-1], float(b[-1]))


def person(group: str) -> str:
    """The speaker or scene of a recording: what no two folds share."""
    return group.split("/", 1)[0]


class HeldOut:
    """Pair fits that leave out given groups, each made once; groups fall into `FOLDS` folds."""

    def __init__(self, clips: Sequence[Shots], columns: np.ndarray, seed: int = 0) -> None:
        self.pairs, self.columns = pairs_of(clips), columns
        names = sorted({person(g) for shots in clips for g in shots.every_group})
        order = np.random.default_rng(seed).permutation(names)
        self.fold = {str(g): i % FOLDS for i, g in enumerate(order)}
        self._folds = np.array([[self.fold[person(a)], self.fold[person(b)]] for a, b in self.pairs.groups])
        self._kept: dict[frozenset[int], PairModel] = {}

    def without(self, groups: frozenset[str]) -> PairModel:
        left_out = frozenset(self.fold[person(g)] for g in groups if person(g) in self.fold)
        if left_out not in self._kept:
            keep = ~np.isin(self._folds, list(left_out)).any(axis=1)
            self._kept[left_out] = fit_pairs(self.pairs.some(keep), self.columns)
        return self._kept[left_out]

    def pair_scores(self) -> np.ndarray:
        """Log odds of every pair by a fit that knew neither group; NaN for none."""
        scores = np.full(len(self.pairs.kinds), np.nan)
        for a in range(FOLDS):
            for b in range(a, FOLDS):
                here = (np.sort(self._folds, axis=1) == (a, b)).all(axis=1)
                if here.any():
                    left_out = frozenset((a, b)) if a != b else frozenset((a, (a + 1) % FOLDS))
                    names = frozenset(g for g, f in self.fold.items() if f in left_out)
                    part = self.pairs.some(here)
                    scores[here] = self.without(names).odds(part.change, part.shorter_s)
        return scores


def matrix(shots: Shots, model: PairModel) -> np.ndarray:
    """Log odds between all shots of a clip, (S, S)."""
    first, last = np.triu_indices(len(shots.values), 1)
    odds = np.zeros((len(shots.values),) * 2)
    if len(first):
        shorter = np.minimum(shots.lengths_s[first], shots.lengths_s[last])
        found = model.odds(shots.values[first] - shots.values[last], shorter)
        odds[first, last] = odds[last, first] = found
    return odds


@dataclass(frozen=True)
class Scored:
    """One clip's shots with their scores, NaN where there is nothing to compare."""

    shots: Shots
    scores: np.ndarray


def fit_shots(
    clips: Sequence[Shots], odds_of: Callable[[Shots], np.ndarray]
) -> tuple[Logistic, list[Scored]]:
    """The second fit, and every clip's scores by a fit that did not know the clip."""
    usable = [s for s in clips if len(s.values) >= LEAST_SHOTS]
    seen = [shot_measures(odds_of(s), s.lengths_s) for s in usable]
    fold = np.arange(len(usable)) % FOLDS
    scored = {id(s): np.full(len(s.values), np.nan) for s in clips}
    for k in range(FOLDS):
        known = [i for i in range(len(usable)) if fold[i] != k]
        model = _shot_logistic([usable[i] for i in known], [seen[i] for i in known])
        for i in np.flatnonzero(fold == k):
            scored[id(usable[i])] = model(seen[i].astype(np.float32))
    return _shot_logistic(usable, seen), [Scored(s, scored[id(s)]) for s in clips]


def _shot_logistic(clips: Sequence[Shots], seen: Sequence[np.ndarray]) -> Logistic:
    values, truth = np.concatenate(seen), np.concatenate([s.foreign for s in clips])
    weights = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    return logistic(values, truth, weights, SHOT_RIDGE)


def threshold_for(negatives: Sequence[Scored], flags_per_hour: float) -> float:
    """Where clips without a foreign piece get so many flags per hour."""
    hours = sum(s.shots.seconds for s in negatives) / 3600
    return tail_threshold([s.scores[np.isfinite(s.scores)] for s in negatives], hours, flags_per_hour)


def tail_threshold(scores: Sequence[np.ndarray], hours: float, flags_per_hour: float) -> float:
    """Where so many scores per hour are higher, by the tail of the highest; −∞ for too few to have one.

    The `TAIL` highest scores are taken as exponential above the next one, as few hours show no rate directly.
    Source: peaks over a threshold, Pickands (1975), with shape 0.
    """
    peaks = np.sort(np.concatenate([np.zeros(0), *scores]))[::-1]
    if len(peaks) <= TAIL:
        return -np.inf
    floor = peaks[TAIL]
    by_tail = floor + (peaks[:TAIL] - floor).mean() * np.log(TAIL / (hours * flags_per_hour))
    return float(max(by_tail, peaks[int(flags_per_hour * hours)]))


def calibration_of(scored: Sequence[Scored]) -> dict[str, float]:
    """The line from scores to log10 likelihood ratios, both classes weighing the same."""
    values = np.concatenate([s.scores for s in scored])
    truth = np.concatenate([s.shots.foreign for s in scored])
    truth, values = truth[np.isfinite(values)], values[np.isfinite(values)]
    return line_through(values, truth) | {
        "positives": int(truth.sum()),
        "negatives": int((~truth).sum()),
    }


def line_through(values: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Slope and intercept of log10 likelihood ratios over scores, both classes weighing the same."""
    weights = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    line = logistic(values[:, None], truth, weights, 1e-3)
    slope = float(line.weights[0] / line.scale[0])
    intercept = float(line.bias - line.weights[0] * line.mean[0] / line.scale[0])
    return {"slope": round(slope / np.log(10), 4), "intercept": round(intercept / np.log(10), 4)}

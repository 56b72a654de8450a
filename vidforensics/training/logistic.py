"""Fit the line from measures to log odds: logistic regression, lightly held back.

Rows of measures with labels go in, weights and intercept come out.
Source: Hastie, Tibshirani & Friedman, The elements of statistical learning (2009), section 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """log odds = measures · weights + intercept, natural logarithm."""

    weights: FloatArray
    intercept: float

    def log_odds(self, measures: FloatArray) -> FloatArray:
        """Log odds of each row, float64 (m,)."""
        odds: FloatArray = measures @ self.weights + self.intercept
        return odds


def fit_line(measures: FloatArray, positive: BoolArray, importance: FloatArray, held: float = 1.0) -> Line:
    """Weights by Newton's method; both classes count the same in all, so that the odds are likelihood ratios.

    Args:
        measures: float64 (m, k).
        positive: bool (m,), with both classes present.
        importance: float64 (m,), > 0; scaled so that each class sums to half the rows.
        held: strength of the quadratic penalty on standardised weights.
    """
    mean, spread = measures.mean(axis=0), measures.std(axis=0) + 1e-9
    rows = np.column_stack([(measures - mean) / spread, np.ones(len(measures))])
    share = importance.copy()
    for label in (True, False):
        here = positive == label
        share[here] *= len(measures) / 2 / share[here].sum()
    penalty = np.full(rows.shape[1], held)
    penalty[-1] = 1e-6
    found = np.zeros(rows.shape[1])
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ found, -30, 30)))
        slope = rows.T @ (share * (chance - positive)) + penalty * found
        bend = (rows * (share * chance * (1 - chance))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    weights = found[:-1] / spread
    return Line(weights, float(found[-1] - weights @ mean))

"""The logistic function of the networks that run here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array


def sigmoid(values: Float32Array) -> Float32Array:
    """1 / (1 + e^−x) of float32 of any shape; 0 where e^−x is too large to be held."""
    with np.errstate(over="ignore"):
        answers: Float32Array = np.float32(1.0) / (np.float32(1.0) + np.exp(-values))
    return answers

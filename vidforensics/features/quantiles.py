"""Quantiles of a few thousand values by one sort, as numpy's own spends most of its time on checks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array


def quantiles(values: Float32Array, shares: Sequence[float]) -> list[float]:
    """Quantiles with linear interpolation, as `numpy.quantile` gives them.

    Args:
        values: float32 of any shape, without NaN.
        shares: which, 0 to 1.

    Returns:
        One number per share; NaN for each where there are no values.
    """
    ordered = np.sort(values, axis=None)
    last = len(ordered) - 1
    if last < 0:
        return [math.nan] * len(shares)
    found = []
    for share in shares:
        place = share * last
        below = int(place)
        low, high = float(ordered[below]), float(ordered[min(below + 1, last)])
        found.append(low + (place - below) * (high - low))
    return found


def quantile(values: Float32Array, share: float) -> float:
    """One quantile, see `quantiles`."""
    return quantiles(values, (share,))[0]

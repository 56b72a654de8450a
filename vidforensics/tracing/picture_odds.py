"""What a distance between two picture codes is worth: log10 odds of a copy against strangers.

Takes Hamming distances in bits; gives the weight of the hit. The table was fitted once by
`tests/benchmarks/picture_code.py`, which counts distances of edited copies and of strangers.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, IntArray


def _table() -> dict[str, Any]:
    text = files("vidforensics.tracing").joinpath("picture_odds.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


@cache
def _log10_odds() -> Float32Array:
    """float32 (257,) weight by distance."""
    return np.array(_table()["log10_odds"], np.float32)


MAX_DISTANCE: int = _table()["max_distance"]
"""Largest distance in bits at which a search returns a hit: about one stranger in a million is nearer."""


def weights(distances: IntArray) -> Float32Array:
    """Weights of hits.

    Args:
        distances: integers of any shape, bits from 0 to 256.

    Returns:
        float32 of the same shape, log10 of how much likelier the distance is for a copy than for
        strangers, from 0 to 6; falling with distance.
    """
    return _log10_odds()[np.minimum(distances, len(_log10_odds()) - 1)]

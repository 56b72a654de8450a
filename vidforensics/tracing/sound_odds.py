"""What a line of sound hits is worth: log10 odds of a copy against strangers.

Takes the hits of one line; gives its evidence. In unrelated sound, equal codes fall on a line as often as the
rarity of the codes says; each hit is then worth the log of how much likelier it is at the share of codes that
was found than at that rate. Hits close together share peaks, and repeated codes are rhythm, so that they
count for less. What remains of such dependence is in the slope, fitted to lines of unrelated sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import CodeArray, FloatArray, IntArray

REFERENCE_CODES_PER_S = 10.0
TUBE_S = 0.2
LEAST_SPAN_S = 2.0
BACKGROUND_CODES, BACKGROUND_SHARE = 100_000, 1e-6
"""A code is taken for one in a million before an index is looked at, as firmly as 100,000 codes say."""

BLOCK_S, SAME_BLOCK, SAME_CODE = 0.5, 0.3, 0.1
"""What a further hit within half a second, and a code that was hit before, is worth."""

SLOPE, SHIFT = 0.42, -0.25
"""From the sum over hits to log10 odds, fitted so that of strangers about one pair in 10^x reaches x;
rhythm that two videos share goes beyond it."""


def rarity(known: IntArray, total: int) -> FloatArray:
    """How rare codes are elsewhere.

    Args:
        known: how many of the index's codes equal each; one of them is taken to be the copy.
        total: codes in the index.

    Returns: log10 of one over their share, float64 like `known`.
    """
    others = np.maximum(known - 1, 0) + BACKGROUND_CODES * BACKGROUND_SHARE
    return np.log10((total + BACKGROUND_CODES) / others)


def evidence(query_s: FloatArray, code: CodeArray, rarity: FloatArray, codes_per_s: FloatArray) -> float:
    """Log10 odds of a line.

    Args:
        query_s: times of its hits in ascending order, one per moment.
        code: their codes.
        rarity: log10 of the codes in the index per code equal to that of the hit.
        codes_per_s: codes of the query per second around each hit.

    Returns: log10 of how much likelier such hits are for a copy than by chance; 0 without hits.
    """
    if not len(query_s):
        return 0.0
    span_s = max(LEAST_SPAN_S, float(query_s[-1] - query_s[0]))
    share = len(query_s) / max(1.0, span_s * float(codes_per_s.mean()))
    chance = 10.0**-rarity * REFERENCE_CODES_PER_S * TUBE_S
    worth = np.log10(1.0 + share / chance) - np.log10(np.e)
    order = np.lexsort((query_s, code))
    seen = np.arange(len(order)) - np.searchsorted(code[order], code[order])
    worth[order] *= SAME_CODE ** seen.astype(np.float64)
    block = ((query_s - query_s[0]) / BLOCK_S).astype(np.int64)
    best = np.maximum.reduceat(worth, np.flatnonzero(np.diff(block, prepend=-1)))
    total = SAME_BLOCK * worth.sum() + (1 - SAME_BLOCK) * best.sum()
    return max(0.0, SLOPE * float(total) + SHIFT)

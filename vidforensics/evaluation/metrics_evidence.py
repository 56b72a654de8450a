"""What scores and likelihood ratios are worth: rank, cost in bits, and calibration.

Arrays of scores with the truth go in, plain figures come out.
Source: AUC as the Mann–Whitney statistic; Cllr of Brümmer & du Preez, Application-independent evaluation of
speaker detection (2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

BANDS = 10
RESAMPLES = 1_000


def auc(positive: FloatArray, negative: FloatArray) -> float | None:
    """Chance that a positive scores above a negative, ties half; None without either."""
    if not len(positive) or not len(negative):
        return None
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / 2 / len(negative))


def auc_interval(
    rows: Sequence[tuple[str, bool, float]], seed: int, share: float = 0.95
) -> tuple[float, float] | None:
    """Interval of `auc` when whole sources are drawn anew.

    Args:
        rows: name of the source, whether it is a positive, and the score.
        seed: of the draws.
        share: of the draws that lie within.

    Returns:
        Lower and upper bound; None with fewer than two sources, or where too few draws have both kinds.
    """
    names = sorted({name for name, _, _ in rows})
    if len(names) < 2:
        return None
    by_name = {n: ([s for m, p, s in rows if m == n and p], [s for m, p, s in rows if m == n and not p])
               for n in names}  # fmt: skip
    rng, found = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        drawn = [by_name[names[i]] for i in rng.integers(len(names), size=len(names))]
        positive, negative = (np.array([s for d in drawn for s in d[k]], np.float64) for k in (0, 1))
        value = auc(positive, negative)
        found += [] if value is None else [value]
    if len(found) < RESAMPLES // 2:
        return None
    low, high = np.quantile(found, ((1 - share) / 2, (1 + share) / 2))
    return float(low), float(high)


def cllr(log_lr: FloatArray, positive: BoolArray) -> float:
    """Cost of log likelihood ratios in bits: 0 perfect, 1 as good as saying nothing; both classes are needed.

    Args:
        log_lr: float64 (m,), natural logarithm.
        positive: bool (m,).
    """
    miss = np.logaddexp(0.0, -log_lr[positive]).mean()
    alarm = np.logaddexp(0.0, log_lr[~positive]).mean()
    return float((miss + alarm) / 2 / np.log(2))


def bands_of(score: FloatArray, positive: BoolArray) -> list[dict[str, Any]]:
    """Per band of a tenth of `score`: how many, and the share forged, both classes weighing the same."""
    weight = np.where(positive, 0.5 / max(positive.sum(), 1), 0.5 / max((~positive).sum(), 1))
    found = []
    for k in range(BANDS):
        here = (score >= k / BANDS) & ((score < (k + 1) / BANDS) | (k == BANDS - 1))
        share = _rounded(weight[here & positive].sum() / weight[here].sum()) if here.any() else None
        mean = _rounded(np.average(score[here], weights=weight[here])) if here.any() else None
        found.append({"from": k / BANDS, "count": int(here.sum()), "mean_score": mean, "forged": share})
    return found


def expected_calibration_error(bands: Sequence[dict[str, Any]]) -> float | None:
    """Mean distance of a band's score from its share forged, by count; None where nothing was scored."""
    filled = [b for b in bands if b["count"]]
    if not filled:
        return None
    apart = [abs(b["mean_score"] - b["forged"]) for b in filled]
    return float(np.average(apart, weights=[b["count"] for b in filled]))


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)

"""From a detector's raw score to a probability and a likelihood ratio, by constants fitted on footage.

A raw score goes in, (score, log10 likelihood ratio) comes out; the constants lie in calibration.json,
one entry per detector, written by that detector's benchmark with its command and seed. Logistic
calibration as in Brümmer & du Preez 2006 (Computer Speech & Language 20), bounded by the sample size.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fitted line of one detector: log10 LR = slope × raw + intercept, within its bounds.

    `prior` is the probability of the label that `score` assumes before any measurement; `positives` and
    `negatives` are how many candidates of each kind the line was fitted on, `source` the command and seed.
    """

    slope: float
    intercept: float
    prior: float
    positives: int
    negatives: int
    source: str = ""

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest log10 LR that the sample supports: −log10(positives + 1), log10(negatives + 1).

        A sample of n negatives without one false alarm cannot show a false-alarm rate below about
        1 / (n + 1), so a greater ratio would be extrapolation; the same holds for misses.
        """
        return -math.log10(self.positives + 1), math.log10(self.negatives + 1)

    def apply(self, raw: float) -> tuple[float, float]:
        """Probability in [0, 1] and log10 likelihood ratio of one raw score.

        NaN, which no detector should pass, says nothing either way: the prior and a ratio of 1.
        """
        low, high = self.bounds
        log10_lr = 0.0 if math.isnan(raw) else min(high, max(low, self.slope * raw + self.intercept))
        odds = self.prior / (1.0 - self.prior) * 10.0**log10_lr
        return odds / (1.0 + odds), log10_lr


def calibrated(detector: str, raw: float) -> tuple[float, float]:
    """Probability and log10 likelihood ratio of a detector's raw score.

    Args:
        detector: key of calibration.json.
        raw: the detector's score of one segment, in the unit of its score track; may be infinite.

    Returns:
        (score in [0, 1], log10_lr), see `Calibration`.

    Raises:
        KeyError: the detector has no entry.

    """
    return load_calibration(detector).apply(raw)


def load_calibration(detector: str) -> Calibration:
    """The entry of one detector in calibration.json.

    Raises:
        KeyError: the detector has no entry.

    """
    text = resources.files("vidforensics.flagging").joinpath("calibration.json").read_text("utf-8")
    entries = json.loads(text)
    if detector not in entries:
        raise KeyError(f"calibration.json has no entry for the detector {detector!r}")
    entry = entries[detector]
    return Calibration(
        slope=float(entry["slope"]),
        intercept=float(entry["intercept"]),
        prior=float(entry["prior"]),
        positives=int(entry["positives"]),
        negatives=int(entry["negatives"]),
        source=str(entry.get("source", "")),
    )

"""How likely a score that is calibrated perfectly would pass: every band of a tenth within 0.1.

`python -m tests.benchmarks.score_bands --counts 469,64,... --forged 85 --others 658` takes the candidates per
band, from 0.0 on, and how many of them are forged in all, and draws them anew from a calibrated score, both
classes weighing the same. What it prints says whether so few candidates can show calibration at all.
"""

from __future__ import annotations

import argparse

import numpy as np

DRAWS, TOLERANCE = 20_000, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", required=True, help="candidates per band, with commas between")
    parser.add_argument("--forged", type=int, required=True)
    parser.add_argument("--others", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    counts = [int(c) for c in chosen.counts.split(",")]
    each, every = chances(counts, chosen.forged, chosen.others, np.random.default_rng(chosen.seed))
    print("chance of each band to lie within 0.1:", " ".join(f"{share:.2f}" for share in each))
    print(f"chance of all bands to: {every:.4f}")


def chances(
    counts: list[int], forged: int, others: int, rng: np.random.Generator
) -> tuple[list[float], float]:
    """Share of draws in which each band, and every band, lies within 0.1 of its middle; empty ones do."""
    every, each = np.ones(DRAWS, bool), []
    for band, count in enumerate(counts):
        middle = (band + 0.5) / len(counts)
        # odds among the candidates as they are, of which the classes are not equally many
        odds = middle / (1 - middle) * forged / others
        hits = rng.binomial(count, odds / (1 + odds), DRAWS)
        yes, no = hits / forged, (count - hits) / others
        seen = np.where(count, yes / np.maximum(yes + no, 1e-12), middle)
        within = np.abs(seen - middle) <= TOLERANCE
        each.append(float(within.mean()))
        every &= within
    return each, float(every.mean())


if __name__ == "__main__":
    main()

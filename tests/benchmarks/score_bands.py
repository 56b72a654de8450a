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
    parser.add_argument("--times", type=int, default=1, help="as if there were so many times as many")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    counts = [chosen.times * int(c) for c in chosen.counts.split(",")]
    classes = chosen.times * chosen.forged, chosen.times * chosen.others
    each, every = chances(counts, *classes, np.random.default_rng(chosen.seed))
    print("chance of each band to lie within 0.1:", " ".join(f"{share:.2f}" for share in each))
    print(f"chance of all bands to: {every:.4f}")


def chances(
    counts: list[int], forged: int, others: int, rng: np.random.Generator
) -> tuple[list[float], float]:
    """Share of draws in which each band, and every band, lies within 0.1 of its middle; empty ones do."""
    total = np.array(counts)[:, None]
    middles = (np.arange(len(counts))[:, None] + 0.5) / len(counts)
    # odds among the candidates as they are, of which the classes are not equally many
    odds = middles / (1 - middles) * forged / others
    hits = rng.binomial(total, odds / (1 + odds), (len(counts), DRAWS))
    misses = total - hits
    yes, no = hits / np.maximum(hits.sum(axis=0), 1), misses / np.maximum(misses.sum(axis=0), 1)
    seen = np.where(total > 0, yes / np.maximum(yes + no, 1e-12), middles)
    within = np.abs(seen - middles) <= TOLERANCE
    return within.mean(axis=1).tolist(), float(within.all(axis=0).mean())


if __name__ == "__main__":
    main()

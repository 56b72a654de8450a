"""How well made-up hits are aligned: `python -m tests.benchmarks.alignment`.

Prints one row per arrangement of pieces: mean segment F1 (VCSL) with picture alone and with sound, at none,
two and nineteen chance hits for each true one, and the CPU time of one pair.
"""

from __future__ import annotations

import time

import numpy as np

from tests.tracing.simulate import segment_f1
from tests.tracing.test_align import CASES, aligned

SEEDS = 5
CHANCE = (0, 2, 19)


def main():
    print("arrangement | picture 0 | 2 | 19 | with sound 0 | 2 | 19 | ms")
    table = []
    for name, (pieces, query, reference) in CASES.items():
        scores, started = [], time.process_time()
        for sound in (False, True):
            for chance in CHANCE:
                found = [
                    segment_f1(pieces, aligned(pieces, query, reference, seed, chance, sound))
                    for seed in range(SEEDS)
                ]
                scores.append(float(np.mean(found)))
        spent = (time.process_time() - started) / (6 * SEEDS)
        table.append(scores)
        print(name, *(f"{s:.2f}" for s in scores), f"{1000 * spent:.0f}", sep=" | ", flush=True)
    print("mean", *(f"{s:.2f}" for s in np.mean(table, axis=0)), sep=" | ")


if __name__ == "__main__":
    main()

"""How well an earlier compression shows in the sizes of P-frames, by rate and by B-frames.

`python -m tests.benchmarks.double_compression --footage DIR [--seed N] [--part measure]` encodes footage
once, and twice (first GOP 12 to 40 frames at crf 20), at several rates of the last encode, and prints the
area under the curve of the strength, the share above the threshold, and how often the period is right.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.stream_join_material import MakingFailed, Source, read_sources, run
from tests.benchmarks.stream_join_recipes import X264
from tests.benchmarks.stream_joins import minimal_probe
from vidforensics.acquisition.bitstream import read_bitstream
from vidforensics.acquisition.double_compression import STRENGTH_THRESHOLD, excess_bits, ghost_period

RATES = (20, 26, 32)
LAST = (*X264, "-g", "250", "-an")


def main() -> None:
    """Encode, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("develop", "measure"), default="measure")
    parser.add_argument("--clips", type=int, default=40)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    scenes = {
        s.scene: s
        for s in read_sources(options.footage, options.part)
        if s.duration_s >= 6 and s.size[0] >= 480
    }
    chosen = rng.permutation(np.array(list(scenes.values()), dtype=object)).tolist()[: options.clips]
    print(f"{len(chosen)} sources, one per scene\n")
    print("| last encode | AUC, double against single | flagged: single | flagged: double | period right |")
    print("|---|---|---|---|---|")
    for bframes in (0, 3):
        for rate in RATES:
            print(line(chosen, rng, rate, bframes))


def line(sources: list[Source], rng: np.random.Generator, rate: int, bframes: int) -> str:
    """One row of the table."""
    single: list[float] = []
    double: list[tuple[float, bool]] = []
    for source in sources:
        period = int(rng.integers(12, 41))
        try:
            single.append(strength(source, None, rate, bframes)[0])
            value, found = strength(source, period, rate, bframes)
            double.append((value, found % period == 0 or period % max(found, 1) == 0))
        except MakingFailed:
            continue
    values = np.array([v for v, _ in double])
    area = float(np.mean(values[:, None] > np.array(single)[None, :]))
    limit = STRENGTH_THRESHOLD
    right = float(np.mean([good for value, good in double if value >= limit] or [0.0]))
    shares = (np.mean(np.array(single) >= limit), np.mean(values >= limit))
    kind = f"{bframes} B-frames, crf {rate}" + (
        " (P-frames only; not applicable as shipped)" if bframes else ""
    )
    return f"| {kind} | {area:.2f} | {shares[0]:.0%} | {shares[1]:.0%} | {right:.0%} |"


def strength(source: Source, period: int | None, rate: int, bframes: int) -> tuple[float, int]:
    """Strength and period of a clip encoded once, or twice with the first GOP's length."""
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch, "given.mkv")
        shape = ("-vf", "fps=25,scale=320:180,setsar=1")
        first = (
            ("-crf", "20", "-g", str(period), "-sc_threshold", "0", "-bf", "2") if period else ("-qp", "0")
        )
        run("-t", "12", "-i", str(source.path), *shape, *X264, *first, "-an", str(given))
        out = Path(scratch, "out.mp4")
        run("-i", str(given), *LAST, "-crf", str(rate), "-bf", str(bframes), str(out))
        found = ghost_period(excess_bits(read_bitstream(out, minimal_probe(out))))
        return (found.strength, found.period) if found else (0.0, 0)


if __name__ == "__main__":
    main()

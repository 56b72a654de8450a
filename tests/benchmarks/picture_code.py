"""What the picture code finds again after each edit, and how near strangers come.

`python -m tests.benchmarks.picture_code --footage DIR [--side held|test] [--code net|dct]` edits single
frames, sometimes the frame a quarter of a second later, and looks for them among all frames of the side, the
held ones also among those trained on. `--write-odds` writes the table of `vidforensics.tracing.picture_odds`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.picture_code_edits import EDITS
from tests.benchmarks.picture_code_material import Frame, frames_of
from vidforensics.features.frame_hashes import hash_luma
from vidforensics.features.picture_code import codes_of

BITS = 256
NEAR_S = 0.13
FALSE_SHARE = 1e-6
# kept from the limit, as other footage may hold strangers more alike than these
MARGIN_BITS = 5
MOST_ALIKE_SHARE = 0.01
ODDS_RANGE = (0.0, 6.0)
SMOOTH_BITS = 2.0
SHOWN = (30, 40, 50, 55, 58, 60, 65, 70)
Coder = Callable[[Sequence[np.ndarray]], np.ndarray]


def net(planes: Sequence[np.ndarray]) -> np.ndarray:
    """Codes of planes of any sizes."""
    return np.concatenate([codes_of(plane[np.newaxis])[0] for plane in planes])


def dct(planes: Sequence[np.ndarray]) -> np.ndarray:
    """PDQ-type hashes of planes of any sizes."""
    return np.concatenate([hash_luma(plane[np.newaxis])[0] for plane in planes])


@dataclass(slots=True)
class Counts:
    """Histograms over distance: of copies and first ranks per edit, of strangers per pair of sources."""

    copies: dict[str, np.ndarray]
    first: dict[str, float]
    strangers: np.ndarray


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Hamming distances (N, M) of codes (N, B) and (M, B)."""
    words = one[:, np.newaxis].view(np.uint64) ^ other[np.newaxis].view(np.uint64)
    return np.bitwise_count(words).sum(axis=2, dtype=np.int64)


def measure(gallery: list[Frame], queries: list[int], code: Coder, seed: int) -> Counts:
    """Edit the queries in every way, and compare them with the whole gallery."""
    rng = np.random.default_rng(seed)
    sources, source = np.unique([frame.source for frame in gallery], return_inverse=True)
    files = np.array([frame.file for frame in gallery])
    times_s = np.array([frame.time_s for frame in gallery])
    stored = code([frame.luma for frame in gallery])
    counts = Counts({}, {}, np.zeros((len(sources), len(sources), BITS + 1)))
    rows = np.array(queries)
    is_copy = (files[rows, np.newaxis] == files) & (np.abs(times_s[rows, np.newaxis] - times_s) <= NEAR_S)
    is_stranger = source[rows, np.newaxis] != source
    cell = source[rows, np.newaxis] * len(sources) + source
    shown = [_this_or_next(gallery, index, rng) for index in queries]
    for name, edit in EDITS.items():
        apart = distances(code([edit(plane, rng) for plane in shown]), stored)
        copy = np.where(is_copy, apart, BITS).min(axis=1)
        stranger = np.where(is_stranger, apart, BITS).min(axis=1)
        counts.copies[name] = np.bincount(copy, minlength=BITS + 1)
        counts.first[name] = float(np.mean(copy < stranger))
        flat = cell[is_stranger] * (BITS + 1) + apart[is_stranger]
        counts.strangers += np.bincount(flat, minlength=counts.strangers.size).reshape(counts.strangers.shape)
    return counts


def _this_or_next(gallery: list[Frame], index: int, rng: np.random.Generator) -> np.ndarray:
    following = gallery[min(index + 1, len(gallery) - 1)]
    use_next = following.file == gallery[index].file and rng.random() < 0.5
    return following.luma if use_next else gallery[index].luma


def stranger_rates(strangers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of stranger pairs at or below each distance, each pair of sources counting alike.

    Returns:
        Of all pairs of sources, and without the 1% that look most alike; float64 (257,) each.
    """
    pairs = strangers.reshape(-1, BITS + 1)
    pairs = pairs[pairs.sum(axis=1) > 0]
    shares = np.cumsum(pairs, axis=1) / pairs.sum(axis=1, keepdims=True)
    left_out = max(1, round(MOST_ALIKE_SHARE * len(shares)))
    return shares.mean(axis=0), np.sort(shares, axis=0)[:-left_out].mean(axis=0)


def odds_table(counts: Counts) -> dict[str, object]:
    """The table of weights: log10 of copies against strangers per distance, smoothed and falling."""
    copies = sum(counts.copies.values()) / sum(h.sum() for h in counts.copies.values())
    every, usual = stranger_rates(counts.strangers)
    # what was never seen counts as half seen, on both sides
    strangers = np.diff(every, prepend=0.0)
    least = 0.5 / counts.strangers.sum()
    ratio = np.log10(_smooth(copies) + least) - np.log10(_smooth(strangers) + least)
    falling = np.maximum.accumulate(np.clip(ratio, *ODDS_RANGE)[::-1])[::-1]
    return {
        "max_distance": int(np.flatnonzero(usual <= FALSE_SHARE).max()) - MARGIN_BITS,
        "log10_odds": [round(float(value), 3) for value in falling],
    }


def _smooth(shares: np.ndarray) -> np.ndarray:
    offsets = np.arange(-8, 9)
    kernel = np.exp(-0.5 * (offsets / SMOOTH_BITS) ** 2)
    return np.convolve(shares, kernel / kernel.sum(), "same")


def report(counts: Counts, limit: int) -> list[str]:
    """Lines of two Markdown tables."""
    lines = [f"| edit | rank 1 | within {limit} bits | median distance |", "|---|---:|---:|---:|"]
    for name, histogram in counts.copies.items():
        share = np.cumsum(histogram) / histogram.sum()
        median = int(np.searchsorted(share, 0.5))
        lines.append(f"| {name} | {counts.first[name]:.3f} | {share[limit]:.3f} | {median} |")
    within = [np.cumsum(h)[limit] / h.sum() for h in counts.copies.values()]
    lines.append(f"| mean | {np.mean(list(counts.first.values())):.3f} | {np.mean(within):.3f} | |")
    every, usual = stranger_rates(counts.strangers)
    lines += ["", "| distance ≤ | strangers | without the 1% most alike |", "|---|---:|---:|"]
    lines += [f"| {bits} | {every[bits]:.1e} | {usual[bits]:.1e} |" for bits in SHOWN]
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--side", choices=("held", "test"), default="held")
    parser.add_argument("--code", choices=("net", "dct"), default="net")
    parser.add_argument("--queries", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write-odds", type=Path)
    options = parser.parse_args()
    gallery = frames_of(options.footage, ("fit", "held") if options.side == "held" else ("test",))
    asked = frames_of(options.footage, (options.side,))
    queries = choose(gallery, {frame.source for frame in asked}, options.queries, options.seed)
    counts = measure(gallery, queries, net if options.code == "net" else dct, options.seed)
    table = odds_table(counts)
    print(
        f"{options.queries} queries per edit, {len(gallery)} frames, {counts.strangers.sum():.2g} strangers"
    )
    print("\n".join(report(counts, int(str(table["max_distance"])))))
    if options.write_odds:
        options.write_odds.write_text(json.dumps(table) + "\n")


def choose(gallery: list[Frame], sources: set[str], count: int, seed: int) -> list[int]:
    """Indices of frames, every source as likely as the others."""
    rng = np.random.default_rng(seed)
    names = sorted(sources)
    by_source = [[i for i, frame in enumerate(gallery) if frame.source == name] for name in names]
    return [int(rng.choice(by_source[rng.integers(len(names))])) for _ in range(count)]


if __name__ == "__main__":
    main()

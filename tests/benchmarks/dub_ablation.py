"""What each part of the dub detector adds: lips, mouth picture, number of networks, the gate; and no network.

`python -m tests.benchmarks.dub_ablation --footage DIR --work DIR [--side fit]` measures the
footage once into the work folder, trains crosswise by speaker for every variant, and prints one row each,
scored as `vidforensics train` scores: on speakers that no network met, the line from the other folds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from vidforensics.flagging.sync_gates import Gate
from vidforensics.flagging.sync_input import FaceStretch, seen_features
from vidforensics.flagging.sync_spans import LAGS, own_lag
from vidforensics.isolation import run_isolated
from vidforensics.training.sync_crossed import Heard, crossed
from vidforensics.training.sync_figures import (
    lines_by_fold,
    located,
    operating_point,
    rows_of,
    window_figures,
)
from vidforensics.training.sync_fit import FitOptions
from vidforensics.training.sync_footage import Footage, gather

FOLDS, FLAGS_PER_HOUR = 5, 1.0
LIPS, PICTURE = np.arange(146) < 96, np.arange(146) >= 96
"""Of what the network sees: 48 numbers of the lips, 25 of the mouth's picture, each with their change."""

SPEECH_BANDS = slice(4, 24)
SMOOTH_STEPS = 3


def main() -> None:
    """Measure, train every variant, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--side", choices=("fit", "test", "all"), default="all")
    parser.add_argument("--two", action="store_true", help="also as `train --networks 2` scores")
    options = parser.parse_args()

    def measure(clip: Path, target: Path) -> None:
        run_isolated("faces", {"path": os.fspath(clip), "out": os.fspath(target)})

    footage = gather(options.footage, options.work, options.side, measure, lambda *_: None)
    print("| variant | AUC 4 s, all | AUC 8 s, all | 4 s, court | 8 s, court | AP@0.5 | met | false flags |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for name, heard in variants(footage, options.seed, options.steps, options.two):
        print(row(name, heard), flush=True)


def variants(footage: Footage, seed: int, steps: int, two: bool) -> Iterator[tuple[str, list[Heard]]]:
    """Every variant with what it says of all trials."""
    lips = judged(footage, seed, steps, LIPS, 1)
    yield "opening of the lips against level, no network", [without_network(one) for one in lips]
    yield "lips, 1 network", lips
    yield "mouth picture, 1 network", judged(footage, seed, steps, PICTURE, 1)
    both = judged(footage, seed, steps, LIPS | PICTURE, 1)
    yield "both, 1 network", both
    yield "the same without the gate", [replace(one, gate=_open(one)) for one in both]
    if two:
        yield "both, 2 networks", judged(footage, seed, steps, LIPS | PICTURE, 2)


def judged(footage: Footage, seed: int, steps: int, kept: np.ndarray, networks: int) -> list[Heard]:
    """Train crosswise on a part of what is seen."""
    with _seeing(kept):
        return list(
            crossed(
                footage.talks,
                footage.voices,
                FitOptions(steps=steps),
                (FOLDS, networks),
                seed,
                lambda *_: None,
            )
        )


@contextmanager
def _seeing(kept: np.ndarray) -> Iterator[None]:
    """Zero what the variant does not see, in training and in judging."""

    def some(shapes: Any, mouths: Any) -> np.ndarray:
        return seen_features(shapes, mouths) * kept.astype(np.float32)

    where = "vidforensics.training.{}.seen_features"
    with mock.patch(where.format("sync_fit"), some), mock.patch(where.format("sync_crossed"), some):
        yield


def without_network(one: Heard) -> Heard:
    """The plain baseline: the product of opening and level, both smoothed and scaled over the stretch."""
    agreement = baseline_agreement(one.trial.stretch)
    return replace(one, agreement=agreement, centre=own_lag(agreement) or 0)


def baseline_agreement(stretch: FaceStretch) -> np.ndarray:
    """Agreement of every step with the level so many steps later, float32 (len(LAGS), n)."""
    loud = stretch.levels[:, :, SPEECH_BANDS].mean(axis=(1, 2))
    opening, level = _standard(stretch.opening), _standard(loud)
    agreement = np.full((len(LAGS), len(opening)), np.nan, np.float32)
    for row_number, lag in enumerate(LAGS):
        first, last = max(0, -lag), min(len(opening), len(level) - lag)
        if first < last:
            agreement[row_number, first:last] = opening[first:last] * level[first + lag : last + lag]
    agreement[:, ~stretch.sounding] = np.nan
    return agreement


def _standard(values: np.ndarray) -> np.ndarray:
    smooth = np.convolve(values, np.ones(SMOOTH_STEPS) / SMOOTH_STEPS, "same")
    return (smooth - smooth.mean()) / (smooth.std() + 1e-6)


def _open(one: Heard) -> Gate:
    """A gate that lets everything with speech through, whether a mouth moves or not."""
    return replace(one.gate, moving=np.arange(len(one.gate.moving), dtype=np.float64))


def row(name: str, heard: Sequence[Heard]) -> str:
    """Figures of one variant."""
    rows = list(rows_of(heard))
    lines = lines_by_fold(rows)
    windows = window_figures(rows, lines)
    threshold = operating_point(heard, lines, FLAGS_PER_HOUR)
    found = located(heard, lines, threshold)
    court = max((n for n in windows["4 s"] if n != "all"), key=lambda n: windows["4 s"][n]["speakers"])
    areas = [windows[length][c]["auc_mean"] for c in ("all", court) for length in ("4 s", "8 s")]
    met = f"{found['recall_at_threshold']:.2f} of {found['forged_parts']}"
    precision = f"{found['ap_tiou_0.5']:.3f}"
    cells = [name, *(f"{a:.3f}" for a in areas), precision, met, str(found["false_flags"])]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

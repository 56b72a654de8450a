"""Measure the splice detector on real recordings that were cut together, and fit its weights.

`python -m tests.benchmarks.splice --footage DIR --work DIR --seed 5 --fit` renders the material, measures it,
fits on the fit side and writes flagging/splice.json and its line in calibration.json; without `--fit` the
shipped weights are measured on the test side. `--ablation` refits without each kind of cue.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks import splice_fit as fit
from tests.benchmarks.splice_figures import Answer, answer_of, figures
from tests.benchmarks.splice_material import KINDS, render_all
from tests.benchmarks.splice_shots import Shots, made, shots_of, untouched, whole_shots
from vidforensics.flagging.splice import ordered
from vidforensics.flagging.splice_model import load_model, pair_measures
from vidforensics.flagging.splice_signature import Signatures

FLAGGING = Path(__file__).parents[2] / "vidforensics" / "flagging"
COMMAND = "python -m tests.benchmarks.splice --footage DIR --work DIR --seed {seed} --fit"
FLAGS_PER_HOUR = 2.0
LEFT_OUT = ("resampling_across", "resampling_down", "clipped_white", "still_10")
"""Measured, but weakest alone on the fit side, AUC 0.58 to 0.63."""
CUES = {
    "noise in space": ("noise_",),
    "noise in time": ("still_",),
    "spectrum and edges": ("spectrum_", "edge_", "combing"),
    "block grid, histogram gaps": ("grid_", "histogram_"),
    "levels": ("black", "dark", "median", "bright", "white", "clipped_", "contrast"),
    "colour": ("cb", "cr", "saturation", "grey_"),
    "coding and cadence": ("inter_", "repeats", "change"),
    "bars": ("bar_",),
}


@dataclass(frozen=True)
class Side:
    """One side's clips: with found shots, with the pieces themselves, and untouched ones."""

    found: list[Shots]
    known: list[Shots]
    whole: list[Shots]
    answers: list[Answer]


def side_of_footage(args: argparse.Namespace, side: str) -> Side:
    items = list(made(args.work, side))
    wholes = list(untouched(args.footage, args.work, side))
    answers = [] if args.fit else [answer_of(e, shots_of(i, e)) for i, e in items if i.kind != "compilation"]
    if not args.fit:
        answers += [answer_of(e, whole_shots(c, e)) for c, e in wholes]
    return Side(
        [shots_of(i, e) for i, e in items],
        [shots_of(i, e, known=True) for i, e in items],
        [whole_shots(c, e) for c, e in wholes],
        answers,
    )


def columns_of(names: Sequence[str], without: tuple[str, ...] = ()) -> np.ndarray:
    keep = [i for i, n in enumerate(names) if n not in LEFT_OUT and not n.startswith(without or ("\0",))]
    return np.array(keep)


def fitted(side: Side, seed: int) -> tuple[dict, dict]:
    """The model's JSON form and its calibration."""
    names = side.found[0].names
    columns = columns_of(names)
    held = fit.HeldOut(side.found, columns)
    scores = held.pair_scores()
    print(f"pairs {len(scores)}, AUC held out {fit_auc(held.pairs.foreign, scores):.3f}")
    clips = [s for s in side.found if s.kind != "compilation"] + side.whole
    shot, scored = fit.fit_shots(clips, lambda s: fit.matrix(s, held.without(s.every_group)))
    negatives = [s for s in scored if s.shots.kind != "forged"]
    threshold = fit.threshold_for(negatives, FLAGS_PER_HOUR)
    pair = fit.fit_pairs(held.pairs, columns)
    above = [s.scores[s.shots.foreign] >= threshold for s in scored if s.shots.kind == "forged"]
    hours = sum(s.shots.seconds for s in negatives) / 3600
    print(
        f"threshold {threshold:.2f}: found {np.concatenate(above).mean():.2f}, {hours:.2f} h without splice"
    )
    plain = {
        "source": COMMAND.format(seed=seed),
        "names": [names[i] for i in columns],
        "scale": rounded(pair.scale),
        "pair": logistic_plain(pair.logistic),
        "shot": logistic_plain(shot),
        "threshold": round(threshold, 3),
    }
    return plain, fit.calibration_of(scored)


def logistic_plain(model: fit.Logistic) -> dict:
    parts = {"mean": model.mean, "scale": model.scale, "weights": model.weights}
    return {name: rounded(part) for name, part in parts.items()} | {"bias": round(model.bias, 5)}


def rounded(values: np.ndarray) -> list[float]:
    return [float(f"{v:.5g}") for v in values]


def fit_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    from tests.benchmarks.splice_figures import auc

    return auc(truth, scores)


def boundary_pairs(side: Side) -> tuple[fit.Pairs, np.ndarray]:
    """Pieces that meet at a known boundary, and the shipped weights' log odds."""
    model = load_model()
    pairs = fit.pairs_of(side.known, neighbours=True)
    names = side.known[0].names
    change = ordered(Signatures(names, np.zeros((len(pairs.change), 2)), pairs.change, ()), model)
    seen = pair_measures(change, model.scale, pairs.shorter_s).astype(np.float32)
    return pairs, model.pair(seen)


def write(plain: dict, calibration: dict, seed: int) -> None:
    (FLAGGING / "splice.json").write_text(json.dumps(plain) + "\n", encoding="utf-8")
    path = FLAGGING / "calibration.json"
    entries = json.loads(path.read_text("utf-8"))
    entries["splice"] = calibration | {"prior": 0.5, "source": COMMAND.format(seed=seed)}
    entries = {k: dict(sorted(v.items())) for k, v in sorted(entries.items())}
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def ablation(fit_side: Side, test_side: Side) -> list[str]:
    """What a refit without each kind of cue, and with it alone, scores on the test side's boundaries."""
    from tests.benchmarks.splice_figures import auc

    pairs = fit.pairs_of(fit_side.found)
    boundaries = fit.pairs_of(test_side.known, neighbours=True)
    names = fit_side.found[0].names
    lines = ["| cue | numbers | AUC without it | AUC alone |", "|---|---:|---:|---:|"]

    def score(columns: np.ndarray) -> float:
        model = fit.fit_pairs(pairs, columns)
        return auc(boundaries.foreign, model.odds(boundaries.change, boundaries.shorter_s))

    for name, prefixes in CUES.items():
        rest = columns_of(names, prefixes)
        alone = np.setdiff1d(columns_of(names), rest)
        lines.append(f"| {name} | {len(alone)} | {score(rest):.3f} | {score(alone):.3f} |")
    return [*lines, f"| all | {len(columns_of(names))} | {score(columns_of(names)):.3f} | – |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where clips and measurements are kept")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs=len(KINDS), default=(100, 80, 160, 0))
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--kept-only", action="store_true", help="render nothing new")
    args = parser.parse_args()
    sides = ("fit", "test") if args.ablation else ("fit",) if args.fit else ("test",)
    if not args.kept_only:
        for side in sides:
            render_all(args.footage, args.work / "clips", side, args.seed, args.counts)
    taken = {side: side_of_footage(args, side) for side in sides}
    if args.fit:
        write(*fitted(taken["fit"], args.seed), args.seed)
    elif args.ablation:
        print("\n".join(ablation(taken["fit"], taken["test"])))
    else:
        print("\n".join(figures(taken["test"].answers, *boundary_pairs(taken["test"]))))


if __name__ == "__main__":
    main()

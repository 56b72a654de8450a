"""Fits the two models of the shot finder on the fit side, and prints what measures and penalties are worth.

Run as `python -m tests.benchmarks.shot_fit --footage DIR [--seed N] [--write FILE]`. Measures are taken of
every candidate of composed clips and footage, cross-validated by clip in five folds, and fitted by penalised
maximum likelihood; `--write` writes the weights.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from tests.benchmarks.shot_material import Truth, make_set, manifest, natural_truth, side_of
from vidforensics.acquisition.probe import probe
from vidforensics.extraction import shots_cuts, shots_gradual
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.shots import gradual_stride
from vidforensics.extraction.shots_model import LIMIT
from vidforensics.extraction.shots_planes import MotionResidual, Planes, shrink
from vidforensics.types import FrameBlock

PENALTIES = ((False, 3.0), (False, 10.0), (True, 3.0), (True, 10.0), (True, 30.0))
CHOSEN = {"CUT_MODEL": (True, 10.0), "DISSOLVE_MODEL": (False, 10.0)}


@dataclass(slots=True)
class Table:
    """Measures of candidates with what they are: 1 a boundary, 0 not; `lost` counts those never measured."""

    rows: list[np.ndarray] = field(default_factory=list)
    is_true: list[int] = field(default_factory=list)
    clips: list[str] = field(default_factory=list)
    lost: int = 0

    def add(self, values: np.ndarray, is_true: bool, clip: str) -> None:
        self.rows.append(values)
        self.is_true.append(int(is_true))
        self.clips.append(clip)


def planes_of(path: Path) -> Planes | None:
    """All small planes of a clip, whose times start at 0."""
    run: Planes | None = None
    with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
        for block in decoder:
            if isinstance(block, FrameBlock):
                run = shrink(block) if run is None else run.then(shrink(block))
    return run


def take_cuts(planes: Planes, truth: Truth, residual: MotionResidual, table: Table) -> None:
    """Measure every candidate cut of a clip."""
    run = shots_cuts.Run.of(planes)
    cuts = {b.start for b in truth.boundaries if b.kind in ("cut", "jump")}
    for j in shots_cuts.candidates(run):
        frame = int(run.distinct[j])
        values = shots_cuts.measure(run, j, residual)
        if values is not None and not any(a <= frame <= b for a, b in truth.ignore):
            table.add(values, frame in cuts, truth.name)
            cuts.discard(frame)
    table.lost += len(cuts)


def take_ramps(planes: Planes, truth: Truth, residual: MotionResidual, table: Table) -> None:
    """Measure every ramp of a clip that neither starts nor ends blank."""
    dissolves = {b for b in truth.boundaries if b.kind == "dissolve"}
    met = set()
    for ramp in shots_gradual.find_ramps(planes, gradual_stride(planes.pts_s)):
        middle = (ramp.start + ramp.end) / 2
        ignored = any(a <= middle <= b for a, b in truth.ignore)
        if ignored or shots_gradual.kind_of(planes, ramp) != "mix":
            continue
        here = [b for b in dissolves if b.start - 2 <= middle <= b.end + 2]
        table.add(shots_gradual.measure(planes, ramp, residual), bool(here), truth.name)
        met.update(here)
    table.lost += len(dissolves - met)


def expand(rows: np.ndarray, mean: np.ndarray, deviation: np.ndarray, products: bool) -> np.ndarray:
    """Standardised measures with a leading 1, and their products where asked."""
    scaled = np.clip((rows - mean) / deviation, -LIMIT, LIMIT)
    if products:
        first, second = np.triu_indices(rows.shape[1])
        scaled = np.hstack((scaled, scaled[:, first] * scaled[:, second]))
    return np.hstack((np.ones((len(rows), 1)), scaled))


def fit(rows: np.ndarray, is_true: np.ndarray, products: bool, penalty: float) -> tuple[np.ndarray, ...]:
    """Mean, deviation and weights (bias first) of the most likely model."""
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    inputs = expand(rows, mean, deviation, products)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = inputs @ weights
        value = (np.logaddexp(0, score) - is_true * score).sum() + penalty / 2 * (weights[1:] ** 2).sum()
        slope = inputs.T @ (1 / (1 + np.exp(-score)) - is_true)
        slope[1:] += penalty * weights[1:]
        return float(value), slope

    start = np.zeros(inputs.shape[1])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1500})
    return mean, deviation, best.x


def cross_validate(table: Table, products: bool, penalty: float) -> tuple[float, float]:
    """The best F1 over thresholds of held-out scores, five folds by clip, and its threshold."""
    rows, is_true = np.array(table.rows), np.array(table.is_true)
    names = sorted(set(table.clips))
    folds = dict(zip(names, np.random.default_rng(0).integers(0, 5, len(names)), strict=True))
    fold, score = np.array([folds[c] for c in table.clips]), np.zeros(len(rows))
    for k in range(5):
        mean, deviation, weights = fit(rows[fold != k], is_true[fold != k], products, penalty)
        score[fold == k] = expand(rows[fold == k], mean, deviation, products) @ weights
    total = is_true.sum() + table.lost
    marks = np.linspace(-4, 4, 81)
    f1 = [2 * (is_true[score > t]).sum() / max(1, (score > t).sum() + total) for t in marks]
    return float(max(f1)), float(marks[int(np.argmax(f1))])


def area(values: np.ndarray, is_true: np.ndarray) -> float:
    """Area under the ROC curve of one measure, whichever way it points."""
    ranks = np.argsort(np.argsort(values)) + 1.0
    met, rest = is_true.sum(), (1 - is_true).sum()
    found = (ranks[is_true == 1].sum() - met * (met + 1) / 2) / max(1, met * rest)
    return float(max(found, 1 - found))


def as_source(name: str, table: Table) -> str:
    """The fitted model as a line of Python."""
    mean, deviation, weights = fit(np.array(table.rows), np.array(table.is_true), *CHOSEN[name])
    lists = [", ".join(f"{v:.4g}" for v in values) for values in (mean, deviation, weights[1:])]
    return f"{name} = LogisticModel(({lists[0]}), ({lists[1]}), {weights[0]:.4g}, ({lists[2]}))\n"


def clips(footage: Path, work: Path, count: int, seed: int) -> Iterator[tuple[Truth, Planes]]:
    """Composed clips and footage of the fit side with their truth."""
    for truth in make_set(footage, work, "fit", count, seed):
        planes = planes_of(work / truth.name)
        if planes is not None and len(planes) == len(truth.times_s):
            yield truth, planes
    for row in manifest(footage):
        if side_of(row["speaker_or_scene_id"]) == "fit":
            planes = planes_of(footage / row["file"])
            if planes is not None:
                yield natural_truth(row["file"], [float(t) for t in planes.pts_s]), planes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clips", type=int, default=70)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    tables = {"CUT_MODEL": Table(), "DISSOLVE_MODEL": Table()}
    residual = MotionResidual()
    with tempfile.TemporaryDirectory() as scratch:
        for truth, planes in clips(
            options.footage, options.work or Path(scratch), options.clips, options.seed
        ):
            take_cuts(planes, truth, residual, tables["CUT_MODEL"])
            take_ramps(planes, truth, residual, tables["DISSOLVE_MODEL"])
    source = ""
    for name, names in (("CUT_MODEL", shots_cuts.MEASURES), ("DISSOLVE_MODEL", shots_gradual.MEASURES)):
        table = tables[name]
        print(f"\n{name}: {sum(table.is_true)} of {len(table.rows)} candidates, {table.lost} not measured\n")
        print("| measure | area under ROC |\n|---|---|")
        for label, values in zip(names, np.array(table.rows).T, strict=True):
            print(f"| {label} | {area(values, np.array(table.is_true)):.3f} |")
        print("\n| products | penalty | held-out F1 | at score |\n|---|---|---|---|")
        for products, penalty in PENALTIES:
            f1, mark = cross_validate(table, products, penalty)
            print(f"| {'yes' if products else 'no'} | {penalty:g} | {f1:.3f} | {mark:.1f} |")
        source += as_source(name, table)
    if options.write:
        options.write.write_text(source)


if __name__ == "__main__":
    main()

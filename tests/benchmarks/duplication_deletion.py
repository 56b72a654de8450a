"""Measure the duplication and deletion detectors on forgeries made from footage, and fit their calibration.

`python -m tests.benchmarks.duplication_deletion --footage DIR --nets DIR [--seed 1] [--sources 48]
[--removals N] [--write]` prints Markdown tables. Half of the scenes (by a hash of their name) choose
operating points and calibration, the other half gives the figures; only `deletion` is listed from where both
halves have no false flag. Every scene is judged by a network for `deletion` that never met it, out of
--nets/fit and --nets/test, as `vidforensics train --model gaps --side fit` and `--side test` make them.
`--removals N` makes N clips with frames taken out of each source and no others, and measures `deletion`
alone. `--write` puts the fitted line into calibration.json: that of `duplication`, or with --removals that of
`deletion`, and its figures into models/gaps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

import vidforensics.flagging.calibration as calibration
from tests.benchmarks import duplication_deletion_material as material
from tests.benchmarks.intervals import rate, wilson
from tests.benchmarks.splice_fit import tail_threshold
from vidforensics.evaluation.footage import side_of
from vidforensics.features.gap_net import NAME as GAPS
from vidforensics.features.gap_net import GapNet, load_from
from vidforensics.flagging.deletion import DeletionDetector, DeletionOptions
from vidforensics.flagging.duplication import DuplicationDetector, DuplicationOptions
from vidforensics.models import shipped_folder
from vidforensics.types import Detection, Evidence

TARGETS_PER_HOUR = {"duplication": 1.0, "deletion": 2.0}
DETECTORS = tuple(TARGETS_PER_HOUR)
TOLERANCE_S = 0.1
DECOY_KINDS = ("untouched", "telecine", "low_rate", "slideshow", "end_card")


@dataclass(frozen=True)
class Found:
    """One candidate of a detector."""

    start_s: float
    end_s: float
    raw: float
    basis: str


@dataclass(frozen=True)
class Row:
    """One clip through one detector. `operation` is "original" for a footage file as it is."""

    detector: str
    name: str
    kind: str
    is_test: bool
    operation: str
    count: int
    codec: str
    duration_s: float
    span: tuple[float, float]
    found: tuple[Found, ...]
    threshold: float

    @property
    def is_forged(self) -> bool:
        """Whether this detector should flag something here."""
        repeats = (*material.FROZEN, *material.COPIED)
        return self.operation in (repeats if self.detector == "duplication" else material.DELETED)

    @property
    def is_clean(self) -> bool:
        """Whether nothing at all should be flagged here (forgeries of other kinds count for nobody)."""
        return self.operation in ("original", *DECOY_KINDS)

    def hits(self) -> list[Found]:
        """Candidates at the forged place."""
        start_s, end_s = self.span[0] - TOLERANCE_S, self.span[1] + TOLERANCE_S
        return [f for f in self.found if f.start_s <= end_s and f.end_s >= start_s]

    @property
    def is_caught(self) -> bool:
        """Whether a listed candidate lies at the forged place."""
        return any(f.raw >= self.threshold for f in self.hits())


def rows_of(evidence: Evidence, label: dict, detectors: Sequence[str] = DETECTORS) -> Iterator[Row]:
    """Detectors on one clip, with every candidate kept."""
    every = {
        "duplication": DuplicationDetector(DuplicationOptions(candidate_margin=-4.0)),
        "deletion": DeletionDetector(DeletionOptions(candidate=-2.0)),
    }
    known = replace(evidence, earlier=(DuplicationDetector().detect(evidence),))
    for name in detectors:
        answer = every[name].detect(known)
        threshold = answer.tracks[0].threshold if answer.tracks else 0.0
        yield Row(
            detector=name,
            duration_s=evidence.duration_s,
            found=_found(answer),
            threshold=threshold,
            **label,
        )


def _found(answer: Detection) -> tuple[Found, ...]:
    if not answer.tracks:
        return ()
    track = answer.tracks[0]
    found = []
    for segment in answer.segments:
        # an instant ends with the frame that jumps, a repeat before the frame after it
        end_s = segment.end_s + (1e-6 if answer.detector == "deletion" else -1e-6)
        inside = (track.times_s >= segment.start_s) & (track.times_s < max(end_s, segment.start_s + 1e-6))
        raw = float(np.nanmax(track.scores[inside])) if inside.any() else -math.inf
        found.append(Found(segment.start_s, segment.end_s, raw, segment.basis))
    return tuple(found)


def collect(footage: Path, nets: Path, seed: int, limit: int) -> Iterator[Row]:
    """Every row: all originals, then forgeries and decoys of `limit` sources."""
    everything = material.sources(footage)
    for source in everything:
        yield from _rows_of_original(source, nets, DETECTORS)
    for source in material.chosen(everything, limit):
        yield from _rows_of_made(source, nets, partial(material.make_all, seed=seed), DETECTORS)


def collect_removals(
    footage: Path, nets: Path, seed: int, limit: int, count: int, processes: int
) -> Iterator[Row]:
    """Rows of `deletion` alone: all originals, then of `limit` sources so many removals each."""
    everything = material.sources(footage)
    chosen = material.chosen(everything, limit)
    make = partial(material.make_removals, seed=seed, count=count)
    with ProcessPoolExecutor(processes) as pool:
        of_original = partial(_listed, _rows_of_original, nets=nets, detectors=("deletion",))
        of_made = partial(_listed, _rows_of_made, nets=nets, make=make, detectors=("deletion",))
        for rows in (*pool.map(of_original, everything), *pool.map(of_made, chosen)):
            yield from rows


def _listed(rows: Callable[..., Iterator[Row]], source: material.Source, **options: object) -> list[Row]:
    return list(rows(source, **options))


def _rows_of_original(source: material.Source, nets: Path, detectors: Sequence[str]) -> Iterator[Row]:
    evidence = material.evidence_of(source.path, net_of(source, nets))
    yield from rows_of(evidence, original_label(source), detectors)


def _rows_of_made(
    source: material.Source,
    nets: Path,
    make: Callable[[material.Source, Path], Iterator[material.Made]],
    detectors: Sequence[str],
) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        for made in make(source, Path(folder)):
            evidence = material.evidence_of(made.path, net_of(source, nets))
            yield from rows_of(evidence, made_label(made), detectors)
            made.path.unlink()


def net_of(source: material.Source, nets: Path) -> GapNet:
    """The network that a source is judged by: the one taught by the other side of the split by scene."""
    return _net(nets / ("test" if side_of(source.scene) == "fit" else "fit"))


@cache
def _net(folder: Path) -> GapNet:
    return load_from(folder)


def original_label(source: material.Source) -> dict:
    """How a footage file as it is is labelled; SULFA forgeries are copies in space."""
    operation = "spatial forgery" if source.kind == "forged" else "original"
    return _label(source, operation, 0, "", (0.0, 0.0))


def made_label(made: material.Made) -> dict:
    """How a made clip is labelled."""
    return _label(made.source, made.operation, made.count, made.codec, (made.start_s, made.end_s))


def _label(
    source: material.Source, operation: str, count: int, codec: str, span: tuple[float, float]
) -> dict:
    return {
        "name": source.path.name,
        "kind": source.kind,
        "is_test": source.is_test,
        "operation": operation,
        "count": count,
        "codec": codec,
        "span": span,
    }


def operating_point(rows: Iterable[Row], per_hour: float, starts: str = "") -> float:
    """The raw score that lets so many false flags per hour of clean clips through, by the tail of theirs."""
    clean = [r for r in rows if r.is_clean]
    hours = sum(r.duration_s for r in clean) / 3600
    raws = [np.array([f.raw for f in r.found if f.basis.startswith(starts)]) for r in clean]
    return tail_threshold(raws, hours, per_hour)


def fitted_line(rows: Iterable[Row]) -> tuple[float, float, int, int]:
    """log10 LR = slope × raw + intercept by ridged logistic regression; and the counts behind it."""
    rows = list(rows)
    positive = [max(f.raw for f in r.hits()) for r in rows if r.is_forged and r.hits()]
    negative = [f.raw for r in rows if r.is_clean for f in r.found]
    x = np.array([*positive, *negative])
    y = np.array([1.0] * len(positive) + [0.0] * len(negative))
    weight = np.where(y > 0, 0.5 / max(1, len(positive)), 0.5 / max(1, len(negative)))
    design = np.stack([x, np.ones_like(x)], axis=1)
    beta = np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weight * (p - y)) + np.array([1e-3, 0.0]) * beta
        curve = design.T @ (design * (weight * p * (1 - p))[:, None]) + np.diag([1e-3, 1e-6])
        beta = beta - np.linalg.solve(curve, gradient)
    slope, intercept = beta / math.log(10)
    return float(slope), float(intercept), len(positive), len(negative)


def report(rows: list[Row], say: Callable[[str], None] = print) -> None:
    """Print the tables."""
    for detector in dict.fromkeys(r.detector for r in rows):
        mine = [r for r in rows if r.detector == detector]
        say(f"\n### {detector}\n")
        _say_points(mine, detector, say)
        _say_both(mine, say)
        _say_recall(mine, say)
        _say_false(mine, say)
        _say_failures([r for r in mine if r.is_test], say)


def _say_points(rows: list[Row], detector: str, say: Callable[[str], None]) -> None:
    fit = [r for r in rows if not r.is_test]
    kinds = ("The picture stands still", "The picture jumps", "These") if detector == "duplication" else ()
    per_hour = TARGETS_PER_HOUR[detector]
    for starts in ("", *kinds):
        point = operating_point(fit, per_hour if not starts else per_hour / 2, starts)
        said = f"“{starts} …”, for half as many" if starts else f"all, for {per_hour:.0f} per hour"
        say(f"- by the tail of the fit half, {said}: raw {point:+.2f} (listed from {fit[0].threshold:.2f})")
    slope, intercept, positives, negatives = fitted_line(fit)
    say(f"- log10 LR = {slope:.3f} × raw + {intercept:.3f}")
    say(f"- fitted on {positives} true and {negatives} false candidates\n")


def _say_both(rows: list[Row], say: Callable[[str], None]) -> None:
    """Both halves together at three thresholds; what is flagged beside a forgery is false as well."""
    say("| both halves, listed from | found | flags on clean clips | beside a forgery |\n|---|---|---|---|")
    forged, clean = [r for r in rows if r.is_forged], [r for r in rows if r.is_clean]
    threshold = max(r.threshold for r in rows)  # 0 where a clip was not assessed
    for point in (threshold - 0.3, threshold, threshold + 0.3):
        found = sum(any(f.raw >= point for f in r.hits()) for r in forged)
        false = sum(f.raw >= point for r in clean for f in r.found)
        beside = sum(f.raw >= point and f not in r.hits() for r in forged for f in r.found)
        cells = [rate(n, sum(r.duration_s for r in part)) for n, part in ((false, clean), (beside, forged))]
        say(f"| {point:.2f} | {wilson(found, len(forged))} | {cells[0]} | {cells[1]} |")
    say("")


def _say_recall(rows: list[Row], say: Callable[[str], None]) -> None:
    say("| forgery | fit half: found | test half: found (95%) |\n|---|---|---|")
    forged = [r for r in rows if r.is_forged]
    groups = sorted({(r.operation, r.count) for r in forged})
    for operation, count in groups:
        cells = []
        for is_test in (False, True):
            part = [r for r in forged if (r.operation, r.count, r.is_test) == (operation, count, is_test)]
            cells.append(wilson(sum(r.is_caught for r in part), len(part)))
        say(f"| {operation} {count} | {cells[0]} | {cells[1]} |")
    for codec in sorted({r.codec for r in forged}):
        part = [r for r in forged if r.codec == codec and r.is_test and r.count >= 5]
        say(f"| any of ≥ 5 frames, {codec} | | {wilson(sum(r.is_caught for r in part), len(part))} |")
    is_repeat = forged and forged[0].detector == "duplication"
    kinds = (material.FROZEN, material.COPIED) if is_repeat else (material.DELETED[:1], material.DELETED[1:])
    least = 5 if is_repeat else 8
    for operations in (*((o,) for kind in kinds for o in kind if len(kind) > 1), *kinds, sum(kinds, ())):
        cells = []
        for is_test in (False, True):
            part = [
                r for r in forged if r.operation in operations and r.is_test == is_test and r.count >= least
            ]
            cells.append(wilson(sum(r.is_caught for r in part), len(part)))
        say(f"| **{' or '.join(operations)}, ≥ {least} frames** | {cells[0]} | {cells[1]} |")


def _say_false(rows: list[Row], say: Callable[[str], None]) -> None:
    say("\n| clean clips | fit half: false flags | test half: false flags (95%) |\n|---|---|---|")
    for operation in ("original", *DECOY_KINDS, "spatial forgery"):
        cells = []
        for is_test in (False, True):
            part = [r for r in rows if r.operation == operation and r.is_test == is_test]
            flags = sum(f.raw >= r.threshold for r in part for f in r.found)
            cells.append(rate(flags, sum(r.duration_s for r in part)))
        say(f"| {operation} | {cells[0]} | {cells[1]} |")


def _say_failures(rows: list[Row], say: Callable[[str], None]) -> None:
    say("\nFailures of the test half:\n")
    for r in rows:
        if r.is_forged and not r.is_caught:
            best = max((f.raw for f in r.hits()), default=None)
            said = "no candidate" if best is None else f"best candidate {best:.2f}"
            say(f"- missed: {r.operation} {r.count} at {r.span[0]:.2f} s, {r.codec}, in {r.name} ({said})")
        if r.is_clean:
            for f in r.found:
                if f.raw >= r.threshold:
                    say(f"- false: {r.name} ({r.operation} {r.codec}) at {f.start_s:.2f} s, raw {f.raw:.2f}")


def write_calibration(rows: list[Row], detector: str, command: str) -> None:
    """Put the detector's line into calibration.json; the others stay as they are."""
    path = Path(calibration.__file__).with_name("calibration.json")
    entries = json.loads(path.read_text("utf-8"))
    fit = [r for r in rows if r.detector == detector and not r.is_test]
    slope, intercept, positives, negatives = fitted_line(fit)
    entries[detector] = {
        "slope": round(slope, 4),
        "intercept": round(intercept, 4),
        "prior": 0.5,
        "positives": positives,
        "negatives": negatives,
        "source": command,
    }
    path.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", "utf-8")


def write_metrics(rows: list[Row], command: str) -> None:
    """Put the figures of missing frames beside the network that they are of."""
    mine = [r for r in rows if r.detector == "deletion"]
    figures: dict[str, object] = {"command": command, "threshold": mine[0].threshold}
    for half, is_test in (("fit half", False), ("test half", True)):
        part = [r for r in mine if r.is_test == is_test]
        clean = [r for r in part if r.is_clean]
        figures[half] = {
            "least_frames": {
                str(least): {
                    "found": sum(r.is_caught for r in part if r.is_forged and r.count >= least),
                    "of": sum(r.is_forged and r.count >= least for r in part),
                }
                for least in (8, 20)
            },
            "false_flags": sum(f.raw >= r.threshold for r in clean for f in r.found),
            "clean_min": round(sum(r.duration_s for r in clean) / 60, 2),
        }
    path = shipped_folder() / GAPS / "metrics.json"
    known = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**known, "detector": figures}, indent=1) + "\n", "utf-8")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--nets", type=Path, required=True, help="folder of the models of both sides")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sources", type=int, default=48)
    parser.add_argument("--removals", type=int, default=0, help="so many removals of each source, no more")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="with --removals")
    parser.add_argument(
        "--write", action="store_true", help="write calibration.json, with --removals models/gaps too"
    )
    given = parser.parse_args()
    chosen = (given.footage, given.nets, given.seed, given.sources)
    if given.removals:
        rows = list(collect_removals(*chosen, given.removals, given.processes))
    else:
        rows = list(collect(*chosen))
    report(rows)
    if given.write:
        more = f" --removals {given.removals}" if given.removals else ""
        options = f"--footage DIR --nets DIR --seed {given.seed} --sources {given.sources}{more} --write"
        command = f"python -m tests.benchmarks.duplication_deletion {options}"
        detector = "deletion" if given.removals else "duplication"
        write_calibration(rows, detector, command)
        if given.removals:
            write_metrics(rows, command)


if __name__ == "__main__":
    main()

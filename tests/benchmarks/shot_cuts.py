"""Shot boundaries: ours beside PySceneDetect's detectors, on composed clips and on the footage itself.

Run as `python -m tests.benchmarks.shot_cuts --footage DIR [--seed N]`; prints Markdown tables. Matching is
greedy and one to one, a gradual transition is met by any point of its extent (TRECVID shot boundary task).
The peers need `pip install --no-deps scenedetect==0.7.2 click platformdirs tqdm` and run at their defaults
through their own reader and manager.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.shot_material import Boundary, Truth, make_set, manifest, natural_truth, side_of
from vidforensics.acquisition.probe import probe
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.shots import ShotAccumulator
from vidforensics.types import FrameBlock

PEERS = (
    "AdaptiveDetector",
    "ContentDetector",
    "HashDetector",
    "HistogramDetector",
    "ThresholdDetector",
)
OURS = "vidforensics"
KINDS = ("cut", "jump", "dissolve", "fade")


@dataclass(frozen=True, slots=True)
class Found:
    """A boundary that a detector found: a frame index, and its kind where it tells."""

    frame: int
    kind: str | None = None


@dataclass(slots=True)
class Score:
    """Counts over clips; `missed` and `met` by kind, `false` by what was there."""

    met: dict[str, int] = field(default_factory=dict)
    true: dict[str, int] = field(default_factory=dict)
    false: dict[str, int] = field(default_factory=dict)
    typed: int = 0

    def ratios(self) -> tuple[float, float, float]:
        """Precision, recall and F1."""
        met, true, false = (sum(d.values()) for d in (self.met, self.true, self.false))
        precision = met / max(1, met + false)
        recall = met / max(1, true)
        return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def add(score: Score, truth: Truth, found: Sequence[Found], tolerance: int) -> None:
    """Match one clip's boundaries and add it to the counts."""
    kept = [f for f in found if not any(a <= f.frame <= b for a, b in truth.ignore)]
    free = list(kept)
    for bound in truth.boundaries:
        score.true[bound.kind] = score.true.get(bound.kind, 0) + 1
        best = min(free, key=lambda f: _distance(f, bound), default=None)
        if best is None or _distance(best, bound) > tolerance:
            continue
        free.remove(best)
        score.met[bound.kind] = score.met.get(bound.kind, 0) + 1
        score.typed += best.kind == ("cut" if bound.kind == "jump" else bound.kind)
    for extra in free:
        place = _place(extra, truth)
        score.false[place] = score.false.get(place, 0) + 1


def _distance(found: Found, bound: Boundary) -> int:
    return max(0, bound.start - found.frame, found.frame - bound.end)


def _place(extra: Found, truth: Truth) -> str:
    if any(b.start - 2 <= extra.frame <= b.end + 2 for b in truth.boundaries):
        return "beside a boundary"
    near = (n for n, at in truth.disturbances if at - 1 <= extra.frame <= at + 14)
    return next(near, "elsewhere")


def find_ours(path: Path) -> tuple[list[Found], list[float], float]:
    """Our boundaries, the frame times, and the CPU seconds of the accumulator alone."""
    accumulator, times, spent = ShotAccumulator(), [], 0.0
    with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
        for block in decoder:
            if isinstance(block, FrameBlock):
                times += [float(t) for t in block.pts_s]
                started = time.process_time()
                accumulator.update(block)
                spent += time.process_time() - started
    started = time.process_time()
    shots = accumulator.finish()
    spent += time.process_time() - started
    found = [Found(_nearest(times, s.end_s), s.transition) for s in shots[:-1]]
    return found, times, spent


def find_peers(path: Path, times: Sequence[float]) -> dict[str, list[int]]:
    """The boundaries of every PySceneDetect detector, in one pass of its own manager over its own reader."""
    import scenedetect

    detectors = {name: getattr(scenedetect, name)() for name in PEERS}
    cuts: dict[str, list[float]] = {name: [] for name in PEERS}

    class Tee(scenedetect.SceneDetector):  # type: ignore[misc]
        """Hands each frame to every detector and keeps their answers apart."""

        def process_frame(self, timecode: Any, frame_img: Any) -> list[Any]:
            for name, detector in detectors.items():
                cuts[name] += [cut.seconds for cut in detector.process_frame(timecode, frame_img)]
            return []

        def post_process(self, timecode: Any) -> list[Any]:
            for name, detector in detectors.items():
                cuts[name] += [cut.seconds for cut in detector.post_process(timecode)]
            return []

    manager = scenedetect.SceneManager()
    manager.add_detector(Tee())
    manager.detect_scenes(scenedetect.open_video(str(path), backend="pyav"))
    return {name: sorted({_nearest(times, at + times[0]) for at in found}) for name, found in cuts.items()}


def _nearest(times: Sequence[float], at: float) -> int:
    return int(np.argmin(np.abs(np.asarray(times) - at)))


def peers_of(path: Path, times: Sequence[float], notes: Path) -> dict[str, list[Found]]:
    """What every peer finds, kept in `notes` so that a second run need not ask again."""
    note = notes / (str(path).replace("/", "_") + ".peers.json")
    if not note.exists():
        note.write_text(json.dumps(find_peers(path, times)))
    return {name: [Found(f) for f in frames] for name, frames in json.loads(note.read_text()).items()}


@dataclass(slots=True)
class Bench:
    """One side of the material, run through every detector once."""

    rows: list[tuple[Truth, str, dict[str, list[Found]]]] = field(default_factory=list)
    spent_s: float = 0.0
    frames: int = 0
    seconds: float = 0.0

    def run(
        self, path: Path, truth_of: Callable[[Sequence[float]], Truth], group: str, notes: Path | None
    ) -> None:
        """Run every detector on one clip."""
        found, times, spent = find_ours(path)
        if not times:
            return
        truth = truth_of(times)
        if len(truth.times_s) != len(times):
            print(f"left out {truth.name}: {len(times)} frames decoded, {len(truth.times_s)} expected")
            return
        answers = {OURS: found}
        if notes is not None:
            answers |= peers_of(path, times, notes)
        self.rows.append((truth, group, answers))
        self.spent_s += spent
        self.frames += len(times)
        self.seconds += times[-1] - times[0]

    def names(self) -> list[str]:
        return list(self.rows[0][2]) if self.rows else []

    def score(self, name: str, tolerance: int, groups: Iterable[str], kinds: Iterable[str] = KINDS) -> Score:
        """The counts of one detector over the clips of some groups."""
        total, wanted = Score(), set(groups)
        for truth, group, answers in self.rows:
            if group in wanted:
                add(total, truth, answers[name], tolerance)
        return total


def print_main(bench: Bench) -> None:
    """Precision, recall and F1 at each tolerance, composed clips and footage apart and together."""
    print("\n| material | detector | P@0 | R@0 | F1@0 | F1@1 | F1@2 |\n|---|---|---|---|---|---|---|")
    natural = sorted({g for _, g, _ in bench.rows if g != "made"})
    for label, groups in (("composed", ["made"]), ("footage", natural), ("both", ["made", *natural])):
        for name in bench.names():
            p, r, f = bench.score(name, 0, groups).ratios()
            later = [bench.score(name, t, groups).ratios()[2] for t in (1, 2)]
            cells = " | ".join(f"{v:.3f}" for v in (p, r, f, *later))
            print(f"| {label} | {name} | {cells} |")


def print_kinds(bench: Bench) -> None:
    """What was met of each kind, and what false boundaries lie on, in composed clips."""
    first = bench.score(OURS, 0, ["made"])
    upsets = ("flash", "glitch", "caption", "light", "passing", "beside a boundary", "elsewhere")
    counts = {u: sum(n == u for t, g, _ in bench.rows for n, _ in t.disturbances) for u in upsets}
    heads = [f"{k} met of {first.true.get(k, 0)}" for k in KINDS]
    heads += [f"false at {u}" + (f" (of {counts[u]})" if counts[u] else "") for u in upsets]
    print("\n| detector | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1))
    for name in bench.names():
        score = bench.score(name, 0, ["made"])
        cells = [str(score.met.get(k, 0)) for k in KINDS] + [str(score.false.get(u, 0)) for u in upsets]
        print(f"| {name} | " + " | ".join(cells) + " |")


def print_quiet(bench: Bench) -> None:
    """False boundaries per hour of footage, by folder."""
    groups = sorted({g for _, g, _ in bench.rows if g != "made"})
    hours = {g: sum(t.times_s[-1] for t, h, _ in bench.rows if h == g) / 3600 for g in groups}
    heads = [f"{g} ({hours[g] * 60:.1f} min)" for g in groups]
    print("\nFalse boundaries per hour (count), footage\n\n| detector | " + " | ".join(heads) + " |")
    print("|" + "---|" * (len(groups) + 1))
    for name in bench.names():
        cells = []
        for group in groups:
            false = sum(bench.score(name, 2, [group]).false.values())
            cells.append(f"{false / max(hours[group], 1e-9):.1f} ({false})")
        print(f"| {name} | " + " | ".join(cells) + " |")


def print_mistakes(bench: Bench) -> None:
    """Every mistake of ours on the footage."""
    for truth, group, answers in bench.rows:
        one = Score()
        add(one, truth, answers[OURS], 0)
        if group != "made" and (one.false or sum(one.met.values()) != sum(one.true.values())):
            print(f"- {truth.name}: true {truth.boundaries}, found {answers[OURS]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--side", choices=("fit", "test"), default="test")
    parser.add_argument("--work", type=Path, help="folder for composed clips, kept between runs")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        truths = make_set(options.footage, work, options.side, options.clips, options.seed)
        notes = None if options.no_peers else work
        bench = Bench()
        for truth in truths:
            bench.run(work / truth.name, lambda _, truth=truth: truth, "made", notes)
        for row in manifest(options.footage):
            if side_of(row["speaker_or_scene_id"]) == options.side:
                path, name = options.footage / row["file"], row["file"]
                bench.run(path, lambda times, name=name: natural_truth(name, times), row["kind"], notes)
    print_main(bench)
    print_kinds(bench)
    print_quiet(bench)
    score = bench.score(OURS, 0, {g for _, g, _ in bench.rows})
    print(f"\nType right for {score.typed} of {sum(score.met.values())} boundaries met.")
    print(f"CPU {bench.spent_s / max(1, bench.frames) * 1e3:.3f} ms a frame over {bench.frames} frames.\n")
    print_mistakes(bench)


if __name__ == "__main__":
    main()

"""What bringing dub and sound together adds, apart from what each says alone.

`python -m tests.benchmarks.fusion --footage DIR [--seed N] [--sources N] [--side fit|test|all]
[--processes N]` makes clips
of `evaluate flag` that have to do with voices, runs the detectors on each once, and scores their answers as
they are and brought together. As there, put a sync model and sound weights fitted on the other side in the
place of the shipped ones.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidforensics import acquisition, flagging, pipeline
from vidforensics.evaluation.flag import FlagOptions, choose_sources, make_clips
from vidforensics.evaluation.flag_forgeries import Forged
from vidforensics.evaluation.footage import read_footage
from vidforensics.evaluation.metrics_evidence import auc, cllr
from vidforensics.flagging.fusion import SUPPORT, fuse
from vidforensics.runtime import no_progress
from vidforensics.types import Detection, Evidence, Segment

KINDS = (
    "re-encoded",
    "cut",
    "late",
    "sound under",
    "voice replaced",
    "voice synthesised",
    "foreign sound",
    "voice slid",
    "own sound moved",
)
BOTH = ("voice replaced", "voice synthesised", "foreign sound")
"""What shows in the mouth and in the sound; the two kinds after them are the speaker's own voice."""


@dataclass(frozen=True)
class Answer:
    """What was said of one clip about voices, alone and brought together."""

    forged: Forged
    duration_s: float
    alone: tuple[Segment, ...]
    together: tuple[Segment, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--sources", type=int, default=14)
    parser.add_argument("--side", choices=("fit", "test", "all"), default="test")
    parser.add_argument("--processes", type=int, default=1)
    chosen = parser.parse_args()
    material = read_footage(chosen.footage, chosen.side)
    rng = np.random.default_rng(chosen.seed)
    sources = choose_sources(material, chosen.sources, rng)
    options = FlagOptions(chosen.seed, chosen.sources, chosen.side)
    with tempfile.TemporaryDirectory() as scratch:
        clips = make_clips(Path(scratch), sources, material, options, rng, KINDS)
        with ProcessPoolExecutor(chosen.processes) as pool:
            answers = list(pool.map(answer_of, clips.made))
    print(table(answers))
    for sentence in clips.not_made:
        print(f"Not made: {sentence}")


def answer_of(forged: Forged) -> Answer:
    """Run the detectors on one clip, once."""
    probe = acquisition.probe(forged.path)
    extracted, measured = pipeline.extract_and_measure(
        forged.path, probe, None, pipeline.Options(), no_progress
    )
    evidence = Evidence(probe, acquisition.read_bitstream(forged.path, probe), extracted, measured)
    found = flagging.run_apart(evidence)
    return Answer(forged, evidence.duration_s, _of_voices(found), _of_voices(fuse(found)))


def _of_voices(found: Sequence[Detection]) -> tuple[Segment, ...]:
    return tuple(s for answer in found for s in answer.segments if s.detector in SUPPORT)


def table(answers: Sequence[Answer]) -> str:
    """Per kind: clips of which a listed segment of either label meets the forged stretch, and false flags."""
    lines = ["| clips | number | flagged, each alone | flagged, together | pairs that support each other |"]
    lines.append("|---|---:|---:|---:|---:|")
    for kind in dict.fromkeys(a.forged.kind for a in answers):
        here = [a for a in answers if a.forged.kind == kind]
        flagged = [sum(any(_counts(s, a) for s in _side(a, way)) for a in here) for way in (0, 1)]
        supported = sum(_pairs(a) for a in here)
        lines.append(f"| {kind} | {len(here)} | {flagged[0]} | {flagged[1]} | {supported} |")
    hours = sum(a.duration_s for a in answers if not a.forged.label) / 3600
    lines += ["", f"Hours with nothing to find: {hours:.3f}.", "", *_evidence(answers)]
    return "\n".join(lines)


def _evidence(answers: Sequence[Answer]) -> list[str]:
    """Rank and cost of the surest candidate per clip, forged with another voice against nothing to find.

    A clip without a candidate ranks last, and counts at a ratio of 1 for the cost.
    """
    lines = ["| surest candidate per clip | AUC | Cllr | Cllr where there is one |", "|---|---:|---:|---:|"]
    yes = [a for a in answers if a.forged.kind in BOTH]
    no = [a for a in answers if not a.forged.label]
    truth = np.array([True] * len(yes) + [False] * len(no))
    for way, name in enumerate(("each alone", "together")):
        best = np.array(
            [max((s.log10_lr for s in _side(a, way) if _meets(s, a)), default=-np.inf) for a in (*yes, *no)]
        )
        some = np.isfinite(best)
        ratios = np.where(some, best, 0.0) * np.log(10)
        ranked = auc(best[truth], best[~truth])
        is_mixed = 0 < truth[some].sum() < some.sum()
        costs = (cllr(ratios, truth), cllr(ratios[some], truth[some]) if is_mixed else None)
        said = " | ".join("–" if c is None else f"{c:.3f}" for c in (ranked, *costs))
        lines.append(f"| {name} | {said} |")
    return lines


def _side(answer: Answer, way: int) -> tuple[Segment, ...]:
    return answer.together if way else answer.alone


def _pairs(answer: Answer) -> int:
    """Dubs on what was forged that a sound supports."""
    both = zip(answer.alone, answer.together, strict=True)
    return sum(t.log10_lr > a.log10_lr and t.label == "dub" and _meets(t, answer) for a, t in both)


def _counts(segment: Segment, answer: Answer) -> bool:
    return segment.listed and _meets(segment, answer)


def _meets(segment: Segment, answer: Answer) -> bool:
    """Whether it touches what was forged; everything does where nothing was."""
    forged = answer.forged
    return not forged.label or (segment.start_s < forged.end_s and forged.start_s < segment.end_s)


if __name__ == "__main__":
    main()

"""How many joins of coded streams are found within one frame, and what is flagged where nothing was joined.

`python -m tests.benchmarks.stream_joins --footage DIR [--seed N] [--part measure]` makes joins and
lookalikes from the footage, reads them and prints Markdown tables of joins found and falsely flagged:
for made joins, for joins expected to leave little, and for clips in which nothing was joined.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import numpy as np

from tests.benchmarks.stream_join_material import Clip, Kitchen, picture_times, read_sources
from tests.benchmarks.stream_join_recipes import HARDEST, RECIPES, Recipe
from tests.flagging.conformance import Given, evidence_of
from vidforensics.acquisition.bitstream import read_bitstream
from vidforensics.flagging.stream_join import StreamJoinDetector
from vidforensics.types import Evidence, Probe, Segment, Stream


@dataclass
class Row:
    """Counts of one kind."""

    made: int = 0
    found: int = 0
    error_frames: float = 0.0
    false: int = 0
    notes: list[str] = field(default_factory=list)


def main() -> None:
    """Make, read, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("develop", "measure", "all"), default="measure")
    parser.add_argument("--only", choices=("joins", "hardest", "untouched"))
    parser.add_argument("--kind", default="", help="only recipes whose name holds this")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--most", type=int, default=6, help="at most so many joins of a kind")
    parser.add_argument("--keep", type=Path, help="folder for copies of clips that went wrong")
    options = parser.parse_args()
    sources = read_sources(options.footage, None if options.part == "all" else options.part)
    with tempfile.TemporaryDirectory() as scratch:
        kitchen = Kitchen(Path(scratch), sources, np.random.default_rng(options.seed))
        chosen = tuple(limited(r, options.most) for r in RECIPES if options.kind in r.kind)
        hardest = tuple(r for r in HARDEST if options.kind in r.kind)
        if options.only in (None, "joins"):
            report("Made joins", kitchen.joined(chosen, 0 if options.kind else 2 * options.most), options)
        if options.only in (None, "hardest"):
            report("Joins that leave little", kitchen.joined(hardest, 0), options)
        if options.only in (None, "untouched"):
            every = read_sources(options.footage, None)
            everything = (Clip("footage as it is", _linked(s.path, Path(scratch))) for s in every)
            report("Nothing joined: footage", everything, options)
            report("Nothing joined: lookalikes", kitchen.untouched(), options)
        if kitchen.failures:
            examples = sorted(set(kitchen.failures))[:5]
            print(f"\n{len(kitchen.failures)} clips could not be made, such as: {examples}")


def limited(recipe: Recipe, most: int) -> Recipe:
    """The recipe, made no more than `most` times."""
    return replace(recipe, count=min(recipe.count, most))


def _linked(path: Path, folder: Path) -> Path:
    link = folder / path.name
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link


def report(title: str, clips: Iterable[Clip], options: argparse.Namespace) -> None:
    """Read the clips and print one table."""
    rows: dict[str, Row] = defaultdict(Row)
    count = 0
    for clip in clips:
        count += 1
        count_clip(rows[clip.kind], clip, options)
    print(f"\n**{title}** ({count} clips)\n\n| kind | joins | found | greatest error, frames | false joins |")
    print("|---|---|---|---|---|")
    total = Row()
    for kind, row in rows.items():
        print(f"| {kind} | {row.made} | {row.found} | {row.error_frames:.2f} | {row.false} |")
        total.made, total.found, total.false = (
            total.made + row.made,
            total.found + row.found,
            total.false + row.false,
        )
        total.error_frames = max(total.error_frames, row.error_frames)
    print(f"| **all** | {total.made} | {total.found} | {total.error_frames:.2f} | {total.false} |")
    for kind, row in rows.items():
        for note in row.notes:
            print(f"    {kind}: {note}")


def count_clip(row: Row, clip: Clip, options: argparse.Namespace) -> None:
    """Compare what is flagged in a clip with its truth."""
    segments, evidence = flagged(clip.path)
    truths, step = truth_times(clip, evidence.probe.origin_s)
    left = [segment for segment in segments if segment.listed]
    missed = False
    for truth in truths:
        row.made += 1
        near = [
            s for s in left if abs(s.start_s - truth) <= 1.01 * step and abs(s.end_s - truth) <= 1.01 * step
        ]
        if near:
            row.found += 1
            left.remove(near[0])
            row.error_frames = max(row.error_frames, abs(near[0].end_s - truth) / step)
        else:
            missed = True
            row.notes.append(f"missed at {truth:.3f}: {told(evidence)}")
    row.false += len(left)
    for segment in left:
        row.notes.append(
            f"false at {segment.end_s:.3f} {segment.log10_lr:.1f} in {clip.path.name}: {segment.basis}"
        )
    if options.keep and (left or missed):
        shutil.copy(clip.path, options.keep / f"{clip.kind}_{clip.path.name}".replace(" ", "_"))
    if options.verbose:
        row.notes.append(f"cues {told(evidence)}; truth {[round(t, 3) for t in truths]}")


def told(evidence: Evidence) -> list[tuple[float, str, float]]:
    """The cues in short."""
    return [(round(c.time_s, 3), c.cue, round(c.weight, 1)) for c in evidence.bitstream.join_cues][:12]


def flagged(path: Path) -> tuple[tuple[Segment, ...], Evidence]:
    """What the detector says of a file."""
    probe = minimal_probe(path)
    plain = evidence_of(Given(duration_s=probe.duration_s))
    evidence = Evidence(probe, read_bitstream(path, probe), plain.extraction, plain.features)
    return StreamJoinDetector().detect(evidence).segments, evidence


def minimal_probe(path: Path) -> Probe:
    """Streams and origin, enough to read the coded stream."""
    with av.open(str(path), metadata_errors="replace") as container:
        attached = av.stream.Disposition.attached_pic
        streams = tuple(
            Stream(s.index, s.type, s.codec_context.name, is_attached_picture=bool(s.disposition & attached))
            for s in container.streams
            if s.codec_context
        )
        starts = [float(s.start_time * s.time_base) for s in container.streams if s.start_time is not None]
        length = container.duration / 1e6 if container.duration else None
        return Probe(container.format.name, length, min(starts, default=0.0), None, {}, streams)


def truth_times(clip: Clip, origin_s: float) -> tuple[list[float], float]:
    """The time of the first frame after each join, and the usual frame step, s."""
    if not clip.joins:
        return [], 1.0
    times, _ = picture_times(clip.path)
    step = float(np.median(np.diff(np.sort(times[: clip.joins[0]]))))
    bounds = [*clip.joins, len(times)]
    return [float(times[a:b].min()) - origin_s for a, b in itertools.pairwise(bounds)], step


if __name__ == "__main__":
    main()

"""`evaluate flag`: forge clips of any footage in known stretches, flag them, and publish what was found.

The flagger is handed in, so that this file knows nothing of how detectors work: it sees the document that
`flag` gives, every candidate with whether it is listed. Everything is made from one seed in a scratch folder.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from vidforensics.errors import UsageError, VidforensicsError
from vidforensics.evaluation.ffmpeg import ffmpeg_program, version
from vidforensics.evaluation.flag_forgeries import LEAST_S, Forged, make_forgeries
from vidforensics.evaluation.flag_scores import (
    Answer,
    calibration_figures,
    chain_figures,
    coverage_figures,
    false_flags,
    kind_figures,
)
from vidforensics.evaluation.footage import Material, Side, read_footage
from vidforensics.evaluation.synthesis import PROGRAM, synthesise
from vidforensics.runtime import Progress, library_versions, no_progress

SCHEMA = "vidforensics.evaluate-flag/1"
Flagger = Callable[[Path], Mapping[str, Any]]
"""Gives the document of `flag` with every candidate, each with `listed`."""


@dataclass(frozen=True, slots=True)
class FlagOptions:
    """What is made: how many sources, at most one per speaker or scene, of which side of the split."""

    seed: int = 1
    sources: int = 12
    side: Side = "test"


@dataclass(frozen=True, slots=True)
class MadeClips:
    """What was made, a sentence for each that could not be, and the synthesiser's version, if it spoke."""

    made: tuple[Forged, ...]
    not_made: tuple[str, ...]
    synthesiser: str | None


def evaluate_flag(
    footage: Path,
    options: FlagOptions,
    flagger: Flagger,
    *,
    work: Path | None = None,
    keep: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        footage: folder of clips; a MANIFEST.csv with `speaker_or_scene_id` splits it by scene, else by file.
        options: what to make.
        flagger: what to measure.
        work: where the scratch folder is made; default the system's place for such.
        keep: leave the made clips there.
        progress: called with (stage, done, total).

    Returns:
        A `vidforensics.evaluate-flag/1` document of plain values.

    Raises:
        UsageError: no such folder, or too little footage.
        MissingModelError: there is no ffmpeg to make clips with.
    """
    program = ffmpeg_program()
    material = read_footage(footage, options.side)
    rng = np.random.default_rng(options.seed)
    sources = choose_sources(material, options.sources, rng)
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="evaluate-flag-", dir=work))
    try:
        clips = make_clips(scratch, sources, material, options, rng, progress=progress)
        answers, failed = _answers(clips.made, flagger, progress)
    finally:
        if not keep:
            shutil.rmtree(scratch, ignore_errors=True)
    synthesiser = {PROGRAM: clips.synthesiser} if clips.synthesiser else {}
    return {
        "schema": SCHEMA,
        **asdict(options),
        "clips": len(clips.made),
        "groups": len({s.group for s in sources}),
        "versions": library_versions() | {"ffmpeg": version(program)} | synthesiser,
        "folders": dict(Counter(s.path.parent.name for s in sources)),
        "kinds": kind_figures(answers, options.seed),
        "false_flags": false_flags(answers),
        "calibration": calibration_figures(answers),
        "coverage": coverage_figures(answers),
        "chains": chain_figures(answers),
        "cost": _cost(answers),
        "not_made": list(clips.not_made),
        "not_flagged": failed,
    }


def make_clips(
    folder: Path,
    sources: Sequence[Material],
    material: Sequence[Material],
    options: FlagOptions,
    rng: np.random.Generator,
    kinds: Sequence[str] | None = None,
    progress: Progress = no_progress,
) -> MadeClips:
    """Make every kind of clip of each source, with synthesised speech where its program is installed.

    Args:
        folder: where they are made.
        sources: what is forged, from `choose_sources`.
        material: all that may be cut in, of other groups.
        options: seed and side of the synthesised voices.
        rng: of every other choice.
        kinds: see `make_forgeries`.
        progress: called with ("make clips", made so far, None).

    Raises:
        MissingModelError: there is no ffmpeg to make clips with.
    """
    speech = synthesise(folder / "synthesised", options.seed, options.side)
    spoken = read_footage(folder / "synthesised", "all") if speech.spoken else []
    made: list[Forged] = []
    not_made = list(speech.not_made)
    for one in make_forgeries(folder, sources, material, ffmpeg_program(), rng, spoken, kinds):
        if isinstance(one, str):
            not_made.append(one)
        else:
            made.append(one)
        progress("make clips", float(len(made)), None)
    return MadeClips(tuple(made), tuple(not_made), speech.version)


def choose_sources(material: Sequence[Material], count: int, rng: np.random.Generator) -> list[Material]:
    """Clips with picture and sound of 10 s and more, one per group, from every folder in turn."""
    fitting = [
        m for m in material if m.has_picture and m.audible and not m.graphic and m.duration_s >= LEAST_S
    ]
    groups = sorted({m.group for m in fitting})
    if len(groups) < 3:
        raise UsageError(
            f"evaluate flag needs clips of {LEAST_S:.0f} s with sound from three scenes or more; "
            f"there are {len(groups)}."
        )
    pools = [[m for m in fitting if m.group == str(g)] for g in rng.permutation(groups)]
    drawn = [pool[int(rng.integers(len(pool)))] for pool in pools]
    by_folder: dict[Path, list[Material]] = {}
    for one in drawn:
        by_folder.setdefault(one.path.parent, []).append(one)
    in_turn = zip_longest(*by_folder.values())
    return [m for turn in in_turn for m in turn if m is not None][:count]


def _answers(made: Sequence[Forged], flagger: Flagger, progress: Progress) -> tuple[list[Answer], list[str]]:
    answers, failed = [], []
    for number, forged in enumerate(made):
        progress("flag", float(number), float(len(made)))
        began = _cpu_s()
        try:
            found = flagger(forged.path)
        except VidforensicsError as error:
            failed.append(f"{forged.source}, {forged.kind}: {error}")
            continue
        duration_s = float(found["clip"]["duration_s"] or 0.0)
        answers.append(Answer(forged, found["segments"], found["coverage"], duration_s, _cpu_s() - began))
    return answers, failed


def _cost(answers: Sequence[Answer]) -> dict[str, Any]:
    seconds = sum(a.duration_s for a in answers)
    used = sum(a.cpu_s for a in answers)
    return {
        "clips": len(answers),
        "minutes": round(seconds / 60, 3),
        "cpu_s": round(used, 2),
        "cpu_per_second_of_clip": round(used / seconds, 4) if seconds else None,
    }


def _cpu_s() -> float:
    """CPU seconds of the children waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

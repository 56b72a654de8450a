"""The verbs that measure: the published benchmarks, on any footage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from vidforensics.isolation import Limits, run_isolated
from vidforensics.runtime import Progress, no_progress
from vidforensics.verbs import scan, trace


def evaluate_trace(
    footage: Path | str,
    *,
    seed: int = 1,
    sources: int = 12,
    work: Path | str | None = None,
    keep: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Make edited re-uploads of any footage, trace them, and say what was found.

    Args:
        footage: folder of clips; a MANIFEST.csv with `speaker_or_scene_id` splits them by scene.
        seed: of every choice.
        sources: how many clips are edited.
        work: where the scratch folder is made; None for the system's place for such.
        keep: leave the scratch folder.
        progress: called with (stage, done, total).

    Raises:
        UsageError, MissingModelError: there is too little footage, or no ffmpeg to edit it with.
    """
    from vidforensics.evaluation import trace as benchmark

    def fill(files: Sequence[Path], folder: Path) -> None:
        scan(files, index=folder)

    tracer = benchmark.Tracer(index=fill, trace=lambda query, folder: trace(query, index=folder))
    options = benchmark.EvaluateOptions(seed=seed, sources=sources)
    return benchmark.evaluate_trace(
        Path(footage), options, tracer, work=Path(work) if work else None, keep=keep, progress=progress
    )


def evaluate_flag(
    footage: Path | str,
    *,
    seed: int = 1,
    sources: int = 12,
    side: Literal["fit", "test", "all"] = "test",
    work: Path | str | None = None,
    keep: bool = False,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Forge clips of any footage in known stretches, flag them, and say what was found.

    Args:
        footage: folder of clips; a MANIFEST.csv with `speaker_or_scene_id` splits them by scene.
        seed: of every choice.
        sources: how many clips are forged, in every way each.
        side: which side of the split by scene.
        work: where the scratch folder is made; None for the system's place for such.
        keep: leave the scratch folder.
        limits: time and memory per clip.
        progress: called with (stage, done, total).

    Raises:
        UsageError, MissingModelError: there is too little footage, or no ffmpeg to forge it with.
    """
    from vidforensics.evaluation import flag as benchmark

    options = benchmark.FlagOptions(seed=seed, sources=sources, side=side)
    return benchmark.evaluate_flag(
        Path(footage),
        options,
        _flagger(limits),
        work=Path(work) if work else None,
        keep=keep,
        progress=progress,
    )


def evaluate_flag_known(
    folder: Path | str,
    layout: Literal["av-deepfake1m", "lav-df", "partialspoof"],
    *,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Flag the files of a published set whose truth is known, and say what was located.

    Args:
        folder: the set, or a part of it.
        layout: whose metadata it has.
        limits: time and memory per file.
        progress: called with (stage, done, total).

    Raises:
        UsageError: the folder is not in that layout.
    """
    from vidforensics.evaluation.flag_known import evaluate_known

    return evaluate_known(Path(folder), layout, _flagger(limits), progress)


def _flagger(limits: Limits | None) -> Callable[[Path], dict[str, Any]]:
    def flagged(clip: Path) -> dict[str, Any]:
        arguments = {"path": os.fspath(clip), "every_candidate": True, "mark_listed": True}
        return run_isolated("flag", arguments, limits=limits)

    return flagged

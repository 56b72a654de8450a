"""The verb that trains: measures footage in worker processes, and puts a whole model folder in place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from vidforensics.errors import MissingModelError
from vidforensics.isolation import Limits, run_isolated
from vidforensics.placing import whole_or_nothing
from vidforensics.runtime import Progress, no_progress

Model = Literal["sync", "gaps"]
_STEPS: dict[Model, int] = {"sync": 400, "gaps": 4500}


def train(
    footage: Path | str,
    *,
    out: Path | str,
    model: Model = "sync",
    seed: int = 1,
    side: Literal["fit", "test", "all"] = "all",
    networks: int = 5,
    steps: int | None = None,
    work: Path | str | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train one of the classifier's models on one's own footage; returns what its metrics.json holds.

    Args:
        footage: folder of clips: of people who were filmed as they spoke for "sync", of anything that moves
            for "gaps".
        out: the model folder, which must not exist yet.
        model: "sync" tells voices that are not the visible mouth's, "gaps" missing frames.
        seed: of every choice.
        side: which side of the split by speaker and scene teaches.
        networks: of "sync", how many are trained; their agreements are averaged.
        steps: of training, per network; None for 400 of "sync" and 4,500 of "gaps".
        work: where measurements of the footage are kept for the next time; None for a folder that goes.
        limits: time and memory per file.
        progress: called with (stage, done, total).

    Raises:
        UsageError, MissingModelError, OutputError: see `vidforensics.errors`.
    """
    _need_torch()
    from vidforensics import training
    from vidforensics.evaluation.ffmpeg import ffmpeg_program

    steps = _STEPS[model] if steps is None else steps
    measure = _measurer("faces" if model == "sync" else "small_pictures", limits)
    with (
        whole_or_nothing(Path(out)) as folder,
        tempfile.TemporaryDirectory(prefix="vidforensics-") as scratch,
    ):
        kept = Path(work) if work is not None else Path(scratch)
        if model == "gaps":
            chosen = training.GapTrainOptions(seed, side, fit=training.GapFitOptions(steps=steps))
            program = ffmpeg_program()
            return training.train_gaps(Path(footage), folder, kept, chosen, program, measure, progress)
        options = training.TrainOptions(
            seed=seed, side=side, networks=networks, fit=training.FitOptions(steps=steps)
        )
        return training.train(Path(footage), folder, kept, options, measure, progress)


def _measurer(verb: str, limits: Limits | None) -> Callable[[Path, Path], None]:
    """Measures a clip (first) in a worker process, which writes to the second path."""

    def measure(clip: Path, target: Path) -> None:
        run_isolated(verb, {"path": os.fspath(clip), "out": os.fspath(target)}, limits=limits)

    return measure


def _need_torch() -> None:
    if find_spec("torch") is None:
        raise MissingModelError("train needs torch; run: pip install 'vidforensics[train]'")

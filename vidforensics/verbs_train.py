"""The verb that trains: measures footage in worker processes, and puts a whole model folder in place."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from vidforensics.errors import MissingModelError
from vidforensics.isolation import Limits, run_isolated
from vidforensics.placing import whole_or_nothing
from vidforensics.runtime import Progress, no_progress


def train(
    footage: Path | str,
    *,
    out: Path | str,
    seed: int = 1,
    side: Literal["fit", "test", "all"] = "all",
    networks: int = 2,
    steps: int = 400,
    work: Path | str | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train the classifier on one's own footage; returns what its metrics.json holds.

    Args:
        footage: folder of clips of people who were filmed as they spoke.
        out: the model folder, which must not exist yet.
        seed: of every choice.
        side: which side of the split by speaker teaches.
        networks: how many are trained; their agreements are averaged.
        steps: of training, per network.
        work: where measurements of the footage are kept for the next time; None for a folder that goes.
        limits: time and memory per file.
        progress: called with (stage, done, total).

    Raises:
        UsageError, MissingModelError, OutputError: see `vidforensics.errors`.
    """
    _need_torch()
    from vidforensics import training

    def measure(clip: Path, target: Path) -> None:
        run_isolated("faces", {"path": os.fspath(clip), "out": os.fspath(target)}, limits=limits)

    options = training.TrainOptions(
        seed=seed, side=side, networks=networks, fit=training.FitOptions(steps=steps)
    )
    with (
        whole_or_nothing(Path(out)) as folder,
        tempfile.TemporaryDirectory(prefix="vidforensics-") as scratch,
    ):
        kept = Path(work) if work is not None else Path(scratch)
        return training.train(Path(footage), folder, kept, options, measure, progress)


def _need_torch() -> None:
    if find_spec("torch") is None:
        raise MissingModelError("train needs torch; run: pip install 'vidforensics[train]'")

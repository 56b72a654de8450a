"""The story of a training of `gaps`: make clips with frames missing, judge crosswise, write the folder.

Footage goes in; weights.safetensors, config.json, metrics.json and MODEL_CARD.md come out, all or none. The
figures are of networks that never met the scene: with one side of the split the other side judges; with all
of it, each side is judged by a network of the other, and the model that is written is taught by both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from vidforensics import __version__
from vidforensics.errors import UsageError
from vidforensics.evaluation.footage import Side
from vidforensics.evaluation.metrics_evidence import auc
from vidforensics.features.gap_net import NAME, GapNet
from vidforensics.runtime import Progress
from vidforensics.training.gap_card import card
from vidforensics.training.gap_clips import Making, Measure, Shown, gather, of_side, sources
from vidforensics.training.gap_fit import GapFitOptions, fit_gap_network
from vidforensics.training.gap_windows import Windows
from vidforensics.training.model_folder import write_model

LEAST_GAPS = 20
"""Fewer places with frames missing than this teach nothing."""
PASSED = 0.01
"""Share of the windows without a gap that may pass."""
RATE_HZ = 25.0
"""At which frames are counted as minutes."""


@dataclass(frozen=True, slots=True)
class GapTrainOptions:
    """What a training is made of; the seed settles every choice.

    side: which side of the split by scene teaches. passes: how many clips with gaps are made of each file.
    judged: how many windows judge a network.
    """

    seed: int = 1
    side: Side = "all"
    passes: int = 6
    judged: int = 2000
    fit: GapFitOptions = field(default_factory=GapFitOptions)


def train_gaps(
    folder: Path,
    out: Path,
    work: Path,
    options: GapTrainOptions,
    program: str,
    measure: Measure,
    progress: Progress,
) -> dict[str, Any]:
    """Train the network of missing frames on one's own footage.

    Args:
        folder: clips of anything that moves; see `gap_clips.sources`.
        out: an existing empty folder for the four files of the model.
        work: where the small pictures of the footage and of the clips made of it are kept.
        options: see there.
        program: ffmpeg.
        measure: see `gap_clips`.
        progress: told stage, done and total.

    Returns:
        What metrics.json holds.

    Raises:
        UsageError: there is too little footage.
    """
    making = Making(program, options.passes, options.seed)
    # what an interrupted training left in the work folder is no footage
    chosen = [s for s in sources(folder) if work.resolve() not in s.path.resolve().parents]
    shown, failed = gather(chosen, work, making, measure, progress)
    taught_by = of_side(shown, options.side)
    if _gap_count(taught_by) < LEAST_GAPS:
        raise UsageError(
            f"{folder}: training needs {LEAST_GAPS} places to take frames out;"
            f" it has {_gap_count(taught_by)}. Give it more or longer clips."
        )

    def taught(side: Side, stage: str) -> GapNet:
        told = _told(progress, stage)
        network = fit_gap_network(of_side(shown, side), options.fit, options.seed, told)
        return GapNet.from_tensors(network.tensors())

    trials: list[tuple[Side, Side]] = [("fit", "test"), ("test", "fit")]
    figures: dict[str, Any] = {}
    networks: dict[Side, GapNet] = {}
    for by, judged in trials:
        if options.side in ("all", by) and _gap_count(of_side(shown, by)) >= LEAST_GAPS:
            networks[by] = taught(by, f"train on the {by} side")
            figures[judged] = window_figures(networks[by], of_side(shown, judged), options)
    network = networks[options.side] if options.side in networks else taught("all", "train on both sides")
    metrics = {
        "command": _command(options),
        "footage": {**counted(taught_by), "failed": failed},
        "options": asdict(options),
        "windows": figures,
    }
    data = save(network.tensors())
    config = {
        "source": metrics["command"],
        "version": f"{NAME} {__version__} seed {options.seed}",
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }
    write_model(out, data, json.dumps(config, indent=1) + "\n", metrics, card(metrics))
    return metrics


def _told(progress: Progress, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(stage, float(done), float(total))


def window_figures(
    network: GapNet, judged: Sequence[Shown], options: GapTrainOptions
) -> dict[str, Any] | None:
    """How well a network tells windows with a gap from others; None where there is nothing to judge it by.

    Returns:
        windows: how many; auc; found: share of the gaps that stand above all but PASSED of the others.
    """
    if not _gap_count(judged):
        return None
    windows = Windows(judged, np.random.default_rng(options.seed))
    seen, truth = windows.batch(options.judged)
    odds = np.concatenate([network.window_odds(seen[i : i + 50]) for i in range(0, len(seen), 50)])
    gaps, others = odds[truth > 0].astype(np.float64), odds[truth == 0].astype(np.float64)
    found = float((gaps > np.quantile(others, 1 - PASSED)).mean())
    area = auc(gaps, others)
    return {
        "windows": len(odds),
        "scenes": len({s.scene for s in judged}),
        "auc": None if area is None else round(area, 4),
        "found": round(found, 4),
    }


def _gap_count(shown: Sequence[Shown]) -> int:
    return len(Windows(shown, np.random.default_rng(0)).gaps) if shown else 0


def _command(options: GapTrainOptions) -> str:
    return (
        f"vidforensics train --model gaps --footage DIR --out DIR --seed {options.seed} "
        f"--side {options.side} --steps {options.fit.steps}"
    )


def counted(shown: Sequence[Shown]) -> dict[str, Any]:
    """How much taught."""
    own = [s for s in shown if not s.is_made]
    return {
        "clips": len(own),
        "filmed": sum(s.is_camera for s in own),
        "scenes": len({s.scene for s in own}),
        "minutes": round(sum(len(s.levels) for s in own) / RATE_HZ / 60, 1),
        "made": sum(s.is_made for s in shown),
        "gaps": sum(len(s.gaps) for s in shown),
    }

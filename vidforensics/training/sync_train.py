"""The story of a training of `sync`: measure footage, judge it crosswise, train on all, write the folder.

Footage goes in; weights.safetensors, config.json, metrics.json and MODEL_CARD.md come out, all or none. The
same seed on the same machine gives the same model; the figures are of networks that never met the speaker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save

from vidforensics import __version__
from vidforensics.errors import UsageError
from vidforensics.evaluation.footage import Side
from vidforensics.evaluation.metrics_evidence import bands_of, cllr
from vidforensics.flagging.calibration import Calibration
from vidforensics.flagging.sync_input import RATE_HZ
from vidforensics.flagging.sync_model import SyncConfig
from vidforensics.runtime import Progress
from vidforensics.training.logistic import fit_line
from vidforensics.training.model_folder import write_model
from vidforensics.training.sync_card import card
from vidforensics.training.sync_crossed import Heard, crossed
from vidforensics.training.sync_figures import (
    Peak,
    line_of,
    lines_by_fold,
    located,
    operating_point,
    peaks_of,
    rows_of,
    window_figures,
)
from vidforensics.training.sync_fit import FitOptions, fit_network
from vidforensics.training.sync_footage import Footage, Measure, gather, with_synthesised
from vidforensics.training.sync_net import SyncNet

LEAST_SPEAKERS = 5


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a training is made of; the seed settles every choice.

    flags_per_hour: the operating point, on untouched footage. side: which side of the split by speaker.
    """

    seed: int = 1
    side: Side = "all"
    folds: int = 5
    networks: int = 5
    flags_per_hour: float = 1.0
    fit: FitOptions = field(default_factory=FitOptions)


def train(
    folder: Path, out: Path, work: Path, options: TrainOptions, measure: Measure, progress: Progress
) -> dict[str, Any]:
    """Train the sync model on one's own footage.

    Args:
        folder: clips of people who were filmed as they spoke; see `training.sync_footage.gather`.
        out: an existing empty folder for the four files of the model.
        work: where measurements of the footage and of synthesised voices are kept.
        options: see there.
        measure: measures one clip in a worker process.
        progress: told stage, done and total.

    Returns:
        What metrics.json holds.

    Raises:
        UsageError: there is too little footage.
    """
    footage = gather(folder, work, options.side, measure, progress)
    speakers = {t.speaker for t in footage.talks}
    if len(speakers) < LEAST_SPEAKERS:
        raise UsageError(
            f"{folder}: training needs {LEAST_SPEAKERS} speakers filmed speaking; it has {len(speakers)}."
        )

    footage = with_synthesised(footage, work, options.seed, options.side, measure, progress)

    def told(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(stage, float(done), float(total))

    counts = (options.folds, options.networks)
    heard = list(
        crossed(footage.talks, footage.voices, options.fit, counts, options.seed, told("cross-check"))
    )
    stretches, voices = [t.stretch for t in footage.talks], [v.levels for v in footage.voices]
    networks = [
        fit_network(stretches, voices, options.fit, options.seed + k, told(f"train network {k + 1}"))
        for k in range(options.networks)
    ]
    weights = _weights(networks)
    config, figures = conclude(heard, weights, options)
    metrics = {
        "command": _command(options),
        "footage": counted(footage),
        "options": asdict(options),
        **figures,
    }
    write_model(out, weights, config.to_json(), metrics, card(metrics))
    return metrics


def conclude(
    heard: Sequence[Heard], weights: bytes, options: TrainOptions
) -> tuple[SyncConfig, dict[str, Any]]:
    """The configuration that goes with the weights, and the figures, from the crosswise trials."""
    rows = list(rows_of(heard))
    lines = lines_by_fold(rows)
    line = line_of(rows)
    threshold = operating_point(heard, lines, options.flags_per_hour)
    peaks = peaks_of(heard, lines)
    calibration = _calibration(peaks, options)
    config = SyncConfig(
        version=f"sync {__version__} seed {options.seed}",
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        networks=options.networks,
        channels=options.fit.network.channels,
        vector=options.fit.network.vector,
        weights=tuple(float(w) for w in line.weights),
        intercept=line.intercept,
        threshold=threshold,
        calibration=calibration,
    )
    return config, {
        "windows": window_figures(rows, lines),
        "threshold_log_odds": round(threshold, 3),
        "located": located(heard, lines, threshold),
        "located_threshold_from_other_folds": _crosswise(heard, lines, options),
        "segments": _segment_figures(peaks, options),
    }


def _crosswise(heard: Sequence[Heard], lines: Any, options: TrainOptions) -> dict[str, Any]:
    """Recall and false flags of each fold at the threshold that the other folds give, added up."""
    found = {"forged_parts": 0, "hits": 0.0, "false_flags": 0, "untouched_hours": 0.0}
    for fold in sorted(lines):
        threshold = operating_point([h for h in heard if h.fold != fold], lines, options.flags_per_hour)
        here = located([h for h in heard if h.fold == fold], lines, threshold)
        found["forged_parts"] += here["forged_parts"]
        found["hits"] += (here["recall_at_threshold"] or 0.0) * here["forged_parts"]
        found["false_flags"] += here["false_flags"]
        found["untouched_hours"] += here["untouched_hours"]
    return {k: round(v, 3) for k, v in found.items()}


def _calibration(peaks: Sequence[Peak], options: TrainOptions, but: int | None = None) -> Calibration:
    """From a segment's log odds to its likelihood ratio; `but` leaves a fold out."""
    used = [p for p in peaks if p.fold != but]
    odds, forged = np.array([p.log_odds for p in used]), np.array([p.forged for p in used])
    line = fit_line(odds[:, None], forged, np.ones(len(used)))
    return Calibration(
        slope=round(float(line.weights[0]) / float(np.log(10)), 5),
        intercept=round(line.intercept / float(np.log(10)), 5),
        prior=0.5,
        positives=int(forged.sum()),
        negatives=int((~forged).sum()),
        source=f"vidforensics train --seed {options.seed}",
    )


def _segment_figures(peaks: Sequence[Peak], options: TrainOptions) -> dict[str, Any]:
    """Cost and calibration of the score that segments carry, each fold by a line of the others."""
    scores, ratios, forged = [], [], []
    by_fold = {f: _calibration(peaks, options, f) for f in {p.fold for p in peaks}}
    for peak in peaks:
        score, log10_lr = by_fold[peak.fold].apply(peak.log_odds)
        scores.append(score)
        ratios.append(log10_lr * float(np.log(10)))
        forged.append(peak.forged)
    truth = np.array(forged)
    # the trials hold more forgeries than originals: both count the same
    return {
        "forged": int(truth.sum()),
        "untouched": int((~truth).sum()),
        "cllr": round(cllr(np.array(ratios), truth), 4),
        "bands": bands_of(np.array(scores), truth),
    }


def _weights(networks: Sequence[SyncNet]) -> bytes:
    tensors = {
        f"{number}.{name}": tensor.contiguous()
        for number, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    return save(tensors)


def _command(options: TrainOptions) -> str:
    return (
        f"vidforensics train --footage DIR --out DIR --seed {options.seed} --side {options.side} "
        f"--networks {options.networks} --steps {options.fit.steps}"
    )


def counted(footage: Footage) -> dict[str, Any]:
    """How much taught, and what could not be measured."""
    seconds = sum(len(t.stretch) for t in footage.talks) / RATE_HZ
    return {
        "clips": len({t.clip for t in footage.talks}),
        "speakers": len({t.speaker for t in footage.talks}),
        "corpora": len({t.corpus for t in footage.talks}),
        "minutes": round(seconds / 60, 2),
        "voices": sum(not v.synthesised for v in footage.voices),
        "synthesised": sum(v.synthesised for v in footage.voices),
        "synthesiser": footage.synthesiser,
        "failed": list(footage.failed),
    }

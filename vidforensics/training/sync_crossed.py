"""Judge every stretch by networks that never met its speaker.

Talks go in, split into folds by speaker; per fold networks are trained on the rest, and the agreement of
every trial of the fold, forged or not, comes out. All figures and the line to log odds rest on these.
Source: cross-validation by group, Hastie, Tibshirani & Friedman (2009), section 7.10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.sync_gates import Gate, gate_of
from vidforensics.flagging.sync_input import heard_features, seen_features
from vidforensics.flagging.sync_net import SyncNetwork, agreement_by_lag
from vidforensics.flagging.sync_spans import LAGS, own_lag
from vidforensics.training.sync_fit import FitOptions, fit_network
from vidforensics.training.sync_net import to_run
from vidforensics.training.sync_trials import Pools, Talk, Trial, trials

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

PART_S = (4.0, 10.0)


@dataclass(frozen=True, slots=True)
class Voice:
    """Levels float32 (n, 4, 34) of somebody who is not seen, or of a synthesiser's voice."""

    speaker: str
    levels: Float32Array
    synthesised: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What the networks of a fold say of one trial.

    agreement float32 (len(LAGS), n); centre: the lag about which it is judged, in steps; whole: whether the
    whole stretch was forged (or would have been), not a part.
    """

    fold: int
    trial: Trial
    whole: bool
    agreement: Float32Array
    gate: Gate
    centre: int


def folds_of(talks: Sequence[Talk], folds: int) -> dict[str, int]:
    """The fold of each speaker, the folds about equally long."""
    length: dict[str, int] = {}
    for talk in talks:
        length[talk.speaker] = length.get(talk.speaker, 0) + len(talk.stretch)
    load, found = [0] * folds, {}
    for speaker in sorted(length, key=lambda s: (-length[s], s)):
        found[speaker] = int(np.argmin(load))
        load[found[speaker]] += length[speaker]
    return found


def folds_of_voices(voices: Sequence[Voice], folds: int) -> dict[str, int]:
    """The fold of each speaker; people and synthesised voices are dealt out apart: each fold gets both."""
    found: dict[str, int] = {}
    for synthesised in (False, True):
        speakers = sorted({v.speaker for v in voices if v.synthesised is synthesised})
        found |= {speaker: i % folds for i, speaker in enumerate(speakers)}
    return found


def crossed(
    talks: Sequence[Talk],
    voices: Sequence[Voice],
    options: FitOptions,
    counts: tuple[int, int],
    seed: int,
    told: Callable[[int, int], None],
) -> Iterator[Heard]:
    """Train and judge fold by fold.

    Args:
        talks: in sync.
        voices: without a picture, of people and synthesised.
        options: of each network.
        counts: folds, and networks per fold.
        seed: of everything.
        told: called with folds done and folds in all.
    """
    folds, networks = counts
    fold_of, fold_of_voice = folds_of(talks, folds), folds_of_voices(voices, folds)
    for fold in range(folds):
        learnt = [t.stretch for t in talks if fold_of[t.speaker] != fold]
        spoken = [v.levels for v in voices if fold_of_voice[v.speaker] != fold]
        seeds = [seed + 100 * fold + k for k in range(networks)]
        nets = [to_run(fit_network(learnt, spoken, options, s)) for s in seeds]
        held = [t for t in talks if fold_of[t.speaker] == fold]
        apart = [v for v in voices if fold_of_voice[v.speaker] == fold]
        yield from _judged(fold, nets, held, apart, np.random.default_rng(seed + fold))
        told(fold + 1, folds)


def _judged(
    fold: int,
    networks: Sequence[SyncNetwork],
    talks: Sequence[Talk],
    voices: Sequence[Voice],
    rng: np.random.Generator,
) -> Iterator[Heard]:
    heard = [v.levels for v in voices if not v.synthesised]
    synthesised = [v.levels for v in voices if v.synthesised]
    for talk in talks:
        others = [t.stretch.levels for t in talks if t.speaker != talk.speaker]
        pools: Pools = {"other speaker": others, "voice": heard, "synthesised": synthesised}
        for part_s in (None, PART_S):
            for trial in trials(talk, pools, rng, part_s):
                if part_s is None or trial.kind != "own":
                    yield _heard(fold, networks, trial, part_s is None)


def _heard(fold: int, networks: Sequence[SyncNetwork], trial: Trial, whole: bool) -> Heard:
    stretch = trial.stretch
    seen, heard = seen_features(stretch.shapes, stretch.mouths), heard_features(stretch.levels)
    agreement = agreement_by_lag(networks, seen, heard, LAGS)
    agreement[:, ~stretch.sounding] = np.nan
    return Heard(fold, trial, whole, agreement, gate_of(stretch), own_lag(agreement) or 0)

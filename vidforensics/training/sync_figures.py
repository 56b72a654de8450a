"""What the sync model is worth: figures over trials whose speakers its networks never met.

The agreement of every trial goes in, the line and the operating point are fitted on the other folds, and the
figures come out: area under the curve per window length, average precision of the located stretches, false
flags per hour, cost of the likelihood ratios and their calibration.
Source: AUC, Cllr (Brümmer & du Preez 2006), AP at temporal overlap (Cai et al., LAV-DF, 2022).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.evaluation.metrics_evidence import auc
from vidforensics.flagging.binarise import runs_of
from vidforensics.flagging.dub import pooled_odds
from vidforensics.flagging.sync_input import RATE_HZ
from vidforensics.flagging.sync_spans import spans
from vidforensics.training.logistic import Line, fit_line
from vidforensics.training.sync_crossed import Heard

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

WINDOWS_S = (4.0, 8.0)
WINDOW_STEP = 5
"""Windows are two seconds apart, so many places of the grid."""

OVERLAPS = (0.3, 0.5)


@dataclass(frozen=True, slots=True)
class Row:
    """One window of one whole trial: its length, measures float64 (5,), and where it is from."""

    heard: Heard
    length_s: float
    measures: FloatArray


@dataclass(frozen=True, slots=True)
class Peak:
    """The log odds of the likeliest stretch of one trial, counted once: what a segment is listed by."""

    fold: int
    forged: bool
    log_odds: float


def rows_of(heard: Iterable[Heard]) -> Iterator[Row]:
    """Every window of every whole trial that passes the gates."""
    for one in heard:
        if not one.whole:
            continue
        for some in spans(one.agreement, one.centre):
            steps = int(some.last[0] - some.first[0])
            passed = np.flatnonzero(one.gate.passes(some.first, some.last))
            for i in passed[passed % WINDOW_STEP == 0]:
                yield Row(one, steps / RATE_HZ, some.measures[i])


def line_of(rows: Sequence[Row]) -> Line:
    """The line from measures to log odds; every trial and length counts the same."""
    keys = [(id(r.heard), r.length_s) for r in rows]
    count = {k: keys.count(k) for k in set(keys)}
    importance = np.array([1.0 / count[k] for k in keys])
    forged = np.array([r.heard.trial.kind != "own" for r in rows])
    measures = np.stack([r.measures for r in rows])
    # a forgery is one of the several made of each stretch
    kinds = {r.heard.trial.kind for r in rows} - {"own"}
    return fit_line(measures, forged, np.where(forged, importance / max(1, len(kinds)), importance))


def lines_by_fold(rows: Sequence[Row]) -> dict[int, Line]:
    """For each fold the line fitted on all the others."""
    folds = sorted({r.heard.fold for r in rows})
    return {f: line_of([r for r in rows if r.heard.fold != f]) for f in folds}


def window_figures(rows: Sequence[Row], lines: dict[int, Line]) -> dict[str, Any]:
    """Area under the curve per window length, kind of forgery and corpus, with counts."""
    found: dict[str, Any] = {}
    for length_s in WINDOWS_S:
        here = [r for r in rows if r.length_s == length_s]
        odds = np.array([lines[r.heard.fold].log_odds(r.measures[None])[0] for r in here])
        found[f"{length_s:.0f} s"] = _by_corpus(here, odds)
    return found


def _by_corpus(rows: Sequence[Row], odds: FloatArray) -> dict[str, Any]:
    names = np.array([r.heard.trial.talk.corpus for r in rows])
    kinds = np.array([r.heard.trial.kind for r in rows])
    groups = {"all": np.ones(len(rows), bool)}
    groups |= {str(n): names == n for n in np.unique(names) if (kinds[names == n] == "own").sum() >= 20}
    found: dict[str, Any] = {}
    for name, here in groups.items():
        own = here & (kinds == "own")
        talks = [r.heard.trial.talk for r, o in zip(rows, own, strict=True) if o]
        forged = {k: auc(odds[here & (kinds == k)], odds[own]) for k in np.unique(kinds[here]) if k != "own"}
        found[name] = {
            "windows": int(own.sum()),
            "clips": len({t.clip for t in talks}),
            "speakers": len({t.speaker for t in talks}),
            "auc": {str(k): _rounded(v) for k, v in forged.items()},
            "auc_mean": _rounded(np.mean([v for v in forged.values() if v is not None])) if forged else None,
        }
    return found


def peaks_of(heard: Sequence[Heard], lines: dict[int, Line]) -> list[Peak]:
    """The peak of every trial; of a forged one within what was forged. Trials without any are left out."""
    found = []
    for one in heard:
        odds = pooled_odds(one.agreement, one.gate, one.centre, lines[one.fold].log_odds)
        forged = one.trial.kind != "own"
        part = odds[one.trial.start : one.trial.end] if forged else odds
        if np.isfinite(part).any():
            found.append(Peak(one.fold, forged, float(np.nanmax(part))))
    return found


def operating_point(heard: Sequence[Heard], lines: dict[int, Line], per_hour: float) -> float:
    """The lowest threshold, in log odds, with at most so many false flags per hour of untouched stretches."""
    flags, hours = [], 0.0
    for one in heard:
        if one.trial.kind == "own" and one.whole:
            odds = pooled_odds(one.agreement, one.gate, one.centre, lines[one.fold].log_odds)
            hours += float(np.isfinite(odds).sum()) / RATE_HZ / 3600
            flags += [float(odds[a]) for a, _ in _steps(odds)]
    allowed = int(per_hour * hours)
    ordered = sorted(flags, reverse=True)
    return (ordered[allowed] if len(ordered) > allowed else 0.0) + 0.01


def located(heard: Sequence[Heard], lines: dict[int, Line], threshold: float) -> dict[str, Any]:
    """How well partly forged stretches are found, and what is flagged in untouched ones."""
    segments, truths, flags, hours, hit = [], 0, 0, 0.0, 0
    for number, one in enumerate(heard):
        odds = pooled_odds(one.agreement, one.gate, one.centre, lines[one.fold].log_odds)
        found = [(float(odds[a]), a, b, number) for a, b in _steps(odds)]
        if one.trial.kind == "own":
            hours += float(np.isfinite(odds).sum()) / RATE_HZ / 3600
            flags += sum(f[0] >= threshold for f in found)
            segments += found
        elif not one.whole and np.isfinite(odds[one.trial.start : one.trial.end]).mean() > 0.5:
            truths += 1
            segments += found
            hit += any(
                f[0] >= threshold and _overlap(f[1:3], (one.trial.start, one.trial.end)) > 0 for f in found
            )
    spans_true = {
        n: (h.trial.start, h.trial.end) for n, h in enumerate(heard) if h.trial.kind != "own" and not h.whole
    }
    return {
        "forged_parts": truths,
        "recall_at_threshold": _rounded(hit / truths) if truths else None,
        "false_flags": flags,
        "untouched_hours": _rounded(hours),
        **{f"ap_tiou_{o}": _rounded(average_precision(segments, spans_true, truths, o)) for o in OVERLAPS},
    }


def average_precision(
    found: Sequence[tuple[float, int, int, int]],
    true: dict[int, tuple[int, int]],
    count: int,
    overlap: float,
) -> float | None:
    """Average precision of located stretches.

    Args:
        found: (score, first, last, number of the trial).
        true: one stretch per forged trial.
        count: how many of them could be assessed.
        overlap: least intersection over union of a hit; each truth is hit once.

    Returns:
        0–1; None where there is no truth.
    """
    if not count:
        return None
    hits, taken = [], set()
    for _, first, last, number in sorted(found, reverse=True):
        hit = number in true and number not in taken and _overlap((first, last), true[number]) >= overlap
        taken |= {number} if hit else set()
        hits.append(hit)
    ranked = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(ranked[::-1])[::-1] if len(hits) else ranked
    return float(best[np.array(hits, bool)].sum() / count)


def _steps(odds: FloatArray) -> Iterator[tuple[int, int]]:
    """Stretches of one value, as the pooling laid them out."""
    for a, b in runs_of(np.isfinite(odds)):
        borders = [a, *(a + 1 + np.flatnonzero(np.diff(odds[a:b]))), b]
        yield from ((int(x), int(y)) for x, y in itertools.pairwise(borders))


def _overlap(first: tuple[int, int], second: tuple[int, int]) -> float:
    shared = min(first[1], second[1]) - max(first[0], second[0])
    return max(0, shared) / (max(first[1], second[1]) - min(first[0], second[0]))


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)

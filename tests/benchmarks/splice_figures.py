"""Figures of the splice benchmark: AUC at known boundaries, segments found, false flags, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, rankdata

from tests.benchmarks.intervals import poisson
from tests.benchmarks.splice_fit import Pairs
from tests.benchmarks.splice_shots import Shots
from vidforensics.flagging.calibration import load_calibration
from vidforensics.flagging.splice import SpliceDetector
from vidforensics.types import Evidence

LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class Answer:
    """What the detector said of one clip: (start, end, peak, listed) per candidate, and what it looked at."""

    shots: Shots
    segments: tuple[tuple[float, float, float, bool], ...]
    bases: tuple[str, ...]
    assessed_s: float
    scores: np.ndarray


def answer_of(evidence: Evidence, shots: Shots) -> Answer:
    said = SpliceDetector().detect(evidence)
    found = []
    for segment in said.segments:
        track = said.tracks[0]
        inside = (track.times_s >= segment.start_s - 1e-6) & (track.times_s < segment.end_s - 1e-6)
        peak = float(np.nanmax(track.scores[inside]))
        found.append((segment.start_s, segment.end_s, peak, segment.listed))
    seconds = sum(row.end_s - row.start_s for row in said.coverage if row.assessed)
    scores = np.full(len(shots.values), np.nan)
    if said.tracks:
        at = {
            round(float(t), 6): float(s)
            for t, s in zip(said.tracks[0].times_s, said.tracks[0].scores, strict=True)
        }
        scores = np.array([at.get(round(float(t), 6), np.nan) for t in shots.spans_s[:, 0]])
    return Answer(shots, tuple(found), tuple(s.basis for s in said.segments), seconds, scores)


def auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """P(score of a positive > score of a negative)."""
    truth = np.asarray(truth, bool)[np.isfinite(scores)]
    ranks = rankdata(np.asarray(scores)[np.isfinite(scores)])
    yes, no = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else float("nan")


def figures(answers: Sequence[Answer], pairs: Pairs, odds: np.ndarray) -> list[str]:
    return [
        *boundary_lines(pairs, odds),
        "",
        *found_lines(answers),
        "",
        *false_lines(answers),
        "",
        *calibration_lines(answers),
    ]


def boundary_lines(pairs: Pairs, odds: np.ndarray) -> list[str]:
    foreign = pairs.foreign
    lines = [
        "| known boundary: splice against | splices | cuts | AUC (95 %) | TPR at 5 % FPR |",
        "|---|---:|---:|---:|---:|",
    ]
    rows = {
        "all cuts of one recording": np.ones(len(odds), bool),
        "cuts that keep the view": foreign | (pairs.kinds == "same view"),
        "cuts that change the view or the file": foreign | (pairs.kinds == "other view"),
        "donor of the same corpus, all cuts": ~(pairs.kinds == "other corpus"),
    }
    for name, keep in rows.items():
        truth, values = foreign[keep], odds[keep]
        low, high = interval(pairs.groups[keep], truth, values)
        limit = np.quantile(values[~truth], 0.95)
        lines.append(
            f"| {name} | {truth.sum()} | {(~truth).sum()} | {auc(truth, values):.3f} ({low:.2f}–{high:.2f}) "
            f"| {(values[truth] > limit).mean():.2f} |"
        )
    return lines


def interval(groups: np.ndarray, truth: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """95 % of bootstrap draws of whole recordings: a pair counts as often as both its groups were drawn."""
    rng = np.random.default_rng(0)
    names = np.unique(groups)
    at = np.searchsorted(names, groups)
    found = []
    for _ in range(200):
        drawn = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        times = np.where(at[:, 0] == at[:, 1], drawn[at[:, 0]], drawn[at[:, 0]] * drawn[at[:, 1]])
        rows = np.repeat(np.arange(len(values)), times)
        found.append(auc(truth[rows], values[rows]))
    low, high = np.nanquantile(found, (0.025, 0.975))
    return float(low), float(high)


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return shared / max(1e-9, max(a[1], b[1]) - min(a[0], b[0]))


def average_precision(answers: Sequence[Answer]) -> float:
    """AP of candidates ranked by score; one counts where it overlaps the foreign stretch by half (tIoU)."""
    rows = [(peak, i, (a, b)) for i, one in enumerate(answers) for a, b, peak, _ in one.segments]
    total = sum(one.shots.foreign_s is not None for one in answers)
    hit: set[int] = set()
    right = precision = 0.0
    for rank, (_, i, span) in enumerate(sorted(rows, key=lambda r: -r[0]), start=1):
        true = answers[i].shots.foreign_s
        if true is not None and i not in hit and overlap(span, true) >= LEAST_OVERLAP:
            hit.add(i)
            right += 1
            precision += right / rank
    return precision / max(1, total)


def is_found(answer: Answer) -> bool:
    true = answer.shots.foreign_s
    spans = [(a, b) for a, b, _, listed in answer.segments if listed]
    return true is not None and any(overlap(s, true) >= LEAST_OVERLAP for s in spans)


def found_lines(answers: Sequence[Answer]) -> list[str]:
    forged = [a for a in answers if a.shots.kind == "forged"]
    clean = [a for a in answers if a.shots.kind != "forged"]
    lines = ["| forged clips | clips | found (tIoU ≥ 0.5) | AP@tIoU 0.5 |", "|---|---:|---:|---:|"]
    seconds = [a.shots.foreign_s[1] - a.shots.foreign_s[0] for a in forged if a.shots.foreign_s]
    rows = {"all": [True] * len(forged)}
    rows |= {c: [a.shots.chain == c for a in forged] for c in sorted({a.shots.chain for a in forged})}
    rows |= {
        "foreign piece under 2 s": [s < 2 for s in seconds],
        "2 to 4 s": [2 <= s < 4 for s in seconds],
        "4 to 8 s": [s >= 4 for s in seconds],
        "levels matched to the host": ["matched" in a.shots.edits for a in forged],
        "piece at the start or end": [_at_end(a) for a in forged],
        "piece in the middle": [not _at_end(a) for a in forged],
    }
    for name, keep in rows.items():
        some = [a for a, k in zip(forged, keep, strict=True) if k]
        if some:
            found = sum(map(is_found, some))
            lines.append(
                f"| {name} | {len(some)} | {found} = {found / len(some):.2f} "
                f"| {average_precision([*some, *clean]):.2f} |"
            )
    return lines


def _at_end(answer: Answer) -> bool:
    true = answer.shots.foreign_s
    return true is not None and (true[0] < 0.1 or true[1] > answer.shots.seconds - 0.1)


def false_lines(answers: Sequence[Answer]) -> list[str]:
    lines = [
        "| without a splice | clips | minutes | assessed | false flags | per hour (95 %) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    clean = [a for a in answers if a.shots.kind != "forged"]
    rows = {"untouched": [a for a in clean if a.shots.kind == "untouched"]}
    for edits in sorted({a.shots.edits for a in clean if a.shots.kind == "edited"}):
        rows[f"edited: {edits}"] = [a for a in clean if a.shots.kind == "edited" and a.shots.edits == edits]
    rows["a piece of its own put in"] = [a for a in clean if a.shots.kind == "cutaway"]
    for name, some in ((n, s) for n, s in (rows | {"all": clean}).items() if s):
        hours = sum(a.shots.seconds for a in some) / 3600
        count = sum(listed for a in some for *_, listed in a.segments)
        low, high = poisson(count)
        share = sum(a.assessed_s for a in some) / max(1e-9, 3600 * hours)
        lines.append(
            f"| {name} | {len(some)} | {60 * hours:.1f} | {share:.0%} | {count} "
            f"| {count / hours:.1f} ({low / hours:.1f}–{high / hours:.1f}) |"
        )
    extra = sum(
        listed and overlap((a, b), one.shots.foreign_s or (0, 0)) == 0.0
        for one in answers
        if one.shots.kind == "forged"
        for a, b, _, listed in one.segments
    )
    flagged = [a.shots.name for a in clean if any(s[3] for s in a.segments)]
    return [
        *lines,
        "",
        f"Flags beside the foreign piece in forged clips: {extra}. Flagged: {', '.join(flagged) or 'none'}.",
    ]


def calibration_lines(answers: Sequence[Answer]) -> list[str]:
    """Cllr of every shot's likelihood ratio, and observed against stated probability by band."""
    line = load_calibration("splice")
    scores = np.concatenate([a.scores for a in answers])
    truth = np.concatenate([a.shots.foreign for a in answers])
    truth, scores = truth[np.isfinite(scores)], scores[np.isfinite(scores)]
    ratios = np.array([line.apply(float(s))[1] for s in scores]) * np.log(10)
    cost = 0.5 * (np.logaddexp(0, -ratios[truth]).mean() + np.logaddexp(0, ratios[~truth]).mean()) / np.log(2)
    lines = [
        f"Cllr {cost:.2f} over {truth.sum()} foreign and {(~truth).sum()} other shots; "
        f"AUC of shots {auc(truth, scores):.3f}.",
        "",
        "| score | shots | foreign, weighed (95 %, if shots were independent) | stated |",
        "|---|---:|---:|---:|",
    ]
    stated = 1 / (1 + np.exp(-ratios))
    for low in np.arange(0, 1, 0.1):
        here = (stated >= low) & (stated < low + 0.1 + 1e-9 * (low > 0.85))
        if here.sum():
            lines.append(f"| {low:.1f}–{low + 0.1:.1f} | {band(here, truth, stated)} |")
    return lines


def band(here: np.ndarray, truth: np.ndarray, stated: np.ndarray) -> str:
    """Shots of one band, the share of foreign ones as if both classes weighed the same, the mean stated."""
    yes, no = int((here & truth).sum()), int((here & ~truth).sum())
    heavier = (~truth).sum() / truth.sum()
    bounds = beta.ppf((0.025, 0.975), yes + 0.5, no + 0.5)
    low, high = heavier * bounds / (heavier * bounds + 1 - bounds)
    share = heavier * yes / (heavier * yes + no)
    said = np.average(stated[here], weights=np.where(truth[here], heavier, 1.0))
    return f"{here.sum()} | {share:.2f} ({low:.2f}–{high:.2f}) | {said:.2f}"

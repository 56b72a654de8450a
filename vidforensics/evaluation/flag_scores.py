"""Score flagged segments against what was forged: recall, precision at overlap, false flags per hour.

Answers (segments of a `flag` document, each marked as listed or not) with the truth of each clip go in, plain
figures come out.
Source: AP at temporal overlap as in AV-Deepfake1M (Cai et al. 2023), strict overlap, interpolated precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidforensics.evaluation.flag_forgeries import Forged
from vidforensics.evaluation.flag_makers import NEGATIVE
from vidforensics.evaluation.metrics_evidence import (
    auc,
    auc_interval,
    bands_of,
    cllr,
    expected_calibration_error,
)

INSTANT_S = 0.25
"""A deletion counts as found within so much of its time."""

OVERLAPS = (0.3, 0.5)
Segment = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one made clip: segments with `listed`, coverage rows, its length and its cost."""

    forged: Forged
    segments: Sequence[Segment]
    coverage: Sequence[Mapping[str, Any]]
    duration_s: float
    cpu_s: float


def kind_figures(answers: Sequence[Answer], seed: int = 1) -> list[dict[str, Any]]:
    """One row per kind of forgery: found at the operating point, ranked, and how far off its ends are.

    Average precision is among its clips and the re-encoded ones; AUC takes the surest candidate of
    every clip, of this kind against all with nothing to find, its interval from drawing sources anew.
    """
    rows = []
    for kind in dict.fromkeys(a.forged.kind for a in answers if a.forged.label):
        forged = [a for a in answers if a.forged.kind == kind]
        clean = [a for a in answers if a.forged.kind == "re-encoded"]
        label = str(forged[0].forged.label)
        found = [a for a in forged if any(_met(s, a) for s in _of(a, label) if s["listed"])]
        could = [a for a in forged if assessed(a, label)]
        rows.append(
            {
                "kind": kind,
                "label": label,
                "clips": len(forged),
                "assessed": len(could),
                "found": len(found),
                "recall": _share(len(found), len(forged)),
                "recall_assessed": _share(sum(a in could for a in found), len(could)),
                **{f"ap_{o}": average_precision([*forged, *clean], label, o) for o in OVERLAPS},
                **_rank(forged, [a for a in answers if not a.forged.label], label, seed),
                **_ends(found, label),
                "missed": sorted(f"{a.forged.source} ({a.forged.chain})" for a in forged if a not in found),
            }
        )
    return rows


def _rank(forged: Sequence[Answer], clean: Sequence[Answer], label: str, seed: int) -> dict[str, Any]:
    """AUC of the surest candidate per clip; a clip without a candidate scores 0."""
    rows = [
        (a.forged.source, bool(a.forged.label), max((float(s["score"]) for s in _of(a, label)), default=0.0))
        for a in (*forged, *clean)
    ]
    positive, negative = (
        np.array([s for _, p, s in rows if p is kind], np.float64) for kind in (True, False)
    )
    value, interval = auc(positive, negative), auc_interval(rows, seed)
    return {
        "auc": None if value is None else round(value, 4),
        "auc_95": None if interval is None else [round(bound, 4) for bound in interval],
    }


def _ends(found: Sequence[Answer], label: str) -> dict[str, float | None]:
    """Median distance of start and end of the best listed segment from the truth, where it was met."""
    starts, ends = [], []
    for answer in found:
        listed = [s for s in _of(answer, label) if s["listed"]]
        best = max(listed, key=lambda s: _overlap(s, answer))
        starts.append(abs(best["start_s"] - answer.forged.start_s))
        ends.append(abs(best["end_s"] - answer.forged.end_s))
    names = ("start_error_s", "end_error_s")
    return {
        n: round(float(np.median(v)), 3) if v else None for n, v in zip(names, (starts, ends), strict=True)
    }


def calibration_figures(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Per label, over every candidate of every clip: cost of likelihood ratios, and calibration of scores.

    A candidate is right where it meets a stretch forged so. Both classes weigh the same in the bands, as
    `score` is said for even odds. None where there are no candidates of both kinds.
    """
    rows = []
    for label in dict.fromkeys(a.forged.label for a in answers if a.forged.label):
        met = [(s, a.forged.label == label and _met(s, a)) for a in answers for s in _of(a, label)]
        truth = np.array([hit for _, hit in met], np.bool_)
        known = bool(truth.any() and not truth.all())
        ratios = np.array([float(s["log10_lr"]) for s, _ in met], np.float64) * np.log(10.0)
        bands = bands_of(np.array([float(s["score"]) for s, _ in met], np.float64), truth) if known else []
        error = expected_calibration_error(bands)
        rows.append(
            {
                "label": label,
                "right": int(truth.sum()),
                "wrong": int((~truth).sum()),
                "cllr": round(cllr(ratios, truth), 4) if known else None,
                "ece": None if error is None else round(error, 4),
                "bands": bands,
            }
        )
    return rows


def coverage_figures(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Per detector, the share of all seconds that it assessed, and the commonest reasons where it did not."""
    rows = []
    for name in dict.fromkeys(row["detector"] for a in answers for row in a.coverage):
        mine = [row for a in answers for row in a.coverage if row["detector"] == name]
        reasons: dict[str, float] = {}
        for row in mine:
            if not row["assessed"]:
                reasons[row["reason"]] = reasons.get(row["reason"], 0.0) + row["end_s"] - row["start_s"]
        whole = sum(row["end_s"] - row["start_s"] for row in mine)
        usual = sorted(reasons, key=lambda r: -reasons[r])[:3]
        rows.append(
            {
                "detector": name,
                "assessed": round(1.0 - sum(reasons.values()) / whole, 4) if whole else None,
                "reasons": {r: round(reasons[r] / whole, 4) for r in usual if whole},
            }
        )
    return rows


def false_flags(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Listed segments per hour on clips with nothing to find, by label, on each kind of them and on all."""
    rows = []
    for kind in (*NEGATIVE, "all"):
        clean = [a for a in answers if not a.forged.label and kind in ("all", a.forged.kind)]
        hours = sum(a.duration_s for a in clean) / 3600
        labels = [s["label"] for a in clean for s in a.segments if s["listed"]]
        rows.append(
            {
                "kind": kind,
                "clips": len(clean),
                "hours": round(hours, 4),
                "flags": {label: labels.count(label) for label in sorted(set(labels))},
                "per_hour": round(len(labels) / hours, 2) if hours else None,
                "where": sorted(
                    f"{a.forged.source}: {s['label']} {s['start_s']:.1f}–{s['end_s']:.1f} s"
                    for a in clean
                    for s in a.segments
                    if s["listed"] and kind == "all"
                ),
            }
        )
    return rows


def chain_figures(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Found of all forged clips by label and coding chain."""
    rows: dict[tuple[str, str], list[bool]] = {}
    for answer in answers:
        if answer.forged.label:
            label = answer.forged.label
            hit = any(_met(s, answer) for s in _of(answer, label) if s["listed"])
            rows.setdefault((label, answer.forged.chain), []).append(hit)
    return [
        {"label": label, "chain": chain, "clips": len(hits), "found": sum(hits)}
        for (label, chain), hits in sorted(rows.items())
    ]


def average_precision(answers: Sequence[Answer], label: str, overlap: float) -> float | None:
    """Average precision of one label's segments, listed or not, over clips forged so and clips untouched.

    Args:
        answers: of forged clips, each with one true stretch, and of clean ones.
        label: whose segments count.
        overlap: least intersection over union, exceeded; an instant counts within 0.25 s.

    Returns:
        0–1, None where nothing was forged.
    """
    count = sum(a.forged.label == label for a in answers)
    if not count:
        return None
    ranked = sorted(
        ((float(s["score"]), number, s) for number, a in enumerate(answers) for s in _of(a, label)),
        key=lambda row: -row[0],
    )
    taken: set[int] = set()
    hits = []
    for _, number, segment in ranked:
        answer = answers[number]
        right = answer.forged.label == label and number not in taken and _overlap(segment, answer) > overlap
        taken |= {number} if right else set()
        hits.append(right)
    precision = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
    for k in range(len(hits) - 2, -1, -1):
        precision[k] = max(precision[k], precision[k + 1])
    return round(sum(p for p, hit in zip(precision, hits, strict=True) if hit) / count, 4)


def assessed(answer: Answer, label: str) -> bool:
    """Whether a detector of the label looked at half of what was forged, or at its instant."""
    names = {s["detector"] for s in _of(answer, label)} | set(DETECTORS.get(label, ()))
    start, end = answer.forged.start_s, max(answer.forged.end_s, answer.forged.start_s + 0.04)
    looked = dict.fromkeys(names, 0.0)
    for row in answer.coverage:
        if row["assessed"] and row["detector"] in names:
            looked[row["detector"]] += max(0.0, min(row["end_s"], end) - max(row["start_s"], start))
    return max(looked.values(), default=0.0) >= 0.5 * (end - start)


DETECTORS = {
    "dub": ("sync",),
    "splice": ("splice",),
    "audio_splice": ("audio_discontinuity", "sound_coding"),
    "deletion": ("deletion",),
    "duplication": ("duplication",),
    "stream_join": ("stream_join",),
}


def _of(answer: Answer, label: str) -> list[Segment]:
    return [s for s in answer.segments if s["label"] == label]


def _met(segment: Segment, answer: Answer) -> bool:
    return _overlap(segment, answer) > 0.0


def _overlap(segment: Segment, answer: Answer) -> float:
    """Intersection over union with the truth; for instants 1 where they are near enough."""
    start, end = answer.forged.start_s, answer.forged.end_s
    if start == end:
        return float(segment["start_s"] - INSTANT_S <= start <= segment["end_s"] + INSTANT_S)
    shared = min(end, segment["end_s"]) - max(start, segment["start_s"])
    return float(max(0.0, shared) / (max(end, segment["end_s"]) - min(start, segment["start_s"])))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None

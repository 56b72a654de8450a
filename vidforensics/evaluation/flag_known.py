"""Flag the files of a set with known truth, and score where something was located, whatever it was called.

Files with forged stretches go in, plain figures come out: average precision and recall by overlap over the
labels that say sound or picture is foreign, false flags per hour of the files with nothing forged.
Source: AP and AR as published with AV-Deepfake1M (Cai et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidforensics.errors import VidforensicsError
from vidforensics.evaluation.render import table
from vidforensics.evaluation.truth_sets import Known, Layout, Span, read_truth
from vidforensics.runtime import Progress, no_progress

SCHEMA = "vidforensics.evaluate-flag-known/1"
LABELS = ("dub", "audio_splice", "splice")
OVERLAPS = (0.5, 0.75, 0.9, 0.95)
MOST = (50, 20, 10)

Row = tuple[float, int, float, float]
"""Score, number of the file, start and end in seconds."""


def evaluate_known(
    folder: Path,
    layout: Layout,
    flagger: Callable[[Path], Mapping[str, Any]],
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Flag every file and score what was located.

    Args:
        folder: the set.
        layout: whose.
        flagger: gives the document of `flag` with every candidate, each with `listed`.
        progress: told files done and files in all.

    Raises:
        UsageError: as `read_truth`.
    """
    known = read_truth(folder, layout)
    rows: list[Row] = []
    failed: list[str] = []
    listed = clean_s = 0.0
    for number, one in enumerate(known):
        progress("flag", float(number), float(len(known)))
        try:
            found = flagger(one.path)
        except VidforensicsError as error:
            failed.append(str(error))
            continue
        ours = [s for s in found["segments"] if s["label"] in LABELS]
        rows += [(float(s["score"]), number, s["start_s"], s["end_s"]) for s in ours]
        if not one.spans:
            clean_s += float(found["clip"]["duration_s"] or 0.0)
            listed += sum(s["listed"] for s in ours)
    return {
        "schema": SCHEMA,
        "layout": layout,
        "files": len(known),
        "forged": sum(bool(k.spans) for k in known),
        "stretches": sum(len(k.spans) for k in known),
        "ap": {str(o): average_precision(rows, known, o) for o in OVERLAPS},
        "ar": {str(n): average_recall(rows, known, n) for n in MOST},
        "false_flags_per_hour": round(listed / (clean_s / 3600), 3) if clean_s else None,
        "clean_hours": round(clean_s / 3600, 4),
        "not_flagged": failed,
    }


def average_precision(rows: Sequence[Row], known: Sequence[Known], overlap: float) -> float | None:
    """Interpolated average precision over all files; each stretch is hit once, by more than the overlap."""
    count = sum(len(k.spans) for k in known)
    if not count:
        return None
    free = [list(k.spans) for k in known]
    hits = []
    for _, number, start, end in sorted(rows, key=lambda r: -r[0]):
        hit = next((s for s in free[number] if _overlap((start, end), s) > overlap), None)
        if hit is not None:
            free[number].remove(hit)
        hits.append(hit is not None)
    precision = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
    for k in range(len(hits) - 2, -1, -1):
        precision[k] = max(precision[k], precision[k + 1])
    return round(sum(p for p, hit in zip(precision, hits, strict=True) if hit) / count, 4)


def average_recall(rows: Sequence[Row], known: Sequence[Known], most: int) -> float | None:
    """Share of the stretches met by a file's surest segments, the mean over overlaps 0.5, 0.55 … 0.95."""
    count = sum(len(k.spans) for k in known)
    if not count:
        return None
    kept: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda r: -r[0]):
        kept.setdefault(row[1], []).append(row)
    found = 0
    for overlap in (0.5 + 0.05 * k for k in range(10)):
        for number, one in enumerate(known):
            mine = kept.get(number, [])[:most]
            found += sum(any(_overlap(r[2:], span) > overlap for r in mine) for span in one.spans)
    return round(found / (10 * count), 4)


def markdown(document: Mapping[str, Any]) -> str:
    """The document as Markdown."""
    lines = [(f"AP@{k}", _text(v)) for k, v in document["ap"].items()]
    lines += [(f"AR@{k}", _text(v)) for k, v in document["ar"].items()]
    lines += [
        ("false flags per hour of files with nothing forged", _text(document["false_flags_per_hour"])),
        ("hours of those", _text(document["clean_hours"])),
    ]
    head = (
        f"{document['files']} files in the layout of {document['layout']}, {document['forged']} of them "
        f"forged in {document['stretches']} stretches."
    )
    failed = "\n".join(f"- {line}" for line in document["not_flagged"])
    return "\n\n".join(part for part in (head, table(("figure", "value"), lines), failed) if part) + "\n"


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _overlap(first: Span, second: Span) -> float:
    shared = min(first[1], second[1]) - max(first[0], second[0])
    return max(0.0, shared) / max(max(first[1], second[1]) - min(first[0], second[0]), 1e-9)

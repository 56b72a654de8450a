"""Traces as VSC matching CSV and VCSL JSON, so that others' tools can score them.

Source: VSC2022 (facebookresearch/vsc2022, vsc/metrics.py) and VCSL (label files of alipay/VCSL, at one unit
per second).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePath
from typing import Any

from vidforensics.errors import InputError

VSC_COLUMNS = ("query_id", "ref_id", "query_start", "query_end", "ref_start", "ref_end", "score")


@dataclass(frozen=True, slots=True)
class SharedStretch:
    """One stretch that a query shares with a reference, as the benchmarks write it; ids are free text."""

    query_id: str
    reference_id: str
    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    score: float = 1.0


def stretches_in(documents: Sequence[Mapping[str, Any]]) -> tuple[list[SharedStretch], list[tuple[str, str]]]:
    """What traces found, as stretches, and every pair of a query and a video that shares one.

    Args:
        documents: `vidforensics.trace/1`, one per query.

    Returns:
        Stretches and pairs. A file is named as the benchmarks do, by its name without suffix; where two files
        of the traces share that, by its path.
    """
    paths = [d["clip"]["path"] for d in documents]
    paths += [m["video"]["path"] for d in documents for m in d["matches"]]
    names = _names(paths)
    found: list[SharedStretch] = []
    pairs: list[tuple[str, str]] = []
    for document in documents:
        for match in document["matches"]:
            pair = (names[document["clip"]["path"]], names[match["video"]["path"]])
            pairs.append(pair)
            for one in match["segments"]:
                query, reference = (
                    (one[f"{side}_start_s"], one[f"{side}_end_s"]) for side in ("query", "reference")
                )
                found.append(SharedStretch(*pair, *query, *reference, one["score"]))
    return found, pairs


def _names(paths: Iterable[str]) -> dict[str, str]:
    """A name for each path: its stem where no other path has it."""
    by_stem: dict[str, set[str]] = {}
    for path in paths:
        by_stem.setdefault(PurePath(path).stem, set()).add(path)
    return {path: stem if len(those) == 1 else path for stem, those in by_stem.items() for path in those}


def to_vsc_csv(stretches: Iterable[SharedStretch]) -> str:
    """VSC's predictions: a header and one row per stretch, times in seconds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(VSC_COLUMNS)
    for one in stretches:
        times = (one.query_start_s, one.query_end_s, one.reference_start_s, one.reference_end_s)
        writer.writerow((one.query_id, one.reference_id, *(f"{t:.3f}" for t in times), f"{one.score:.6f}"))
    return out.getvalue()


def read_vsc_csv(text: str) -> list[SharedStretch]:
    """Stretches from VSC predictions or ground truth; columns in any order, a missing score is 1.

    Raises:
        InputError: a column is missing, or a row has no numbers, naming the line.
    """
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in VSC_COLUMNS[:-1] if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"The matching CSV has no column {', '.join(missing)}.")
    found = []
    try:
        for row in reader:
            query_start, query_end, start, end = (_number(row[name]) for name in VSC_COLUMNS[2:-1])
            score = _number(row.get("score") or "1")
            ids = row["query_id"], row["ref_id"]
            found.append(SharedStretch(*ids, query_start, query_end, start, end, score))
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"Line {reader.line_num} of the matching CSV is no match: {error}.") from error
    return found


def _number(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text!r} is no time")
    return value


def to_vcsl_json(stretches: Iterable[SharedStretch], pairs: Iterable[tuple[str, str]] = ()) -> str:
    """VCSL's results: {"query-reference": [[query start, reference start, query end, reference end], …]}.

    Args:
        stretches: with times in seconds, which are VCSL's units at its one frame per second.
        pairs: further pairs of ids that were compared and share nothing; their scorer wants them as well.
    """
    boxes: dict[str, list[list[float]]] = {f"{query}-{reference}": [] for query, reference in pairs}
    for one in stretches:
        box = (one.query_start_s, one.reference_start_s, one.query_end_s, one.reference_end_s)
        key = f"{one.query_id}-{one.reference_id}"
        boxes.setdefault(key, []).append([round(value, 3) for value in box])
    return json.dumps(boxes)


def read_vcsl_json(text: str) -> dict[str, list[tuple[float, float, float, float]]]:
    """Boxes by "query-reference", as in `to_vcsl_json`; ids may hold hyphens and are left joined.

    Raises:
        InputError: not such an object.
    """
    try:
        values: Any = json.loads(text)
        return {key: [_box(box) for box in boxes] for key, boxes in values.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"This is no VCSL result: {error}.") from error


def _box(values: Any) -> tuple[float, float, float, float]:
    query_start, reference_start, query_end, reference_end = (_number(value) for value in values)
    return (query_start, reference_start, query_end, reference_end)

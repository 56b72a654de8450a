"""The truth of a made set as a file beside it, so that the same clips can be measured again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidforensics.errors import UsageError
from vidforensics.evaluation.edits import BenchmarkSet, Query, TrueEdit, TrueSegment, TrueSound

TRUTH = "truth.json"


def to_json(made: BenchmarkSet) -> dict[str, Any]:
    """Plain values: references, shared, failures, one object per query; paths are relative to the folder."""
    folder = made.folder
    values = {
        "references": [str(p.relative_to(folder)) for p in made.references],
        "shared": [str(p.relative_to(folder)) for p in made.shared],
        "failures": list(made.failures),
        "queries": [_plain(query, folder) for query in made.queries],
    }
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


def _plain(query: Query, folder: Path) -> dict[str, Any]:
    return asdict(query) | {
        "path": str(query.path.relative_to(folder)),
        "reference": str(query.reference.relative_to(folder)) if query.reference else None,
    }


def write_truth(made: BenchmarkSet) -> Path:
    """Write `truth.json` into the set's folder."""
    path = made.folder / TRUTH
    path.write_text(json.dumps(to_json(made), indent=1) + "\n", encoding="ascii")
    return path


def read_set(folder: Path) -> BenchmarkSet:
    """A set that was kept.

    Raises:
        UsageError: the folder holds none, or its truth cannot be read.
    """
    try:
        values = json.loads((folder / TRUTH).read_text(encoding="ascii"))
        return BenchmarkSet(
            folder,
            tuple(folder / name for name in values["references"]),
            tuple(folder / name for name in values["shared"]),
            tuple(_query(row, folder) for row in values["queries"]),
            tuple(values["failures"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} holds no benchmark set that can be read ({error}).") from error


def _query(row: dict[str, Any], folder: Path) -> Query:
    values = row | {
        "path": folder / row["path"],
        "reference": folder / row["reference"] if row["reference"] else None,
        "segments": tuple(TrueSegment(**one) for one in row["segments"]),
        "edits": tuple(
            TrueEdit(e["kind"], tuple(e["box"]) if e["box"] else None, tuple(e["also"])) for e in row["edits"]
        ),
        "sound": tuple(TrueSound(**one) for one in row["sound"]),
        "allowed": tuple(row["allowed"]),
        "steps": tuple(row["steps"]),
        "matrix": tuple(row["matrix"]) if row["matrix"] else None,
    }
    return Query(**values)

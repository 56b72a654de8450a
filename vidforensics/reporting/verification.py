"""Compare a report with what the same program derives anew from the evidence.

In go two `vidforensics.inspect/1` documents; out comes one row per finding: held, changed, or evidence
altered. Numbers agree within what rounding and another processor may move, not more.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vidforensics.schema import VERIFY_SCHEMA, Document

State = Literal["held", "changed", "appeared", "evidence altered"]

TOLERANCE = 0.002
"""Seconds, scores and fractions may differ by this much and still be the same finding."""

_LISTS = {
    "streams": "stream",
    "shots": "shot",
    "keyframes": "keyframe",
    "sounds": "sound track",
    "spans": "span",
    "borders": "border",
    "flags": "flag",
    "candidates": "candidate",
    "coverage": "coverage",
}
_SINGLES = {
    "content_credentials": "content credentials",
    "double_compression": "double compression",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of a report and whether it still stands."""

    finding: str
    state: State


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `case_problems` names files of the case folder that are not as written."""

    report: str
    clip: str
    evidence_altered: bool
    checks: tuple[Check, ...]
    case_problems: tuple[str, ...]
    version_then: str | None
    version_now: str | None

    @property
    def holds(self) -> bool:
        """True when the evidence, the case folder and every finding stand as reported."""
        return (
            not self.evidence_altered
            and not self.case_problems
            and all(check.state == "held" for check in self.checks)
        )

    def document(self) -> Document:
        """The `vidforensics.verify/1` document."""
        return {
            "schema": VERIFY_SCHEMA,
            "report": self.report,
            "clip": self.clip,
            "evidence": "altered" if self.evidence_altered else "unchanged",
            "holds": self.holds,
            "findings": [{"finding": c.finding, "state": c.state} for c in self.checks],
            "case_problems": list(self.case_problems),
            "version_then": self.version_then,
            "version_now": self.version_now,
        }


def is_altered(old: Document, clip: Path) -> bool:
    """Whether the file's SHA-256 differs from the one in the report."""
    return bool(_sha256(clip) != old["clip"].get("sha256"))


def altered(old: Document, *, report: Path, clip: Path, case_problems: tuple[str, ...]) -> Verification:
    """The answer for evidence that is no longer the file that was examined: nothing can be re-derived."""
    checks = tuple(Check(name, "evidence altered") for name, _ in _findings(old))
    return Verification(str(report), str(clip), True, checks, case_problems, _version(old), None)


def compare(
    old: Document, new: Document, *, report: Path, clip: Path, case_problems: tuple[str, ...]
) -> Verification:
    """Hold every finding of `old` against `new`.

    Args:
        old: the report under verification.
        new: what was derived just now from the same bytes.
        report: where `old` was read from.
        clip: the evidence that was examined.
        case_problems: what is wrong with the case folder's other files.
    """
    remaining = list(_findings(new))
    checks = []
    for name, row in _findings(old):
        match = next(
            (i for i, (n, r) in enumerate(remaining) if _kind(n) == _kind(name) and agree(row, r)), None
        )
        checks.append(Check(name, "changed" if match is None else "held"))
        if match is not None:
            del remaining[match]
    checks += [Check(name, "appeared") for name, _ in remaining]
    return Verification(
        str(report), str(clip), False, tuple(checks), case_problems, _version(old), _version(new)
    )


def case_problems(report: Path, document: Document) -> tuple[str, ...]:
    """Files of the case folder that are missing or not as they were written; empty when all are."""
    problems = []
    for name, expected in document.get("files", {}).items():
        path = report.parent / name
        if not path.resolve().is_relative_to(report.parent.resolve()):
            problems.append(f"{name}: lies outside the case folder")
        elif not path.is_file():
            problems.append(f"{name}: missing")
        elif _sha256(path) != expected:
            problems.append(f"{name}: altered since the report was written")
    return tuple(problems)


def parameters(document: Document) -> dict[str, Any]:
    """The options that the report says it was made with."""
    return dict(document.get("provenance", {}).get("parameters", {}))


def agree(a: Any, b: Any) -> bool:
    """Whether two plain JSON values are the same finding.

    >>> agree({"t": 1.0}, {"t": 1.001}), agree([1], [1, 2])
    (True, False)
    """
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(agree(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(agree(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=TOLERANCE if isinstance(a, float) else 0.0)
    return bool(a == b)


def _findings(document: Document) -> Iterator[tuple[str, Any]]:
    """Every finding of a report with a name a person can follow."""
    yield "clip: duration", document["clip"].get("duration_s")
    container = document.get("container", {})
    yield "container: last writer", container.get("writer")
    for row in container.get("findings", []):
        yield f"container: {row.get('sentence')}", row
    for row in document.get("bitstream", {}).get("findings", []):
        yield f"bitstream: {row.get('sentence')}", row
    for row in document.get("bitstream", {}).get("encoder_settings", []):
        yield f"bitstream: encoder {row.get('name')} at {row.get('time_s')} s", row
    for key, name in _SINGLES.items():
        yield f"{name}: {document.get(key, {}).get('sentence')}", document.get(key)
    for key, name in _LISTS.items():
        for row in document.get(key, []):
            yield f"{name}: {_where(row)}", row


def _where(row: Mapping[str, Any]) -> str:
    """What and when a row is about, in a few words."""
    what = next((str(row[k]) for k in ("label", "kind", "transition", "path", "codec") if row.get(k)), "")
    detector = f" ({row['detector']})" if "detector" in row else ""
    if "end_s" in row:
        return f"{what} {row.get('start_s')}–{row['end_s']} s{detector}".strip()
    time_s = row.get("time_s", row.get("offset_s", row.get("start_s")))
    return f"{what} at {time_s} s".strip()


def _kind(name: str) -> str:
    return name.split(":", 1)[0]


def _version(document: Document) -> str | None:
    found = document.get("provenance", {}).get("version")
    return None if found is None else str(found)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

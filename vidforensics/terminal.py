"""What the command line shows: progress on standard error, and documents as lines for people.

Text from a clip may be hostile, so nothing reaches the terminal but printable characters.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidforensics.runtime import Progress, no_progress

LINE_CHARACTERS = 280
MOST_STRETCHES = 3
"""So many stretches of one reason are written out."""


@contextmanager
def session(quiet: bool, verbose: bool) -> Iterator[Progress]:
    """Logging as the user asked, and a progress callback that draws a bar only on a terminal."""
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, stream=sys.stderr)
    if quiet or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(stage: str, done: float, total: float | None) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        yield show


def flag_lines(document: dict[str, Any]) -> Iterator[str]:
    """A flag document for people."""
    yield printable(f"{document['clip']['path']}: {count(len(document['segments']), 'flag')}")
    for row in document["segments"]:
        yield printable(
            f"  {row['start_s']:.3f}–{row['end_s']:.3f} s  {row['label']}  "
            f"score {row['score']:.2f}  {row['basis']}"
        )
    gaps: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in document["coverage"]:
        if not row["assessed"]:
            gaps.setdefault((row["detector"], row["reason"]), []).append(row)
    for (detector, reason), rows in gaps.items():
        yield printable(f"  not assessed by {detector}: {_stretches(rows)}, {reason}")


def _stretches(rows: list[dict[str, Any]]) -> str:
    """Every stretch where there are few; else how many, how long in all, and where the first begins."""
    if len(rows) <= MOST_STRETCHES:
        return ", ".join(f"{row['start_s']:.3f}–{row['end_s']:.3f} s" for row in rows)
    total_s = sum(row["end_s"] - row["start_s"] for row in rows)
    return f"{len(rows)} stretches, {total_s:.3f} s in all, from {rows[0]['start_s']:.3f} s"


def verify_lines(document: dict[str, Any], *, every_line: bool) -> Iterator[str]:
    """A verification for people: the count first, then what does not hold."""
    states = [row["state"] for row in document["findings"]]
    yield f"Evidence {printable(document['clip'])}: {document['evidence']}"
    yield ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys([*states, "held"]))
    for row in document["findings"]:
        if every_line or row["state"] in {"changed", "appeared"}:
            yield printable(f"  {row['state']}: {row['finding']}")
    for problem in document["case_problems"]:
        yield printable(f"  case folder: {problem}")
    if document["version_now"] and document["version_now"] != document["version_then"]:
        yield f"  made by version {document['version_then']}, verified by {document['version_now']}"


def model_line(row: dict[str, Any]) -> str:
    """One model file for people."""
    source = printable(row["source"])
    return f"{row['name']}: {row['state']}; {row['purpose']}; {source}; sha256 {row['sha256'] or 'unknown'}"


def headline_lines(headlines: Iterable[str], limit: int) -> Iterator[str]:
    """The first headlines, each with no more than its first sentences; the report has them whole."""
    for line in itertools.islice(headlines, limit):
        text = printable(line)
        if len(text) > LINE_CHARACTERS:
            end = text.rfind(". ", 0, LINE_CHARACTERS)
            text = text[: end + 1] if end > 0 else text[: LINE_CHARACTERS - 1] + "…"
        yield f"  {text}"


def count(number: int, noun: str) -> str:
    """A number and its noun: "1 flag", "2 flags"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(path: Path) -> str:
    """A path as a terminal may show it."""
    return printable(os.fspath(path))


def printable(text: str) -> str:
    """Text that any terminal takes, on one line: no control characters, no bytes that are not UTF-8."""
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\ufffd" for c in readable)

"""The custody log: what was done with the evidence, when and by which version, as a chain of hashes.

Actions go in and JSON lines come out, each holding the SHA-256 of the one before, so that a line changed,
removed or put in later shows. The hash covers the canonical JSON of a line (sorted keys, no spaces, ASCII)
without its own hash, after RFC 8785 in spirit; a chain shows a change, a signature would be needed for who.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidforensics.errors import OutputError
from vidforensics.media import printable
from vidforensics.runtime import utc_now
from vidforensics.types import CustodyEntry

GENESIS = "0" * 64
MAX_LINES = 100_000
MAX_LINE_CHARACTERS = 10_000_000

_FIELDS = ("index", "at", "action", "subject", "details", "previous_sha256", "sha256")


class CustodyLog:
    """A log being written; every entry is on disk when `record` returns."""

    def __init__(self, path: Path, *, version: str) -> None:
        """Start a log at `path`; an existing one is never continued by mistake (see `reopen`)."""
        self._path = path
        self._version = version
        self._entries: list[CustodyEntry] = []
        self._mode = "x"

    @classmethod
    def reopen(cls, path: Path, *, version: str) -> CustodyLog:
        """Continue an intact log.

        Raises:
            OutputError: the log is missing or its chain is broken.
        """
        entries, problems = _read(path)
        if problems:
            raise OutputError(f"{path} cannot be continued: {problems[0]} Start a new case folder.")
        log = cls(path, version=version)
        log._entries, log._mode = entries, "a"
        return log

    @property
    def entries(self) -> tuple[CustodyEntry, ...]:
        """All entries so far, oldest first."""
        return tuple(self._entries)

    def record(self, action: str, subject: str, details: Mapping[str, Any]) -> CustodyEntry:
        """Append one entry, chained to the one before.

        Args:
            action: what was done, such as "read evidence".
            subject: to which file; names that are not UTF-8 keep their bytes as surrogate escapes.
            details: anything JSON can hold; `version` is added.

        Raises:
            OutputError: the line cannot be written.
        """
        plain = json.loads(json.dumps({**details, "version": self._version}, ensure_ascii=True, default=str))
        line = {
            "index": len(self._entries),
            "at": utc_now(),
            "action": action,
            "subject": subject,
            "details": plain,
            "previous_sha256": self._entries[-1].sha256 if self._entries else GENESIS,
        }
        line["sha256"] = _hash(line)
        self._append(_canonical(line))
        entry = _entry(line)
        self._entries.append(entry)
        return entry

    def _append(self, text: str) -> None:
        try:
            with self._path.open(self._mode, encoding="ascii", newline="\n") as handle:
                handle.write(text + "\n")
        except FileExistsError as error:
            raise OutputError(f"{self._path} exists already; choose another folder.") from error
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written ({error.strerror}); check the disk."
            ) from error
        self._mode = "a"


def check_custody(path: Path, *, sealed: Path | None = None) -> tuple[str, ...]:
    """Follow the chain of a custody log.

    Args:
        path: the log.
        sealed: a file whose hash the log must hold, such as the report written at the end.

    Returns:
        One sentence per problem; empty when every line is as it was written.
    """
    entries, problems = _read(path)
    if sealed is not None and not problems:
        problems += _seal_problems(entries, sealed)
    return tuple(problems)


def _seal_problems(entries: list[CustodyEntry], sealed: Path) -> list[str]:
    """Compare the file with the hash that the last entry on it recorded."""
    seals = [e.details.get("sha256") for e in entries if e.subject == sealed.name and "sha256" in e.details]
    if not seals:
        return [f"The log does not say that {printable(sealed.name)} was written."]
    try:
        actual = hashlib.sha256(sealed.read_bytes()).hexdigest()
    except OSError as error:
        return [f"{printable(sealed.name)} cannot be read ({error.strerror})."]
    if actual != seals[-1]:
        return [
            f"{printable(sealed.name)} is not the file that was written: its SHA-256 differs from the log."
        ]
    return []


def _read(path: Path) -> tuple[list[CustodyEntry], list[str]]:
    """All readable entries of a log, and what is wrong with it."""
    entries: list[CustodyEntry] = []
    problems: list[str] = []
    previous = GENESIS
    try:
        with path.open(encoding="ascii", errors="replace", newline="\n") as handle:
            for number in range(1, MAX_LINES + 1):
                text = handle.readline(MAX_LINE_CHARACTERS)
                if not text:
                    break
                entry, problem = _check_line(text, len(entries), previous)
                if problem:
                    problems.append(f"Line {number} of {path.name} {problem}.")
                if entry:
                    entries.append(entry)
                    previous = entry.sha256
    except OSError as error:
        return [], [f"{path.name} cannot be read ({error.strerror})."]
    if not entries and not problems:
        problems.append(f"{path.name} holds no entry.")
    return entries, problems


def _check_line(text: str, index: int, previous: str) -> tuple[CustodyEntry | None, str | None]:
    """One line as an entry, and what is wrong with it."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None, "is no JSON"
    if not isinstance(line, dict) or set(line) != set(_FIELDS) or not _typed(line):
        return None, "is no custody entry"
    entry = _entry(line)
    if not text.endswith("\n"):
        return entry, "is cut off"
    if entry.sha256 != _hash({k: v for k, v in line.items() if k != "sha256"}):
        return entry, "was changed: its hash does not match its content"
    if entry.previous_sha256 != previous or entry.index != index:
        return entry, "does not follow the line before it: lines are missing, moved or put in"
    return entry, None


def _typed(line: Mapping[str, Any]) -> bool:
    texts = ("at", "action", "subject", "previous_sha256", "sha256")
    return (
        isinstance(line["index"], int)
        and isinstance(line["details"], dict)
        and all(isinstance(line[name], str) for name in texts)
    )


def _entry(line: Mapping[str, Any]) -> CustodyEntry:
    return CustodyEntry(**{name: line[name] for name in _FIELDS})


def _canonical(line: Mapping[str, Any]) -> str:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _hash(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(line).encode("ascii")).hexdigest()

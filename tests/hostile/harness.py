"""Run the command line on one file and check that it ended well: a whole report, or one clear sentence."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "vidforensics"]
TIMEOUT_S = 300
LONGEST_SENTENCE = 600
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


@dataclass(frozen=True)
class Ended:
    """How a run ended; text as the user sees it, undecodable bytes escaped."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Witness:
    """What a folder of evidence looked like before a run."""

    folder: Path
    entries: dict[str, tuple[int, int, bytes]]

    @classmethod
    def of(cls, folder: Path) -> Witness:
        """Look at every regular file of a folder."""
        return cls(folder, _entries(folder))

    def check(self) -> None:
        """Nothing was changed, touched, added or removed."""
        assert _entries(self.folder) == self.entries


def _entries(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found: dict[str, tuple[int, int, bytes]] = {}
    for path in sorted(folder.iterdir()):
        facts = path.lstat()
        regular = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
        found[os.fsencode(path.name).hex()] = (
            facts.st_size,
            facts.st_mtime_ns,
            path.read_bytes() if regular else b"",
        )
    return found


def run(*arguments: str | bytes | Path, cwd: Path, before: Callable[[], None] | None = None) -> Ended:
    """Run `python -m vidforensics` with these arguments in a folder."""
    answer = subprocess.run(
        [*COMMAND, *(os.fsdecode(argument) for argument in arguments)],
        cwd=cwd,
        capture_output=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        preexec_fn=before,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    return Ended(
        answer.returncode,
        answer.stdout.decode("utf-8", "backslashreplace"),
        answer.stderr.decode("utf-8", "backslashreplace"),
    )


def without_override() -> None:
    """Make file permissions count for root too, by giving up the right to override them."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def assert_refused(ended: Ended, code: int, names: str) -> str:
    """The run ended with this exit code and one sentence that names the file; returns the sentence."""
    assert ended.code == code, ended
    assert ended.stdout == ""
    assert_no_traceback(ended)
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert names in lines[0]
    assert 10 < len(lines[0]) < LONGEST_SENTENCE
    assert not re.search(r"\berrno\b|0x[0-9a-f]{6}|av\.error|\bNone\b", lines[0], re.IGNORECASE), lines[0]
    return lines[0]


def assert_no_traceback(ended: Ended) -> None:
    """Nothing of the inside shows, and nothing that a terminal would obey."""
    for text in (ended.stdout, ended.stderr):
        assert "Traceback" not in text, text
        assert 'File "' not in text, text
        assert "\x1b" not in text and "\x9b" not in text, text
    assert ended.code != 1, ended.stderr


def assert_reported(ended: Ended, folder: Path) -> dict[str, Any]:
    """The run ended well and its case folder is whole; returns the report."""
    assert ended.code == 0, ended
    assert_no_traceback(ended)
    for name in ("report.html", "custody.jsonl"):
        assert (folder / name).stat().st_size > 0
    document: dict[str, Any] = json.loads(
        (folder / "report.json").read_text(encoding="utf-8"), parse_constant=_refuse
    )
    assert document["schema"].startswith("vidforensics.inspect/")
    return document


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def assert_nothing_left(folder: Path, *expected: str) -> None:
    """The output folder holds these names and nothing else, hidden files included."""
    assert sorted(os.listdir(folder)) == sorted(expected)


def inspect(clip: str | bytes | Path, work: Path, before: Callable[[], None] | None = None) -> Ended:
    """Inspect a clip into work/out/case and check that nothing but a whole case folder appears."""
    out = work / "out"
    out.mkdir(exist_ok=True)
    ended = run("inspect", "--out", out / "case", "--", clip, cwd=work, before=before)
    assert_nothing_left(out, *(["case"] if ended.code == 0 else []))
    return ended

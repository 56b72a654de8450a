from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.acquisition import CustodyLog, check_custody, digest_file
from vidforensics.errors import OutputError


def _log(folder: Path, count: int = 3) -> Path:
    path = folder / "custody.jsonl"
    log = CustodyLog(path, version="1.2")
    for number in range(count):
        log.record("read", os.fsdecode(b"caf\xe9.mp4"), {"number": number, "path": os.fsdecode(b"\xff")})
    return path


def test_chain_of_entries(tmp_path: Path) -> None:
    path = _log(tmp_path)
    lines = path.read_text("ascii").splitlines()
    assert len(lines) == 3
    assert check_custody(path) == ()
    entries = CustodyLog.reopen(path, version="1.3").entries
    assert [e.index for e in entries] == [0, 1, 2]
    assert entries[0].previous_sha256 == "0" * 64
    assert entries[2].previous_sha256 == entries[1].sha256
    assert os.fsencode(entries[0].subject) == b"caf\xe9.mp4"
    assert entries[0].details["version"] == "1.2"
    assert entries[0].at.endswith("Z")


def test_reopened_log_goes_on(tmp_path: Path) -> None:
    path = _log(tmp_path)
    report = tmp_path / "report.json"
    report.write_text("{}")
    log = CustodyLog.reopen(path, version="1")
    log.record("wrote report", "report.json", {"sha256": digest_file(report).sha256})
    assert len(log.entries) == 4
    assert check_custody(path, sealed=report) == ()
    report.write_text("[]")
    assert "differs" in check_custody(path, sealed=report)[0]
    report.unlink()
    assert "cannot be read" in check_custody(path, sealed=report)[0]
    assert "does not say" in check_custody(path, sealed=tmp_path / "y")[0]


def _change(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"number":1', '"number":7'), lines[2]]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_change, "was changed"),
        (lambda lines: [lines[0], lines[2]], "does not follow"),
        (lambda lines: lines[1:], "does not follow"),
        (lambda lines: [lines[1], lines[0], lines[2]], "does not follow"),
        (lambda lines: [*lines, "[1]"], "no custody entry"),
        (lambda lines: [*lines, "{"], "no JSON"),
        (lambda lines: [], "holds no entry"),
    ],
)
def test_spoiled_logs(tmp_path: Path, spoil: object, words: str) -> None:
    path = _log(tmp_path)
    lines = spoil(path.read_text().splitlines())  # type: ignore[operator]
    path.write_text("".join(line + "\n" for line in lines))
    assert any(words in problem for problem in check_custody(path))
    with pytest.raises(OutputError, match="Start a new case folder"):
        CustodyLog.reopen(path, version="1")


def test_forged_hash_breaks_the_next_line(tmp_path: Path) -> None:
    from vidforensics.acquisition.custody import _hash

    path = _log(tmp_path)
    lines = path.read_text().splitlines()
    forged = json.loads(lines[1])
    forged["details"]["number"] = 7
    forged["sha256"] = _hash({k: v for k, v in forged.items() if k != "sha256"})
    path.write_text("\n".join([lines[0], json.dumps(forged), lines[2]]) + "\n")
    assert check_custody(path) == (
        "Line 3 of custody.jsonl does not follow the line before it: lines are missing, moved or put in.",
    )


def test_missing_existing_and_unwritable(tmp_path: Path) -> None:
    assert "cannot be read" in check_custody(tmp_path / "none")[0]
    path = _log(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        CustodyLog(path, version="1").record("a", "b", {})
    with pytest.raises(OutputError, match="cannot be written"):
        CustodyLog(tmp_path / "no" / "x", version="1").record("a", "b", {})


@settings(deadline=None, max_examples=50)
@given(
    details=st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text())),
    subject=st.text(st.characters(codec=None)),
)
def test_whatever_is_recorded_comes_back(
    details: dict[str, object], subject: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "c.jsonl"
    entry = CustodyLog(path, version="1").record("a", subject, details)
    assert check_custody(path) == ()
    assert CustodyLog.reopen(path, version="1").entries == (entry,)
    assert dict(entry.details) == {**details, "version": "1"}

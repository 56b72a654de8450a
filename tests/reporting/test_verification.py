"""Comparing a report with what is derived anew."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.reporting import verification

REPORT = {
    "schema": "vidforensics.inspect/1",
    "clip": {"path": "q.mp4", "sha256": "ab", "duration_s": 9.0},
    "container": {"writer": {"name": "unknown"}, "findings": [{"sentence": "moov is last", "code": "order"}]},
    "bitstream": {"findings": [], "encoder_settings": [{"name": "x264", "time_s": 0.0}]},
    "content_credentials": {"state": "none", "sentence": "none"},
    "double_compression": {"sentence": "not applicable"},
    "shots": [{"start_s": 0.0, "end_s": 9.0, "transition": None}],
    "flags": [
        {"start_s": 4.0, "end_s": 4.04, "label": "stream_join", "detector": "stream_join", "score": 0.99}
    ],
    "files": {},
    "provenance": {"version": "1", "parameters": {"blocks": False}},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def _compare(new: dict) -> verification.Verification:
    return verification.compare(REPORT, new, report=Path("r"), clip=Path("q.mp4"), case_problems=())


def test_same_report_holds():
    result = _compare(copy.deepcopy(REPORT))
    assert result.holds
    assert {c.state for c in result.checks} == {"held"}
    assert result.document()["evidence"] == "unchanged"


def test_moved_flag_is_changed_and_its_new_place_appears():
    new = copy.deepcopy(REPORT)
    new["flags"][0]["start_s"] = 6.0
    states = {c.finding: c.state for c in _compare(new).checks}
    assert states["flag: stream_join 4.0–4.04 s (stream_join)"] == "changed"
    assert states["flag: stream_join 6.0–4.04 s (stream_join)"] == "appeared"
    assert not _compare(new).holds


def test_lost_finding_is_changed():
    new = copy.deepcopy(REPORT)
    new["container"]["findings"] = []
    assert [c.state for c in _compare(new).checks if c.state != "held"] == ["changed"]


def test_two_equal_findings_need_two_matches():
    old, new = copy.deepcopy(REPORT), copy.deepcopy(REPORT)
    old["flags"] = old["flags"] * 2
    result = verification.compare(old, new, report=Path("r"), clip=Path("q"), case_problems=())
    assert [c.state for c in result.checks].count("changed") == 1


def test_altered_evidence_settles_nothing():
    result = verification.altered(REPORT, report=Path("r"), clip=Path("q"), case_problems=())
    assert {c.state for c in result.checks} == {"evidence altered"}
    assert not result.holds
    assert result.document()["evidence"] == "altered"


def test_rounding_is_no_change_but_a_frame_is():
    assert verification.agree({"t": 1.0}, {"t": 1.001})
    assert not verification.agree({"t": 1.0}, {"t": 1.04})
    assert not verification.agree({"n": 3}, {"n": 4})
    assert not verification.agree(True, 1)


@given(json_values)
def test_everything_agrees_with_itself(value):
    assert verification.agree(value, copy.deepcopy(value))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b"x", None),
        ("a.txt", b"y", "altered"),
        (None, None, "missing"),
        ("../out.txt", b"x", "outside"),
    ],
)
def test_files_of_the_case_folder_are_checked(tmp_path: Path, name, content, problem):
    case = tmp_path / "case"
    case.mkdir()
    if name:
        (case / name).write_bytes(content)
    listed = {"files": {name or "gone.txt": hashlib.sha256(b"x").hexdigest()}}
    found = verification.case_problems(case / "report.json", listed)
    assert (len(found) == 1 and problem in found[0]) if problem else found == ()

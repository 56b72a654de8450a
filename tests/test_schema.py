"""Records to JSON: rounding, unknown values, odd names, and documents of other versions."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics import schema
from vidforensics.errors import ReportError
from vidforensics.types import (
    Clip,
    Coverage,
    Detection,
    Edit,
    EditDecision,
    IndexedVideo,
    Match,
    NotTraced,
    Post,
    Segment,
    Shot,
    Trace,
    TraceSegment,
)


def _segment(start_s: float, *, listed: bool = True) -> Segment:
    return Segment(start_s, start_s + 0.04, "stream_join", 0.99, 2.0, "stream_join", "why", listed)


def _detection(*segments: Segment) -> Detection:
    return Detection("stream_join", segments=segments, coverage=(Coverage("stream_join", 0.0, 9.0, True),))


@given(st.floats())
def test_floats_are_rounded_or_null(value: float):
    row = schema.plain(value)
    assert row is None if not math.isfinite(value) else math.isclose(row, value, abs_tol=1e-6)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_plain_values_stay_as_they_are(value):
    assert schema.plain(value) == value
    assert json.loads(schema.dumps({"v": schema.plain(value)})) == {"v": value}


def test_arrays_become_lists_with_null_for_nan():
    assert schema.plain(np.array([[1.0, np.nan]])) == [[1.0, None]]
    assert schema.plain(np.float32(0.5)) == 0.5


def test_something_without_a_json_form_is_refused():
    with pytest.raises(TypeError, match="object"):
        schema.plain(object())


def test_flag_document_sorts_and_hides_candidates():
    detections = [_detection(_segment(5.0), _segment(1.0), _segment(3.0, listed=False))]
    clip = Clip("q.mp4", "ab", 9.0)
    shots = [Shot(0.0, 4.0, "cut"), Shot(4.0, 9.0, None)]
    document = schema.flag_document(clip, detections, shots)
    assert document["schema"] == "vidforensics.flag/1"
    assert [s["start_s"] for s in document["segments"]] == [1.0, 5.0]
    assert set(document["segments"][0]) == {
        "start_s", "end_s", "label", "score", "log10_lr", "detector", "basis",
    }  # fmt: skip
    assert document["shots"][0] == {"start_s": 0.0, "end_s": 4.0, "transition": "cut", "confidence": None}
    every = schema.flag_document(clip, detections, (), every_candidate=True)
    assert [s["start_s"] for s in every["segments"]] == [1.0, 3.0, 5.0]


def test_gradual_transitions_carry_their_extent():
    row = schema.shot_row(Shot(0.0, 4.0, "dissolve", 3.5, 4.5, 0.9))
    assert (row["transition_start_s"], row["transition_end_s"]) == (3.5, 4.5)


def test_names_that_are_not_utf8_survive_a_round_trip():
    text = schema.dumps({"path": "\udcff.mp4"})
    assert text.isascii()
    assert json.loads(text)["path"] == "\udcff.mp4"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "not a JSON document"),
        ("[" * 100_000, "not a JSON document"),
        ("[]", "no report of this program"),
        ('{"schema": "vidforensics.inspect/99"}', "inspect/99"),
    ],
)
def test_documents_that_are_no_report_are_refused(tmp_path: Path, content: str, message: str):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ReportError, match=message):
        schema.load_report(path)


def test_missing_report_is_refused(tmp_path: Path):
    with pytest.raises(ReportError, match="No such file"):
        schema.load_report(tmp_path / "report.json")


def test_old_documents_are_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schema, "UPGRADERS", {"old/1": lambda d: {**d, "schema": schema.INSPECT_SCHEMA}})
    path = tmp_path / "report.json"
    path.write_text('{"schema": "old/1", "kept": 1}')
    assert schema.load_report(path) == {"schema": schema.INSPECT_SCHEMA, "kept": 1}


def _trace() -> Trace:
    video = IndexedVideo("cd", "a.mp4", 60.0, 640, 360, True, (Post("@a", "x", "2023-09-01T10:00:00Z"),))
    edits = (Edit("crop", (0.1, 0.1, 0.8, 0.8)), Edit("rotate", None, {"degrees": 5.0, "kind": math.nan}))
    segment = TraceSegment(3.0, 9.5, 41.0, 47.5, 0.97, "both", 1.0, False, edits, "same")
    return Trace(
        Clip("q.mp4", "ab", 31.2), (Match(video, 0.98, (segment,)),), (NotTraced(0.0, 1.0, "black frames"),)
    )


def test_trace_document_has_the_keys_of_the_contract():
    document = schema.trace_document(_trace())
    assert set(document) == {"schema", "clip", "matches", "not_assessed"}
    (match,) = document["matches"]
    assert match["video"]["posts"][0]["posted_at"] == "2023-09-01T10:00:00Z"
    (segment,) = match["segments"]
    assert set(segment) == {
        "query_start_s", "query_end_s", "reference_start_s", "reference_end_s", "score", "modality", "speed",
        "mirrored", "edits", "sound",
    }  # fmt: skip
    assert segment["edits"] == [
        {"kind": "crop", "box": [0.1, 0.1, 0.8, 0.8]},
        {"kind": "rotate", "degrees": 5.0},
    ]
    assert document["not_assessed"] == [{"start_s": 0.0, "end_s": 1.0, "reason": "black frames"}]
    assert json.loads(schema.dumps(document)) == document


def test_a_comparison_lists_every_second_once():
    decisions = (
        EditDecision(0.0, 3.0, False, None, None, (), "not_assessed"),
        EditDecision(3.0, 9.5, True, 41.0, 47.5, (Edit("mirror"),), "replaced"),
    )
    rows = schema.trace_document(replace(_trace(), decisions=decisions))["edit_decision_list"]
    assert [row["source"] for row in rows] == [None, "reference"]
    assert rows[1]["edits"] == [{"kind": "mirror"}]
    assert rows[0]["reference_start_s"] is None

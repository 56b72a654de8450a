"""Exports of a trace read back by other programs' rules."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import get_args

import opentimelineio as otio
import pytest

from tests.reporting.make_case import HOSTILE_PATH
from tests.reporting.make_trace import make_trace
from tests.reporting.test_exports import read_vtt
from vidforensics.errors import OutputError
from vidforensics.reporting.exports_actions import action, sound_action
from vidforensics.reporting.exports_trace import write_trace_exports
from vidforensics.types import Edit, EditKind, SoundRelation

WORDS = """trimmed cropped dubbed placed removed changedSpeed orientation resized transcoded edited
adjustedColor"""
VOCABULARY = {f"c2pa.{word}" for word in WORDS.split()}


def test_every_file_is_written_in_a_fixed_order(tmp_path):
    names = ("matches.vtt", "decisions.vtt", "decisions.edl", "decisions.otio")
    assert write_trace_exports(make_trace(), tmp_path / "case") == tuple(f"exports/{n}" for n in names)
    assert sorted(p.name for p in (tmp_path / "case/exports").iterdir()) == sorted(names)


def test_a_trace_without_decisions_has_cues_of_its_matches(tmp_path):
    trace = replace(make_trace(), decisions=())
    assert write_trace_exports(trace, tmp_path) == ("exports/matches.vtt",)
    cues = read_vtt(tmp_path / "exports/matches.vtt")
    assert [(c[1], c[2]) for c in cues] == [(0, 20), (28, 44), (44, 50)]
    assert "source.mp4 60.000 s to 80.000 s" in cues[1][3] and "speed 1.250" in cues[1][3]
    assert write_trace_exports(replace(trace, matches=()), tmp_path) == ("exports/matches.vtt",)
    assert (tmp_path / "exports/matches.vtt").read_text("utf-8") == "WEBVTT\n\n"


def test_decision_cues(tmp_path):
    write_trace_exports(make_trace(), tmp_path)
    cues = read_vtt(tmp_path / "exports/decisions.vtt")
    assert len(cues) == 6 and cues[-1][2] == 60.0
    assert "c2pa.trimmed" in cues[0][3] and "no source found" in cues[1][3]
    assert "not assessed: black frames" in cues[4][3]


@pytest.mark.parametrize(
    ("rate", "expected"), [(Fraction(25), 25), (Fraction(30), 1_000_000), (None, 1_000_000)]
)
def test_timeline_reads_back(tmp_path, rate, expected):
    write_trace_exports(make_trace(), tmp_path, rate)
    timeline = otio.adapters.read_from_file(str(tmp_path / "exports/decisions.otio"))
    picture, sound = timeline.tracks
    assert (picture.kind, sound.kind) == ("Video", "Audio")
    assert picture.duration() == sound.duration() and picture.duration().rate == expected
    assert picture.duration().to_seconds() == pytest.approx(60.0)
    starts = [c.range_in_parent().start_time.to_seconds() for c in picture]
    assert starts == pytest.approx([0, 20, 28, 44, 50, 59.96])
    assert [c.media_reference.target_url for c in picture] == [
        "archive/source.mp4",
        "evidence/suspect.mp4",
        "archive/source.mp4",
        "archive/source.mp4",
        "evidence/suspect.mp4",
        "evidence/suspect.mp4",
    ]
    assert picture[2].effects[0].time_scalar == 1.25
    assert picture[2].source_range.start_time.to_seconds() == pytest.approx(60)
    assert [m.name for m in picture[3].markers] == [
        "c2pa.orientation",
        "c2pa.edited",
        "vidforensics.perspective",
    ]
    assert isinstance(sound[3], otio.schema.Gap)
    assert sound[2].media_reference.target_url == "evidence/suspect.mp4"
    assert [m.name for m in sound[2].markers] == ["c2pa.dubbed"]


def test_hostile_names(tmp_path):
    write_trace_exports(make_trace(HOSTILE_PATH, HOSTILE_PATH), tmp_path)
    read_vtt(tmp_path / "exports/matches.vtt")
    otio.adapters.read_from_file(str(tmp_path / "exports/decisions.otio"))
    for path in (tmp_path / "exports").iterdir():
        path.read_bytes().decode("utf-8")


def test_actions_are_of_the_vocabulary_or_our_own():
    for kind in get_args(EditKind):
        assert action(Edit(kind)) in VOCABULARY | {f"vidforensics.{kind}"}
    assert {sound_action(r) for r in get_args(SoundRelation)} <= VOCABULARY | {None}
    assert sound_action("replaced") == "c2pa.dubbed" and sound_action("same") is None


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "exports").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        write_trace_exports(make_trace(), tmp_path)

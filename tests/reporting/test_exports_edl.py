"""CMX3600 lists read back by the rules of the format."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reporting.make_case import HOSTILE_PATH
from tests.reporting.make_trace import make_trace
from vidforensics.reporting.exports_edl import edl_lines, timecode
from vidforensics.types import EditDecision

EVENT = re.compile(r"(\d{3,})  (\S{1,8}) +V +C +(\S{11}) (\S{11}) (\S{11}) (\S{11})")
SPEED = re.compile(r"M2   (\S{1,8}) +(-?[\d.]+) +(\S{11})")


def frames(code, base):
    hours, minutes, seconds, rest = map(int, code.split(":"))
    assert minutes < 60 and seconds < 60 and rest < base
    return ((hours * 60 + minutes) * 60 + seconds) * base + rest


def read(lines, base):
    """Events as (reel, source in, out, record in, out, speed or None), comments after each."""
    events = []
    for line in lines:
        assert line.isascii() and "\n" not in line
        event, speed = EVENT.fullmatch(line), SPEED.fullmatch(line)
        if event:
            assert int(event[1]) == len(events) + 1
            events.append([event[2], *(frames(event[i], base) for i in range(3, 7)), None, []])
        elif speed:
            assert speed[1] == events[-1][0]
            events[-1][5] = float(speed[2])
        elif events:
            assert line.startswith("* ")
            events[-1][6].append(line)
    return events


def lines_of(trace, **options):
    return list(edl_lines(trace.decisions, suspect="s.mp4", reference="r.mp4", **options))


def test_header_names_what_the_format_does_not_know():
    lines = lines_of(make_trace(), rate=Fraction(30000, 1001))
    assert lines[:2] == ["TITLE: s.mp4", "FCM: NON-DROP FRAME"] and lines[2].startswith("001")
    assert "* FRAME RATE: 30000/1001" in lines
    assert "* REEL REF: r.mp4" in lines and "* REEL SUSPECT: s.mp4" in lines


def test_events_rebuild_the_suspect():
    events = read(lines_of(make_trace(), rate=Fraction(25)), 25)
    assert [e[0] for e in events] == ["REF", "SUSPECT", "REF", "REF", "SUSPECT", "SUSPECT"]
    assert events[0][3] == 0 and events[-1][4] == 60 * 25
    assert all(a[4] == b[3] for a, b in pairwise(events))
    assert events[1][1:5] == [500, 700, 500, 700]
    assert events[2][1:6] == [1500, 2000, 700, 1100, 31.2]
    assert events[3][5] is None


def test_comments_carry_edits_by_their_actions():
    events = read(lines_of(make_trace()), 25)
    assert any("c2pa.cropped (crop box 0.100" in c for c in events[2][6])
    assert any("c2pa.dubbed (sound replaced)" in c for c in events[2][6])
    assert any("not assessed: black frames" in c for c in events[4][6])
    assert events[0][6][0] == "* FROM CLIP NAME: r.mp4"


def test_hostile_names_stay_on_their_line():
    lines = list(edl_lines(make_trace().decisions, suspect=HOSTILE_PATH, reference="a\n001  X"))
    assert len(read(lines, 25)) == 6


def test_no_rows():
    assert len(list(edl_lines([], suspect="s", reference="r"))) == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 500, allow_nan=False), min_size=1, max_size=12, unique=True),
    st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(12), Fraction(60), None]),
    st.floats(0.5, 2.0),
)
def test_any_rows_lie_end_to_end(times, rate, speed):
    edges = [0.0, *sorted(t + 0.001 for t in times)]
    rows = [
        EditDecision(a, b, bool(i % 2), a, b, (), "same", {"speed": speed})
        for i, (a, b) in enumerate(pairwise(edges))
    ]
    base = round(rate or 25)
    events = read(edl_lines(rows, suspect="s", reference="r", rate=rate), base)
    assert all(a[4] == b[3] for a, b in pairwise(events))
    for event in events:
        assert event[4] > event[3] and event[2] > event[1]
        if event[5] is None:
            assert event[2] - event[1] == event[4] - event[3]


@pytest.mark.parametrize(("frame", "base", "text"), [(0, 25, "00:00:00:00"), (86400 * 30, 30, "00:00:00:00")])
def test_timecode(frame, base, text):
    assert timecode(frame, base) == text

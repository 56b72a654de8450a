"""Lanes of speech and faces: what is drawn, what is joined, and nothing where nothing is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.reporting.make_case import features
from vidforensics.reporting.lanes_people import PAUSE_S, people_lanes, speech_spans
from vidforensics.types import Faces, FaceTrack, Speech

STEP_S = 0.032


def speech(*spans: tuple[float, float], end_s: float = 20.0) -> Speech:
    times_s = np.arange(STEP_S / 2, end_s, STEP_S)
    inside = np.zeros(len(times_s), bool)
    for a, b in spans:
        inside |= (times_s > a) & (times_s < b)
    return Speech(times_s, np.where(inside, 0.9, 0.1).astype(np.float32))


def face(start_s: float, end_s: float) -> FaceTrack:
    times_s = np.arange(start_s, end_s, 0.04)
    none = np.zeros((len(times_s), 0), np.float32)
    return FaceTrack(times_s, none, none, none, none, np.zeros((len(times_s), 0, 0), np.uint8))


def test_short_pauses_are_drawn_over_and_long_ones_are_not() -> None:
    spans = speech_spans(speech((1.0, 2.0), (2.2, 3.0), (4.0, 5.0)))
    assert [(round(a, 1), round(b, 1)) for a, b in spans] == [(1.0, 3.0), (4.0, 5.0)]


def test_a_gap_of_the_sound_ends_a_stretch() -> None:
    whole = speech((0.0, 20.0))
    kept = (whole.times_s < 5.0) | (whole.times_s > 9.0)
    spans = speech_spans(Speech(whole.times_s[kept], whole.probability[kept]))
    assert [(round(a, 1), round(b, 1)) for a, b in spans] == [(0.0, 5.0), (9.0, 20.0)]


@given(st.lists(st.booleans(), max_size=200))
def test_every_spoken_step_lies_in_one_stretch(spoken: list[bool]) -> None:
    times_s = (np.arange(len(spoken)) + 0.5) * STEP_S
    spans = speech_spans(Speech(times_s, np.array(spoken, np.float32)))
    covered = np.array([sum(a <= t <= b for a, b in spans) for t in times_s])
    assert (covered[np.array(spoken, bool)] == 1).all()
    assert all(b2 - b > PAUSE_S - 2 * STEP_S for (_, b), (b2, _) in pairwise(spans))


def test_lanes_name_what_they_show() -> None:
    known = replace(
        features(), speech=speech((2.0, 7.0)), faces=Faces((face(1.0, 6.0), face(3.0, 8.0), face(12.0, 15.0)))
    )
    heard, seen = people_lanes(known, 20.0)
    assert (heard.note, seen.note) == ("25% of the clip", "3 followed")
    assert heard.body.count("<rect") == 1
    assert seen.body.count("<rect") == 2  # two faces at once are one stretch
    assert "somebody speaks, 0:00:02" in heard.body


def test_nothing_is_drawn_of_what_is_not_known() -> None:
    assert list(people_lanes(features(), 10.0)) == []
    silent = replace(features(), speech=Speech(np.zeros(0), np.zeros(0, np.float32)))
    assert list(people_lanes(silent, 10.0)) == []
    quiet = replace(features(), speech=speech())
    (lane,) = people_lanes(quiet, 10.0)
    assert (lane.note, lane.body) == ("0% of the clip", "")


def test_a_clip_shorter_than_its_speech_breaks_nothing() -> None:
    (lane,) = people_lanes(replace(features(), speech=speech((0.0, 1.0), end_s=1.0)), 1e-9)
    assert lane.note == "100% of the clip"

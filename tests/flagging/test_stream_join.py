"""The stream join detector: cues add up, the instant lies within one frame, coverage tiles the clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.flagging.conformance import Given, check_promises, evidence_of
from vidforensics.flagging.stream_join import (
    MAX_WEIGHT,
    StreamJoinDetector,
    instant_before,
    total_weight,
)
from vidforensics.types import JoinCue

TIMES = tuple(i / 25 for i in range(60))


def evidence(*cues: JoinCue):
    given = evidence_of(Given(times_s=TIMES, packet_sizes=(900,) * 60))
    return replace(given, bitstream=replace(given.bitstream, join_cues=cues))


def cue(packet: int, weight: float, sentence: str = "It restarts.") -> JoinCue:
    return JoinCue(packet, TIMES[packet], "some_cue", weight, sentence)


def detect(given):
    found = StreamJoinDetector().detect(given)
    check_promises(found, "stream_join", "stream_join", given.duration_s)
    return found


def test_agreeing_cues_are_one_listed_instant():
    found = detect(evidence(cue(24, 1.5, "A first reason."), cue(24, 1.2, "A second reason.")))
    (segment,) = found.segments
    assert segment.listed
    assert (segment.start_s, segment.end_s) == pytest.approx((TIMES[23], TIMES[24]))
    assert segment.basis == "A first reason. A second reason."
    assert segment.score > 0.5
    track = found.tracks[0]
    assert track.scores[np.argmin(np.abs(track.times_s - TIMES[24]))] >= segment.log10_lr > 2.0


def test_a_weak_cue_is_a_candidate_only():
    (segment,) = detect(evidence(cue(24, 1.2))).segments
    assert not segment.listed
    assert not segment.listed


def test_nothing_is_found_in_a_quiet_stream():
    found = detect(evidence())
    assert found.segments == ()
    assert found.coverage[0].assessed


def test_no_picture_is_not_assessed():
    (row,) = detect(evidence_of(Given(sound_length_s=3.0))).coverage
    assert not row.assessed
    assert row.reason


def test_weight_is_bounded():
    assert total_weight((cue(12, 4.0), cue(12, 4.0))) == MAX_WEIGHT
    assert total_weight((cue(12, -3.0),)) == 0.0


def test_the_instant_is_never_more_than_a_frame_long():
    times = np.array([0.0, 0.04, 0.08, 0.5, 0.54])
    assert instant_before(times, 0.5) == pytest.approx(0.46)
    assert instant_before(times, 0.08) == pytest.approx(0.04)
    assert instant_before(times, 0.0) == 0.0

"""Missing frames: the detector on given odds, and on pictures made in code with the network's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from tests.features.test_frame_hashes import block
from tests.flagging.conformance import Given, check_promises, evidence_of
from tests.flagging.test_duplication import clip, elsewhere
from vidforensics.features import FrameSeriesAccumulator, gap_accumulator
from vidforensics.flagging.deletion import DISAGREED, DeletionDetector, DeletionOptions, agreement
from vidforensics.flagging.deletion_cues import (
    NEAR_FRAMES,
    RIVAL_RANK,
    UNKNOWN_ODDS,
    WIDE_FRAMES,
    Cues,
    around,
    other_odds,
    usable_frames,
)
from vidforensics.types import Detection, FrameGaps, Segment, Shot

WHOLE = list(range(120))


def evidence(luma, times=None, odds=None, **given):
    """Evidence of pictures; odds of the network unless some are given, by frame."""
    times = tuple(i / 25 for i in range(len(luma))) if times is None else times
    series, gaps = FrameSeriesAccumulator(), gap_accumulator()
    for accumulator in (series, gaps):
        accumulator.update(block(luma, times=times))
    found = gaps.finish()
    if odds is not None:
        made_up = np.full(len(luma), -3.5, np.float32)
        for at, value in odds.items():
            made_up[at] = value
        found = FrameGaps(found.times_s, made_up)
    made = evidence_of(Given(times_s=times, **given))
    return replace(made, features=replace(made.features, frames=series.finish(), gaps=found))


def detected(given):
    detection = DeletionDetector().detect(given)
    check_promises(detection, "deletion", "deletion", given.duration_s)
    return detection


def listed(given):
    return [round(s.start_s, 3) for s in detected(given).segments if s.listed]


def test_steady_motion_is_quiet():
    assert listed(evidence(clip(WHOLE))) == []


@pytest.mark.parametrize("count", [8, 20])
def test_missing_frames_are_found_between_their_neighbours(count):
    given = evidence(clip(WHOLE[:50] + list(range(50 + count, 160))))
    # drawn texture that slides is unlike what the network was taught with
    detection = DeletionDetector(DeletionOptions(threshold=3.0)).detect(given)
    check_promises(detection, "deletion", "deletion", given.duration_s)
    (segment,) = [s for s in detection.segments if s.listed]
    assert (segment.start_s, segment.end_s) == pytest.approx((1.96, 2.0))
    assert "does not go on" in segment.basis


def test_the_network_alone_is_not_enough():
    given = evidence(clip(WHOLE), odds={50: 9.0})
    assert listed(given) == []
    assert detected(given).tracks[0].scores[50] <= DISAGREED


def test_the_picture_alone_is_not_enough():
    assert listed(evidence(clip(WHOLE[:50] + WHOLE[65:]), odds={})) == []


def test_jumps_near_each_other_and_again_and_again_speak_against_it():
    luma = clip(WHOLE[:50] + WHOLE[65:])
    alone = {50: 3.0}
    near = {50: 3.0, 58: 2.9}
    often = {50: 3.0, **dict.fromkeys((10, 20, 30, 70, 80, 90), 5.0)}
    assert listed(evidence(luma, odds=alone)) == [1.96]
    assert listed(evidence(luma, odds=near)) == []
    assert listed(evidence(luma, odds=often)) == []


def test_the_border_of_a_listed_repeat_is_no_second_finding():
    given = evidence(clip(WHOLE[:50] + WHOLE[65:]), odds={50: 6.0})
    repeat = Segment(2.0, 2.4, "duplication", 0.9, 1.0, "duplication", "", listed=True)
    for is_listed, count in ((True, 0), (False, 1)):
        earlier = (Detection("duplication", segments=(replace(repeat, listed=is_listed),)),)
        found = DeletionDetector().detect(replace(given, earlier=earlier)).segments
        assert sum(s.listed for s in found) == count


def test_a_caption_that_appears_is_no_deletion():
    luma = clip(WHOLE)
    luma[60:, 60:80, 20:140] = 235
    assert listed(evidence(luma)) == []


def test_a_cut_to_another_scene_is_no_deletion():
    shots = (Shot(0.0, 2.0, "cut"), Shot(2.0, 4.2, None))
    luma = np.concatenate([clip(WHOLE[:50]), np.stack([elsewhere(i) for i in range(50)])])
    assert listed(evidence(luma, shots=shots)) == []


def test_a_jump_that_the_motion_goes_on_across_is_judged_though_it_looks_like_a_cut():
    shots = (Shot(0.0, 2.0, "cut"), Shot(2.0, 4.2, None))
    given = evidence(clip(WHOLE[:50] + WHOLE[65:]), shots=shots, odds={50: 6.0})
    assert listed(given) == [1.96]
    strict = DeletionDetector(DeletionOptions(cut_continuity=1.1))
    assert not [s for s in strict.detect(given).segments if s.listed]


def test_a_flash_is_no_deletion():
    luma = clip(WHOLE).astype(int)
    luma[60:62] += 70
    assert listed(evidence(np.clip(luma, 0, 255).astype(np.uint8))) == []


def test_a_dropped_frame_that_the_clock_shows_is_no_deletion():
    order = WHOLE[:50] + WHOLE[58:]
    assert listed(evidence(clip(order), times=tuple(i / 25 for i in order))) == []


def test_a_repeated_frame_before_the_jump_is_no_deletion():
    assert listed(evidence(clip(WHOLE[:50] + [49] * 8 + WHOLE[58:]))) == []


def test_still_picture_is_not_assessed():
    given = evidence(np.full((100, 90, 160), 90, np.uint8))
    rows = detected(given).coverage
    assert next(r for r in rows if not r.assessed).reason.startswith("nothing moves")


def test_short_shots_are_not_assessed():
    shots = tuple(Shot(i / 2.5, (i + 1) / 2.5, "cut") for i in range(12))
    rows = detected(evidence(clip(WHOLE), shots=shots)).coverage
    assert not any(r.assessed for r in rows if r.end_s - r.start_s > 0.5)


def test_few_frames_per_second_are_not_assessed():
    given = evidence(clip(WHOLE[:60]), times=tuple(i / 6 for i in range(60)))
    assert {r.reason for r in detected(given).coverage} == {"fewer than 10 frames per second"}


def test_ten_frames_per_second_are_assessed():
    given = evidence(clip(WHOLE[:60]), times=tuple(0.1 * i + 0.7 for i in range(60)))
    assert any(r.assessed for r in detected(given).coverage)


def test_without_its_network_nothing_is_assessed():
    given = evidence(clip(WHOLE))
    without = replace(given.features, gaps=None, gaps_not_sought="the weights are not the published ones")
    rows = detected(replace(given, features=without)).coverage
    assert {(r.assessed, r.reason) for r in rows} == {(False, "the weights are not the published ones")}


def test_no_picture_is_not_assessed():
    rows = DeletionDetector().detect(evidence_of(Given(duration_s=3.0))).coverage
    assert [r.assessed for r in rows] == [False]


def test_score_takes_off_what_others_have():
    one = np.ones(1)
    options = DeletionOptions(near_share=0.5, rival_share=0.25)
    cues = Cues(odds=8 * one, near=2 * one, rival=4 * one, jump=one, motion=one)
    assert agreement(cues, options).tolist() == [6.0]
    assert agreement(replace(cues, rival=-4 * one), options).tolist() == [7.0]
    assert agreement(replace(cues, jump=0 * one), options).tolist() == [DISAGREED]
    assert np.isnan(agreement(replace(cues, odds=np.nan * one), options)).all()


@for_all(st.lists(st.floats(-4, 9) | st.just(float("nan")), max_size=400))
def test_odds_of_others_equal_brute_force(values):
    odds = np.array(values, np.float32)
    near, rival = other_odds(odds)
    known = np.nan_to_num(odds.astype(np.float64), nan=UNKNOWN_ODDS)
    for i in range(0, len(odds), 37):
        away = np.abs(np.arange(len(odds)) - i)
        beside = known[(away >= NEAR_FRAMES[0]) & (away <= NEAR_FRAMES[1])]
        assert near[i] == max([UNKNOWN_ODDS, *beside])
        far = sorted(
            [UNKNOWN_ODDS] * RIVAL_RANK + known[(away > NEAR_FRAMES[1]) & (away <= WIDE_FRAMES)].tolist()
        )
        assert rival[i] == far[-RIVAL_RANK]


def test_neighbours_leave_the_frame_itself_out():
    rows = around(np.arange(40.0))
    assert rows[20].tolist() == [*range(12, 20), *range(21, 29)]
    assert np.isnan(rows[0][:8]).all()


def test_frames_of_an_irregular_clock_are_not_judged():
    times = np.arange(60) / 25
    times[30:] += 0.2
    usable = usable_frames(times, np.full(60, 1.0), ((0, 60),))
    assert np.flatnonzero(~usable[4:56]).tolist() == [26]

"""Missing frames, on pictures made in code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.features.test_frame_hashes import block
from tests.flagging.conformance import Given, check_promises, evidence_of
from tests.flagging.test_duplication import clip, elsewhere
from vidforensics.features import FrameSeriesAccumulator
from vidforensics.flagging.deletion import DeletionDetector, DeletionOptions
from vidforensics.flagging.deletion_cues import around, sound_breaks, usable_frames
from vidforensics.types import Detection, Segment, Shot, SoundSeries

WHOLE = list(range(120))


def evidence(luma, times=None, **given):
    times = tuple(i / 25 for i in range(len(luma))) if times is None else times
    accumulator = FrameSeriesAccumulator()
    accumulator.update(block(luma, times=times))
    made = evidence_of(Given(times_s=times, **given))
    return replace(made, features=replace(made.features, frames=accumulator.finish()))


def listed(given):
    detection = DeletionDetector().detect(given)
    check_promises(detection, "deletion", "deletion", given.duration_s)
    return [round(s.start_s, 3) for s in detection.segments if s.listed]


def test_steady_motion_is_quiet():
    assert listed(evidence(clip(WHOLE))) == []


@pytest.mark.parametrize("count", [8, 20])
def test_missing_frames_are_found_between_their_neighbours(count):
    given = evidence(clip(WHOLE[:50] + WHOLE[50 + count :]))
    # a smooth pan moves some cells far more than others, which the rule against captions holds against it
    detection = DeletionDetector(DeletionOptions(threshold=1.0, overlay_penalty=0.0)).detect(given)
    check_promises(detection, "deletion", "deletion", given.duration_s)
    (segment,) = [s for s in detection.segments if s.listed]
    assert (segment.start_s, segment.end_s) == pytest.approx((1.96, 2.0))


def test_the_border_of_a_listed_repeat_is_no_second_finding():
    given = evidence(clip(WHOLE[:50] + WHOLE[58:]))
    detector = DeletionDetector(DeletionOptions(threshold=1.0, overlay_penalty=0.0))
    repeat = Segment(2.0, 2.4, "duplication", 0.9, 1.0, "duplication", "", listed=True)
    for listed_there, count in ((True, 0), (False, 1)):
        earlier = (Detection("duplication", segments=(replace(repeat, listed=listed_there),)),)
        found = detector.detect(replace(given, earlier=earlier)).segments
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
    luma = clip(WHOLE[:50] + WHOLE[65:])
    options = DeletionOptions(threshold=1.0, overlay_penalty=0.0)
    (segment,) = [
        s for s in DeletionDetector(options).detect(evidence(luma, shots=shots)).segments if s.listed
    ]
    assert segment.end_s == pytest.approx(2.0)
    strict = DeletionOptions(threshold=1.0, overlay_penalty=0.0, cut_continuity=1.1)
    assert not DeletionDetector(strict).detect(evidence(luma, shots=shots)).segments


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
    rows = DeletionDetector().detect(given).coverage
    assert next(r for r in rows if not r.assessed).reason.startswith("nothing moves")


def test_short_shots_are_not_assessed():
    shots = tuple(Shot(i / 2.5, (i + 1) / 2.5, "cut") for i in range(12))
    rows = DeletionDetector().detect(evidence(clip(WHOLE), shots=shots)).coverage
    assert not any(r.assessed for r in rows if r.end_s - r.start_s > 0.5)


def test_neighbours_leave_the_frame_itself_out():
    rows = around(np.arange(40.0))
    assert rows[20].tolist() == [*range(12, 20), *range(21, 29)]
    assert np.isnan(rows[0][:8]).all()


def test_step_of_the_levels_stands_out_of_the_sound_around_it():
    codes = np.full((400, 58), 100, dtype=np.uint8)
    codes[150:] = 140
    sound = SoundSeries(0, 0.01, np.arange(400) * 0.01, {"band_code": codes})
    times = np.array([1.0, 1.5, 3.5])
    breaks = sound_breaks(times, (sound,), np.array([True, True, False]))
    assert breaks[1] > 4
    assert breaks[0] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(breaks[2])
    assert np.isnan(sound_breaks(times, (), np.ones(3, dtype=bool))).all()


def test_frames_of_an_irregular_clock_are_not_judged():
    times = np.arange(60) / 25
    times[30:] += 0.2
    usable = usable_frames(times, np.full(60, 1.0), ((0, 60),))
    assert np.flatnonzero(~usable[4:56]).tolist() == [26]

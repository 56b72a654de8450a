"""Repeated frames, on numbers made by hand and on pictures made in code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.features.test_frame_hashes import block, textured
from tests.flagging.conformance import Given, check_promises, evidence_of
from vidforensics.features import FrameSeriesAccumulator
from vidforensics.flagging import duplication_copies
from vidforensics.flagging.duplication import DuplicationDetector
from vidforensics.flagging.duplication_copies import find_repeats
from vidforensics.flagging.duplication_freezes import find_freezes
from vidforensics.flagging.duplication_shots import recordings, shot_ranges
from vidforensics.types import Shot

WIDE, OTHER = textured(11, 130, 520), textured(12, 130, 520)


def frame(i, noise):
    """A picture that sways and pans, with fresh noise as a re-encoder leaves it."""
    x, y = 10 + 2 * i + round(2.4 * np.sin(i / 5)), 20 + round(12 * np.sin(i / 9))
    picture = WIDE[y : y + 90, x : x + 160].astype(np.float64)
    return np.clip(np.rint(picture + noise.normal(0, 0.3, picture.shape)), 0, 255).astype(np.uint8)


def clip(order, seed=0):
    noise = np.random.default_rng(seed)
    return np.stack([frame(i, noise) for i in order])


def evidence(order, shots=None):
    return evidence_of_luma(clip(order), shots)


def evidence_of_luma(luma, shots=None):
    accumulator = FrameSeriesAccumulator()
    times = tuple(i / 25 for i in range(len(luma)))
    accumulator.update(block(luma, times=times))
    made = evidence_of(Given(times_s=times, shots=shots))
    return replace(made, features=replace(made.features, frames=accumulator.finish()))


def listed(order, shots=None):
    return listed_of(evidence(order, shots))


def listed_of(given):
    detection = DuplicationDetector().detect(given)
    check_promises(detection, "duplication", "duplication", given.duration_s)
    return [(round(s.start_s * 25), round(s.end_s * 25)) for s in detection.segments if s.listed]


WHOLE = list(range(120))


def test_moving_footage_is_quiet():
    assert listed(WHOLE) == []


@pytest.mark.parametrize("count", [5, 10, 25])
def test_frozen_frames_inside_a_moving_shot(count):
    assert listed(WHOLE[:60] + [59] * count + WHOLE[60:]) == [(60, 60 + count)]


@pytest.mark.parametrize("count", [8, 20])
def test_run_that_comes_again_later(count):
    ((start, end),) = listed(WHOLE[:80] + WHOLE[20 : 20 + count] + WHOLE[80:])
    assert abs(start - 80) <= 1
    assert abs(end - 80 - count) <= 1


def test_sentence_names_where_the_original_is():
    (segment,) = DuplicationDetector().detect(evidence(WHOLE[:80] + WHOLE[20:40] + WHOLE[80:])).segments
    assert "0.800" in segment.basis
    assert "step by step" in segment.basis


@pytest.mark.parametrize(
    "order",
    [
        [i for i in WHOLE for _ in range(2 if i % 4 == 3 else 1)],
        [i // 2 * 2 for i in WHOLE],
        [i // 6 * 6 for i in WHOLE],
        [i // 30 * 30 for i in WHOLE],
        [*WHOLE, *[119] * 60],
        [*[0] * 60, *WHOLE],
        [0] * 100,
    ],
    ids=["pulldown", "half rate", "sixth rate", "slideshow", "end card", "title card", "still"],
)
def test_repeats_that_are_no_forgery(order):
    assert listed(order) == []


def elsewhere(i):
    """A moving picture of another scene."""
    return OTHER[20:110, 10 + 2 * i : 170 + 2 * i]


def test_freeze_before_a_cut_is_an_ending_not_a_forgery():
    luma = np.concatenate([clip(WHOLE[:50] + [49] * 20), np.stack([elsewhere(i) for i in range(50)])])
    shots = (Shot(0.0, 70 / 25, "cut"), Shot(70 / 25, len(luma) / 25, None))
    assert listed_of(evidence_of_luma(luma, shots)) == []


def test_freeze_that_catches_up_lies_inside_one_recording_though_the_jump_looks_like_a_cut():
    order = WHOLE[:50] + [49] * 20 + WHOLE[70:]
    shots = (Shot(0.0, 70 / 25, "cut"), Shot(70 / 25, len(order) / 25, None))
    assert listed(order, shots) == [(50, 70)]


def test_cut_to_another_scene_ends_a_recording_and_a_jump_does_not():
    times = np.arange(100) / 25
    shots = (Shot(0.0, 2.0, "cut"), Shot(2.0, 3.96, None))
    same = evidence_of_luma(clip(WHOLE[:50] + WHOLE[65:115])).features.frames
    luma = np.concatenate([clip(WHOLE[:50]), np.stack([elsewhere(i) for i in range(50)])])
    other = evidence_of_luma(luma).features.frames
    assert len(times) == len(same.times_s)
    assert recordings(same, shots) == ((0, 100),)
    assert recordings(other, shots) == ((0, 50), (50, 100))


def test_still_picture_is_not_assessed():
    given = evidence([0] * 100)
    quiet = replace(given.features.frames, values={**given.features.frames.values})
    quiet.values["difference_max"] = np.zeros(100)
    rows = (
        DuplicationDetector().detect(replace(given, features=replace(given.features, frames=quiet))).coverage
    )
    assert any(not r.assessed and "nothing moves" in r.reason for r in rows)


def test_ranges_leave_gradual_transitions_out():
    times = np.arange(100) / 10
    shots = (Shot(0.0, 5.0, "dissolve", 4.0, 6.0), Shot(5.0, 9.9, None))
    assert shot_ranges(times, shots) == ((0, 40), (60, 100))
    assert shot_ranges(times, ()) == ((0, 100),)
    assert shot_ranges(np.zeros(0), ()) == ()


def test_the_same_rest_elsewhere_speaks_against_a_freeze():
    once = np.full((200, 48), 512, np.uint16)
    once[60:66] = 0
    (alone,) = find_freezes(once, (0, 200), 3)
    once[120:126] = 0
    twice = find_freezes(once, (0, 200), 3)
    assert (alone.first, alone.last) == (60, 66)
    assert alone.unlike == pytest.approx(alone.contrast, abs=0.1)
    assert all(f.unlike < 0 < f.contrast for f in twice)


@pytest.mark.parametrize("reach", [50, 60, 4000])
def test_brute_force_finds_the_same_repeat(reach, monkeypatch):
    monkeypatch.setattr(duplication_copies, "REACH_FRAMES", reach)
    monkeypatch.setattr(duplication_copies, "_BLOCK", 16)
    rng = np.random.default_rng(3)
    path = np.cumsum(rng.normal(0, 60, (90, 128)), axis=0)
    path[60:75] = path[10:25] + rng.normal(0, 4, (15, 128))
    signatures = np.clip(path, -32000, 32000).astype(np.int16)
    distance = np.linalg.norm(path[:, None] - path[None], axis=2)
    near = {(i, j) for i in range(90) for j in range(i + 5, 90) if distance[i, j] < 100}
    (repeat,) = find_repeats(signatures)
    assert {(i, i + repeat.lag) for i in range(repeat.first, repeat.last)} == near


@pytest.mark.parametrize("count", [0, 1, 9, 10, 300])
def test_signatures_without_motion_hold_no_repeat(count):
    assert find_repeats(np.full((count, 128), 50, np.int16)) == []

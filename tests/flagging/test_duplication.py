"""Repeated frames, on numbers made by hand and on pictures made in code."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.features.test_frame_hashes import block, textured
from tests.flagging.conformance import Given, check_promises, evidence_of
from vidforensics.features import FrameSeriesAccumulator
from vidforensics.flagging import duplication, duplication_copies
from vidforensics.flagging.duplication import DuplicationDetector, DuplicationOptions, candidates
from vidforensics.flagging.duplication_anchored import WINDOWS, find_anchored
from vidforensics.flagging.duplication_coded import coded_sizes
from vidforensics.flagging.duplication_copies import find_repeats
from vidforensics.flagging.duplication_freezes import find_freezes
from vidforensics.flagging.duplication_shots import recordings, shot_ranges
from vidforensics.types import PacketTable, Shot

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
    assert "again" in segment.basis


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


NO_SIZES = np.full(200, np.nan)


def test_the_same_rest_elsewhere_speaks_against_a_freeze():
    once = np.full((200, 48), 512, np.uint16)
    once[60:66] = 0
    (alone,) = find_freezes(once, NO_SIZES, (0, 200), 3)
    once[120:126] = 0
    twice = find_freezes(once, NO_SIZES, (0, 200), 3)
    assert (alone.first, alone.last) == (60, 66)
    assert alone.unlike == pytest.approx(alone.contrast, abs=0.1)
    assert all(f.unlike < 0 < f.contrast for f in twice)


def test_a_freeze_that_cost_next_to_nothing_says_so():
    once = np.full((200, 48), 512, np.uint16)
    once[60:66] = 0
    sizes = np.full(200, 10.0)
    (same,) = find_freezes(once, sizes, (0, 200), 3)
    sizes[60:66] = [5.0, 5.0, 5.0, 14.0, 5.0, 5.0]  # one key frame among six
    (cheap,) = find_freezes(once, sizes, (0, 200), 3)
    (unknown,) = find_freezes(once, NO_SIZES, (0, 200), 3)
    assert (same.cheap, cheap.cheap, unknown.cheap) == (0.0, 5.0, 0.0)
    assert replace(same, cheap=5.0) == cheap


def test_a_rest_that_comes_and_goes_gradually_is_ramped():
    change = np.full((200, 48), 512, np.uint16)
    change[60:72] = 4
    (sudden,) = find_freezes(change, NO_SIZES, (0, 200), 3)
    change[60], change[71] = 150, 100
    (gradual,) = find_freezes(change, NO_SIZES, (0, 200), 3)
    assert sudden.ramp == 0.0
    assert gradual.ramp == pytest.approx(np.log2((100 / 256 + 0.015) / (4 / 256 + 0.015)))


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


@pytest.mark.parametrize(
    ("order", "span"),
    [
        (WHOLE[:60] + WHOLE[50:60] + WHOLE[60:], (60, 70)),
        (WHOLE[:80] + WHOLE[20:32] + WHOLE[92:], (80, 92)),
        (WHOLE[:40] + WHOLE[90:98] + WHOLE[40:], (40, 48)),
    ],
    ids=["shown again at once", "over other frames", "from later in the clip"],
)
def test_run_at_a_jump_is_placed_where_it_was_put(order, span):
    ((start, end),) = listed(order)
    assert abs(start - span[0]) <= 1
    assert abs(end - span[1]) <= 1


@pytest.mark.parametrize("count", [5, 8, 25])
def test_run_shown_again_at_once_has_its_exact_ends(count):
    order = WHOLE[:60] + WHOLE[60 - count : 60] + WHOLE[60:]
    signatures = evidence(order).features.frames.signatures
    assert (60, 60 + count) in {(r.first, r.last) for r in find_anchored(signatures)}


def inside_by_all_spans(first, last, lag, spans):
    """The rule of `_is_inside`, tried on every span."""
    return any(
        (start < first and last < end)
        or ((start < first <= end or start <= last < end) and start <= first + lag and last + lag <= end)
        for start, end in spans
    )


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
    st.integers(0, 3),
    st.integers(1, 200),
    st.integers(5, 60),
    st.integers(-150, 150),
)
def test_a_run_is_inside_as_all_recordings_say(sizes, gap, first, length, lag):
    spans, at = [], 0
    for size in sizes:
        spans.append((at, at + size))
        at += size + gap
    expected = inside_by_all_spans(first, first + length, lag, spans)
    assert duplication._is_inside(first, first + length, lag, tuple(spans)) == expected


def test_of_overlapping_candidates_the_surest_is_kept():
    found = candidates(evidence(WHOLE[:60] + WHOLE[48:60] + WHOLE[60:]), DuplicationOptions())
    runs = [(c.first, c.last) for c in found if c.margin >= 0]
    assert runs == [(60, 72)]
    assert all(a.last <= b.first for a, b in pairwise(found))


def test_foreign_run_and_missing_frames_are_no_copies():
    foreign = np.concatenate(
        [clip(WHOLE[:60]), np.stack([elsewhere(i) for i in range(10)]), clip(WHOLE[60:])]
    )
    assert listed_of(evidence_of_luma(foreign)) == []
    assert listed(WHOLE[:50] + WHOLE[62:]) == []


def test_a_shot_that_is_shown_twice_is_editing():
    opening = np.stack([textured(13, 130, 260)[20:110, 10 + 3 * i : 170 + 3 * i] for i in range(20)])
    other = np.stack([elsewhere(i) for i in range(40)])
    luma = np.concatenate([clip(WHOLE[:40]), opening, other, opening, clip(WHOLE[60:100])])
    ends = [40, 60, 100, 120]
    starts_s = [0.0, *(end / 25 for end in ends)]
    shots = tuple(
        Shot(a, b, "cut" if b != starts_s[-1] + 40 / 25 else None)
        for a, b in zip(starts_s, [*starts_s[1:], 160 / 25], strict=True)
    )
    assert listed_of(evidence_of_luma(luma, shots)) == []
    assert listed_of(evidence_of_luma(luma)) != []  # in one recording it would be a copy


def walk(count=90, seed=3):
    """Signatures of a picture that goes where it likes, and never comes back."""
    steps = np.random.default_rng(seed).normal(0, 3, (count, 128))
    return np.cumsum(steps, axis=0) + np.arange(count)[:, None] * 2.0


def brute_force_match(path, first, width):
    """(lag, distance) of the nearest run that does not overlap."""
    here = path[first : first + width, 1:]
    means = {
        at - first: np.linalg.norm(path[at : at + width, 1:] - here, axis=1).mean()
        for at in range(len(path) - width + 1)
        if abs(at - first) >= width
    }
    return min(means.items(), key=lambda item: item[1])


@pytest.mark.parametrize(("source", "target", "count"), [(10, 60, 9), (70, 30, 12), (5, 45, 20)])
def test_brute_force_finds_the_same_run_at_a_jump(source, target, count):
    path = walk() * 8
    noise = np.random.default_rng(4).normal(0, 2, (count, 128))
    path = np.concatenate([path[:target], path[source : source + count] + noise, path[target + count :]])
    signatures = path.astype(np.int16)
    found = {(r.first, r.last): r for r in find_anchored(signatures)}
    run = found[target, target + count]
    lag, _ = brute_force_match(signatures.astype(float), target, 5)
    assert run.lag == lag == source - target
    at_either_end = [(target, w) for w in WINDOWS] + [(target + count - w, w) for w in WINDOWS]
    nearest = [brute_force_match(signatures / 64, first, w)[1] for first, w in at_either_end]
    assert any(run.distance == pytest.approx(distance, abs=1e-3) for distance in nearest)
    assert run.evidence() > 5.5


@pytest.mark.parametrize("count", [0, 1, 19, 20, 300])
def test_signatures_at_rest_hold_no_run_at_a_jump(count):
    assert find_anchored(np.full((count, 128), 50, np.int16)) == []


def test_run_as_long_as_the_clip_allows_stays_inside():
    path = walk(24) * 8
    path[19:] = path[2:7]
    assert all(0 <= r.first < r.last <= 24 for r in find_anchored(path.astype(np.int16)))


def packets(times_s, sizes):
    return PacketTable(
        np.asarray(times_s, float),
        np.asarray(times_s, float),
        np.asarray(sizes, np.int64),
        np.zeros(len(sizes), bool),
        np.full(len(sizes), "?"),
        np.full(len(sizes), np.nan),
        np.zeros(len(sizes), np.int64),
    )


def test_sizes_are_those_of_the_packets_shown_then():
    decoding_order = packets([0.0, 0.12, 0.04, 0.08, np.nan], [1024, 512, 2, 4, 7])
    assert coded_sizes(decoding_order, np.array([0.0, 0.04, 0.08, 0.12])).tolist() == [10.0, 1.0, 2.0, 9.0]


def test_sizes_of_frames_without_a_packet_are_unknown():
    known = coded_sizes(packets([0.0, 0.04], [8, 16]), np.array([0.0, 0.04, 0.08, 1.0]))
    assert known[:2].tolist() == [3.0, 4.0]
    assert np.isnan(known[2:]).all()
    assert np.isnan(coded_sizes(packets([], []), np.array([0.0, 0.04]))).all()
    assert coded_sizes(packets([0.0], [8]), np.zeros(0)).shape == (0,)
    assert coded_sizes(packets([0.0], [8]), np.zeros(1)).tolist() == [3.0]

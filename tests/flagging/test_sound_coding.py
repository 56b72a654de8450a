"""Breaks in the frames of an earlier coding, on grids made by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.flagging.conformance import Given, check_promises, evidence_of, same
from vidforensics.flagging import sound_coding
from vidforensics.flagging.sound_coding import (
    AT_CUT,
    NO_SOUND,
    NO_TRACE,
    SILENT,
    TOO_LATE,
    SoundCodingDetector,
)
from vidforensics.types import CodingGrids, Detection, GridRun, Shot

FRAME_S = 1024 / 44_100
SECONDS = 1000 * FRAME_S
CLEAR = 2.0


def grids_of(*runs: GridRun, count: int = 1000, clear: float = CLEAR, seed: int = 0) -> CodingGrids:
    """Grids that show in their own runs, over noise of one standard deviation everywhere."""
    offsets = np.unique([run.offset for run in runs]).astype(np.int64)
    shown = np.random.default_rng(seed).normal(size=(count, len(offsets))).astype(np.float32)
    for run in runs:
        shown[run.first : run.last, offsets.tolist().index(run.offset)] += clear
    return CodingGrids(0, FRAME_S, np.arange(count) * FRAME_S, offsets, shown, runs)


def detect(grids: CodingGrids | None, cuts_s: tuple[float, ...] = (), length_s: float = SECONDS) -> Detection:
    edges = (0.0, *cuts_s, length_s)
    shots = tuple(Shot(a, b, "cut" if b != length_s else None) for a, b in itertools.pairwise(edges))
    evidence = evidence_of(Given(shots=shots, sound_length_s=length_s, duration_s=length_s))
    evidence = replace(evidence, features=replace(evidence.features, coding_grids=grids))
    found = SoundCodingDetector().detect(evidence)
    check_promises(found, "sound_coding", "audio_splice", evidence.duration_s)
    assert same(found, SoundCodingDetector().detect(evidence))
    return found


def listed(found: Detection) -> list[tuple[float, float]]:
    return [(s.start_s, s.end_s) for s in found.segments if s.listed]


def test_a_jump_of_the_frames_is_flagged_where_it_is():
    found = detect(grids_of(GridRun(0, 400, 100), GridRun(401, 1000, 700)))
    ((start_s, end_s),) = listed(found)
    assert start_s == pytest.approx(401 * FRAME_S, abs=2 * FRAME_S)
    assert start_s < end_s < start_s + 2 * FRAME_S
    assert "jump by 600 of their" in found.segments[0].basis
    assert all(c.assessed for c in found.coverage)


def test_a_stretch_between_two_jumps_is_one_flag():
    found = detect(grids_of(GridRun(0, 400, 100), GridRun(401, 500, 700), GridRun(501, 1000, 300)))
    ((start_s, end_s),) = listed(found)
    assert (start_s, end_s) == pytest.approx((401 * FRAME_S, 501 * FRAME_S), abs=2 * FRAME_S)
    assert "lie 600 samples off those before it, and off" in found.segments[0].basis


def test_a_run_by_chance_beside_a_jump_does_not_hide_it():
    grids = grids_of(GridRun(0, 400, 100), GridRun(440, 1000, 700))
    shown = np.c_[grids.shown, np.zeros(1000)].astype(np.float32)
    runs = (grids.runs[0], GridRun(401, 430, 300), grids.runs[1])
    made = replace(grids, offsets=np.array([100, 700, 300]), shown=shown, runs=runs)
    ((start_s, end_s),) = listed(detect(made))
    assert (start_s, end_s) == pytest.approx((401 * FRAME_S, 441 * FRAME_S), abs=2 * FRAME_S)
    assert "Somewhere in this stretch the frames" in detect(made).segments[0].basis


def test_two_jumps_far_apart_are_two_flags():
    runs = GridRun(0, 200, 100), GridRun(201, 800, 700), GridRun(801, 1000, 300)
    assert len(listed(detect(grids_of(*runs)))) == 2


def test_one_grid_throughout_is_no_flag_even_with_a_hole():
    assert listed(detect(grids_of(GridRun(0, 400, 100), GridRun(500, 1000, 100)))) == []


@pytest.mark.parametrize("step", [1, 20, 1000])
def test_a_drift_is_no_jump(step: int):
    assert detect(grids_of(GridRun(0, 400, 100), GridRun(400, 1000, (100 + step) % 1024))).segments == ()


@pytest.mark.parametrize("step", [128, 385])
def test_a_step_of_short_windows_counts_for_half(step: int):
    runs = GridRun(0, 400, 100), GridRun(400, 1000, 100 + step)
    assert len(listed(detect(grids_of(*runs)))) == 1
    assert listed(detect(grids_of(*runs, clear=0.7))) == []
    assert len(listed(detect(grids_of(runs[0], GridRun(400, 1000, 150), clear=0.7)))) == 1
    own = replace(grids_of(runs[0], GridRun(400, 1000, 150), clear=0.7), own=100 - 64)
    assert listed(detect(own)) == []


def test_short_windows_that_take_turns_with_their_frames_do_not_hide_a_jump():
    runs = GridRun(0, 200, 100), GridRun(200, 260, 356), GridRun(260, 460, 100), GridRun(461, 1000, 700)
    ((start_s, _),) = listed(detect(grids_of(*runs)))
    assert start_s == pytest.approx(461 * FRAME_S, abs=2 * FRAME_S)


def test_a_grid_that_shows_on_both_sides_of_a_jump_is_none():
    """Two earlier codings lie over each other throughout; now the one shows more, now the other."""
    grids = grids_of(GridRun(0, 400, 100), GridRun(400, 1000, 700))
    assert detect(replace(grids, shown=np.full_like(grids.shown, CLEAR))).segments == ()


def test_grids_that_take_turns_are_two_earlier_codings():
    edges = range(0, 1000, 200)
    runs = [GridRun(a, a + 200, 100 if k % 2 else 700) for k, a in enumerate(edges)]
    assert detect(grids_of(*runs)).segments == ()


def test_a_stretch_put_over_the_sound_leaves_the_frames_on_both_sides_where_they_were():
    found = detect(grids_of(GridRun(0, 400, 100), GridRun(401, 500, 700), GridRun(501, 1000, 100)))
    assert listed(found) == [pytest.approx((401 * FRAME_S, 501 * FRAME_S), abs=2 * FRAME_S)]


def test_a_faint_grid_is_a_candidate_that_is_not_listed():
    found = detect(grids_of(GridRun(0, 300, 100), GridRun(300, 1000, 700), clear=0.55))
    assert [s.listed for s in found.segments] == [False]


def test_frames_without_sound_speak_for_nothing():
    grids = grids_of(GridRun(0, 400, 100), GridRun(400, 1000, 700))
    grids.shown[400:] = 0.0
    assert detect(grids).segments == ()


def test_a_jump_at_a_cut_of_the_picture_is_editing():
    grids = grids_of(GridRun(0, 400, 100), GridRun(401, 1000, 700))
    found = detect(grids, cuts_s=(401 * FRAME_S + 0.2,))
    assert found.segments == ()
    assert [c.reason for c in found.coverage] == [None, AT_CUT, None]
    assert len(listed(detect(grids, cuts_s=(5.0,)))) == 1


def test_what_shows_no_grid_is_not_assessed():
    found = detect(grids_of(GridRun(300, 1000, 100)))
    assert [(c.assessed, c.reason) for c in found.coverage] == [(False, NO_TRACE), (True, None)]
    assert found.coverage[0].end_s == pytest.approx(300 * FRAME_S)
    own = replace(grids_of(GridRun(0, 1000, 100)), own=100 - 512)
    assert [(c.assessed, c.reason) for c in detect(own).coverage] == [(False, NO_TRACE)]
    found = detect(replace(grids_of(GridRun(0, 1000, 100)), until_s=10.0))
    assert [(c.assessed, c.reason) for c in found.coverage] == [(True, None), (False, TOO_LATE)]


def test_without_sound_or_grids_nothing_is_assessed():
    assert [(c.assessed, c.reason) for c in detect(None).coverage] == [(False, NO_SOUND)]
    found = detect(
        CodingGrids(0, FRAME_S, np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 0), np.float32), ())
    )
    assert [(c.assessed, c.reason) for c in found.coverage] == [(False, NO_SOUND)]
    assert found.tracks == ()
    found = detect(replace(grids_of(), offsets=np.zeros(0, np.int64), shown=np.zeros((1000, 0), np.float32)))
    assert [(c.assessed, c.reason) for c in found.coverage] == [(False, NO_TRACE)]


def test_sound_that_ends_before_the_picture_is_said_to():
    found = detect(grids_of(GridRun(0, 1000, 100)), length_s=60.0)
    assert [(c.assessed, c.reason) for c in found.coverage] == [(True, None), (False, SILENT)]


def test_times_that_begin_late_and_jump_are_kept():
    grids = grids_of(GridRun(0, 400, 100), GridRun(401, 1000, 700))
    times_s = grids.times_s + 2.0 + np.where(np.arange(1000) >= 600, 3.0, 0.0)
    found = detect(replace(grids, times_s=times_s), length_s=float(times_s[-1]) + FRAME_S)
    ((start_s, _),) = listed(found)
    assert start_s == pytest.approx(2.0 + 401 * FRAME_S, abs=2 * FRAME_S)
    assert not found.coverage[0].assessed and found.coverage[0].end_s == pytest.approx(2.0)


def test_the_track_shows_the_grid_of_most_frames():
    found = detect(grids_of(GridRun(0, 300, 100), GridRun(301, 1000, 700)))
    (track,) = found.tracks
    late = track.times_s > 320 * FRAME_S
    assert np.nanmedian(track.scores[late]) > 8 > 4 > np.nanmedian(track.scores[~late])
    assert np.isnan(track.threshold)


def test_the_calibration_grows_with_strength():
    low, high = (sound_coding.calibrated("sound_coding", s)[1] for s in (5.0, 15.0))
    assert low < high

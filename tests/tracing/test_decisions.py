"""The edit decision list: whole, in order, and with the words that the order tells."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.tracing.decisions import edit_decisions, order_edits
from vidforensics.types import Edit, NotTraced, TraceSegment


def segment(q0, q1, r0, speed=1.0, score=0.9, modality="both", sound="same", edits=()):
    return TraceSegment(q0, q1, r0, r0 + speed * (q1 - q0), score, modality, speed, False, edits, sound)


def kinds(row):
    return [e.kind for e in row.edits]


times = st.floats(0, 100, allow_nan=False)


@st.composite
def any_segments(draw):
    found = []
    for _ in range(draw(st.integers(0, 8))):
        a, length = draw(times), draw(st.floats(0.0, 40))
        found.append(
            segment(
                a,
                a + length,
                draw(times),
                draw(st.sampled_from([0.5, 0.8, 1.0, 1.25])),
                draw(st.floats(0, 1)),
                draw(st.sampled_from(["picture", "sound", "both"])),
            )
        )
    return found


@settings(max_examples=150, deadline=None)
@given(any_segments(), st.floats(0.05, 90), st.lists(st.tuples(times, st.floats(0, 20)), max_size=3))
def test_every_second_once(segments, duration, gaps):
    missing = [NotTraced(a, a + n, "black") for a, n in gaps]
    rows = edit_decisions(segments, duration, reference_duration_s=120.0, not_assessed=missing)
    assert rows[0].start_s == 0.0 and rows[-1].end_s == duration
    assert all(a.end_s == b.start_s for a, b in pairwise(rows))
    assert all(r.end_s > r.start_s for r in rows)
    for row in rows:
        assert row.reference == (row.reference_start_s is not None) == (row.reference_end_s is not None)
        if row.reference:
            assert row.reference_end_s >= row.reference_start_s


@settings(max_examples=60, deadline=None)
@given(any_segments())
def test_order_edits_keep_every_segment(segments):
    marked = order_edits(segments, 150.0)
    assert sorted((s.query_start_s, s.query_end_s, s.reference_start_s) for s in marked) == sorted(
        (s.query_start_s, s.query_end_s, s.reference_start_s) for s in segments
    )


def test_nothing_known():
    assert edit_decisions([], 0.0) == ()
    (row,) = edit_decisions([], 10.0)
    assert (row.start_s, row.end_s, row.reference, row.edits) == (0.0, 10.0, False, ())
    assert order_edits([]) == ()
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="edit decision list"):
            edit_decisions([], bad)


def test_a_whole_copy_has_no_order_edit():
    (row,) = edit_decisions([segment(0, 60, 0)], 60.0, reference_duration_s=60.0)
    assert row.reference and kinds(row) == []
    assert row.detail["speed"] == 1.0


def test_excerpt_is_trimmed_before_and_after():
    (row,) = edit_decisions([segment(0, 20, 31)], 20.0, reference_duration_s=100.0)
    assert kinds(row) == ["trim", "trim"]
    assert [(e.detail["reference_start_s"], e.detail["reference_end_s"]) for e in row.edits] == [
        (0.0, 31),
        (51, 100.0),
    ]
    assert [e.detail["side"] for e in row.edits] == [-1.0, 1.0]
    (unknown,) = edit_decisions([segment(0, 20, 31)], 20.0)
    assert kinds(unknown) == ["trim"]


def test_removed_between():
    rows = edit_decisions([segment(0, 20, 0), segment(20, 50, 27)], 50.0, reference_duration_s=57.0)
    assert [kinds(r) for r in rows] == [[], ["trim"]]
    assert rows[1].edits[0].detail["reference_start_s"] == 20 and rows[1].edits[0].detail["side"] == 0


def test_insert_between_two_but_not_at_the_ends():
    rows = edit_decisions([segment(5, 20, 0), segment(28, 50, 15)], 60.0, reference_duration_s=37.0)
    assert [(r.reference, kinds(r)) for r in rows] == [
        (False, []),
        (True, []),
        (False, ["insert"]),
        (True, []),
        (False, []),
    ]


def test_reorder_goes_back_without_repeating_and_loop_repeats():
    swapped = edit_decisions([segment(0, 20, 20), segment(20, 40, 0)], 40.0, reference_duration_s=40.0)
    assert [kinds(r) for r in swapped] == [[], ["reorder"]]
    again = edit_decisions([segment(0, 20, 0), segment(20, 40, 0)], 40.0, reference_duration_s=20.0)
    assert [kinds(r) for r in again] == [[], ["loop"]]
    # forward over what is shown later leaves nothing out
    around = [segment(0, 20, 0), segment(20, 40, 40), segment(40, 60, 20)]
    rows = edit_decisions(around, 60.0, reference_duration_s=60.0)
    assert [kinds(r) for r in rows] == [[], [], ["reorder"]]


def test_picture_goes_before_sound_and_the_higher_score_first():
    rows = edit_decisions(
        [segment(0, 30, 50, modality="sound", score=0.99), segment(10, 20, 0, score=0.6, modality="picture")],
        30.0,
    )
    assert [(r.start_s, r.end_s, r.detail["modality"]) for r in rows] == [
        (0, 10, "sound"),
        (10, 20, "picture"),
        (20, 30, "sound"),
    ]
    assert rows[2].reference_start_s == pytest.approx(70.0)


def test_cut_rows_keep_their_reference_time_at_any_speed():
    rows = edit_decisions([segment(-4, 36, 0, speed=1.25)], 32.0)
    assert rows[0].reference_start_s == pytest.approx(5.0) and rows[0].reference_end_s == pytest.approx(45.0)


def test_what_was_not_searched_says_so():
    rows = edit_decisions([segment(5, 20, 0)], 20.0, not_assessed=[NotTraced(0, 3, "black frames")])
    assert [(r.start_s, r.end_s, r.detail.get("not_assessed")) for r in rows] == [
        (0.0, 3, "black frames"),
        (3, 5, None),
        (5, 20, None),
    ]


def test_order_edits_tell_about_the_gap_and_keep_other_edits():
    first, second = order_edits(
        [segment(28, 50, 15, edits=(Edit("crop"),)), segment(5, 20, 0)], reference_duration_s=37.0
    )
    assert [e.kind for e in first.edits] == [] and [e.kind for e in second.edits] == ["crop", "insert"]
    assert second.edits[1].detail == {"start_s": 20, "end_s": 28}


def trims(row):
    return [
        (e.detail["reference_start_s"], e.detail["reference_end_s"]) for e in row.edits if e.kind == "trim"
    ]


def test_what_was_not_found_is_not_trimmed():
    """A piece that, followed on, meets the ends of both at once says nothing of what lies beside it."""
    (whole,) = order_edits([segment(1.9, 8.0, 1.9)], 10.0, duration_s=10.0)
    assert trims(whole) == []
    (cut,) = order_edits([segment(0.0, 8.0, 1.9)], 12.0, duration_s=8.0)
    assert trims(cut) == [(0.0, 1.9), (9.9, 12.0)]
    (other,) = order_edits([segment(3.0, 6.0, 1.9)], 12.0, duration_s=9.0)
    assert trims(other) == [(0.0, 1.9), (4.9, 12.0)]


def test_room_is_counted_at_the_speed_of_the_piece():
    (whole,) = order_edits([segment(2.0, 8.0, 2.5, speed=1.25)], 12.5, duration_s=10.0)
    assert trims(whole) == []
    (cut,) = order_edits([segment(2.0, 8.0, 4.0, speed=1.25)], 14.0, duration_s=10.0)
    assert trims(cut) == [(0.0, 4.0)]


def test_rows_follow_the_same_rule():
    rows = edit_decisions([segment(1.9, 8.0, 1.9)], 10.0, reference_duration_s=10.0)
    assert [trims(row) for row in rows] == [[], [], []]
    rows = edit_decisions([segment(0.0, 8.0, 1.9)], 8.0, reference_duration_s=12.0)
    assert [trims(row) for row in rows] == [[(0.0, 1.9), (9.9, 12.0)]]


def test_sound_that_picture_reaches_beyond_is_not_trimmed():
    found = [segment(0.0, 10.0, 0.0, modality="picture"), segment(3.0, 6.0, 5.0, modality="sound")]
    picture, sound = order_edits(found, 10.0, duration_s=10.0)
    assert trims(picture) == trims(sound) == []

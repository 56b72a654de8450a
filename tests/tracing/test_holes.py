"""What does not belong to an alignment, and what moves: on pictures made in code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.features.test_frame_hashes import textured
from vidforensics.tracing.align_pieces import at_speed, cut, part, shifted
from vidforensics.tracing.holes import holes, likeness
from vidforensics.tracing.motion_agreement import motion_agreement
from vidforensics.types import Alignment, PictureRelation

SAME = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
GROUND, OTHER = textured(21, 180, 320), textured(22, 180, 320)
ALIGNED = Alignment(2.0, 12.0, 30.0, 42.5, 1.25, False, "both", 9.0, 9.0)


def room(places, seed):
    """A still room in which somebody walks: a patch of other texture at each place."""
    patch, planes = textured(seed, 80, 60), np.repeat(GROUND[None], len(places), axis=0).copy()
    for plane, x in zip(planes, places, strict=True):
        plane[60:140, x : x + 60] = patch
    return planes


def relation(matrix=SAME):
    return PictureRelation(20.0, False, matrix, ())


def test_a_copy_moves_alike_and_another_take_of_the_room_does_not():
    walk = [10, 60, 90, 140, 180, 230]
    copy = motion_agreement(room(walk, 5) // 2 + 40, room(walk, 5), relation())
    other = motion_agreement(room(walk[::-1], 6), room(walk, 5), relation())
    assert copy.correlation > 0.95 and not copy.contradicts
    assert other.correlation < 0.25 and other.contradicts


def test_a_still_room_contradicts_nothing():
    still = room([10] * 6, 5)
    assert not motion_agreement(still, still, relation()).contradicts


@pytest.mark.parametrize("matrix", [None, (0.05, 0, 0.9, 0, 0.05, 0.9)])
def test_without_common_picture_nothing_is_said(matrix):
    assert motion_agreement(room([1, 9], 5), room([1, 9], 5), relation(matrix)) is None
    assert motion_agreement(room([], 5), room([], 5), relation()) is None


def test_an_inserted_stretch_is_found():
    times = np.arange(0, 10, 0.25)
    reference = np.repeat(GROUND[None], len(times), axis=0)
    query = reference.copy()
    query[12:20] = OTHER
    assert holes(times, likeness(query, reference, SAME)) == [(3.0, 4.75)]


def test_strangers_have_no_holes_and_flat_pictures_no_likeness():
    times = np.arange(0, 5, 0.25)
    reference = np.repeat(GROUND[None], len(times), axis=0)
    query = np.repeat(OTHER[None], len(times), axis=0)
    assert holes(times, likeness(query, reference, SAME)) == []
    flat = np.full_like(reference, 90)
    assert np.isnan(likeness(flat, reference, SAME)).all()
    assert holes(times[:0], np.zeros(0)) == []


@given(st.lists(st.floats(2.0, 12.0), max_size=8))
def test_pieces_keep_to_the_line_and_out_of_holes(times):
    times = sorted(times)[: len(times) // 2 * 2]
    gaps = list(zip(times[::2], times[1::2], strict=True))
    for piece in cut(ALIGNED, gaps):
        line = 30.0 + 1.25 * (piece.query_start_s - 2.0)
        assert piece.reference_start_s == pytest.approx(line)
        assert piece.reference_end_s - piece.reference_start_s == pytest.approx(
            1.25 * (piece.query_end_s - piece.query_start_s)
        )
        assert not any(a < piece.query_end_s - 1e-9 and b > piece.query_start_s + 1e-9 for a, b in gaps)


def test_moved_alignments():
    assert part(ALIGNED, 2.0, 12.0) == ALIGNED
    assert shifted(shifted(ALIGNED, 0.5), -0.5) == ALIGNED
    plain = at_speed(ALIGNED, 1.0)
    assert (plain.reference_start_s, plain.reference_end_s, plain.speed) == (31.25, 41.25, 1.0)
    assert at_speed(plain, 1.25) == ALIGNED

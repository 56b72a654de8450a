"""Alignments of made-up hits whose truth is known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tracing.simulate import (
    QUERY_STEP_S,
    Piece,
    make_hits,
    make_rows,
    picture_hits,
    segment_f1,
    sound_hits,
)
from vidforensics.tracing.align import AlignOptions, align

CASES = {
    "whole": ([Piece(0, 60, 0)], 60, 60),
    "excerpt": ([Piece(0, 20, 31.3)], 20, 120),
    "inside another": ([Piece(14, 34, 31.3)], 60, 120),
    "fast": ([Piece(0, 40, 10, 1.25)], 40, 90),
    "slow": ([Piece(0, 40, 10, 0.8)], 40, 90),
    "slightly slow": ([Piece(0, 40, 10, 0.93)], 40, 90),
    "half speed": ([Piece(0, 40, 10, 0.5)], 40, 60),
    "reordered": ([Piece(0, 20, 40), Piece(20, 40, 5), Piece(40, 60, 70)], 60, 100),
    "repeated": ([Piece(0, 15, 20), Piece(15, 30, 20), Piece(30, 45, 20)], 45, 60),
    "removed": ([Piece(0, 20, 0), Piece(20, 50, 27)], 50, 60),
    "inserted": ([Piece(0, 20, 0), Piece(28, 50, 20)], 50, 60),
    "mirrored and not": ([Piece(0, 20, 0), Piece(20, 50, 20, mirrored=True)], 50, 60),
    "hour": ([Piece(100, 160, 1000), Piece(300, 420, 50, 1.1)], 600, 3600),
}


def aligned(pieces, query, reference, seed, chance=0, sound=False, extra=()):
    rng = np.random.default_rng(seed)
    rows = make_rows(reference, rng)
    hits = [picture_hits(pieces, query, rows, rng, chance=chance), *extra]
    if sound:
        hits.append(sound_hits(pieces, query, reference, rng, chance=chance))
    cuts = {e for p in pieces for e in (p.start, p.end) if 0 < e < query} | set(
        rng.uniform(0, query, query // 8)
    )
    times = np.arange(0, query, QUERY_STEP_S)
    return align(hits, query, reference, rows_s=rows, query_s=times, cuts_s=np.array(sorted(cuts)))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sound", [False, True])
def test_clean_hits(name, sound):
    pieces, query, reference = CASES[name]
    runs = [aligned(pieces, query, reference, seed, sound=sound) for seed in range(3)]
    least = 0.97 if sound else 0.55 if name == "half speed" else 0.78
    assert np.mean([segment_f1(pieces, found) for found in runs]) > least
    for found in runs if least > 0.6 else []:
        for piece in pieces:
            best = max(found, key=lambda a: min(a.query_end_s, piece.end) - max(a.query_start_s, piece.start))
            assert best.speed == pytest.approx(piece.speed, rel=0.03) and best.mirrored == piece.mirrored


@pytest.mark.parametrize("name", CASES)
def test_nineteen_in_twenty_hits_by_chance(name):
    pieces, query, reference = CASES[name]
    found = aligned(pieces, query, reference, 1, chance=19, sound=True)
    assert segment_f1(pieces, found) > 0.7


def test_chance_alone_gives_little():
    evidence = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = make_rows(120, rng)
        found = align([picture_hits([], 60, rows, rng, chance=10)], 60, 120, rows_s=rows)
        evidence.append(max((a.picture_evidence for a in found), default=0.0))
    assert np.mean(np.array(evidence) > 2.0) <= 0.1


def test_a_still_picture_is_little_evidence():
    """Every query frame is like every row of a still reference: at most a row's worth, not their sum."""
    times, rows = np.arange(0, 20, QUERY_STEP_S), np.arange(0, 20, 2.0)
    table = np.array([(t, r, 4.0, 0, i) for i, r in enumerate(rows) for t in times])
    found = align([make_hits("picture", table)], 20, 20, rows_s=rows)
    assert sum(a.picture_evidence for a in found) < 12.0
    moving = np.array([(r, r, 4.0, 0, i) for i, r in enumerate(rows)])
    assert align([make_hits("picture", moving)], 20, 20)[0].picture_evidence == pytest.approx(40.0)


@pytest.mark.parametrize("right_way", [0, 1])
def test_a_chance_hit_the_other_way_round_does_not_outweigh_a_picture_that_hardly_moves(right_way):
    times, rows = np.arange(0, 4.5, QUERY_STEP_S), np.arange(0, 4.5, 0.5)
    table = [
        (t, r, 5.7 if abs(t - r) < 1.5 else 5.0, right_way, i) for i, r in enumerate(rows) for t in times
    ]
    chance = (0.5, 0.0, 2.0, 1 - right_way, 0)
    found = align([make_hits("picture", np.array([*table, chance]))], 4.5, 4.5, rows_s=rows, query_s=times)
    assert {a.mirrored for a in found} == {bool(right_way)}
    assert max(a.query_end_s - a.query_start_s for a in found) > 3.0


def test_one_row_gives_no_line_of_its_own():
    times = np.arange(5, 15, QUERY_STEP_S)
    table = np.array([(t, 30.0, 5.0, 0, 3) for t in times])
    found = align([make_hits("picture", table)], 20, 60)
    assert sum(a.picture_evidence for a in found) <= 5.0 + 1e-6
    assert all(a.speed == 1.0 for a in found)


@pytest.mark.parametrize("count", [1, 2])
def test_few_hits_still_give_an_alignment_at_speed_one(count):
    table = np.array([(4.0 + 2 * i, 34.0 + 2 * i, 5.0, 0, i) for i in range(count)])
    (found,) = align([make_hits("picture", table)], 8, 60)
    assert found.speed == 1.0 and found.modality == "picture"
    assert found.reference_start_s - found.query_start_s == pytest.approx(30.0)
    assert found.picture_evidence == pytest.approx(5.0 * count)


def test_nearly_one_is_one():
    rng = np.random.default_rng(3)
    found = align([picture_hits([Piece(0, 30, 10, 1.002)], 30, make_rows(60, rng, (2,)), rng)], 30, 60)
    assert [a.speed for a in found] == [1.0]


def test_sound_from_elsewhere_gets_its_own_alignment():
    rng = np.random.default_rng(5)
    other = sound_hits([Piece(0, 30, 60)], 30, 120, rng)
    found = aligned([Piece(0, 30, 10)], 30, 120, 5, extra=[other])
    assert sorted(a.modality for a in found) == ["picture", "sound"]
    by = {a.modality: a for a in found}
    assert by["picture"].reference_start_s == pytest.approx(10, abs=0.2)
    assert by["sound"].reference_start_s == pytest.approx(60, abs=0.5)
    assert by["sound"].picture_evidence == 0 and by["picture"].sound_evidence == 0


def test_sound_goes_on_where_the_picture_changes():
    rng = np.random.default_rng(6)
    under = sound_hits([Piece(0, 40, 10)], 40, 120, rng)
    found = aligned([Piece(0, 20, 10)], 40, 120, 6, extra=[under])
    assert [a.modality for a in found] == ["both", "sound"]
    assert found[1].query_end_s == pytest.approx(40, abs=0.5)


def test_without_rows_and_cuts_ends_stay_near_the_evidence():
    rng = np.random.default_rng(7)
    rows = make_rows(200, rng, (2,))
    found = align([picture_hits([Piece(40, 70, 100)], 120, rows, rng, missed=0.0)], 120, 200)
    (only,) = found
    assert 38.0 < only.query_start_s < 43.0 and 67.0 < only.query_end_s < 72.5


def test_nothing_and_broken_hits():
    assert align([], 10, 10) == ()
    empty = make_hits("picture", np.zeros((0, 5)))
    assert align([empty, make_hits("sound", np.zeros((0, 5)))], 10, 10) == ()
    assert align([empty], 0, 0) == ()
    broken = make_hits("picture", np.array([(np.nan, 1, 5, 0, 0), (1, np.inf, 5, 0, 1), (1, 1, -2, 0, 2)]))
    assert align([broken], 10, 10) == ()
    assert align([replace(broken, weight=np.full(3, np.nan, np.float32))], 10, 10) == ()
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="cannot be aligned"):
            align([], bad, 10)


def test_order_of_hits_does_not_matter():
    rng = np.random.default_rng(8)
    hits = picture_hits([Piece(0, 20, 40), Piece(20, 40, 5)], 40, make_rows(100, rng), rng, chance=3)
    mixed = rng.permutation(len(hits.query_s))
    fields = ("video", "query_s", "reference_s", "weight", "speed", "mirrored", "view", "reference_row")
    other = replace(hits, **{n: getattr(hits, n)[mixed] for n in fields})
    assert align([hits], 40, 100) == align([other], 40, 100)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0.5, 80), st.floats(0.5, 80))
@example(7464, 52, 65.0, 16.0)  # a piece between two vanishes where they meet
def test_any_hits_give_sound_records(seed, count, query, reference):
    rng = np.random.default_rng(seed)
    table = np.column_stack(
        [
            rng.uniform(0, query, count),
            rng.uniform(0, reference, count),
            rng.uniform(0.1, 8, count),
            rng.random(count) < 0.3,
            rng.integers(0, 9, count),
        ]
    )
    heard = table.copy()
    heard[:, 3] = rng.uniform(0.4, 2.2, count)
    found = align([make_hits("picture", table), make_hits("sound", heard)], query, reference)
    assert list(found) == sorted(found, key=lambda a: a.query_start_s)
    for a in found:
        assert 0 <= a.query_start_s < a.query_end_s <= query + 1e-6
        assert 0 <= a.reference_start_s <= a.reference_end_s <= reference + 1e-6
        assert 0.5 <= a.speed <= 2.0
        expected = a.reference_start_s + a.speed * (a.query_end_s - a.query_start_s)
        assert a.reference_end_s == pytest.approx(expected, abs=1e-3)
    for alone in (False, True):
        same = [a for a in found if (a.modality == "sound") == alone]
        for a, b in itertools.pairwise(same):
            assert a.query_end_s <= b.query_start_s + 1e-6


def test_options_bound_speed_and_work():
    pieces, query, reference = CASES["fast"]
    rng = np.random.default_rng(2)
    hits = picture_hits(pieces, query, make_rows(reference, rng), rng)
    found = align([hits], query, reference, AlignOptions(greatest_speed=1.1))
    assert all(a.speed <= 1.1 for a in found)
    assert len(align([hits], query, reference, AlignOptions(most_segments=1, most_hits=50))) <= 1

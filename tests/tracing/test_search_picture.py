"""Fast search against brute force: on small tables equal, on large ones no copy lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.tracing import picture_odds
from vidforensics.tracing.search_picture import (
    PictureSearchOptions,
    search_pictures,
    search_pictures_exhaustively,
)
from vidforensics.types import Hits, PictureTable, QueryViews, View

LIMIT = 60
FAST = PictureSearchOptions(max_distance_bits=LIMIT, whole_pairs=0)
WHOLE = (0.0, 0.0, 1.0, 1.0)
VIEWS = (View(WHOLE, False), View(WHOLE, True), View((0.0, 0.125, 1.0, 0.75), False))


def random_codes(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 256, (count, 32), np.uint8)


def flipped(rng: np.random.Generator, codes: np.ndarray, share: float) -> np.ndarray:
    """Copies of codes in which each bit is wrong with probability `share`."""
    return codes ^ np.packbits(rng.random((len(codes), 256)) < share, axis=1)


def table(codes: np.ndarray, rows_per_video: int = 12, first: int = 1, quality: int = 90) -> PictureTable:
    starts = np.unique(np.append(np.arange(0, len(codes), rows_per_video), len(codes))).astype(np.int64)
    return PictureTable(
        codes=codes,
        times_s=(np.arange(len(codes)) % rows_per_video * 2.5).astype(np.float32),
        quality=np.full(len(codes), quality, np.uint8),
        videos=np.arange(first, first + len(starts) - 1),
        starts=starts,
    )


def views_of(codes: np.ndarray, quality: int = 90) -> QueryViews:
    count = len(codes)
    view = np.arange(count) % len(VIEWS)
    return QueryViews(VIEWS, np.arange(count) * 0.25, view, codes, np.full(count, quality, np.uint8))


def rows_of(hits: Hits) -> list[tuple[int, float, int, int]]:
    columns = hits.video, hits.query_s, hits.view, hits.reference_row
    return list(zip(*(c.tolist() for c in columns), strict=True))


def oracle(tables: list[PictureTable], views: QueryViews, limit: int) -> set[tuple[int, float, int, int]]:
    """Every pair within `limit`, bit by bit."""
    found = set()
    for t in tables:
        bits = np.unpackbits(t.codes, axis=1).astype(np.int64)
        for q in range(len(views.codes)):
            distance = np.abs(bits - np.unpackbits(views.codes[q])).sum(axis=1)
            for row in np.flatnonzero((distance <= limit) & (t.quality > 0)):
                at = np.searchsorted(t.starts, row, side="right") - 1
                place = int(row - t.starts[at])
                found.add((int(t.videos[at]), float(views.times_s[q]), int(views.view[q]), place))
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 90), st.integers(0, 30))
def test_comparing_everything_equals_counting_bits(seed: int, rows: int, queries: int):
    rng = np.random.default_rng(seed)
    codes = random_codes(rng, rows)
    tables = [table(codes[: rows // 2], 5), table(codes[rows // 2 :], 7, first=100)]
    views = views_of(flipped(rng, codes[rng.integers(0, rows, queries)], rng.uniform(0, 0.35)))
    hits = search_pictures(tables, views, replace(FAST, whole_pairs=10**9))
    assert set(rows_of(hits)) == oracle(tables, views, LIMIT)
    assert len(set(rows_of(hits))) == len(hits.video)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.15])
def test_the_fast_path_keeps_the_hits_of_copies(share: float):
    rng = np.random.default_rng(int(share * 100))
    codes = random_codes(rng, 40_000)
    at = np.arange(24_000, 24_240)
    views = views_of(flipped(rng, codes[at], share))
    tables = [table(codes[:20_000]), table(codes[20_000:], first=5000)]
    whole = set(rows_of(search_pictures_exhaustively(tables, views, FAST)))
    fast = rows_of(search_pictures(tables, views, FAST))
    assert len(whole) >= 235
    assert len(fast) == len(set(fast))
    assert set(fast) <= whole
    assert len(fast) >= 0.99 * len(whole)


def test_confirming_gives_a_video_the_hits_that_the_first_pass_misses():
    rng = np.random.default_rng(7)
    codes = random_codes(rng, 30_000)
    views = views_of(flipped(rng, codes[600:636], 0.2))
    without = search_pictures([table(codes)], views, replace(FAST, view_pairs=0, confirm_pairs=0))
    confirmed = search_pictures([table(codes)], views, FAST)
    whole = search_pictures_exhaustively([table(codes)], views, FAST)
    assert 0 < len(without.video) < len(whole.video)
    assert rows_of(confirmed) == rows_of(whole)


def test_a_video_is_compared_under_the_view_that_found_most_of_it():
    rng = np.random.default_rng(11)
    codes = random_codes(rng, 30_000)
    one, other = flipped(rng, codes[600:636], 0.2), flipped(rng, codes[600:606], 0.22)
    views = replace(
        views_of(np.concatenate([one, other])),
        views=(View((0.0, 0.0, 1.0, 1.0), False), View((0.0, 0.0, 1.0, 1.0), True)),
        view=np.repeat([0, 1], [36, 6]),
    )
    within = [table(codes[:500]), table(codes[500:], first=5000)]
    first = set(rows_of(search_pictures(within, views, replace(FAST, view_pairs=0, confirm_pairs=0))))
    found = rows_of(search_pictures(within, views, replace(FAST, confirm_pairs=0)))
    whole = search_pictures_exhaustively(within, views, FAST)
    of_view = {row for row, view in zip(rows_of(whole), whole.view, strict=True) if view == 0}
    assert len(found) == len(set(found))
    assert first < set(found) <= set(rows_of(whole))
    assert of_view <= set(found)


def test_hits_say_where_when_and_how():
    rng = np.random.default_rng(3)
    codes = random_codes(rng, 24)
    tables = [table(codes[:12]), table(codes[12:], first=40)]
    views = QueryViews(VIEWS, np.array([9.5]), np.array([1]), codes[17:18], np.array([50], np.uint8))
    hits = search_pictures(tables, views, FAST)
    assert hits.modality == "picture"
    assert (hits.video.tolist(), hits.query_s.tolist(), hits.reference_s.tolist()) == ([40], [9.5], [12.5])
    assert (hits.mirrored.tolist(), hits.view.tolist(), hits.reference_row.tolist()) == ([True], [1], [5])
    assert hits.weight[0] == picture_odds.weights(np.array([0]))[0]
    assert np.isnan(hits.speed).all()


def test_hits_are_ordered():
    rng = np.random.default_rng(4)
    codes = np.repeat(random_codes(rng, 3), 20, axis=0)[rng.permutation(60)]
    hits = search_pictures([table(codes[30:], first=50), table(codes[:30])], views_of(codes[:9]), FAST)
    keys = list(zip(hits.video, hits.query_s, hits.reference_s, strict=True))
    assert keys == sorted(keys)


@pytest.mark.parametrize("whole_pairs", [0, 10**9])
def test_nothing_matches_nothing(whole_pairs: int):
    rng = np.random.default_rng(5)
    codes, options = random_codes(rng, 40), replace(FAST, whole_pairs=whole_pairs)
    empty = views_of(codes[:0])
    assert len(search_pictures([], views_of(codes), options).video) == 0
    assert len(search_pictures([], empty, options).video) == 0
    assert len(search_pictures([table(codes)], empty, options).video) == 0
    assert len(search_pictures([table(codes[:0])], views_of(codes), options).video) == 0
    assert len(search_pictures([table(codes)], views_of(codes, quality=0), options).video) == 0
    assert len(search_pictures([table(codes, quality=0)], views_of(codes), options).video) == 0


def test_videos_without_rows_are_passed_over():
    codes = random_codes(np.random.default_rng(6), 4)
    starts = np.array([0, 0, 2, 2, 4, 4])
    holes = PictureTable(codes, np.zeros(4, np.float32), np.full(4, 9, np.uint8), np.arange(11, 16), starts)
    for whole_pairs in (0, 10**9):
        hits = search_pictures([holes], views_of(codes), replace(FAST, whole_pairs=whole_pairs))
        assert hits.video.tolist() == [12, 12, 14, 14]
        assert hits.reference_row.tolist() == [0, 1, 0, 1]


def test_a_row_like_half_of_the_index_keeps_its_nearest_hits():
    rng = np.random.default_rng(8)
    furniture = random_codes(rng, 1)
    codes = flipped(rng, np.repeat(furniture, 3000, axis=0), 0.05)
    hits = search_pictures([table(codes)], views_of(furniture), replace(FAST, hits_per_row=100))
    whole = search_pictures([table(codes)], views_of(furniture), FAST)
    assert (len(hits.video), len(whole.video)) == (100, 2000)
    assert set(rows_of(hits)) < set(rows_of(whole))
    assert np.sort(hits.weight).tolist() == np.sort(whole.weight)[-100:].tolist()


def test_long_queries_are_searched_in_parts():
    rng = np.random.default_rng(9)
    codes = random_codes(rng, 9000)
    views = views_of(codes[::-1].copy())
    hits = search_pictures([table(codes)], views, replace(FAST, confirm_pairs=0))
    assert len(hits.video) == 9000

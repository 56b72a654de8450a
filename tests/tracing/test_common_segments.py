from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.tracing.test_search_picture import FAST, random_codes, table
from vidforensics.tracing.common_segments import CommonOptions, document_frequency, lower_common
from vidforensics.tracing.search_picture import search_pictures
from vidforensics.types import Hits, PictureTable, QueryViews, View

ROWS = 12
JINGLE = slice(0, 3)
WHOLE = (0.0, 0.0, 1.0, 1.0)


def index_of(videos: list[np.ndarray]) -> PictureTable:
    return table(np.concatenate(videos), rows_per_video=ROWS)


def hits_of(query: np.ndarray, tables: list[PictureTable]) -> Hits:
    views = QueryViews(
        (View(WHOLE, False),),
        np.arange(len(query)) * 2.5,
        np.zeros(len(query), np.int64),
        query,
        np.full(len(query), 90, np.uint8),
    )
    return search_pictures(tables, views, FAST)


def share_kept(hits: Hits, lowered: Hits, moments: list[float]) -> np.ndarray:
    chosen = np.isin(hits.query_s, moments)
    return np.unique(lowered.weight[chosen] / hits.weight[chosen])


def with_jingle(rng: np.random.Generator, jingle: np.ndarray, count: int) -> list[np.ndarray]:
    videos = [random_codes(rng, ROWS) for _ in range(count)]
    for video in videos:
        video[JINGLE] = jingle
    return videos


def test_a_jingle_of_many_strangers_counts_less_and_the_rest_as_before():
    rng = np.random.default_rng(1)
    videos = with_jingle(rng, random_codes(rng, 3), 20)
    tables = [index_of(videos[:10]), replace(index_of(videos[10:]), videos=np.arange(100, 110))]
    hits = hits_of(videos[4], tables)
    lowered = lower_common(hits, tables)
    # The query's own video shows nothing but what the query shows, so that 19 others are counted.
    assert np.allclose(share_kept(hits, lowered, [0.0, 2.5, 5.0]), 5 / 38)
    assert share_kept(hits, lowered, [7.5, 10.0, 27.5]).tolist() == [1.0]
    assert lowered.video.tolist() == hits.video.tolist()


def test_many_copies_of_one_recording_are_no_furniture():
    rng = np.random.default_rng(2)
    original = random_codes(rng, ROWS)
    tables = [index_of([original] * 20)]
    hits = hits_of(original[4:8], tables)
    assert np.array_equal(lower_common(hits, tables).weight, hits.weight)


def test_copies_whose_every_picture_is_in_the_query_say_nothing():
    rng = np.random.default_rng(3)
    short = random_codes(rng, ROWS)
    tables = [index_of([short] * 9)]
    hits = hits_of(np.concatenate([random_codes(rng, 5), short]), tables)
    assert np.array_equal(lower_common(hits, tables).weight, hits.weight)


def test_a_few_strangers_are_too_few():
    rng = np.random.default_rng(4)
    videos = with_jingle(rng, random_codes(rng, 3), 5)
    tables = [index_of(videos)]
    hits = hits_of(videos[0], tables)
    assert np.array_equal(lower_common(hits, tables).weight, hits.weight)
    eager = lower_common(hits, tables, CommonOptions(least_videos=3))
    assert np.allclose(share_kept(hits, eager, [0.0]), 3 / 8)


def test_in_a_large_index_furniture_must_be_in_a_share_of_it():
    rng = np.random.default_rng(5)
    videos = with_jingle(rng, random_codes(rng, 3), 8)
    tables = [index_of([*videos, *(random_codes(rng, ROWS) for _ in range(92))])]
    hits = hits_of(videos[0], tables)
    assert share_kept(hits, lower_common(hits, tables), [0.0])[0] < 1
    strict = CommonOptions(least_share=0.1)
    assert np.array_equal(lower_common(hits, tables, strict).weight, hits.weight)


def test_a_sample_stands_for_very_many():
    rng = np.random.default_rng(6)
    videos = with_jingle(rng, random_codes(rng, 3), 60)
    tables = [index_of(videos)]
    hits = hits_of(np.concatenate([random_codes(rng, 3), videos[0][JINGLE]]), tables)
    lowered = lower_common(hits, tables, CommonOptions(sample=20))
    assert np.allclose(share_kept(hits, lowered, [7.5]), 5 / 120)


def test_no_hits():
    tables = [index_of([random_codes(np.random.default_rng(7), ROWS)])]
    hits = hits_of(np.zeros((0, 32), np.uint8), tables)
    assert len(lower_common(hits, tables).weight) == 0


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), max_size=30))
def test_document_frequency_counts_different_videos(rows: list[tuple[int, int]]):
    keys = np.array([key for key, _ in rows], np.int64)
    videos = np.array([video for _, video in rows], np.int64)
    expected = [len({v for k, v in rows if k == key}) for key, _ in rows]
    assert document_frequency(keys, videos).tolist() == expected

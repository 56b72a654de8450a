"""Every indexed picture that looks like a picture of the query, through any of its views.

Codes go in, hits come out: pairs of a query row and an indexed row whose codes differ in few bits. Small
tables are compared whole. In large ones a first pass finds pairs that agree nearly in some piece of the code
(`search_picture_near`), which misses some distant pairs; then many likely videos are compared under the one
view that found most of them, since one view is enough to tell a copy, and the likeliest after that are
compared whole, so that a copy is found by its nearest pairs and gets all its hits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidforensics.tracing import picture_odds
from vidforensics.tracing.search_picture_near import ROW_LIMIT, NearWindow, near_pairs, near_windows
from vidforensics.tracing.search_picture_pairs import (
    Pairs,
    close_among,
    close_everywhere,
    joined,
    no_pairs,
    words_of,
)
from vidforensics.tracing.store_tables import picture_table
from vidforensics.types import Hits, PictureTable, QueryViews

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, FloatArray, IntArray, WordArray

_BLOCK_ROWS = 1 << 16
_CHUNK_ROWS = 4096


@dataclass(frozen=True, slots=True)
class PictureSearchOptions:
    """How far and how thoroughly to look.

    max_distance_bits: greatest distance of a hit. least_quality: pictures below it match nothing.
    windows, radius_bits: pieces of the code in the first pass, and how many bits of one may differ.
    like_bits: of successive query rows that differ less from the first of them, only that one is in it.
    whole_pairs: with fewer pairs than this in all, everything is compared. confirm_pairs: how many are
    compared in the likeliest videos after the first pass. hits_per_row: of a query row that is like very much
    of a table, only the nearest hits are kept.
    """

    max_distance_bits: int = picture_odds.MAX_DISTANCE
    least_quality: int = 1
    windows: int = 5
    radius_bits: int = 2
    like_bits: int = 8
    whole_pairs: int = 50_000_000
    view_pairs: int = 24_000_000
    confirm_pairs: int = 20_000_000
    hits_per_row: int = 2000


@dataclass(frozen=True, slots=True)
class _Query:
    """Query rows of sufficient quality: their place in the views, their codes, these as words, their view."""

    rows: IntArray
    codes: ByteArray
    words: tuple[WordArray, ...]
    view: IntArray

    def at(self, part: IntArray | slice) -> _Query:
        """Some of the rows."""
        return _Query(
            self.rows[part], self.codes[part], tuple(word[part] for word in self.words), self.view[part]
        )


def search_pictures(
    tables: Sequence[PictureTable], views: QueryViews, options: PictureSearchOptions | None = None
) -> Hits:
    """Hits of a query in an index.

    Args:
        tables: the index's picture tables.
        views: the query's codes; any number of rows.
        options: how far and how thoroughly to look.

    Returns:
        Hits by video, query time and reference time; none for an empty query or index.
    """
    options = options or PictureSearchOptions()
    query = _query(views, options)
    if len(query.rows) * sum(len(t.codes) for t in tables) <= options.whole_pairs:
        return search_pictures_exhaustively(tables, views, options)
    chunks = [
        _search_chunk(tables, query.at(slice(start, start + min(_CHUNK_ROWS, ROW_LIMIT))), options)
        for start in range(0, len(query.rows), min(_CHUNK_ROWS, ROW_LIMIT))
    ]
    return _hits(tables, views, [joined([chunk[i] for chunk in chunks]) for i in range(len(tables))], options)


def search_pictures_exhaustively(
    tables: Sequence[PictureTable], views: QueryViews, options: PictureSearchOptions | None = None
) -> Hits:
    """The same by comparing everything with everything: exact, for small tables and as an oracle."""
    options = options or PictureSearchOptions()
    query = _query(views, options)
    found = [close_everywhere(t.codes, query.words, options.max_distance_bits) for t in tables]
    return _hits(tables, views, [_in_views(pairs, query) for pairs in found], options)


def _query(views: QueryViews, options: PictureSearchOptions) -> _Query:
    rows = np.flatnonzero(views.quality >= options.least_quality)
    codes = np.ascontiguousarray(views.codes[rows])
    return _Query(rows, codes, words_of(codes), np.asarray(views.view[rows], np.int64))


def _search_chunk(
    tables: Sequence[PictureTable], query: _Query, options: PictureSearchOptions
) -> list[Pairs]:
    """Pairs of each table with some of the query's rows, named by their row of the views."""
    runs = _runs(query.codes, options.like_bits)
    heads = query.at(runs[:-1])
    windows = list(near_windows(heads.codes, options.windows, options.radius_bits))
    found = [_of_runs(table, runs, _near(table, windows, heads, options), query, options) for table in tables]
    places = _ranked(tables, found)
    found = _in_best_views(tables, found, places, query, options)
    for index, videos in _likeliest(tables, _ranked(tables, found), len(query.rows), options):
        found[index] = _confirmed(tables[index], videos, found[index], query, options)
    return [_in_views(pairs, query) for pairs in found]


def _runs(codes: ByteArray, like_bits: int) -> IntArray:
    """Where runs of like codes begin, and the end: of each the first pass takes only the head."""
    starts, head = [], None
    for row, code in enumerate(map(int.from_bytes, map(bytes, codes))):
        if head is None or (code ^ head).bit_count() > like_bits:
            starts.append(row)
            head = code
    return np.array([*starts, len(codes)], np.int64)


def _of_runs(
    table: PictureTable, runs: IntArray, pairs: Pairs, query: _Query, options: PictureSearchOptions
) -> Pairs:
    """The pairs of whole runs, from those of their heads."""
    count = np.diff(runs)[pairs.query_rows]
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    query_rows = (np.repeat(runs[pairs.query_rows], count) + within).astype(np.int32)
    return close_among(
        table.codes, query.words, np.repeat(pairs.rows, count), query_rows, options.max_distance_bits
    )


def _near(
    table: PictureTable, windows: Sequence[NearWindow], query: _Query, options: PictureSearchOptions
) -> Pairs:
    """The first pass over one table, each pair once."""
    found = []
    for start in range(0, len(table.codes), _BLOCK_ROWS):
        block = table.codes[start : start + _BLOCK_ROWS]
        for window in windows:
            candidates = near_pairs(window, block)
            close = close_among(block, query.words, *candidates, options.max_distance_bits)
            if len(close.rows):
                found.append(Pairs(close.rows + start, close.query_rows, close.distances))
    return _once(joined(found), len(query.rows))


def _ranked(tables: Sequence[PictureTable], found: Sequence[Pairs]) -> IntArray:
    """Table and place in it of every video with pairs, int64 (V, 2), by the weight of its pairs."""
    scores, places = [np.zeros(0)], [np.zeros((0, 2), np.int64)]
    for index, (table, pairs) in enumerate(zip(tables, found, strict=True)):
        video, score = _scores(table, pairs)
        scores.append(score)
        places.append(np.stack((np.full(len(video), index, np.int64), video), axis=1))
    return np.concatenate(places)[np.argsort(-np.concatenate(scores), kind="stable")]


def _in_best_views(
    tables: Sequence[PictureTable],
    found: Sequence[Pairs],
    places: IntArray,
    query: _Query,
    options: PictureSearchOptions,
) -> list[Pairs]:
    """The pairs, and those of the likeliest videos with all query rows of the view they have most of."""
    rows_in_view = np.bincount(query.view)
    view = np.zeros(len(places), np.int64)
    for index, (table, pairs) in enumerate(zip(tables, found, strict=True)):
        mine = places[:, 0] == index
        videos, best = _best_views(table, pairs, query.view)
        view[mine] = best[np.searchsorted(videos, places[mine, 1])]
    within = np.cumsum(_lengths(tables, places) * rows_in_view[view]) <= options.view_pairs
    more: list[list[Pairs]] = [[pairs] for pairs in found]
    for key in np.unique(np.stack((places[within, 0], view[within]), axis=1), axis=0):
        mine = within & (places[:, 0] == key[0]) & (view == key[1])
        table, rows_of_view = tables[int(key[0])], np.flatnonzero(query.view == key[1])
        rows = _rows_of(table, np.sort(places[mine, 1]))
        close = close_everywhere(table.codes[rows], query.at(rows_of_view).words, options.max_distance_bits)
        query_rows = rows_of_view[close.query_rows].astype(np.int32)
        more[int(key[0])].append(Pairs(rows[close.rows], query_rows, close.distances))
    return [_once(joined(parts), len(query.rows)) for parts in more]


def _best_views(table: PictureTable, pairs: Pairs, view: IntArray) -> tuple[IntArray, IntArray]:
    """Videos with pairs by their place in the table, ascending, and of each the view of greatest weight."""
    views = int(view.max(initial=0)) + 1
    keys, back = np.unique(_video_of(table, pairs.rows) * views + view[pairs.query_rows], return_inverse=True)
    weight = np.bincount(back, picture_odds.weights(pairs.distances.astype(np.int64)), minlength=len(keys))
    video = keys // views
    order = np.lexsort((weight, video))
    last = np.flatnonzero(np.diff(video[order], append=-1))  # of each video the heaviest comes last
    return video[order][last], keys[order][last] % views


def _rows_of(table: PictureTable, videos: IntArray) -> IntArray:
    """Rows of some videos, in their order."""
    spans = zip(table.starts[videos].tolist(), table.starts[videos + 1].tolist(), strict=True)
    return np.concatenate([np.arange(a, b) for a, b in spans])


def _once(pairs: Pairs, query_rows: int) -> Pairs:
    """Each pair once, by table row and query row."""
    _, first = np.unique(pairs.rows * query_rows + pairs.query_rows, return_index=True)
    return pairs.where(first)


def _lengths(tables: Sequence[PictureTable], places: IntArray) -> IntArray:
    """Rows of each video, named by table and place in it, int64 (V,)."""
    lengths = np.zeros(len(places), np.int64)
    for index, table in enumerate(tables):
        mine = places[:, 0] == index
        lengths[mine] = np.diff(table.starts)[places[mine, 1]]
    return lengths


def _likeliest(
    tables: Sequence[PictureTable], places: IntArray, query_rows: int, options: PictureSearchOptions
) -> list[tuple[int, IntArray]]:
    """Videos of each table, by their place in it, that are worth comparing whole."""
    within = places[np.cumsum(_lengths(tables, places) * query_rows) <= options.confirm_pairs]
    return [(int(index), np.sort(within[within[:, 0] == index, 1])) for index in np.unique(within[:, 0])]


def _scores(table: PictureTable, pairs: Pairs) -> tuple[IntArray, FloatArray]:
    """Videos with pairs, by their place in the table, and the weights of their best pairs, summed."""
    rows, back = np.unique(pairs.rows, return_inverse=True)
    best = np.full(len(rows), -np.inf)
    np.maximum.at(best, back, picture_odds.weights(pairs.distances.astype(np.int64)))
    videos, of = np.unique(_video_of(table, rows), return_inverse=True)
    return videos, np.bincount(of, best, minlength=len(videos)).astype(np.float64)


def _confirmed(
    table: PictureTable, videos: IntArray, pairs: Pairs, query: _Query, options: PictureSearchOptions
) -> Pairs:
    """The pairs of a table, those of some videos found anew by comparing them whole."""
    others = pairs.where(~np.isin(_video_of(table, pairs.rows), videos))
    rows = _rows_of(table, videos)
    close = close_everywhere(table.codes[rows], query.words, options.max_distance_bits)
    return joined([others, Pairs(rows[close.rows], close.query_rows, close.distances)])


def _in_views(pairs: Pairs, query: _Query) -> Pairs:
    """The pairs with query rows as the views count them."""
    return Pairs(pairs.rows, query.rows[pairs.query_rows].astype(np.int32), pairs.distances)


def _video_of(table: PictureTable, rows: IntArray) -> IntArray:
    """Place in the table of the video that each row belongs to."""
    return np.searchsorted(table.starts, rows, side="right") - 1


def _hits(
    tables: Sequence[PictureTable], views: QueryViews, found: Sequence[Pairs], options: PictureSearchOptions
) -> Hits:
    """Pairs of each table as hits, sorted."""
    columns = [_columns(t, views, _nearest(t, p, options)) for t, p in zip(tables, found, strict=True)]
    if not columns:
        columns = [_columns(picture_table([]), views, no_pairs())]
    video, query_s, reference_s, distance, view, row = map(np.concatenate, zip(*columns, strict=True))
    order = np.lexsort((view, reference_s, query_s, video))
    mirrored = np.array([v.mirrored for v in views.views], np.bool_)
    return Hits(
        modality="picture",
        video=video[order],
        query_s=query_s[order],
        reference_s=reference_s[order],
        weight=picture_odds.weights(distance[order]),
        speed=np.full(len(order), np.nan, np.float32),
        mirrored=mirrored[view[order]] if len(mirrored) else np.zeros(len(order), np.bool_),
        view=view[order],
        reference_row=row[order],
    )


def _nearest(table: PictureTable, pairs: Pairs, options: PictureSearchOptions) -> Pairs:
    """The pairs whose table row is good enough, and for every query row only so many."""
    pairs = pairs.where(table.quality[pairs.rows] >= options.least_quality)
    if len(pairs.rows) <= options.hits_per_row:
        return pairs
    order = np.lexsort((pairs.distances, pairs.query_rows))
    ordered = pairs.query_rows[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return pairs.where(order[place < options.hits_per_row])


def _columns(table: PictureTable, views: QueryViews, pairs: Pairs) -> tuple[NDArray[Any], ...]:
    """Video, query time, reference time, distance, view and the video's own row of each pair."""
    place = _video_of(table, pairs.rows)
    return (
        table.videos[place],
        views.times_s[pairs.query_rows],
        table.times_s[pairs.rows].astype(np.float64),
        pairs.distances.astype(np.int64),
        views.view[pairs.query_rows],
        pairs.rows - table.starts[place],
    )

"""Furniture: intros, jingles, bumpers and test cards that strangers share, so that they prove less.

A moment of the query that many indexed videos show is either one recording uploaded often or furniture of
many recordings. The videos' own neighbouring pictures tell: copies of one recording go on alike, videos that
share no more than furniture go on differently. Hits of furniture keep a share of their weight that falls with
the number of different recordings that have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidforensics.tracing import picture_odds
from vidforensics.tracing.search_picture_pairs import close_everywhere, words_of
from vidforensics.types import Hits, PictureTable

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, IntArray


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """When a moment is furniture.

    least_videos, least_share: in at least so many videos that go on differently, and in at least this share
    of the index. context_rows: how many neighbouring pictures tell how a video goes on; context_bits: how far
    those of copies may differ. sample: of more videos than this, so many are looked at.
    """

    least_videos: int = 5
    least_share: float = 0.005
    context_rows: int = 6
    context_bits: int = min(picture_odds.MAX_DISTANCE + 16, 96)
    sample: int = 48


def document_frequency(keys: NDArray[Any], videos: IntArray) -> IntArray:
    """In how many different videos the key of each row occurs.

    Args:
        keys: (N,) integers: codes, or whatever rows are told apart by.
        videos: int64 (N,), the video of each row.

    Returns:
        int64 (N,).
    """
    if not len(keys):
        return np.zeros(0, np.int64)
    _, key = np.unique(keys, return_inverse=True)
    _, video = np.unique(videos, return_inverse=True)
    pairs = np.unique(key * (video.max() + 1) + video) // (video.max() + 1)
    return np.bincount(pairs, minlength=key.max() + 1)[key]


def lower_common(hits: Hits, tables: Sequence[PictureTable], options: CommonOptions | None = None) -> Hits:
    """The hits, those on furniture with less weight.

    Args:
        hits: picture hits of one query.
        tables: the tables that were searched.
        options: when a moment is furniture.
    """
    options = options or CommonOptions()
    least = max(options.least_videos, options.least_share * sum(len(t.videos) for t in tables))
    # Copies edited in different ways are hit through different views, and their pictures cannot be compared.
    group = _group(hits)
    frequency = document_frequency(group, hits.video)
    factor = np.ones(len(hits.video))
    contexts = _Contexts(hits, tables, options)
    for number in np.unique(group[frequency >= least]):
        rows = np.flatnonzero(group == number)
        different = contexts.count(np.unique(hits.video[rows]), rows)
        if different >= least:
            moment = hits.query_s == hits.query_s[rows[0]]
            factor[moment] = np.minimum(factor[moment], least / (2 * different))
    return replace(hits, weight=(hits.weight * factor).astype(np.float32))


class _Contexts:
    """The pictures beside those that were hit."""

    def __init__(self, hits: Hits, tables: Sequence[PictureTable], options: CommonOptions) -> None:
        self._hits, self._tables, self._options = hits, tables, options

    def count(self, videos: IntArray, rows: IntArray) -> float:
        """How many of the videos go on differently; those that the query shows whole say nothing."""
        step = max(1, -(-len(videos) // self._options.sample))
        looked_at = videos[::step]
        contexts = [self._beside(int(video), rows) for video in looked_at]
        filled = [codes for codes in contexts if len(codes)]
        return _different(filled, self._options.context_bits) * len(videos) / len(looked_at)

    def _beside(self, video: int, rows: IntArray) -> ByteArray:
        """Codes of the pictures nearest in time to a hit that the query does not show."""
        table, place = _find(self._tables, video)
        start, end = int(table.starts[place]), int(table.starts[place + 1])
        shown = np.unique(self._hits.reference_row[self._hits.video == video])
        free = np.setdiff1d(np.arange(end - start), shown)
        free = free[table.quality[start + free] > 0]
        at_s = float(self._hits.reference_s[rows[self._hits.video[rows] == video]].mean())
        order = np.argsort(np.abs(table.times_s[start + free] - at_s), kind="stable")
        nearest: ByteArray = table.codes[start + free[order[: self._options.context_rows]]]
        return nearest


def _group(hits: Hits) -> IntArray:
    """A number for every moment of the query under every view."""
    _, moment = np.unique(hits.query_s, return_inverse=True)
    return np.asarray(moment * (int(hits.view.max(initial=0)) + 1) + hits.view, np.int64)


def _find(tables: Sequence[PictureTable], video: int) -> tuple[PictureTable, int]:
    """The table that holds a video, and its place there."""
    for table in tables:
        place = np.flatnonzero(table.videos == video)
        if len(place):
            return table, int(place[0])
    raise KeyError(video)


def _different(contexts: Sequence[ByteArray], limit_bits: int) -> int:
    """How many groups there are when contexts with any like pictures are put together."""
    if not contexts:
        return 0
    owner = np.repeat(np.arange(len(contexts)), [len(codes) for codes in contexts])
    codes = np.ascontiguousarray(np.concatenate(contexts))
    pairs = close_everywhere(codes, words_of(codes), limit_bits)
    leader = np.arange(len(contexts))
    changed = True
    while changed:
        before = leader.copy()
        np.minimum.at(leader, owner[pairs.rows], before[owner[pairs.query_rows]])
        changed = bool(np.any(before != leader))
    return len(np.unique(leader))

"""Find the sound of a query among the sound codes of many videos, at any of the speeds it was printed for.

Prints of one query under several speeds go in, with the tables of an index; hits come out that lie on a
straight line of query time against reference time with more others than chance would put there. Equal codes
are looked up in the sorted tables; a hashed count of hits per video, offset and few seconds throws away
nearly all that chance made; lines are fitted to the rest and weighed by `sound_odds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.search_sound_lines import Found, Line, LineOptions, lines
from vidforensics.tracing.sound_odds import rarity
from vidforensics.types import AudioPrint, Hits, SoundTable

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, CodeArray, FloatArray, IntArray

_HASH_BITS = (12, 22)
_CHUNK_HITS = 4_000_000
_CHUNK_CODES = 200_000


@dataclass(frozen=True, slots=True)
class SoundSearchOptions:
    """How sound is searched.

    cell_s, block_s: hits within one such step of offset and of query time are counted together.
    least_in_cell: fewer are chance. most_share: codes that are a greater share of the index identify nothing
    and are not looked up (`most_rows` of one code at most). most_candidates: videos and speeds that get
    lines fitted, strongest first.
    """

    cell_s: float = 0.2
    block_s: float = 6.0
    least_in_cell: int = 3
    most_share: float = 1e-3
    most_rows: int = 20_000
    most_candidates: int = 600
    lines: LineOptions = field(default_factory=LineOptions)


DEFAULT_SOUND_SEARCH = SoundSearchOptions()


def search_sounds(
    tables: Sequence[SoundTable],
    prints: Iterable[tuple[float, AudioPrint]],
    options: SoundSearchOptions = DEFAULT_SOUND_SEARCH,
) -> Hits:
    """What of the query sounds in which indexed videos.

    Args:
        tables: sound codes of the index, each sorted by code.
        prints: speed (reference seconds per query second) and print of the query under it; one at a time
            is held, so an iterator may make them as they are asked for.
        options: see `SoundSearchOptions`.

    Returns:
        Coherent hits in the order of video and query time, `weight` their share of their line's log10 odds;
        empty where nothing of the query sounds in the index.
    """
    total = sum(len(table.codes) for table in tables)
    found = []
    for number, (speed, sound) in enumerate(prints):
        if total and len(sound.codes):
            found += [
                one for one in _coherent(tables, total, speed, sound, number, options) if len(one.video)
            ]
    if not found:
        return _no_hits()
    return _hits(lines(_strongest(Found.joined(found), options), options.lines))


def _coherent(
    tables: Sequence[SoundTable],
    total: int,
    speed: float,
    sound: AudioPrint,
    number: int,
    options: SoundSearchOptions,
) -> Iterator[Found]:
    """Hits of one print that share their cell with enough others."""
    per_second = np.bincount(sound.times_s.astype(np.int64).clip(0)).cumsum()
    for start in range(0, len(sound.codes), _CHUNK_CODES):
        part = slice(start, start + _CHUNK_CODES)
        codes, query_s = sound.codes[part], sound.times_s[part]
        order = np.argsort(codes)
        codes, query_s = codes[order], query_s[order]
        low = [np.searchsorted(t.codes, codes, "left") for t in tables]
        count = [np.searchsorted(t.codes, codes, "right") - at for t, at in zip(tables, low, strict=True)]
        known = np.sum(count, axis=0)
        telling = known <= min(options.most_rows, max(8, int(options.most_share * total)))
        rare = rarity(known, total)
        for table, at, many in zip(tables, low, count, strict=True):
            yield from _of_table(
                table, (at, many * telling), (codes, query_s, rare), (speed, number, per_second), options
            )


def _of_table(
    table: SoundTable,
    rows: tuple[IntArray, IntArray],
    query: tuple[CodeArray, FloatArray, FloatArray],
    hypothesis: tuple[float, int, IntArray],
    options: SoundSearchOptions,
) -> Iterator[Found]:
    (low, count), (codes, query_s, rare), (speed, number, per_second) = rows, query, hypothesis
    ends = np.cumsum(count)
    cuts = np.searchsorted(ends, np.arange(_CHUNK_HITS, int(ends[-1]) + _CHUNK_HITS, _CHUNK_HITS))
    begin = 0
    for cut in cuts:
        stop = min(int(cut) + 1, len(count))
        many = count[begin:stop]
        which = np.repeat(np.arange(begin, stop), many)
        first = np.repeat(low[begin:stop] - (np.cumsum(many) - many), many)
        row = np.arange(len(which)) + first
        video, reference_s = table.video[row], table.times_s[row].astype(np.float64)
        kept = np.flatnonzero(_crowded(video, query_s[which], reference_s - speed * query_s[which], options))
        which = which[kept]
        yield Found(
            np.full(len(kept), number),
            np.full(len(kept), speed),
            video[kept].astype(np.int64),
            query_s[which],
            reference_s[kept],
            codes[which],
            rare[which],
            _codes_around(per_second, query_s[which]),
        )
        begin = stop


def _codes_around(per_second: IntArray, query_s: FloatArray) -> FloatArray:
    """Codes per second of the query within 2 s of a time."""
    last = len(per_second) - 1
    second = query_s.astype(np.int64)
    high, low = np.clip(second + 2, 0, last), np.clip(second - 3, -1, last)
    many = per_second[high] - np.where(low < 0, 0, per_second[low])
    density: FloatArray = many / np.maximum(high - low, 1)
    return density


def _crowded(
    video: IntArray, query_s: FloatArray, offset_s: FloatArray, options: SoundSearchOptions
) -> BoolArray:
    """Which hits share video, block of the query and cell of the offset with enough others.

    Cells are hashed, so that some pass by chance; two grids, half a cell apart, so that none falls between.
    """
    block = (query_s / options.block_s).astype(np.int64).astype(np.uint64)
    mixed = video.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + block * np.uint64(0xC2B2AE3D27D4EB4F)
    bits = int(np.clip(np.ceil(np.log2(8 * len(video) + 1)), *_HASH_BITS))
    passed = np.zeros(len(video), np.bool_)
    for shift in (0.0, 0.5):
        cell = np.floor(offset_s / options.cell_s + shift).astype(np.int64).astype(np.uint64)
        key = ((mixed + cell * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(64 - bits)).astype(np.int64)
        passed |= np.bincount(key)[key] >= options.least_in_cell
    return passed


def _strongest(found: Found, options: SoundSearchOptions) -> Found:
    """Of all videos and speeds, those with the strongest single cell; hits in the order of these."""
    cell = np.floor((found.reference_s - found.speed * found.query_s) / options.cell_s).astype(np.int64)
    block = (found.query_s / options.block_s).astype(np.int64)
    order = np.lexsort((cell, block, found.number, found.video))
    keys = np.stack([found.video[order], found.number[order], block[order], cell[order]])
    fresh = np.append(True, (np.diff(keys, axis=1) != 0).any(axis=0))
    of_cell = np.cumsum(fresh) - 1
    sums = np.bincount(of_cell, found.rarity[order])
    pair = np.append(True, (np.diff(keys[:2], axis=1) != 0).any(axis=0))
    of_pair = np.cumsum(pair) - 1
    best = np.zeros(of_pair[-1] + 1)
    np.maximum.at(best, of_pair, sums[of_cell])
    chosen = np.zeros(len(best), np.bool_)
    chosen[np.argsort(-best, kind="stable")[: options.most_candidates]] = True
    return found.at(order[chosen[of_pair]])


def _hits(kept: Sequence[Line]) -> Hits:
    if not kept:
        return _no_hits()
    video = np.concatenate([np.full(len(k.query_s), k.video) for k in kept])
    query_s = np.concatenate([k.query_s for k in kept])
    reference_s = np.concatenate([k.reference_s for k in kept])
    weight = np.concatenate([np.full(len(k.query_s), k.evidence / len(k.query_s)) for k in kept])
    speed = np.concatenate([np.full(len(k.query_s), k.speed) for k in kept])
    order = np.lexsort((reference_s, query_s, video))
    return _as_hits(video[order], query_s[order], reference_s[order], weight[order], speed[order])


def _no_hits() -> Hits:
    none = np.zeros(0)
    return _as_hits(none.astype(np.int64), none, none, none, none)


def _as_hits(
    video: IntArray, query_s: FloatArray, reference_s: FloatArray, weight: FloatArray, speed: FloatArray
) -> Hits:
    count = len(video)
    return Hits(
        modality="sound",
        video=video,
        query_s=query_s,
        reference_s=reference_s,
        weight=weight.astype(np.float32),
        speed=speed.astype(np.float32),
        mirrored=np.zeros(count, np.bool_),
        view=np.full(count, -1, np.int64),
        reference_row=np.full(count, -1, np.int64),
    )

"""Pairs of table rows and query rows whose codes differ in few bits: all of them, or among candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Int32Array, IntArray, WordArray

_BLOCK_PAIRS = 1 << 17
_STRANGER_BITS = 32  # in which the words of unlike pictures differ


@dataclass(frozen=True, slots=True)
class Pairs:
    """Table rows int64 (P,), query rows int32 (P,) and how many bits differ, uint8 (P,)."""

    rows: IntArray
    query_rows: Int32Array
    distances: ByteArray

    def where(self, kept: np.ndarray) -> Pairs:
        """The pairs that a mask or an index names."""
        return Pairs(self.rows[kept], self.query_rows[kept], self.distances[kept])


def no_pairs() -> Pairs:
    """Nothing found."""
    return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.uint8))


def joined(parts: list[Pairs]) -> Pairs:
    """All pairs of several lists."""
    if not parts:
        return no_pairs()
    return Pairs(
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.query_rows for p in parts]),
        np.concatenate([p.distances for p in parts]),
    )


def words_of(codes: ByteArray) -> tuple[WordArray, ...]:
    """The 64-bit words of the codes, each uint64 (N,) and lying apart, which is how they are compared."""
    words = codes.view("<u8")
    return tuple(np.ascontiguousarray(words[:, i]) for i in range(words.shape[1]))


def close_among(
    codes: ByteArray, query: tuple[WordArray, ...], rows: IntArray, query_rows: Int32Array, limit_bits: int
) -> Pairs:
    """Those of the candidate pairs that differ in at most `limit_bits`.

    Words are compared one after the other, and pairs leave once strangers differ in too many bits.

    Args:
        codes: uint8 (N, B) of the table, contiguous.
        query: `words_of` the query's codes.
        rows: int64 (P,) candidates in the table.
        query_rows: int32 (P,) candidates in the query.
        limit_bits: greatest distance, at most 191, so that sums fit a byte.
    """
    table = codes.view("<u8")
    flat, width = table.reshape(-1), table.shape[1]
    distances = np.zeros(len(rows), np.uint8)
    for index, word in enumerate(query):
        differing = flat.take(rows * width + index) ^ word.take(query_rows)
        distances += np.bitwise_count(differing)
        if (index + 1) * _STRANGER_BITS <= limit_bits:
            continue
        kept = np.flatnonzero(distances <= limit_bits)
        rows, query_rows, distances = rows[kept], query_rows[kept], distances[kept]
    return Pairs(rows, query_rows, distances)


def close_everywhere(codes: ByteArray, query: tuple[WordArray, ...], limit_bits: int) -> Pairs:
    """All pairs that differ in at most `limit_bits`: every table row is compared with every query row.

    Args and Returns as for `close_among`.
    """
    count = len(query[0])
    if not count or not len(codes):
        return no_pairs()
    block = max(1, _BLOCK_PAIRS // count)
    table = codes.view("<u8")
    found = []
    for start in range(0, len(codes), block):
        part = table[start : start + block]
        distances = np.bitwise_count(part[:, 0, None] ^ query[0][None, :])
        for index in range(1, len(query) - 1):  # 192 bits at most, so that sums fit a byte
            distances += np.bitwise_count(part[:, index, None] ^ query[index][None, :])
        rows, query_rows = np.divmod(np.flatnonzero(distances <= limit_bits), count)
        found.append(close_among(codes, query, rows + start, query_rows.astype(np.int32), limit_bits))
    return joined(found)

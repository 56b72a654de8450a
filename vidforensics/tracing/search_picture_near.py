"""Which rows of a table agree with which query codes on some piece of the code, but for a few bits.

A copy whose code differs in some bits leaves some pieces nearly whole. For every piece of the codes (a
window of up to 24 bits) the query's values and all values a few bits beside them are marked in a bitmap of at
most 2 MiB, which stays in the processor's cache while the table streams past once: one look-up per row and
piece, however many query codes there are. For the few rows that are marked, counting the bitmap's ones up to
a value (its rank) finds the query codes that marked it.

Source: M. Norouzi, A. Punjani, D. Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014,
turned round: the query is indexed instead of the table, since here it holds thousands of codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, ByteArray, CodeArray, Int32Array, IntArray

_WINDOW_BYTES = 3
_LEAST_WINDOW_BITS = 16
_MARKED_SHARE = 0.08  # of a bitmap: more would be false alarms, less would be a bitmap larger than it need be
_ROW_BITS = 20
ROW_LIMIT = 1 << _ROW_BITS


@dataclass(frozen=True, slots=True)
class NearWindow:
    """The query's values of one window and all values near them.

    first_byte: where the window begins in a code. bits: how wide it is. marked uint8 (2**bits / 8,): one bit
    per value. ranks int32 (2**bits / 64 + 1,): ones before every 64 bits. starts int32 (values + 1,) and rows
    int32: the query rows of each marked value.
    """

    first_byte: int
    bits: int
    marked: ByteArray
    ranks: Int32Array
    starts: Int32Array
    rows: Int32Array


def near_windows(codes: ByteArray, windows: int, radius: int) -> Iterator[NearWindow]:
    """Index query codes by several windows, which cover a code evenly.

    Args:
        codes: uint8 (Q, B), at most `ROW_LIMIT` rows.
        windows: how many; they overlap where there are more than fit.
        radius: how many bits of a window may differ.
    """
    bits = window_bits(len(codes), radius)
    flips = _flips(bits, radius)[None, :]
    rows = np.arange(len(codes), dtype=np.uint64)[:, None]
    # Fresh memory costs more than the work done in it, so that these two are used by all windows.
    entries = np.empty((len(codes), flips.shape[1]), np.uint64)
    flags = np.zeros(1 << bits, np.bool_)
    for first_byte in first_bytes(codes.shape[1], windows):
        np.bitwise_xor(window_keys(codes, first_byte, bits).astype(np.uint64)[:, None], flips, out=entries)
        np.left_shift(entries, _ROW_BITS, out=entries)
        np.bitwise_or(entries, rows, out=entries)
        flat = entries.reshape(-1)
        flat.sort()
        yield _indexed(first_byte, bits, flat, flags)


def _indexed(first_byte: int, bits: int, entries: NDArray[np.uint64], flags: BoolArray) -> NearWindow:
    """Values in the upper bits and query rows in the lower, sorted, as a bitmap with its lists of rows."""
    values = (entries >> np.uint64(_ROW_BITS)).astype(np.int32)
    first = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))[: len(values)]
    different = values[first]
    flags[different] = True
    marked = np.packbits(flags, bitorder="little")
    flags[different] = False
    ones = np.bitwise_count(marked.view("<u8"))
    return NearWindow(
        first_byte=first_byte,
        bits=bits,
        marked=marked,
        ranks=np.concatenate(([0], np.cumsum(ones, dtype=np.int32))).astype(np.int32),
        starts=np.append(first, len(values)).astype(np.int32),
        rows=(entries & np.uint64(ROW_LIMIT - 1)).astype(np.int32),
    )


def window_keys(codes: ByteArray, first_byte: int, bits: int) -> CodeArray:
    """The value of one window of every code, uint32 (N,)."""
    if not len(codes):
        return np.zeros(0, np.uint32)
    width = codes.shape[1]
    shift = max(0, first_byte + 4 - width)  # four bytes are read, and the last window has but three
    words = np.ndarray((len(codes),), "<u4", codes, first_byte - shift, (codes.strides[0],))
    return (words >> np.uint32(8 * shift)) & np.uint32((1 << bits) - 1)


def near_pairs(window: NearWindow, codes: ByteArray) -> tuple[IntArray, Int32Array]:
    """Rows of a table and query rows that are near each other in a window.

    Args:
        window: the indexed query.
        codes: uint8 (N, B), contiguous; some ten thousand rows at a time stay in the cache.

    Returns:
        Table rows int64 (P,) and query rows int32 (P,); a pair is named once.
    """
    keys = window_keys(codes, window.first_byte, window.bits)
    bits = window.marked.take((keys >> np.uint32(3)).astype(np.int64))
    bits >>= keys.astype(np.uint8) & np.uint8(7)
    bits &= 1
    found = np.flatnonzero(bits.view(np.bool_))
    value = keys[found].astype(np.int64)
    word = window.marked.view("<u8").take(value >> 6)
    below = (np.uint64(1) << (value & 63).astype(np.uint64)) - np.uint64(1)
    rank = window.ranks.take(value >> 6) + np.bitwise_count(word & below)
    start = window.starts.take(rank)
    count = window.starts.take(rank + 1) - start
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    at = np.arange(total) + np.repeat(start - (ends - count), count)
    return np.repeat(found, count), window.rows.take(at)


def window_bits(query_rows: int, radius: int) -> int:
    """The narrowest window in which the values near `query_rows` codes still mark a small share."""
    bits = _LEAST_WINDOW_BITS
    while bits < 8 * _WINDOW_BYTES and query_rows * _near_count(bits, radius) > _MARKED_SHARE * (1 << bits):
        bits += 1
    return bits


def first_bytes(code_bytes: int, windows: int) -> tuple[int, ...]:
    """Where windows begin that cover a code evenly, overlapping where there are many."""
    last = code_bytes - _WINDOW_BYTES
    return tuple(sorted({round(last * i / max(1, windows - 1)) for i in range(windows)}))


def _near_count(bits: int, radius: int) -> int:
    """How many values differ from one in at most `radius` bits, itself included."""
    return sum(comb(bits, ones) for ones in range(radius + 1))


def _flips(bits: int, radius: int) -> NDArray[np.uint64]:
    """Every pattern of at most `radius` ones among the bits of a window."""
    patterns = [
        sum(1 << bit for bit in chosen)
        for ones in range(radius + 1)
        for chosen in combinations(range(bits), ones)
    ]
    return np.array(patterns, np.uint64)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.tracing.search_picture_near import (
    first_bytes,
    near_pairs,
    near_windows,
    window_bits,
    window_keys,
)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2))
def test_pairs_are_those_whose_windows_differ_in_few_bits(seed: int, rows: int, queries: int, radius: int):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (rows, 32), np.uint8)
    query = codes[rng.integers(0, rows, queries)].copy()
    query[:, ::2] ^= (1 << rng.integers(0, 8, (queries, 16))).astype(np.uint8)
    for window in near_windows(query, 3, radius):
        keys, query_keys = (window_keys(c, window.first_byte, window.bits) for c in (codes, query))
        differing = np.bitwise_count(keys[:, None] ^ query_keys[None, :])
        expected = {(int(r), int(q)) for r, q in np.argwhere(differing <= radius)}
        found = list(zip(*(a.tolist() for a in near_pairs(window, codes)), strict=True))
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_keys_are_the_bytes_of_the_window_up_to_the_last():
    codes = np.random.default_rng(1).integers(0, 256, (5, 32), np.uint8)
    for first in (0, 13, 28, 29):
        expected = [int.from_bytes(c[first : first + 3].tobytes(), "little") for c in codes]
        assert window_keys(codes, first, 24).tolist() == expected
        assert window_keys(codes, first, 19).tolist() == [key % 2**19 for key in expected]


def test_windows_widen_with_the_query():
    widths = [window_bits(count, 2) for count in (0, 10, 100, 1000, 4000, 1_000_000)]
    assert widths == sorted(widths)
    assert (widths[0], widths[-1]) == (16, 24)


@pytest.mark.parametrize("windows", [1, 2, 7, 10, 30])
def test_windows_cover_the_code(windows: int):
    places = first_bytes(32, windows)
    assert len(places) == windows
    assert places[0] == 0
    assert max(places) <= 29


def test_nothing_is_near_nothing():
    empty = np.zeros((0, 32), np.uint8)
    for window in near_windows(empty, 2, 1):
        assert len(near_pairs(window, empty)[0]) == 0
        assert len(near_pairs(window, np.ones((4, 32), np.uint8))[0]) == 0

"""What teaches the network of `deletion`: gaps where they are said to be, windows that a seed repeats."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.deletion_net_material import MISSING, PLANE_UNITS, Shown, with_gaps
from tests.benchmarks.deletion_net_windows import Windows, near
from tests.flagging.test_duplication import clip
from vidforensics.features.gap_net import BEFORE, COLUMNS, FRAMES, ROWS
from vidforensics.features.gaps import small_planes


def shown(operation, order, gaps=(), cuts=()):
    pictures = np.rint(small_planes(clip(order)) * PLANE_UNITS).astype(np.uint16)
    return Shown("scene", "talking", operation, pictures, np.array(cuts, int), tuple(gaps))


@given(st.integers(30, 900), st.lists(st.integers(1, 899), max_size=4), st.integers(0, 99))
def test_gaps_lie_where_they_are_said_to(total, cuts, seed):
    order, gaps = with_gaps(total, np.array(sorted(cuts)), np.random.default_rng(seed))
    jumps = {i + 1: b - a - 1 for i, (a, b) in enumerate(pairwise(order)) if b != a + 1}
    assert jumps == {at: abs(missing) for at, missing in gaps}
    assert all(MISSING[0] <= missing <= MISSING[1] for missing in jumps.values())
    assert (order[0], order[-1]) == (0, total - 1)
    for at, missing in gaps:
        is_inside = not any(order[at - 1] + 1 < cut <= order[at] for cut in cuts)
        assert is_inside == (missing > 0)


def test_a_seed_repeats_the_windows_and_half_of_them_have_a_gap():
    files = [shown("original", range(100)), shown("deleted", [*range(50), *range(70, 120)], [(50, 20)])]
    (one, truth), (again, same) = (Windows(files, np.random.default_rng(5)).batch(80) for _ in range(2))
    assert one.shape == (80, FRAMES, ROWS, COLUMNS)
    assert (one == again).all()
    assert (truth == same).all()
    assert 25 < truth.sum() < 55


def test_windows_with_a_gap_or_a_cut_are_no_usual_ones():
    file = shown("deleted", [*range(50), *range(70, 120)], [(50, 20)], cuts=(80,))
    plain = Windows([file, shown("original", range(100))], np.random.default_rng(0)).plain[0]
    for place in (50, 80):
        inside = [at for at in plain if at - BEFORE < place < at + FRAMES - BEFORE]
        assert inside == []


def test_near_is_bounded_by_the_ends():
    assert np.flatnonzero(near(12, [0, 11], 2, 1)).tolist() == [0, 1, 9, 10, 11]

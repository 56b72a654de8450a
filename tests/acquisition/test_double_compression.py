"""The trace of an earlier compression: found where it was made, refused where B-frames hide it."""

from __future__ import annotations

import numpy as np
import pytest

from vidforensics.acquisition.double_compression import double_compression, excess_bits, ghost_period
from vidforensics.types import Bitstream, PacketTable


def stream(sizes, kinds, codec="h264") -> Bitstream:
    count = len(sizes)
    times = np.arange(count) / 25
    table = PacketTable(
        times,
        times,
        np.asarray(sizes, dtype=np.int64),
        np.array([k == "I" for k in kinds]),
        np.array(list(kinds), dtype="<U1"),
        np.full(count, 26.0),
        np.zeros(count, dtype=np.int64),
    )
    known = set(kinds) != {"?"}
    return Bitstream(0, codec, table, (), (), (), ("B" in kinds) if known else None, (), ())


def sizes_with_period(period: int, gain: float, count: int = 240) -> np.ndarray:
    rng = np.random.default_rng(3)
    sizes = 1000 * np.exp(rng.normal(0, 0.1, count))
    sizes[5::period] *= gain
    return sizes


@pytest.mark.parametrize("period", [12, 18, 25, 40])
def test_period_is_found(period):
    found = double_compression(stream(sizes_with_period(period, 2.0), "I" + "P" * 239))
    assert found.applicable
    assert found.first_gop_frames == period
    assert "history" in found.sentence


def test_no_period_is_claimed_without_one():
    found = double_compression(stream(sizes_with_period(10**6, 1.0), "I" + "P" * 239))
    assert found.applicable
    assert found.first_gop_frames is None


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ("I" + "PBB" * 40, "B-frames"),
        ("IPPPPPPPPPPP" * 10, "I-frames"),
        ("IPPPP", "fewer"),
        ("?" * 100, "not known"),
    ],
)
def test_not_applicable_says_why(kinds, word):
    found = double_compression(stream([1000] * len(kinds), kinds))
    assert not found.applicable
    assert word in found.sentence
    assert found.strength is None


def test_empty_stream_is_not_applicable():
    assert not double_compression(stream([], "")).applicable


def test_excess_leaves_out_other_pictures():
    excess = excess_bits(stream(sizes_with_period(20, 2.0), "I" + "P" * 239))
    assert np.isnan(excess[0])
    assert excess[25] == pytest.approx(1.0, abs=0.4)
    assert ghost_period(np.full(10, np.nan)) is None

"""Hashes and traces in others' formats: exact digits, their writer's trap, and what must be refused."""

from __future__ import annotations

import json

import numpy as np
import pdqhash
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.errors import InputError
from vidforensics.tracing.interchange import (
    pdq_hex,
    read_pdq_hex,
    read_vpdq,
    to_vpdq_json,
    to_vpdq_text,
)
from vidforensics.tracing.interchange_segments import (
    SharedStretch,
    read_vcsl_json,
    read_vsc_csv,
    stretches_in,
    to_vcsl_json,
    to_vsc_csv,
)
from vidforensics.types import FrameHashes

HEX = "e271017ed998e271d599d91e4b01b2a4b3866bf5a14e499e1ab6d89ebcd9055c"


def hashes(times, seed=0):
    rng = np.random.default_rng(seed)
    count = len(times)
    bits = rng.integers(0, 256, (count, 32)).astype(np.uint8)
    quality = rng.integers(0, 101, count).astype(np.uint8)
    return FrameHashes("x", np.asarray(times, dtype=np.float64), bits, quality)


def test_hexadecimal_both_ways():
    bits = read_pdq_hex(HEX)
    assert bits.shape == (32,)
    assert bits[0] == 0xE2
    assert pdq_hex(bits) == HEX
    assert np.array_equal(read_pdq_hex(HEX.upper()), bits)
    with pytest.raises(ValueError, match="32 bytes"):
        pdq_hex(bits[:31])


@pytest.mark.parametrize("text", ["", HEX[:-1], HEX + "0", "g" + HEX[1:], " ".join((HEX[:31], HEX[31:63]))])
def test_what_is_no_hash_is_refused(text):
    with pytest.raises(InputError):
        read_pdq_hex(text)


def test_hexadecimal_is_that_of_pdqhash():
    rng = np.random.default_rng(3)
    picture = np.kron(rng.integers(0, 255, (8, 12, 3)), np.ones((30, 30, 1))).astype(np.uint8)
    vector, _ = pdqhash.compute(picture)
    # ThreatExchange reads the vector as one binary number and writes that in hexadecimal.
    assert pdq_hex(np.packbits(vector)) == f"{int(''.join(str(bit) for bit in vector), 2):064x}"


def test_text_has_frame_hash_quality_and_time():
    one = FrameHashes("x", np.array([1234.5678]), read_pdq_hex(HEX)[None], np.array([100], np.uint8))
    assert to_vpdq_text(one, [37]) == f"37,{HEX},100,1234.568\n"
    assert to_vpdq_text(one) == f"0,{HEX},100,1234.568\n"
    assert json.loads(to_vpdq_json(one)) == [f"{HEX},100,1234.568"]


@given(st.lists(st.integers(0, 10_000_000), max_size=20), st.booleans())
def test_both_formats_come_back_exactly(milliseconds, as_json):
    before = hashes([ms / 1000 for ms in milliseconds])
    after = read_vpdq(to_vpdq_json(before) if as_json else to_vpdq_text(before))
    assert np.array_equal(after.bits, before.bits)
    assert np.array_equal(after.quality, before.quality)
    assert after.times_s == pytest.approx(before.times_s, abs=1e-9)


def test_times_of_three_digits_are_read_as_written():
    # Their writer: f"{123.456:.3}" is 1.23e+02.
    written = json.dumps([f"{HEX},90,{t:.3}" for t in (0.5, 12.345, 123.456, 1234.567)])
    assert read_vpdq(written).times_s.tolist() == [0.5, 12.3, 123.0, 1230.0]
    assert "e" not in to_vpdq_json(hashes([123.456])).split(",")[-1]


def test_no_hash_is_an_empty_file():
    empty = hashes([])
    assert to_vpdq_text(empty) == ""
    assert to_vpdq_json(empty) == "[]"
    for text in ("", "\n", "[]"):
        assert read_vpdq(text).bits.shape == (0, 32)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        f"0,{HEX},100",
        f"0,{HEX},101,1.0",
        f"0,{HEX},50,-1.0",
        f"0,{HEX},50,nan",
        f"0,{HEX[:-1]},50,1.0",
        f"{HEX},50,1.0,2,3",
        "[1, 2]",
        '["a"',
        "[" * 100_000,
    ],
)
def test_broken_files_are_refused(text):
    with pytest.raises(InputError):
        read_vpdq(text)


def test_a_broken_line_is_named():
    with pytest.raises(InputError, match="Line 2"):
        read_vpdq(f"0,{HEX},100,0.0\nbroken\n")


STRETCH = SharedStretch("Q100001", "R200002", 1.0, 2.5, 3.0, 4.5, 0.75)


def test_vsc_rows():
    text = to_vsc_csv([STRETCH])
    assert text.splitlines() == [
        "query_id,ref_id,query_start,query_end,ref_start,ref_end,score",
        "Q100001,R200002,1.000,2.500,3.000,4.500,0.750000",
    ]
    assert read_vsc_csv(text) == [STRETCH]
    assert read_vsc_csv(to_vsc_csv([])) == []


def test_vsc_columns_in_any_order_and_truth_without_a_score():
    text = "ref_id,query_id,ref_start,ref_end,query_start,query_end\nR2,Q1,3,4.5,1,2.5\n"
    assert read_vsc_csv(text) == [SharedStretch("Q1", "R2", 1.0, 2.5, 3.0, 4.5, 1.0)]


@pytest.mark.parametrize("row", ["Q1,R2,a,1,2,3,1", "Q1,R2,1,2,3,inf,1", "Q1,R2,1,2"])
def test_vsc_rows_without_numbers_are_refused(row):
    with pytest.raises(InputError, match="Line 2"):
        read_vsc_csv("query_id,ref_id,query_start,query_end,ref_start,ref_end,score\n" + row + "\n")
    with pytest.raises(InputError, match="no column query_id"):
        read_vsc_csv(row)


def test_vcsl_boxes_group_by_pair():
    text = to_vcsl_json([STRETCH, STRETCH], [("Q100001", "R9")])
    assert json.loads(text) == {
        "Q100001-R9": [],
        "Q100001-R200002": [[1.0, 3.0, 2.5, 4.5], [1.0, 3.0, 2.5, 4.5]],
    }
    assert read_vcsl_json(text)["Q100001-R200002"][0] == (1.0, 3.0, 2.5, 4.5)
    assert read_vcsl_json("{}") == {}


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": [[1, 2, 3]]}', '{"a": [["x", 2, 3, 4]]}'])
def test_what_is_no_vcsl_result_is_refused(text):
    with pytest.raises(InputError):
        read_vcsl_json(text)


def trace_of(clip: str, *videos: str) -> dict:
    times = {"query_start_s": 1.0, "query_end_s": 2.5, "reference_start_s": 3.0, "reference_end_s": 4.5}
    segment = {**times, "score": 0.75}
    matches = [{"video": {"path": path}, "segments": [segment]} for path in videos]
    return {"clip": {"path": clip}, "matches": matches}


def test_traces_become_stretches_named_by_file():
    stretches, pairs = stretches_in([trace_of("q/Q100001.mp4", "r/R200002.mp4"), trace_of("Q7.mp4")])
    assert stretches == [STRETCH]
    assert pairs == [("Q100001", "R200002")]
    assert stretches_in([]) == ([], [])


def test_files_of_one_name_are_told_apart_by_their_paths():
    (one, other), pairs = stretches_in([trace_of("q.mp4", "a/video.mp4", "b/video.mp4")])
    assert (one.query_id, one.reference_id, other.reference_id) == ("q", "a/video.mp4", "b/video.mp4")
    assert pairs == [("q", "a/video.mp4"), ("q", "b/video.mp4")]

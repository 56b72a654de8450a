"""Sparse pictures against the full decode pass, and which packets are chosen."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extraction.clips import Coding, ffmpeg, moving, probe, write_clip
from vidforensics.errors import InputError, NotMediaError
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.iframes import PacketTable, SparseOptions, plan_runs, sparse_frames
from vidforensics.types import FrameBlock

KEYS_ONLY = SparseOptions(short_longest_gap_s=1e9, short_least_gap_s=0.0)


def sparse(path: Path, options: SparseOptions | None = None) -> tuple[np.ndarray, np.ndarray, ProblemLog]:
    problems = ProblemLog()
    blocks = list(sparse_frames(path, probe(path), options, problems))
    if not blocks:
        return np.zeros(0), np.zeros((0, 1, 1), np.uint8), problems
    return (
        np.concatenate([block.pts_s for block in blocks]),
        np.concatenate([block.luma for block in blocks]),
        problems,
    )


def complete(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
        blocks = [block for block in decoder if isinstance(block, FrameBlock)]
    return np.concatenate([b.pts_s for b in blocks]), np.concatenate([b.luma for b in blocks])


def coded(path: Path, codec: str, seconds: int = 6, key: int = 10, size: tuple[int, int] = (160, 96)) -> Path:
    options = {"g": str(key)}
    if codec == "libx264":
        options |= {"preset": "veryfast", "bf": "2", "sc_threshold": "0"}
    if codec == "libvpx-vp9":
        options |= {"cpu-used": "8", "deadline": "realtime"}
    return write_clip(path, moving(10 * seconds, *size), Coding(codec, rate=Fraction(10), options=options))


@pytest.mark.parametrize(
    "name", ["libx264.mp4", "libx264.ts", "libvpx-vp9.webm", "mpeg4.avi", "mpeg2video.mpg"]
)
def test_key_pictures_equal_those_of_a_full_pass(tmp_path: Path, name: str) -> None:
    path = coded(tmp_path / name, name.split(".")[0])
    times_s, luma, problems = sparse(path, KEYS_ONLY)
    all_s, all_luma = complete(path)
    assert len(times_s) == 6
    where = [int(np.abs(all_s - time_s).argmin()) for time_s in times_s]
    np.testing.assert_allclose(all_s[where], times_s, atol=1e-6)
    np.testing.assert_array_equal(all_luma[where], luma)
    assert all("AVI" in sentence for sentence in problems.sentences())


def test_a_short_clip_with_one_key_picture_is_sampled_twice_a_second(tmp_path: Path) -> None:
    path = coded(tmp_path / "a.mp4", "libx264", key=1000)
    times_s, luma, _ = sparse(path)
    all_s, all_luma = complete(path)
    assert len(times_s) in (12, 13) and np.diff(times_s).max() < 0.75 and times_s[0] == 0.0
    for time_s, plane in zip(times_s, luma, strict=True):
        near = all_luma[np.abs(all_s - time_s).argmin()]
        # without the loop filter the decoded picture drifts a little
        assert np.abs(plane.astype(int) - near).mean() < 4.0


def test_pictures_that_an_edit_list_hides_are_not_given(tmp_path: Path) -> None:
    whole = coded(tmp_path / "a.mp4", "libx264", key=40)
    cut = tmp_path / "b.mp4"
    ffmpeg("-ss", "2.5", "-i", str(whole), "-c", "copy", str(cut))
    times_s, _, _ = sparse(cut)
    assert times_s.min() >= 0.0 and times_s.min() < 0.5


def test_interlaced_key_pictures_are_not_woven_together(tmp_path: Path) -> None:
    source = coded(tmp_path / "a.mp4", "libx264")
    path = tmp_path / "i.mkv"
    flags = ["-flags", "+ilme+ildct", "-x264-params", "tff=1", "-g", "10"]
    ffmpeg("-i", str(source), "-vf", "setfield=tff", "-c:v", "libx264", "-crf", "10", *flags, str(path))
    times_s, luma, _ = sparse(path, KEYS_ONLY)
    progressive_s, progressive = complete(source)
    for time_s, plane in zip(times_s, luma, strict=True):
        still = progressive[np.abs(progressive_s - time_s).argmin()]
        assert np.abs(plane.astype(int) - still).mean() < 6.0


def test_a_damaged_file_gives_what_can_be_had(tmp_path: Path) -> None:
    path = coded(tmp_path / "a.ts", "libx264", seconds=12)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = b"\x00" * (len(data) // 2 - len(data) // 3)
    path.write_bytes(bytes(data))
    times_s, _, _ = sparse(path)
    assert 3 <= len(times_s) < 30


def test_a_cut_off_file_gives_its_beginning(tmp_path: Path) -> None:
    path = coded(tmp_path / "a.mkv", "libx264", seconds=12)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    times_s, _, _ = sparse(path)
    assert len(times_s) >= 3 and times_s.max() < 9.0


def test_sound_alone_gives_nothing(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mka", [], tones=[(16000, 1, 0.5, 0.0)])
    assert len(sparse(path)[0]) == 0


def test_what_is_no_media_is_refused(tmp_path: Path) -> None:
    good = write_clip(tmp_path / "a.mp4", moving(3))
    text = tmp_path / "a.txt"
    text.write_text("no picture in here " * 50)
    with pytest.raises(NotMediaError):
        list(sparse_frames(text, probe(good)))
    with pytest.raises(InputError):
        list(sparse_frames(tmp_path / "missing.mp4", probe(good)))


def table(times_s: list[float], keys: list[int], hidden: tuple[int, ...] = ()) -> PacketTable:
    is_key = np.isin(np.arange(len(times_s)), keys)
    return PacketTable(np.array(times_s, float), is_key, ~np.isin(np.arange(len(times_s)), hidden))


def test_a_long_clip_with_five_second_groups_needs_its_key_packets_only() -> None:
    runs = plan_runs(table(list(np.arange(1500) / 25), list(range(0, 1500, 125))), SparseOptions())
    assert [(run.first, run.last) for run in runs] == [(i, i) for i in range(0, 1500, 125)]


def test_only_the_long_groups_of_a_long_clip_are_opened() -> None:
    keys = [*range(0, 1000, 100), *range(1000, 2000, 500)]
    runs = plan_runs(table(list(np.arange(2000) / 25), keys), SparseOptions())
    assert [run.first for run in runs] == keys
    assert [len(run.wanted_s) for run in runs] == [1] * 10 + [5, 5]
    assert runs[-1].last - runs[-1].first < 500


def test_close_key_pictures_are_thinned_and_no_packet_means_no_run() -> None:
    runs = plan_runs(table(list(np.arange(1000) / 25), list(range(1000))), SparseOptions())
    assert np.diff([run.wanted_s[0] for run in runs]).min() >= 1.5
    assert plan_runs(table([], []), SparseOptions()) == []
    assert plan_runs(table([0.0, 0.1], [0], hidden=(0, 1)), SparseOptions()) == []


def test_absurd_timestamps_ask_for_no_more_than_there_is() -> None:
    runs = plan_runs(table([0.0, 1.0, 1e12, 2.0], [0]), SparseOptions())
    assert len(runs) == 1 and len(runs[0].wanted_s) <= 4


@given(
    st.lists(st.floats(-50.0, 5000.0, width=32), min_size=1, max_size=60),
    st.sets(st.integers(0, 59)),
    st.sets(st.integers(0, 59)),
)
@settings(max_examples=60, deadline=None)
def test_runs_never_overlap_and_start_at_key_packets(
    times_s: list[float], keys: set[int], hidden: set[int]
) -> None:
    packets = table(times_s, sorted(keys), tuple(hidden))
    runs = plan_runs(packets, SparseOptions())
    starts = np.flatnonzero(packets.is_key).tolist() or [0]
    assert all(run.first <= run.last < len(times_s) and run.wanted_s for run in runs)
    assert all(run.first in starts for run in runs)
    assert all(a.last < b.first for a, b in pairwise(runs))

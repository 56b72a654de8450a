from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tracing.prints import fingerprint, same
from vidforensics.errors import ExitCode, IndexUnusableError
from vidforensics.tracing import FileStamp, Index, IndexCheck, ScanFailure, store_schema, store_segments
from vidforensics.types import Post


def _segment_files(folder: Path) -> list[Path]:
    return sorted((folder / "segments").iterdir())


def _flip(path: Path, at: int = -5) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def test_what_goes_in_comes_out(tmp_path):
    prints = [fingerprint(seed) for seed in range(5)]
    with Index.create_or_open(tmp_path / "i", write=True) as index:
        numbers = index.add(prints)
        assert same(index.fingerprint(numbers[3]), prints[3])
    with Index.create_or_open(tmp_path / "i") as index:
        assert len(index) == 5
        assert [number for number, _ in index.videos()] == list(numbers)
        for number, given in zip(numbers, prints, strict=True):
            assert index.has(given.video.sha256) == number
            assert same(index.fingerprint(number), given)
            assert index.video(number) == given.video
        assert index.methods == {"picture": "test-picture", "sound": "test-sound"}


def test_tables_hold_every_row_and_stay_usable_after_closing(tmp_path):
    prints = [fingerprint(seed, frames=seed * 3, landmarks=seed * 10) for seed in range(6)]
    with Index.create_or_open(tmp_path, write=True) as index:
        numbers = index.add(prints[:4]) + index.add(prints[4:])
        pictures, sounds = index.pictures(), index.sounds()
    assert len(pictures) == len(sounds) == 2
    for table in pictures:
        for at, number in enumerate(table.videos):
            rows = slice(table.starts[at], table.starts[at + 1])
            given = prints[numbers.index(number)].picture
            assert np.array_equal(table.codes[rows], given.codes)
            assert np.array_equal(table.quality[rows], given.quality)
            assert np.allclose(table.times_s[rows], given.times_s, atol=1e-5)
    assert sum(len(t.codes) for t in sounds) == sum(len(p.sounds[0].codes) for p in prints)
    for sound in sounds:
        assert np.all(np.diff(sound.codes.astype(np.int64)) >= 0)
    first = prints[1].sounds[0]
    mine = sounds[0].video == numbers[1]
    assert sorted(sounds[0].codes[mine]) == sorted(first.codes)


def test_an_empty_index_and_an_empty_print(tmp_path):
    with Index.create_or_open(tmp_path, write=True) as index:
        assert (len(index), index.pictures(), index.sounds(), index.add([])) == (0, (), (), ())
        (number,) = index.add([replace(fingerprint(1, frames=0), sounds=())])
        assert index.fingerprint(number).sounds == ()
        assert index.methods == {}
        assert [len(t.codes) for t in index.pictures()] == [0]
        assert index.check().problems == ()


def test_the_same_file_twice_is_one_video_with_two_paths_and_posts(tmp_path):
    one = Post("anna", "x", "2024-02-01T00:00:00Z", "https://x/1")
    two = Post("bob", "y", "2024-01-01T00:00:00Z")
    three = Post("carl", "y")
    with Index.create_or_open(tmp_path, write=True) as index:
        left = index.add([fingerprint(1, "/a", posts=(one, three))])
        right = index.add([fingerprint(1, "/b", posts=(two, one)), fingerprint(1, "/c")])
        assert left + left == right
        assert index.paths(left[0]) == ("/a", "/b", "/c")
        assert index.video(left[0]).posts == (two, one, three)
        assert len(index.pictures()) == 1
        assert index.add_posts({left[0]: [one, Post("anna", "x")]}) == 1


def test_seen_files_and_failures(tmp_path):
    stamp, later = FileStamp(10, 1), FileStamp(10, 2)
    name = os.fsdecode(b"/v/\xff\xfe.mp4")
    failure = ScanFailure("/v/bad", "DecodeError", "/v/bad: nothing decodes.")
    with Index.create_or_open(tmp_path, write=True) as index:
        (number,) = index.add([fingerprint(1, name)], {name: stamp})
        index.add_failure(failure, stamp)
        index.add_file("/v/copy", number, later)
    with Index.create_or_open(tmp_path, write=True) as index:
        assert index.seen_file(name, stamp) == number
        assert index.seen_file(name, later) is None
        assert index.number_at(name) == number
        assert index.seen_file("/v/copy", later) == number
        assert index.video(number).path == "/v/copy"
        assert index.failures == (failure,)
        assert index.failed_file("/v/bad", stamp)
        assert not index.failed_file("/v/bad", later)
        index.add([fingerprint(2, "/v/bad")], {"/v/bad": later})
        assert index.failures == ()
        index.add_failure(replace(failure, path=name), later)
        assert index.number_at(name) is None
        assert index.video(number).path == "/v/copy"


def test_prints_of_another_method_are_refused_and_nothing_is_added(tmp_path):
    other = fingerprint(2)
    other = replace(other, picture=replace(other.picture, algorithm="another"))
    with Index.create_or_open(tmp_path, write=True) as index:
        index.add([fingerprint(1)])
        with pytest.raises(IndexUnusableError, match="test-picture"):
            index.add([fingerprint(3), other])
        assert len(index) == 1
        assert len(index.pictures()) == 1


def test_small_segments_are_merged_and_nothing_is_lost(tmp_path):
    with Index.create_or_open(tmp_path, write=True) as index:
        early = Index.create_or_open(tmp_path)
        index.add([fingerprint(0)])
        before = early.pictures()
        for seed in range(1, 40):
            index.add([fingerprint(seed)])
        merged = index.pictures()
        assert len(merged) < 16
        assert len(_segment_files(tmp_path)) == len(merged)
        assert np.concatenate([t.videos for t in merged]).tolist() == list(range(1, 41))
        assert index.check() == IndexCheck(40, len(merged), (), ())
        assert len(before[0].codes) == 12  # what a reader holds stays, though its file is gone
        assert np.array_equal(early.pictures()[0].codes, merged[0].codes)
        early.close()


def test_merging_picks_the_newest_of_a_size():
    def segments(*sizes: int) -> list[store_segments.Segment]:
        return [store_segments.Segment(str(i), i, i, size) for i, size in enumerate(sizes)]

    small, large = 10_000, 3_000_000
    assert store_segments.to_merge(segments(*[small] * 7)) == ()
    assert len(store_segments.to_merge(segments(large, *[small] * 8))) == 8
    assert len(store_segments.to_merge(segments(*[large] * 6, small, small))) == 8
    assert store_segments.to_merge(segments(*[60_000_000] * 20)) == ()


@pytest.mark.parametrize("write", [False, True])
def test_a_flipped_byte_in_a_segment_is_mended_from_the_rows(tmp_path, write: bool):
    prints = [fingerprint(seed) for seed in range(3)]
    with Index.create_or_open(tmp_path, write=True) as index:
        index.add(prints)
        sound = index.pictures()[0], index.sounds()[0]
    (path,) = _segment_files(tmp_path)
    intact = path.read_bytes()
    for at in (3, 30, 400, len(intact) // 2, len(intact) - 70, -1):
        _flip(path, at)
        with Index.create_or_open(tmp_path, write=write) as index:
            assert np.array_equal(index.pictures()[0].codes, sound[0].codes)
            assert np.array_equal(index.sounds()[0].codes, sound[1].codes)
        assert (path.read_bytes() == intact) == write
        path.write_bytes(intact)


def test_check_reports_and_repairs(tmp_path):
    with Index.create_or_open(tmp_path, write=True) as index:
        index.add([fingerprint(1)])
        index.add([fingerprint(2)])
    first, second = _segment_files(tmp_path)
    _flip(first)
    second.unlink()
    with Index.create_or_open(tmp_path) as reader:
        found = reader.check()
        assert len(found.problems) == 2
        assert found.repaired == ()
    with Index.create_or_open(tmp_path, write=True) as index:
        assert len(index.check().repaired) == 2
        assert index.check().problems == index.check().repaired == ()


def test_a_damaged_row_is_reported(tmp_path):
    with Index.create_or_open(tmp_path, write=True) as index:
        index.add([fingerprint(1)])
    database = sqlite3.connect(tmp_path / "index.sqlite")
    (data,) = database.execute("SELECT data FROM prints").fetchone()
    database.execute("UPDATE prints SET data = ?", (data[:300] + b"!" + data[301:],))
    database.commit()
    database.close()
    with Index.create_or_open(tmp_path, write=True) as index:
        assert len(index.pictures()) == 1  # the segment still holds the codes
        assert "damaged" in index.check().problems[0]
    _flip(_segment_files(tmp_path)[0])
    with Index.create_or_open(tmp_path) as index, pytest.raises(IndexUnusableError, match="damaged"):
        index.pictures()


def test_a_second_writer_is_refused_or_waits(tmp_path):
    with Index.create_or_open(tmp_path, write=True):
        with pytest.raises(IndexUnusableError, match=f"process {os.getpid()} is writing") as caught:
            Index.create_or_open(tmp_path, write=True, wait_s=0.2)
        assert caught.value.exit_code is ExitCode.INDEX_UNUSABLE
        Index.create_or_open(tmp_path).close()
    Index.create_or_open(tmp_path, write=True).close()


def test_a_killed_writer_leaves_no_lock_and_its_litter_is_removed(tmp_path):
    code = (
        "import os, sys; from tests.tracing.prints import fingerprint\n"
        "from vidforensics.tracing import Index, store_segments as s\n"
        "index = Index.create_or_open(sys.argv[1], write=True); index.add([fingerprint(1)])\n"
        "whole = s.write_new\n"
        "s.write_new = lambda *a: (whole(*a), os.kill(os.getpid(), 9))\n"
        "index.add([fingerprint(2)])"
    )
    root = Path(__file__).resolve().parents[2]
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, timeout=60)
    assert killed.returncode == -9
    assert len(_segment_files(tmp_path)) == 2
    with Index.create_or_open(tmp_path) as index:
        assert len(index) == sum(len(t.videos) for t in index.pictures()) == 1
    with Index.create_or_open(tmp_path, write=True) as index:
        assert len(_segment_files(tmp_path)) == 1
        assert index.check().problems == ()


def test_a_newer_index_is_refused_with_the_version_it_needs(tmp_path, monkeypatch):
    known = store_schema.MIGRATIONS
    with Index.create_or_open(tmp_path, write=True) as index:
        index.add([fingerprint(1)])
    newer = store_schema.Migration(2, "9.9.0", ("CREATE TABLE more(x)", "INSERT INTO more VALUES (7)"))
    monkeypatch.setattr(store_schema, "MIGRATIONS", (*known, newer))
    with pytest.raises(IndexUnusableError, match="older version"):
        Index.create_or_open(tmp_path)
    with Index.create_or_open(tmp_path, write=True) as index:
        assert len(index) == 1
    monkeypatch.setattr(store_schema, "MIGRATIONS", known)
    for write in (False, True):
        with pytest.raises(IndexUnusableError, match=r"needs vidforensics 9\.9\.0"):
            Index.create_or_open(tmp_path, write=write)


def test_a_migration_that_fails_leaves_the_index_as_it_was(tmp_path, monkeypatch):
    Index.create_or_open(tmp_path, write=True).close()
    known = store_schema.MIGRATIONS
    bad = store_schema.Migration(2, "9.9.0", ("CREATE TABLE more(x)", "INSERT INTO nothing VALUES (1)"))
    monkeypatch.setattr(store_schema, "MIGRATIONS", (*known, bad))
    with pytest.raises(IndexUnusableError):
        Index.create_or_open(tmp_path, write=True)
    monkeypatch.setattr(store_schema, "MIGRATIONS", known)
    with Index.create_or_open(tmp_path, write=True) as index:
        assert index.check().problems == ()


def test_no_index_a_foreign_file_and_a_broken_one(tmp_path):
    with pytest.raises(IndexUnusableError, match="no index here"):
        Index.create_or_open(tmp_path)
    database = sqlite3.connect(tmp_path / "index.sqlite")
    database.execute("CREATE TABLE notes(x)")
    database.close()
    with pytest.raises(IndexUnusableError, match="not an index"):
        Index.create_or_open(tmp_path, write=True)
    (tmp_path / "index.sqlite").write_bytes(b"no database at all, but long enough" * 100)
    for write in (False, True):
        with pytest.raises(IndexUnusableError, match="damaged"):
            Index.create_or_open(tmp_path, write=write)


def test_readers_see_whole_batches_while_a_writer_adds(tmp_path):
    """Videos of a batch appear together, in the rows and in the tables."""
    with Index.create_or_open(tmp_path, write=True) as index, Index.create_or_open(tmp_path) as reader:
        for batch in range(30):
            index.add([fingerprint(batch * 3 + k, frames=2, landmarks=3) for k in range(3)])
            held = np.concatenate([t.videos for t in reader.pictures()])
            assert held.tolist() == list(range(1, batch * 3 + 4))


def test_an_index_on_a_read_only_disk(tmp_path):
    with Index.create_or_open(tmp_path, write=True) as index:
        index.add([fingerprint(1)])
    (tmp_path / "writer.lock").unlink()
    tmp_path.chmod(0o555)
    try:
        with Index.create_or_open(tmp_path) as index:
            assert len(index) == 1
            assert len(index.pictures()) == 1
    finally:
        tmp_path.chmod(0o755)

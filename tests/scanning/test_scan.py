from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.scanning import fake
from vidforensics.errors import IndexUnusableError, MissingModelError
from vidforensics.scanning import PostList, ScanOptions, scan
from vidforensics.tracing import Index
from vidforensics.types import Post

ROOT = Path(__file__).resolve().parents[2]


def make(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(paths: list[Path], index: Index, **keywords):
    return scan(paths, index, workers=2, runner=keywords.pop("runner", fake.run), **keywords)


@pytest.fixture
def index(tmp_path):
    with Index.create_or_open(tmp_path / "index", write=True) as opened:
        yield opened


def test_videos_failures_and_copies(tmp_path, index):
    source = make(tmp_path / "v", a="one", b="two", c="bad", d="one")
    done = run([source], index)
    assert (done.files, done.added, done.duplicates, done.unchanged) == (4, 2, 1, 0)
    assert [(f.path, f.kind) for f in done.failed] == [(str(source / "c.mp4"), "DecodeError")]
    assert index.failures == done.failed
    assert len(index) == 2
    assert {index.paths(n) for n in (1, 2)} == {
        (str(source / "a.mp4"), str(source / "d.mp4")),
        (str(source / "b.mp4"),),
    }
    assert not (tmp_path / "index" / "scratch").exists()


def test_a_second_scan_does_only_what_is_new(tmp_path, index):
    source = make(tmp_path / "v", a="one", c="bad")
    run([source], index)
    seen: list[str] = []

    def runner(verb, arguments, **keywords):
        seen.append(Path(arguments["path"]).name)
        return fake.run(verb, arguments, **keywords)

    make(source, e="three", f="one")
    again = run([source], index, runner=runner)
    assert (again.unchanged, again.failed_before, again.added, again.duplicates) == (1, 1, 1, 1)
    assert (again.failed, seen) == ((), ["e.mp4"])

    make(source, a="another", c="now it is good")
    changed = run([source], index, runner=runner)
    assert (changed.unchanged, changed.failed_before, changed.added) == (2, 0, 2)
    assert index.failures == ()
    assert sorted(seen) == ["a.mp4", "c.mp4", "e.mp4"]


def test_failures_are_tried_again_on_request(tmp_path, index):
    source = make(tmp_path / "v", c="bad")
    run([source], index)
    again = run([source], index, options=ScanOptions(retry_failed=True))
    assert (len(again.failed), again.failed_before, len(index.failures)) == (1, 0, 1)


def test_copies_of_a_bad_file_fail_with_it(tmp_path, index):
    source = make(tmp_path / "v", a="bad", b="bad", c="bad")
    done = run([source], index)
    assert [Path(f.path).name for f in done.failed] == ["a.mp4", "b.mp4", "c.mp4"]
    assert all(f.path in f.reason for f in done.failed)


def test_nothing_to_scan(tmp_path, index):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "blank.mp4").touch()
    done = run([tmp_path / "empty", tmp_path / "absent.mp4"], index)
    assert (done.files, done.added) == (2, 0)
    assert [Path(f.path).name for f in done.failed] == ["absent.mp4", "blank.mp4"]


def test_names_that_are_no_text(tmp_path, index):
    folder = tmp_path / "v"
    folder.mkdir()
    for name in (b"\xff\xfe.mp4", "наш\n.mp4".encode(), b"bad \xf0.mp4"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    done = run([folder], index)
    assert (done.added, len(done.failed)) == (2, 1)
    assert os.fsencode(done.failed[0].path).endswith(b"bad \xf0.mp4")
    assert {os.path.basename(os.fsencode(v.path)) for _, v in index.videos()} == {
        b"\xff\xfe.mp4",
        "наш\n.mp4".encode(),
    }
    assert run([folder], index).unchanged == 2


def test_what_would_fail_for_every_file_ends_the_scan_and_keeps_what_is_done(tmp_path, index):
    source = make(tmp_path / "v", **{f"f{i}": str(i) for i in range(12)})

    def runner(verb, arguments, **keywords):
        if arguments["path"].endswith("f9.mp4"):
            raise MissingModelError("no model")
        return fake.run(verb, arguments, **keywords)

    with pytest.raises(MissingModelError):
        run([source], index, runner=runner)
    before = len(index)
    assert before < 12
    assert run([source], index).added == 12 - before


def test_a_file_that_changes_while_it_is_read(tmp_path, index):
    source = make(tmp_path / "v", a="one")

    def runner(verb, arguments, **keywords):
        (source / "a.mp4").write_text("grown")
        return fake.run(verb, arguments, **keywords)

    assert "changed while it was read" in run([source], index, runner=runner).failed[0].reason
    assert run([source], index).added == 1


def test_a_worker_that_hands_over_rubbish_costs_one_file(tmp_path, index):
    source = make(tmp_path / "v", a="one", b="two")

    def runner(verb, arguments, **keywords):
        fake.run(verb, arguments, **keywords)
        if arguments["path"].endswith("a.mp4"):
            Path(arguments["out"]).write_bytes(b"rubbish")

    done = run([source], index, runner=runner)
    assert (done.added, len(done.failed)) == (1, 1)


def test_interruption_ends_workers_and_keeps_what_is_done(tmp_path, index):
    source = make(tmp_path / "v", **{f"f{i:02d}": str(i) for i in range(30)})
    ended = []

    def runner(verb, arguments, *, limits, progress):
        if not arguments["path"].endswith("f20.mp4"):
            return fake.run(verb, arguments, limits=limits, progress=progress)
        try:
            while True:
                time.sleep(0.01)
                progress("decode", 0.0, None)
        finally:
            ended.append(True)

    def impatient(stage, done, total):
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([source], index, runner=runner, progress=impatient, options=ScanOptions(batch_files=2))
    assert threading.active_count() == 1
    assert 5 <= len(index) < 30
    assert index.check().problems == ()
    assert run([source], index).files == len(index) == 30


def test_progress_tells_rate_and_time_left(tmp_path, index):
    source = make(tmp_path / "v", **{f"f{i}": str(i) for i in range(5)})
    told = []
    run([source], index, progress=lambda *report: told.append(report))
    assert told[0] == ("look for files", 0.0, None)
    assert told[-1][1:] == (5.0, 5.0)
    assert "files a second, 0 s left" in told[-1][0]


def test_posts_are_joined_by_file(tmp_path, index):
    source = make(tmp_path / "v", a="one", b="one", c="bad")
    early = Post("anna", "x", "2024-01-01T00:00:00Z")
    late = Post("bob", "y", "2024-02-01T00:00:00Z")
    (tmp_path / "link").symlink_to(source)
    posts = PostList(
        {
            str(source / "a.mp4"): (late,),
            str(tmp_path / "link" / "b.mp4"): (early,),
            str(source / "c.mp4"): (early, late),
        },
        ("posts.csv:3: no account; the row is skipped.",),
    )
    done = run([source], index, posts=posts)
    assert index.video(1).posts == (early, late)
    assert done.posts_added == 2
    assert done.posts_problems == (
        "posts.csv:3: no account; the row is skipped.",
        f"{source / 'c.mp4'}: is not in the index; its 2 posts are left out.",
    )
    assert run([source], index, posts=posts).posts_added == 0


def _start(source: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.scanning.fake", str(source), str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


def _kill_once_it_writes(source: Path, folder: Path, later_s: float) -> bool:
    """Kill a scan some time after it took the lock; whether it was still at work."""
    process = _start(source, folder)
    lock = folder / "writer.lock"
    before = lock.stat().st_mtime_ns if lock.exists() else 0
    while process.poll() is None and not (lock.exists() and lock.stat().st_mtime_ns > before):
        time.sleep(0.002)
    time.sleep(later_s)
    process.kill()
    process.wait()
    return process.returncode == -9


@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_any_moment_and_resumed_the_index_is_as_if_nothing_happened(tmp_path, kills: int):
    files = {f"f{i:04d}": f"video {i - i % 3}" if i % 17 else f"bad {i}" for i in range(40 * kills)}
    source = make(tmp_path / "v", **files)
    with Index.create_or_open(tmp_path / "whole", write=True) as index:
        run([source], index)
    moments = random.Random(5)
    killed = sum(
        _kill_once_it_writes(source, tmp_path / "killed", moments.uniform(0.0, 0.12)) for _ in range(kills)
    )
    assert killed >= kills // 2
    assert _start(source, tmp_path / "killed").wait(timeout=60) == 0
    assert fake.content(tmp_path / "killed") == fake.content(tmp_path / "whole")


def test_two_scans_at_once_follow_one_another(tmp_path):
    source = make(tmp_path / "v", **{f"f{i:02d}": str(i) for i in range(40)})
    scans = [_start(source, tmp_path / "index") for _ in range(2)]
    assert [scan.wait(timeout=60) for scan in scans] == [0, 0]
    found = fake.content(tmp_path / "index")
    assert len(found["videos"]) == 40
    assert found["check"] == ()


def test_a_scan_while_another_writes_is_refused(tmp_path, index):
    with pytest.raises(IndexUnusableError, match="is writing to this index"):
        Index.create_or_open(tmp_path / "index", write=True)

"""Fingerprint many files into an index, each in a worker process of its own, with one writer.

The calling thread alone touches the index. Threads hash files and wait for workers; what they bring is added
in small batches, each all or nothing, so that a scan that is stopped at any moment goes on where it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vidforensics.errors import OutputError
from vidforensics.isolation import Limits, run_isolated
from vidforensics.runtime import Progress, no_progress
from vidforensics.scanning.jobs import Fingerprinted, JobPool, Runner
from vidforensics.scanning.pace import Pace
from vidforensics.scanning.posts import PostList
from vidforensics.scanning.walk import media_files
from vidforensics.tracing import FileStamp, Index, ScanFailure
from vidforensics.types import Post

_SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How a scan goes about it.

    batch_files, batch_s: results are added when there are so many, or after so long. retry_failed: whether
    files that failed before and have not changed are tried again.
    """

    batch_files: int = 16
    batch_s: float = 5.0
    retry_failed: bool = False


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What a scan did.

    files: how many were looked at. added: new videos. duplicates: files whose content the index had already.
    unchanged: files passed over because they had been scanned. failed: what could not be read this time.
    failed_before: files passed over because they had failed and are unchanged. posts_added: how many posts
    were new; posts_problems: rows and files of the list that were left out, a line each.
    """

    files: int
    added: int
    duplicates: int
    unchanged: int
    failed: tuple[ScanFailure, ...]
    failed_before: int
    posts_added: int
    posts_problems: tuple[str, ...]


def scan(
    paths: Iterable[Path | str],
    index: Index,
    *,
    posts: PostList | None = None,
    workers: int | None = None,
    options: ScanOptions | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
    runner: Runner = run_isolated,
) -> ScanSummary:
    """Fingerprint every video and sound file under `paths` into an index.

    Args:
        paths: files (whatever their names) and folders.
        index: open for writing.
        posts: which accounts posted which files.
        workers: how many files at once; default: one per processor.
        options: batches, and whether failures are tried again.
        limits: time and memory per file.
        progress: called with rate and time left in words, files done, files in all.
        runner: what runs a job in a worker; takes what `isolation.run_isolated` takes.

    Returns:
        Counts, and a line for every file that failed.

    Raises:
        IndexUnusableError, OutputError, MissingModelError: nothing could be scanned; what was finished is
            kept, as it is when the caller is interrupted.
    """
    options = options or ScanOptions()
    progress("look for files", 0.0, None)
    files = list(media_files(paths))
    scratch = _empty_folder(index.folder / _SCRATCH)
    try:
        with JobPool(scratch, workers or os.cpu_count() or 1, limits, runner) as pool:
            work = _Scan(index, pool, options, Pace(progress, len(files), options.batch_s))
            work.run(files)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return work.summary(*_join_posts(index, posts))


class _Scan:
    """One run: which files are under way, what waits to be added, what has been counted."""

    def __init__(self, index: Index, pool: JobPool, options: ScanOptions, pace: Pace) -> None:
        self._index, self._pool, self._options, self._pace = index, pool, options, pace
        self._waiting: list[Fingerprinted] = []
        self._stamps: dict[str, FileStamp] = {}
        self._same: dict[str, list[str]] = {}  # by digest of what is under way: further files with it
        self._counts = dict.fromkeys(("files", "added", "duplicates", "unchanged", "failed_before"), 0)
        self._failed: list[ScanFailure] = []

    def run(self, files: Iterable[str]) -> None:
        """Scan the files; whatever ends it, results that came are added."""
        try:
            for path in files:
                self._begin(path)
                while self._pool.is_full():
                    self._take()
            while self._pool.is_busy():
                self._take()
        finally:
            self._add_waiting()

    def summary(self, posts_added: int, posts_problems: tuple[str, ...]) -> ScanSummary:
        """What was done."""
        return ScanSummary(
            **self._counts,
            failed=tuple(sorted(self._failed, key=lambda f: f.path)),
            posts_added=posts_added,
            posts_problems=posts_problems,
        )

    def _begin(self, path: str) -> None:
        """Pass over a file that is done, or have it hashed."""
        self._counts["files"] += 1
        try:
            status = os.stat(path)
        except OSError as error:
            self._fail(ScanFailure(path, "InputError", f"{path}: cannot be read ({error.strerror})."))
            return
        stamp = self._stamps[path] = FileStamp(status.st_size, status.st_mtime_ns)
        if self._index.seen_file(path, stamp) is not None:
            self._done(path, "unchanged")
        elif not self._options.retry_failed and self._index.failed_file(path, stamp):
            self._done(path, "failed_before")
        else:
            self._pool.hash(path)

    def _take(self) -> None:
        """Deal with what the threads have finished, and add when it is time."""
        for outcome in self._pool.finished():
            if isinstance(outcome, ScanFailure):
                self._fail(outcome)
            elif isinstance(outcome, Fingerprinted):
                self._waiting.append(outcome)
            else:
                self._hashed(*outcome)
        if len(self._waiting) >= self._options.batch_files or (self._waiting and self._pace.is_due()):
            self._add_waiting()
        self._pace.show()

    def _hashed(self, path: str, sha256: str) -> None:
        """A file whose content is known gains a path; any other goes to a worker."""
        number = self._index.has(sha256)
        if number is not None:
            self._index.add_file(path, number, self._stamps[path])
            self._done(path, "duplicates")
        elif sha256 in self._same:
            self._same[sha256].append(path)
        else:
            self._same[sha256] = []
            self._pool.fingerprint(path, sha256)

    def _add_waiting(self) -> None:
        """Write a batch, and give the files of equal content to their videos."""
        if not self._waiting:
            return
        batch = self._waiting
        stamps = {done.path: self._stamps[done.path] for done in batch}
        numbers = self._index.add([done.fingerprint for done in batch], stamps)
        self._waiting = []
        for done, number in zip(batch, numbers, strict=True):
            self._done(done.path, "added")
            self._pool.forget(done.path)
            for path in self._same.pop(done.fingerprint.video.sha256, ()):
                self._index.add_file(path, number, self._stamps[path])
                self._done(path, "duplicates")
        self._pace.added()

    def _fail(self, failure: ScanFailure) -> None:
        """Keep the reason; files of equal content fail for it, too."""
        stamp = self._stamps.pop(failure.path, None)
        self._index.add_failure(failure, stamp)
        self._failed.append(failure)
        self._pace.done()
        sha256 = self._pool.forget(failure.path)
        for path in self._same.pop(sha256, ()) if sha256 else ():
            self._fail(ScanFailure(path, failure.kind, failure.reason.replace(failure.path, path)))

    def _done(self, path: str, how: str) -> None:
        self._counts[how] += 1
        self._stamps.pop(path, None)
        self._pace.done(worked=how in ("added", "duplicates"))


def _join_posts(index: Index, posts: PostList | None) -> tuple[int, tuple[str, ...]]:
    """Give each post to the video at its file; how many were new, and what was left out."""
    if posts is None:
        return 0, ()
    problems = list(posts.problems)
    joined: dict[int, list[Post]] = {}
    for path, of_file in posts.posts.items():
        number = index.number_at(path)
        if number is None:
            number = index.number_at(os.path.realpath(path))
        if number is None:
            problems.append(f"{path}: is not in the index; its {len(of_file)} posts are left out.")
        else:
            joined.setdefault(number, []).extend(of_file)
    return index.add_posts(joined), tuple(problems)


def _empty_folder(folder: Path) -> Path:
    """A fresh folder, without what a scan that was stopped left in it."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); free some space.") from error
    return folder

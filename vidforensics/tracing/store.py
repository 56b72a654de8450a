"""The index: a folder with one SQLite file and append-only segment files, one writer, any number of readers.

    index.sqlite    what is known: a row per video with its whole fingerprint, its files, posts; failures
    segments/       the same codes as arrays that are searched through a memory map, see `segment_files`
    writer.lock     held by the one process that may write

A segment file is complete on the disk before the transaction that names it ends, so that a reader, who takes
the names from one moment of the database, never sees half of anything; a file that no row names is litter of
a writer that was stopped. Everything in a segment file is in the rows too: damage is found by checksum
whenever a segment is opened, and mended from them.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vidforensics.errors import IndexUnusableError, OutputError
from vidforensics.tracing import store_rows, store_schema, store_segments
from vidforensics.tracing.segment_files import DamagedFileError
from vidforensics.tracing.store_rows import FileStamp, ScanFailure
from vidforensics.tracing.store_segments import Segment, Tables
from vidforensics.types import Fingerprint, IndexedVideo, PicturePrint, PictureTable, Post, SoundTable

_LOG = logging.getLogger(__name__)
_SNAPSHOT_TRIES = 5


@dataclass(frozen=True, slots=True)
class IndexCheck:
    """What a full check found: `repaired` is in order again, `problems` are not."""

    videos: int
    segments: int
    problems: tuple[str, ...]
    repaired: tuple[str, ...]


class Index:
    """One open index; `create_or_open` makes it, `close` or a with-block ends it."""

    def __init__(
        self, folder: Path, database: sqlite3.Connection, lock: store_schema.WriterLock | None
    ) -> None:
        self.folder, self._database, self._lock = folder, database, lock
        self._open: dict[Segment, Tables] = {}

    @classmethod
    def create_or_open(cls, folder: Path | str, *, write: bool = False, wait_s: float = 0.0) -> Index:
        """Open an index, for writing also make it.

        Args:
            folder: its folder.
            write: whether anything will be added; there is one writer at a time.
            wait_s: how long to wait for another writer to finish.

        Raises:
            IndexUnusableError: locked, damaged, newer than this program, or (to read) not there.
            OutputError: the folder cannot be written to.
        """
        folder = Path(folder)
        if not write:
            return cls(folder, store_schema.open_for_reading(folder), None)
        try:
            (folder / store_segments.FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be written ({error.strerror}); choose another --index."
            ) from error
        lock = store_schema.WriterLock(folder, wait_s)
        try:
            index = cls(folder, store_schema.open_for_writing(folder), lock)
            store_segments.remove_unregistered(folder, index._database)
        except BaseException:
            lock.release()
            raise
        return index

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and of the lock; tables that were handed out stay usable."""
        self._open.clear()
        self._database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def add(
        self, fingerprints: Sequence[Fingerprint], stamps: Mapping[str, FileStamp] | None = None
    ) -> tuple[int, ...]:
        """Add videos with their files and posts, all or none of them.

        A video that is there already, by its digest, only gains a file and posts.

        Args:
            fingerprints: what to add.
            stamps: by path, how to tell later that the file has not changed.

        Returns:
            The number of each video.

        Raises:
            IndexUnusableError: the prints were made by another method than those in the index.
            OutputError: the disk is full; the index is as it was.
        """
        stamps = stamps or {}
        numbers, new = [], []
        try:
            with store_schema.transaction(self._database):
                self._same_methods(fingerprints)
                for fingerprint in fingerprints:
                    video = fingerprint.video
                    number = store_rows.number_of(self._database, video.sha256)
                    if number is None:
                        number = store_rows.add_video(self._database, fingerprint)
                        new.append((number, fingerprint))
                    numbers.append(number)
                    store_rows.put_file(self._database, video.path, number, stamps.get(video.path))
                    store_rows.add_posts(self._database, number, video.posts)
                if new:
                    store_segments.write_new(self.folder, self._database, new)
        except sqlite3.OperationalError as error:
            raise OutputError(f"{self.folder}: cannot be written ({error}); free some space.") from error
        self._merge_segments()
        return tuple(numbers)

    def add_file(self, path: str, number: int, stamp: FileStamp | None = None) -> None:
        """Say that `path` holds a video that is in the index."""
        with store_schema.transaction(self._database):
            store_rows.put_file(self._database, path, number, stamp)

    def add_failure(self, failure: ScanFailure, stamp: FileStamp | None = None) -> None:
        """Remember that a file could not be fingerprinted, and why."""
        with store_schema.transaction(self._database):
            store_rows.put_failure(self._database, failure, stamp)

    def add_posts(self, posts: Mapping[int, Sequence[Post]]) -> int:
        """Join posts to videos, by number; returns how many were not known yet."""
        with store_schema.transaction(self._database):
            return sum(store_rows.add_posts(self._database, n, of) for n, of in posts.items())

    def __len__(self) -> int:
        return store_rows.count_videos(self._database)

    def has(self, sha256: str) -> int | None:
        """The number of the video with this digest, None if there is none."""
        return store_rows.number_of(self._database, sha256)

    def number_at(self, path: str) -> int | None:
        """The number of the video at `path` when it was last scanned."""
        return store_rows.file_number(self._database, path, None)

    def seen_file(self, path: str, stamp: FileStamp) -> int | None:
        """The number of the video at `path`, if the file has not changed since it was scanned."""
        return store_rows.file_number(self._database, path, stamp)

    def failed_file(self, path: str, stamp: FileStamp) -> bool:
        """Whether the file at `path` failed when it was scanned and has not changed since."""
        return store_rows.has_failed(self._database, path, stamp)

    def video(self, number: int) -> IndexedVideo:
        """What is known of one video; KeyError if there is none of this number."""
        return store_rows.video(self._database, number)

    def videos(self) -> Iterator[tuple[int, IndexedVideo]]:
        """Every video with its number, ascending."""
        return store_rows.videos(self._database)

    def paths(self, number: int) -> tuple[str, ...]:
        """Every place where the video lies."""
        return store_rows.paths(self._database, number)

    def fingerprint(self, number: int) -> Fingerprint:
        """Everything that is kept of one video, times exact to a microsecond.

        Raises:
            KeyError: no video has this number.
            DamagedFileError: its row was altered.
        """
        return store_rows.fingerprint(self._database, number)

    def picture_print(self, number: int) -> PicturePrint:
        """The picture print of one video, local points included; raises as `fingerprint` does."""
        return self.fingerprint(number).picture

    @property
    def failures(self) -> tuple[ScanFailure, ...]:
        """Files that could not be fingerprinted, by path."""
        return store_rows.failures(self._database)

    @property
    def methods(self) -> dict[str, str]:
        """Name of the method that made the prints, of "picture" and "sound", once there is one."""
        rows = self._database.execute("SELECT key, value FROM meta WHERE key LIKE 'method.%'")
        return {key.removeprefix("method."): value for key, value in rows}

    def pictures(self) -> tuple[PictureTable, ...]:
        """The picture codes of every video, one memory-mapped table per segment.

        Raises:
            DamagedFileError: a segment and a row it could be mended from were altered.
        """
        return tuple(pictures for pictures, _ in self._tables())

    def sounds(self) -> tuple[SoundTable, ...]:
        """The sound codes of every video, one memory-mapped table per segment; raises as `pictures`."""
        return tuple(sounds for _, sounds in self._tables())

    def check(self, *, repair: bool = True) -> IndexCheck:
        """Read everything and compare it with its checksums.

        Args:
            repair: whether damaged segments are written anew from the rows (by the writer only).
        """
        from vidforensics.tracing.store_check import check

        self._open.clear()
        return check(self.folder, self._database, repair=repair and self._lock is not None)

    def _same_methods(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Refuse codes that cannot be compared with those in the index."""
        known = self.methods
        for fingerprint in fingerprints:
            methods = [("sound", sound.algorithm) for sound in fingerprint.sounds]
            if len(fingerprint.picture.times_s):
                methods.append(("picture", fingerprint.picture.algorithm))
            for kind, method in methods:
                if known.setdefault(kind, method) != method:
                    raise IndexUnusableError(
                        f"{self.folder}: holds {kind} prints made by {known[kind]}, which cannot be compared "
                        f"with those of {method}; scan into a new folder."
                    )
        self._database.executemany(
            "INSERT OR IGNORE INTO meta VALUES (?, ?)",
            [(f"method.{kind}", method) for kind, method in known.items()],
        )

    def _tables(self) -> list[Tables]:
        """The tables of one moment of the database; segments that stay are opened and checked once."""
        for _ in range(_SNAPSHOT_TRIES):
            segments = store_segments.registered(self._database)
            self._open = {s: tables for s, tables in self._open.items() if s in segments}
            try:
                for segment in segments:
                    if segment not in self._open:
                        self._open[segment] = self._tables_of(segment)
            except _ReplacedError:
                continue
            return [self._open[segment] for segment in segments]
        raise IndexUnusableError(f"{self.folder}: changes faster than it can be read; try again.")

    def _tables_of(self, segment: Segment) -> Tables:
        try:
            return store_segments.read(self.folder, segment)
        except DamagedFileError as error:
            if segment not in store_segments.registered(self._database):
                raise _ReplacedError from error  # a writer merged it meanwhile and removed its file
            _LOG.warning("%s Read from the rows instead.", error)
        if self._lock is None:
            return store_segments.rebuilt(self._database, segment)
        with store_schema.transaction(self._database):
            return store_segments.repair(self.folder, self._database, segment)

    def _merge_segments(self) -> None:
        """Keep the number of segments small; the files that were merged go when their successor is named."""
        while tail := store_segments.to_merge(store_segments.registered(self._database)):
            with store_schema.transaction(self._database):
                store_segments.merge(self.folder, self._database, tail)
            for segment in tail:
                with suppress(OSError):  # the next writer removes what cannot be removed now
                    (self.folder / store_segments.FOLDER / segment.name).unlink()


class _ReplacedError(Exception):
    """A segment went away between its name and its file."""

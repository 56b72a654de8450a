"""What the index's database holds: videos, their files and posts, failures; one function per question."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vidforensics.tracing import store_prints
from vidforensics.types import Fingerprint, IndexedVideo, Post

_VIDEO_COLUMNS = "number, sha256, first_path, duration_s, width_px, height_px, has_sound"


@dataclass(frozen=True, slots=True)
class FileStamp:
    """How a file is known not to have changed, without reading it."""

    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ScanFailure:
    """A file that could not be fingerprinted: the class of the error and its sentence."""

    path: str
    kind: str
    reason: str


def number_of(database: sqlite3.Connection, sha256: str) -> int | None:
    """The number of the video with this digest."""
    row = database.execute("SELECT number FROM videos WHERE sha256 = ?", (sha256,)).fetchone()
    return None if row is None else int(row[0])


def add_video(database: sqlite3.Connection, fingerprint: Fingerprint) -> int:
    """Add a video that is not there yet and return its number."""
    video = fingerprint.video
    cursor = database.execute(
        "INSERT INTO videos(sha256, first_path, duration_s, width_px, height_px, has_sound, problems)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            video.sha256,
            os.fsencode(video.path),
            video.duration_s,
            video.width_px,
            video.height_px,
            video.has_sound,
            json.dumps(fingerprint.problems),
        ),
    )
    number = int(cursor.lastrowid or 0)
    database.execute("INSERT INTO prints VALUES (?, ?)", (number, store_prints.encode(fingerprint)))
    return number


def put_file(database: sqlite3.Connection, path: str, number: int, stamp: FileStamp | None) -> None:
    """Say that `path` holds a video; what was known of the path before is replaced."""
    key = os.fsencode(path)
    size_bytes, mtime_ns = (stamp.size_bytes, stamp.mtime_ns) if stamp else (None, None)
    database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (key, number, size_bytes, mtime_ns))
    database.execute("DELETE FROM failures WHERE path = ?", (key,))


def put_failure(database: sqlite3.Connection, failure: ScanFailure, stamp: FileStamp | None) -> None:
    """Say that the file at a path could not be read; what was known of the path before is replaced."""
    key = os.fsencode(failure.path)
    size_bytes, mtime_ns = (stamp.size_bytes, stamp.mtime_ns) if stamp else (None, None)
    database.execute("DELETE FROM files WHERE path = ?", (key,))
    database.execute(
        "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?)",
        (key, size_bytes, mtime_ns, failure.kind, _as_text(failure.reason)),
    )


def _as_text(reason: str) -> str:
    """A sentence that names a file whose name may be no text."""
    return reason.encode("utf-8", "backslashreplace").decode("utf-8")


def file_number(database: sqlite3.Connection, path: str, stamp: FileStamp | None) -> int | None:
    """The video at `path`; with a stamp, only if the file has not changed since."""
    row = database.execute(
        "SELECT number, size_bytes, mtime_ns FROM files WHERE path = ?", (os.fsencode(path),)
    ).fetchone()
    if row is None or (stamp is not None and (row[1], row[2]) != (stamp.size_bytes, stamp.mtime_ns)):
        return None
    return int(row[0])


def has_failed(database: sqlite3.Connection, path: str, stamp: FileStamp) -> bool:
    """Whether the file at `path` failed before and has not changed since."""
    row = database.execute(
        "SELECT 1 FROM failures WHERE path = ? AND size_bytes = ? AND mtime_ns = ?",
        (os.fsencode(path), stamp.size_bytes, stamp.mtime_ns),
    ).fetchone()
    return row is not None


def failures(database: sqlite3.Connection) -> tuple[ScanFailure, ...]:
    """Every failure, by path."""
    rows = database.execute("SELECT path, kind, reason FROM failures ORDER BY path")
    return tuple(ScanFailure(os.fsdecode(path), kind, reason) for path, kind, reason in rows)


def paths(database: sqlite3.Connection, number: int) -> tuple[str, ...]:
    """Where a video lies, by name."""
    rows = database.execute("SELECT path FROM files WHERE number = ? ORDER BY path", (number,))
    return tuple(os.fsdecode(path) for (path,) in rows)


def add_posts(database: sqlite3.Connection, number: int, posts: Iterable[Post]) -> int:
    """Join posts to a video; those known already are left out. Returns how many were new."""
    before = database.total_changes
    database.executemany(
        "INSERT OR IGNORE INTO posts VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(number, p.account, p.platform, p.posted_at, p.url, p.text, p.target) for p in posts],
    )
    return database.total_changes - before


def posts(database: sqlite3.Connection, number: int) -> tuple[Post, ...]:
    """The posts of a video, earliest known first, those without a time last."""
    rows = database.execute(
        "SELECT account, platform, posted_at, url, text, target FROM posts WHERE number = ?"
        " ORDER BY posted_at IS NULL, posted_at, platform, account, url",
        (number,),
    )
    return tuple(Post(*row) for row in rows)


def video(database: sqlite3.Connection, number: int) -> IndexedVideo:
    """One video.

    Raises:
        KeyError: no video has this number.
    """
    row = database.execute(f"SELECT {_VIDEO_COLUMNS} FROM videos WHERE number = ?", (number,)).fetchone()  # noqa: S608
    if row is None:
        raise KeyError(number)
    return _video(database, row)


def videos(database: sqlite3.Connection) -> Iterator[tuple[int, IndexedVideo]]:
    """Every video with its number, ascending."""
    for row in database.execute(f"SELECT {_VIDEO_COLUMNS} FROM videos ORDER BY number"):  # noqa: S608
        yield int(row[0]), _video(database, row)


def count_videos(database: sqlite3.Connection) -> int:
    """How many videos there are."""
    return int(database.execute("SELECT count(*) FROM videos").fetchone()[0])


def fingerprint(database: sqlite3.Connection, number: int) -> Fingerprint:
    """Everything that is kept of one video.

    Raises:
        KeyError: no video has this number.
        DamagedFileError: its row was altered.
    """
    row = database.execute(
        "SELECT data, problems FROM prints JOIN videos USING (number) WHERE number = ?", (number,)
    ).fetchone()
    if row is None:
        raise KeyError(number)
    return store_prints.decode(row[0], video(database, number), tuple(json.loads(row[1])))


def numbers(database: sqlite3.Connection, first: int, last: int) -> Sequence[int]:
    """The numbers of the videos from `first` to `last`."""
    rows = database.execute(
        "SELECT number FROM videos WHERE number BETWEEN ? AND ? ORDER BY number", (first, last)
    )
    return [int(row[0]) for row in rows]


def _video(database: sqlite3.Connection, row: tuple[Any, ...]) -> IndexedVideo:
    number, sha256, first_path, duration_s, width_px, height_px, has_sound = row
    known = paths(database, number)
    return IndexedVideo(
        sha256=sha256,
        path=known[0] if known else os.fsdecode(first_path),
        duration_s=duration_s,
        width_px=width_px,
        height_px=height_px,
        has_sound=bool(has_sound),
        posts=posts(database, number),
    )

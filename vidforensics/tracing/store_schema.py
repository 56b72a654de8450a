"""The index's database: its tables, how an older one is brought up to date, who may write to it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vidforensics.errors import IndexUnusableError, OutputError

DATABASE = "index.sqlite"
_LOCK = "writer.lock"
_POLL_S = 0.1
_APPLICATION_ID = 0x56464958  # "VFIX", so that somebody else's SQLite file is never taken for an index


@dataclass(frozen=True, slots=True)
class Migration:
    """What brings the database to `version` from the one before; `needs`: the first program that knows it."""

    version: int
    needs: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "0.1.0",
        (
            "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
            """CREATE TABLE videos(
                number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, first_path BLOB NOT NULL,
                duration_s REAL, width_px INTEGER, height_px INTEGER,
                has_sound INTEGER NOT NULL, problems TEXT NOT NULL)""",
            # Blobs lie apart, so that going through the videos does not read past them.
            "CREATE TABLE prints(number INTEGER PRIMARY KEY REFERENCES videos(number), data BLOB NOT NULL)",
            """CREATE TABLE files(
                path BLOB PRIMARY KEY, number INTEGER NOT NULL REFERENCES videos(number),
                size_bytes INTEGER, mtime_ns INTEGER) WITHOUT ROWID""",
            "CREATE INDEX files_by_number ON files(number)",
            """CREATE TABLE failures(
                path BLOB PRIMARY KEY, size_bytes INTEGER, mtime_ns INTEGER,
                kind TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID""",
            """CREATE TABLE posts(
                number INTEGER NOT NULL REFERENCES videos(number), account TEXT NOT NULL,
                platform TEXT NOT NULL, posted_at TEXT, url TEXT, text TEXT, target TEXT)""",
            """CREATE UNIQUE INDEX posts_once
                ON posts(number, account, platform, ifnull(posted_at, ''), ifnull(url, ''))""",
            """CREATE TABLE segments(
                name TEXT PRIMARY KEY, first_number INTEGER NOT NULL, last_number INTEGER NOT NULL,
                size_bytes INTEGER NOT NULL) WITHOUT ROWID""",
        ),
    ),
)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is done inside."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # some errors end it by themselves
            database.execute("ROLLBACK")
        raise


def open_for_writing(folder: Path) -> sqlite3.Connection:
    """The database of `folder`, made or brought up to date; the caller holds the writer's lock.

    Raises:
        IndexUnusableError: newer than this program, damaged, or no index at all.
        OutputError: the folder cannot be written to.
    """
    try:
        database = sqlite3.connect(folder / DATABASE, isolation_level=None, timeout=60.0)
    except sqlite3.Error as error:
        raise OutputError(
            f"{folder}: no index can be kept here ({error}); choose another --index."
        ) from error
    with _refusing_damage(folder, database):
        _check_version(folder, database)
        database.execute("PRAGMA journal_mode = WAL")
        # Segment files are synced before the row that names them, so a lost last commit loses nothing else.
        database.execute("PRAGMA synchronous = NORMAL")
        _migrate(database)
    return database


def open_for_reading(folder: Path) -> sqlite3.Connection:
    """The database of `folder`, never written to.

    Raises:
        IndexUnusableError: absent, damaged, newer than this program, or older and never brought up to date.
    """
    path = folder / DATABASE
    if not path.is_file():
        raise IndexUnusableError(f"{folder}: no index here; make one with `vidforensics scan --index`.")
    database = _connect_to_read(path)
    with _refusing_damage(folder, database):
        version = _check_version(folder, database)
        if version < MIGRATIONS[-1].version:
            raise IndexUnusableError(
                f"{folder}: from an older version; run `vidforensics scan` on it once to bring it up to date."
            )
    return database


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Read-only; where not even the log's own files can be made (a read-only disk), as it lies."""
    place = path.absolute().as_uri()
    database = sqlite3.connect(f"{place}?mode=ro", uri=True, isolation_level=None, timeout=60.0)
    try:
        database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        log = path.with_name(path.name + "-wal")
        if os.access(path.parent, os.W_OK) or (log.exists() and log.stat().st_size):
            return database  # whatever is wrong will be said when it is used
        database.close()
        database = sqlite3.connect(f"{place}?immutable=1", uri=True, isolation_level=None)
    except sqlite3.DatabaseError:
        return database
    return database


def _check_version(folder: Path, database: sqlite3.Connection) -> int:
    """The version of the database, 0 for an empty one."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    owner = int(database.execute("PRAGMA application_id").fetchone()[0])
    tables = int(database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if tables and owner != _APPLICATION_ID:
        raise IndexUnusableError(
            f"{folder / DATABASE}: not an index of this program; choose another --index."
        )
    if version > MIGRATIONS[-1].version:
        (needs,) = database.execute("SELECT value FROM meta WHERE key = 'needs'").fetchone()
        raise IndexUnusableError(
            f"{folder}: made by a newer version; it needs vidforensics {needs} or later."
        )
    return version


def _migrate(database: sqlite3.Connection) -> None:
    """Bring the database up to date, each step whole or not at all."""
    for migration in MIGRATIONS:
        with transaction(database):
            if int(database.execute("PRAGMA user_version").fetchone()[0]) >= migration.version:
                continue
            for statement in migration.statements:
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {migration.version}")
            database.execute("INSERT OR REPLACE INTO meta VALUES ('needs', ?)", (migration.needs,))


@contextmanager
def _refusing_damage(folder: Path, database: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        database.close()
        raise IndexUnusableError(
            f"{folder / DATABASE}: damaged or unreadable ({error}); restore it, or scan into a new folder."
        ) from error
    except BaseException:
        database.close()
        raise


class WriterLock:
    """The right to write to one index; the system takes it back when the process ends, however it ends."""

    def __init__(self, folder: Path, wait_s: float) -> None:
        """Take the lock, waiting up to `wait_s`.

        Raises:
            IndexUnusableError: somebody else holds it.
            OutputError: the folder cannot be written to.
        """
        import fcntl

        try:
            self._file = (folder / _LOCK).open("a+b")
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be written ({error.strerror}); choose another --index."
            ) from error
        give_up = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    raise self._refusal(folder) from None
                time.sleep(_POLL_S)
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode("ascii"))
        self._file.flush()

    def _refusal(self, folder: Path) -> IndexUnusableError:
        self._file.seek(0)
        holder = self._file.read(20).decode("ascii", "replace") or "unknown"
        self._file.close()
        return IndexUnusableError(
            f"{folder}: process {holder} is writing to this index; wait until it has finished and run again."
        )

    def release(self) -> None:
        """Let the next writer in."""
        self._file.close()

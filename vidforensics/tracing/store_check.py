"""Reading a whole index against its checksums, and mending what the rows can mend."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vidforensics.tracing import store_rows, store_schema, store_segments
from vidforensics.tracing.segment_files import DamagedFileError

if TYPE_CHECKING:
    from vidforensics.tracing.store import IndexCheck


def check(folder: Path, database: sqlite3.Connection, *, repair: bool) -> IndexCheck:
    """Check the database, every row and every segment file.

    Args:
        folder: the index's folder.
        database: its database; for `repair` the caller holds the writer's lock.
        repair: whether damaged segment files are written anew from the rows.
    """
    from vidforensics.tracing.store import IndexCheck

    problems = [*_database_problems(database), *_row_problems(database), *_gaps(database)]
    repaired = []
    segments = store_segments.registered(database)
    for segment in segments:
        try:
            store_segments.read(folder, segment)
        except DamagedFileError as error:
            if repair and _mended(folder, database, segment):
                repaired.append(f"{error} Written anew from the rows.")
            else:
                problems.append(str(error))
    return IndexCheck(store_rows.count_videos(database), len(segments), tuple(problems), tuple(repaired))


def _mended(folder: Path, database: sqlite3.Connection, segment: store_segments.Segment) -> bool:
    try:
        with store_schema.transaction(database):
            store_segments.repair(folder, database, segment)
    except DamagedFileError:
        return False
    return True


def _database_problems(database: sqlite3.Connection) -> Iterator[str]:
    for (line,) in database.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"{store_schema.DATABASE}: {line}"


def _row_problems(database: sqlite3.Connection) -> Iterator[str]:
    """Rows whose bytes are not what was written."""
    for number, _ in store_rows.videos(database):
        try:
            store_rows.fingerprint(database, number)
        except DamagedFileError as error:
            yield str(error)
        except KeyError:
            yield f"{store_schema.DATABASE}: video {number} has no fingerprint."


def _gaps(database: sqlite3.Connection) -> Iterator[str]:
    """Videos that are in no segment or in several."""
    rows = database.execute(
        "SELECT number, (SELECT count(*) FROM segments WHERE number BETWEEN first_number AND last_number)"
        " AS held FROM videos WHERE held != 1"
    )
    for number, held in rows:
        yield f"{store_schema.DATABASE}: video {number} is in {held} segments instead of one."

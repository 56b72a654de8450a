"""The index's segment files: written with the rows they repeat, merged as they pile up, mended if damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vidforensics.tracing import segment_files, store_rows, store_tables
from vidforensics.tracing.segment_files import DamagedFileError
from vidforensics.types import Fingerprint, PictureTable, SoundTable

FOLDER = "segments"
_SUFFIX = ".seg"
_MERGE_AT = 8
_SMALLEST_TIER_BYTES = 1 << 16
_LARGEST_MERGED_BYTES = 1 << 28

Tables = tuple[PictureTable, SoundTable]


@dataclass(frozen=True, slots=True)
class Segment:
    """One registered segment file, which holds the videos numbered `first` to `last`."""

    name: str
    first: int
    last: int
    size_bytes: int


def registered(database: sqlite3.Connection) -> tuple[Segment, ...]:
    """The segments that one moment of the database names, by number."""
    rows = database.execute(
        "SELECT name, first_number, last_number, size_bytes FROM segments ORDER BY first_number"
    )
    return tuple(Segment(*row) for row in rows)


def write_new(
    folder: Path, database: sqlite3.Connection, numbered: Sequence[tuple[int, Fingerprint]]
) -> Segment:
    """Write and register the segment of videos that the open transaction adds."""
    tables = (
        store_tables.picture_table((number, print_of.picture) for number, print_of in numbered),
        store_tables.sound_table((number, print_of.sounds) for number, print_of in numbered),
    )
    return _write(folder, database, tables, numbered[0][0], numbered[-1][0])


def read(folder: Path, segment: Segment) -> Tables:
    """The tables of a segment, every byte of which has been checked.

    Raises:
        DamagedFileError: absent, cut or altered.
    """
    path = folder / FOLDER / segment.name
    if segment.size_bytes != (size_bytes := _size_bytes(path)):
        raise DamagedFileError(f"{path}: damaged ({size_bytes} of {segment.size_bytes} bytes).")
    return store_tables.tables_of(segment_files.read(path).checked())


def rebuilt(database: sqlite3.Connection, segment: Segment) -> Tables:
    """The tables of a segment, made anew from the rows.

    Raises:
        DamagedFileError: a row was altered, too.
    """
    numbers = store_rows.numbers(database, segment.first, segment.last)
    prints = [(number, store_rows.fingerprint(database, number)) for number in numbers]
    return (
        store_tables.picture_table((number, print_of.picture) for number, print_of in prints),
        store_tables.sound_table((number, print_of.sounds) for number, print_of in prints),
    )


def repair(folder: Path, database: sqlite3.Connection, segment: Segment) -> Tables:
    """Put a segment file that was made anew from the rows in place of a damaged one."""
    tables = rebuilt(database, segment)
    _write(folder, database, tables, segment.first, segment.last)
    return tables


def to_merge(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The newest segments that should become one, none if there are too few of a size.

    Sizes are told apart by tiers, each eight times the one before; eight segments up to one tier are merged,
    so that a video is copied once per tier and an index of any size has a few dozen segments.
    """
    tiers = [_tier(s.size_bytes) for s in segments]
    for tier in sorted(set(tiers)):
        tail: list[Segment] = []
        for segment, own in zip(reversed(segments), reversed(tiers), strict=True):
            if own > tier:
                break
            tail.append(segment)
        if len(tail) >= _MERGE_AT and sum(s.size_bytes for s in tail) <= _LARGEST_MERGED_BYTES:
            return tuple(reversed(tail))
    return ()


def merge(folder: Path, database: sqlite3.Connection, segments: Sequence[Segment]) -> None:
    """Register one segment instead of several, inside the open transaction; the old files stay."""
    tables = [_read_or_rebuild(folder, database, segment) for segment in segments]
    for segment in segments:
        database.execute("DELETE FROM segments WHERE name = ?", (segment.name,))
    merged = (
        store_tables.merged_pictures([pictures for pictures, _ in tables]),
        store_tables.merged_sounds([sounds for _, sounds in tables]),
    )
    _write(folder, database, merged, segments[0].first, segments[-1].last)


def remove_unregistered(folder: Path, database: sqlite3.Connection) -> tuple[str, ...]:
    """Delete files that no row names, left by a writer that was stopped; the caller holds the lock."""
    kept = {segment.name for segment in registered(database)}
    removed = []
    for path in sorted((folder / FOLDER).iterdir()):
        if path.name not in kept:
            with suppress(OSError):  # it may be in use where open files cannot be deleted
                path.unlink()
                removed.append(path.name)
    return tuple(removed)


def _read_or_rebuild(folder: Path, database: sqlite3.Connection, segment: Segment) -> Tables:
    try:
        return read(folder, segment)
    except DamagedFileError:
        return rebuilt(database, segment)


def _write(folder: Path, database: sqlite3.Connection, tables: Tables, first: int, last: int) -> Segment:
    name = f"{first:08d}-{last:08d}{_SUFFIX}"
    arrays = store_tables.arrays_of(*tables)
    size_bytes = segment_files.write(folder / FOLDER / name, arrays, {"first": first, "last": last})
    database.execute(
        "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?)",
        (name, first, last, size_bytes),
    )
    return Segment(name, first, last, size_bytes)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _tier(size_bytes: int) -> int:
    tier = 0
    while size_bytes > _SMALLEST_TIER_BYTES:
        size_bytes //= 8
        tier += 1
    return tier

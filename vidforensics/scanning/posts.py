"""Which accounts posted which files: a CSV table, JSON lines, or the side files that yt-dlp writes.

Every row that cannot be used is named with its line and left out; the rest is taken.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vidforensics.errors import UsageError
from vidforensics.scanning.walk import is_media_name
from vidforensics.types import Post

_SIDECAR = ".info.json"
_JSON_LINES = {".jsonl", ".ndjson"}
_LARGEST_FIELD = 1 << 24
_LATEST_UNIX_S = 32_503_680_000  # the year 3000: later ones are milliseconds or worse
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PostList:
    """Posts by the absolute path of the file they carried, and what is wrong with the rows left out."""

    posts: Mapping[str, tuple[Post, ...]]
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Collector:
    """Posts and problems as rows come."""

    posts: dict[str, list[Post]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    seen: set[tuple[str, str, str, str | None, str | None]] = field(default_factory=set)

    def take(self, where: str, folder: Path, row: Row) -> None:
        """Take one row, or say what is wrong with it."""
        try:
            path, post = _post(folder, row)
        except ValueError as error:
            self.problems.append(f"{where}: {error}; the row is skipped.")
            return
        key = (path, post.account, post.platform, post.posted_at, post.url)
        if key in self.seen:
            self.problems.append(f"{where}: the same post of {row['file']} again; the row is skipped.")
            return
        self.seen.add(key)
        self.posts.setdefault(path, []).append(post)


def read_posts(path: Path | str) -> PostList:
    """Read a list of posts.

    Args:
        path: a CSV file with a header, a file of JSON lines (.jsonl, .ndjson), or a folder in which yt-dlp
            left `.info.json` files. Fields: file (relative to the list), account, platform, posted_at (ISO
            8601, UTC where no zone is said, or unix seconds), and if known url, text, target.

    Returns:
        The posts, and one line for each row that was left out.

    Raises:
        UsageError: the list cannot be read, or a table has no column for file, account or platform.
    """
    path = Path(path)
    collector = _Collector()
    try:
        if path.is_dir():
            _read_sidecars(path, collector)
        elif path.suffix.lower() in _JSON_LINES:
            _read_json_lines(path, collector)
        else:
            _read_table(path, collector)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); name a readable --posts file."
        ) from error
    return PostList({p: tuple(posts) for p, posts in collector.posts.items()}, tuple(collector.problems))


def _read_table(path: Path, collector: _Collector) -> None:
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    missing = {"file", "account", "platform"} - set(reader.fieldnames or ())
    if missing:
        raise UsageError(
            f"{path}: has no column {' or '.join(sorted(missing))}; see docs/index.md for the form."
        )
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            collector.problems.append(f"{path}:{reader.line_num}: {error}; the row is skipped.")
            continue
        collector.take(f"{path}:{reader.line_num}", path.parent, row)


def _read_json_lines(path: Path, collector: _Collector) -> None:
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        row = _json_object(line)
        if row is None:
            collector.problems.append(f"{path}:{number}: no JSON object; the row is skipped.")
        else:
            collector.take(f"{path}:{number}", path.parent, row)


def _read_sidecars(folder: Path, collector: _Collector) -> None:
    for path in sorted(folder.rglob("*" + _SIDECAR)):
        info = _json_object(_text(path))
        if info is None:
            collector.problems.append(f"{path}: no JSON object; it is skipped.")
        elif info.get("_type") not in (None, "video"):
            continue  # yt-dlp describes playlists and channels, too; they carry no file
        else:
            collector.take(str(path), path.parent, _row_of_sidecar(path, info))


def _row_of_sidecar(path: Path, info: Row) -> Row:
    """The fields of one `.info.json`, by the names that yt-dlp documents (README, "Output template")."""
    return {
        "file": _file_of_sidecar(path, info),
        "account": _first(info, "uploader_id", "channel_id", "uploader", "channel"),
        "platform": _first(info, "extractor_key", "extractor"),
        "posted_at": _first(info, "timestamp", "release_timestamp", "upload_date"),
        "url": _first(info, "webpage_url", "original_url"),
        "text": _first(info, "description", "title"),
    }


def _file_of_sidecar(path: Path, info: Row) -> str:
    """The media file beside it: NAME.info.json belongs to NAME.EXT."""
    name = path.name.removesuffix(_SIDECAR)
    expected = f"{name}.{info.get('ext')}"
    if (path.parent / expected).is_file():
        return expected
    beside = sorted(p.name for p in path.parent.iterdir() if p.stem == name and is_media_name(p.name))
    return beside[0] if beside else expected


def _post(folder: Path, row: Row) -> tuple[str, Post]:
    """The absolute path of the file and the post; ValueError says what is wrong."""
    name = _field(row, "file")
    account, platform = _field(row, "account"), _field(row, "platform")
    for key, value in (("file", name), ("account", account), ("platform", platform)):
        if value is None:
            raise ValueError(f"no {key}")
    assert name is not None and account is not None and platform is not None
    path = os.path.abspath(folder / name)
    if not os.path.isfile(path):
        raise ValueError(f"{name} is not there")
    posted_at = _field(row, "posted_at")
    post = Post(
        account=_storable(account),
        platform=_storable(platform),
        posted_at=None if posted_at is None else utc_time(posted_at),
        url=_storable_or_none(_field(row, "url")),
        text=_storable_or_none(_field(row, "text")),
        target=_storable_or_none(_field(row, "target")),
    )
    return path, post


def utc_time(text: str) -> str:
    """ISO 8601 or unix seconds as ISO 8601 in UTC, to the second.

    >>> utc_time("2023-09-01T12:00:00+02:00"), utc_time("0")
    ('2023-09-01T10:00:00Z', '1970-01-01T00:00:00Z')

    Raises:
        ValueError: neither of the two.
    """
    try:
        moment = _moment(text)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text!r} is no time in ISO 8601 or unix seconds") from error


def _moment(text: str) -> datetime:
    """Eight digits are a date, as in yt-dlp's `upload_date`; any other number is unix seconds."""
    if _NUMBER.fullmatch(text) and len(text) != len("20230901"):
        seconds = float(text)
        if seconds > _LATEST_UNIX_S:
            raise ValueError
        return datetime.fromtimestamp(seconds, UTC)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _field(row: Row, key: str) -> str | None:
    """A field as text, None where it is empty or absent."""
    value = row.get(key)
    if value is None or isinstance(value, (dict, list)):
        return None
    return str(value).strip() or None


def _first(info: Row, *keys: str) -> object:
    return next((info[key] for key in keys if info.get(key) not in (None, "")), None)


def _storable(text: str) -> str:
    """Text without the stand-ins for bytes that are no UTF-8; only file names need those."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else _storable(text)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(path: Path) -> str:
    """A text file; bytes that are no UTF-8 survive as file names carry them."""
    return path.read_bytes().decode("utf-8-sig", "surrogateescape")

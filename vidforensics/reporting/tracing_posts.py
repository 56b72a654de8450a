"""Who uploaded which piece of a clip, when and with which edits: a table and a drawn calendar.

Matches of a trace go in; rows, earliest known first, and a small drawing come out. A post whose time is
unknown or cannot be read stands last and is not drawn: no time is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from vidforensics.reporting.drawing import tag
from vidforensics.reporting.lanes import Lane
from vidforensics.reporting.tables import Table, table
from vidforensics.reporting.tracing_words import (
    SOUND_WORDS,
    file_name,
    listed,
    segment_changes,
    stretches_words,
)
from vidforensics.reporting.words import NONE, UNKNOWN, clean, plural
from vidforensics.types import Match, Post

MOST_ROWS = 120
MOST_DRAWN = 300
MOST_LANES = 12
_LANE_HEIGHT = 22
_MARGIN_PERCENT = 2.5
_NUMBER_PERCENT = 2.2
_MOST_TICKS = 6
_STEPS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1),
          timedelta(hours=3), timedelta(hours=6), timedelta(hours=12), timedelta(days=1), timedelta(days=2),
          timedelta(days=7), timedelta(days=14))  # fmt: skip
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 1200)


@dataclass(frozen=True, slots=True)
class Upload:
    """One post of one matched video; `match` counts from 1 as in the report, `at` is None if unknown."""

    match: int
    video: Match
    post: Post
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The posts on a time axis: one lane per account, and what was left out."""

    lanes: tuple[Lane, ...]
    left_out: tuple[str, ...]


def uploads(matches: Sequence[Match]) -> tuple[Upload, ...]:
    """Every post of every match, earliest known first, those without a known time last."""
    found = [
        Upload(number, match, post, post_time(post.posted_at))
        for number, match in enumerate(matches, 1)
        for post in match.video.posts
    ]
    never = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(found, key=lambda u: (u.at or never, u.match)))


def post_time(posted_at: str | None) -> datetime | None:
    """The moment an ISO 8601 text states, in UTC; None where it states none.

    >>> post_time("2023-09-01T12:00:00+02:00")
    datetime.datetime(2023, 9, 1, 10, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        found = datetime.fromisoformat(posted_at or "")
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def moment_words(at: datetime) -> str:
    """A moment as "2023-09-01 10:00 UTC"; seconds only where there are any."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC" if at.second else "%Y-%m-%d %H:%M UTC")


def post_table(found: Sequence[Upload]) -> Table:
    """Who posted which piece, when and with which edits."""
    columns = (("#", "number"), ("Posted", "time"), ("By", ""), ("Video", ""), ("Pieces of this clip", ""),
               ("What was done to them", ""), ("Where, and with which text", ""))  # fmt: skip
    return table("Posts, earliest known first", columns, list(enumerate(found, 1)), _cells, MOST_ROWS)


def _cells(row: tuple[int, Upload]) -> Iterator[str]:
    number, upload = row
    segments = upload.video.segments
    yield str(number)
    yield moment_words(upload.at) if upload.at else clean(upload.post.posted_at or UNKNOWN, 30)
    yield f"{clean(upload.post.account, 80) or NONE}, {clean(upload.post.platform, 60) or NONE}"
    yield f"{upload.match}: {file_name(upload.video.video.path)}"
    yield stretches_words([(s.query_start_s, s.query_end_s) for s in segments])
    changes = listed(dict.fromkeys(c for s in segments for c in segment_changes(s))) or "no edit found"
    sounds = listed(dict.fromkeys(SOUND_WORDS.get(s.sound, str(s.sound)) for s in segments)) or UNKNOWN
    yield f"{changes}; sound: {sounds}"
    yield _said(upload.post)


def _said(post: Post) -> str:
    target = f"to {clean(post.target, 80)}" if post.target else ""
    text = f"“{clean(post.text, 240)}”" if post.text else ""
    return " ".join(filter(None, [clean(post.url, 300) if post.url else "", target, text])) or NONE


def calendar(found: Sequence[Upload]) -> Calendar | None:
    """The posts of known time on one axis, numbered as in the table; None where there is none."""
    dated = [(number, u) for number, u in enumerate(found, 1) if u.at is not None][:MOST_DRAWN]
    moments = [u.at for _, u in dated if u.at is not None]
    if not moments:
        return None
    first, last = moments[0], moments[-1]
    groups: dict[tuple[str, str], list[tuple[int, Upload]]] = {}
    for number, upload in dated:
        groups.setdefault((upload.post.account, upload.post.platform), []).append((number, upload))
    lanes = [
        Lane(f"posts-{index}", clean(account, 60) or NONE, clean(platform, 40), _LANE_HEIGHT,
             _dots(rows, first, last))
        for index, ((account, platform), rows) in enumerate(list(groups.items())[:MOST_LANES])
    ]  # fmt: skip
    axis = Lane("dates", "Date", "UTC", 24, _date_axis(first, last))
    return Calendar((axis, *lanes), tuple(_left_out(found, len(dated), len(groups))))


def _left_out(found: Sequence[Upload], drawn: int, accounts: int) -> Iterator[str]:
    undated = sum(u.at is None for u in found)
    if undated:
        yield f"{plural(undated, 'post')} without a known time not drawn."
    if len(found) - undated > drawn:
        yield f"{plural(len(found) - undated - drawn, 'later post')} not drawn."
    if accounts > MOST_LANES:
        yield f"{plural(accounts - MOST_LANES, 'further account')} not drawn; the table lists them."


def _place(at: datetime, first: datetime, last: datetime) -> float:
    """Per cent of the drawing's width; a single moment stands in the middle."""
    span = (last - first).total_seconds()
    share = (at - first).total_seconds() / span if span > 0 else 0.5
    return _MARGIN_PERCENT + share * (100.0 - 3 * _MARGIN_PERCENT)


def _dots(rows: Sequence[tuple[int, Upload]], first: datetime, last: datetime) -> Markup:
    parts = [tag("line", x1=0, x2="100%", y1=11, y2=11, class_="zero")]
    free = -1.0
    for number, upload in rows:
        if upload.at is None:
            continue
        place = _place(upload.at, first, last)
        title = f"Post {number}: {moment_words(upload.at)}, video {upload.match}"
        dot = tag("circle", tag("title", title), cx=f"{place:.3f}%", cy=11, r=5, class_="post-dot")
        parts.append(dot)
        if place >= free:
            parts.append(tag("text", str(number), x=f"{place:.3f}%", y=15, dx=8, class_="post-number"))
            free = place + _NUMBER_PERCENT
    return Markup("").join(parts)


def _date_axis(first: datetime, last: datetime) -> Markup:
    parts = []
    for moment, label in date_ticks(first, last):
        x = f"{_place(moment, first, last):.3f}%"
        parts.append(tag("line", x1=x, x2=x, y1=0, y2=6, class_="tick"))
        parts.append(tag("text", label, x=x, y=18, dx=-4, class_="tick-label"))
    return tag("g", *parts, class_="axis")


def date_ticks(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """Round moments from `first` to `last` with their labels, at most six; `first` itself if none is."""
    span = last - first
    step = next((s for s in _STEPS if span / s <= _MOST_TICKS - 1), None)
    if span == timedelta(0):
        return [(first, moment_words(first))]
    found = list(_even_ticks(first, last, step) if step else _month_ticks(first, last))
    days = step is None or step >= timedelta(days=1)
    return [(m, m.strftime("%Y-%m-%d" if days else "%m-%d %H:%M")) for m in found or [first]]


def _even_ticks(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + -((midnight - first) // step) * step
    while moment <= last:
        yield moment
        moment += step


def _month_ticks(first: datetime, last: datetime) -> Iterator[datetime]:
    start, end = first.year * 12 + first.month, last.year * 12 + last.month - 1
    step = next((s for s in _MONTH_STEPS if (end - start) / s <= _MOST_TICKS - 1), _MONTH_STEPS[-1])
    for month in range(-(-start // step) * step, end + 1, step):
        yield datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)

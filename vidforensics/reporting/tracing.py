"""The section "Where this footage occurs" of a case report: matched videos, shared stretches, posts.

A `Trace` goes in, rows and drawings ready for the template come out, each cut at a stated number with the
rest counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vidforensics.reporting.tables import Table, table
from vidforensics.reporting.tracing_posts import Calendar, calendar, post_table, uploads
from vidforensics.reporting.tracing_words import (
    MODALITY_WORDS,
    SOUND_WORDS,
    file_name,
    listed,
    segment_changes,
    speed_words,
)
from vidforensics.reporting.words import NONE, clean, clock, number, plural, stretch
from vidforensics.types import IndexedVideo, Match, Trace, TraceSegment

MOST_MATCHES = 60
MOST_OPEN = 8
MOST_SEGMENTS = 60


@dataclass(frozen=True, slots=True)
class MatchView:
    """One matched video: its facts (name, value, style) and its shared stretches."""

    index: int
    name: str
    same_file: bool
    facts: tuple[tuple[str, str, str], ...]
    segments: Table


@dataclass(frozen=True, slots=True)
class TraceView:
    """The section, ready for the template; `more` counts matches left out."""

    sentence: str
    matches: tuple[MatchView, ...]
    more: int
    posts: Table
    calendar: Calendar | None
    sounds: tuple[tuple[str, str], ...]


def trace_view(trace: Trace) -> TraceView:
    """The section of one trace.

    Args:
        trace: where a clip occurs in an index; no matches give a view that says so.

    """
    found = uploads(trace.matches)
    count = plural(len(trace.matches), "indexed video")
    shares = "shares" if len(trace.matches) == 1 else "share"
    none = "No indexed video was found to share footage or sound with this clip."
    shown = trace.matches[:MOST_MATCHES]
    return TraceView(
        f"{count} {shares} footage or sound with this clip." if trace.matches else none,
        tuple(_match(number, match, trace.clip.sha256) for number, match in enumerate(shown, 1)),
        len(trace.matches) - len(shown),
        post_table(found),
        calendar(found),
        tuple(sound_key(s.sound for m in trace.matches for s in m.segments)),
    )


def sound_key(relations: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The relations of the sound that occur, in a fixed order, with their words."""
    present = set(relations)
    return ((str(name), words) for name, words in SOUND_WORDS.items() if name in present)


def _match(index: int, match: Match, sha256: str) -> MatchView:
    video = match.video
    facts = (
        ("Path", clean(video.path), "path"),
        ("SHA-256", clean(video.sha256, 80), "code"),
        ("Score", number(match.score), ""),
        ("Video", _video_words(video), ""),
        ("Posts", plural(len(video.posts), "known post") if video.posts else "none known", ""),
    )
    return MatchView(index, file_name(video.path), video.sha256 == sha256, facts, _segment_table(match))


def _video_words(video: IndexedVideo) -> str:
    parts = [clock(video.duration_s)] if video.duration_s is not None else []
    if video.width_px and video.height_px:
        parts.append(f"{video.width_px}×{video.height_px} px")
    parts.append("with sound" if video.has_sound else "without sound")
    return ", ".join(parts)


def _segment_table(match: Match) -> Table:
    columns = (("#", "number"), ("In this clip", "time"), ("In that video", "time"), ("Speed", "number"),
               ("Found by", ""), ("What was done", ""), ("Sound", ""), ("Score", "number"))  # fmt: skip
    rows = list(enumerate(match.segments, 1))
    return table("Shared stretches", columns, rows, _segment_cells, MOST_SEGMENTS)


def _segment_cells(row: tuple[int, TraceSegment]) -> Iterator[str]:
    index, segment = row
    yield str(index)
    yield stretch(segment.query_start_s, segment.query_end_s)
    yield stretch(segment.reference_start_s, segment.reference_end_s)
    yield f"{number(segment.speed)}×" if speed_words(segment.speed) else "1×"
    yield MODALITY_WORDS.get(segment.modality, NONE)
    yield listed(segment_changes(segment)) or "no edit found"
    yield SOUND_WORDS.get(segment.sound, NONE)
    yield number(segment.score)

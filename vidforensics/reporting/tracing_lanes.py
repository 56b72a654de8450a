"""The lanes of matched videos in the time-aligned view, and what of the clip could not be searched.

Matches go in, one `Lane` each comes out on the clip's own axis: above what the picture shares, below in a
pattern how the sound relates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from vidforensics.reporting.binning import merge_spans
from vidforensics.reporting.drawing import at, tag, width
from vidforensics.reporting.lanes import Lane
from vidforensics.reporting.tracing_words import (
    SOUND_WORDS,
    file_name,
    listed,
    segment_changes,
    segment_sentence,
)
from vidforensics.reporting.words import clock, number, plural
from vidforensics.types import Coverage, Detection, Match, Trace, TraceSegment

MOST_LANES = 8
MIRROR_SIGN = "⇄"
_MOST_SEGMENTS = 300
_HEIGHT = 32
_MOST_ROWS = 2000


def trace_lanes(matches: Sequence[Match], end_s: float) -> list[Lane]:
    """One lane per matched video, best first, for at most eight."""
    return [_lane(number, match, end_s) for number, match in enumerate(matches[:MOST_LANES], 1)]


def _lane(index: int, match: Match, end_s: float) -> Lane:
    name = file_name(match.video.path)
    drawn = match.segments[:_MOST_SEGMENTS]
    body = Markup("").join(_segment(segment, name, end_s) for segment in drawn)
    spans = ((s.query_start_s, s.query_end_s) for s in match.segments[_MOST_SEGMENTS:])
    rest = Markup("").join(
        tag("rect", x=at(a, end_s), y=3, width=width(a, b, end_s), height=14, class_="shared rest")
        for a, b in merge_spans(spans, end_s)
    )
    return Lane(f"trace-{index}", f"{index}: {name}", f"score {number(match.score, 2)}", _HEIGHT, body + rest)


def _segment(segment: TraceSegment, name: str, end_s: float) -> Markup:
    title = tag("title", segment_sentence(segment, name))
    parts = [title]
    if segment.modality != "sound":
        parts.append(tag("rect", y=3, width="100%", height=15, class_="shared"))
    parts.append(sound_band(segment.sound, 19, 10))
    sign = f"{MIRROR_SIGN} " if segment.mirrored else ""
    caption = f"{sign}from {clock(segment.reference_start_s)}"
    parts.append(tag("text", caption, x=4, y=14, class_="shared-word"))
    start, stop = segment.query_start_s, segment.query_end_s
    return tag("svg", *parts, x=at(start, end_s), width=width(start, stop, end_s), height=_HEIGHT,
               overflow="hidden")  # fmt: skip


def sound_band(relation: str, y: int, height: int) -> Markup:
    """A band over the whole width in the pattern of one relation of the sound."""
    known = relation if relation in SOUND_WORDS else "not_assessed"
    return tag("rect", y=y, width="100%", height=height, class_=f"sound sound-{known}")


def moments(matches: Sequence[Match]) -> list[list[Any]]:
    """What the script needs to tell where a moment of the clip occurs.

    Returns:
        Rows of start, end, time in the video at the start, its seconds per second, name and words.

    """
    rows: list[list[Any]] = []
    for match in matches[:MOST_LANES]:
        name = file_name(match.video.path)
        for segment in match.segments:
            start, stop = segment.query_start_s, segment.query_end_s
            rate = (segment.reference_end_s - segment.reference_start_s) / max(stop - start, 1e-9)
            words = listed((*segment_changes(segment), f"sound: {SOUND_WORDS.get(segment.sound, '')}"))
            row = [round(v, 6) for v in (start, stop, segment.reference_start_s, rate)]
            if all(map(math.isfinite, row)):
                rows.append([*row, name, words])
    return rows[:_MOST_ROWS]


def trace_coverage(trace: Trace, end_s: float) -> Detection:
    """What the search looked at and what not, in the form in which detectors state it."""
    gaps = sorted((max(0.0, g.start_s), min(end_s, g.end_s), g.reason) for g in trace.not_assessed)
    rows: list[Coverage] = []
    reached = 0.0
    for start, stop, reason in gaps:
        first = max(start, reached)
        if stop <= first:
            continue
        rows += _assessed(reached, first)
        rows.append(Coverage("tracing", first, stop, False, reason))
        reached = stop
    return Detection("tracing", coverage=(*rows, *_assessed(reached, end_s)))


def _assessed(start_s: float, end_s: float) -> Iterable[Coverage]:
    return [Coverage("tracing", start_s, end_s, True)] if end_s > start_s else []


def lanes_left_out(matches: Sequence[Match]) -> str:
    """A sentence on the matched videos without a lane; "" where all have one."""
    rest = len(matches) - MOST_LANES
    return f"{plural(rest, 'further matched video')} listed below without a lane." if rest > 0 else ""

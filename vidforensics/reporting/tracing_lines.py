"""What tracing found, as headline sentences: how many videos, the earliest post, the telling stretches.

A `Trace` goes in, pairs of a sentence and its detail come out, a dub against the source first: it is the
strongest evidence that a comparison can give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vidforensics.reporting.tracing_posts import moment_words, uploads
from vidforensics.reporting.tracing_words import file_name, segment_sentence
from vidforensics.reporting.words import clean, plural, sentence
from vidforensics.types import Match, Trace, TraceSegment

Line = tuple[str, str, float | None]
"""A sentence, what stands behind it, and when on the clip's timeline (None: the whole clip)."""

_SEGMENTS_SHOWN = 4
_SOUND_WEIGHT = {"replaced": 2, "mixed": 1, "shifted": 1}


def trace_lines(trace: Trace) -> Iterator[Line]:
    """The headlines of a trace, most telling first.

    Args:
        trace: where the clip occurs in an index.

    Yields:
        Lines; exactly one where nothing matched.

    """
    if not trace.matches:
        lead = "No indexed video was found to share footage or sound with this clip."
        yield lead, "That shows only that the index holds no source that could be recognised.", None
        return
    lead, detail, time_s = _count_line(trace.matches)
    if any(match.video.sha256 == trace.clip.sha256 for match in trace.matches):
        detail += " The clip itself is among them, byte for byte."
    yield lead, detail, time_s
    segments = [(s, m) for m in trace.matches for s in m.segments if m.video.sha256 != trace.clip.sha256]
    ranked = sorted(segments, key=lambda pair: _rank(*pair))
    for segment, match in sorted(ranked[:_SEGMENTS_SHOWN], key=lambda pair: pair[0].query_start_s):
        text = sentence(segment_sentence(segment, file_name(match.video.path)))
        yield text, "", segment.query_start_s
    if len(segments) > _SEGMENTS_SHOWN:
        rest = plural(len(segments) - _SEGMENTS_SHOWN, "further shared stretch", "further shared stretches")
        yield f"{rest} listed below.", "", None


def _count_line(matches: Sequence[Match]) -> Line:
    lead = f"Footage of this clip occurs in {plural(len(matches), 'indexed video')}."
    posts = uploads(matches)
    if not posts:
        return lead, "The index knows no post of them.", None
    first = posts[0]
    who = f"by {clean(first.post.account, 80)} on {clean(first.post.platform, 60)}"
    file = file_name(first.video.video.path)
    if first.at is None:
        return lead, f"Posts are known, but no time of any; one is {who} ({file}).", None
    return lead, f"Earliest known post: {moment_words(first.at)} {who} ({file}).", None


def _rank(segment: TraceSegment, match: Match) -> tuple[float, ...]:
    length = segment.query_end_s - segment.query_start_s
    return (-_SOUND_WEIGHT.get(segment.sound, 0), -match.score, -length, segment.query_start_s)

"""Times and durations of an ISO base media file, and where they contradict each other.

The box tree and its sample tables go in, findings come out: creation times that disagree or cannot be,
edit lists that skip or leave gaps, durations that disagree. Times count from 1904-01-01 UTC.
Source: ISO/IEC 14496-12 §8.2.2, §8.3.2, §8.4.2, §8.6.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vidforensics.acquisition.bmff import Node, Tree
from vidforensics.acquisition.bmff_samples import TrackSamples
from vidforensics.runtime import iso_utc
from vidforensics.types import Finding

EPOCH_1904_UNIX_S = -2_082_844_800
EARLIEST_UNIX_S = 631_152_000  # 1990: QuickTime 1.0 is of 1991
SAME_TIME_S = 60
ORDINARY_SKIP_S = 1.0
SAME_DURATION_S = 0.5
SAME_DURATION_SHARE = 0.01


def time_text(seconds_1904: int | None) -> str | None:
    """A header time as UTC; None for zero, the value of writers that know no time.

    >>> time_text(2082844800)
    '1970-01-01T00:00:00.000Z'
    """
    if not seconds_1904:
        return None
    try:
        return iso_utc(float(seconds_1904 + EPOCH_1904_UNIX_S))
    except (OverflowError, ValueError, OSError):
        return None


def time_findings(tree: Tree, now_unix_s: float) -> Iterator[Finding]:
    """Creation and modification times that disagree or cannot be."""
    heads = [h for h in _headers(tree) if "created" in h.values]
    stamps = [(h, h.values["created"]) for h in heads]
    known = [(h, t) for h, t in stamps if t]
    if heads and not known:
        yield Finding("creation_time_absent", "info", "The file states no creation time (all are zero).")
    elif known and len(known) < len(stamps):
        text = f"Only {len(known)} of {len(stamps)} headers state a creation time; the others are zero."
        yield Finding("creation_time_partial", "notice", text, known[0][0].offset)
    yield from _disagreement(known)
    for head in heads:
        yield from _impossible(head, now_unix_s)


def _headers(tree: Tree) -> list[Node]:
    movie = tree.root.find(b"moov")
    if movie is None:
        return []
    return [*movie.all(b"mvhd"), *movie.all(b"trak", b"tkhd"), *movie.all(b"trak", b"mdia", b"mdhd")]


def _disagreement(known: Sequence[tuple[Node, int]]) -> Iterator[Finding]:
    times = sorted(t for _, t in known)
    if times and times[-1] - times[0] > SAME_TIME_S:
        first, last = time_text(times[0]), time_text(times[-1])
        text = f"The creation times of the file's headers disagree: from {first} to {last}."
        yield Finding("creation_times_differ", "notice", text, known[0][0].offset)


def _impossible(head: Node, now_unix_s: float) -> Iterator[Finding]:
    created, modified = head.values["created"], head.values.get("modified", 0)
    name = head.kind.decode("ascii")
    if created:
        unix_s = created + EPOCH_1904_UNIX_S
        if unix_s < EARLIEST_UNIX_S or unix_s > now_unix_s + 2 * 86400:
            text = f"The creation time in {name} cannot be right: {time_text(created) or created}."
            yield Finding("creation_time_impossible", "notice", text, head.offset)
    if created and modified and modified + SAME_TIME_S < created:
        text = f"{name} says that the file was modified ({time_text(modified)}) before it was created."
        yield Finding("modified_before_created", "anomaly", text, head.offset)


def edit_findings(tree: Tree) -> Iterator[Finding]:
    """Edit lists that delay, skip, cut or repeat what the track holds."""
    movie = tree.root.find(b"moov")
    mvhd = movie.find(b"mvhd") if movie else None
    movie_scale = int(mvhd.values.get("timescale", 0)) if mvhd else 0
    for number, trak in enumerate(movie.all(b"trak") if movie else (), 1):
        elst, mdhd = trak.find(b"edts", b"elst"), trak.find(b"mdia", b"mdhd")
        media_scale = int(mdhd.values.get("timescale", 0)) if mdhd else 0
        if elst is not None and movie_scale and media_scale:
            yield from _edits(number, elst, movie_scale, media_scale)


def _edits(track: int, elst: Node, movie_scale: int, media_scale: int) -> Iterator[Finding]:
    """The findings of one edit list."""
    entries = elst.values.get("entries", [])
    pieces = [tuple(entry) for entry in entries]
    played = [p for p in pieces if p[1] >= 0]
    if pieces and pieces[0][1] < 0 and pieces[0][0]:
        text = f"Track {track} starts {pieces[0][0] / movie_scale:.3f} s late (an empty edit)."
        yield Finding("edit_list_delay", "info", text, elst.offset)
    if any(t < 0 for _, t, _ in pieces[1:]):
        text = f"The edit list of track {track} leaves a gap in the middle."
        yield Finding("edit_list_gap", "anomaly", text, elst.offset)
    if len(played) > 1:
        text = f"The edit list of track {track} plays {len(played)} pieces of its media one after the other."
        yield Finding("edit_list_cuts", "anomaly", text, elst.offset)
    if played and played[0][1] / media_scale > ORDINARY_SKIP_S:
        text = (
            f"The edit list of track {track} hides the first {played[0][1] / media_scale:.3f} s of its media."
        )
        yield Finding("edit_list_skip", "notice", text, elst.offset)
    if any(r != 1 << 16 for _, _, r in played):
        rate = next(r for _, _, r in played if r != 1 << 16) / 65536
        yield Finding(
            "edit_list_rate", "notice", f"Track {track} is played at {rate:g} times its rate.", elst.offset
        )


def duration_findings(tree: Tree, samples: Sequence[TrackSamples]) -> Iterator[Finding]:
    """Durations that disagree between the movie, its tracks and their samples; tables that disagree."""
    movie = tree.root.find(b"moov")
    mvhd = movie.find(b"mvhd") if movie else None
    if movie is None or mvhd is None:
        return
    is_fragmented = movie.find(b"mvex") is not None
    scale = int(mvhd.values.get("timescale") or 0)
    for number, (trak, tables) in enumerate(zip(movie.all(b"trak"), samples, strict=True), 1):
        yield from _tables(number, trak, tables)
        if not is_fragmented and scale:
            yield from _track_durations(number, trak, tables, scale)
    ends = [n.values["duration"] for n in movie.all(b"trak", b"tkhd") if n.values.get("duration")]
    declared = mvhd.values.get("duration")
    if not is_fragmented and scale and ends and declared and _differ(declared / scale, max(ends) / scale):
        longest_s = max(ends) / scale
        text = f"The movie is declared {declared / scale:.3f} s long, its longest track {longest_s:.3f} s."
        yield Finding("movie_duration_differs", "anomaly", text, mvhd.offset)


def _tables(track: int, trak: Node, tables: TrackSamples) -> Iterator[Finding]:
    if None not in (tables.stts_samples, tables.samples) and tables.stts_samples != tables.samples:
        text = f"Track {track} has times for {tables.stts_samples} samples, but sizes for {tables.samples}."
        yield Finding("sample_tables_differ", "anomaly", text, trak.offset)
    stsd = trak.find(b"mdia", b"minf", b"stbl", b"stsd")
    if stsd is not None and stsd.values.get("count", 1) > 1:
        text = f"Track {track} has {stsd.values['count']} codec descriptions; ordinary recordings have one."
        yield Finding("several_descriptions", "anomaly", text, stsd.offset)
    dref = trak.find(b"mdia", b"minf", b"dinf", b"dref")
    for place in dref.values.get("external", []) if dref is not None else ():
        text = f"Track {track} refers to media outside this file ({place!r})."
        yield Finding("external_media", "anomaly", text, dref.offset if dref else None)


def _track_durations(track: int, trak: Node, tables: TrackSamples, scale: int) -> Iterator[Finding]:
    mdhd, tkhd, elst = trak.find(b"mdia", b"mdhd"), trak.find(b"tkhd"), trak.find(b"edts", b"elst")
    media_scale = int(mdhd.values.get("timescale") or 0) if mdhd else 0
    declared = mdhd.values.get("duration") if mdhd else None
    if mdhd and media_scale and declared and tables.ticks:
        declared_s, samples_s = declared / media_scale, tables.ticks / media_scale
        if _differ(declared_s, samples_s):
            text = f"Track {track} is declared {declared_s:.3f} s long; its samples last {samples_s:.3f} s."
            yield Finding("media_duration_differs", "anomaly", text, mdhd.offset)
    presented = tkhd.values.get("duration") if tkhd else None
    edited = sum(e[0] for e in elst.values.get("entries", [])) if elst else 0
    if tkhd and presented and edited and _differ(presented / scale, edited / scale):
        presented_s, edited_s = presented / scale, edited / scale
        text = f"Track {track} is declared {presented_s:.3f} s long; its edits last {edited_s:.3f} s."
        yield Finding("edit_duration_differs", "anomaly", text, tkhd.offset)


def _differ(a_s: float, b_s: float) -> bool:
    """Whether two durations are further apart than rounding and one frame explain."""
    return abs(a_s - b_s) > max(SAME_DURATION_S, SAME_DURATION_SHARE * max(a_s, b_s))

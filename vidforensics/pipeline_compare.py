"""Two files held against each other: the suspect's edit decision list, and what shows it.

The same search, alignment and relation as in a trace, with every frame of the reference instead of an index.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics import features
from vidforensics.extraction.moments import frames_at
from vidforensics.features.picture_print import PicturePrintAccumulator, PrintOptions
from vidforensics.pipeline_query import Query, TraceOptions, not_searched, read_query
from vidforensics.pipeline_relate import Related, relate, segments, within
from vidforensics.pipeline_trace import aligned
from vidforensics.runtime import Progress
from vidforensics.tracing.decisions import edit_decisions, order_edits
from vidforensics.tracing.edits import difference_map
from vidforensics.tracing.scores import match_score, threshold
from vidforensics.tracing.search_picture import search_pictures
from vidforensics.tracing.search_sound import search_sounds
from vidforensics.tracing.store_tables import picture_table, sound_table
from vidforensics.types import (
    Clip,
    IndexedVideo,
    Match,
    PicturePair,
    SoundPicture,
    Trace,
    TraceSegment,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, FloatArray

PAIRS = 24
JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found, before it is shown."""

    trace: Trace
    reference: Clip
    pairs: tuple[PicturePair, ...]
    query_sound: SoundPicture | None
    reference_sound: SoundPicture | None


def compare(
    suspect: Path, reference: Path, options: TraceOptions, progress: Progress, *, pictures: bool
) -> Compared:
    """Hold a suspect against one reference.

    Args:
        suspect: the clip in question.
        reference: the clip it may have been made from.
        options: bounds of work.
        progress: told the time reached in either.
        pictures: also make the pairs of pictures that a page shows.

    Raises:
        InputError: one of the files cannot be read as media.
    """
    known = PicturePrintAccumulator(PrintOptions.dense())
    prints, drawn = features.AudioPrintAccumulator(), features.SoundPictureAccumulator()
    ours_drawn = features.SoundPictureAccumulator()
    with tempfile.TemporaryFile() as planes, tempfile.TemporaryFile() as their_planes:
        query = read_query(suspect, planes, progress, sounds=[ours_drawn])
        theirs = read_query(reference, their_planes, progress, [known], [prints, drawn])
        picture = known.finish()
        views = query.frames.views
        hits = [
            search_pictures([picture_table([(0, picture)])], views),
            search_sounds([sound_table([(0, prints.finish())])], query.sounds.finish()),
        ]
        alignments = aligned(query, hits, picture, theirs.duration_s)
        unknown = [0.0] * len(alignments)
        related = relate(query, reference, alignments, unknown, options, progress, theirs.series)
    found = segments(related)
    found = within(found, theirs.clip.duration_s)
    listed = tuple(part for part in found if part.score >= threshold())
    trace = _trace(query, theirs, listed)
    return Compared(
        trace=trace,
        reference=theirs.clip,
        pairs=_pairs(query, theirs, related, listed) if pictures else (),
        query_sound=_first(ours_drawn.finish()),
        reference_sound=_first(drawn.finish()),
    )


def _trace(query: Query, theirs: Query, listed: tuple[TraceSegment, ...]) -> Trace:
    missing = not_searched(query)
    stream = theirs.probe.first("video")
    video = IndexedVideo(
        sha256=theirs.clip.sha256,
        path=theirs.clip.path,
        duration_s=theirs.clip.duration_s,
        width_px=stream.width_px if stream else None,
        height_px=stream.height_px if stream else None,
        has_sound=theirs.probe.first("audio") is not None,
    )
    ordered = order_edits(listed, theirs.clip.duration_s, duration_s=query.duration_s)
    matches = (Match(video, match_score(part.score for part in listed), ordered),) if listed else ()
    decisions = edit_decisions(
        listed, query.duration_s, reference_duration_s=theirs.clip.duration_s, not_assessed=missing
    )
    return Trace(query.clip, matches, missing, decisions)


def _first(drawn: Sequence[Any]) -> Any:
    return drawn[0] if drawn else None


def _pairs(
    query: Query, theirs: Query, related: Sequence[Related], listed: Sequence[TraceSegment]
) -> tuple[PicturePair, ...]:
    """Pictures of both at moments spread over the segments that share the picture."""
    seen = [s for s in listed if s.modality != "sound"]
    total_s = sum(s.query_end_s - s.query_start_s for s in seen)
    pairs: list[PicturePair] = []
    for part in seen:
        length_s = part.query_end_s - part.query_start_s
        count = max(1, round(PAIRS * length_s / total_s)) if total_s > 0 else 1
        at_s = part.query_start_s + length_s * (np.arange(count) + 0.5) / count
        pairs += _pairs_at(query, theirs, related, part, at_s)
    return tuple(pairs[:PAIRS])


def _pairs_at(
    query: Query, theirs: Query, related: Sequence[Related], part: TraceSegment, at_s: FloatArray
) -> list[PicturePair]:
    ours = frames_at(query.path, query.probe, at_s)
    if ours is None:
        return []
    wanted_s = part.reference_start_s + part.speed * (ours.pts_s - part.query_start_s)
    found = frames_at(theirs.path, theirs.probe, wanted_s)
    if found is None:
        return []
    shown = np.maximum(np.searchsorted(found.pts_s, wanted_s + 1e-6, "right") - 1, 0)
    relation = next(
        (
            r.picture
            for r in related
            if r.alignment.query_start_s - 0.1 <= float(at_s[0]) <= r.alignment.query_end_s + 0.1
        ),
        None,
    )
    pairs = []
    for i, j in enumerate(shown.tolist()):
        difference = None
        if relation is not None and relation.matrix is not None:
            difference = _heat(difference_map(ours.luma[i], found.luma[j], relation))
        pairs.append(
            PicturePair(
                float(ours.pts_s[i]),
                float(found.pts_s[j]),
                _coloured(ours.luma[i], ours.chroma[i]),
                _coloured(found.luma[j], found.chroma[j]),
                difference,
            )
        )
    return pairs


def _coloured(luma: ByteArray, chroma: ByteArray) -> bytes:
    import cv2

    size = (luma.shape[1], luma.shape[0])
    blue, red = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in chroma)
    return _jpeg(np.asarray(cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2BGR), dtype=np.uint8))


def _heat(difference: ByteArray) -> bytes:
    import cv2

    return _jpeg(np.asarray(cv2.applyColorMap(difference, cv2.COLORMAP_INFERNO), dtype=np.uint8))


def _jpeg(picture: ByteArray) -> bytes:
    import cv2

    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data.tobytes()) if done else b""

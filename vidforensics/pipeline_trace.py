"""The story of a trace: fingerprint, search, align, verify, relate.

`fingerprint` is what an index keeps of a file. `search` finds where a query runs along indexed videos, from
the index alone; `trace` is the whole story, which also opens those videos that are still there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics import acquisition, extraction, features
from vidforensics.errors import DecodeError, IndexUnusableError, InputError
from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.iframes import sparse_frames
from vidforensics.features.audio_print import ALGORITHM as SOUND_METHOD
from vidforensics.features.picture_code import ALGORITHM as PICTURE_METHOD
from vidforensics.features.picture_points import query_points_of
from vidforensics.features.picture_print import PicturePrintAccumulator
from vidforensics.pipeline_query import Query, TraceOptions, not_searched
from vidforensics.pipeline_relate import relate, segment, segments, within
from vidforensics.runtime import Progress
from vidforensics.tracing.align import align
from vidforensics.tracing.common_segments import lower_common
from vidforensics.tracing.decisions import order_edits
from vidforensics.tracing.geometry import relate_points
from vidforensics.tracing.scores import match_score, threshold
from vidforensics.tracing.search_picture import search_pictures
from vidforensics.tracing.search_sound import search_sounds
from vidforensics.types import (
    Alignment,
    AudioBlock,
    AudioPrint,
    Digest,
    Fingerprint,
    Hits,
    IndexedVideo,
    Match,
    PicturePrint,
    Probe,
    Trace,
    TraceSegment,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, IntArray
    from vidforensics.tracing.store import Index


_LOG = logging.getLogger(__name__)
WORTH_A_LOOK = 0.02
"""Score by the index alone below which a video is not opened."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where the query runs along one indexed video, and how sure the index alone is of it."""

    video: IndexedVideo
    paths: tuple[str, ...]
    alignments: tuple[Alignment, ...]
    geometry: tuple[float, ...]


def fingerprint(path: Path, progress: Progress) -> Fingerprint:
    """What an index keeps of a file: codes of its key pictures and of its sound.

    Raises:
        InputError: the file cannot be read as media, or nothing in it can be decoded.
    """
    digest, probe = acquisition.digest_file(path, progress), acquisition.probe(path)
    pictures, problems = PicturePrintAccumulator(), ProblemLog()
    for block in sparse_frames(path, probe, problems=problems):
        pictures.update(block)
        progress("read the key pictures", float(block.pts_s[-1]), probe.duration_s)
    picture = pictures.finish()
    sounds = _sound_prints(path, probe, progress)
    if not len(picture.times_s) and not sounds:
        raise DecodeError(f"{path}: neither picture nor sound could be decoded; fetch it again or repair it.")
    return Fingerprint(_indexed(path, digest, probe), picture, sounds, problems.sentences())


def _sound_prints(path: Path, probe: Probe, progress: Progress) -> tuple[AudioPrint, ...]:
    prints = features.AudioPrintAccumulator()
    with (
        suppress(DecodeError),  # a clip without sound, which is no failure
        extraction.Decoder(path, probe, extraction.DecodeOptions(picture=False)) as decoder,
    ):
        for block in decoder:
            assert isinstance(block, AudioBlock)
            prints.update(block)
            progress("read the sound", block.start_s, probe.duration_s)
    return prints.finish()


def _indexed(path: Path, digest: Digest, probe: Probe) -> IndexedVideo:
    picture = probe.first("video")
    return IndexedVideo(
        sha256=digest.sha256,
        path=str(path),
        duration_s=probe.duration_s,
        width_px=picture.width_px if picture else None,
        height_px=picture.height_px if picture else None,
        has_sound=probe.first("audio") is not None,
    )


def trace(query: Query, index: Index, options: TraceOptions, progress: Progress) -> Trace:
    """Where the query, or any piece of it, occurs in an index, and what was done to it there.

    A video whose file is gone is told of by the index alone, without edits and without its sound's relation.
    """
    matches = []
    for found in search(query, index, options, progress):
        parts = _related(query, found, options, progress)
        listed = [part for part in parts if part.score >= threshold()]
        if listed:
            theirs_s = found.video.duration_s
            ordered = order_edits(within(listed, theirs_s), theirs_s, duration_s=query.duration_s)
            matches.append(Match(found.video, match_score(part.score for part in listed), ordered))
    matches.sort(key=lambda match: (-match.score, match.video.path))
    return Trace(query.clip, tuple(matches), not_searched(query))


def _related(
    query: Query, found: Found, options: TraceOptions, progress: Progress
) -> tuple[TraceSegment, ...]:
    """The stretches of one found video; those that the index alone makes unlikely are not looked into."""
    alone = [segment(a, g, None) for a, g in zip(found.alignments, found.geometry, strict=True)]
    likely = [i for i, one in enumerate(alone) if one.score >= WORTH_A_LOOK]
    path = _file_of(found, progress) if likely and options.open_references else None
    if path is None:
        return tuple(alone)
    try:
        related = relate(
            query,
            path,
            [found.alignments[i] for i in likely],
            [found.geometry[i] for i in likely],
            options,
            progress,
        )
    except InputError as error:
        _LOG.warning("%s", error)
        return tuple(alone)
    return segments(related)


def _file_of(found: Found, progress: Progress) -> Path | None:
    """A file that still holds the very bytes that were indexed; None where none does."""
    for path in map(Path, found.paths):
        with suppress(InputError):  # gone, or not to be read any more
            if acquisition.digest_file(path, progress).sha256 == found.video.sha256:
                return path
            _LOG.warning("%s has changed since it was scanned; scan it again.", path)
    return None


def search(query: Query, index: Index, options: TraceOptions, progress: Progress) -> list[Found]:
    """Indexed videos that share a stretch with the query, by the index alone.

    Returns:
        One entry per video with at least one alignment, those with most evidence first.
    """
    progress("search the index", 0.0, None)
    _check_methods(index)
    tables = index.pictures()
    picture = lower_common(search_pictures(tables, query.frames.views), tables)
    sound = search_sounds(index.sounds(), query.sounds.finish())
    found: list[Found] = []
    for number in _likeliest((picture, sound), options.most_candidates):
        progress("align", float(len(found)), None)
        video = index.video(number)
        if video.sha256 == query.clip.sha256:
            continue
        known = index.picture_print(number)
        hits = [_hits_of(hits, number) for hits in (picture, sound)]
        alignments = aligned(query, hits, known, video.duration_s)
        if alignments:
            geometry = tuple(_verified(query, known, a, options) for a in alignments)
            found.append(Found(video, index.paths(number), alignments, geometry))
    return found


def _check_methods(index: Index) -> None:
    """Refuse an index of another fingerprint, in which nothing would be found."""
    ours = {"picture": PICTURE_METHOD, "sound": SOUND_METHOD}
    for kind, method in index.methods.items():
        if method != ours.get(kind, method):
            raise IndexUnusableError(
                f"{index.folder}: its {kind} fingerprints were made by {method}, this version makes "
                f"{ours[kind]}; scan the videos into a new index."
            )


def _likeliest(hits: Sequence[Hits], limit: int) -> list[int]:
    """Videos by the weight of their hits, greatest first; each query moment counts once per video."""
    totals: dict[int, float] = {}
    for modality in hits:
        moments = np.round(modality.query_s, 1)
        order = np.lexsort((-modality.weight, moments, modality.video))
        key = np.stack([modality.video[order].astype(np.float64), moments[order]])
        first = np.ones(len(order), dtype=bool)
        first[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
        for number, weight in zip(modality.video[order][first], modality.weight[order][first], strict=True):
            totals[int(number)] = totals.get(int(number), 0.0) + max(0.0, float(weight))
    return sorted(totals, key=lambda number: -totals[number])[:limit]


def _hits_of(hits: Hits, number: int) -> Hits:
    """The hits in one video."""
    kept = hits.video == number
    columns = {f.name: getattr(hits, f.name) for f in fields(hits) if f.name != "modality"}
    return replace(hits, **{name: column[kept] for name, column in columns.items()})


def aligned(
    query: Query, hits: Sequence[Hits], known: PicturePrint, reference_duration_s: float | None
) -> tuple[Alignment, ...]:
    """Where the query runs along one video.

    Args:
        query: the suspect.
        hits: of this video alone, picture and sound.
        known: the video's fingerprint.
        reference_duration_s: its length, None where unknown.
    """
    rows_s = known.times_s[known.quality > 0]
    views = query.frames.views
    searched_s = np.unique(views.times_s[views.quality > 0])
    end_s = max([0.0, *(float(h.reference_s.max()) for h in hits if len(h.reference_s))])
    return align(
        [h for h in hits if len(h.video)],
        query.duration_s,
        max(reference_duration_s or 0.0, end_s),
        rows_s=rows_s,
        query_s=searched_s,
        cuts_s=query.cuts_s,
    )


def _verified(query: Query, known: PicturePrint, alignment: Alignment, options: TraceOptions) -> float:
    """Log10 odds that pictures on the line show the same, by the points that the index keeps; 0 unknown."""
    if alignment.modality == "sound" or not len(query.frames.times_s):
        return 0.0
    inside = (known.times_s >= alignment.reference_start_s - 0.3) & (
        known.times_s <= alignment.reference_end_s + 0.3
    )
    rows = _spread(np.flatnonzero(inside & (known.quality > 0)), options.verified_pairs)
    if not len(rows):
        return 0.0
    query_s = alignment.query_start_s + (known.times_s[rows] - alignment.reference_start_s) / alignment.speed
    planes = query.frames.luma(query.frames.nearest(query_s))
    aspect = query.frames.shape[1] / query.frames.shape[0]
    odds = [_point_odds(p, known, r, aspect, alignment.mirrored) for p, r in zip(planes, rows, strict=True)]
    # the best of several tries is that much likelier by chance
    return max(odds) - float(np.log10(len(odds)))


def _point_odds(plane: ByteArray, known: PicturePrint, row: int, aspect: float, mirrored: bool) -> float:
    points, codes = query_points_of(np.ascontiguousarray(plane[:, ::-1]) if mirrored else plane)
    fit = relate_points(points, codes, known.points[row], known.descriptors[row], aspect, known.aspect)
    return fit.confidence if fit is not None else 0.0


def _spread(rows: IntArray, count: int) -> IntArray:
    """At most `count` of the rows, evenly."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]

"""What was done to a known video on the stretches where a suspect runs along it.

Both files are opened: the ends of every stretch are found to the frame, pictures of the same moments are held
against each other, and the sound of both is compared. `segments` says the outcome in the words of a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from vidforensics import acquisition, features
from vidforensics.extraction.moments import frames_at, frames_between
from vidforensics.extraction.sound_between import sound_between
from vidforensics.pipeline_query import Query, TraceOptions
from vidforensics.runtime import Progress
from vidforensics.tracing.align_refine import refine_all
from vidforensics.tracing.edits import CodedFacts, coding_edits, relate_pictures
from vidforensics.tracing.motion_agreement import MotionAgreement, motion_agreement
from vidforensics.tracing.scores import MatchEvidence, score
from vidforensics.tracing.scores_segments import merged, split_by_sound
from vidforensics.tracing.sound_relation import relate_sound
from vidforensics.types import (
    Alignment,
    Edit,
    FrameSeries,
    PictureRelation,
    Probe,
    SoundStretch,
    TraceSegment,
)

LEAST_SPEED_CHANGE = 0.01


@dataclass(frozen=True, slots=True)
class Related:
    """One stretch that the two share, exact to the frame, and what was done to its picture and sound.

    motion: whether what moves agrees as well, None where there was nothing to tell it by.
    """

    alignment: Alignment
    picture: PictureRelation | None
    motion: MotionAgreement | None
    sounds: tuple[SoundStretch, ...]


def relate(
    query: Query,
    reference: Path,
    alignments: Sequence[Alignment],
    options: TraceOptions,
    progress: Progress,
    series: FrameSeries | None = None,
) -> tuple[Related, ...]:
    """What was done to an indexed video on the stretches where the query runs along it.

    Args:
        query: the suspect.
        reference: the video's file.
        alignments: where they run together.
        options: bounds of work.
        progress: told the time reached.
        series: numbers of every frame of the video, where it was decoded already.

    Raises:
        InputError: the video's file cannot be read.
    """
    probe = acquisition.probe(reference)
    if series is None:
        series = _series(reference, probe, alignments, options, progress)
    refined = tuple(alignments)
    if series.signatures is not None and query.series.signatures is not None and len(series.times_s):
        refined = refine_all(
            alignments, query.series.times_s, query.series.signatures, series.times_s, series.signatures
        )
    related = []
    for alignment in refined:
        progress("compare the pictures", alignment.query_start_s, query.duration_s)
        picture, motion = _picture_relation(query, reference, probe, alignment, options)
        progress("compare the sound", alignment.query_start_s, query.duration_s)
        sounds = _sound_stretches(query, reference, probe, alignment, options)
        related.append(Related(alignment, picture, motion, sounds))
    return tuple(related)


def _series(
    reference: Path,
    probe: Probe,
    alignments: Sequence[Alignment],
    options: TraceOptions,
    progress: Progress,
) -> FrameSeries:
    """Numbers of the frames by which alignments are made exact, of the parts that they touch."""
    series = features.FrameSeriesAccumulator()
    spans = _united(
        (a.reference_start_s - options.refine_margin_s, a.reference_end_s + options.refine_margin_s)
        for a in alignments
        if a.modality != "sound"
    )
    for start_s, end_s in spans:
        for block in frames_between(reference, probe, max(0.0, start_s), end_s):
            series.update(block)
            progress("look at the reference", float(block.pts_s[-1]), probe.duration_s)
    return series.finish()


def _united(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans that touch or overlap as one, in order."""
    done: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans):
        if done and start_s <= done[-1][1]:
            done[-1] = (done[-1][0], max(done[-1][1], end_s))
        else:
            done.append((start_s, end_s))
    return done


def _picture_relation(
    query: Query, reference: Path, probe: Probe, alignment: Alignment, options: TraceOptions
) -> tuple[PictureRelation | None, MotionAgreement | None]:
    if alignment.modality == "sound":
        return None, None
    length_s = alignment.query_end_s - alignment.query_start_s
    at_s = (
        alignment.query_start_s + length_s * (np.arange(options.related_pairs) + 0.5) / options.related_pairs
    )
    ours = frames_at(query.path, query.probe, at_s)
    if ours is None:
        return None, None
    wanted_s = alignment.reference_start_s + alignment.speed * (ours.pts_s - alignment.query_start_s)
    theirs = frames_at(reference, probe, wanted_s)
    if theirs is None:
        return None, None
    # the picture shown at each of these moments: the last that began before it
    shown = np.maximum(np.searchsorted(theirs.pts_s, wanted_s + 1e-6, "right") - 1, 0)
    relation = relate_pictures(
        ours.luma, theirs.luma[shown], ours.chroma, theirs.chroma[shown], alignment.mirrored
    )
    coded = coding_edits(_coded(query.probe), _coded(probe), alignment.speed)
    motion = motion_agreement(ours.luma, theirs.luma[shown], relation)
    return replace(relation, edits=(*relation.edits, *coded)), motion


def _coded(probe: Probe) -> CodedFacts:
    stream = probe.first("video")
    if stream is None:
        return CodedFacts()
    rate = stream.average_frame_rate
    return CodedFacts(
        codec=stream.codec,
        width_px=stream.width_px,
        height_px=stream.height_px,
        frame_rate_hz=float(Fraction(rate)) if rate else None,
        bit_rate_bps=stream.bit_rate_bps,
    )


def _sound_stretches(
    query: Query, reference: Path, probe: Probe, alignment: Alignment, options: TraceOptions
) -> tuple[SoundStretch, ...]:
    """How the sound relates along an alignment of pictures; one of sound alone needs no telling."""
    start_s, end_s = alignment.query_start_s, alignment.query_end_s
    if alignment.modality == "sound":
        return ()
    if query.probe.first("audio") is None:
        return (SoundStretch(start_s, end_s, "absent"),)
    if probe.first("audio") is None:
        return (SoundStretch(start_s, end_s, "not_assessed"),)
    lead_s = options.sound_margin_s
    ours = sound_between(query.path, query.probe, start_s, end_s)
    theirs = sound_between(
        reference, probe, alignment.reference_start_s - lead_s, alignment.reference_end_s + lead_s
    )
    return relate_sound(ours, theirs, lead_s, alignment.speed, start_s=start_s)


def segments(related: Sequence[Related], geometry: Sequence[float]) -> tuple[TraceSegment, ...]:
    """What was found of one video, as a trace lists it but for the edits that only their order tells.

    Args:
        related: its stretches.
        geometry: for each, log10 odds that its pictures show the same, as the index alone tells.
    """
    found: list[TraceSegment] = []
    for one, odds in zip(related, geometry, strict=True):
        alone = segment(one.alignment, odds, one.picture)
        found += split_by_sound([alone], one.sounds)
    return merged(found)


def segment(alignment: Alignment, geometry: float, picture: PictureRelation | None) -> TraceSegment:
    """One stretch as a trace lists it, its sound not yet told; `picture` is None where none was compared."""
    odds = max(geometry, picture.confidence if picture is not None else 0.0)
    edits = picture.edits if picture is not None else (Edit("mirror"),) if alignment.mirrored else ()
    if abs(alignment.speed - 1.0) > LEAST_SPEED_CHANGE:
        edits = (*edits, Edit("speed", None, {"speed": alignment.speed}))
    return TraceSegment(
        query_start_s=alignment.query_start_s,
        query_end_s=alignment.query_end_s,
        reference_start_s=alignment.reference_start_s,
        reference_end_s=alignment.reference_end_s,
        score=score(MatchEvidence(alignment.picture_evidence, alignment.sound_evidence, odds)),
        modality=alignment.modality,
        speed=alignment.speed,
        mirrored=alignment.mirrored,
        edits=edits,
        sound="same" if alignment.modality == "sound" else "not_assessed",
    )

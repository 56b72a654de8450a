"""What was done to a known video on the stretches where a suspect runs along it.

Both files are opened: the ends of every stretch are found to the frame, pictures of the same moments are held
against each other, and the sound of both is compared. `segments` says the outcome in the words of a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics import acquisition, features
from vidforensics.extraction.moments import frames_at, frames_between
from vidforensics.extraction.sound_between import RATE_HZ, sound_between
from vidforensics.pipeline_query import Query, TraceOptions
from vidforensics.runtime import Progress
from vidforensics.tracing.align_jumps import without_jumps
from vidforensics.tracing.align_likeness import Clip
from vidforensics.tracing.align_pieces import at_speed, cut, part, shifted
from vidforensics.tracing.align_refine import RefineOptions, refine_all
from vidforensics.tracing.edits import CodedFacts, coding_edits, relate_pictures
from vidforensics.tracing.holes import holes, likeness
from vidforensics.tracing.motion_agreement import SURE_CORRELATION, MotionAgreement, motion_agreement
from vidforensics.tracing.scores import MatchEvidence, score
from vidforensics.tracing.scores_segments import merged, split_by_sound
from vidforensics.tracing.sound_relation import relate_sound
from vidforensics.types import (
    Alignment,
    Edit,
    FrameBlock,
    FrameSeries,
    PictureRelation,
    Probe,
    SoundStretch,
    TraceSegment,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray, IntArray

LEAST_SPEED_CHANGE = 0.01
UNLIKE = 0.33
MOST_CUTS = 3
CONFIDENT = 3.0
COMMON_SPEEDS = (1.0, 1.25, 0.8)
BETTER = 0.03


@dataclass(frozen=True, slots=True)
class Related:
    """One stretch that the two share, exact to the frame, and what was done to its picture and sound.

    geometry: log10 odds that its pictures show the same, as the index alone tells. motion: whether what moves
    agrees as well, None where there was nothing to tell it by.
    """

    alignment: Alignment
    geometry: float
    picture: PictureRelation | None
    motion: MotionAgreement | None
    sounds: tuple[SoundStretch, ...]


def relate(
    query: Query,
    reference: Path,
    alignments: Sequence[Alignment],
    geometry: Sequence[float],
    options: TraceOptions,
    progress: Progress,
    series: FrameSeries | None = None,
) -> tuple[Related, ...]:
    """What was done to an indexed video on the stretches where the query runs along it.

    Args:
        query: the suspect.
        reference: the video's file.
        alignments: where they run together.
        geometry: for each, log10 odds that its pictures show the same, as the index alone tells; 0 unknown.
        options: bounds of work.
        progress: told the time reached.
        series: numbers of every frame of the video, where it was decoded already.

    Raises:
        InputError: the video's file cannot be read.
    """
    probe = acquisition.probe(reference)
    if series is None:
        series = _series(reference, probe, alignments, options, progress)
    pair = _Pair(query, reference, probe, series, options)
    related = []
    for alignment, odds in zip(pair.refined(alignments), geometry, strict=True):
        progress("compare the pictures", alignment.query_start_s, query.duration_s)
        placed, picture, motion = pair.placed(alignment)
        for piece in pair.pieces(placed, picture):
            progress("compare the sound", piece.query_start_s, query.duration_s)
            one = Related(piece, odds, picture, motion, pair.sounds(piece))
            related += pair.following_sound(one)
    return tuple(related)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two files, open to be held against each other on one stretch after another."""

    query: Query
    reference: Path
    probe: Probe
    series: FrameSeries
    options: TraceOptions

    def refined(
        self, alignments: Sequence[Alignment], options: RefineOptions | None = None
    ) -> tuple[Alignment, ...]:
        """Alignments exact to the frame, where both have pictures."""
        ours, theirs = self.query.series, self.series
        if theirs.signatures is None or ours.signatures is None or not len(theirs.times_s):
            return tuple(alignments)
        return refine_all(
            alignments, ours.times_s, ours.signatures, theirs.times_s, theirs.signatures, options
        )

    def placed(
        self, alignment: Alignment
    ) -> tuple[Alignment, PictureRelation | None, MotionAgreement | None]:
        """How the pictures relate; where what moves does not agree, other moments nearby are tried once."""
        picture, motion = self._pictures(alignment)
        if picture is not None and picture.confidence >= CONFIDENT:
            # codes of a nearly symmetric picture hardly tell which way round it is
            alignment = replace(alignment, mirrored=picture.mirrored)
        if motion is not None and abs(alignment.speed - 1.0) > LEAST_SPEED_CHANGE:
            (plain,) = self.refined([at_speed(alignment, 1.0)])
            there, motion_there = self._pictures(plain)
            if motion_there is not None and motion_there.correlation >= motion.correlation:
                alignment, picture, motion = plain, there, motion_there
        if motion is None or not motion.contradicts:
            return alignment, picture, motion
        best = alignment, picture, motion
        for speed in (alignment.speed, *COMMON_SPEEDS):
            wide = RefineOptions(search_s=self.options.realign_s)
            (moved,) = self.refined([at_speed(alignment, speed)], wide)
            there, motion_there = self._pictures(moved)
            if motion_there is not None and motion_there.correlation > best[2].correlation:
                seen_alone = replace(moved, modality="picture", sound_evidence=0.0)
                best = seen_alone, there, motion_there
        return best if best[2].correlation >= SURE_CORRELATION else (alignment, picture, motion)

    def _pictures(self, alignment: Alignment) -> tuple[PictureRelation | None, MotionAgreement | None]:
        if alignment.modality == "sound":
            return None, None
        at_s = self._moments(alignment)
        ours = frames_at(self.query.path, self.query.probe, at_s)
        if ours is None:
            return None, None
        at_s = ours.pts_s[_shown(ours, at_s)]
        wanted_s = alignment.reference_start_s + alignment.speed * (at_s - alignment.query_start_s)
        theirs = frames_at(self.reference, self.probe, wanted_s)
        if theirs is None:
            return None, None
        here, there = _shown(ours, at_s), _shown(theirs, wanted_s)
        relation = relate_pictures(
            ours.luma[here[::2]],
            theirs.luma[there[::2]],
            ours.chroma[here[::2]],
            theirs.chroma[there[::2]],
        )
        coded = coding_edits(_coded(self.query.probe), _coded(self.probe), alignment.speed)
        motion = motion_agreement(ours.luma[here], theirs.luma[there], relation)
        return replace(relation, edits=(*relation.edits, *coded)), motion

    def _moments(self, alignment: Alignment) -> FloatArray:
        """Moments of the query spread over a stretch, each followed by one a little later."""
        start_s, end_s = alignment.query_start_s, alignment.query_end_s
        later_s = min(self.options.motion_s, 0.3 * (end_s - start_s))
        count = self.options.related_pairs
        first_s = start_s + (end_s - start_s - later_s) * (np.arange(count) + 0.5) / count
        return np.stack((first_s, first_s + later_s), axis=1).ravel()

    def pieces(self, alignment: Alignment, picture: PictureRelation | None) -> Iterator[Alignment]:
        """The alignment without stretches of something else, those of another moment nearby moved there."""
        for piece in self.without_holes(alignment, picture):
            ours, theirs = self.query.series, self.series
            if ours.signatures is None or theirs.signatures is None:
                yield piece
                continue
            yield from without_jumps(
                piece, Clip(ours.times_s, ours.signatures), Clip(theirs.times_s, theirs.signatures)
            )

    def without_holes(self, alignment: Alignment, picture: PictureRelation | None) -> tuple[Alignment, ...]:
        """The alignment without stretches on which the query shows something else."""
        if picture is None or picture.matrix is None:
            return (alignment,)
        start_s, end_s = alignment.query_start_s, alignment.query_end_s
        times_s = self.query.frames.times_s
        inside = np.sort(times_s[(times_s >= start_s) & (times_s <= end_s)])
        at_s = inside[:: max(1, len(inside) // self.options.followed)]
        if len(at_s) < 4:
            return (alignment,)
        wanted_s = alignment.reference_start_s + alignment.speed * (at_s - start_s)
        theirs = frames_at(self.reference, self.probe, wanted_s)
        if theirs is None:
            return (alignment,)
        ours = self.query.frames.luma(self.query.frames.nearest(at_s))
        alike = likeness(ours, theirs.luma[_shown(theirs, wanted_s)], picture.matrix)
        found = holes(at_s, alike)
        ends = [self._hole_ends(alignment, picture.matrix, at_s, hole) for hole in found]
        return cut(alignment, ends) if ends else (alignment,)

    def _hole_ends(
        self,
        alignment: Alignment,
        matrix: tuple[float, ...],
        at_s: FloatArray,
        hole: tuple[float, float],
    ) -> tuple[float, float]:
        """First frame of a hole and first frame after it, from the moments between which they lie."""
        ends = []
        for bad_s, good_s in ((hole[0], at_s[at_s < hole[0]][-1:]), (hole[1], at_s[at_s > hole[1]][:1])):
            if not len(good_s):  # the hole reaches an end of the alignment
                ends.append(alignment.query_start_s if bad_s == hole[0] else alignment.query_end_s)
                continue
            times_s = self.query.series.times_s
            low_s, high_s = sorted((bad_s, float(good_s[0])))
            between = np.sort(times_s[(times_s >= low_s - 1e-6) & (times_s <= high_s + 1e-6)])
            alike = self._likeness_at(alignment, matrix, between)
            inside = between[alike < UNLIKE] if len(alike) else between[:0]
            if len(inside) == 0:
                ends.append(bad_s)
            elif bad_s == hole[0]:
                ends.append(float(inside[0]))
            else:
                after = between[between > inside[-1]]
                ends.append(float(after[0]) if len(after) else high_s)
        return ends[0], ends[1]

    def _likeness_at(self, alignment: Alignment, matrix: tuple[float, ...], at_s: FloatArray) -> FloatArray:
        """How alike both pictures are at frames of the query; empty where they cannot be decoded."""
        ours = frames_at(self.query.path, self.query.probe, at_s)
        wanted_s = alignment.reference_start_s + alignment.speed * (at_s - alignment.query_start_s)
        theirs = frames_at(self.reference, self.probe, wanted_s)
        if ours is None or theirs is None:
            return np.zeros(0)
        return likeness(ours.luma[_shown(ours, at_s)], theirs.luma[_shown(theirs, wanted_s)], matrix)

    def following_sound(self, one: Related, times: int = MOST_CUTS) -> list[Related]:
        """A stretch whose sound comes from other moments, cut where its picture does too.

        Frames taken out of a quiet scene leave a picture that looks right at either moment; the sound then
        tells which it is, if what moves in the picture agrees better there. Of two such cuts the sound tells
        one at a time.
        """
        moved = [self._followed(one, stretch) for stretch in one.sounds]
        if times == 0 or not any(moved):
            return [one]
        done: list[Related] = []
        for there, stretch in zip(moved, one.sounds, strict=True):
            here = there or part(one.alignment, stretch.start_s, stretch.end_s)
            seen = (one.picture, one.motion) if there is None else self._pictures(here)
            piece = Related(here, one.geometry, *seen, self.sounds(here))
            done += [piece] if there is None else self.following_sound(piece, times - 1)
        return done

    def _followed(self, one: Related, stretch: SoundStretch) -> Alignment | None:
        """The part of an alignment moved to where its sound is, if its picture agrees better there."""
        if stretch.relation != "shifted" or not stretch.lag_s or stretch.end_s - stretch.start_s < 1.0:
            return None
        here = part(one.alignment, stretch.start_s, stretch.end_s)
        there = shifted(here, stretch.lag_s)
        before, after = self._pictures(here)[1], self._pictures(there)[1]
        if before is None or after is None or after.correlation < before.correlation + BETTER:
            return None
        return there

    def sounds(self, alignment: Alignment) -> tuple[SoundStretch, ...]:
        """How the sound relates along an alignment of pictures; one of sound alone needs no telling."""
        start_s, end_s = alignment.query_start_s, alignment.query_end_s
        if alignment.modality == "sound":
            return ()
        has_ours, has_theirs = (p.first("audio") is not None for p in (self.query.probe, self.probe))
        if not has_theirs:
            return (SoundStretch(start_s, end_s, "not_assessed" if has_ours else "absent"),)
        lead_s = self.options.sound_margin_s
        # a track that was taken out is as silent as one that was turned down
        ours = np.zeros(round((end_s - start_s) * RATE_HZ), dtype=np.float32)
        if has_ours:
            heard = sound_between(self.query.path, self.query.probe, start_s, end_s)
            ours = ours if heard is None else heard
        theirs = sound_between(
            self.reference,
            self.probe,
            alignment.reference_start_s - lead_s,
            alignment.reference_end_s + lead_s,
        )
        return relate_sound(ours, theirs, lead_s, alignment.speed, start_s=start_s)


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


def _shown(block: FrameBlock, times_s: FloatArray) -> IntArray:
    """Number of the picture shown at each moment: the last that began before it."""
    return np.maximum(np.searchsorted(block.pts_s, times_s + 1e-6, "right") - 1, 0)


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


def segments(related: Sequence[Related]) -> tuple[TraceSegment, ...]:
    """What was found of one video, as a trace lists it but for the edits that only their order tells."""
    found: list[TraceSegment] = []
    for one in related:
        if one.motion is not None and one.motion.contradicts:
            # another recording of the same room: what is left is what the sound says
            heard = replace(one.alignment, modality="sound", picture_evidence=0.0, mirrored=False)
            found.append(segment(heard, 0.0, None))
        else:
            found += split_by_sound([segment(one.alignment, one.geometry, one.picture)], one.sounds)
    return merged(found)


def within(found: Sequence[TraceSegment], reference_duration_s: float | None) -> tuple[TraceSegment, ...]:
    """Segments that do not reach beyond the reference's end, by which containers round their tracks."""
    end_s = np.inf if reference_duration_s is None else reference_duration_s
    return tuple(replace(one, reference_end_s=min(one.reference_end_s, end_s)) for one in found)


def segment(alignment: Alignment, geometry: float, picture: PictureRelation | None) -> TraceSegment:
    """One stretch as a trace lists it, its sound not yet told; `picture` is None where none was compared."""
    odds = max(geometry, picture.confidence if picture is not None else 0.0)
    edits = picture.edits if picture is not None else (Edit("mirror"),) if alignment.mirrored else ()
    if abs(alignment.speed - 1.0) > LEAST_SPEED_CHANGE:
        edits = (*edits, Edit("speed", None, {"speed": alignment.speed}))
    return TraceSegment(
        query_start_s=alignment.query_start_s,
        query_end_s=alignment.query_end_s,
        reference_start_s=max(0.0, alignment.reference_start_s),
        reference_end_s=alignment.reference_end_s,
        score=score(MatchEvidence(alignment.picture_evidence, alignment.sound_evidence, odds)),
        modality=alignment.modality,
        speed=alignment.speed,
        mirrored=alignment.mirrored,
        edits=edits,
        sound="same" if alignment.modality == "sound" else "not_assessed",
    )

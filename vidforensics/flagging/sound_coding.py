"""Flag where the frames of an earlier coding of the sound jump, which is where it was cut or put together.

The evidence of one clip goes in; a score track, segments labelled `audio_splice` and coverage come out. Sound
that was coded as AAC when it was recorded or uploaded keeps traces of those frames of 1,024 samples, also
after one more coding that was not much coarser. Cutting moves what follows by any number of samples, so that
the frames go on at another offset: a cut within one recording shows as well as sound from another. Breaks at
a cut of the picture are ordinary editing and are left out.
Source: Yang, Qu & Huang, Exposing MP3 audio forgeries using frame offsets (ACM TOMCCAP 2012).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.aac_frames import FRAME, is_same, may_be_short
from vidforensics.flagging.audio_discontinuity import cuts_between
from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import Gap, not_assessed, subtract, tile, union
from vidforensics.types import CodingGrids, Detection, Evidence, GridRun, Label, ScoreTrack, Segment

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

THRESHOLD = 8.0
LISTED_BELOW_THRESHOLD = 2.0
"""Candidates so far below the threshold are still given, marked as not listed."""

DOUBTFUL = 0.5
"""What a step counts for that short windows of one coding make as well."""

LEAST_RUN = 5.0
"""Runs that show less, in standard errors, are taken for chance."""

MOST_SIDE_S = 40.0
"""So much sound on either side of a break speaks for or against it."""

NEAR_CUT_S = 0.3
MOST_STRETCH_S = 12.0
"""Two breaks no further apart are the ends of one stretch."""

LEAST_GAP_S = 1.0
LEAST_END_S = 0.5
SMOOTH_FRAMES = 40
NO_SOUND = "no sound, too little, below 16 kHz, or of a codec whose frames may be taken for those of AAC"
SILENT = "no sound here"
NO_TRACE = "the sound shows no frames of an earlier AAC coding here"
AT_CUT = "at a cut of the picture, where cutting the sound is ordinary"
TOO_LATE = "later than the sound that is looked at for an earlier coding"
INSTANT_S = 0.1
_JUMP = (
    "{where} the frames of an AAC coding of the sound jump by {step} of their 1024 samples, as they do where "
    "sound is cut or put together after it was coded. That needs no other recording."
)
_STRETCH = (
    "In this stretch the frames of an AAC coding of the sound, 1024 samples long, lie {step} samples off "
    "those before it, and off those behind it, as they do where sound is put in after it was coded, or cut "
    "on both sides. That needs no other recording."
)


@dataclass(frozen=True, slots=True)
class Break:
    """One grid ends by `start_s` and another has begun by `end_s`; strength in standard errors."""

    start_s: float
    end_s: float
    step: int
    strength: float


class SoundCodingDetector:
    """Follows the frames of an earlier coding through the first sound track."""

    name = "sound_coding"
    label: Label = "audio_splice"

    def detect(self, evidence: Evidence) -> Detection:
        """Look at the grids of one clip."""
        grids, duration_s = evidence.features.coding_grids, evidence.duration_s
        if grids is None:
            return Detection(self.name, coverage=not_assessed(self.name, duration_s, NO_SOUND))
        found = breaks(grids)
        cuts_s = cuts_between(evidence.extraction.shots)
        apart = stretches([b for b in found if not _near(b, cuts_s)])
        flags = (self._segment(ends, duration_s) for ends in apart)
        return Detection(
            detector=self.name,
            tracks=tuple(self._tracks(grids)),
            segments=tuple(flag for flag in flags if flag.start_s < flag.end_s),
            coverage=tile(self.name, duration_s, _gaps(grids, cuts_s, duration_s)),
            listed_from_log10_lr=calibrated(self.name, THRESHOLD)[1],
        )

    def _segment(self, ends: tuple[Break, ...], duration_s: float) -> Segment:
        strength = min(b.strength for b in ends)
        score, log10_lr = calibrated(self.name, strength)
        start_s, end_s = max(0.0, ends[0].start_s), min(duration_s, ends[-1].end_s)
        where = "At this point" if end_s - start_s <= INSTANT_S else "Somewhere in this stretch"
        basis = (_STRETCH if len(ends) > 1 else _JUMP).format(step=ends[0].step, where=where)
        listed = strength >= THRESHOLD
        return Segment(start_s, end_s, self.label, score, log10_lr, self.name, basis, listed)

    def _tracks(self, grids: CodingGrids) -> list[ScoreTrack]:
        """How clearly the grid shows that most frames show, over about a second; none where none shows."""
        if not grids.runs:
            return []
        lengths: dict[int, int] = {}
        for run in grids.runs:
            lengths[run.offset] = lengths.get(run.offset, 0) + run.last - run.first
        most = max(lengths, key=lambda offset: lengths[offset])
        column = grids.shown[:, grids.offsets.tolist().index(most)].astype(np.float64)
        width = min(SMOOTH_FRAMES, len(column))
        heard = np.convolve(column != 0.0, np.ones(width), "same")
        sums = np.convolve(column, np.ones(width), "same")
        scores = np.where(heard >= width / 4, sums / np.sqrt(np.maximum(heard, 1.0)), np.nan)
        name, unit = "frames of an earlier coding of the sound", "standard errors"
        step = max(1, width // 8)
        times_s = grids.times_s[::step] + grids.frame_s
        return [ScoreTrack(self.name, name, unit, times_s, scores[::step], float("nan"))]


def breaks(grids: CodingGrids, least: float = THRESHOLD - LISTED_BELOW_THRESHOLD) -> list[Break]:
    """Where one grid gives way to another, in order of time; [] without runs.

    Two grids that take turns are no break: those are of two earlier codings, of which now the one shows more,
    now the other. A step that short windows make as well counts for half.

    Args:
        grids: of one track.
        least: weaker breaks are left out.
    """
    side, runs = int(MOST_SIDE_S / grids.frame_s), _joined(grids)
    found = []
    for k, (before, after) in enumerate(itertools.pairwise(runs), start=1):
        if not _is_clean(runs, k):
            continue
        left = grids.shown[max(before.first, before.last - side) : before.last]
        right = grids.shown[after.first : min(after.last, after.first + side)]
        one, other = _column(grids, before), _column(grids, after)
        strength = min(_stands_out(left[:, one], right[:, one]), _stands_out(right[:, other], left[:, other]))
        if _is_doubtful(grids, before.offset, after.offset):
            strength *= DOUBTFUL
        start_s, end_s = _between(grids, before, after)
        step = (after.offset - before.offset) % FRAME
        found.append(Break(start_s, end_s, step, strength))
    return [b for b in found if b.strength >= least]


def _is_doubtful(grids: CodingGrids, before: int, after: int) -> bool:
    """Whether either grid may be the other's short windows, or those of the present coding."""
    return may_be_short(before, after) or _is_own(grids, before) or _is_own(grids, after)


def _is_own(grids: CodingGrids, offset: int) -> bool:
    return grids.own is not None and may_be_short(offset, grids.own)


def _joined(grids: CodingGrids) -> list[GridRun]:
    """Runs that are one coding's joined over what lies between; runs that may be chance are left out."""
    joined: list[GridRun] = []
    sure = [run for run in grids.runs if _alone(_heard(grids, run)) >= LEAST_RUN]
    for k, run in enumerate(sure):
        last = joined[-1] if joined else None
        if last is not None and (
            is_same(last.offset, run.offset) or _is_short_of(run, last, joined, sure[k:])
        ):
            longer = last if last.last - last.first >= run.last - run.first else run
            joined[-1] = GridRun(last.first, run.last, longer.offset)
        else:
            joined.append(run)
    return joined


def _heard(grids: CodingGrids, run: GridRun) -> Float32Array:
    shown = grids.shown[run.first : run.last, _column(grids, run)]
    heard: Float32Array = shown[shown != 0.0]
    return heard


def _is_short_of(run: GridRun, last: GridRun, before: list[GridRun], behind: list[GridRun]) -> bool:
    """Whether a run is the last grid's short windows: it takes turns with it."""
    came = any(is_same(one.offset, run.offset) for one in before)
    returns = any(is_same(one.offset, last.offset) for one in behind)
    return may_be_short(last.offset, run.offset) and (came or returns)


def _is_clean(runs: list[GridRun], k: int) -> bool:
    """Whether the grid before run k is gone from there on and that of run k is new, or one is a guest."""
    before, after = runs[k - 1].offset, runs[k].offset
    is_new = not any(is_same(run.offset, after) for run in runs[:k])
    is_gone = not any(is_same(run.offset, before) for run in runs[k:])
    guests = (sum(is_same(run.offset, one) for run in runs) == 1 for one in (before, after))
    return (is_new and is_gone) or any(guests)


def _column(grids: CodingGrids, run: GridRun) -> int:
    return int(np.flatnonzero(grids.offsets == run.offset)[0])


def stretches(found: list[Break]) -> list[tuple[Break, ...]]:
    """Breaks one by one, or two that end one stretch; both must be listed for that."""
    grouped: list[tuple[Break, ...]] = []
    for one in found:
        last = grouped[-1] if grouped else ()
        near = len(last) == 1 and one.start_s - last[0].end_s <= MOST_STRETCH_S
        if near and min(one.strength, last[0].strength) >= THRESHOLD:
            grouped[-1] = (last[0], one)
        else:
            grouped.append((one,))
    return grouped


def _stands_out(inside: Float32Array, outside: Float32Array) -> float:
    """How surely a grid shows on its own side, and more than on the other; frames without sound are 0."""
    here, there = inside[inside != 0.0], outside[outside != 0.0]
    if not len(here) or not len(there):
        return 0.0
    more = float((here.mean() - there.mean()) / np.sqrt(1 / len(here) + 1 / len(there)))
    return min(_alone(here), more)


def _alone(shown: Float32Array) -> float:
    """How surely a grid shows in these frames, in standard errors; 0 for no frame."""
    return float(shown.mean() * np.sqrt(len(shown))) if len(shown) else 0.0


def _between(grids: CodingGrids, before: GridRun, after: GridRun) -> tuple[float, float]:
    """From the last sound that surely lies on the first grid to the first that lies on the second.

    A frame looks at twice its length, so two runs may overlap by a frame, which is then what is given.
    """
    sample_s = grids.frame_s / FRAME
    ends_s = float(grids.times_s[before.last - 1]) + before.offset * sample_s + 2 * grids.frame_s
    begins_s = float(grids.times_s[after.first]) + after.offset * sample_s
    return min(ends_s, begins_s), max(ends_s, begins_s)


def _near(one: Break, cuts_s: FloatArray) -> bool:
    return bool(((cuts_s >= one.start_s - NEAR_CUT_S) & (cuts_s <= one.end_s + NEAR_CUT_S)).any())


def _gaps(grids: CodingGrids, cuts_s: FloatArray, duration_s: float) -> list[Gap]:
    """What was not looked at: behind the limit, at cuts of the picture, and where no grid shows."""
    if not len(grids.times_s):
        return [(0.0, duration_s, NO_SOUND)]
    first_s, last_s = float(grids.times_s[0]), float(grids.times_s[-1]) + 2 * grids.frame_s
    gaps = [] if grids.until_s is None else [(grids.until_s, duration_s, TOO_LATE)]
    gaps += [(t - NEAR_CUT_S, t + NEAR_CUT_S, AT_CUT) for t in cuts_s.tolist()]
    gaps += [(a, b, SILENT) for a, b in ((0.0, first_s), (last_s, duration_s)) if b - a > LEAST_END_S]
    # what may be the present coding's short windows says nothing of an earlier one
    shown = [_seconds_of(grids, run) for run in grids.runs if not _is_own(grids, run.offset)]
    joined = [*shown, (0.0, first_s), (last_s, duration_s)]
    for (_, end_s), (start_s, _) in itertools.pairwise(union(joined)):
        if start_s - end_s <= LEAST_GAP_S:
            joined.append((end_s, start_s))
    holes = subtract([(0.0, duration_s)], joined) if shown else ((0.0, duration_s),)
    return [*gaps, *((a, b, NO_TRACE) for a, b in holes)]


def _seconds_of(grids: CodingGrids, run: GridRun) -> tuple[float, float]:
    last = min(run.last, len(grids.times_s) - 1)
    return float(grids.times_s[run.first]), float(grids.times_s[last]) + grids.frame_s

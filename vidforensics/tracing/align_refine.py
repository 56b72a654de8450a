"""Alignments made exact to the frame, from the signatures of every frame of both clips.

An `Alignment` and dense signatures go in, the same with its line and ends moved comes out. The line is moved
by correlating how much both pictures change over time, which survives crops, overlays and mirroring; the ends
by asking of each frame whether it is more like the reference at that moment than like the reference at others
(`align_likeness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.align_likeness import Clip, Likeness
from vidforensics.types import Alignment

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray, IntArray, ShortArray

GRID_S = 0.01
SMOOTHING_S = 1.0
"""Change is taken relative to its mean over this long to either side."""
MOMENT_S = 0.25
"""Frames within this long of each other tell the same."""
OWN_CUT, GUESS, NO_CUT = -1.0, -3.0, -10.0
"""Log of how likely a stretch ends at a cut that the reference does not have, where it was thought to end,
and elsewhere, each against the end of the clip."""
LAST_FRAME_S = 0.1


@dataclass(frozen=True, slots=True)
class RefineOptions:
    """How far and on what terms an alignment is moved.

    search_s: greatest shift of the line. window_s: length of the stretches whose shifts tell the speed.
    least_agreement: correlation of change below which the line is left alone. reach_s: how far an end may
    move outwards. same_speed_shift_s: a speed of 1 is kept where another moves nothing by more than this.
    """

    search_s: float = 0.75
    window_s: float = 8.0
    least_agreement: float = 0.3
    reach_s: float = 12.0
    same_speed_shift_s: float = 0.05


def refine(
    alignment: Alignment,
    query_times_s: FloatArray,
    query_signatures: ShortArray,
    reference_times_s: FloatArray,
    reference_signatures: ShortArray,
    options: RefineOptions | None = None,
) -> Alignment:
    """One alignment made exact.

    Args:
        alignment: one in which picture takes part; others come back as they are.
        query_times_s: float64 (N,), ascending, of every decoded frame of the query.
        query_signatures: int16 (N, K), see `features.frame_series`.
        reference_times_s: float64 (M,), the same of the reference.
        reference_signatures: int16 (M, K).
        options: see `RefineOptions`.

    Returns:
        The alignment with its line moved to within a frame and its ends to a frame, where the material
        tells; as it is where it has fewer than a few frames or shows no change.

    Raises:
        ValueError: the arrays do not belong together.
    """
    return refine_all(
        (alignment,), query_times_s, query_signatures, reference_times_s, reference_signatures, options
    )[0]


def refine_all(
    alignments: Sequence[Alignment],
    query_times_s: FloatArray,
    query_signatures: ShortArray,
    reference_times_s: FloatArray,
    reference_signatures: ShortArray,
    options: RefineOptions | None = None,
) -> tuple[Alignment, ...]:
    """All alignments of one pair of clips made exact; neighbours in the query meet at one frame.

    Args:
        alignments: in the order of the query, see `align.align`.
        query_times_s: see `refine`, as the rest.
        query_signatures: see `refine`.
        reference_times_s: see `refine`.
        reference_signatures: see `refine`.
        options: see `RefineOptions`.

    Returns:
        As many alignments in the same order; () for none.

    Raises:
        ValueError: the arrays do not belong together.
    """
    chosen = options or RefineOptions()
    query = Clip(query_times_s, query_signatures)
    reference = Clip(reference_times_s, reference_signatures)
    done = [a if a.modality == "sound" else _on_line(a, query, reference, chosen) for a in alignments]
    at = [i for i, a in enumerate(done) if a.modality != "sound"]
    moved = _with_ends([done[i] for i in at], query, reference, chosen)
    for i, a in zip(at, moved, strict=True):
        done[i] = a
    return tuple(done)


def change_curve(clip: Clip, at_s: FloatArray) -> FloatArray:
    """How much a clip changes at given times: log of levels RMS per second into the frame then on screen.

    Args:
        clip: at least two frames.
        at_s: float64 (T,), ascending.

    Returns:
        float64 (T,), NaN outside the clip.
    """
    into = np.clip(np.searchsorted(clip.times_s, at_s, side="left"), 1, len(clip.times_s) - 1)
    outside = (at_s <= clip.times_s[0]) | (at_s > clip.times_s[-1])
    return np.where(outside, np.nan, clip.change[into])


def _on_line(alignment: Alignment, query: Clip, reference: Clip, options: RefineOptions) -> Alignment:
    """The alignment with its line moved to where both pictures change together."""
    start, end = alignment.query_start_s, alignment.query_end_s
    if min(len(query.times_s), len(reference.times_s)) < 3 or end - start < 1.0:
        return alignment
    count = max(1, round((end - start) / options.window_s))
    edges = np.linspace(start, end, count + 1)
    found = []
    for a, b in pairwise(edges.tolist()):
        shift, agreement = _shift(alignment, query, reference, (a, b), options)
        if agreement >= options.least_agreement:
            found.append(((a + b) / 2, shift, agreement))
    return _moved(alignment, np.array(found), options) if found else alignment


def _shift(
    alignment: Alignment, query: Clip, reference: Clip, span: tuple[float, float], options: RefineOptions
) -> tuple[float, float]:
    """Reference seconds to add to the line on a stretch, and the correlation of change with it."""
    times = np.arange(span[0], span[1], GRID_S)
    reach = round(options.search_s / (alignment.speed * GRID_S))
    wide = span[0] + GRID_S * np.arange(-reach, len(times) + reach, dtype=np.float64)
    line = alignment.reference_start_s + alignment.speed * (wide - alignment.query_start_s)
    ours, theirs = _relative(change_curve(query, times)), _relative(change_curve(reference, line))
    norm = np.sqrt(np.correlate(theirs**2, np.ones(len(ours)), "valid") * float((ours**2).sum()))
    agreement = np.correlate(theirs, ours, "valid") / np.maximum(norm, 1e-9)
    best = int(np.argmax(agreement))
    offset = float(best - reach)
    if 0 < best < len(agreement) - 1:
        before, at, after = agreement[best - 1 : best + 2]
        offset += 0.5 * float((before - after) / min(-1e-9, before - 2 * at + after))
    return offset * GRID_S * alignment.speed, float(agreement[best])


def _relative(curve: FloatArray) -> FloatArray:
    """A curve less its moving mean, 0 where unknown."""
    known = np.isfinite(curve)
    filled = np.where(known, curve, 0.0)
    box = np.ones(2 * round(SMOOTHING_S / GRID_S) + 1)
    pad = len(box) // 2
    total = np.convolve(np.pad(filled, pad), box, "valid")
    count = np.convolve(np.pad(known.astype(np.float64), pad), box, "valid")
    return np.asarray(np.where(known, filled - total / np.maximum(count, 1.0), 0.0), dtype=np.float64)


def _moved(alignment: Alignment, found: FloatArray, options: RefineOptions) -> Alignment:
    """The alignment on the line through the shifts of its windows; strays are left out."""
    times, shifts, weights = found.T
    usual = float(shifts[np.argsort(shifts)][np.searchsorted(np.cumsum(np.sort(weights)), weights.sum() / 2)])
    near = np.abs(shifts - usual) < 0.3
    times, shifts, weights = times[near], shifts[near], weights[near]
    middle = (alignment.query_start_s + alignment.query_end_s) / 2
    length = alignment.query_end_s - alignment.query_start_s
    slope = 0.0
    centre = float((weights * times).sum() / weights.sum())
    mean = float((weights * shifts).sum() / weights.sum())
    spread = float((weights * (times - centre) ** 2).sum())
    if len(times) >= 3 and spread > 0:
        slope = float((weights * (times - centre) * (shifts - mean)).sum() / spread)
        if abs(alignment.speed + slope - 1.0) * length / 2 < options.same_speed_shift_s:
            slope = 1.0 - alignment.speed
    speed = alignment.speed + slope
    at_middle = alignment.reference_start_s + alignment.speed * (middle - alignment.query_start_s)
    at_middle += mean + slope * (middle - centre)
    return _between(
        replace(alignment, speed=speed, reference_start_s=at_middle, query_start_s=middle),
        alignment.query_start_s,
        alignment.query_end_s,
    )


def _between(alignment: Alignment, start_s: float, end_s: float) -> Alignment:
    """The line of an alignment between other query times, kept at or above reference time 0."""
    line = alignment.reference_start_s - alignment.speed * alignment.query_start_s
    start_s = max(start_s, -line / alignment.speed)
    end_s = max(start_s, end_s)
    return replace(
        alignment,
        query_start_s=start_s,
        query_end_s=end_s,
        reference_start_s=max(0.0, line + alignment.speed * start_s),
        reference_end_s=max(0.0, line + alignment.speed * end_s),
    )


def _with_ends(
    alignments: list[Alignment], query: Clip, reference: Clip, options: RefineOptions
) -> list[Alignment]:
    """Ends moved to the frame between what is like the reference and what is not."""
    likenesses = [Likeness.learn(a, query, reference) for a in alignments]
    ends: list[tuple[float, float]] = []
    for i, (alignment, likeness) in enumerate(zip(alignments, likenesses, strict=True)):
        low = alignments[i - 1].query_end_s if i else -np.inf
        high = alignments[i + 1].query_start_s if i + 1 < len(alignments) else np.inf
        if likeness is None:
            ends.append((alignment.query_start_s, alignment.query_end_s))
            continue
        ends.append(_own_ends(alignment, likeness, query, (low, high), options))
    for i in range(len(alignments) - 1):
        ends[i], ends[i + 1] = _met(ends[i], ends[i + 1], likenesses[i], likenesses[i + 1], query)
    return [_between(a, *e) for a, e in zip(alignments, ends, strict=True)]


def _own_ends(
    alignment: Alignment,
    likeness: Likeness,
    query: Clip,
    limits: tuple[float, float],
    options: RefineOptions,
) -> tuple[float, float]:
    """Where the frames stop being like the reference, searched outwards from the sure middle."""
    start, end = alignment.query_start_s, alignment.query_end_s
    core_start, core_end = likeness.core_s
    # a neighbour may have taken what belongs here: both are weighed against each other later
    low = max(start - options.reach_s, min(limits[0], start) - 2 * options.search_s)
    high = min(end + options.reach_s, max(limits[1], end) + 2 * options.search_s)
    after, before = query.between(core_end, high), query.between(low, core_start)
    if len(after):
        kept = _stop(likeness, query, after, after, end)
        end = query.end_of(int(after[kept - 1])) if kept else core_end
    if len(before):
        kept = _stop(likeness, query, before[::-1], before[::-1] + 1, start)
        start = float(query.times_s[before[len(before) - kept]]) if kept else core_start
    end_of_clip = query.end_of(len(query.times_s) - 1)
    if alignment.query_end_s > end >= end_of_clip - LAST_FRAME_S:
        end = alignment.query_end_s
    if alignment.query_start_s < start <= float(query.times_s[0]) + LAST_FRAME_S:
        start = alignment.query_start_s
    return start, max(start, end)


def _stop(likeness: Likeness, query: Clip, frames: IntArray, edges: IntArray, guess_s: float) -> int:
    """How many of these frames, counted from the middle outwards, belong to the stretch.

    Args:
        likeness: of the stretch.
        query: the clip.
        frames: at least one, outwards.
        edges: the frame that changes if the stretch ends before each of `frames`.
        guess_s: where the end was thought to be.
    """
    shown = np.array([query.end_of(int(f)) for f in frames]) - query.times_s[frames]
    odds = likeness.odds(frames) * np.minimum(1.0, shown / MOMENT_S)
    prior = np.append(np.where(likeness.own_cuts(edges), OWN_CUT, NO_CUT), NO_CUT)
    outermost = int(frames[-1]) in (0, len(query.times_s) - 1)
    if outermost:
        prior[-1] = 0.0
    near = int(np.argmin(np.abs(query.times_s[edges] - guess_s)))
    prior[near] = max(prior[near], GUESS)
    return int(np.argmax(np.append(0.0, np.cumsum(odds)) + prior))


def _met(
    before: tuple[float, float],
    after: tuple[float, float],
    ours: Likeness | None,
    theirs: Likeness | None,
    query: Clip,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Two neighbours that overlap, cut at the frame from which on the later one fits better."""
    if before[1] <= after[0]:
        return before, after
    meet = (before[1] + after[0]) / 2
    if ours is not None and theirs is not None:
        shared = query.between(max(before[0], after[0]), min(before[1], after[1]))
        if len(shared):
            gain = np.append(0.0, np.cumsum(ours.odds(shared) - theirs.odds(shared)))
            kept = int(np.argmax(gain))
            meet = float(query.times_s[shared[kept]]) if kept < len(shared) else before[1]
    meet = min(max(meet, before[0]), after[1])
    return (before[0], meet), (meet, after[1])

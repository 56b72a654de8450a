"""Short stretches of an alignment that show another moment nearby: a second shown again, a second moved.

Signatures of every frame of both clips and a line go in; the line comes out in pieces, those in between
moved to the moment that they show. Frames within a shot look much alike, so the search and the alignment
pass over a repeated second; what tells is that for a run of frames one other moment fits as well as the line
fits elsewhere, and the line does not. Where nothing moves both fit and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.align_likeness import Clip, mirror
from vidforensics.tracing.align_pieces import LEAST_PIECE_S, part, shifted
from vidforensics.types import Alignment

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, IntArray

_BLOCK_FRAMES = 256


@dataclass(frozen=True, slots=True)
class JumpOptions:
    """When a run of frames shows another moment.

    reach_s: how far that moment may lie from the line, reference seconds. least_jump_s: how far it must.
    on_line_s: a frame fits the line if the reference fits it this near. least_s: of the query, shorter
    runs are left. around_s: how well a line fits usually is asked this far to either side. greatest_cost:
    of one frame, and switch_cost of leaving the line and coming back, log odds. noise: squared
    distance of unit pictures below which nothing is told.
    """

    reach_s: float = 10.0
    least_jump_s: float = 0.2
    on_line_s: float = 0.1
    least_s: float = 0.6
    around_s: float = 3.0
    greatest_cost: float = 4.0
    switch_cost: float = 10.0
    noise: float = 2e-5


@dataclass(frozen=True, slots=True)
class Jump:
    """Query frames `first` to before `last` show the reference `by_s` later than the line says."""

    first: int
    last: int
    by_s: float


def without_jumps(
    alignment: Alignment, query: Clip, reference: Clip, options: JumpOptions | None = None
) -> tuple[Alignment, ...]:
    """The alignment in pieces, each on the line of what it shows.

    Args:
        alignment: exact to the frame, see `align_refine`.
        query: every frame of the query.
        reference: frames of the reference, at least those of the alignment.
        options: see `JumpOptions`.

    Returns:
        Pieces in the order of the query, together as long as the alignment; it alone where nothing jumps.
    """
    options = options or JumpOptions()
    frames = query.between(alignment.query_start_s, alignment.query_end_s)
    if alignment.modality == "sound" or len(frames) < 3 or len(reference.times_s) < 3:
        return (alignment,)
    pieces, done_s = [], alignment.query_start_s
    for jump in _jumps(_Line(alignment, query, reference, frames), options):
        start_s, end_s = float(query.times_s[frames[jump.first]]), query.end_of(int(frames[jump.last - 1]))
        left_s = min(start_s - done_s, alignment.query_end_s - end_s)
        if end_s - start_s >= options.least_s and left_s >= LEAST_PIECE_S:
            moved = shifted(part(alignment, start_s, end_s), jump.by_s)
            pieces += [part(alignment, done_s, start_s), moved]
            done_s = end_s
    return (*pieces, part(alignment, done_s, alignment.query_end_s)) if pieces else (alignment,)


@dataclass(frozen=True, slots=True)
class _Line:
    """Frames of the query and where a line puts them in the reference."""

    alignment: Alignment
    query: Clip
    reference: Clip
    frames: IntArray

    @property
    def times_s(self) -> FloatArray:
        return self.query.times_s[self.frames]

    def pictures(self) -> Float32Array:
        pictures = self.query.pictures[self.frames]
        if self.alignment.mirrored:
            pictures = pictures * mirror(pictures.shape[1]).astype(np.float32)
        return np.asarray(pictures, dtype=np.float32)

    def distances(self, reach: int) -> Iterator[Float32Array]:
        """Squared distances to the named frame and `reach` frames either way, (n, 2·reach + 1) a block.

        Frames that the reference does not have are infinitely far.
        """
        theirs, ours = self.reference.pictures, self.pictures()
        a, count = self.alignment, len(self.reference.times_s)
        named = self.reference.nearest(a.reference_start_s + a.speed * (self.times_s - a.query_start_s))
        for start in range(0, len(ours), _BLOCK_FRAMES):
            block, at = ours[start : start + _BLOCK_FRAMES], named[start : start + _BLOCK_FRAMES]
            low, high = max(0, int(at.min()) - reach), min(count, int(at.max()) + reach + 1)
            part_of = theirs[low:high]
            squares = (block**2).sum(axis=1)[:, None] + (part_of**2).sum(axis=1)[None, :]
            apart = np.maximum(squares - 2.0 * block @ part_of.T, 0.0)
            column = at[:, None] + np.arange(-reach, reach + 1)[None, :] - low
            known = (column >= 0) & (column < high - low)
            row = np.arange(len(block))[:, None]
            yield np.where(known, apart[row, np.where(known, column, 0)], np.float32(np.inf))


def _jumps(line: _Line, options: JumpOptions) -> list[Jump]:
    """The likeliest runs off the line, by dynamic programming over the line and every moment beside it."""
    step_s = float(np.median(np.diff(line.reference.times_s)))
    reach = max(1, int(options.reach_s / step_s))
    away_s = np.arange(-reach, reach + 1, dtype=np.float64) * step_s
    near, beside = np.abs(away_s) <= options.on_line_s + 1e-6, np.abs(away_s) >= options.least_jump_s - 1e-6
    fits = np.concatenate([block[:, near].min(axis=1) for block in line.distances(reach)])
    scale = 4.0 * np.maximum(_usual(line.times_s, fits, options), options.noise)
    held = _held(line, scale)
    leave = options.switch_cost + log(len(away_s))
    on, off, entered = 0.0, np.full(len(away_s), np.inf), np.zeros(len(away_s), np.int64)
    back: list[tuple[int, int] | None] = []
    for row in (row for block in line.distances(reach) for row in block):
        at = len(back)
        enter = on + leave < off
        off, entered = np.where(enter, on + leave, off), np.where(enter, at, entered)
        if not held[at]:
            off = off + np.minimum(row / scale[at], options.greatest_cost)
            on += min(float(fits[at] / scale[at]), options.greatest_cost)
        off = np.where(beside, off, np.inf)
        best = int(np.argmin(off))
        returns = float(off[best]) + options.switch_cost < on
        back.append((int(entered[best]), best) if returns else None)
        on = float(off[best]) + options.switch_cost if returns else on
    return _followed(back, away_s)


def _followed(back: list[tuple[int, int] | None], away_s: FloatArray) -> list[Jump]:
    """The runs of the cheapest way, from where it came back to the line after each frame."""
    done: list[Jump] = []
    at = len(back) - 1
    while at >= 0:
        came = back[at]
        if came is None:
            at -= 1
        else:
            done.append(Jump(came[0], at + 1, float(away_s[came[1]])))
            at = came[0] - 1
    return done[::-1]


def _usual(times_s: FloatArray, fits: FloatArray, options: JumpOptions) -> FloatArray:
    """How well the line usually fits around each frame."""
    usual = np.empty(len(fits))
    for at, time_s in enumerate(times_s):
        low, high = np.searchsorted(times_s, (time_s - options.around_s, time_s + options.around_s))
        usual[at] = np.median(fits[low:high])
    return usual


def _held(line: _Line, scale: FloatArray) -> BoolArray:
    """Whether each frame is the one before shown on, which tells nothing about the moment."""
    pictures = line.pictures()
    steps = ((pictures[1:] - pictures[:-1]) ** 2).sum(axis=1)
    return np.append(False, steps < scale[1:] / 4.0)

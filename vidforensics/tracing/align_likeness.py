"""Whether a frame of the query shows the reference at the moment that a line names.

Signatures of both clips and a line go in, log likelihood ratios per frame come out. What "alike" means is
learnt from the pair itself: frames in the sure middle of the stretch against the reference at the named
moment (alike) and at other moments (not). Three measures are asked: correlation of the pictures, that after
the best linear map between them (which undoes crops, borders and the like as far as low frequencies go), and
agreement of how much both change. A measure that cannot tell the two kinds apart adds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Alignment

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray, IntArray, ShortArray

UNITS_PER_LEVEL = 64.0
ROWS, COLUMNS = 8, 16
"""Layout of a signature: rows of horizontal frequencies, see `features.frame_series`."""
LEAST_CHANGE = 2.0
"""Levels RMS per second added to every change: less is noise of coding."""
CORE_MARGIN_S, CORE_SHARE, LEAST_CORE = 2.0, 0.2, 12
"""The middle leaves out this much at each end, at most that share of the stretch; frames it needs."""
OTHER_MOMENTS_S = 1.5
CUT = 1.2
"""A frame that changes this much more than those nearby (natural logarithm) is a cut."""
NEARBY_S = 1.0
_MOST_FRAMES, _OTHERS, _BINS, _COMPONENTS = 400, 3, 8, 12
_GREATEST_ODDS = 2.0


class Clip:
    """Frames of one clip as they are compared here.

    times_s float64 (N,); pictures float32 (N, K − 1), levels without mean brightness, each of length 1;
    change float64 (N,), log of levels RMS per second into each frame, that of the first as of the second;
    jump float64 (N,), the same less its median nearby.
    """

    def __init__(self, times_s: FloatArray, signatures: ShortArray) -> None:
        times = np.asarray(times_s, dtype=np.float64)
        if signatures.ndim != 2 or len(times) != len(signatures):
            raise ValueError("as many times as signatures are needed")
        if len(times) > 1 and not (np.diff(times) > 0).all():
            raise ValueError("frame times must ascend")
        levels = signatures[:, 1:].astype(np.float32) / np.float32(UNITS_PER_LEVEL)
        self.times_s = times
        self.change = np.zeros(len(times))
        if len(times) > 1:
            steps = np.sqrt(((levels[1:] - levels[:-1]) ** 2).sum(axis=1))
            into = np.log(steps / np.diff(times) + LEAST_CHANGE)
            self.change = np.append(into[:1], into)
        self.jump = self.change - _usual(self.times_s, self.change)
        length = np.sqrt((levels**2).sum(axis=1, keepdims=True))
        self.pictures = levels / np.maximum(length, np.float32(0.5))

    def between(self, start_s: float, end_s: float) -> IntArray:
        """Numbers of the frames in [start_s, end_s)."""
        low, high = np.searchsorted(self.times_s, [start_s - 1e-9, end_s - 1e-9])
        return np.arange(low, high)

    def nearest(self, at_s: FloatArray) -> IntArray:
        """Numbers of the frames nearest to given times."""
        right = np.clip(np.searchsorted(self.times_s, at_s), 1, max(1, len(self.times_s) - 1))
        left = right - 1
        right = np.minimum(right, len(self.times_s) - 1)
        nearer = at_s - self.times_s[left] <= self.times_s[right] - at_s
        return np.asarray(np.where(nearer, left, right), dtype=np.int64)

    def end_of(self, number: int) -> float:
        """When a frame leaves the screen: at the next, or after the usual step."""
        if number + 1 < len(self.times_s):
            return float(self.times_s[number + 1])
        usual = float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.0
        return float(self.times_s[number]) + usual


def _usual(times_s: FloatArray, values: FloatArray) -> FloatArray:
    """Median of the values around each, over about NEARBY_S to either side."""
    if len(times_s) < 3:
        return values
    step = max(1e-3, float(np.median(np.diff(times_s))))
    half = int(min(60, max(2, NEARBY_S / step)))
    padded = np.pad(values, half, mode="reflect" if len(values) > half else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Map:
    """Linear map between the chief components of two clips' pictures: (K, C) each, across (C, C)."""

    ours: FloatArray
    theirs: FloatArray
    across: FloatArray

    def correlation(self, query: FloatArray, reference: FloatArray) -> FloatArray:
        seen, expected = query @ self.ours, (reference @ self.theirs) @ self.across
        norm = np.sqrt((seen**2).sum(axis=1) * (expected**2).sum(axis=1))
        return np.asarray((seen * expected).sum(axis=1) / np.maximum(norm, 1e-6), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Odds:
    """Log likelihood ratio of a measure by its quantile bin: edges (B − 1,), values (B,)."""

    edges: FloatArray
    values: FloatArray

    def __call__(self, measure: FloatArray) -> FloatArray:
        return np.asarray(self.values[np.searchsorted(self.edges, measure)], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What being alike looks like for one alignment; `core_s` is the stretch that it was learnt from."""

    alignment: Alignment
    query: Clip
    reference: Clip
    core_s: tuple[float, float]
    linear: _Map | None
    tables: tuple[_Odds, ...]

    @classmethod
    def learn(cls, alignment: Alignment, query: Clip, reference: Clip) -> Likeness | None:
        """Learn from the middle of a stretch; None where that is too short or all looks the same."""
        start, end = alignment.query_start_s, alignment.query_end_s
        margin = min(CORE_MARGIN_S, CORE_SHARE * (end - start))
        core = (start + margin, end - margin)
        frames = query.between(*core)
        if len(frames) < LEAST_CORE or len(reference.times_s) < LEAST_CORE:
            return None
        frames = frames[np.unique(np.linspace(0, len(frames) - 1, _MOST_FRAMES).astype(np.int64))]
        plain = cls(alignment, query, reference, core, None, ())
        at_s = plain._named(query.times_s[frames])
        named, elsewhere = reference.nearest(at_s), reference.nearest(_other_moments(at_s, reference.times_s))
        again = np.tile(frames, _OTHERS)
        pairs = list(zip(plain._measures(frames, named), plain._measures(again, elsewhere), strict=True))
        linear, alike = plain._learnt_map(frames, named)
        if linear is not None:
            full = cls(alignment, query, reference, core, linear, ())
            pairs.append((alike, full._measures(again, elsewhere)[-1]))
        return cls(alignment, query, reference, core, linear, tuple(_odds(*p) for p in pairs))

    def odds(self, frames: IntArray) -> FloatArray:
        """Log likelihood ratio that each of these query frames shows the reference as named, (F,).

        A frame for which the reference has none is as unlike as can be.
        """
        at = self._named(self.query.times_s[frames])
        measures = self._measures(frames, self.reference.nearest(at))
        total = sum((t(m) for t, m in zip(self.tables, measures, strict=True)), np.zeros(len(frames)))
        last = self.reference.end_of(len(self.reference.times_s) - 1)
        outside = (at < self.reference.times_s[0] - 0.1) | (at > last + 0.1)
        total = np.where(outside, -_GREATEST_ODDS, np.clip(total, -_GREATEST_ODDS, _GREATEST_ODDS))
        return np.asarray(total, dtype=np.float64)

    def own_cuts(self, frames: IntArray) -> BoolArray:
        """Whether the query cuts into each frame and the reference at that moment does not, bool (F,)."""
        frames = np.clip(frames, 0, len(self.query.times_s) - 1)
        at = self.reference.nearest(self._named(self.query.times_s[frames]))
        last = len(self.reference.jump) - 1
        theirs = np.max([self.reference.jump[np.clip(at + k, 0, last)] for k in (-1, 0, 1)], axis=0)
        return np.asarray((self.query.jump[frames] > CUT) & (theirs < CUT), dtype=bool)

    def _named(self, times_s: FloatArray) -> FloatArray:
        a = self.alignment
        return np.asarray(a.reference_start_s + a.speed * (times_s - a.query_start_s), dtype=np.float64)

    def _pictures(self, frames: IntArray) -> FloatArray:
        pictures: FloatArray = self.query.pictures[frames].astype(np.float64)
        return pictures * mirror(pictures.shape[1]) if self.alignment.mirrored else pictures

    def _measures(self, frames: IntArray, at: IntArray) -> list[FloatArray]:
        ours, theirs = self._pictures(frames), self.reference.pictures[at].astype(np.float64)
        found = [(ours * theirs).sum(axis=1), -np.abs(self.query.change[frames] - self.reference.change[at])]
        if self.linear is not None:
            found.append(self.linear.correlation(ours, theirs))
        return found

    def _learnt_map(self, frames: IntArray, at: IntArray) -> tuple[_Map | None, FloatArray]:
        """The map from all frames, and the likeness it gives each frame when learnt from the other half."""
        ours, theirs = self._pictures(frames), self.reference.pictures[at].astype(np.float64)
        half = len(frames) // 2
        if half < LEAST_CORE:
            return None, np.zeros(0)
        parts = [
            _fit_map(ours[half:], theirs[half:]).correlation(ours[:half], theirs[:half]),
            _fit_map(ours[:half], theirs[:half]).correlation(ours[half:], theirs[half:]),
        ]
        return _fit_map(ours, theirs), np.concatenate(parts)


def _other_moments(named_s: FloatArray, times_s: FloatArray) -> FloatArray:
    """Moments of a clip at least OTHER_MOMENTS_S from the named ones, _OTHERS for each, half of them near."""
    rng = np.random.default_rng(0)
    at = np.tile(named_s, _OTHERS)
    first, last = float(times_s[0]), float(times_s[-1])
    anywhere = rng.uniform(first, last, len(at)) - at
    aside = rng.choice([-1.0, 1.0], len(at)) * rng.uniform(OTHER_MOMENTS_S, 4 * OTHER_MOMENTS_S, len(at))
    shift = np.where(rng.random(len(at)) < 0.5, aside, anywhere)
    shift = np.where((at + shift < first) | (at + shift > last), -shift, shift)
    small = np.abs(shift) < OTHER_MOMENTS_S
    return np.asarray(at + np.where(small, np.copysign(OTHER_MOMENTS_S, shift), shift), dtype=np.float64)


def _fit_map(ours: FloatArray, theirs: FloatArray) -> _Map:
    """Ridge regression between the chief components of both."""
    a, b = _components(ours), _components(theirs)
    x, y = theirs @ b, ours @ a
    ridge = 0.05 * float((x**2).sum()) / max(1, x.shape[1]) + 1e-6
    across = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    return _Map(a, b, across)


def _components(pictures: FloatArray) -> FloatArray:
    """Directions of greatest spread about 0, (K, at most _COMPONENTS)."""
    _, vectors = np.linalg.eigh(pictures.T @ pictures)
    return np.asarray(vectors[:, : -_COMPONENTS - 1 : -1], dtype=np.float64)


def _odds(alike: FloatArray, other: FloatArray) -> _Odds:
    """Bins of equal count over both kinds, with the smoothed log ratio of their shares, never falling."""
    both = np.concatenate([np.repeat(alike, max(1, len(other) // max(1, len(alike)))), other])
    edges = np.unique(np.quantile(both, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = len(edges) + 1
    ours = np.bincount(np.searchsorted(edges, alike), minlength=bins) + 0.5
    theirs = np.bincount(np.searchsorted(edges, other), minlength=bins) + 0.5
    values = np.log(ours / ours.sum()) - np.log(theirs / theirs.sum())
    greatest = math.log(1 + min(len(alike), len(other)))
    rising = np.maximum.accumulate(np.clip(values, -greatest, greatest))
    falling = np.minimum.accumulate(np.clip(values, -greatest, greatest)[::-1])[::-1]
    return _Odds(edges, (rising + falling) / 2)


def mirror(count: int) -> FloatArray:
    """Signs that mirror signatures without their first coefficient left to right."""
    signs = np.where(np.arange(ROWS * COLUMNS) % COLUMNS % 2, -1.0, 1.0)
    return signs[1:] if count == ROWS * COLUMNS - 1 else np.ones(count)

"""Gradual transitions: dissolves, and the two halves of fades.

A run of small planes goes in, ramps come out: stretches in which the picture moves along a straight line
from one picture to another, as a mix of two pictures does and as motion does not. Gradual transitions as a
change that adds up over frames: Zhang, Kankanhalli and Smoliar, "Automatic partitioning of full-motion video"
(1993); the dip of contrast in their middle: Lienhart, "Reliable dissolve detection" (SPIE 2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidforensics.extraction.shots_planes import MotionResidual, Planes, alikeness, difference, texture

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray

RampKind = Literal["out", "in", "mix"]

HALF_WIDTHS = (3, 6, 10, 16, 24)
PARTS = 6
STRAIGHT = 0.75
CHANGE = 5.0
LARGEST_PART = 0.6
REACH = 64
BLANK_CONTRAST = 4.0
PICTURE_CONTRAST = 7.0
EVEN = 0.3

MEASURES = (
    "straightness",
    "change",
    "largest_part",
    "length",
    "mix_residual",
    "weight_error",
    "texture_dip",
    "structure",
    "residual_to_texture",
    "residual_to_inside",
    "outside_to_change",
)


@dataclass(frozen=True, slots=True)
class Ramp:
    """Frames start to end − 1 lie between the picture at start − 1 and the picture at end."""

    start: int
    end: int
    straightness: float
    change: float
    largest_part: float


def find_ramps(planes: Planes, stride: int) -> list[Ramp]:
    """The straight changes of a run, seen at every `stride`-th frame; none overlap, a short run has none."""
    tiny = planes.tiny[::stride]
    hits = _hits(tiny)
    ramps: list[Ramp] = []
    for _, centre, half, straight, change, part in sorted(hits, reverse=True):
        if any(r.start - 1 < centre * stride < r.end + 1 for r in ramps):
            continue
        start, end = _extent(tiny, centre, half)
        if end - start < 2 or any(start * stride < r.end and r.start < end * stride for r in ramps):
            continue
        ramps.append(Ramp(start * stride, min(end * stride, len(planes) - 1), straight, change, part))
    return sorted(ramps, key=lambda r: r.start)


def _hits(tiny: Float32Array) -> list[tuple[float, int, int, float, float, float]]:
    """Straight windows: rank, centre, half width, straightness, change, largest part."""
    found = []
    for half in HALF_WIDTHS:
        centres = np.arange(half, len(tiny) - half)
        if not len(centres):
            break
        offsets = np.round(np.linspace(-half, half, PARTS + 1)).astype(int)
        change = np.linalg.norm(tiny[centres + half] - tiny[centres - half], axis=1)
        maybe = change > CHANGE
        centres, change = centres[maybe], change[maybe]
        parts = np.array(
            [np.linalg.norm(tiny[centres + b] - tiny[centres + a], axis=1) for a, b in pairwise(offsets)]
        )
        path = parts.sum(axis=0) + EVEN
        straight, largest = change / path, parts.max(axis=0, initial=0.0) / path
        for i in np.flatnonzero((straight > STRAIGHT) & (largest < LARGEST_PART)):
            rank = float(straight[i] ** 3 * change[i])
            found.append(
                (rank, int(centres[i]), half, float(straight[i]), float(change[i]), float(largest[i]))
            )
    return found


def _extent(tiny: Float32Array, centre: int, half: int) -> tuple[int, int]:
    """First frame that has left the old picture, and first that has reached the new one."""
    low, high = max(0, centre - half - REACH), min(len(tiny), centre + half + REACH + 1)
    line = tiny[centre + half] - tiny[centre - half]
    progress = (tiny[low:high] - tiny[centre - half]) @ line / float(line @ line)
    pace = np.convolve(np.diff(progress), np.full(3, 1 / 3), mode="same")
    window = slice(centre - half - low, centre + half - low)
    peak = window.start + int(np.argmax(pace[window]))
    still = pace < 0.2 * np.quantile(pace[window], 0.8)
    before, after = np.flatnonzero(still[:peak]), np.flatnonzero(still[peak:])
    first = int(before[-1]) + 1 if len(before) else 0
    last = peak + int(after[0]) if len(after) else len(pace)
    plain = np.diff(progress)
    floor = 0.2 * np.quantile(pace[window], 0.8)
    while first < last - 1 and plain[first] < floor:
        first += 1
    while last > first + 1 and plain[last - 1] < floor:
        last -= 1
    return low + first + 1, low + last


def kind_of(planes: Planes, ramp: Ramp) -> RampKind:
    """Whether a ramp leads to a blank picture, from one, or from picture to picture."""
    before, after = (float(planes.contrast[f]) for f in (ramp.start - 1, min(ramp.end, len(planes) - 1)))
    if after < BLANK_CONTRAST and before > PICTURE_CONTRAST:
        return "out"
    if before < BLANK_CONTRAST and after > PICTURE_CONTRAST:
        return "in"
    return "mix"


def measure(planes: Planes, ramp: Ramp, residual: MotionResidual) -> FloatArray:
    """The measures named in MEASURES, which tell a dissolve from motion and from a change of light."""
    first, last = ramp.start - 1, min(ramp.end, len(planes) - 1)
    length = last - first
    mean = residual.between(planes, first, last)[1]
    before, after = max(0, first - length), min(len(planes) - 1, last + length)
    inside = [residual.between(planes, a, b)[1] for a, b in ((before, first), (last, after)) if a != b]
    outside = [difference(planes, a, b) for a, b in ((before, first), (last, after)) if a != b]
    rough = [float(texture(planes.luma[f]).mean()) for f in (first, last)]
    left, error, dip = _mixing(planes, first, last, rough)
    return np.array(
        [
            ramp.straightness,
            float(np.log(ramp.change)),
            ramp.largest_part,
            float(np.log(max(planes.pts_s[last] - planes.pts_s[first], 1e-2))),
            left,
            error,
            dip,
            1 - alikeness(planes.luma[first], planes.luma[last]),
            float(np.log((mean + EVEN) / (sum(rough) / 2 + 2))),
            float(np.log((mean + EVEN) / (max(inside, default=0.0) + EVEN))),
            float(np.log((max(outside, default=0.0) + EVEN) / (difference(planes, first, last) + EVEN))),
        ]
    )


def _mixing(planes: Planes, first: int, last: int, rough: list[float]) -> tuple[float, float, float]:
    """How badly frames between are mixes of the ends, and off an even pace, and how texture dips."""
    a, b = (planes.luma[f].astype(np.float32) for f in (first, last))
    line = (b - a).ravel()
    length = float(line @ line) + 1e-3 * line.size
    left, error, dip = [], [], []
    for share in (0.25, 0.5, 0.75):
        frame = min(last - 1, max(first + 1, round(first + share * (last - first))))
        offset = (planes.luma[frame] - a).ravel()
        weight = float(offset @ line) / length
        rest = offset - weight * line
        left.append(float(np.sqrt(rest @ rest / length)))
        error.append(abs(weight - (frame - first) / (last - first)))
        usual = rough[0] + share * (rough[1] - rough[0])
        dip.append(float(texture(planes.luma[frame]).mean() + EVEN) / (usual + EVEN))
    return float(np.mean(left)), float(np.max(error)), float(np.log(dip[1]))


def blank_frames(contrast: FloatArray) -> IntArray:
    """Running count of frames that show a picture, (N + 1,): equal at both ends of a wholly blank stretch."""
    return np.concatenate(([0], np.cumsum(contrast >= BLANK_CONTRAST)))

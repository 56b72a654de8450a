"""Hard cuts: which frame is the first of a new shot.

A run of small planes goes in, measures of its candidate frames come out, for a logistic model to read. Both
sides of a boundary are compared with each other and within themselves, through motion and across repeats and
flashes; two-sided windows after Cooper and Foote, "Scene boundary detection via video self-similarity
analysis" (ICIP 2001).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidforensics.extraction.shots_planes import (
    BLOCK_PX,
    MotionResidual,
    Planes,
    alikeness,
    difference,
    distinct_frames,
    histogram,
    steps,
    texture,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray

AROUND = 8
FLASH_S = 0.35
FLASH_FRAMES = 13
GATE_MEDIAN, GATE_NEAR, GATE_STEP = 1.5, 1.05, 0.35
GATE_RETURN = 0.3
RELIT_STRUCTURE, RELIT_STEP = 0.12, 6.0
EVEN = 0.3

MEASURES = (
    "residual_to_inside",
    "step_to_near",
    "step_to_median",
    "step",
    "step_rank",
    "gap",
    "colour",
    "colour_to_inside",
    "returns",
    "lasting",
    "step_to_two",
    "step_to_top",
    "structure",
    "structure_inside",
    "residual_to_texture",
    "broken_blocks",
    "strong_to_inside",
    "changed_blocks",
    "changed_where_still",
)


@dataclass(frozen=True, slots=True)
class Run:
    """Planes with its distinct frames, and the step to each of them from the one before."""

    planes: Planes
    distinct: IntArray
    step: FloatArray

    @classmethod
    def of(cls, planes: Planes) -> Run:
        """Measure the steps of a run and drop its repeats."""
        every = steps(planes)
        keep = distinct_frames(every)
        pairs = pairwise(keep)
        step = [every[b] if b == a + 1 else difference(planes, int(a), int(b)) for a, b in pairs]
        return cls(planes, keep, np.array([0.0, *step][: len(keep)]))


def candidates(run: Run) -> Iterator[int]:
    """Positions in `run.distinct` whose step stands out from the steps around it."""
    step = run.step
    for j in range(1, len(step)):
        if step[j] < GATE_STEP:
            continue
        if _above(step[j], _neighbours(step, j, 1).max(initial=0.0), GATE_NEAR) and _above(
            step[j], _middle(_neighbours(step, j, AROUND)), GATE_MEDIAN
        ):
            yield j


def _above(value: float, other: float, ratio: float) -> bool:
    return bool(value + EVEN > ratio * (other + EVEN))


def _middle(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _neighbours(step: FloatArray, j: int, reach: int) -> FloatArray:
    return np.concatenate((step[max(1, j - reach) : j], step[j + 1 : j + 1 + reach]))


def measure(run: Run, j: int, residual: MotionResidual) -> FloatArray | None:
    """The MEASURES of the boundary before distinct frame j; None for a flash or a change of light."""
    at = run.distinct
    last = len(at) - 1
    l2, l1, r1, r2 = (int(at[min(last, max(0, k))]) for k in (j - 2, j - 1, j, j + 1))
    back = _returns(run, j)
    step = float(run.step[j])
    if back + EVEN < GATE_RETURN * (step + EVEN):
        return None
    shape = _structures(run.planes, (l2, l1, r1, r2))
    if shape[0] < RELIT_STRUCTURE and step > RELIT_STEP:
        return None
    across, mean = residual.between(run.planes, l1, r1)
    inside = [residual.between(run.planes, a, b) for a, b in ((l2, l1), (r1, r2)) if a != b]
    values = _levels(run, j, mean, max((m for _, m in inside), default=mean))
    values += _colours(run.planes, (l2, l1, r1, r2))
    values += [_log(back, step), *_steps_apart(run, j)]
    values += shape
    values += _blocks(across, [m for m, _ in inside], run.planes, r1)
    return np.array(values)


def _log(a: float, b: float) -> float:
    return float(np.log((a + EVEN) / (b + EVEN)))


def _levels(run: Run, j: int, mean: float, inside: float) -> list[float]:
    step = float(run.step[j])
    around = _neighbours(run.step, j, AROUND)
    near = float(_neighbours(run.step, j, 2).max(initial=0.0))
    return [
        _log(mean, inside),
        _log(step, near),
        _log(step, _middle(around)),
        float(np.log(step + EVEN)),
        float((around > step).mean()) if len(around) else 0.0,
        _gap(run, j),
    ]


def _gap(run: Run, j: int) -> float:
    """How much longer than usual the frame before the boundary was shown."""
    frame = int(run.distinct[j])
    apart = np.diff(run.planes.pts_s[max(0, frame - 12) : frame + 12])
    here = run.planes.pts_s[frame] - run.planes.pts_s[frame - 1]
    return float(np.clip(np.log(max(here, 1e-3) / max(_middle(apart), 1e-3)), -3, 3))


def _colours(planes: Planes, frames: tuple[int, int, int, int]) -> list[float]:
    bins = [histogram(planes, f) for f in frames]
    across = float(np.abs(bins[1] - bins[2]).sum())
    inside = max(float(np.abs(bins[0] - bins[1]).sum()), float(np.abs(bins[2] - bins[3]).sum()))
    return [float(np.log(across + 0.02)), float(np.log((across + 0.05) / (inside + 0.05)))]


def _structures(planes: Planes, frames: tuple[int, int, int, int]) -> list[float]:
    l2, l1, r1, r2 = (planes.luma[f] for f in frames)
    return [1 - alikeness(l1, r1), 1 - min(alikeness(l2, l1), alikeness(r1, r2))]


def _blocks(across: Float32Array, inside: list[Float32Array], planes: Planes, frame: int) -> list[float]:
    """How much of the picture changed, how strongly, and whether it changed where it was still."""
    size = (max(1, across.shape[1] // BLOCK_PX), max(1, across.shape[0] // BLOCK_PX))
    new = cv2.resize(across, size, interpolation=cv2.INTER_AREA).ravel()
    old = [cv2.resize(m, size, interpolation=cv2.INTER_AREA).ravel() for m in inside]
    usual = np.maximum.reduce(old) if old else new
    rough = texture(planes.luma[frame])
    detail = cv2.resize(rough, size, interpolation=cv2.INTER_AREA).ravel()
    top = max(1, len(new) // 10)
    still = usual <= np.median(usual)
    return [
        float(np.log((new.mean() + EVEN) / (rough.mean() + 2))),
        float((new > 0.8 * detail + 1.5).mean()),
        _log(float(np.sort(new)[-top:].mean()), float(np.sort(usual)[-top:].mean())),
        float((new > 2 * usual + 1.5).mean()),
        _log(float(np.median(new[still])), float(np.median(usual[still]))),
    ]


def _steps_apart(run: Run, j: int) -> list[float]:
    """Whether the change lasts, and how it compares with two steps of motion and with the largest step."""
    at, last, step = run.distinct, len(run.distinct) - 1, float(run.step[j])
    l3, l1, r1, r3 = (int(at[min(last, max(0, k))]) for k in (j - 3, j - 1, j, j + 2))
    two = max(difference(run.planes, l3, l1), difference(run.planes, r1, r3))
    top = float(_neighbours(run.step, j, 2 * AROUND).max(initial=0.0))
    return [_log(difference(run.planes, l3, r3), step), _log(step, two), _log(step, top)]


def _returns(run: Run, j: int) -> float:
    """The least difference between a frame before and one soon after.

    A flash, a broken frame or something passing by goes back to what was there before.
    """
    at, times = run.distinct, run.planes.pts_s
    l1, r1 = int(at[j - 1]), int(at[j])
    best = float(run.step[j])
    usual = _middle(np.diff(times[max(0, l1 - AROUND) : r1 + AROUND + 1]))
    reach = times[r1] + max(FLASH_S, 3.5 * usual)
    after = [int(f) for f in at[j + 1 : j + 1 + FLASH_FRAMES] if times[f] <= reach]
    for before in at[max(0, j - 3) : j]:
        for frame in after:
            best = min(best, difference(run.planes, int(before), frame))
    return best

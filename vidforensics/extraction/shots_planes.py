"""Small planes of every frame, and the ways in which two of them are compared.

Frame blocks go in; out come a run of small planes, the step from each frame to the next, and distances that
see through motion, brightness and texture. Motion is taken out by dense inverse search (Kroeger et al., "Fast
optical flow using dense inverse search", ECCV 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vidforensics.types import FrameBlock

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray, IntArray

SMALL_SIDE_PX = 80
TINY_LUMA = (12, 8)
TINY_CHROMA = (6, 4)
CHROMA_WEIGHT = 2.0
FLOW_SIDE_PX = 16
BLOCK_PX = 8
REPEAT_REACH = 6
REPEAT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Planes:
    """A run of N consecutive frames, small: luma uint8 (N, h, w), chroma uint8 (N, 2, h', w').

    tiny is float32 (N, D), so scaled that a distance of two rows is in grey levels; contrast is float64 (N,),
    the deviation of tiny luma; pts_s is float64 (N,).
    """

    pts_s: FloatArray
    luma: ByteArray
    chroma: ByteArray
    tiny: Float32Array
    contrast: FloatArray

    def __len__(self) -> int:
        return len(self.pts_s)

    def part(self, start: int, end: int) -> Planes:
        """Frames start to end − 1, as copies that keep nothing else alive."""
        cut = slice(start, end)
        return Planes(
            self.pts_s[cut].copy(),
            self.luma[cut].copy(),
            self.chroma[cut].copy(),
            self.tiny[cut].copy(),
            self.contrast[cut].copy(),
        )

    def then(self, other: Planes) -> Planes:
        """This run followed by another of the same clip."""
        return Planes(
            np.concatenate((self.pts_s, other.pts_s)),
            np.concatenate((self.luma, other.luma)),
            np.concatenate((self.chroma, other.chroma)),
            np.concatenate((self.tiny, other.tiny)),
            np.concatenate((self.contrast, other.contrast)),
        )


def shrink(block: FrameBlock) -> Planes:
    """Frames area-averaged to a longer side of about 80 samples; an empty block gives an empty run."""
    factor = max(1, round(max(block.luma.shape[1:]) / SMALL_SIDE_PX))
    luma = _reduce(block.luma, factor)
    count, _, height, width = block.chroma.shape
    flat = _reduce(block.chroma.reshape(2 * count, height, width), factor)
    chroma = flat.reshape(count, 2, *flat.shape[1:])
    tiny_luma = _resize(luma, TINY_LUMA).reshape(count, -1)
    tiny_chroma = _resize(flat, TINY_CHROMA).reshape(count, -1)
    scale = np.float32(1 / np.sqrt(tiny_luma.shape[1]))
    tiny = np.hstack((tiny_luma * scale, tiny_chroma * (np.float32(np.sqrt(CHROMA_WEIGHT)) * scale)))
    contrast = tiny_luma.std(axis=1, dtype=np.float64)
    return Planes(np.asarray(block.pts_s, dtype=np.float64), luma, chroma, tiny, contrast)


def _reduce(planes: ByteArray, factor: int) -> ByteArray:
    height, width = (max(1, side // factor) for side in planes.shape[1:])
    if factor == 1:
        return planes.copy()
    rows, columns = min(height * factor, planes.shape[1]), min(width * factor, planes.shape[2])
    out = np.empty((len(planes), height, width), np.uint8)
    for plane, small in zip(planes, out, strict=True):
        small[:] = cv2.resize(plane[:rows, :columns], (width, height), interpolation=cv2.INTER_AREA)
    return out


def _resize(planes: ByteArray, size: tuple[int, int]) -> Float32Array:
    out = np.empty((len(planes), size[1], size[0]), np.float32)
    for plane, small in zip(planes, out, strict=True):
        small[:] = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return out


def difference(planes: Planes, a: int, b: int) -> float:
    """Mean absolute difference of two frames in grey levels, chroma counted twice."""
    luma = cv2.norm(planes.luma[a], planes.luma[b], cv2.NORM_L1) / planes.luma[a].size
    chroma = cv2.norm(planes.chroma[a], planes.chroma[b], cv2.NORM_L1) / planes.chroma[a].size
    return float(luma + CHROMA_WEIGHT * chroma)


def steps(planes: Planes) -> FloatArray:
    """The difference of each frame to the one before, (N,); the first is 0."""
    return np.array([0.0] + [difference(planes, i, i - 1) for i in range(1, len(planes))])


def histogram(planes: Planes, frame: int) -> Float32Array:
    """Shares of 32 luma and twice 32 chroma levels, (96,), each third summing to 1."""
    luma, chroma = planes.luma[frame], planes.chroma[frame]
    parts = [cv2.calcHist([luma], [0], None, [32], [0, 256]).ravel() / luma.size]
    parts += [cv2.calcHist([plane], [0], None, [32], [64, 192]).ravel() / plane.size for plane in chroma]
    return np.concatenate(parts)


def texture(luma: ByteArray) -> Float32Array:
    """Absolute deviation of each sample from the mean around it."""
    plane = luma.astype(np.float32)
    return np.asarray(np.abs(plane - cv2.blur(plane, (BLOCK_PX, BLOCK_PX))))


def alikeness(luma_a: ByteArray, luma_b: ByteArray) -> float:
    """Correlation of the fine structure of two frames, −1 to 1, whatever their brightness."""
    a, b = (plane.astype(np.float32) for plane in (luma_a, luma_b))
    a, b = a - cv2.blur(a, (9, 9)), b - cv2.blur(b, (9, 9))
    noise = 1e-3 * a.size
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + noise))


class MotionResidual:
    """What is left of the difference of two frames when motion is taken out."""

    def __init__(self) -> None:
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(1)
        self._grids: dict[tuple[int, int], tuple[Float32Array, Float32Array]] = {}

    def between(self, planes: Planes, a: int, b: int) -> tuple[Float32Array, float]:
        """The luma residual of frame b from frame a, (h, w), and its mean with chroma, in grey levels."""
        luma_a, luma_b = planes.luma[a], planes.luma[b]
        if min(luma_a.shape) < FLOW_SIDE_PX:
            return cv2.absdiff(luma_a, luma_b).astype(np.float32), difference(planes, a, b)
        flow = self._flow.calc(luma_b, luma_a, None)
        rest = cv2.absdiff(self._warp(luma_a, flow), luma_b).astype(np.float32)
        return rest, float(rest.mean()) + CHROMA_WEIGHT * self._chroma(planes, a, b, flow)

    def _chroma(self, planes: Planes, a: int, b: int, flow: Float32Array) -> float:
        height, width = planes.chroma.shape[2:]
        small = np.float32(width / flow.shape[1]) * np.asarray(cv2.resize(flow, (width, height)), np.float32)
        pairs = zip(planes.chroma[a], planes.chroma[b], strict=True)
        left = sum(float(cv2.norm(self._warp(p, small), q, cv2.NORM_L1)) for p, q in pairs)
        return left / float(planes.chroma[a].size)

    def _warp(self, plane: ByteArray, flow: Float32Array) -> ByteArray:
        shape = (flow.shape[0], flow.shape[1])
        if shape not in self._grids:
            rows, columns = np.indices(shape, dtype=np.float32)
            self._grids[shape] = (columns, rows)
        columns, rows = self._grids[shape]
        where = (columns + flow[..., 0], rows + flow[..., 1])
        warped = cv2.remap(plane, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, dtype=np.uint8)


def distinct_frames(step: FloatArray) -> IntArray:
    """Indices of the frames that are not repeats of the one before, as pulldown and padded rates make them.

    A repeat moves far less than all but the largest step around it, so a re-encoded repeat counts and a still
    scene does not. Frames next to a step that towers over its surroundings stay: they are what a cut is
    judged by. The first frame is always distinct; no frames give none.
    """
    if len(step) < 2:
        return np.arange(len(step), dtype=np.int64)
    padded = np.pad(step[1:], REPEAT_REACH)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * REPEAT_REACH + 1)
    ranked = np.sort(around, axis=1)
    keep = np.concatenate(([True], step[1:] >= REPEAT_SHARE * ranked[:, -2]))
    towering = np.flatnonzero(step[1:] > 4 * ranked[:, -3] + 1) + 1
    keep[towering - 1] = True
    keep[np.minimum(towering + 1, len(keep) - 1)] = True
    return np.flatnonzero(keep)

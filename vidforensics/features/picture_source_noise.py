"""Noise of one frame, in space and against the next frame, block by block.

Planes go in, log2 quantiles over blocks of 16×16 come out, at three scales: a picture that was enlarged has
less noise at the finest scale than at the next. Source: Immerkær, Fast noise variance estimation (1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.quantiles import quantile, quantiles

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array

NOISE_NAMES = (
    *(f"noise_{scale}_{q}" for scale in (1, 2, 4) for q in (10, 25, 50, 90)),
    *(f"noise_flat_{scale}" for scale in (1, 2)),
    *(f"noise_{tone}" for tone in ("dark", "middle", "bright")),
    *(f"noise_step_{kind}" for kind in ("flat", "textured")),
    *(f"noise_{plane}_{q}" for plane in ("cb", "cr") for q in (25, 50)),
    *(f"noise_{plane}_coarse" for plane in ("cb", "cr")),
)
STILL_NAMES = ("still_10", "still_25", "still_50", "still_share", "still_to_noise")
SIDE = 16
FLOOR = 0.03
_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_SCALE = float(np.sqrt(np.pi / 2) / 6)
_QUANTILES = (0.10, 0.25, 0.50, 0.90)
_DARK, _BRIGHT = 12.0, 243.0
_TONES = ((_DARK, 85.0), (85.0, 150.0), (150.0, _BRIGHT))
_LEAST_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Scales:
    """One luma plane at three sizes, with what several measurements ask of it.

    luma, half, quarter: float32, 0 to 255. means, noise: of every whole block of the luma, levels and log2 of
    levels.
    """

    luma: Float32Array
    half: Float32Array
    quarter: Float32Array
    means: Float32Array
    noise: Float32Array

    @classmethod
    def of(cls, luma: Float32Array) -> Scales:
        """Halve the plane twice and measure its blocks."""
        half = halved(luma)
        return cls(luma, half, halved(half), block_means(luma, SIDE), _noise(luma, SIDE))

    @property
    def usable(self) -> BoolArray:
        """Which whole blocks are neither black nor blown out, bool (h // SIDE, w // SIDE)."""
        usable: BoolArray = (self.means > _DARK) & (self.means < _BRIGHT)
        return usable


def noise_values(scales: Scales, chroma: tuple[Float32Array, ...]) -> Float32Array:
    """Noise of one frame, float32 (len(NOISE_NAMES),), log2 of levels; NaN where there is none to measure.

    Args:
        scales: of its luma.
        chroma: Cb and Cr, or nothing.
    """
    means, fine, usable = scales.means, scales.noise, scales.usable
    coarse = _noise(scales.half, SIDE // 2)[: fine.shape[0], : fine.shape[1]]
    coarsest = _noise(scales.quarter, SIDE // 4)[: fine.shape[0], : fine.shape[1]]
    if usable.sum() < 8:
        return np.full(len(NOISE_NAMES), np.nan, np.float32)
    rows, columns = coarsest.shape
    usable, fine, coarse = usable[:rows, :columns], fine[:rows, :columns], coarse[:rows, :columns]
    one, two, four, tone = fine[usable], coarse[usable], coarsest[usable], means[:rows, :columns][usable]
    limits = quantiles(two, (0.3, 0.8))
    flat, rough = two <= np.float32(limits[0]), two >= np.float32(limits[1])
    values = [v for x in (one, two, four) for v in quantiles(x, _QUANTILES)]
    values += [quantile(one[flat], 0.5), quantile(two[flat], 0.5)]
    values += [_quiet(one[(tone >= low) & (tone < high)], len(one)) for low, high in _TONES]
    values += [quantile((one - two)[part], 0.5) for part in (flat, rough)]
    values += _chroma_noise(chroma)
    return np.array(values, np.float32)


def stillness_values(now: Scales, behind: Float32Array) -> Float32Array:
    """Change to the frame behind, float32 (len(STILL_NAMES),): what is left where nothing moves."""
    import cv2

    change = block_means(np.asarray(cv2.absdiff(behind, now.luma), np.float32), SIDE)
    low, middle, high = quantiles(np.log2(change + FLOOR), (0.10, 0.25, 0.50))
    return np.array(
        [low, middle, high, (change < 0.05).mean(), middle - quantile(now.noise, 0.25)], np.float32
    )


def block_means(plane: Float32Array, side: int) -> Float32Array:
    """Means of whole blocks, float32 (h // side, w // side)."""
    import cv2

    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = np.ascontiguousarray(plane[: rows * side, : columns * side])
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.float32).reshape(
        rows, columns
    )


def halved(plane: Float32Array) -> Float32Array:
    """The plane at half the size, 2×2 means."""
    return block_means(plane, 2)


def _noise(plane: Float32Array, side: int) -> Float32Array:
    """Log2 of the noise of every block, levels."""
    import cv2

    residual = np.asarray(
        cv2.filter2D(plane, cv2.CV_32F, _MASK, borderType=cv2.BORDER_REFLECT_101), np.float32
    )
    np.abs(residual, out=residual)  # in place, as fresh megabytes cost page faults
    return np.asarray(np.log2(block_means(residual, side) * _SCALE + FLOOR), np.float32)


def _quiet(levels: Float32Array, of: int) -> float:
    """Lower quartile of the noise of blocks of one tone; NaN where there are few."""
    return quantile(levels, 0.25) if len(levels) >= max(6, _LEAST_SHARE * of) else float("nan")


def _chroma_noise(chroma: tuple[Float32Array, ...]) -> list[float]:
    if len(chroma) != 2 or min(min(p.shape) for p in chroma) < 2 * SIDE:
        return [float("nan")] * 6
    fine = [_noise(plane, SIDE // 2) for plane in chroma]
    coarse = [_noise(halved(plane), SIDE // 4) for plane in chroma]
    values = [v for x in fine for v in quantiles(x, (0.25, 0.50))]
    return values + [quantile(x, 0.5) for x in coarse]

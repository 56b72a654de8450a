"""Colour and levels of one frame: black and white level, white balance, saturation, gaps in the histogram.

Planes go in, levels in 0 to 255 and shares come out. They follow the scene as well as the camera, so they
speak less for themselves than noise and spectrum do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidforensics.features.quantiles import quantiles

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, IntArray

COLOUR_NAMES = (
    "black",
    "dark",
    "median",
    "bright",
    "white",
    "clipped_black",
    "clipped_white",
    "contrast",
    "cb",
    "cr",
    "cb_spread",
    "cr_spread",
    "saturation",
    "saturation_high",
    "grey_cb",
    "grey_cr",
    "histogram_gaps",
)
_QUANTILES = (0.005, 0.05, 0.5, 0.95, 0.995)
_GREY = 14.0


def colour_values(luma: Float32Array, chroma: tuple[Float32Array, ...]) -> Float32Array:
    """Colour of one frame, float32 (len(COLOUR_NAMES),); NaN for chroma where there is none."""
    some = np.ascontiguousarray(luma[::2, ::2])
    whole = np.clip(some + np.float32(0.5), 0, 255).astype(np.uint8)
    counts = cv2.calcHist([whole], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    share = np.cumsum(counts) / counts.sum()
    levels = np.searchsorted(share, _QUANTILES).astype(np.float32)
    clipped = [float(share[2]), float(1.0 - share[252])]
    values = [*levels, *np.log2(np.array(clipped) + 1e-3), float(cv2.meanStdDev(some)[1][0, 0])]
    return np.array([*values, *_chroma_values(chroma), _gaps(counts)], np.float32)


def _chroma_values(chroma: tuple[Float32Array, ...]) -> list[float]:
    if len(chroma) != 2:
        return [float("nan")] * 8
    cb, cr = (plane[::2, ::2].ravel() - 128.0 for plane in chroma)
    saturation = np.hypot(cb, cr)
    low, high = quantiles(saturation, (0.2, 0.95))
    grey = saturation <= max(_GREY, low)
    return [
        float(cb.mean()),
        float(cr.mean()),
        float(cb.std()),
        float(cr.std()),
        float(saturation.mean()),
        high,
        float(cb[grey].mean()),
        float(cr[grey].mean()),
    ]


def _gaps(counts: IntArray) -> float:
    """How jagged the histogram is, as stretching of levels leaves it, log2."""
    inside = counts[24:232].astype(np.float64)
    jagged = np.abs(inside[1:-1] - (inside[:-2] + inside[2:]) / 2).sum()
    return float(np.log2((jagged + 1.0) / (inside.sum() + 16.0)))

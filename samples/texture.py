"""Noise and drawing primitives that the rendered scenes share.

Everything here maps a seeded generator and a size to float32 arrays; nothing reads a file.
Fractal noise is spectral synthesis: white noise shaped to a power law in the frequency domain
(Saupe, "Algorithms for random fractals", in The Science of Fractal Images, 1988).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
AnyArray = np.ndarray[Any, Any]

WIDTH_PX, HEIGHT_PX = 640, 360


def fractal_noise(size: tuple[int, int], slope: float, rng: np.random.Generator) -> FloatArray:
    """Tileable noise (height, width), mean 0 and deviation 1, amplitude ∝ frequency ** -slope."""
    height, width = size
    fy = np.fft.fftfreq(height)[:, None] * max(height, width)
    fx = np.fft.rfftfreq(width)[None, :] * max(height, width)
    radius = np.hypot(fy, fx)
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal(size)) / radius**slope
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=size)
    return np.asarray(field / field.std(), np.float32)


def ridge_profile(width: int, slope: float, rng: np.random.Generator) -> FloatArray:
    """A tileable one-dimensional skyline (width,), mean 0 and deviation 1."""
    frequency = np.fft.rfftfreq(width) * width
    frequency[0] = 1.0
    spectrum = np.fft.rfft(rng.standard_normal(width)) / frequency**slope
    spectrum[0] = 0.0
    profile = np.fft.irfft(spectrum, n=width)
    return np.asarray(profile / profile.std(), np.float32)


def wander(rng: np.random.Generator, terms: int, slowest_s: float) -> NDArray[np.float64]:
    """Parameters (terms, 3) of a smooth random path: amplitude, angular speed, phase."""
    speed = 2 * np.pi / slowest_s * (1.0 + np.arange(terms) * rng.uniform(0.7, 1.3, terms))
    amplitude = 1.0 / (1.0 + np.arange(terms)) ** 1.2
    return np.stack([amplitude / amplitude.sum(), speed, rng.uniform(0, 2 * np.pi, terms)], axis=1)


def along(path: NDArray[np.float64], time_s: float) -> float:
    """The value of a `wander` path at a time, within -1 … 1."""
    return float(np.sum(path[:, 0] * np.sin(path[:, 1] * time_s + path[:, 2])))


def smoothstep(low: float | AnyArray, high: float | AnyArray, value: AnyArray) -> FloatArray:
    """The cubic ramp from 0 at `low` to 1 at `high`."""
    x = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def blend(base: AnyArray, over: AnyArray, alpha: AnyArray) -> FloatArray:
    """`over` on `base` by a per-pixel weight (height, width) in 0 … 1."""
    return np.asarray(base + (over - base) * alpha[..., None], np.float32)


def shift(layer: FloatArray, dx_px: float, dy_px: float = 0.0) -> FloatArray:
    """The frame-sized window of a wide, tileable layer that starts `dx_px` from its left edge."""
    matrix = np.array([[1, 0, dx_px % layer.shape[1]], [0, 1, dy_px]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(layer, matrix, (WIDTH_PX, HEIGHT_PX), flags=flags, borderMode=cv2.BORDER_WRAP),
        np.float32,
    )


def colour(*bgr: float) -> FloatArray:
    """A colour from 0 … 255 blue, green, red to 0 … 1."""
    return np.asarray(bgr, np.float32) / 255.0


def bloom(picture: FloatArray, threshold: float, strength: float, radius_px: float) -> FloatArray:
    """Light that spills from bright places, as through a cheap lens."""
    small = cv2.resize(
        np.clip(picture - threshold, 0, None), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA
    )
    glow = cv2.resize(cv2.GaussianBlur(small, (0, 0), radius_px / 4), (picture.shape[1], picture.shape[0]))
    return np.asarray(picture + strength * glow, np.float32)

"""The frames of an earlier AAC coding in decoded sound: at which offset values had been rounded to nought.

AAC transforms sound in frames of 1,024 samples and rounds what it finds. Whoever transforms the decoded sound
again on the very same frames finds more values near nought than on any others, also after a second coding,
if that one was not much coarser. Samples and offsets go in, shares of such values come out.
Source: Yang, Qu & Huang, Exposing MP3 audio forgeries using frame offsets (ACM TOMCCAP 2012), carried over to
the transform of ISO/IEC 14496-3 (AAC, long windows).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.aac_frames import FRAME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, IntArray, ShortArray

WINDOW = 2 * FRAME
FIRST_BIN, LAST_BIN = 8, 392
NEIGHBOURS = 17
NEAR_NOUGHT = 0.1
"""A value counts as rounded to nought where it is below this share of the RMS of its neighbours."""

LEAST_RMS = 1e-3
"""Frames quieter than this, of full scale (−60 dB), show nothing."""

KAISER_ALPHA = 4.0
SURROUNDINGS = 64
MOST_LAG = 64
"""Frames, 1.5 s, over which accidents are followed."""


def near_nought(samples: ShortArray, starts: IntArray) -> Float32Array:
    """Share of values near nought in the transform of each window, float32 (n,); NaN where it is too quiet.

    Args:
        samples: int16 (N,).
        starts: first sample of each window of 2,048; all must fit.
    """
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)
    return _shares(windows[starts])


def at_every_offset(samples: ShortArray, start: int) -> Float32Array:
    """The same of the 1,024 windows that begin at `start` and at each sample behind it, float32 (1024,).

    Args:
        samples: int16 (N,), N ≥ start + 3,071.
        start: first sample of the first window.
    """
    part = samples[start : start + FRAME + WINDOW - 1]
    return _shares(np.lib.stride_tricks.sliding_window_view(part, WINDOW))


def above_neighbours(shares: Float32Array, beside: Float32Array) -> Float32Array:
    """How far shares lie above those at offsets beside theirs, in standard deviations of one window.

    The present coding raises and lowers shares with the offset, but smoothly, so that neighbours tell what is
    usual; the frames of an earlier coding show at one offset and hardly at the next. Plain tones repeat the
    same accident in every frame: where neighbours do so, the deviation counts for that much more.

    Args:
        shares: float32 (F, G), windows in time by offsets.
        beside: float32 (F, G, n ≥ 2), the same windows moved a little.

    Returns:
        float32 (F, G); 0 where a share is not known.
    """
    count = beside.shape[-1]
    middle = beside.mean(axis=-1)
    usual = beside - middle[..., None]
    spread = _spread(usual) * np.sqrt((count + 1) / (count - 1) * _repetition(usual))
    return np.asarray(np.nan_to_num((shares - middle) / max(float(spread), 1e-6)), np.float32)


def above_surroundings(shares: Float32Array) -> Float32Array:
    """The same where all 1,024 offsets were measured, against the 64 around and itself, (F, 1024)."""
    half, known = SURROUNDINGS // 2, np.isfinite(shares)
    sums, counts = (_circular_sums(part, half) for part in (np.nan_to_num(shares), known))
    step = np.where(known, shares - sums / np.maximum(counts, 1.0), np.nan)
    return np.asarray(np.nan_to_num(step / max(_spread(step), 1e-6)), np.float32)


def _circular_sums(values: NDArray[Any], half: int) -> FloatArray:
    """Sums over 2·half + 1 columns around each, the columns closed to a circle, (rows, columns)."""
    padded = np.concatenate([values[:, -half:], values, values[:, :half]], axis=1, dtype=np.float64)
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(padded, axis=1)], axis=1)
    around: FloatArray = sums[:, 2 * half + 1 :] - sums[:, : -2 * half - 1]
    return around


def _spread(usual: NDArray[Any]) -> float:
    known = usual[np.isfinite(usual)]
    return float(np.sqrt(np.mean(known**2, dtype=np.float64))) if len(known) else 1.0


def _repetition(usual: Float32Array) -> float:
    """How many times greater the variance of a sum over frames is than of independent ones, at least 1.

    Source: the sum of autocorrelations, Priestley, Spectral analysis and time series (1981).
    """
    values = np.nan_to_num(usual).reshape(len(usual), -1)
    power = float(np.einsum("ij,ij->", values, values))
    if power <= 0.0:
        return 1.0
    lags = range(1, min(MOST_LAG, len(values) - 1) + 1)
    return max(
        1.0, 1.0 + 2.0 * sum(float(np.einsum("ij,ij->", values[k:], values[:-k])) for k in lags) / power
    )


def _shares(windows: ShortArray) -> Float32Array:
    import cv2
    from scipy.fft import dct

    folded = _folded(windows)
    quiet: BoolArray = np.einsum("ij,ij->i", folded, folded) < FRAME * LEAST_RMS**2
    values = dct(folded, type=4, axis=1, overwrite_x=True)[:, FIRST_BIN:LAST_BIN]
    power = np.square(values)
    around = cv2.blur(power, (NEIGHBOURS, 1), borderType=cv2.BORDER_REFLECT_101).reshape(power.shape)
    shares = np.asarray((power < NEAR_NOUGHT**2 * around).mean(axis=1), np.float32)
    shares[quiet] = np.nan
    return shares


def _folded(windows: ShortArray) -> Float32Array:
    """Each window shaped and folded in half, of which the MDCT is a DCT of type IV, float32 (n, 1024)."""
    half, shape = FRAME // 2, _window()
    a, b, c, d = (slice(i * half, (i + 1) * half) for i in range(4))
    folded = np.empty((len(windows), FRAME), np.float32)
    left, right = folded[:, :half], folded[:, half:]
    np.multiply(windows[:, c][:, ::-1], -shape[c][::-1], out=left)
    left -= windows[:, d] * shape[d]
    np.multiply(windows[:, a], shape[a], out=right)
    right -= windows[:, b][:, ::-1] * shape[b][::-1]
    return folded


@cache
def _window() -> Float32Array:
    """Between the two shapes that AAC knows, sine and Kaiser-Bessel-derived, scaled to full scale ±1.

    The right one of the two tells more, the wrong one half as much; the mean is near the right one for both.
    """
    at = np.arange(WINDOW)
    sine = np.sin(np.pi * (at + 0.5) / WINDOW)
    kaiser = np.cumsum(np.kaiser(FRAME + 1, np.pi * KAISER_ALPHA))
    rise = np.sqrt(kaiser[:FRAME] / kaiser[FRAME])
    mean = (sine + np.concatenate([rise, rise[::-1]])) / 2
    return np.asarray(mean / 32768.0, np.float32)

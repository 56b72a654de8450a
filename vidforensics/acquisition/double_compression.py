"""Traces of an earlier compression in a stream without B-frames: pictures that were I-frames once.

A `Bitstream` goes in; whether P-frames cost more bits at one fixed period comes out, with that period. An
earlier encoder's I-frame, coded again as a P-frame, is predicted worse than its neighbours. Source: the
variation of the prediction footprint, Vázquez-Padín et al. 2012 (WIFS), here on coded size and quantiser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.types import Bitstream, DoubleCompression

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

MIN_FRAMES = 60
MIN_GOP_FRAMES = 24
MIN_PERIOD, MAX_PERIOD = 8, 300
MIN_HITS = 4
STRENGTH_THRESHOLD = 8.0
_HALF_WINDOW = 3
_CLIP = 2.0


@dataclass(frozen=True, slots=True)
class Periodicity:
    """The period at which P-frames stand out most: period and phase in frames, strength as a z-score."""

    period: int
    phase: int
    strength: float


def double_compression(bitstream: Bitstream) -> DoubleCompression:
    """Look for the GOP of an earlier compression.

    Args:
        bitstream: the coded picture stream; frame types must be known.

    Returns:
        Not applicable, with the reason, for streams with B-frames, short GOPs or few frames. Otherwise
        the strength of the periodicity (a z-score), and the period if it stands out. It is history:
        every platform upload is compressed twice.
    """
    reason = _why_not(bitstream)
    if reason:
        return DoubleCompression(False, reason)
    found = ghost_period(excess_bits(bitstream))
    if found is None:
        return DoubleCompression(False, "Too few P-frames stand next to each other to compare them.")
    if found.strength < STRENGTH_THRESHOLD:
        sentence = "No period stands out among the sizes of P-frames, which neither shows nor excludes one."
        return DoubleCompression(True, sentence, None, found.strength)
    sentence = (
        f"P-frames cost more bits than their neighbours every {found.period} frames, as when a stream with "
        "I-frames at that distance is compressed again; this is history, common after any upload."
    )
    return DoubleCompression(True, sentence, found.period, found.strength)


def _why_not(bitstream: Bitstream) -> str | None:
    kinds = bitstream.packets.frame_type
    if bitstream.has_b_frames is None:
        return "Not applicable: the types of the coded pictures are not known."
    if bitstream.has_b_frames:
        return "Not applicable: the stream has B-frames, which hide the trace."
    if len(kinds) < MIN_FRAMES:
        return f"Not applicable: fewer than {MIN_FRAMES} coded pictures."
    intra = int(np.count_nonzero(kinds == "I"))
    if len(kinds) < MIN_GOP_FRAMES * max(1, intra):
        return f"Not applicable: I-frames come more often than every {MIN_GOP_FRAMES} pictures."
    return None


def excess_bits(bitstream: Bitstream) -> FloatArray:
    """How many more bits each P-frame costs than its neighbours at the same quantiser.

    Returns:
        Shape (N,), in octaves (log2), clipped to ±2; NaN for other pictures and beside them. Six steps
        of the H.264 and HEVC quantiser halve the bits to a first approximation.
    """
    packets = bitstream.packets
    cost = np.log2(np.maximum(packets.size_bytes, 1).astype(np.float64))
    if bitstream.codec in ("h264", "hevc"):
        cost = cost + np.where(np.isnan(packets.qp), 0.0, packets.qp) / 6.0
    cost[packets.frame_type != "P"] = np.nan
    width = 2 * _HALF_WINDOW + 1
    padded = np.concatenate((np.full(_HALF_WINDOW, np.nan), cost, np.full(_HALF_WINDOW, np.nan)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    enough = np.isfinite(windows).sum(axis=1) >= _HALF_WINDOW
    excess = np.full(len(cost), np.nan)
    usable = enough & np.isfinite(cost)
    if usable.any():
        excess[usable] = cost[usable] - np.nanmedian(windows[usable], axis=1)
    clipped: FloatArray = np.clip(excess, -_CLIP, _CLIP)
    return clipped


def ghost_period(excess: FloatArray) -> Periodicity | None:
    """The period and phase at which the excess is highest against all other frames.

    Args:
        excess: shape (N,), NaN where nothing was measured.

    Returns:
        The best periodicity, its strength a z-score of the mean excess; None if no period has enough hits.
    """
    known = np.isfinite(excess)
    if known.sum() < MIN_FRAMES // 2:
        return None
    values = np.where(known, np.maximum(excess, 0.0), 0.0)
    best: Periodicity | None = None
    mean = float(values[known].mean())
    spread = float(values[known].std()) or 1e-9
    for period in range(MIN_PERIOD, min(MAX_PERIOD, len(excess) // MIN_HITS) + 1):
        phase, strength = _best_phase(values, known, period, (mean, spread))
        if best is None or strength > best.strength * 1.02:
            best = Periodicity(period, phase, strength)
    return best


def _best_phase(
    values: FloatArray, known: BoolArray, period: int, moments: tuple[float, float]
) -> tuple[int, float]:
    phases = np.arange(len(values)) % period
    hits = np.bincount(phases, weights=known, minlength=period)
    sums = np.bincount(phases, weights=values, minlength=period)
    z = np.where(
        hits >= MIN_HITS, (sums - hits * moments[0]) / (moments[1] * np.sqrt(np.maximum(hits, 1))), -np.inf
    )
    phase = int(np.argmax(z))
    return phase, float(z[phase])

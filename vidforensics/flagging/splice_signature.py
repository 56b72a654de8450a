"""What one shot looks like as a product: the median of its source measurements, its coding and its cadence.

Evidence goes in, one row of numbers per shot comes out. Nothing in it says which shot is foreign; that takes
the comparison with the other shots of the file, in `splice_model`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.duplication_shots import shot_ranges
from vidforensics.types import Evidence, PacketTable

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

LEAST_S = 0.9
LEAST_SAMPLES = 3
CODING_NAMES = (
    "inter_bits",
    "inter_qp",
    "repeats",
    "change",
    "bar_left",
    "bar_top",
    "bar_width",
    "bar_height",
)
_WHOLE = (0.0, 0.0, 1.0, 1.0)
_EDGE_S = 0.06


@dataclass(frozen=True, slots=True)
class Signatures:
    """S shots long enough to measure: spans in seconds (S, 2), values (S, K) with NaN for unknown.

    names: what the K columns are. short: spans of shots that were too short or could not be measured.
    """

    names: tuple[str, ...]
    spans_s: FloatArray
    values: FloatArray
    short: tuple[tuple[float, float], ...]


def signatures_of(evidence: Evidence) -> Signatures:
    """The signature of every shot; no row where nothing was measured."""
    sources = evidence.features.sources
    names = (*(sources.names if sources else ()), *CODING_NAMES)
    times = evidence.features.frames.times_s
    rows, spans, short = [], [], []
    for first, last in shot_ranges(times, evidence.extraction.shots):
        start_s = float(times[first])
        end_s = float(times[last]) if last < len(times) else float(times[-1])
        row = None
        if sources is not None and end_s - start_s >= LEAST_S:
            row = _row(evidence, sources.times_s, sources.values, (first, last), (start_s, end_s))
        if row is None:
            short.append((start_s, end_s))
        else:
            rows.append(row)
            spans.append((start_s, end_s))
    values = np.array(rows, np.float64).reshape(-1, len(names))
    return Signatures(names, np.array(spans, np.float64).reshape(-1, 2), values, tuple(short))


def _row(
    evidence: Evidence,
    times_s: FloatArray,
    values: Float32Array,
    frames: tuple[int, int],
    span: tuple[float, float],
) -> FloatArray | None:
    inside = values[(times_s >= span[0] + _EDGE_S) & (times_s < span[1] - _EDGE_S)]
    if len(inside) < LEAST_SAMPLES:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without one number stays NaN
        middle = np.nanmedian(inside, axis=0)
    coding = [*_coding(evidence.bitstream.packets, span, _pixels(evidence)), *_rhythm(evidence, frames)]
    return np.concatenate([middle, coding, _bars(evidence, span)])


def _pixels(evidence: Evidence) -> float:
    decode = evidence.extraction.decode
    return float(max(1, (decode.width_px or 0) * (decode.height_px or 0)))


def _coding(packets: PacketTable, span: tuple[float, float], pixels: float) -> tuple[float, float]:
    """Log2 of bits per sample of predicted pictures, and their mean quantiser; NaN where unknown."""
    inside = (packets.pts_s >= span[0] + _EDGE_S) & (packets.pts_s < span[1]) & ~packets.is_key
    inside &= packets.frame_type != "I"
    if inside.sum() < LEAST_SAMPLES:
        return float("nan"), float("nan")
    qp = packets.qp[inside]
    bits = 8.0 * float(packets.size_bytes[inside].mean()) / pixels
    return float(np.log2(bits + 1e-4)), float(np.mean(qp)) if np.isfinite(qp).all() else float("nan")


def _rhythm(evidence: Evidence, frames: tuple[int, int]) -> tuple[float, float]:
    """Share of frames that repeat the one before, as another frame rate leaves them, and the usual change."""
    change = evidence.features.frames.values.get("difference")
    if change is None:
        return float("nan"), float("nan")
    steps = change[frames[0] + 1 : frames[1]]
    steps = steps[np.isfinite(steps)]
    if len(steps) < 8:
        return float("nan"), float("nan")
    usual = float(np.quantile(steps, 0.75))
    share = float((steps < 0.3 * usual).mean()) if usual > 0.1 else float("nan")
    return share, float(np.log2(usual + 0.05))


def _bars(evidence: Evidence, span: tuple[float, float]) -> tuple[float, float, float, float]:
    """The active picture between bars, [x, y, w, h], of the border that covers most of the shot."""
    best, box = 0.5 * (span[1] - span[0]), _WHOLE
    for border in evidence.extraction.borders:
        shared = min(span[1], border.end_s) - max(span[0], border.start_s)
        if shared > best:
            best, box = shared, border.box
    return box

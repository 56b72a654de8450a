"""Join cues from time: a picture step out of cadence exactly at a key frame.

Facts go in, cues come out. Joining files puts the second one where the first one ends, which is after a
whole number of frames of sound or of pictures, seldom of both. Source: ISO/IEC 14496-12 (sample times).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.acquisition.bitstream_facts import StreamFacts
from vidforensics.acquisition.join_cues_rules import RawCue, gop_lengths

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

_MAX_IRREGULAR = 0.02


def time_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """Steps out of cadence exactly at a key frame, in a stream that keeps its cadence elsewhere."""
    if not np.isfinite(facts.frame_s) or facts.frame_s <= 0 or len(facts.starts) < 2:
        return
    steps = _border_steps(facts)
    if _inside_irregular(facts) > max(2.0, _MAX_IRREGULAR * facts.count):
        return
    decode_steps = facts.dts_s[facts.starts[1:]] - facts.dts_s[facts.starts[1:] - 1]
    off = ~_regular(steps, facts) & np.isfinite(steps)
    decode_off = ~_regular(decode_steps, facts) & np.isfinite(decode_steps)
    if np.count_nonzero(off | decode_off) > max(3.0, 0.2 * len(steps)):
        return
    for index in np.flatnonzero(off | decode_off).tolist():
        step = float(steps[index] if off[index] else decode_steps[index])
        yield RawCue(index + 1, "cadence_break", _step_weight(step, facts), _step_sentence(step, facts))


def _tolerance_s(facts: StreamFacts) -> float:
    return max(0.0004, (1.01 if facts.tick_s < 0.0009 else 2.01) * facts.tick_s)


def _regular(steps: FloatArray, facts: StreamFacts) -> BoolArray:
    regular: BoolArray = np.abs(steps - facts.frame_s) <= _tolerance_s(facts)
    return regular


def _border_steps(facts: StreamFacts) -> FloatArray:
    """From the last displayed picture before each entry point to the first after it, s, shape (K − 1,)."""
    filled = np.where(np.isnan(facts.pts_s), -np.inf, facts.pts_s)
    last = np.maximum.reduceat(filled, facts.starts)
    steps: FloatArray = facts.first_pts_s[1:] - last[:-1]
    return steps


def _inside_irregular(facts: StreamFacts) -> int:
    """How many picture steps are out of cadence inside GOPs."""
    gop = np.repeat(np.arange(len(facts.starts)), gop_lengths(facts))
    pts = facts.pts_s[facts.starts[0] :]
    known = np.isfinite(pts)
    order = np.lexsort((pts[known], gop[known]))
    sorted_pts, sorted_gop = pts[known][order], gop[known][order]
    inside = np.diff(sorted_gop) == 0
    steps = np.diff(sorted_pts)[inside]
    return int(np.count_nonzero(~_regular(steps, facts)))


def _step_weight(step: float, facts: StreamFacts) -> float:
    if step <= 0:
        return 2.5
    whole = step / facts.frame_s
    is_whole = abs(whole - round(whole)) * facts.frame_s <= _tolerance_s(facts) * 1.5
    return 1.0 if is_whole else 2.0


def _step_sentence(step: float, facts: StreamFacts) -> str:
    usual = f"{facts.frame_s * 1e3:.2f} ms"
    return f"The picture before this key frame lasts {step * 1e3:.2f} ms, where pictures last {usual}."

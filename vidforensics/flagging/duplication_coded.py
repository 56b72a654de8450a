"""How many bits the encoder spent on each frame: a frozen one costs it next to nothing.

Packets and frame times go in, log2 of the coded size of every frame comes out. What a stretch of frames cost
is compared with what other stretches of that length cost: a second witness of a freeze beside the pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray
    from vidforensics.types import PacketTable

LEFT_OUT = 8
"""One frame in so many, but one at least, is left out of a stretch: a key frame costs much in any."""


def coded_sizes(packets: PacketTable, times_s: FloatArray) -> FloatArray:
    """log2 of the coded size of each frame.

    Args:
        packets: of the picture stream, in decoding order.
        times_s: float64 (N,), presentation times of the frames, s, not decreasing.

    Returns:
        float64 (N,), log2 bytes of the packet nearest in time, NaN where none is nearer than half of a usual
        step; all NaN without packets.
    """
    known = np.isfinite(packets.pts_s) & (packets.size_bytes > 0)
    at_s, sizes = packets.pts_s[known], packets.size_bytes[known]
    found = np.full(len(times_s), np.nan)
    if not len(at_s) or not len(times_s):
        return found
    order = np.argsort(at_s, kind="stable")
    at_s, sizes = at_s[order], sizes[order]
    after = np.minimum(np.searchsorted(at_s, times_s), len(at_s) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(times_s - at_s[before] <= at_s[after] - times_s, before, after)
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    near = np.abs(at_s[nearest] - times_s) <= max(step_s / 2.0, 1e-3)
    found[near] = np.log2(sizes[nearest[near]])
    return found


def cost(sizes: FloatArray) -> FloatArray:
    """What each stretch, the last axis, cost: its largest size but those left out; NaN if one is unknown."""
    left_out = max(1, sizes.shape[-1] // LEFT_OUT)
    largest = np.sort(sizes, axis=-1)[..., -1 - left_out]
    costs: FloatArray = np.where(np.isnan(sizes).any(axis=-1), np.nan, largest)
    return costs

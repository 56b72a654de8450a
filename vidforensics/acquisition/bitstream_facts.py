"""The demux pass as numpy columns, and the quantities that several join rules share.

Filled columns go in; `StreamFacts` with times in seconds, GOP borders and the stream's cadence come out.
Source: the columns follow ITU-T H.264 and H.265; the cadence is the median step of presentation times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.acquisition.bitstream_columns import (
    UNKNOWN,
    HeaderEvent,
    PacketColumns,
    SoundColumns,
    as_numbers,
    as_seconds,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """One sound stream: packet times and lengths in seconds, signatures and coding breaks by packet."""

    index: int
    codec: str
    pts_s: FloatArray
    durations_s: FloatArray
    tick_s: float
    idents: tuple[tuple[int, str], ...]
    breaks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """The picture stream in decoding order, arrays of shape (N,), and its sound streams.

    starts (K,) are the packets at which the stream can be entered; first_pts_s (K,) the earliest
    presentation time from each of them to the next; frame_s the cadence, NaN for fewer than 3 frames.
    """

    codec: str
    tick_s: float
    pts_s: FloatArray
    dts_s: FloatArray
    is_key: BoolArray
    order: IntArray
    number: IntArray
    idr: IntArray
    flags: IntArray
    clock_s: FloatArray
    kinds: bytes
    starts: IntArray
    first_pts_s: FloatArray
    frame_s: float
    events: tuple[HeaderEvent, ...]
    sounds: tuple[SoundFacts, ...]

    @property
    def count(self) -> int:
        """How many packets the picture stream has."""
        return len(self.pts_s)


def gather_facts(
    codec: str,
    columns: PacketColumns,
    times: tuple[float, float],
    events: list[HeaderEvent],
    sounds: list[SoundColumns],
) -> StreamFacts:
    """Turn filled columns into arrays.

    Args:
        codec: the picture codec's name.
        columns: of the picture stream.
        times: (time base in s, origin in s).
        events: what the header reader logged.
        sounds: columns of the sound streams.
    """
    tick_s, origin_s = times
    pts_s = as_seconds(columns.pts, tick_s, origin_s)
    is_key = np.frombuffer(bytes(columns.keys), dtype=np.uint8).astype(np.bool_)
    starts = np.flatnonzero(is_key).astype(np.int64)
    ticks = as_numbers(columns.ticks)
    return StreamFacts(
        codec=codec,
        tick_s=tick_s,
        pts_s=pts_s,
        dts_s=as_seconds(columns.dts, tick_s, origin_s),
        is_key=is_key,
        order=as_numbers(columns.order),
        number=as_numbers(columns.number),
        idr=as_numbers(columns.idr),
        flags=np.array(columns.flags, dtype=np.int64),
        clock_s=np.where(ticks == UNKNOWN, np.nan, ticks / 1e6),
        kinds=bytes(columns.kinds),
        starts=starts,
        first_pts_s=_first_times(pts_s, starts),
        frame_s=cadence_s(pts_s),
        events=tuple(events),
        sounds=tuple(_sound(columns, origin_s) for columns in sounds),
    )


def cadence_s(pts_s: FloatArray) -> float:
    """Median step between displayed pictures, s; NaN for fewer than 3 known times."""
    known = np.sort(pts_s[np.isfinite(pts_s)])
    steps = np.diff(known)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) >= 2 else float("nan")


def _first_times(pts_s: FloatArray, starts: IntArray) -> FloatArray:
    if not len(starts):
        return np.empty(0)
    filled = np.where(np.isnan(pts_s), np.inf, pts_s)
    first = np.minimum.reduceat(filled, starts)
    return np.where(np.isinf(first), np.nan, first)


def _sound(columns: SoundColumns, origin_s: float) -> SoundFacts:
    return SoundFacts(
        index=columns.index,
        codec=columns.codec,
        pts_s=as_seconds(columns.pts, columns.time_base_s, origin_s),
        durations_s=np.array(columns.durations, dtype=np.float64) * columns.time_base_s,
        tick_s=columns.time_base_s,
        idents=tuple(columns.idents),
        breaks=tuple(columns.breaks),
    )

"""Find where a sound track carries nothing: silence, and digital silence that no microphone gives.

Decoded blocks go in; spans come out, judged per 10 ms by the loudest channel. Silence lies far below the
track's own loud passages for half a second; digital silence is zeros (or one step of 16 bits) for longer than
chance, which points at muting, a gap that was filled, or an edit. Runs that belong to a codec's priming or
padding at the ends of a track are left out (Apple, QuickTime File Format, "Audio priming").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidforensics.types import AudioBlock, Span

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array

HOP_S = 0.01
MIN_SILENCE_S = 0.5
BELOW_LOUD_DB = 40.0
HIGHEST_DB, LOWEST_DB = -45.0, -70.0
"""Silence is 40 dB below the track's loud passages, but never above −45 nor only below −70 dBFS."""

MIN_ZERO_S = 0.03
MIN_DITHER_S = 0.1
DITHER_PEAK = 1.01 / 32768.0
"""One step of 16 bits: what is left when silence was dithered. Quiet rooms reach it for a moment."""

ZERO_PEAK = 1e-7
PRIMING_S = 0.12
"""Codecs add up to 2 × 2112 samples of nothing at the ends; a shorter run there tells nothing."""

BLIP_HOPS = 2
MAX_HOPS = 4_320_000
MAX_SPANS = 10_000
MAX_TRACKS = 16


@dataclass
class _Run:
    """Hops without a gap in their timestamps: level per hop and the time of the first."""

    start_s: float
    hop_s: float
    hop: int
    held: Float32Array
    levels: list[Float32Array] = field(default_factory=list)
    count: int = 0

    @property
    def due_s(self) -> float:
        """Where the next sample belongs."""
        return self.start_s + (self.count + len(self.held) / self.hop) * self.hop_s


class SilenceAccumulator:
    """Measures the peak of every 10 ms of every track, then reads the spans off."""

    def __init__(self) -> None:
        self._tracks: dict[int, list[_Run]] = {}

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of one track."""
        if not block.samples.size or block.sample_rate_hz <= 0:
            return
        if block.track not in self._tracks and len(self._tracks) >= MAX_TRACKS:
            return
        runs = self._tracks.setdefault(block.track, [])
        hop = max(1, round(block.sample_rate_hz * HOP_S))
        hop_s = hop / block.sample_rate_hz
        if not runs or runs[-1].hop != hop or abs(block.start_s - runs[-1].due_s) > 2 * HOP_S:
            if len(runs) >= MAX_SPANS:
                return
            runs.append(_Run(block.start_s, hop_s, hop, np.zeros(0, np.float32)))
        if sum(r.count for r in runs) < MAX_HOPS:
            _take(runs[-1], _loudest(block.samples))

    def finish(self) -> tuple[Span, ...]:
        """Spans of all tracks, by track and time; () where nothing is silent."""
        spans: list[Span] = []
        for track, runs in sorted(self._tracks.items()):
            for run in runs:
                if len(run.held):
                    _take(run, np.zeros(run.hop - len(run.held), np.float32))
            spans += _spans(track, runs)
        return tuple(spans[:MAX_SPANS])


def _loudest(samples: Float32Array) -> Float32Array:
    """Greatest absolute sample over the channels, (n,); ten times faster than max(axis=1)."""
    peaks: Float32Array = np.abs(samples[:, 0])
    for channel in range(1, samples.shape[1]):
        np.maximum(peaks, np.abs(samples[:, channel]), out=peaks)
    return peaks


def _take(run: _Run, peaks: Float32Array) -> None:
    joined = np.concatenate([run.held, peaks]) if len(run.held) else peaks
    count = len(joined) // run.hop
    if count:
        run.levels.append(np.nan_to_num(joined[: count * run.hop]).reshape(count, run.hop).max(axis=1))
        run.count += count
    run.held = joined[count * run.hop :].copy()


def _spans(track: int, runs: list[_Run]) -> list[Span]:
    runs = [r for r in runs if r.levels]
    if not runs:
        return []
    levels = [np.concatenate(r.levels) for r in runs]
    quiet = 10.0 ** (silence_level_db(np.concatenate(levels)) / 20.0)
    ends = (runs[0].start_s, runs[-1].start_s + runs[-1].count * runs[-1].hop_s)
    spans: list[Span] = []
    for run, level in zip(runs, levels, strict=True):
        spans += _stretches(run, _bridged(level < quiet), "silence", MIN_SILENCE_S, track)
        zeros = _stretches(run, level <= ZERO_PEAK, "digital_silence", MIN_ZERO_S, track)
        dither = _stretches(run, level <= DITHER_PEAK, "digital_silence", MIN_DITHER_S, track)
        kept = [z for z in zeros if not any(d.start_s <= z.start_s and z.end_s <= d.end_s for d in dither)]
        spans += [s for s in kept + dither if not _is_priming(s, ends)]
    return sorted(spans, key=lambda s: (s.start_s, s.kind))


def silence_level_db(peaks: Float32Array) -> float:
    """The level below which a track counts as silent, in dBFS, from its peaks per hop.

    Args:
        peaks: greatest absolute sample per hop, float32 (N,), N ≥ 1.

    Returns: 40 dB below the level that 5 % of the hops pass, within −70 and −45 dBFS.
    """
    loud = 20.0 * np.log10(max(float(np.quantile(peaks, 0.95)), 1e-9))
    return float(np.clip(loud - BELOW_LOUD_DB, LOWEST_DB, HIGHEST_DB))


def _bridged(quiet: BoolArray) -> BoolArray:
    """The mask with lone loud blips of at most BLIP_HOPS hops, silence on both sides, counted as silence."""
    closed = quiet.copy()
    for first, last in _runs(~quiet):
        if last - first <= BLIP_HOPS and first > 0 and last < len(quiet):
            closed[first:last] = True
    return closed


def _stretches(
    run: _Run, mask: BoolArray, kind: Literal["silence", "digital_silence"], least_s: float, track: int
) -> list[Span]:
    hop_s = run.hop_s
    return [
        Span(run.start_s + a * hop_s, run.start_s + b * hop_s, kind, track)
        for a, b in _runs(mask)
        if (b - a) * hop_s >= least_s - 1e-9
    ]


def _runs(mask: BoolArray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _is_priming(span: Span, ends: tuple[float, float]) -> bool:
    touches = span.start_s <= ends[0] + HOP_S or span.end_s >= ends[1] - HOP_S
    return touches and span.end_s - span.start_s <= PRIMING_S

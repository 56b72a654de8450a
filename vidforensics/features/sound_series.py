"""Measure a sound track every 10 ms: band levels, loudness, offset and stereo field.

Takes the decoded sound of every track at its own rate and gives one `SoundSeries` per track, about 80 bytes
per hop, with state carried over so that block sizes do not matter. Levels are the short-time spectrum's power
summed over mel bands up to 4 kHz and 500 Hz bands from there to 20 kHz, where codecs and resampling leave
their cut-offs.
Source: short-time spectra, Rabiner & Schafer, Theory and Applications of Digital Speech Processing (2011).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.sound_series_framing import (
    BandPower,
    Framer,
    Framing,
    Windows,
    finite,
    mel_edges_hz,
    mono_mix,
)
from vidforensics.spool import Spool
from vidforensics.types import AudioBlock, SoundSeries

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray

HOP_S = 0.01
LOW_HZ, MEL_TOP_HZ, TOP_HZ = 50.0, 4000.0, 20000.0
MEL_BANDS, HIGH_BANDS = 26, 32
BANDS = MEL_BANDS + HIGH_BANDS
FLOOR_DB, STEP_DB = -120.0, 0.5
MAX_TRACKS = 16
MAX_HOPS = 4_320_000
"""Twelve hours; what lies behind is not measured."""


def band_edges_hz() -> FloatArray:
    """Edges of the measured bands, float64 (BANDS + 1,), ascending, in Hz."""
    mel = mel_edges_hz(LOW_HZ, MEL_TOP_HZ, MEL_BANDS)
    return np.concatenate([mel, np.linspace(MEL_TOP_HZ, TOP_HZ, HIGH_BANDS + 1)[1:]])


def levels_db(codes: ByteArray) -> Float32Array:
    """Band levels in dB re full scale from their codes; code 0 (nothing there) is −120 dB."""
    return codes.astype(np.float32) * np.float32(STEP_DB) + np.float32(FLOOR_DB)


@dataclass
class _Plan:
    """What one sample rate needs: window and bands."""

    framing: Framing
    bands: BandPower

    @classmethod
    def at(cls, rate_hz: int) -> _Plan:
        hop = max(1, round(rate_hz * HOP_S))
        window = 1 << max(5, int(np.ceil(np.log2(2 * hop))))
        # the mean square of a sine of amplitude 1 is a half
        bands = BandPower.at(band_edges_hz(), rate_hz, window, full_scale=0.5)
        return cls(Framing(rate_hz, window, hop), bands)


@dataclass
class _Track:
    """One track on its way: how it is cut into windows, and what was measured so far."""

    plan: _Plan
    framer: Framer
    channels: int
    hops: int = 0
    times: list[FloatArray] = field(default_factory=list)
    codes: Spool[np.uint8] = field(default_factory=lambda: Spool(np.uint8, (BANDS,)))
    numbers: list[Float32Array] = field(default_factory=list)


NUMBERS = ("rms_db", "peak", "dc", "stereo_width", "balance_db")
"""Per hop besides `band_code`: see `SoundSeriesAccumulator.finish`."""


class SoundSeriesAccumulator:
    """Measures every track as its blocks come."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of one track."""
        if not len(block.samples) or block.sample_rate_hz <= 0:
            return
        track = self._track(block)
        if track is None or track.hops >= MAX_HOPS:
            return
        pair = _pair(finite(block.samples))
        for windows in track.framer.push(block.start_s, pair):
            _measure(track, windows)

    def finish(self) -> tuple[SoundSeries, ...]:
        """Give what was measured, in the order of the tracks; a track without a whole window is left out.

        `values` holds `band_code` uint8 (N, BANDS), levels in half decibels from −120 dB (`levels_db`); and
        float32 (N,): `rms_db` re full scale, `peak` 0–1, `dc` ±1, `stereo_width` 0 mono … 1 out of phase,
        `balance_db` left over right. The last two are NaN for one channel.
        """
        done = []
        for number, track in sorted(self._tracks.items()):
            for windows in track.framer.flush():
                _measure(track, windows)
            if track.times:
                done.append(_series(number, track))
        return tuple(done)

    def _track(self, block: AudioBlock) -> _Track | None:
        track = self._tracks.get(block.track)
        if track is None:
            if len(self._tracks) >= MAX_TRACKS:
                return None
            plan = _Plan.at(block.sample_rate_hz)
            track = self._tracks[block.track] = _Track(plan, Framer(plan.framing), _width(block))
        elif track.plan.framing.rate_hz != block.sample_rate_hz or track.channels != _width(block):
            for windows in track.framer.flush():
                _measure(track, windows)
            track.plan = _Plan.at(block.sample_rate_hz)
            track.framer, track.channels = Framer(track.plan.framing), _width(block)
        return track


def _width(block: AudioBlock) -> int:
    return min(2, int(block.samples.shape[1]))


def _pair(samples: Float32Array) -> Float32Array:
    """One channel as it is; of several, their mean and half the difference of the first two, (n, 2)."""
    mono = mono_mix(samples)
    if samples.shape[1] == 1:
        return mono[:, None]
    return np.stack([mono, (samples[:, 0] - samples[:, 1]) * np.float32(0.5)], axis=1)


def _measure(track: _Track, windows: Windows) -> None:
    plan, hop = track.plan, track.plan.framing.hop
    mid = np.ascontiguousarray(windows.samples[:, :, 0])
    decibels = 10.0 * np.log10(plan.bands.of(mid) + np.float32(1e-13))
    codes = np.clip(np.rint((decibels - FLOOR_DB) / STEP_DB), 0, 255).astype(np.uint8)
    start = (plan.framing.window - hop) // 2
    core = windows.samples[:, start : start + hop]
    numbers = np.empty((len(mid), len(NUMBERS)), np.float32)
    numbers[:, 0] = 10.0 * np.log10(_mean_square(core[:, :, 0]) + 1e-12)
    numbers[:, 1] = np.abs(core[:, :, 0]).max(axis=1)
    numbers[:, 2] = core[:, :, 0].mean(axis=1)
    numbers[:, 3:] = _stereo(core)
    track.times.append(windows.times_s)
    track.codes.append(codes)
    track.numbers.append(numbers)
    track.hops += len(mid)


def _stereo(core: Float32Array) -> Float32Array:
    """Width (side over all power) and balance (left over right, dB) per window, (k, 2)."""
    if core.shape[2] < 2:
        return np.full((len(core), 2), np.nan, np.float32)
    mid, side = core[:, :, 0], core[:, :, 1]
    mid_power, side_power = _mean_square(mid), _mean_square(side)
    cross = 2.0 * np.einsum("ij,ij->i", mid, side) / mid.shape[1]
    both = mid_power + side_power
    width = side_power / (both + np.float32(1e-12))
    left, right = np.maximum(both + cross, 0) + 1e-10, np.maximum(both - cross, 0) + 1e-10
    return np.stack([width, 10.0 * np.log10(left / right)], axis=1).astype(np.float32)


def _mean_square(values: Float32Array) -> Float32Array:
    mean: Float32Array = np.einsum("ij,ij->i", values, values) / np.float32(values.shape[1])
    return mean


def _series(number: int, track: _Track) -> SoundSeries:
    numbers = np.concatenate(track.numbers)
    values = {name: np.ascontiguousarray(numbers[:, k]) for k, name in enumerate(NUMBERS)}
    framing = track.plan.framing
    return SoundSeries(
        track=number,
        hop_s=framing.hop / framing.rate_hz,
        times_s=np.concatenate(track.times),
        values={"band_code": track.codes.finish(), **values},
    )

"""Fingerprint a sound track by pairs of spectral peaks, so that copies of it can be found elsewhere.

The decoded sound at 16 kHz goes in; codes with times come out, about 30 per second of real sound and none
for silence or steady noise. A peak is a cell of a mel spectrogram that stands out of its surroundings in both
directions; a code is one peak's band, a later peak's band and the time between them.
Source: Wang, An Industrial-Strength Audio Search Algorithm (ISMIR 2003).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.sound_series_framing import (
    Framer,
    Framing,
    Windows,
    band_matrix,
    finite,
    mel_edges_hz,
)
from vidforensics.types import AudioBlock, AudioPrint

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, CodeArray, Float32Array, FloatArray

ALGORITHM = "peak-pairs-16k/1"
RATE_HZ = 16000
WINDOW, HOP = 1024, 256
LOW_HZ, HIGH_HZ, BANDS = 250.0, 5000.0, 64
NEAR_FRAMES, NEAR_BANDS = 8, 3
"""A peak is the greatest within ±128 ms and ±3 bands."""

AROUND_FRAMES, AROUND_BANDS = 31, 6
MIN_PROMINENCE_DB = 13.0
"""Above the log-mean of its surroundings: a cell of Gaussian noise passes this once in 70,000."""

MIN_RISE_DB = 6.0
"""Above its own band's log-mean over a second: steady tones and hum do not."""

MIN_LEVEL_DB = -80.0
PEAKS_PER_S = 12
FAN_OUT = 3
MIN_STEP, MAX_STEP = 3, 63
MAX_BAND_STEP = 27
DELAY_FRAMES = 2
"""Pairs reach from 48 ms to 1 s ahead and at most 27 bands up or down; a code holds the time
between in steps of 32 ms, as coding moves peaks by a frame."""

MAX_TRACKS = 16
MAX_CODES = 4_000_000
CONTEXT_FRAMES = AROUND_FRAMES + NEAR_FRAMES
CHUNK_FRAMES = 8 * RATE_HZ // HOP


@dataclass
class _Peaks:
    """Peaks of one track in time order: (k,) time, frame index, band and prominence."""

    times_s: list[FloatArray] = field(default_factory=list)
    frames: list[FloatArray] = field(default_factory=list)
    bands: list[FloatArray] = field(default_factory=list)
    strengths: list[Float32Array] = field(default_factory=list)


@dataclass
class _Track:
    """Levels that still lack their surroundings, and the peaks found so far."""

    framer: Framer
    levels: list[Float32Array] = field(default_factory=list)
    times: list[FloatArray] = field(default_factory=list)
    held: int = 0
    lead: int = 0
    peaks: _Peaks = field(default_factory=_Peaks)


class AudioPrintAccumulator:
    """Fingerprints every track as its blocks come."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._taper = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        edges = mel_edges_hz(LOW_HZ, HIGH_HZ, BANDS)
        self._bands = band_matrix(edges, RATE_HZ, WINDOW) * np.float32(4.0 / self._taper.sum() ** 2)

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of one track."""
        if not len(block.mono):
            return
        if block.track not in self._tracks and len(self._tracks) >= MAX_TRACKS:
            return
        track = self._tracks.setdefault(block.track, _Track(Framer(Framing(RATE_HZ, WINDOW, HOP))))
        for windows in track.framer.push(block.mono_start_s, finite(block.mono)):
            self._take(track, windows)

    def finish(self) -> tuple[AudioPrint, ...]:
        """One print per track that had sound, in the order of the tracks; silent ones give no codes."""
        done = []
        for number, track in sorted(self._tracks.items()):
            for windows in track.framer.flush():
                self._take(track, windows)
            _pick(track, last=True)
            times_s, codes = _codes(track.peaks)
            done.append(AudioPrint(ALGORITHM, number, times_s, codes))
        return tuple(done)

    def _take(self, track: _Track, windows: Windows) -> None:
        if track.times and windows.times_s[0] - track.times[-1][-1] > 2 * HOP / RATE_HZ:
            _pick(track, last=True)
        spectrum = np.fft.rfft(windows.samples * self._taper, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) @ self._bands
        track.levels.append((10.0 * np.log10(power + 1e-12)).astype(np.float32))
        track.times.append(windows.times_s)
        track.held += len(windows.times_s)
        if track.held >= CHUNK_FRAMES + 2 * CONTEXT_FRAMES:
            _pick(track, last=False)


def _pick(track: _Track, *, last: bool) -> None:
    """Find the peaks of the held levels, except the last frames, which still lack what follows them."""
    if not track.held:
        return
    levels, times_s = np.concatenate(track.levels), np.concatenate(track.times)
    until = len(levels) if last else len(levels) - CONTEXT_FRAMES
    rows, bands, strengths = _peaks(levels)
    inside = (rows >= track.lead) & (rows < until)
    rows, bands = rows[inside], bands[inside]
    track.peaks.times_s.append(times_s[rows])
    track.peaks.frames.append(np.rint(times_s[rows] * (RATE_HZ / HOP) * 8) / 8)
    track.peaks.bands.append(bands.astype(np.float64))
    track.peaks.strengths.append(strengths[inside])
    keep = 0 if last else min(len(levels), 2 * CONTEXT_FRAMES)
    track.lead = keep - CONTEXT_FRAMES if keep else 0
    track.levels, track.times = [levels[len(levels) - keep :]], [times_s[len(levels) - keep :]]
    track.held = keep
    if not keep:
        track.levels, track.times = [], []


def _peaks(levels: Float32Array) -> tuple[np.ndarray, np.ndarray, Float32Array]:
    """Cells that are greatest nearby and stand out of their surroundings: frames, bands, prominence in dB."""
    around = _box_mean(levels, AROUND_FRAMES, AROUND_BANDS)
    along = _box_mean(levels, AROUND_FRAMES, 0)
    prominence = levels - around
    candidate: BoolArray = (
        (levels > MIN_LEVEL_DB) & (prominence >= MIN_PROMINENCE_DB) & (levels - along >= MIN_RISE_DB)
    )
    candidate &= levels >= _box_max(levels)
    rows, bands = np.nonzero(candidate)
    return rows, bands, prominence[rows, bands]


def _box_mean(levels: Float32Array, frames: int, bands: int) -> Float32Array:
    """Mean over ±frames and ±bands, of what exists at the edges."""
    for axis, reach in ((0, frames), (1, bands)):
        if reach == 0:
            continue
        count = levels.shape[axis]
        total = np.concatenate(
            [np.zeros_like(levels.take([0], axis), np.float64), levels.cumsum(axis, np.float64)], axis
        )
        low = np.maximum(np.arange(count) - reach, 0)
        high = np.minimum(np.arange(count) + reach + 1, count)
        size = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
        levels = ((total.take(high, axis) - total.take(low, axis)) / size).astype(np.float32)
    return levels


def _box_max(levels: Float32Array) -> Float32Array:
    """Greatest within ±NEAR_FRAMES and ±NEAR_BANDS."""
    for axis, reach in ((0, NEAR_FRAMES), (1, NEAR_BANDS)):
        pad = [(reach, reach) if k == axis else (0, 0) for k in range(2)]
        padded = np.pad(levels, pad, constant_values=-np.inf)
        width, have = 2 * reach + 1, 1
        while have < width:
            step = min(have, width - have)
            size = padded.shape[axis] - step
            padded = np.maximum(padded.take(range(size), axis), padded.take(range(step, size + step), axis))
            have += step
        levels = padded
    return levels


def _codes(peaks: _Peaks) -> tuple[FloatArray, CodeArray]:
    """Codes of all pairs in the order of their first peaks' times."""
    empty = np.zeros(0)
    if not peaks.times_s:
        return empty, np.zeros(0, np.uint32)
    times_s, frames = np.concatenate(peaks.times_s), np.concatenate(peaks.frames)
    bands, strengths = np.concatenate(peaks.bands), np.concatenate(peaks.strengths)
    order = np.lexsort((bands, times_s))
    kept = order[_strongest(times_s[order], strengths[order])]
    return _pairs(times_s[kept], frames[kept], bands[kept])


def _strongest(times_s: FloatArray, strengths: Float32Array) -> np.ndarray:
    """Indices of peaks with fewer than PEAKS_PER_S stronger ones within half a second either way."""
    stronger = np.zeros(len(times_s), np.int64)
    for step in range(1, 200):
        near = times_s[step:] - times_s[:-step] <= 0.5
        if not near.any():
            break
        ahead = strengths[step:] > strengths[:-step]
        stronger[:-step] += near & ahead
        stronger[step:] += near & ~ahead
    return np.flatnonzero(stronger < PEAKS_PER_S)


def _pairs(times_s: FloatArray, frames: FloatArray, bands: FloatArray) -> tuple[FloatArray, CodeArray]:
    used = np.zeros(len(times_s), np.int64)
    found_at: list[np.ndarray] = []
    found_codes: list[np.ndarray] = []
    for step in range(1, 120):
        if step >= len(times_s):
            break
        delay = np.rint(frames[step:] - frames[:-step])
        rise = bands[step:] - bands[:-step]
        if not (delay <= MAX_STEP).any():
            break
        fits = (delay >= MIN_STEP) & (delay <= MAX_STEP) & (np.abs(rise) <= MAX_BAND_STEP)
        at = np.flatnonzero(fits & (used[:-step] < FAN_OUT))
        used[at] += 1
        found_at.append(at)
        found_codes.append((bands[at] * 128 + bands[at + step]) * 64 + np.rint(delay[at] / DELAY_FRAMES))
    if not found_at:
        return np.zeros(0), np.zeros(0, np.uint32)
    at, codes = np.concatenate(found_at), np.concatenate(found_codes).astype(np.uint32)
    order = np.lexsort((codes, at))[:MAX_CODES]
    return times_s[at[order]], codes[order]

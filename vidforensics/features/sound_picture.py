"""Draw a sound track small: its envelope and mel spectrogram in a fixed number of bins, for any duration.

Decoded sound goes in; one `SoundPicture` per track comes out. Bins start fine and are merged in pairs
whenever there are too many, so that memory stays flat; a merged bin keeps the extremes of the waveform and
the louder of the two spectra, so that short events stay visible.
Source: mel scale of O'Shaughnessy, Speech Communication (1987).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
from vidforensics.types import AudioBlock, SoundPicture

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

BANDS = 64
FIRST_BIN_S = 0.02
RANGE_DB = 90.0
MAX_TRACKS = 16
MAX_DURATION_S = 48 * 3600.0


@dataclass
class _Canvas:
    """Bins of one track: `bin_s` each from `start_s`; unreached bins hold no sound."""

    start_s: float
    bin_s: float
    max_hz: float
    low: Float32Array
    high: Float32Array
    power: Float32Array
    end_s: float = 0.0

    @classmethod
    def blank(cls, start_s: float, bins: int, rate_hz: int) -> _Canvas:
        # a bin is as long as a window, or bins between windows would stay empty
        room = 2 * bins
        low, high = np.full(room, np.inf, np.float32), np.full(room, -np.inf, np.float32)
        power = np.zeros((room, BANDS), np.float32)
        return cls(start_s, _window(rate_hz) / rate_hz, rate_hz / 2, low, high, power, start_s)


@dataclass
class _Track:
    canvas: _Canvas
    framer: Framer
    bands: BandPower


class SoundPictureAccumulator:
    """Draws every track as its blocks come.

    Args:
        bins: at most so many bins per track, at least 2.

    """

    def __init__(self, bins: int = 1200) -> None:
        self._bins = max(2, bins)
        self._tracks: dict[int, _Track] = {}

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of one track."""
        if not block.samples.size or block.sample_rate_hz <= 0:
            return
        if block.track not in self._tracks and len(self._tracks) >= MAX_TRACKS:
            return
        track = self._track(block)
        for windows in track.framer.push(block.start_s, mono_mix(finite(block.samples))):
            _draw(track, windows)

    def finish(self) -> tuple[SoundPicture, ...]:
        """One picture per track that had sound, in the order of the tracks."""
        done = []
        for number, track in sorted(self._tracks.items()):
            for windows in track.framer.flush():
                _draw(track, windows)
            if track.canvas.end_s > track.canvas.start_s:
                done.append(_picture(number, track.canvas, self._bins))
        return tuple(done)

    def _track(self, block: AudioBlock) -> _Track:
        track = self._tracks.get(block.track)
        if track is None:
            canvas = _Canvas.blank(block.start_s, self._bins, block.sample_rate_hz)
            track = self._tracks[block.track] = _prepared(canvas, block.sample_rate_hz)
        elif track.framer.framing.rate_hz != block.sample_rate_hz:
            for windows in track.framer.flush():
                _draw(track, windows)
            track = self._tracks[block.track] = _prepared(track.canvas, block.sample_rate_hz)
        return track


def _window(rate_hz: int) -> int:
    """Samples per window: the power of two nearest to FIRST_BIN_S, at least 32."""
    return 1 << max(5, round(math.log2(rate_hz * FIRST_BIN_S)))


def _prepared(canvas: _Canvas, rate_hz: int) -> _Track:
    window = _window(rate_hz)
    bands = BandPower.at(mel_edges_hz(0.0, canvas.max_hz, BANDS), rate_hz, window, full_scale=1.0)
    return _Track(canvas, Framer(Framing(rate_hz, window, window)), bands)


def _draw(track: _Track, windows: Windows) -> None:
    canvas = track.canvas
    half_s = track.framer.framing.window / track.framer.framing.rate_hz / 2
    inside = (windows.times_s >= canvas.start_s) & (windows.times_s < canvas.start_s + MAX_DURATION_S)
    if not inside.any():
        return
    samples, times_s = windows.samples[inside], windows.times_s[inside]
    canvas.end_s = max(canvas.end_s, float(times_s[-1]) + half_s)
    while canvas.end_s > canvas.start_s + canvas.bin_s * len(canvas.low):
        _halve(canvas)
    power = track.bands.of(samples)
    # a middle that falls on a border by rounding belongs behind it, whatever the block sizes were
    at = ((times_s - canvas.start_s) / canvas.bin_s + 1e-6).astype(np.int64)
    np.minimum.at(canvas.low, at, samples.min(axis=1))
    np.maximum.at(canvas.high, at, samples.max(axis=1))
    np.maximum.at(canvas.power, at, power)


def _halve(canvas: _Canvas) -> None:
    half = len(canvas.low) // 2
    for name, empty, join in (
        ("low", np.inf, np.minimum),
        ("high", -np.inf, np.maximum),
        ("power", 0.0, np.maximum),
    ):
        values = getattr(canvas, name)
        merged = np.full_like(values, empty)
        merged[:half] = join(values[0 : 2 * half : 2], values[1 : 2 * half : 2])
        setattr(canvas, name, merged)
    canvas.bin_s *= 2


def _picture(number: int, canvas: _Canvas, bins: int) -> SoundPicture:
    """The filled part of the canvas in at most `bins` equal bins, empty ones drawn as silence."""
    while np.ceil((canvas.end_s - canvas.start_s) / canvas.bin_s) > bins:
        _halve(canvas)
    used = max(1, int(np.ceil((canvas.end_s - canvas.start_s) / canvas.bin_s - 1e-9)))
    heard = canvas.high[:used] >= canvas.low[:used]
    envelope = np.stack([canvas.low[:used], canvas.high[:used]], axis=1)
    envelope = np.where(heard[:, None], envelope, 0.0).astype(np.float32)
    decibels: FloatArray = 10.0 * np.log10(canvas.power[:used].astype(np.float64) + 1e-12)
    codes = np.clip(np.rint((decibels + RANGE_DB) * (255.0 / RANGE_DB)), 0, 255).astype(np.uint8)
    return SoundPicture(
        track=number,
        start_s=canvas.start_s,
        end_s=canvas.start_s + used * canvas.bin_s,
        envelope=envelope,
        spectrogram=np.ascontiguousarray(codes.T),
        max_hz=canvas.max_hz,
    )

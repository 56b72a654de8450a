"""Fingerprint a sound track by triples of spectral peaks, so that copies of it can be found elsewhere.

The decoded sound at 16 kHz goes in; codes with times come out, about 10 per second of real sound and none
for silence or steady noise. A peak is a cell of a spectrogram with a logarithmic frequency axis that stands
out of its surroundings in both directions; a code is the bands of three peaks and the times between them.
On that axis another pitch is a shift and another tempo a stretch, so that `audio_speeds` can undo both
on the peaks of a query without hearing it again.
Source: Wang, An Industrial-Strength Audio Search Algorithm (ISMIR 2003); triples: Six & Leman, Panako
(ISMIR 2014); denser queries than references: Fenet et al., A Scalable Audio Fingerprint Method with
Robustness to Pitch-Shifting (ISMIR 2011).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.sound_series_framing import Framer, Framing, Windows, band_matrix, finite
from vidforensics.types import AudioBlock, AudioPrint

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, CodeArray, Float32Array, FloatArray, IntArray

ALGORITHM = "peak-triples-16k/1"
RATE_HZ = 16000
WINDOW, HOP = 1024, 256
LOW_HZ, BANDS, BANDS_PER_OCTAVE = 300.0, 48, 12
NEAR_FRAMES, NEAR_BANDS = 6, 2
"""A peak is the greatest within ±96 ms and ±2 bands."""

AROUND_FRAMES, AROUND_BANDS = 31, 4
MIN_PROMINENCE_DB, STORED_PROMINENCE_DB = 8.0, 10.0
"""Above the log-mean of its surroundings: for a query, and for what is stored. A minute of white or
of pink noise gave no code at 10 dB and 4 per second at 8 dB."""

MIN_RISE_DB = 4.0
"""Above its own band's log-mean over a second: steady tones and hum do not."""

MIN_LEVEL_DB = -80.0
PEAKS_PER_S = 8
LOOK_AHEAD = 5
TRIPLES_PER_PEAK = 2
"""Of a peak's triples with the next five, the two that lie farthest from a border of the code."""

MIN_STEP, MAX_STEP, MIN_GAP = 3, 50, 2
MAX_RISE = 18.0
"""Frames from the first peak to the others (48 to 800 ms), frames between these, bands up or down."""

BAND_STEP, FRAME_STEP = 1.5, 3.0
"""A code holds bands in eighths of an octave and times in steps of 48 ms."""

MAX_TRACKS = 16
MAX_CODES = 4_000_000
CONTEXT_FRAMES = AROUND_FRAMES + NEAR_FRAMES
CHUNK_FRAMES = 8 * RATE_HZ // HOP


@dataclass(frozen=True, slots=True)
class Peaks:
    """Peaks of one track in time order, each (k,): frame and band with fractions, prominence in dB."""

    frames: FloatArray
    bands: FloatArray
    strengths: FloatArray

    def strongest(self, per_s: int, least_db: float = MIN_PROMINENCE_DB) -> Peaks:
        """Those of `least_db` with fewer than `per_s` stronger ones within half a second either way."""
        kept = _strongest(self.frames, self.strengths, per_s)
        kept = kept[self.strengths[kept] >= least_db]
        return Peaks(self.frames[kept], self.bands[kept], self.strengths[kept])


@dataclass
class _Track:
    """Levels that still lack their surroundings, and the peaks found so far as rows (frame, band, dB)."""

    framer: Framer
    levels: list[Float32Array] = field(default_factory=list)
    times: list[FloatArray] = field(default_factory=list)
    held: int = 0
    lead: int = 0
    peaks: list[FloatArray] = field(default_factory=list)


class PeakAccumulator:
    """Finds the peaks of every track as its blocks come."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._taper = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        edges = LOW_HZ * 2.0 ** (np.arange(BANDS + 1) / BANDS_PER_OCTAVE)
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

    def peaks(self) -> tuple[tuple[int, Peaks], ...]:
        """Number and peaks of every track that had sound, in the order of the tracks."""
        done = []
        for number, track in sorted(self._tracks.items()):
            for windows in track.framer.flush():
                self._take(track, windows)
            _pick(track, last=True)
            rows = np.concatenate(track.peaks) if track.peaks else np.zeros((0, 3))
            rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
            done.append((number, Peaks(rows[:, 0], rows[:, 1], rows[:, 2])))
        return tuple(done)

    def _take(self, track: _Track, windows: Windows) -> None:
        from scipy.fft import rfft

        if track.times and windows.times_s[0] - track.times[-1][-1] > 2 * HOP / RATE_HZ:
            _pick(track, last=True)
        spectrum = rfft(windows.samples * self._taper, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) @ self._bands
        track.levels.append((10.0 * np.log10(power + 1e-12)).astype(np.float32))
        track.times.append(windows.times_s)
        track.held += len(windows.times_s)
        if track.held >= CHUNK_FRAMES + 2 * CONTEXT_FRAMES:
            _pick(track, last=False)


class AudioPrintAccumulator:
    """Fingerprints every track as its blocks come."""

    def __init__(self) -> None:
        self._peaks = PeakAccumulator()

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of one track."""
        self._peaks.update(block)

    def finish(self) -> tuple[AudioPrint, ...]:
        """One print per track that had sound, in the order of the tracks; silent ones give no codes."""
        return tuple(AudioPrint(ALGORITHM, number, *_codes(peaks)) for number, peaks in self._peaks.peaks())


def _codes(peaks: Peaks) -> tuple[FloatArray, CodeArray]:
    """Times and codes in the order of their first peaks; at most two per peak."""
    kept = peaks.strongest(PEAKS_PER_S, STORED_PROMINENCE_DB)
    trio = triples(kept.frames, kept.bands, LOOK_AHEAD)
    values = code_values(kept.frames, kept.bands, trio)
    margin = 0.5 - np.abs(values - np.rint(values)).max(axis=0)
    order = np.lexsort((-margin, trio[0]))
    first = trio[0][order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    order = order[rank < TRIPLES_PER_PEAK][:MAX_CODES]
    return kept.frames[trio[0][order]] * (HOP / RATE_HZ), joined(np.rint(values[:, order]))


def triples(frames: FloatArray, bands: FloatArray, look_ahead: int) -> IntArray:
    """All peaks with two of the next `look_ahead` that are near enough, int64 (3, n), perhaps empty."""
    count = len(frames)
    after = np.full((count, look_ahead), -1)
    used = np.zeros(count, np.int64)
    for step in range(1, count):
        delay = frames[step:] - frames[:-step]
        if not (delay <= MAX_STEP).any():
            break
        fits = (delay >= MIN_STEP) & (delay <= MAX_STEP) & (used[:-step] < look_ahead)
        at = np.flatnonzero(fits & (np.abs(bands[step:] - bands[:-step]) <= MAX_RISE))
        after[at, used[at]] = at + step
        used[at] += 1
    found = [np.zeros((3, 0), np.int64)]
    for first in range(look_ahead):
        for second in range(first + 1, look_ahead):
            at = np.flatnonzero(after[:, second] >= 0)
            near, far = after[at, first], after[at, second]
            apart = frames[far] - frames[near] >= MIN_GAP
            found.append(np.stack([at[apart], near[apart], far[apart]]))
    return np.concatenate(found, axis=1)


def code_values(frames: FloatArray, bands: FloatArray, trio: IntArray) -> FloatArray:
    """What a code holds before rounding, float64 (5, n): three bands, two delays, each in its own step."""
    first, second, third = trio
    return np.stack(
        [
            *(bands[at] / BAND_STEP for at in trio),
            (frames[second] - frames[first]) / FRAME_STEP,
            (frames[third] - frames[first]) / FRAME_STEP,
        ]
    )


def joined(values: FloatArray) -> CodeArray:
    """Rounded values (5, n) as uint32 codes of 28 bits."""
    whole = np.clip(values, 0, [[63], [63], [63], [31], [31]]).astype(np.uint32)
    codes: CodeArray = whole[0]
    for value, bits in zip(whole[1:], (6, 6, 5, 5), strict=True):
        codes = (codes << np.uint32(bits)) | value
    return codes


def _pick(track: _Track, *, last: bool) -> None:
    """Find the peaks of the held levels, except the last frames, which still lack what follows them."""
    if not track.held:
        return
    levels, times_s = np.concatenate(track.levels), np.concatenate(track.times)
    until = len(levels) if last else len(levels) - CONTEXT_FRAMES
    rows, peaks = _peaks(levels)
    inside = (rows >= track.lead) & (rows < until)
    peaks = peaks[inside]
    peaks[:, 0] += times_s[rows[inside]] * (RATE_HZ / HOP) - rows[inside]
    track.peaks.append(peaks)
    keep = 0 if last else min(len(levels), 2 * CONTEXT_FRAMES)
    track.lead = keep - CONTEXT_FRAMES if keep else 0
    track.levels, track.times = [levels[len(levels) - keep :]], [times_s[len(levels) - keep :]]
    track.held = keep
    if not keep:
        track.levels, track.times = [], []


def _peaks(levels: Float32Array) -> tuple[IntArray, FloatArray]:
    """Rows of cells that are greatest nearby and stand out of their surroundings; frame, band, dB of each."""
    prominence = levels - _box_mean(levels, AROUND_FRAMES, AROUND_BANDS)
    candidate: BoolArray = (levels > MIN_LEVEL_DB) & (prominence >= MIN_PROMINENCE_DB)
    candidate &= levels - _box_mean(levels, AROUND_FRAMES, 0) >= MIN_RISE_DB
    candidate &= levels >= _box_max(levels)
    rows, bands = np.nonzero(candidate)
    frames = rows + _vertex(levels, rows, bands, 0)
    return rows, np.stack([frames, bands + _vertex(levels, rows, bands, 1), prominence[rows, bands]], axis=1)


def _vertex(levels: Float32Array, rows: IntArray, bands: IntArray, axis: int) -> FloatArray:
    """Where between its neighbours along `axis` the parabola through a peak is greatest, −0.5 to 0.5."""
    step = (1, 0) if axis == 0 else (0, 1)
    at, last = (rows, bands)[axis], levels.shape[axis] - 1
    inner = (at > 0) & (at < last)
    rows, bands = np.where(inner, rows, step[0]), np.where(inner, bands, step[1])
    if last < 2:
        return np.zeros(len(at))
    below, above = levels[rows - step[0], bands - step[1]], levels[rows + step[0], bands + step[1]]
    bend = np.minimum(below - 2 * levels[rows, bands] + above, -1e-6)
    return np.where(inner, np.clip(0.5 * (below - above) / bend, -0.5, 0.5), 0.0).astype(np.float64)


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


def _strongest(frames: FloatArray, strengths: FloatArray, per_s: int) -> IntArray:
    """Indices of peaks with fewer than `per_s` stronger ones within half a second either way."""
    reach = 0.5 * RATE_HZ / HOP
    stronger = np.zeros(len(frames), np.int64)
    for step in range(1, min(200, len(frames))):
        near = frames[step:] - frames[:-step] <= reach
        if not near.any():
            break
        ahead = strengths[step:] > strengths[:-step]
        stronger[:-step] += near & ahead
        stronger[step:] += near & ~ahead
    return np.flatnonzero(stronger < per_s)

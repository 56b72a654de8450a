"""Write every sound track of a clip as a WAV file that stays in time with the clip.

Decoded blocks go in; `audio.wav`, `audio-2.wav`, … come out, each at its track's own rate, with the
presentation time of its first sample in the record. Gaps in the timestamps become silence and overlaps are
trimmed, so that sample ÷ rate + offset is presentation time; what had to be done is said in the notes.
Source: the time model of ISO/IEC 14496-12 (sound on the presentation timeline) and the WAVE format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.extraction.wav import WavFile, WavFormat
from vidforensics.types import AudioBlock, Probe, SoundFile, Stream

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

TOLERANCE_S = 0.02
"""Smaller disagreements between timestamps and samples are rounding and jitter, not gaps."""

MAX_GAP_S = 600.0
"""A larger hole is taken for a broken timestamp: an hour of made-up silence helps nobody."""

MAX_OVERLAP_S = 10.0
"""A larger step back is taken for a broken timestamp: the sound is kept."""

MAX_TRACKS = 16
MAX_CHANNELS = 64
DEEP_CODECS = ("pcm_s24", "pcm_s32", "pcm_f32", "pcm_f64", "pcm_u24", "pcm_u32")
DEEP_LOSSLESS = ("flac", "alac", "wavpack", "tta", "mlp", "truehd", "ape")


@dataclass
class _Track:
    """One track on its way into its file, and what had to be done to keep it in time."""

    file: WavFile
    stream: Stream | None
    offset_s: float
    shift_s: float = 0.0
    silence_s: float = 0.0
    gaps: int = 0
    trimmed_s: float = 0.0
    overlaps: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def due_s(self) -> float:
        """Presentation time at which the next sample is due."""
        return self.offset_s + self.shift_s + self.file.samples / self.file.form.sample_rate_hz


class WavWriter:
    """Writes every track as its blocks come.

    Args:
        folder: existing folder that the files are written into.
        probe: names the sound streams; track k is the k-th of them.

    """

    def __init__(self, folder: Path, probe: Probe) -> None:
        self._folder = folder
        self._streams = [s for s in probe.streams if s.kind == "audio"]
        self._limit_s = min(MAX_GAP_S, probe.duration_s or MAX_GAP_S)
        self._tracks: dict[int, _Track] = {}
        self._refused: set[int] = set()

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of one track.

        Raises:
            OutputError: the disk is full or the folder is not writable.

        """
        if not block.samples.size or block.sample_rate_hz <= 0:
            return
        track = self._track(block)
        if track is None:
            return
        samples = _kept_in_time(track, block.start_s, _in_form(track, block), self._limit_s)
        if len(samples):
            track.file.write(samples)

    def finish(self) -> tuple[SoundFile, ...]:
        """Close every file; tracks without a single sample have none."""
        done = []
        for number, track in sorted(self._tracks.items()):
            track.file.finish()
            done.append(_record(number, track))
        return tuple(done)

    def discard(self) -> None:
        """Remove what was written; for a pass that failed."""
        for track in self._tracks.values():
            track.file.discard()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was lost or straightened, one sentence each; tracks are counted from 1."""
        notes = [f"Sound track {k}: {n}" for k, t in sorted(self._tracks.items()) for n in _notes(t)]
        if self._refused:
            notes.append(f"{len(self._refused)} further sound tracks were not written (limit {MAX_TRACKS}).")
        return tuple(notes)

    def _track(self, block: AudioBlock) -> _Track | None:
        track = self._tracks.get(block.track)
        if track is None:
            if len(self._tracks) >= MAX_TRACKS:
                self._refused.add(block.track)
                return None
            stream = self._streams[block.track] if block.track < len(self._streams) else None
            name = "audio.wav" if block.track == 0 else f"audio-{block.track + 1}.wav"
            channels = min(MAX_CHANNELS, block.samples.shape[1])
            form = WavFormat(block.sample_rate_hz, channels, _bits(stream))
            track = _Track(WavFile(self._folder / name, form), stream, block.start_s)
            self._tracks[block.track] = track
        return track


def _bits(stream: Stream | None) -> int:
    """24 where the coded source holds more than 16 bits per sample, else 16; lossy codecs hold no bits."""
    if stream is None or stream.codec is None:
        return 16
    if stream.codec.startswith(DEEP_CODECS):
        return 24
    wide = stream.sample_format is not None and stream.sample_format.rstrip("p") in ("s32", "flt", "dbl")
    return 24 if stream.codec in DEEP_LOSSLESS and wide else 16


def _in_form(track: _Track, block: AudioBlock) -> Float32Array:
    """The block's samples at the file's rate and count of channels; a change is noted once."""
    form, samples = track.file.form, block.samples
    if block.sample_rate_hz != form.sample_rate_hz:
        _note(track, "the sample rate changes within the track; later sound was converted to the first rate.")
        samples = _at_rate(samples, block.sample_rate_hz, form.sample_rate_hz)
    if samples.shape[1] != form.channels:
        _note(track, "the number of channels changes within the track; later sound was mapped to the first.")
        samples = _with_channels(samples, form.channels)
    return samples


def _note(track: _Track, sentence: str) -> None:
    if sentence not in track.notes:
        track.notes.append(sentence)


def _at_rate(samples: Float32Array, rate_hz: int, wanted_hz: int) -> Float32Array:
    """Linear interpolation: good enough to listen to a broken stream, and it keeps time."""
    count = max(1, round(len(samples) * wanted_hz / rate_hz))
    at = np.arange(count) * (rate_hz / wanted_hz)
    columns = [np.interp(at, np.arange(len(samples)), samples[:, k]) for k in range(samples.shape[1])]
    return np.stack(columns, axis=1).astype(np.float32)


def _with_channels(samples: Float32Array, channels: int) -> Float32Array:
    """To one channel: the mean; from one: the same in each; else the first ones, the rest silent."""
    if channels == 1:
        mean: Float32Array = samples.mean(axis=1, keepdims=True, dtype=np.float32)
        return mean
    if samples.shape[1] == 1:
        return np.repeat(samples, channels, axis=1)
    mapped = np.zeros((len(samples), channels), np.float32)
    shared = min(channels, samples.shape[1])
    mapped[:, :shared] = samples[:, :shared]
    return mapped


def _kept_in_time(track: _Track, start_s: float, samples: Float32Array, limit_s: float) -> Float32Array:
    """Fill a gap before the samples, or cut off what overlaps with those already written."""
    rate = track.file.form.sample_rate_hz
    gap_s = start_s - track.due_s
    if not np.isfinite(gap_s) or abs(gap_s) <= TOLERANCE_S:
        return samples
    if gap_s > limit_s - track.silence_s or gap_s < -MAX_OVERLAP_S:
        _note(track, f"its timestamps jump by {gap_s:+.1f} s at {track.due_s:.2f} s; the WAV runs on.")
        track.shift_s += gap_s
        return samples
    if gap_s > 0:
        track.gaps, track.silence_s = track.gaps + 1, track.silence_s + gap_s
        track.file.write_silence(round(gap_s * rate))
        return samples
    cut = min(len(samples), round(-gap_s * rate))
    track.overlaps, track.trimmed_s = track.overlaps + 1, track.trimmed_s + cut / rate
    return samples[cut:]


def _notes(track: _Track) -> list[str]:
    notes = list(track.notes)
    if track.gaps:
        plural = "s" if track.gaps > 1 else ""
        notes.append(
            f"{track.gaps} gap{plural} in its timestamps, filled with {track.silence_s:.2f} s of silence."
        )
    if track.overlaps:
        notes.append(f"timestamps overlap {track.overlaps}×; {track.trimmed_s:.2f} s were trimmed.")
    return notes


def _record(number: int, track: _Track) -> SoundFile:
    form, stream = track.file.form, track.stream
    return SoundFile(
        track=number,
        stream_index=number if stream is None else stream.index,
        path=track.file.path.name,
        offset_s=track.offset_s,
        duration_s=track.file.samples / form.sample_rate_hz,
        sample_rate_hz=form.sample_rate_hz,
        channels=form.channels,
        language=None if stream is None else stream.language,
        notes=tuple(_notes(track)),
    )

"""The sound side of the decode pass: decoded frames of one track in, blocks of about a second out.

Takes libav audio frames; gives float32 samples at the track's own rate and their channel mean at 16 kHz,
each with the time of its first sample, so that a gap in the timestamps stays a gap. Resampling is
libswresample's polyphase filter, run once per gapless stretch and flushed at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame, AudioResampler

from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.types import AudioBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MONO_HZ = 16_000
JUMP_S = 0.005
DRIFT_S = 0.050
_INTEGER_SCALE = {"u1": 128.0, "i2": 32_768.0, "i4": 2_147_483_648.0, "i8": 9_223_372_036_854_775_808.0}


class SoundTrack:
    """Turns the frames of one sound stream into blocks."""

    def __init__(self, track: int, origin_s: float, block_s: float, problems: ProblemLog) -> None:
        self._track = track
        self._origin_s = origin_s
        self._block_s = block_s
        self._problems = problems
        self._run: _Run | None = None
        self._ticks: tuple[int, int] | None = None
        self._last_jump_base: tuple[float, float] | None = None
        self.sample_count = 0

    def take(self, frame: AudioFrame) -> Iterator[AudioBlock]:
        """Take the next frame of the decoder; gives the block that it completes, if any."""
        samples = self._samples(frame)
        if len(samples) == 0 or frame.sample_rate <= 0:
            return
        time_s = self._time_of(frame)
        run = self._run
        if run is not None and self._breaks(run, frame, samples.shape[1], time_s):
            yield from self.flush()
            run = None
        if run is None:
            start_s = time_s if time_s is not None else self._expected_s()
            run = self._run = _Run(self._track, start_s, frame.sample_rate, samples.shape[1])
        self.sample_count += len(samples)
        duration_s = len(samples) / frame.sample_rate
        start_s = time_s if time_s is not None else run.end_s
        self._last_jump_base = (start_s, duration_s)
        run.add(samples)
        if run.pending_s >= self._block_s:
            yield run.block()

    def flush(self) -> Iterator[AudioBlock]:
        """Give what is still held back and end the stretch."""
        run, self._run = self._run, None
        if run is not None:
            yield run.block(last=True)

    def _time_of(self, frame: AudioFrame) -> float | None:
        ticks = frame.pts if frame.pts is not None else frame.dts
        if self._ticks is None and frame.time_base is not None:
            self._ticks = (frame.time_base.numerator, frame.time_base.denominator)
        if ticks is None or self._ticks is None:
            self._problems.add(
                f"sound pts {self._track}", f"Sound track {self._track} has pieces without timestamps"
            )
            return None
        return ticks * self._ticks[0] / self._ticks[1] - self._origin_s

    def _expected_s(self) -> float:
        return sum(self._last_jump_base) if self._last_jump_base else 0.0

    def _breaks(self, run: _Run, frame: AudioFrame, channels: int, time_s: float | None) -> bool:
        if (frame.sample_rate, channels) != (run.rate_hz, run.channels):
            self._problems.add(
                f"sound format {self._track}", f"Sound track {self._track} changes its format", time_s
            )
            return True
        if time_s is None:
            return False
        tick_s = self._ticks[0] / self._ticks[1] if self._ticks else 0.0
        jump_s = time_s - self._expected_s()
        # containers round each time to a tick, so a single step may be off by two; drift is another matter
        if abs(jump_s) <= max(JUMP_S, 2.5 * tick_s) and abs(time_s - run.end_s) <= DRIFT_S + 2.5 * tick_s:
            return False
        kind = "gap" if time_s > run.end_s else "overlap"
        self._problems.add(
            f"sound {kind} {self._track}",
            f"Sound track {self._track} has {'a gap' if kind == 'gap' else 'an overlap'} of "
            f"{abs(time_s - run.end_s) * 1000:.1f} ms in its timestamps",
            time_s,
        )
        return True

    def _samples(self, frame: AudioFrame) -> NDArray[np.float32]:
        raw = frame.to_ndarray()
        channels = frame.layout.nb_channels
        samples = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
        code = samples.dtype.str[1:]
        if code in _INTEGER_SCALE:
            offset = 128.0 if code == "u1" else 0.0
            return ((samples - np.float64(offset)) / _INTEGER_SCALE[code]).astype(np.float32)
        samples = samples.astype(np.float32, copy=False)
        if not np.isfinite(np.dot(samples.ravel(), samples.ravel())):
            self._problems.add(
                f"sound nan {self._track}", f"Sound track {self._track} holds values that are no numbers"
            )
            samples = np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1.0, 1.0)
        return samples


class _Run:
    """A stretch without gaps: samples waiting for their block, and the resampler in mid-stretch."""

    def __init__(self, track: int, start_s: float, rate_hz: int, channels: int) -> None:
        self._track = track
        self._start_s = start_s
        self.rate_hz = rate_hz
        self.channels = channels
        self._pending: list[NDArray[np.float32]] = []
        self._pending_count = 0
        self._given_count = 0
        self._mono_count = 0
        self._resampler = (
            None if rate_hz == MONO_HZ else AudioResampler(format="flt", layout="mono", rate=MONO_HZ)
        )

    @property
    def end_s(self) -> float:
        return self._start_s + (self._given_count + self._pending_count) / self.rate_hz

    @property
    def pending_s(self) -> float:
        return self._pending_count / self.rate_hz

    def add(self, samples: NDArray[np.float32]) -> None:
        self._pending.append(samples)
        self._pending_count += len(samples)

    def block(self, last: bool = False) -> AudioBlock:
        empty = np.empty((0, self.channels), np.float32)
        samples = np.ascontiguousarray(np.concatenate(self._pending) if self._pending else empty)
        start_s = self._start_s + self._given_count / self.rate_hz
        mono_start_s = self._start_s + self._mono_count / MONO_HZ
        mono = self._resampled(samples, last)
        self._given_count += len(samples)
        self._mono_count += len(mono)
        self._pending, self._pending_count = [], 0
        return AudioBlock(self._track, start_s, samples, self.rate_hz, mono_start_s, mono)

    def _resampled(self, samples: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        mono: NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32)
        if self._resampler is None:
            return mono
        pieces = []
        if len(mono):
            frame = AudioFrame.from_ndarray(mono[np.newaxis], format="flt", layout="mono")
            frame.sample_rate = self.rate_hz
            pieces += self._resampler.resample(frame)
        if last:
            pieces += self._resampler.resample(None)
        arrays = [piece.to_ndarray()[0] for piece in pieces]
        return np.concatenate(arrays) if arrays else np.empty(0, np.float32)

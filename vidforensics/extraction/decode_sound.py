"""The sound side of the decode pass: decoded frames of one track in, blocks of about a second out.

Takes libav audio frames; gives float32 samples at the track's own rate and their channel mean at 16 kHz,
each with the time of its first sample, so that a gap in the timestamps stays a gap. Resampling is
libswresample's polyphase filter, run once per gapless stretch and flushed at its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from av import AudioFifo, AudioFrame, AudioResampler

from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.types import AudioBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MONO_HZ = 16_000
JUMP_S = 0.005
# a step of at most this size may be a codec's wavering block times, if the next pieces take it back
WAVER_S = 0.050
CONFIRMED_AFTER_S = 0.3
MAX_RATE_HZ = 1_000_000
_INTEGER_SCALE = {"u1": 128.0, "i2": 32_768.0, "i4": 2_147_483_648.0, "i8": 9_223_372_036_854_775_808.0}


@dataclass(frozen=True, slots=True)
class _Format:
    """What all samples of a stretch have in common."""

    rate_hz: int
    channels: int
    name: str
    is_planar: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """One decoded frame."""

    frame: AudioFrame
    count: int
    layout: _Format
    time_s: float | None


class SoundTrack:
    """Turns the frames of one sound stream into blocks."""

    def __init__(self, track: int, origin_s: float, block_s: float, problems: ProblemLog) -> None:
        """Start with nothing decoded; a block holds at least `block_s` seconds unless a gap ends it."""
        self._track = track
        self._origin_s = origin_s
        self._block_s = block_s
        self._problems = problems
        self._run: _Run | None = None
        self._ticks: tuple[int, int] | None = None
        self._end_s = 0.0
        self.latest_s = 0.0
        self._doubtful: list[_Piece] = []
        self.sample_count = 0

    def take(self, frame: AudioFrame) -> Iterator[AudioBlock]:
        """Take the next frame of the decoder; gives the blocks that it completes, if any."""
        if frame.samples <= 0 or not 0 < frame.sample_rate <= MAX_RATE_HZ:
            return
        form = frame.format
        layout = _Format(frame.sample_rate, frame.layout.nb_channels, form.name, form.is_planar)
        time_s = self._time_of(frame)
        self.sample_count += frame.samples
        yield from self._place(_Piece(frame, frame.samples, layout, time_s))

    def flush(self) -> Iterator[AudioBlock]:
        """Give what is still held back and end the stretch."""
        doubtful, self._doubtful = self._doubtful, []
        for piece in doubtful:
            self._append(piece)
        run, self._run = self._run, None
        if run is not None:
            yield run.block(last=True)

    def _place(self, piece: _Piece) -> Iterator[AudioBlock]:
        """Append a piece; one whose time is a little off waits until the next ones confirm or deny a jump."""
        off_s = self._off_s(piece)
        if off_s is not None and abs(off_s) <= WAVER_S and self._doubtful_s() < CONFIRMED_AFTER_S:
            self._doubtful.append(piece)
            return
        doubtful, self._doubtful = self._doubtful, []
        if off_s is None:
            for earlier in doubtful:
                self._append(earlier)
        else:
            yield from self._break(doubtful[0] if doubtful else piece)
            for earlier in doubtful:
                self._append(earlier)
        if self._run is not None and piece.layout != self._run.layout:  # it changed while pieces waited
            yield from self._break(piece)
        self._append(piece)
        if self._run is not None and self._run.pending_s >= self._block_s:
            yield self._run.block()

    def _append(self, piece: _Piece) -> None:
        if self._run is None:
            start_s = self._end_s if piece.time_s is None else piece.time_s
            self._run = _Run(self._track, start_s, piece.layout, self._problems)
        self._run.add(piece.frame, piece.count)
        self._end_s = self._run.end_s
        self.latest_s = max(self.latest_s, self._end_s)

    def _time_of(self, frame: AudioFrame) -> float | None:
        ticks = frame.pts if frame.pts is not None else frame.dts
        if self._ticks is None and frame.time_base is not None:
            # read once, as libav's frames of one stream share it and each reading builds a Fraction
            self._ticks = (frame.time_base.numerator, frame.time_base.denominator)
        if ticks is None or self._ticks is None:
            self._note("pts", "has pieces without timestamps")
            return None
        return ticks * self._ticks[0] / self._ticks[1] - self._origin_s

    def _off_s(self, piece: _Piece) -> float | None:
        """How far a piece lies from where the stretch ends; None if it continues it."""
        run = self._run
        if run is None:
            return None
        if piece.layout != run.layout:
            return math.inf
        if piece.time_s is None:
            return None
        # containers round each time to a tick, so a step may be off by two
        slack_s = 2.5 * self._ticks[0] / self._ticks[1] if self._ticks else 0.0
        off_s = piece.time_s - (run.end_s + self._doubtful_s())
        return None if abs(off_s) <= max(JUMP_S, slack_s) else off_s

    def _doubtful_s(self) -> float:
        return sum(piece.count / piece.layout.rate_hz for piece in self._doubtful)

    def _break(self, piece: _Piece) -> Iterator[AudioBlock]:
        """End the stretch before `piece`, and tell why."""
        run, self._run = self._run, None
        if run is None:
            return
        yield run.block(last=True)
        if piece.layout != run.layout:
            self._note("format", "changes its format", piece.time_s)
        elif piece.time_s is not None:
            off_s = piece.time_s - run.end_s
            kind = "a gap" if off_s > 0.0 else "an overlap"
            self._note(kind, f"has {kind} of {abs(off_s) * 1000:.1f} ms in its timestamps", piece.time_s)

    def _note(self, code: str, what: str, time_s: float | None = None) -> None:
        self._problems.add(f"sound {self._track} {code}", f"Sound track {self._track} {what}", time_s)


class _Run:
    """A stretch without gaps: samples waiting for their block, and the resampler in mid-stretch."""

    def __init__(self, track: int, start_s: float, layout: _Format, problems: ProblemLog) -> None:
        self._track = track
        self._start_s = start_s
        self.layout = layout
        self._problems = problems
        # gathers in C what would cost an array per frame
        self._pending = AudioFifo()
        self._pending_count = 0
        self._given_count = 0
        self._mono_count = 0
        passes = layout.rate_hz == MONO_HZ
        self._resampler = None if passes else AudioResampler(format="flt", layout="mono", rate=MONO_HZ)

    @property
    def end_s(self) -> float:
        return self._start_s + (self._given_count + self._pending_count) / self.layout.rate_hz

    @property
    def pending_s(self) -> float:
        return self._pending_count / self.layout.rate_hz

    def add(self, frame: AudioFrame, count: int) -> None:
        frame.pts = None
        self._pending.write(frame)
        self._pending_count += count

    def block(self, last: bool = False) -> AudioBlock:
        samples = self._samples()
        start_s = self._start_s + self._given_count / self.layout.rate_hz
        mono_start_s = self._start_s + self._mono_count / MONO_HZ
        mono = self._resampled(samples, last)
        self._given_count += len(samples)
        self._mono_count += len(mono)
        self._pending_count = 0
        return AudioBlock(self._track, start_s, samples, self.layout.rate_hz, mono_start_s, mono)

    def _samples(self) -> NDArray[np.float32]:
        gathered = self._pending.read()
        if gathered is None:
            return np.empty((0, self.layout.channels), np.float32)
        raw = gathered.to_ndarray()
        samples = _float32(raw.T if self.layout.is_planar else raw.reshape(-1, self.layout.channels))
        if not np.isfinite(np.dot(samples.ravel(), samples.ravel())):
            sentence = f"Sound track {self._track} holds values that are no usable numbers"
            self._problems.add(f"sound {self._track} nan", sentence, self._start_s)
            samples = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
        return samples

    def _resampled(self, samples: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        mono: NDArray[np.float32] = samples @ np.full(samples.shape[1], 1.0 / samples.shape[1], np.float32)
        if self._resampler is None:
            return mono
        pieces: list[AudioFrame] = []
        if len(mono):
            frame = AudioFrame.from_ndarray(mono[np.newaxis], format="flt", layout="mono")
            frame.sample_rate = self.layout.rate_hz
            pieces += self._resampler.resample(frame)
        if last:
            pieces += self._resampler.resample(None)
        return np.concatenate([np.empty(0, np.float32), *(piece.to_ndarray()[0] for piece in pieces)])


def _float32(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Samples of any libav format, (n, channels), as contiguous float32 of full scale 1."""
    code = samples.dtype.str[1:]
    if code not in _INTEGER_SCALE:
        return np.ascontiguousarray(samples, np.float32)
    zero = 128.0 if code == "u1" else 0.0
    return np.ascontiguousarray((samples - zero) * (1.0 / _INTEGER_SCALE[code]), np.float32)

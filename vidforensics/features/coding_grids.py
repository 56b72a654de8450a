"""Gather the first sound track at its own rate, then look for the frames of an earlier AAC coding in it.

Decoded blocks go in, one `CodingGrids` comes out. The samples wait in a spool, as every offset of a frame
must be tried before it is known which one to follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.aac_frames import FRAME
from vidforensics.features.coding_runs import followed, frames_in, runs_of
from vidforensics.features.sound_series_framing import finite, mono_mix
from vidforensics.spool import Spool
from vidforensics.types import AudioBlock, CodingGrids

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

MOST_SAMPLES = 1 << 27
"""46 minutes at 48 kHz, 268 MB of temporary file; what lies behind is not looked at."""

MOST_JUMP_S = 10.0
CODECS = ("aac", "mp2", "mp3", "opus", "flac", "alac")
"""Vorbis and AC-3 have frames of 1,024 samples, or of parts of it, at offsets that nothing here tells."""

LEAST_RATE_HZ = 16_000
LEAST_FRAMES = 100


class CodingGridAccumulator:
    """Takes the sound of the decode pass."""

    def __init__(self, codec: str | None = None) -> None:
        """Start with nothing; codec: of the first sound track, as the probe names it.

        Only sound whose present frames are known, or unlike those of AAC, is looked at.
        """
        self._is_aac = codec == "aac"
        self._can_tell = codec in CODECS or (codec or "").startswith("pcm_")
        self._rate_hz = 0
        self._own: int | None = None
        self._samples = Spool[np.int16](np.int16, ())
        self._firsts: list[int] = []
        self._starts_s: list[float] = []
        self._until_s: float | None = None

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of the first track, until it changes its rate."""
        if not self._can_tell or block.track != 0 or not len(block.samples) or self._until_s is not None:
            return
        if not self._rate_hz:
            self._rate_hz = block.sample_rate_hz
            # a block is made of whole decoded frames, of which only the first may have been cut short
            self._own = len(block.samples) % FRAME if self._is_aac else None
        if block.sample_rate_hz != self._rate_hz or len(self._samples) >= MOST_SAMPLES:
            self._until_s = block.start_s
            return
        self._firsts.append(len(self._samples))
        self._starts_s.append(block.start_s)
        mono = np.clip(mono_mix(finite(block.samples)), -1.0, 1.0)
        self._samples.append(np.rint(mono * np.float32(32767)).astype(np.int16))

    def finish(self) -> CodingGrids | None:
        """What was found; None where there is no sound, less than 100 frames of it, or of a low rate."""
        samples = self._samples.finish()
        if self._rate_hz < LEAST_RATE_HZ or frames_in(samples) < LEAST_FRAMES:
            return None
        found = followed(samples, self._own)
        return CodingGrids(
            track=0,
            frame_s=FRAME / self._rate_hz,
            times_s=self._times_s(frames_in(samples)),
            offsets=found.offsets,
            shown=found.shown,
            runs=tuple(runs_of(found)) if len(found.offsets) else (),
            own=self._own,
            until_s=self._until_s,
        )

    def _times_s(self, count: int) -> FloatArray:
        """Presentation time of every frame's first sample, by the block it lies in; they never go back."""
        at, firsts = np.arange(count) * FRAME, np.array(self._firsts)
        starts_s = np.array(list(self._believed_s()))
        block = np.searchsorted(firsts, at, side="right") - 1
        times_s: FloatArray = np.maximum.accumulate(starts_s[block] + (at - firsts[block]) / self._rate_hz)
        return times_s

    def _believed_s(self) -> Iterator[float]:
        """Where every block begins; a far jump that the next block does not share is a broken timestamp."""
        lengths_s = np.diff([*self._firsts, len(self._samples)]) / self._rate_hz
        due_s = self._starts_s[0]
        for k, (start_s, length_s) in enumerate(zip(self._starts_s, lengths_s.tolist(), strict=True)):
            next_s = self._starts_s[k + 1] if k + 1 < len(self._starts_s) else np.inf
            is_shared = abs(next_s - start_s - length_s) <= MOST_JUMP_S
            if abs(start_s - due_s) <= MOST_JUMP_S or is_shared:
                due_s = start_s
            yield due_s
            due_s += length_s

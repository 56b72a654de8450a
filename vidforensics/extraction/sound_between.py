"""The sound of a stretch of a clip, for comparing it with another's.

Takes a path, its probe and two times; gives mono samples at 16 kHz, placed by their timestamps.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.errors import DecodeError
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.types import AudioBlock, Probe

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

RATE_HZ = 16_000


def sound_between(
    path: Path, probe: Probe, start_s: float, end_s: float, track: int = 0
) -> Float32Array | None:
    """Mono sound between two times.

    Args:
        path: the file.
        probe: what the demuxer said of it.
        start_s: where to begin; may lie before the clip.
        end_s: where to stop; may lie behind it.
        track: number of the sound track.

    Returns:
        float32 (n,) at 16 kHz, ±1 full scale, zero where the track has no samples; None for a clip without
        that track or without one sample in it.
    """
    count = max(0, round((end_s - start_s) * RATE_HZ))
    sound = np.zeros(count, dtype=np.float32)
    anything = False
    with Decoder(path, probe, DecodeOptions(picture=False)) as decoder:
        try:
            for block in decoder:
                if not isinstance(block, AudioBlock) or block.track != track or not len(block.mono):
                    continue
                anything = True
                if block.mono_start_s > end_s:
                    break
                _place(sound, block.mono, round((block.mono_start_s - start_s) * RATE_HZ))
        except DecodeError:  # no sound at all came out
            return None
    return sound if anything else None


def _place(sound: Float32Array, piece: Float32Array, at: int) -> None:
    """Copy what of `piece`, whose first sample belongs at `at`, lies inside `sound`."""
    first, last = max(at, 0), min(at + len(piece), len(sound))
    if last > first:
        sound[first:last] = piece[first - at : last - at]

"""A reel is a list of frames with its sound; editing a reel yields a new reel.

Times are frame ÷ FRAME_RATE_HZ here because a reel has a constant rate by construction; sound is cut at the
same instants, to the sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samples.camera import FRAME_RATE_HZ, Frame
from samples.voices import SAMPLE_RATE_HZ, Sound


@dataclass(frozen=True)
class Reel:
    """Frames (height, width, 3) uint8 BGR at FRAME_RATE_HZ; mono sound at SAMPLE_RATE_HZ, as long."""

    frames: Sequence[Frame]
    sound: Sound

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.frames) / FRAME_RATE_HZ

    def part(self, start: int, end: int) -> Reel:
        """Frames start … end - 1 with the sound under them."""
        return Reel(self.frames[start:end], self.sound[sample_at(start) : sample_at(end)])


def sample_at(frame: int) -> int:
    """The first sound sample under a frame."""
    return frame * SAMPLE_RATE_HZ // FRAME_RATE_HZ


def joined(parts: Iterable[Reel]) -> Reel:
    """One reel after another."""
    listed = list(parts)
    frames = [frame for part in listed for frame in part.frames]
    return Reel(frames, np.concatenate([part.sound for part in listed]))


def without(reel: Reel, start: int, end: int) -> Reel:
    """The reel with frames start … end - 1, and the sound under them, taken out."""
    return joined([reel.part(0, start), reel.part(end, len(reel))])


def overwritten(reel: Reel, other: Reel, start: int) -> Reel:
    """The reel with another one in place of as many of its frames and as much of its sound."""
    end = start + len(other)
    return joined([reel.part(0, start), other, reel.part(end, len(reel))])


def with_pictures(reel: Reel, start: int, frames: Sequence[Frame]) -> Reel:
    """The reel with other pictures from a frame on, its sound untouched."""
    listed = list(reel.frames)
    listed[start : start + len(frames)] = frames
    return Reel(listed, reel.sound)


def with_sound(reel: Reel, start: int, sound: Sound) -> Reel:
    """The reel with its sound replaced from a frame on, its pictures untouched."""
    replaced = reel.sound.copy()
    at = sample_at(start)
    replaced[at : at + len(sound)] = sound[: len(replaced) - at]
    return Reel(reel.frames, replaced)


def mixed(first: Frame, second: Frame, share: float) -> Frame:
    """One step of a dissolve: `share` of the second picture."""
    blend = first.astype(np.float32) * (1 - share) + second.astype(np.float32) * share
    return np.rint(blend).astype(np.uint8)


def dissolved(first: Reel, second: Reel, frames: int) -> Reel:
    """Two reels that overlap in a dissolve of so many frames."""
    keep = len(first) - frames
    over = [
        mixed(first.frames[keep + index], second.frames[index], (index + 1) / (frames + 1))
        for index in range(frames)
    ]
    ramp = np.linspace(0, 1, sample_at(frames))
    sound = first.sound[sample_at(keep) :][: len(ramp)] * (1 - ramp) + second.sound[: len(ramp)] * ramp
    return joined([first.part(0, keep), Reel(over, sound), second.part(frames, len(second))])


def faded(reel: Reel, frames: int, out: bool) -> Reel:
    """The reel with its last (out) or first frames faded to or from black; its sound is left as it is."""
    black = np.zeros_like(reel.frames[0])
    listed = list(reel.frames)
    for index in range(frames):
        at = len(reel) - 1 - index if out else index
        listed[at] = mixed(black, listed[at], index / frames)
    return Reel(listed, reel.sound)


def read(path: Path) -> Reel:
    """Decode a sample back to a reel, as an editor does before changing it."""
    import av

    with av.open(str(path)) as container:
        frames = [
            np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            for frame in container.decode(container.streams.video[0])
        ]
    resampler = av.AudioResampler("dblp", "mono", SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        pieces = [
            piece.to_ndarray()[0]
            for frame in container.decode(container.streams.audio[0])
            for piece in resampler.resample(frame)
        ]
    sound = np.zeros(sample_at(len(frames)))
    heard = np.concatenate(pieces)[: len(sound)]
    sound[: len(heard)] = heard
    return Reel(frames, sound)

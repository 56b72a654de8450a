"""Where somebody speaks while a face is on camera, by the silero-vad network.

The clip's first sound track goes in as it is decoded and waits in a temporary file; after the pass the
stretches with faces are listened to, and a speech probability every 32 ms comes out.
Source: Silero Team, Silero VAD, https://github.com/snakers4/silero-vad (MIT), run as published.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np

from vidforensics.types import AudioBlock, FaceTrack, Speech

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

RATE_HZ = 16000
CHUNK = 512
HOP_S = CHUNK / RATE_HZ
WARM_UP_S = 0.5
"""Sound heard before a stretch, so that the network's memory is filled."""

KEPT_IN_MEMORY_BYTES = 8 << 20


class MonoAccumulator:
    """Keeps the first sound track, mono 16 kHz 16 bits, in a temporary file: 115 MB an hour."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES)  # noqa: SIM115
        self._track: int | None = None
        self._pieces: list[tuple[float, int]] = []
        self._count = 0

    def update(self, block: AudioBlock) -> None:
        """Take the next sound; other tracks than the first are passed over."""
        self._track = block.track if self._track is None else self._track
        if block.track != self._track or not len(block.mono):
            return
        self._pieces.append((block.mono_start_s, self._count))
        samples = np.clip(np.nan_to_num(block.mono), -1.0, 1.0) * 32767.0
        self._file.write(samples.astype("<i2").tobytes())
        self._count += len(block.mono)

    def finish(self) -> MonoSound:
        """The kept sound; of no length where there was none."""
        return MonoSound(self._file, tuple(self._pieces), self._count)


class MonoSound:
    """Kept sound, read by time until it is left as a context; samples lie where timestamps put them."""

    def __init__(self, file: IO[bytes], pieces: tuple[tuple[float, int], ...], count: int) -> None:
        self._file = file
        self._starts_s = np.array([p[0] for p in pieces], np.float64)
        self._firsts = np.array([p[1] for p in pieces] + [count], np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def between(self, start_s: float, end_s: float) -> Float32Array:
        """Samples of [start_s, end_s), float32, ±1; zero where the track has none."""
        out = np.zeros(max(0, round((end_s - start_s) * RATE_HZ)), np.float32)
        lengths_s = np.diff(self._firsts) / RATE_HZ
        meets = (self._starts_s < end_s) & (self._starts_s + lengths_s > start_s)
        for i in np.flatnonzero(meets):
            self._file.seek(int(self._firsts[i]) * 2)
            data = self._file.read(int(self._firsts[i + 1] - self._firsts[i]) * 2)
            samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32767)
            at = round((float(self._starts_s[i]) - start_s) * RATE_HZ)
            low, high = max(0, at), min(len(out), at + len(samples))
            if low < high:
                out[low:high] = samples[low - at : high - at]
        return out


def speech_while(faces: Sequence[FaceTrack], sound: MonoSound) -> tuple[Speech, ...]:
    """Speech probability through each face track, one `Speech` per track.

    Args:
        faces: the tracks; () gives ().
        sound: the clip's kept sound.
    """
    return tuple(_speech_between(sound, float(f.times_s[0]), float(f.times_s[-1]) + HOP_S) for f in faces)


def _speech_between(sound: MonoSound, start_s: float, end_s: float) -> Speech:
    skipped = round(WARM_UP_S / HOP_S)
    samples = sound.between(start_s - skipped * HOP_S, end_s + HOP_S)
    values = speech_probability(samples)[skipped:]
    times_s = start_s + (np.arange(len(values), dtype=np.float64) + 0.5) * HOP_S
    return Speech(times_s, values)


def speech_probability(samples: Float32Array) -> Float32Array:
    """Probability of speech in each whole chunk of 512 samples.

    Args:
        samples: mono float32 (n,) at 16 kHz, ±1.

    Returns:
        float32 (n // 512,), 0–1; empty for less than one chunk.
    """
    import torch

    network = _network()
    network.reset_states()
    chunks = torch.from_numpy(samples[: len(samples) // CHUNK * CHUNK].reshape(-1, CHUNK).copy())
    with torch.inference_mode():
        found = [float(network(chunk, RATE_HZ)) for chunk in chunks]
    return np.array(found, np.float32)


@cache
def _network() -> Any:
    import torch
    from silero_vad import load_silero_vad

    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the format that its weights come in
        network = load_silero_vad()  # its import sets one thread for the whole process
    torch.set_num_threads(threads)
    return network

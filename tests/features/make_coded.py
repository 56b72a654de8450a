"""Sound that was coded as AAC, once or again, made anew for every test run."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

RATE_HZ = 44_100


def music(seconds: float, seed: int) -> np.ndarray:
    """Notes with overtones over faint noise, float32 (n,)."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = rng.normal(0, 2e-3, len(times))
    for start_s in np.arange(0.0, seconds, 0.21):
        pitch_hz = 110.0 * 2.0 ** (rng.integers(0, 30) / 12)
        here = times >= start_s
        fall = np.exp(-4.0 * (times[here] - start_s))
        for overtone in range(1, 9):
            phase = 2 * np.pi * pitch_hz * overtone * times[here] + rng.uniform(0, 6)
            sound[here] += 0.12 / overtone * fall * np.sin(phase)
    return np.clip(sound, -1, 1).astype(np.float32)


def _encode(container: OutputContainer, samples: np.ndarray, bit_rate: int) -> None:
    stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
    stream.bit_rate = bit_rate
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = RATE_HZ, 0
    for packet in [*stream.encode(frame), *stream.encode(None)]:
        container.mux(packet)


def aac(samples: np.ndarray, bit_rate: int) -> np.ndarray:
    """One channel as AAC gives it back, float32 (n,); its frames begin at its first sample."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        _encode(container, samples, bit_rate)
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])


def write_aac(path: Path, samples: np.ndarray, bit_rate: int) -> None:
    """One channel as an MP4 of AAC, with nothing else in it."""
    with av.open(str(path), "w", format="mp4") as container:
        _encode(container, samples, bit_rate)

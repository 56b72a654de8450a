"""Small coded clips made in memory for the tests of the coded stream, and the probe that goes with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidforensics.types import Probe, Stream

QUIET = {"x265-params": "log-level=none"}


@dataclass(frozen=True)
class Recipe:
    """How a test clip is coded."""

    codec: str = "libx264"
    frames: int = 40
    size: tuple[int, int] = (64, 48)
    rate: int = 25
    options: dict = field(default_factory=dict)
    container: dict = field(default_factory=dict)
    sound: str | None = None
    seed: int = 1
    pixel_format: str = "yuv420p"


def picture(number: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """A moving texture."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 255, (size[1] * 2, size[0] * 2, 3), dtype=np.uint8)
    coarse = np.repeat(np.repeat(base[::8, ::8], 8, axis=0), 8, axis=1)
    return np.roll(coarse, number, axis=1)[: size[1], : size[0]].copy()


def write(path: Path, recipe: Recipe) -> Path:
    """Code a clip."""
    with av.open(str(path), "w", options=recipe.container) as out:
        stream = out.add_stream(recipe.codec, rate=recipe.rate)
        stream.width, stream.height = recipe.size
        stream.pix_fmt = recipe.pixel_format
        stream.codec_context.thread_count = 1
        stream.codec_context.options = dict(recipe.options)
        sound = out.add_stream(recipe.sound, rate=48000) if recipe.sound else None
        for number in range(recipe.frames):
            frame = av.VideoFrame.from_ndarray(picture(number, recipe.size, recipe.seed), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, recipe.rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            _write_sound(out, sound, recipe.frames / recipe.rate)
    return path


def _write_sound(out, sound, length_s: float) -> None:
    tone = np.sin(np.arange(int(length_s * 48000)) * 0.05).astype(np.float32) * 0.3
    for start in range(0, len(tone), 1024):
        block = np.stack([tone[start : start + 1024]] * 2)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48000, start
        frame.time_base = Fraction(1, 48000)
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))


def copy_packets(parts: list[tuple[Path, int, int]], out: Path) -> int:
    """Join picture packets [first, end) of several files without re-encoding; packets of the first part.

    Times go on by one frame per packet in display order within a part, as lossless cutters leave them.
    """
    with av.open(str(out), "w") as target:
        stream = None
        offset = 0
        counts = []
        for path, first, end in parts:
            with av.open(str(path)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = target.add_stream_from_template(video)
                packets = [p for p in source.demux(video) if p.size][first:end]
                lowest = min(p.pts for p in packets)
                step = packets[0].duration
                for packet in packets:
                    packet.pts += offset - lowest
                    packet.dts += offset - lowest
                    packet.stream = stream
                    target.mux(packet)
                offset += step * len(packets)
                counts.append(len(packets))
    return counts[0]


def probe_of(path: Path) -> Probe:
    """What the readers need of a probe."""
    with av.open(str(path), metadata_errors="replace") as container:
        streams = tuple(
            Stream(s.index, s.type, s.codec_context.name) for s in container.streams if s.codec_context
        )
        starts = [float(s.start_time * s.time_base) for s in container.streams if s.start_time is not None]
        length = container.duration / 1e6 if container.duration else None
        return Probe(container.format.name, length, min(starts, default=0.0), None, {}, streams)

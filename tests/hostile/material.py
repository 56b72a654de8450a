"""Hostile and odd files, made in memory with PyAV and by patching boxes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def moving(count: int, width: int, height: int) -> list[np.ndarray]:
    """Pictures (height, width, 3) of a texture that moves."""
    rng = np.random.default_rng(5)
    texture = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    return [np.roll(texture, 2 * index, axis=1) for index in range(count)]


def write_video(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: Fraction | int = 25,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Encode pictures with a codec into the container that the name says."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def small_clip(path: Path, seconds: float = 1.0, **options: object) -> Path:
    """A 96×64 clip of moving texture."""
    return write_video(path, moving(int(25 * seconds), 96, 64), **options)  # type: ignore[arg-type]


def many_sounds(path: Path, tracks: int) -> Path:
    """A file with many sound tracks of a tenth of a second each."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(tracks)]
        for index, stream in enumerate(streams):
            tone = np.sin(np.arange(800) * (0.02 + index / 400)) * 9000
            frame = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None], format="s16", layout="mono")
            frame.rate = 8000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def tone(path: Path, seconds: float = 1.0) -> Path:
    """A WAV file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        wave = np.sin(np.arange(int(8000 * seconds)) * 0.3) * 9000
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def patched(source: Path, target: Path, kind: bytes, offset: int, value: bytes) -> Path:
    """A copy with bytes replaced at an offset behind every occurrence of a box type."""
    data = bytearray(source.read_bytes())
    at = data.find(kind)
    assert at >= 0
    while at >= 0:
        data[at + offset : at + offset + len(value)] = value
        at = data.find(kind, at + 4)
    target.write_bytes(data)
    return target


def huge_duration(source: Path, target: Path) -> Path:
    """A copy that declares 2³² - 2 ticks in the movie and media headers, and in every sample's step."""
    longest = struct.pack(">I", 2**32 - 2)
    patched(source, target, b"mvhd", 4 + 16, longest)
    patched(target, target, b"mdhd", 4 + 16, longest)
    return patched(target, target, b"stts", 4 + 12, struct.pack(">I", 2**31 - 1))


def without_samples(target: Path) -> Path:
    """A fragmented file's head alone: tracks are declared, and not one sample follows."""
    whole = target.with_suffix(".whole.mp4")
    with av.open(str(whole), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for picture in moving(5, 96, 64):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    data = whole.read_bytes()
    target.write_bytes(data[: data.index(b"moof") - 4])
    whole.unlink()
    return target


def with_jumps(path: Path) -> Path:
    """A Matroska file whose pictures jump forwards by days and back again."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        packets = []
        for index, picture in enumerate(moving(20, 96, 64)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = 40 * index, Fraction(1, 1000)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for index, packet in enumerate(packets):
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = 40 * index + (3 * 86_400_000 if index >= 10 else 0)
            container.mux(packet)
    return path


def transport_stream(path: Path, parts: int = 1) -> Path:
    """A transport stream of so many copies of itself, so that its clock starts again at each."""
    small_clip(path, codec="mpeg2video")
    data = path.read_bytes()
    path.write_bytes(data * parts)
    return path

"""Small clips for the tests of the decode pass, made with PyAV and, where it lacks a knob, with ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from vidforensics.types import FrameBlock, NativePlanes, Probe, Stream


@dataclass(frozen=True)
class Coding:
    """How the picture of a test clip is coded."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rate: Fraction = Fraction(25)
    sample_aspect: Fraction | None = None
    options: dict[str, str] | None = None
    start_ticks: int = 0
    steps: Sequence[int] | None = None


def texture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A smooth random colour picture, uint8 BGR."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def moving(count: int, width: int = 160, height: int = 96, seed: int = 0) -> list[np.ndarray]:
    """A texture that pans by two samples per frame."""
    wide = texture(width + 2 * count, height, seed)
    return [np.ascontiguousarray(wide[:, 2 * i : 2 * i + width]) for i in range(count)]


def write_clip(
    path: Path,
    pictures: Sequence[np.ndarray],
    coding: Coding | None = None,
    tones: Sequence[tuple[int, int, float, float]] = (),
) -> Path:
    """Write pictures and sound tracks; a tone is (rate, channels, seconds, start)."""
    coding = coding or Coding()
    with av.open(str(path), "w") as container:
        stream: Any = _picture_stream(container, pictures, coding) if len(pictures) else None
        sounds = [_sound_stream(container, rate, channels) for rate, channels, _, _ in tones]
        ticks = coding.start_ticks
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=coding.pixel_format)
            frame.pts, frame.time_base = ticks, 1 / coding.rate
            ticks += coding.steps[index] if coding.steps else 1
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
        for sound, tone in zip(sounds, tones, strict=True):
            _write_tone(container, sound, *tone)
    return path


def _picture_stream(container: Any, pictures: Sequence[np.ndarray], coding: Coding) -> Any:
    options = coding.options or ({"preset": "ultrafast", "crf": "12"} if coding.codec == "libx264" else {})
    stream = container.add_stream(coding.codec, rate=coding.rate, options=options)
    stream.height, stream.width = pictures[0].shape[:2]
    stream.pix_fmt = coding.pixel_format
    stream.time_base = stream.codec_context.time_base = 1 / coding.rate
    if coding.sample_aspect:
        stream.codec_context.sample_aspect_ratio = coding.sample_aspect
    return stream


def _sound_stream(container: Any, rate: int, channels: int) -> Any:
    lossless = "mp4" not in container.format.name
    layout = {1: "mono", 2: "stereo"}[channels]
    return container.add_stream("pcm_s16le" if lossless else "aac", rate=rate, layout=layout)


def _write_tone(
    container: Any, stream: Any, rate: int, channels: int, seconds: float, start_s: float
) -> None:
    time_s = np.arange(round(rate * seconds)) / rate
    tone = (8000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    for first in range(0, len(tone), 1024):
        part = np.repeat(tone[first : first + 1024], channels)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout={1: "mono", 2: "stereo"}[channels])
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(start_s * rate) + first
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def ffmpeg(*arguments: str) -> bytes:
    """Run the ffmpeg program of imageio-ffmpeg; gives its output."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def probe(path: Path) -> Probe:
    """As much of a probe as decoding needs."""
    streams, starts = [], []
    with av.open(str(path)) as container:
        for stream in container.streams:
            attached = bool(stream.disposition & av.stream.Disposition.attached_pic)
            streams.append(
                Stream(
                    stream.index,
                    stream.type,
                    None,
                    time_base=str(stream.time_base),
                    is_attached_picture=attached,
                )
            )
            if stream.type in ("video", "audio") and not attached and stream.start_time is not None:
                starts.append(float(stream.start_time * stream.time_base))
        return Probe(container.format.name, None, min(starts, default=0.0), None, {}, tuple(streams))


class Still:
    """A Picture that is already converted."""

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = picture

    def to_bgr(self) -> np.ndarray:
        return self._picture

    def planes(self) -> NativePlanes:
        grey = cv2.cvtColor(self._picture, cv2.COLOR_BGR2GRAY)
        flat = np.full((grey.shape[0] // 2, grey.shape[1] // 2), 128, np.uint8)
        return NativePlanes(grey, (flat, flat), True)


def blocks_of(
    luma: np.ndarray, rate: float = 25.0, size: int = 32, times_s: np.ndarray | None = None
) -> list[FrameBlock]:
    """Blocks of grey analysis planes (N, h, w), as the decoder would give them."""
    times_s = np.arange(len(luma)) / rate if times_s is None else times_s
    chroma = np.full((len(luma), 2, luma.shape[1] // 2, luma.shape[2] // 2), 128, np.uint8)
    stills = [Still(cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR)) for plane in luma]
    return [
        FrameBlock(i, times_s[i : i + size], luma[i : i + size], chroma[i : i + size], stills[i : i + size])
        for i in range(0, len(luma), size)
    ]

"""Small seeds for the fuzzer, one per container, made from the samples: 16 frames and a little sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH_PX, HEIGHT_PX, FRAMES = 128, 72, 16
RATE_HZ = 44100


@dataclass(frozen=True)
class Recipe:
    """How one seed is coded."""

    name: str
    video: str | None = "libx264"
    audio: str | None = "aac"
    pixels: str = "yuv420p"
    rate_hz: int = RATE_HZ
    muxer: dict[str, str] = field(default_factory=dict)


RECIPES = (
    Recipe("plain.mp4"),
    Recipe("fronted.mp4", muxer={"movflags": "+faststart"}),
    Recipe("fragments.mp4", muxer={"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    Recipe("hevc.mp4", video="libx265", audio=None),
    Recipe("quicktime.mov", video="mjpeg", audio="pcm_s16le", pixels="yuvj420p"),
    Recipe("matroska.mkv"),
    Recipe("web.webm", video="libvpx-vp9", audio="libopus", rate_hz=48000),
    Recipe("riff.avi", video="mpeg4", audio="mp3"),
    Recipe("transport.ts", video="mpeg2video", audio="mp2"),
    Recipe("transport264.ts"),
    Recipe("sound.wav", video=None, audio="pcm_s16le"),
)


def _source(sample: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """The first pictures of a sample, small, and a little of its sound."""
    pictures: list[np.ndarray] = []
    with av.open(str(sample)) as container:
        for frame in container.decode(video=0):
            pictures.append(frame.reformat(WIDTH_PX, HEIGHT_PX, "rgb24").to_ndarray())
            if len(pictures) == FRAMES:
                break
    sound: list[np.ndarray] = []
    with av.open(str(sample)) as container:
        for frame in container.decode(audio=0):
            sound.append(frame.to_ndarray()[0])
            if sum(map(len, sound)) > FRAMES * RATE_HZ // 25:
                break
    return pictures, np.concatenate(sound)


def _encode(path: Path, recipe: Recipe, pictures: list[np.ndarray], sound: np.ndarray) -> None:
    with av.open(str(path), "w", options=recipe.muxer) as container:
        container.metadata.update(
            {"title": "seed", "comment": "for the fuzzer", "creation_time": "2024-05-14T16:20:00Z"}
        )
        video = audio = None
        if recipe.video:
            options = {"x265-params": "log-level=none"} if recipe.video == "libx265" else {"g": "8"}
            video = container.add_stream(recipe.video, rate=25, options=options)
            video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, recipe.pixels
        if recipe.audio:
            audio = container.add_stream(recipe.audio, rate=recipe.rate_hz, layout="mono")
        if video:
            for picture in pictures:
                container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(video.encode(None))
        if audio:
            frame = av.AudioFrame.from_ndarray(
                (sound * 32000).astype(np.int16)[None], format="s16", layout="mono"
            )
            frame.rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
            resampler = av.AudioResampler(
                audio.format, audio.layout, recipe.rate_hz, audio.frame_size or None
            )
            for piece in (*resampler.resample(frame), *resampler.resample(None)):
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))


def make_corpus(folder: Path, sample: Path) -> list[Path]:
    """Write every seed into a folder and return their paths."""
    pictures, sound = _source(sample)
    paths = []
    for recipe in RECIPES:
        path = folder / recipe.name
        _encode(path, recipe, pictures, sound)
        paths.append(path)
    return paths

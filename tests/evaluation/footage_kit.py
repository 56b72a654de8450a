"""Small synthetic footage: textured clips whose brightness tells the time, with sound of their own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scipy.ndimage import gaussian_filter

RATE = 10
LENGTH_S = 6.0


def write_footage(path: Path, seed: int, sound: bool = True, size: tuple[int, int] = (160, 96)) -> Path:
    """A still texture that brightens steadily, and a chord of its own."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.normal(size=(size[1], size[0])), 5)
    texture = 40 * texture / np.abs(texture).max()
    texture -= texture.mean()
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        track = container.add_stream("aac", rate=32000, layout="mono") if sound else None
        for index in range(round(LENGTH_S * RATE)):
            level = np.clip(60 + 15 * index / RATE + texture, 0, 255).astype(np.uint8)
            planes = np.concatenate([level.reshape(-1), np.full(size[0] * size[1] // 2, 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(planes.reshape(-1, size[0]), format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if track is not None:
            time_s = np.arange(int(LENGTH_S * 32000)) / 32000
            wave = sum(np.sin(2 * np.pi * f * time_s) for f in rng.uniform(200, 3000, 4)) / 8
            heard = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), format="fltp", layout="mono")
            heard.sample_rate = 32000
            container.mux(track.encode(heard))
            container.mux(track.encode(None))
    return path


def write_folder(folder: Path, loud: int = 7, silent: int = 1) -> Path:
    """A folder of such clips, and one voice without a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(loud + silent):
        write_footage(folder / f"clip{index}.mp4", index, sound=index < loud)
    with av.open(str(folder / "voice.wav"), "w") as container:
        track = container.add_stream("pcm_s16le", rate=32000, layout="mono")
        noise = np.random.default_rng(9).normal(scale=3000, size=(1, 64000)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate = 32000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return folder


def pictures(path: Path) -> list[tuple[float, np.ndarray]]:
    """Time and luma (h, w) of every frame."""
    with av.open(str(path)) as container:
        return [
            (float(f.time or 0), f.to_ndarray(format="gray").astype(np.float32))
            for f in container.decode(container.streams.video[0])
        ]

"""Encode reels to files with ffmpeg-python driving imageio-ffmpeg's binary; join without re-encoding.

Thread counts are fixed, so that the same version of the encoder writes the same bytes on every machine.
"""

from __future__ import annotations

import tempfile
import wave
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from samples.camera import FRAME_RATE_HZ
from samples.reel import Reel
from samples.voices import SAMPLE_RATE_HZ, Sound


@dataclass(frozen=True)
class Coding:
    """How one encode is made; extra keyword options go to the muxer or encoder as they are."""

    crf: int = 27
    preset: str = "medium"
    keyint: int = 75
    bframes: int = 3
    audio_kbits: int = 56
    title: str | None = None
    creation_time: str | None = "2024-05-14T16:20:00Z"
    options: dict[str, Any] = field(default_factory=dict)


def ffmpeg_path() -> str:
    """The ffmpeg that imageio-ffmpeg carries; raises SystemExit with one sentence when absent."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise SystemExit(
            "make_samples needs the dev extra: run `pip install -e .[dev]` and try again."
        ) from error
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def write_wav(path: Path, sound: Sound) -> None:
    """Write mono 16-bit sound at SAMPLE_RATE_HZ, clipped at full scale."""
    values = np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes(values.tobytes())


def _options(coding: Coding) -> dict[str, Any]:
    options: dict[str, Any] = {
        "c:v": "libx264",
        "crf": coding.crf,
        "preset": coding.preset,
        "g": coding.keyint,
        "bf": coding.bframes,
        "pix_fmt": "yuv420p",
        "threads": 2,
        "c:a": "aac",
        "b:a": f"{coding.audio_kbits}k",
    }
    tags = [("title", coding.title), ("creation_time", coding.creation_time)]
    given = [f"{name}={value}" for name, value in tags if value is not None]
    for index, tag in enumerate(given):
        options[f"metadata:g:{index}"] = tag
    return options | coding.options


def encode(reel: Reel, path: Path, coding: Coding) -> Path:
    """Encode pictures and sound of a reel into one file, and return its path."""
    import ffmpeg

    height, width = reel.frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        write_wav(wav, reel.sound)
        pictures = ffmpeg.input(
            "pipe:", format="rawvideo", pix_fmt="bgr24", s=f"{width}x{height}", framerate=FRAME_RATE_HZ
        )
        job = ffmpeg.output(pictures.video, ffmpeg.input(str(wav)).audio, str(path), **_options(coding))
        process = job.global_args("-loglevel", "error").run_async(
            ffmpeg_path(), pipe_stdin=True, overwrite_output=True
        )
        for frame in reel.frames:
            process.stdin.write(np.ascontiguousarray(frame).tobytes())
        process.stdin.close()
        if process.wait() != 0:
            raise RuntimeError(f"ffmpeg could not write {path.name}")
    return path


def copied(source: Path, path: Path, inputs: dict[str, Any] | None = None, **options: Any) -> Path:
    """Rewrite a file without re-encoding its streams, with other muxer options."""
    import ffmpeg

    job = ffmpeg.output(ffmpeg.input(str(source), **(inputs or {})), str(path), **({"c": "copy"} | options))
    job.global_args("-loglevel", "error").run(ffmpeg_path(), overwrite_output=True)
    return path


def stream_joined(parts: list[Path], path: Path) -> Path:
    """Join files without re-encoding, through ffmpeg's concat demuxer."""
    with tempfile.TemporaryDirectory() as folder:
        playlist = Path(folder) / "parts.txt"
        playlist.write_text("".join(f"file '{part}'\n" for part in parts))
        return copied(playlist, path, {"format": "concat", "safe": 0})


def resounded(source: Path, sound: Sound, path: Path, coding: Coding) -> Path:
    """The same coded pictures with another sound track."""
    import ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        write_wav(wav, sound)
        options = {"c:v": "copy", "c:a": "aac", "b:a": f"{coding.audio_kbits}k"}
        job = ffmpeg.output(
            ffmpeg.input(str(source)).video, ffmpeg.input(str(wav)).audio, str(path), **options
        )
        job.global_args("-loglevel", "error").run(ffmpeg_path(), overwrite_output=True)
    return path


def frame_times_s(path: Path) -> list[float]:
    """Presentation times of every picture of a file, in order; 0 is where its earliest stream starts."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = Fraction(stream.time_base or 1)
        starts = [(one.start_time, one.time_base) for one in container.streams]
        origin = min(start * tick for start, tick in starts if start is not None and tick is not None)
        stamps = [packet.pts for packet in container.demux(stream) if packet.pts is not None and packet.size]
    return [round(float(stamp * base - origin), 6) for stamp in sorted(stamps)]

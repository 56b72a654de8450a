"""Things that many videos share without being copies: logo, caption, jingle, title card, screen pattern.

Drawn with OpenCV, so that no font and no foreign picture is needed.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray

_RATE_HZ = 16000
JINGLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Furniture:
    """Files of shared furniture in one folder."""

    logo: Path
    caption: Path
    grating: Path
    title: Path
    intro: Path
    jingle: Path


def make_furniture(folder: Path, seed: int) -> Furniture:
    """Draw everything once; the same pictures and sound for the same seed."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 77])
    pictures = {
        "logo": _logo(rng),
        "caption": _caption(rng),
        "grating": _grating(),
        "title": _title("LATEST NEWS"),
        "intro": _title("CHANNEL 42"),
    }
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    jingle = folder / "jingle.wav"
    write_wav(jingle, _jingle(rng))
    logo, caption, grating, title, intro = (folder / f"{name}.png" for name in pictures)
    return Furniture(logo, caption, grating, title, intro, jingle)


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write mono float samples in −1..1 as 16-bit sound at 16 kHz."""
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE_HZ)
        writer.writeframes(np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2").tobytes())


def _write(picture: ByteArray, text: str, at: tuple[int, int], size: float, level: int) -> None:
    import cv2

    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (level, level, level, 255), 3, cv2.LINE_AA)


def _logo(rng: np.random.Generator) -> ByteArray:
    """An opaque station logo, uint8 (160, 240, 4)."""
    import cv2

    picture = np.zeros((160, 240, 4), np.uint8)
    picture[:] = (*(int(v) for v in rng.integers(20, 120, 3)), 255)
    cv2.circle(picture, (70, 80), 52, (40, 60, 220, 255), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (130, 30), (225, 130), (230, 230, 230, 255), 8)
    _write(picture, "TV", (140, 100), 1.8, 250)
    return picture


def _caption(rng: np.random.Generator) -> ByteArray:
    """A caption strip with a line of text, uint8 (80, 640, 4)."""
    picture = np.zeros((80, 640, 4), np.uint8)
    picture[:] = (*(int(v) for v in rng.integers(10, 90, 3)), 255)
    _write(picture, "SHARE BEFORE THEY DELETE IT", (20, 54), 1.2, 245)
    return picture


def _grating() -> ByteArray:
    """The beat of two pixel grids, as a camera sees a screen: gray with alpha, uint8 (480, 854, 4)."""
    y, x = np.mgrid[0:480, 0:854].astype(np.float32)
    beat = np.sin(0.61 * x + 0.07 * y) * np.sin(0.55 * x - 0.05 * y) + 0.5 * np.sin(0.9 * y + 0.02 * x)
    picture = np.zeros((480, 854, 4), np.uint8)
    picture[..., :3] = np.where(beat > 0, 255, 0).astype(np.uint8)[..., None]
    picture[..., 3] = (np.abs(beat) * 22).astype(np.uint8)
    return picture


def _title(text: str) -> ByteArray:
    """A title card, uint8 (360, 640, 4)."""
    import cv2

    picture = np.zeros((360, 640, 4), np.uint8)
    picture[:] = (120, 40, 20, 255)
    cv2.rectangle(picture, (60, 120), (580, 250), (200, 200, 200, 255), 4)
    _write(picture, text, (90, 205), 2.0, 250)
    return picture


def _jingle(rng: np.random.Generator) -> np.ndarray:
    """Three seconds of a tune with overtones and a drum, float64 (48000,)."""
    time_s = np.arange(int(JINGLE_S * _RATE_HZ)) / _RATE_HZ
    sound = np.zeros_like(time_s)
    for index, step in enumerate(rng.integers(0, 20, 12)):
        pitch_hz, age_s = 220.0 * 2 ** (int(step) / 12), time_s - index * 0.25
        fade = np.where(age_s >= 0, np.exp(-6 * np.maximum(age_s, 0)), 0.0)
        for overtone in (1, 2, 3, 5):
            sound += fade * np.sin(2 * np.pi * pitch_hz * overtone * age_s) / overtone
        sound += fade**4 * rng.normal(size=len(time_s)) * (index % 2)
    return np.asarray(0.5 * sound / np.abs(sound).max())

"""Keyframe files: encoded, named by their times, and put in place under a temporary name first.

Takes a picture and its time; gives the Keyframe record of the file, whose path is relative to the output
folder. A reader never meets a half-written file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import cv2

from vidforensics.errors import OutputError
from vidforensics.types import Keyframe, Picture

SUBFOLDER = "keyframes"
MAX_SAME_TIME = 10_000


def write_picture(
    folder: Path, picture: Picture, time_s: float, image_format: str, jpeg_quality: int
) -> Keyframe:
    """Encode one picture and write it.

    Returns:
        Its record, with shot 0 and quality 0 for the caller to fill in.

    Raises:
        OutputError: the file cannot be written.
    """
    array = picture.to_bgr()
    suffix, settings = (
        (".png", []) if image_format == "png" else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    )
    done, data = cv2.imencode(suffix, array, settings)
    if not done:
        raise OutputError(f"The picture at {time_s:.3f} s could not be encoded as {suffix[1:].upper()}.")
    path = _free_name(folder, time_s, suffix)
    _write(folder / path, data.tobytes())
    return Keyframe(time_s, 0, path, 0.0, array.shape[1], array.shape[0])


def remove(path: Path) -> None:
    """Delete a picture that is not needed; one that is gone already is no matter.

    Raises:
        OutputError: the folder does not let it go.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} could not be removed ({error.strerror}).") from error


def _free_name(folder: Path, time_s: float, suffix: str) -> str:
    """The time to the millisecond, with a number behind it where two pictures share it."""
    stem = f"{time_s:010.3f}s"
    for number in range(1, MAX_SAME_TIME):
        name = f"{SUBFOLDER}/{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        if not (folder / name).exists():
            return name
    raise OutputError(f"{folder / SUBFOLDER} already holds too many pictures named {stem}.")


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OutputError(
            f"{path} could not be written ({error.strerror}); free some space or choose another folder."
        ) from error

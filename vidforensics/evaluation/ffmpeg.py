"""Run the ffmpeg program that makes the benchmark's clips, always with an argument list."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from vidforensics.errors import MissingModelError

_TIMEOUT_S = 600.0
_ALWAYS = ("-nostdin", "-hide_banner", "-y", "-threads", "1", "-filter_threads", "1")


class MakingFailed(RuntimeError):
    """ffmpeg could not make a clip; the text is its last line."""


def ffmpeg_program() -> str:
    """Path of the ffmpeg to run: imageio-ffmpeg's own, else the system's.

    Raises:
        MissingModelError: neither is there.
    """
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
    if found is None:
        raise MissingModelError(
            "clips are made with ffmpeg, which is missing: install imageio-ffmpeg or ffmpeg."
        )
    return found


def run_ffmpeg(
    program: str, arguments: Sequence[str], timeout_s: float = _TIMEOUT_S, loglevel: str = "error"
) -> str:
    """Run ffmpeg once on one thread.

    Args:
        program: from `ffmpeg_program`.
        arguments: inputs, filters and output.
        timeout_s: the run is stopped after this long.
        loglevel: how much it writes.

    Returns:
        What it wrote to stderr.

    Raises:
        MakingFailed: it failed or took too long.
    """
    try:
        done = subprocess.run(
            [program, *_ALWAYS, "-loglevel", loglevel, *arguments],
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MakingFailed(f"ffmpeg took more than {timeout_s:.0f} s") from error
    noise = done.stderr.decode("utf-8", "replace")
    if done.returncode != 0:
        lines = noise.strip().splitlines() or [f"exit status {done.returncode}"]
        raise MakingFailed(lines[-1][:300])
    return noise


def version(program: str) -> str:
    """First line of `ffmpeg -version`, shortened to its version."""
    text = subprocess.run([program, "-version"], capture_output=True, check=False, timeout=60).stdout
    words = text.decode("utf-8", "replace").split()
    return words[2] if len(words) > 2 else "unknown"


def as_text(path: Path) -> str:
    """A path as ffmpeg takes it: absolute, so that no name is read as an option or a protocol."""
    return f"file:{path.resolve()}"

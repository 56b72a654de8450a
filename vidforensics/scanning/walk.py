"""The media files under some paths, each once, in an order that does not change from run to run."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

_VIDEO = (
    "3g2 3gp amv asf avi divx dv f4v flv gif h264 h265 hevc ivf m1v m2t m2ts m2v m4v mjpeg mkv mod mov mp4 "
    "mpe mpeg mpg mpv mts mxf nut ogm ogv qt rm rmvb tod ts vob webm wmv y4m"
)
_SOUND = "aac ac3 aif aiff amr caf flac m4a mka mp2 mp3 oga ogg opus wav wma"
_SUFFIXES = frozenset("." + name for name in f"{_VIDEO} {_SOUND}".split())


def media_files(paths: Iterable[Path | str]) -> Iterator[str]:
    """Absolute paths of the files to scan.

    Args:
        paths: files, taken whatever their names, and folders, of which files with a known suffix are taken.
            Symbolic links are followed, but no folder is entered twice.

    Yields:
        Each path once; one that is not there is given too, so that its absence is said.
    """
    given: set[str] = set()
    entered: set[tuple[int, int]] = set()
    for path in paths:
        absolute = os.path.abspath(os.fspath(path))
        found = _below(absolute, entered) if os.path.isdir(absolute) else iter((absolute,))
        for name in found:
            if name not in given:
                given.add(name)
                yield name


def is_media_name(name: str) -> bool:
    """Whether a file's name ends like that of a video or sound file."""
    return os.path.splitext(name)[1].lower() in _SUFFIXES


def _below(folder: str, entered: set[tuple[int, int]]) -> Iterator[str]:
    """Media files in a folder and those below it, by name."""
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in entered:
            return
        entered.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:  # gone meanwhile, or not ours to read: its files cannot be named
        return
    for name in names:
        path = os.path.join(folder, name)
        try:
            mode = os.stat(path).st_mode
        except OSError:  # a link that leads nowhere
            continue
        if stat.S_ISDIR(mode):
            yield from _below(path, entered)
        elif stat.S_ISREG(mode) and is_media_name(name):
            yield path

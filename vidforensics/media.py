"""Open the evidence for reading, and for nothing else.

A path goes in; a read-only handle over a regular file comes out, or one sentence that says why not. Every
stage opens files here, and hands libav the open handle instead of a name, so that no name is
ever read as a protocol, a pattern or a playlist entry (libavformat's protocol and format white lists).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from vidforensics.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer

# Demuxers that read other files or addresses named inside the file; none of them is a clip of its own.
REFERRING_FORMATS = frozenset(
    {
        "hls",
        "applehttp",
        "concat",
        "concatf",
        "dash",
        "imf",
        "sdp",
        "rtsp",
        "sap",
        "image2",
        "rtp",
        "vapoursynth",
    }
)

_SPECIAL = (
    (stat.S_ISDIR, "is a directory; name the file inside it"),
    (stat.S_ISFIFO, "is a pipe, not a file; save its content to a file first"),
    (stat.S_ISSOCK, "is a socket, not a file; save its content to a file first"),
    (stat.S_ISCHR, "is a device, not a file; make an image of it first"),
    (stat.S_ISBLK, "is a device, not a file; make an image of it first"),
)


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def printable(text: str, limit: int = 300) -> str:
    r"""Text from a hostile source on one line: control and undecodable characters escaped, length bounded.

    >>> printable("a\nb")
    'a\\x0ab'
    """
    escaped = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:limit])
    clean = escaped.encode("utf-8", "backslashreplace").decode("utf-8")
    return clean + ("…" if len(text) > limit else "")


def stat_evidence(path: Path) -> os.stat_result:
    """The file's status, if it is a regular file with content.

    Raises:
        InputError: missing, a directory, a pipe, socket or device, empty, or not to be reached.
    """
    name = printable(os.fspath(path), 1000)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and _ADDRESS.match(name):
            raise InputError(
                f"{name} is an address; nothing is ever fetched, save the file first."
            ) from error
        raise InputError(f"{name} {_os_reason(error)}.") from error
    for is_special, sentence in _SPECIAL:
        if is_special(status.st_mode):
            raise InputError(f"{name} {sentence}.")
    if status.st_size == 0:
        raise InputError(f"{name} is empty; copy it again from where it came from.")
    return status


@contextmanager
def open_evidence(path: Path) -> Iterator[BinaryIO]:
    """Open the file read-only; errors of the operating system come out as InputError.

    Raises:
        InputError: as `stat_evidence`, or reading failed half-way.
    """
    stat_evidence(path)
    try:
        with path.open("rb") as handle:
            yield handle
    except OSError as error:
        if type(error).__module__.startswith("av"):
            raise
        raise InputError(f"{printable(os.fspath(path), 1000)} {_os_reason(error)}.") from error


@contextmanager
def open_media(handle: BinaryIO, options: dict[str, str] | None = None) -> Iterator[InputContainer]:
    """Open a handle with libav such that it can reach nothing but that handle.

    Args:
        handle: the open file; its name is kept from libav, so that only content decides the format.
        options: further demuxer options.

    Raises:
        av.error.FFmpegError: libav finds nothing it can read.
    """
    import av

    sealed = {**(options or {}), "protocol_whitelist": "none"}
    with av.open(_Nameless(handle), "r", options=sealed, metadata_errors="replace") as container:
        yield container


class _Nameless:
    """A handle without its name: libav would guess formats and follow patterns from a name."""

    def __init__(self, handle: BinaryIO) -> None:
        self.read = handle.read
        self.seek = handle.seek
        self.tell = handle.tell
        self.seekable = handle.seekable


def _os_reason(error: Exception) -> str:
    """Why the operating system refused, and what to do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "does not exist; check the name"
    if isinstance(error, PermissionError):
        return "may not be read; check its permissions"
    if isinstance(error, ValueError):
        return "is no file name; check the name"
    detail = getattr(error, "strerror", None) or type(error).__name__
    return f"cannot be read ({detail}); check the disk it lies on"

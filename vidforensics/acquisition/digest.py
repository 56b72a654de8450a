"""What the evidence is, byte for byte: its hashes, size and time.

A path goes in and a `Digest` comes out; the file is opened read-only and read once, in pieces of 1 MiB.
SHA-256 (FIPS 180-4) identifies it; MD5 (RFC 1321) is there for older case systems and proves nothing alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from vidforensics.media import open_evidence, stat_evidence
from vidforensics.runtime import Progress, iso_utc, no_progress
from vidforensics.types import Digest

_PIECE_BYTES = 1 << 20


def digest_file(path: Path, progress: Progress = no_progress) -> Digest:
    """Hash the file in one read.

    Args:
        path: a regular file; symbolic links are followed.
        progress: called with the bytes read so far and the size.

    Returns:
        Hashes as lower-case hex, the number of bytes hashed, and the modification time (None if absurd).

    Raises:
        InputError: missing, a directory, empty, unreadable, or no regular file.
    """
    status = stat_evidence(path)
    sha256, md5, done = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with open_evidence(path) as handle:
        while piece := handle.read(_PIECE_BYTES):
            sha256.update(piece)
            md5.update(piece)
            done += len(piece)
            progress("hash the file", float(done), float(status.st_size))
    return Digest(sha256.hexdigest(), md5.hexdigest(), done, _time_or_none(status.st_mtime))


def _time_or_none(unix_s: float) -> str | None:
    try:
        return iso_utc(unix_s)
    except (OverflowError, ValueError, OSError):
        return None

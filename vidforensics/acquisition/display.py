"""How each picture stream must be turned to stand upright, as the container says.

An open handle goes in and a `Turn` per stream comes out, from the track header's matrix (ISO base media)
or the projection's roll (Matroska), without decoding. Source: ISO/IEC 14496-12 §8.3.2, RFC 9559.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from vidforensics.acquisition.bmff import read_tree
from vidforensics.acquisition.matroska import read_elements

_PICTURE_TRACK = 1
_UNOPENED = frozenset({b"mdia", b"edts", b"udta", b"meta", b"moof", b"mfra", b"sidx", b"free", b"uuid"})


@dataclass(frozen=True, slots=True)
class Turn:
    """Degrees clockwise, 0 to 359, that set the decoded picture upright; mirrored before turning or not."""

    rotation_deg: int
    is_mirrored: bool


def read_turns(handle: BinaryIO, size: int, format_name: str) -> dict[int, Turn]:
    """The turn of every picture stream whose container says one.

    Args:
        handle: the open file.
        size: its length in bytes.
        format_name: the demuxer's name for the format.

    Returns:
        By track number for ISO base media; by -1 − stream index for Matroska; empty for other formats.
    """
    if "mp4" in format_name.split(","):
        return _bmff_turns(handle, size)
    if "matroska" in format_name.split(","):
        return _matroska_turns(handle, size)
    return {}


def _bmff_turns(handle: BinaryIO, size: int) -> dict[int, Turn]:
    heads = read_tree(handle, size, _UNOPENED).root.all(b"moov", b"trak", b"tkhd")
    return {
        int(head.values["track"]): matrix_turn(head.values["matrix"])
        for head in heads
        if "track" in head.values and "matrix" in head.values
    }


def _matroska_turns(handle: BinaryIO, size: int) -> dict[int, Turn]:
    turns = {}
    tracks = read_elements(handle, size).root.all("Segment", "Tracks", "TrackEntry")
    for index, track in enumerate(tracks):
        roll = track.get("Video", "Projection", "ProjectionPoseRoll")
        if track.get("TrackType") == _PICTURE_TRACK:
            turns[-1 - index] = Turn(round(-float(roll or 0)) % 360, False)
    return turns


def matrix_turn(matrix: Sequence[float]) -> Turn:
    """The rotation in a display matrix (a b u, c d v, x y w), and whether it mirrors.

    >>> matrix_turn((0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    Turn(rotation_deg=90, is_mirrored=False)
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    return Turn(round(math.degrees(math.atan2(b, a))) % 360, is_mirrored)

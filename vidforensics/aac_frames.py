"""The frames of an AAC coding as a grid in the decoded samples: how long they are, and when two are one.

An offset says where frames begin, in samples modulo the length of a frame.
Source: ISO/IEC 14496-3, long and short windows.
"""

from __future__ import annotations

FRAME = 1024
"""Samples of a frame; its transform looks at twice as many."""

SHORT = 64
"""A half of the 128 samples between the short windows that a frame has where something sudden is heard: at
multiples of it a strong grid shows again, faintly."""

DRIFT = 32
"""Offsets no further apart are one grid: a resampler that keeps pace moves sound by a few samples, and beside
a grid that shows strongly others seem to show faintly."""

SLACK = 2


def apart(a: int, b: int) -> int:
    """Distance of two offsets on the circle of one frame, 0–512.

    >>> apart(1020, 4)
    8
    """
    return min((a - b) % FRAME, (b - a) % FRAME)


def is_same(a: int, b: int) -> bool:
    """Whether two offsets are one grid, perhaps drifting a little.

    >>> is_same(100, 105), is_same(100, 164)
    (True, False)
    """
    return apart(a, b) <= DRIFT


def may_be_short(a: int, b: int) -> bool:
    """Whether one offset may be that of the other's short windows.

    Frames of video at 48 kHz are a multiple of 64 samples as well, so that it need not be.

    >>> may_be_short(100, 229), may_be_short(100, 150)
    (True, False)
    """
    step = apart(a, b)
    return min(step % SHORT, -step % SHORT) <= SLACK

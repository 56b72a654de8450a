"""What the join rules share: the cue before it is dated, and which entry point a packet or a time belongs to.

Facts go in, small answers come out. `gop` always counts entry points of the stream; 0 is the file's first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidforensics.acquisition.bitstream_facts import StreamFacts

if TYPE_CHECKING:
    from vidforensics.records.arrays import IntArray


class RawCue(NamedTuple):
    """One cue at the entry point number `gop`."""

    gop: int
    cue: str
    weight: float
    sentence: str


def gop_of_packet(facts: StreamFacts, packet: int) -> int:
    """The entry point at or before a packet; −1 before the first."""
    return int(np.searchsorted(facts.starts, packet, side="right")) - 1


def gop_lengths(facts: StreamFacts) -> IntArray:
    """Packets from each entry point to the next, shape (K,)."""
    lengths: IntArray = np.diff(np.append(facts.starts, facts.count))
    return lengths


def clock_text(seconds: float) -> str:
    """A time for a sentence: "12.345 s"."""
    return f"{seconds:.3f} s"

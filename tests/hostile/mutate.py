"""Seeded damage to a file's bytes: flips, resized boxes, hostile integers, cuts, copies and swaps.

Half of all damage falls on structure (headers, boxes, indexes) rather than on coded pictures, because that is
where a parser believes what it reads.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

HOSTILE = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
CONTAINERS = b"moov trak mdia minf stbl moof traf mvex edts udta meta RIFF LIST".split()
TABLES = b"mvhd tkhd mdhd hdlr stsd stts ctts stsc stsz stco stss elst avcC hvcC esds ftyp mdat free".split()
OTHERS = b"tfhd tfdt trun trex mfhd avih strh strf idx1 movi fmt  data dref smhd vmhd keys ilst".split()
NAMED = CONTAINERS + TABLES + OTHERS
Rng = np.random.Generator
Mutator = Callable[[bytearray, Rng], None]


def _structural(data: bytearray, rng: Rng) -> int:
    """An offset near something structural: a named box, or the first or last kilobyte."""
    spots = [at for name in NAMED if (at := data.find(name)) >= 0]
    if spots and rng.random() < 0.7:
        return min(len(data) - 1, int(rng.choice(spots)) + int(rng.integers(0, 40)))
    edge = min(len(data), 1024)
    return int(rng.integers(0, edge)) if rng.random() < 0.7 else len(data) - 1 - int(rng.integers(0, edge))


def _anywhere(data: bytearray, rng: Rng) -> int:
    return _structural(data, rng) if rng.random() < 0.5 else int(rng.integers(0, len(data)))


def flip_bits(data: bytearray, rng: Rng) -> None:
    """Flip single bits."""
    for _ in range(int(rng.integers(1, 16))):
        data[_anywhere(data, rng)] ^= 1 << int(rng.integers(0, 8))


def random_bytes(data: bytearray, rng: Rng) -> None:
    """Replace a run of bytes by noise."""
    at, length = _anywhere(data, rng), int(rng.integers(1, 64))
    data[at : at + length] = rng.bytes(len(data[at : at + length]))


def hostile_integer(data: bytearray, rng: Rng) -> None:
    """Write a value that arithmetic trips over, in either byte order."""
    at, value = _structural(data, rng), int(rng.choice(HOSTILE))
    order, code = (">" if rng.random() < 0.7 else "<"), str(rng.choice(["I", "H", "B"]))
    width = struct.calcsize(code)
    data[at : at + width] = struct.pack(order + code, value & (256**width - 1))[: len(data[at : at + width])]


def resize_box(data: bytearray, rng: Rng) -> None:
    """Give a named box another size."""
    spots = [at for name in NAMED if (at := data.find(name)) >= 4]
    if not spots:
        hostile_integer(data, rng)
        return
    at = int(rng.choice(spots)) - 4
    old = struct.unpack_from(">I", data, at)[0]
    near = (old + int(rng.integers(-16, 17))) & 0xFFFFFFFF
    struct.pack_into(">I", data, at, int(rng.choice([near, old * 2 & 0xFFFFFFFF, *HOSTILE])))


def rename_box(data: bytearray, rng: Rng) -> None:
    """Turn one box into another kind, which nests and repeats what should not."""
    spots = [at for name in NAMED if (at := data.find(name)) >= 0]
    if spots:
        at = int(rng.choice(spots))
        data[at : at + 4] = NAMED[int(rng.integers(0, len(NAMED)))].ljust(4)


def cut_short(data: bytearray, rng: Rng) -> None:
    """Drop the end."""
    del data[int(rng.integers(1, len(data))) :]


def remove_chunk(data: bytearray, rng: Rng) -> None:
    """Drop a stretch from the middle."""
    at = int(rng.integers(0, len(data)))
    del data[at : at + int(rng.integers(1, max(2, len(data) // 8)))]


def repeat_chunk(data: bytearray, rng: Rng) -> None:
    """Write a stretch a second time, somewhere."""
    at, length = int(rng.integers(0, len(data))), int(rng.integers(1, max(2, len(data) // 6)))
    to = int(rng.integers(0, len(data)))
    data[to:to] = data[at : at + length]


def swap_chunks(data: bytearray, rng: Rng) -> None:
    """Exchange two stretches."""
    length = int(rng.integers(1, max(2, len(data) // 8)))
    first, second = (int(x) for x in rng.integers(0, max(1, len(data) - length), 2))
    one, two = bytes(data[first : first + length]), bytes(data[second : second + length])
    data[first : first + length], data[second : second + length] = two, one


def zero_stretch(data: bytearray, rng: Rng) -> None:
    """Blank a stretch, as a disk with bad sectors does."""
    at, length = int(rng.integers(0, len(data))), int(rng.integers(1, max(2, len(data) // 4)))
    data[at : at + length] = bytes(len(data[at : at + length]))


def append_junk(data: bytearray, rng: Rng) -> None:
    """Something else behind the end."""
    data += rng.bytes(int(rng.integers(1, 4096)))


MUTATORS: tuple[Mutator, ...] = (
    flip_bits,
    random_bytes,
    hostile_integer,
    hostile_integer,
    resize_box,
    resize_box,
    rename_box,
    cut_short,
    remove_chunk,
    repeat_chunk,
    swap_chunks,
    zero_stretch,
    append_junk,
)


def mutated(source: bytes, seed: int, index: int) -> tuple[bytes, str]:
    """A damaged copy, and what was done to it; the same for the same seed and index."""
    rng = np.random.default_rng([seed, index])
    data, names = bytearray(source), []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        if len(data) < 2:
            break
        chosen = MUTATORS[int(rng.integers(0, len(MUTATORS)))]
        chosen(data, rng)
        names.append(chosen.__name__)
    return bytes(data), "+".join(names)

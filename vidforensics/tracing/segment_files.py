"""Named arrays in one file that is written once, checked, and read through a memory map.

Layout, little-endian: 8 bytes magic and version, uint32 length of the header, uint32 CRC-32 of the header,
the header as JSON, then each array at a multiple of 64 bytes. The header names every array with its type,
shape, place and CRC-32 (filling included), and the length of all, so that a cut or altered file is noticed.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidforensics.errors import IndexUnusableError, OutputError

MAGIC = b"VFARRAY\x01"
_PREFIX = struct.Struct("<8sII")
_ALIGNMENT_BYTES = 64
_TYPES = ("|u1", "|i1", "|b1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8")

Arrays = Mapping[str, NDArray[Any]]


class DamagedFileError(IndexUnusableError):
    """The bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one array lies and what its bytes must sum to."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    crc32: int

    @property
    def size_bytes(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count * int(self.dtype[2:])


class ArrayFile:
    """Arrays that lie in a buffer; nothing is copied, and nothing is checked before it is asked for.

    Attributes:
        name: what messages call the buffer.
        meta: the JSON object stored with the arrays.

    """

    def __init__(self, buffer: bytes | mmap.mmap, name: str) -> None:
        """Read the header of `buffer`.

        Raises:
            DamagedFileError: no such file, a cut one, or a header that was altered.
        """
        self.name, self._buffer = name, buffer
        header, start = _header(buffer, name)
        self.meta: dict[str, Any] = header["meta"]
        self._places = {key: _place(value, start) for key, value in header["arrays"].items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the order they were given."""
        return tuple(self._places)

    def array(self, name: str) -> NDArray[Any]:
        """One array as a read-only view of the buffer; its bytes are not checked."""
        place = self._places[name]
        count = place.size_bytes // int(place.dtype[2:])
        flat = np.frombuffer(self._buffer, dtype=place.dtype, count=count, offset=place.offset)
        return flat.reshape(place.shape)

    def damaged(self, *names: str) -> tuple[str, ...]:
        """Those arrays (default: all) whose bytes no longer sum to what was written."""
        view = memoryview(self._buffer)
        wrong = []
        for name in names or self.names:
            place = self._places[name]
            if zlib.crc32(view[place.offset : place.offset + _aligned(place.size_bytes)]) != place.crc32:
                wrong.append(name)
        return tuple(wrong)

    def checked(self) -> ArrayFile:
        """This file, every byte of which has been checked.

        Raises:
            DamagedFileError: an array was altered.
        """
        wrong = self.damaged()
        if wrong:
            raise DamagedFileError(f"{self.name}: damaged ({', '.join(wrong)} altered since it was written).")
        return self


def pack(arrays: Arrays, meta: Mapping[str, Any]) -> bytes:
    """The bytes of a file that holds `arrays` and the JSON object `meta`.

    Args:
        arrays: booleans, integers or floats of 4 or 8 bytes, any shape; empty ones too.
        meta: plain JSON values.
    """
    whole = {name: _storable(name, array) for name, array in arrays.items()}
    header = _header_json(whole, meta)
    pieces = [_PREFIX.pack(MAGIC, len(header), zlib.crc32(header)), header]
    for array in whole.values():
        pieces.append(array.tobytes())
        pieces.append(b"\0" * (_aligned(array.nbytes) - array.nbytes))
    return b"".join(pieces)


def unpack(data: bytes, name: str) -> ArrayFile:
    """The arrays in `data`, all checked.

    Raises:
        DamagedFileError: `data` is cut or altered; `name` is how the message calls it.
    """
    return ArrayFile(data, name).checked()


def write(path: Path, arrays: Arrays, meta: Mapping[str, Any]) -> int:
    """Write a file that appears whole, safe against a crash, or not at all.

    Returns:
        Its size in bytes.

    Raises:
        OutputError: the disk is full or the folder is not writable.
    """
    data = pack(arrays, meta)
    try:
        descriptor, part = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(part).unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); free some space.") from error
    return len(data)


def read(path: Path) -> ArrayFile:
    """The arrays of a file through a memory map; only its header is checked.

    Raises:
        DamagedFileError: absent, cut, or its header altered.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise DamagedFileError(f"{path}: cannot be read ({error}).") from error
    return ArrayFile(mapped, str(path))


def _header(buffer: bytes | mmap.mmap, name: str) -> tuple[dict[str, Any], int]:
    """The checked header, and where the arrays begin."""
    if len(buffer) < _PREFIX.size or buffer[:7] != MAGIC[:7]:
        raise DamagedFileError(f"{name}: not a file of arrays.")
    magic, length, crc32 = _PREFIX.unpack(buffer[: _PREFIX.size])
    if magic != MAGIC:
        raise DamagedFileError(f"{name}: written by another version (format {magic[7]}, not {MAGIC[7]}).")
    start = _PREFIX.size + length
    text = buffer[_PREFIX.size : start]
    if len(text) != length or zlib.crc32(text) != crc32:
        raise DamagedFileError(f"{name}: damaged (its header was altered).")
    header: dict[str, Any] = json.loads(text)
    if start + header["bytes"] != len(buffer):
        raise DamagedFileError(f"{name}: damaged ({len(buffer)} of {start + header['bytes']} bytes).")
    return header, start


def _place(value: Mapping[str, Any], start: int) -> _Place:
    return _Place(value["dtype"], tuple(value["shape"]), start + value["offset"], value["crc32"])


def _header_json(arrays: Arrays, meta: Mapping[str, Any]) -> bytes:
    """The header, filled up with blanks so that the arrays begin aligned; offsets count from its end."""
    places, end = {}, 0
    for name, array in arrays.items():
        filling = bytes(_aligned(array.nbytes) - array.nbytes)
        crc32 = zlib.crc32(filling, zlib.crc32(array.data) if array.nbytes else 0)
        places[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "offset": end, "crc32": crc32}
        end += _aligned(array.nbytes)
    header = {"meta": dict(meta), "arrays": places, "bytes": end}
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    return text.ljust(_aligned(_PREFIX.size + len(text)) - _PREFIX.size)


def _storable(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """`array` contiguous and little-endian."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)
    if little.dtype.str not in _TYPES:
        raise TypeError(f"{name}: arrays of {array.dtype} cannot be stored")
    return little


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

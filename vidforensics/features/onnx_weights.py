"""Read the weights out of an ONNX file: names and arrays, nothing of the graph.

Enough for files pinned by hash whose tensors are float32 kept as raw bytes; everything else is passed over.
Source: ONNX, onnx.proto (ModelProto, GraphProto, TensorProto); Protocol Buffers, Encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

# field numbers of ModelProto, GraphProto and TensorProto
GRAPH, INITIALIZER = 7, 5
DIMS, DATA_TYPE, NAME, RAW_DATA = 1, 2, 8, 9
FLOAT = 1
_FIXED_BYTES = {1: 8, 5: 4}


def onnx_weights(data: bytes) -> dict[str, Float32Array]:
    """Every float32 initializer of a model by name.

    Args:
        data: the whole file.

    Returns:
        Arrays in their own shapes; {} where the file has none.

    Raises:
        ValueError: the bytes are no such file.
    """
    found: dict[str, Float32Array] = {}
    try:
        for graph in _inside(memoryview(data), GRAPH):
            for tensor in _inside(graph, INITIALIZER):
                found.update(_tensor(tensor))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"not an ONNX file ({error})") from error
    return found


def _tensor(message: memoryview) -> dict[str, Float32Array]:
    dims: list[int] = []
    name, kind, raw = "", 0, None
    for number, value in _fields(message):
        if number == DIMS and isinstance(value, int):
            dims.append(value)
        elif number == DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == NAME and not isinstance(value, int):
            name = bytes(value).decode()
        elif number == RAW_DATA and not isinstance(value, int):
            raw = value
    if kind != FLOAT or raw is None:
        return {}
    return {name: np.frombuffer(raw, "<f4").reshape(dims)}


def _inside(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Every nested message with this field number."""
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and value of each field: a number, or the bytes of anything longer."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in _FIXED_BYTES:
            size = _FIXED_BYTES[wire]
        else:
            raise ValueError(f"not an ONNX file (wire type {wire})")
        if at + size > len(message):
            raise ValueError("not an ONNX file (it ends too early)")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits per byte, lowest first, and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at

"""Frame hashes in the formats of ThreatExchange: vPDQ text, vPDQ signals in JSON, PDQ in hexadecimal.

Source: ThreatExchange, vpdq/python/README.md (text: `frame,hash,quality,time`) and
python-threatexchange/threatexchange/extensions/vpdq (JSON list of "hash,quality,time"). The latter writes
times with three significant digits, so 123.456 s becomes 1.23e+02: such files are read as they are, and what
is written here has fixed decimals, which their reader takes too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.errors import InputError
from vidforensics.types import FrameHashes

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray

PDQ_BYTES = 32
EXCHANGED = "pdq/exchange"
_TIME_DIGITS = 3
_MOST_LINES = 10_000_000


def pdq_hex(bits: ByteArray) -> str:
    """One PDQ hash as ThreatExchange writes it: 64 lower-case hexadecimal digits, first bit first.

    Args:
        bits: uint8 (32,), most significant bit first, as in `FrameHashes.bits`.

    Raises:
        ValueError: any other shape.
    """
    if bits.shape != (PDQ_BYTES,):
        raise ValueError(f"a PDQ hash is {PDQ_BYTES} bytes, not an array of shape {bits.shape}")
    return bits.astype(np.uint8).tobytes().hex()


def read_pdq_hex(text: str) -> ByteArray:
    """One PDQ hash, uint8 (32,), from its 64 hexadecimal digits in either case.

    Raises:
        InputError: not 64 hexadecimal digits.
    """
    digits = text.strip()
    if len(digits) != 2 * PDQ_BYTES or not digits.isascii() or not digits.isalnum():
        raise InputError(f"A PDQ hash is {2 * PDQ_BYTES} hexadecimal digits, not {digits[:80]!r}.")
    try:
        return np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).copy()
    except ValueError as error:
        raise InputError(f"{digits[:80]!r} is not hexadecimal.") from error


def to_vpdq_text(hashes: FrameHashes, frames: Iterable[int] | None = None) -> str:
    """Text as vPDQ writes it: one line per hash, `frame,hash,quality,time`.

    Args:
        hashes: in the order of time.
        frames: number of each hash's frame; default the number of the hash, counted from 0.

    Returns:
        Lines ending in a newline; empty text for no hash. Times have three decimals.
    """
    numbers = list(range(len(hashes.times_s)) if frames is None else frames)
    rows = zip(numbers, hashes.bits, hashes.quality, hashes.times_s, strict=True)
    return "".join(
        f"{n},{pdq_hex(bits)},{int(quality)},{_time(float(time_s))}\n" for n, bits, quality, time_s in rows
    )


def to_vpdq_json(hashes: FrameHashes, indent: int | None = None) -> str:
    """ThreatExchange's vPDQ signal: a JSON list of "hash,quality,time".

    Args:
        hashes: in the order of time.
        indent: as for `json.dumps`.
    """
    rows = zip(hashes.bits, hashes.quality, hashes.times_s, strict=True)
    signal = [f"{pdq_hex(bits)},{int(quality)},{_time(float(time_s))}" for bits, quality, time_s in rows]
    return json.dumps(signal, indent=indent)


def _time(time_s: float) -> str:
    """Seconds with fixed decimals; their reader refuses times below 0."""
    return f"{max(0.0, time_s):.{_TIME_DIGITS}f}"


def read_vpdq(text: str) -> FrameHashes:
    """Hashes from vPDQ text or from a vPDQ signal in JSON, told apart by their first sign.

    Args:
        text: the whole file; blank lines are passed over.

    Returns:
        Times as written: files of ThreatExchange's own writer are exact to three digits only.

    Raises:
        InputError: a line that is no hash, naming the line.
    """
    start = text.lstrip()
    lines = _json_lines(start) if start.startswith("[") else text.splitlines()
    rows = [_row(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len(rows) > _MOST_LINES:
        raise InputError(f"More than {_MOST_LINES} hashes are not one video's.")
    return FrameHashes(
        algorithm=EXCHANGED,
        times_s=np.array([row[2] for row in rows], dtype=np.float64),
        bits=np.stack([row[0] for row in rows]) if rows else np.zeros((0, PDQ_BYTES), np.uint8),
        quality=np.array([row[1] for row in rows], dtype=np.uint8),
    )


def _json_lines(text: str) -> list[str]:
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The vPDQ signal is not JSON: {error}.") from error
    if not all(isinstance(value, str) for value in values):
        raise InputError('A vPDQ signal is a list of texts, "hash,quality,time".')
    return list(values)


def _row(number: int, line: str) -> tuple[ByteArray, int, float]:
    """Bits, quality and time of one line; a frame number before them is passed over."""
    parts = line.strip().split(",")
    try:
        digits, quality, time_s = parts[1:] if len(parts) == 4 else parts
        bits, good, at = read_pdq_hex(digits), int(quality), float(time_s)
    except (ValueError, InputError) as error:
        raise InputError(f"Line {number} is no vPDQ hash: {line[:120]!r}.") from error
    if not 0 <= good <= 100 or not isfinite(at) or at < 0:
        raise InputError(f"Line {number}: quality is 0 to 100 and time 0 s or more, not {line[-40:]!r}.")
    return bits, good, at

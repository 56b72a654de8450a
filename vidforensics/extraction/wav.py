"""Write one PCM WAV file as its samples come, whatever their number, and never leave a half-written one.

Floating-point samples go in; a RIFF/WAVE file of 16 or 24 bits comes out, or an RF64 file where the sizes
pass 4 GiB (EBU Tech 3306: a JUNK chunk keeps the room for `ds64`). The file carries the suffix `.part` until
its header is right, so that a crash leaves no WAV that lies about its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.errors import OutputError

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

RIFF_LIMIT_BYTES = 0xFFFFFFFF
PCM, EXTENSIBLE = 0x0001, 0xFFFE
PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
SILENCE_PIECE_SAMPLES = 65536

CHANNEL_MASKS = {1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 6: 0x3F, 8: 0x63F}
"""Usual speaker positions by count of channels (mono, stereo, 3.0, quad, 5.1, 7.1); others: unspecified."""


@dataclass(frozen=True, slots=True)
class WavFormat:
    """How samples are stored; `bits` is 16 or 24."""

    sample_rate_hz: int
    channels: int
    bits: int

    @property
    def block_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8


class WavFile:
    """A WAV file that is being written; `finish` or `discard` must end it.

    Raises:
        OutputError: the disk is full or the folder is not writable, from any method; nothing is left behind.

    """

    def __init__(self, path: Path, form: WavFormat) -> None:
        self.path, self.form, self.samples = path, form, 0
        self._part = path.with_name(path.name + ".part")
        with _as_output_error(path):
            self._file = self._part.open("wb")
        self._put(_header(form, 0))

    def write(self, samples: Float32Array) -> None:
        """Append samples, float32 (n, channels), ±1 full scale; beyond that they are clipped."""
        self._put(_coded(samples, self.form.bits))
        self.samples += len(samples)

    def write_silence(self, count: int) -> None:
        """Append `count` samples of digital silence."""
        piece = bytes(min(count, SILENCE_PIECE_SAMPLES) * self.form.block_bytes)
        for done in range(0, count, SILENCE_PIECE_SAMPLES):
            self._put(piece[: (count - done) * self.form.block_bytes])
        self.samples += count

    def finish(self) -> None:
        """Set the sizes in the header and give the file its name."""
        if self.samples * self.form.block_bytes % 2:
            self._put(b"\0")
        with _as_output_error(self.path), self._discarded_on_error():
            self._file.seek(0)
            self._file.write(_header(self.form, self.samples))
            self._file.close()
            self._part.replace(self.path)

    def discard(self) -> None:
        """Give up: remove what was written."""
        with _as_output_error(self.path):
            try:
                self._file.close()
            finally:
                self._part.unlink(missing_ok=True)

    def _put(self, data: bytes) -> None:
        with _as_output_error(self.path), self._discarded_on_error():
            self._file.write(data)

    @contextmanager
    def _discarded_on_error(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.discard()
            raise


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"The sound could not be written to {path.name}: {reason}. Free some space or choose another "
            "output folder."
        ) from error


def _coded(samples: Float32Array, bits: int) -> bytes:
    """Little-endian PCM of float samples; not-a-number becomes silence."""
    full = 1 << (bits - 1)
    scaled = np.rint(samples * np.float32(full) if bits == 16 else samples.astype(np.float64) * full)
    limited = np.clip(np.nan_to_num(scaled, nan=0.0, copy=False), -full, full - 1)
    if bits == 16:
        return bytes(limited.astype("<i2").tobytes())
    return bytes(limited.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes())


def _header(form: WavFormat, samples: int) -> bytes:
    """The 12 + 36 bytes of RIFF and JUNK (or RF64 and ds64), the format, and the head of the data."""
    data_bytes = samples * form.block_bytes
    body = _format_chunk(form)
    riff_bytes = 4 + 36 + len(body) + 8 + data_bytes + data_bytes % 2
    if riff_bytes <= RIFF_LIMIT_BYTES:
        room = b"JUNK" + struct.pack("<I28x", 28)
        return _head(b"RIFF", riff_bytes) + room + body + b"data" + struct.pack("<I", data_bytes)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, riff_bytes, data_bytes, samples, 0)
    return _head(b"RF64", RIFF_LIMIT_BYTES) + sizes + body + b"data" + struct.pack("<I", RIFF_LIMIT_BYTES)


def _head(kind: bytes, size_bytes: int) -> bytes:
    return kind + struct.pack("<I", size_bytes) + b"WAVE"


def _format_chunk(form: WavFormat) -> bytes:
    """The fmt chunk: plain PCM for 16 bits and at most two channels, else WAVE_FORMAT_EXTENSIBLE."""
    rate, block = form.sample_rate_hz, form.block_bytes
    plain = form.bits == 16 and form.channels <= 2
    core = struct.pack(
        "<HHIIHH", PCM if plain else EXTENSIBLE, form.channels, rate, rate * block, block, form.bits
    )
    if plain:
        return b"fmt " + struct.pack("<I", len(core)) + core
    mask = CHANNEL_MASKS.get(form.channels, 0)
    core += struct.pack("<HHI", 22, form.bits, mask) + PCM_GUID
    return b"fmt " + struct.pack("<I", len(core)) + core

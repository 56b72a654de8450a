"""Rows measured one after another and kept outside the heap, so that memory does not grow with the clip.

What a pass measures of every frame goes into a nameless file in the temporary folder (TMPDIR), which the
system clears away with the process however it ends; where that folder is itself kept in memory, nothing is
saved. When the pass is done the rows are one array over the mapped file: its pages come in where they are
read, and `give_back_memory` lets them go again.
"""

from __future__ import annotations

import errno
import mmap
import tempfile
import weakref
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar

from vidforensics.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

Scalar = TypeVar("Scalar", bound="np.generic")
BUFFER_BYTES = 1 << 18
_mapped: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


class Spool(Generic[Scalar]):
    """Rows of one type and shape; `append` while measuring, `finish` once."""

    def __init__(self, dtype: DTypeLike, row_shape: tuple[int, ...]) -> None:
        """Start with no row; the file is made with the first one.

        Args:
            dtype: of every row.
            row_shape: of one row, without the count of rows.
        """
        self._dtype, self._row_shape = dtype, row_shape
        self._file: IO[bytes] | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the end.

        Args:
            rows: (n, *row_shape) of the spool's own type.

        Raises:
            OutputError: the temporary folder cannot be written to or is full.
            ValueError: rows of another type or shape.
        """
        if rows.dtype != self._dtype or rows.shape[1:] != self._row_shape:
            raise ValueError(f"rows of {rows.dtype} {rows.shape[1:]}, not of {self._dtype} {self._row_shape}")
        try:
            if self._file is None:
                self._file = _temporary_file()
                weakref.finalize(self, _close, self._file)  # also where a pass ends early, without `finish`
            self._file.write(rows.tobytes())
        except OSError as error:
            raise _no_space(error) from error
        self._count += len(rows)

    def finish(self) -> NDArray[Scalar]:
        """All rows, (N, *row_shape), not to be written to; an empty array for none."""
        import numpy as np

        if self._file is None or not self._count:
            return np.zeros((0, *self._row_shape), self._dtype)
        try:
            self._file.flush()
            view = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise _no_space(error) from error
        self._file.close()
        _mapped.add(view)
        return np.frombuffer(view, self._dtype).reshape(-1, *self._row_shape)


def _temporary_file() -> IO[bytes]:
    return tempfile.TemporaryFile(buffering=BUFFER_BYTES)


def let_pages_go() -> None:
    """Take the pages of every finished spool out of this process; they are read again where they are needed.

    Source: madvise(2), MADV_DONTNEED on a shared mapping of a file.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        for view in list(_mapped):
            view.madvise(mmap.MADV_DONTNEED)


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # what a full disk did not take is written once more, and nobody waits for it
        file.close()


def _no_space(error: OSError) -> OutputError | MemoryError:
    if error.errno == errno.ENOMEM:  # no address space for the mapping: the worker says so
        return MemoryError()
    return OutputError(f"temporary folder: {error.strerror}; free some space or set TMPDIR.")

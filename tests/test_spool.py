"""Spools: rows out of the heap and back, unchanged."""

from __future__ import annotations

import errno
import mmap
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.errors import OutputError
from vidforensics.runtime import give_back_memory
from vidforensics.spool import Spool


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(0, 2**32 - 1))
def test_rows_come_back_as_they_were(lengths: list[int], seed: int):
    rng = np.random.default_rng(seed)
    pieces = [rng.normal(size=(n, 3, 2)).astype(np.float32) for n in lengths]
    spool: Spool[np.float32] = Spool(np.float32, (3, 2))
    for piece in pieces:
        spool.append(piece)
    assert len(spool) == sum(lengths)
    whole = spool.finish()
    np.testing.assert_array_equal(whole, np.concatenate([np.zeros((0, 3, 2), np.float32), *pieces]))
    assert whole.dtype == np.float32


def test_no_row_gives_an_empty_array():
    assert Spool[np.uint8](np.uint8, (4,)).finish().shape == (0, 4)


def test_rows_that_were_not_contiguous_are_kept_in_order():
    rows = np.arange(24, dtype=np.int16).reshape(4, 6)[:, ::2]
    spool: Spool[np.int16] = Spool(np.int16, (3,))
    spool.append(rows)
    np.testing.assert_array_equal(spool.finish(), rows)


def test_rows_can_be_read_again_after_their_pages_went():
    rows = np.arange(1 << 18, dtype=np.int16).reshape(-1, 64)
    spool: Spool[np.int16] = Spool(np.int16, (64,))
    spool.append(rows)
    whole = spool.finish()
    assert whole.sum() == rows.sum()
    give_back_memory()
    np.testing.assert_array_equal(whole, rows)


def test_finished_rows_cannot_be_changed():
    spool: Spool[np.uint8] = Spool(np.uint8, (2,))
    spool.append(np.ones((1, 2), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        spool.finish()[0] = 0


def test_rows_of_another_type_or_shape_are_refused():
    spool: Spool[np.int16] = Spool(np.int16, (2,))
    for rows in (np.ones((1, 2), np.int32), np.ones((1, 3), np.int16)):
        with pytest.raises(ValueError, match="not of"):
            spool.append(rows)
    assert len(spool) == 0


def test_no_room_for_the_mapping_is_want_of_memory(monkeypatch: pytest.MonkeyPatch):
    def none_left(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    spool: Spool[np.uint8] = Spool(np.uint8, (2,))
    spool.append(np.ones((1, 2), np.uint8))
    monkeypatch.setattr(mmap, "mmap", none_left)
    with pytest.raises(MemoryError):
        spool.finish()


class _FullFile:
    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: _FullFile())
    with pytest.raises(OutputError, match=r"No space left on device; free some space or set TMPDIR\.$"):
        Spool[np.uint8](np.uint8, (2,)).append(np.ones((1, 2), np.uint8))

"""Put results in place whole or not at all; nothing is ever overwritten."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidforensics.errors import OutputError, UsageError


@contextmanager
def whole_or_nothing(target: Path) -> Iterator[Path]:
    """Give a scratch folder beside `target` that becomes `target` when all went well, else vanishes."""
    if os.path.lexists(target):
        raise UsageError(f"{target}: exists already; choose another --out, nothing is ever overwritten.")
    missing = _missing_parents(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", dir=target.parent))
    except OSError as error:
        _remove_empty(missing)
        raise OutputError(f"{target}: cannot be written ({error.strerror}); choose another --out.") from error
    try:
        yield scratch
        _put_in_place(scratch, target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        _remove_empty(missing)
        raise


def refuse_existing(target: Path) -> None:
    """Say before the work begins that a file to be written is there already.

    Raises:
        UsageError: it is.
    """
    if os.path.lexists(target):
        raise UsageError(f"{target}: exists already; name another file, nothing is ever overwritten.")


def write_new(target: Path, text: str) -> None:
    """Write a new file; one that failed half-way is taken away.

    Raises:
        UsageError: it exists.
        OutputError: it cannot be written.
    """
    made = False
    try:
        with target.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            made = True
            file.write(text)
    except FileExistsError:
        refuse_existing(target)
    except OSError as error:
        if made:
            target.unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot be written ({error.strerror}); name another file.") from error


def _put_in_place(scratch: Path, target: Path) -> None:
    try:
        scratch.chmod(0o777 & ~_umask())
        scratch.rename(target)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be put in place ({error.strerror}); choose another --out."
        ) from error


def _missing_parents(target: Path) -> list[Path]:
    """Parents of `target` that do not exist yet, innermost first."""
    return [parent for parent in target.parents if not parent.exists()]


def _remove_empty(folders: list[Path]) -> None:
    """Take away folders that were made for a result that never came."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # somebody else put something there meanwhile
            return


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

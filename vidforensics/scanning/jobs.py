"""The threads of a scan: they hash files and wait for the workers that fingerprint them."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from vidforensics.errors import (
    IndexUnusableError,
    InputError,
    MissingModelError,
    OutputError,
    VidforensicsError,
)
from vidforensics.isolation import Limits
from vidforensics.media import open_evidence, stat_evidence
from vidforensics.tracing import ScanFailure, read_fingerprint
from vidforensics.tracing.segment_files import DamagedFileError
from vidforensics.types import Fingerprint

Runner = Callable[..., Mapping[str, Any]]
_FILES_PER_WORKER = 3
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """A file and what a worker made of it."""

    path: str
    fingerprint: Fingerprint


Hashed = tuple[str, str]
"""Path and SHA-256 of a file."""


class _StoppedError(Exception):
    """The scan ends, and a worker is not waited for."""


class JobPool:
    """Threads that do one file each; leaving the with-block ends their workers."""

    def __init__(self, scratch: Path, workers: int, limits: Limits | None, runner: Runner) -> None:
        self._scratch, self._limits, self._runner = scratch, limits, runner
        self._most = workers * _FILES_PER_WORKER
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="scan")
        self._under_way: dict[Future[Hashed | Fingerprinted], str] = {}
        self._digests: dict[str, str] = {}
        self._numbers = itertools.count()
        self._stop = threading.Event()

    def __enter__(self) -> JobPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def is_full(self) -> bool:
        """Whether enough files are under way to keep every thread busy."""
        return len(self._under_way) >= self._most

    def is_busy(self) -> bool:
        """Whether any file is under way."""
        return bool(self._under_way)

    def hash(self, path: str) -> None:
        """Have a file hashed."""
        self._under_way[self._threads.submit(_hashed, path, self._stop)] = path

    def fingerprint(self, path: str, sha256: str) -> None:
        """Have a file fingerprinted by a worker."""
        self._digests[path] = sha256
        self._under_way[self._threads.submit(self._fingerprinted, path, sha256)] = path

    def forget(self, path: str) -> str | None:
        """The digest of a file that went to a worker and is dealt with."""
        return self._digests.pop(path, None)

    def finished(self) -> list[Hashed | Fingerprinted | ScanFailure]:
        """What has come to an end; waits a moment for something to.

        Raises:
            MissingModelError, OutputError, IndexUnusableError: what no other file would escape either.
        """
        done, _ = wait(self._under_way, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        return [self._outcome(future, self._under_way.pop(future)) for future in done]

    def _outcome(
        self, future: Future[Hashed | Fingerprinted], path: str
    ) -> Hashed | Fingerprinted | ScanFailure:
        try:
            return future.result()
        except (MissingModelError, OutputError, IndexUnusableError):
            raise
        except VidforensicsError as error:
            return ScanFailure(path, type(error).__name__, str(error))

    def _fingerprinted(self, path: str, sha256: str) -> Fingerprinted:
        """Run the worker, read what it wrote."""
        out = self._scratch / f"{next(self._numbers)}.print"
        arguments = {"path": path, "out": str(out)}
        try:
            self._runner("fingerprint", arguments, limits=self._limits, progress=self._unless_stopped)
            found = read_fingerprint(out)
        except DamagedFileError as error:
            raise InputError(f"{path}: its fingerprint did not arrive whole; scan it again.") from error
        finally:
            with suppress(FileNotFoundError):
                out.unlink()
        if found.video.sha256 != sha256:
            raise InputError(f"{path}: changed while it was read; scan again when it is complete.")
        return Fingerprinted(path, replace(found, video=replace(found.video, path=path, posts=())))

    def _unless_stopped(self, stage: str, done: float, total: float | None) -> None:
        """Called as the worker reports: the way out of waiting for it."""
        if self._stop.is_set():
            raise _StoppedError


def _hashed(path: str, stop: threading.Event) -> Hashed:
    """The digest of a regular file."""
    stat_evidence(Path(path))
    digest = hashlib.sha256()
    with open_evidence(Path(path)) as file:
        while piece := file.read(1 << 20):
            if stop.is_set():
                raise _StoppedError
            digest.update(piece)
    return path, digest.hexdigest()

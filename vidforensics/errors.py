"""Every error the toolkit raises on purpose, and the exit code each one maps to.

    VidforensicsError
    ├── UsageError              a wrong call: bad option value, output folder that exists          → 2
    ├── InputError              one input cannot be examined: missing, empty, unreadable …         → 3
    │   ├── NotMediaError       the file holds no stream that can be read
    │   ├── DecodeError         the decoder gave up before anything could be measured
    │   ├── ResourceLimitError  the worker ran past its time or memory limit
    │   └── WorkerCrashError    the worker process died (decoder crash)
    ├── OutputError             results cannot be written: full disk, no permission                → 3
    ├── MissingModelError       a model or an optional package is absent or has the wrong hash     → 4
    ├── ReportError             a report.json that cannot be read or is newer than this version    → 2
    └── IndexUnusableError      an index that is locked, damaged or newer than this version        → 5

A message says what happened, to which file, and what to do next.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses of the command line; scripts rely on them (see docs/interface.md)."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    INPUT_FAILED = 3
    MISSING_MODEL = 4
    INDEX_UNUSABLE = 5
    FLAGGED = 10
    INTERRUPTED = 130


class VidforensicsError(Exception):
    """Root of the tree; never raised itself."""

    exit_code = ExitCode.INTERNAL


class UsageError(VidforensicsError):
    """The call was wrong: a bad option value, or an output folder that already exists."""

    exit_code = ExitCode.USAGE


class InputError(VidforensicsError):
    """One input cannot be examined."""

    exit_code = ExitCode.INPUT_FAILED


class NotMediaError(InputError):
    """The file holds no stream that can be read."""


class DecodeError(InputError):
    """The decoder gave up before anything could be measured."""


class ResourceLimitError(InputError):
    """The worker process ran past its time or memory limit and was stopped."""


class WorkerCrashError(InputError):
    """The worker process died, as it does when a decoder crashes."""


class OutputError(VidforensicsError):
    """Results cannot be written: the disk is full or the folder is not writable."""

    exit_code = ExitCode.INPUT_FAILED


class MissingModelError(VidforensicsError):
    """A model or an optional package is absent, or its hash is wrong."""

    exit_code = ExitCode.MISSING_MODEL


class ReportError(VidforensicsError):
    """A report.json cannot be read, or was written by a newer version."""

    exit_code = ExitCode.USAGE


class IndexUnusableError(VidforensicsError):
    """An index is locked by another writer, damaged beyond its own repair, or newer than this version."""

    exit_code = ExitCode.INDEX_UNUSABLE

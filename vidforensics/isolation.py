"""Run one job on one file in a worker process with limits, so that a bad file costs only itself.

A job is a verb, plain arguments, and a folder it may write into. It goes to the worker as JSON on
standard input; progress, result or error come back as JSON lines on a pipe of their own. Nothing is
ever pickled: a decoder that was taken over by a hostile file can only send text.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, Any

from vidforensics import errors
from vidforensics.runtime import Progress, no_progress

_LOG = logging.getLogger(__name__)
_MESSAGE_LIMIT_BYTES = 64 << 20
_POLL_S = 0.25
_WORKER_MODULE = "vidforensics.worker"
_WORKER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    # glibc raises its own threshold after large blocks are freed; pictures then fragment the heap, and an
    # hour of 1080p grew by 2 GB. A fixed one hands every picture back to the system (mallopt(3)).
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost before its worker is stopped.

    time_s: whole run. stall_s: time without any progress, which is how a hang shows. memory_bytes:
    address space of the worker (where the system can enforce it).
    """

    time_s: float = 4 * 3600.0
    stall_s: float = 180.0
    memory_bytes: int = 6 << 30


def run_isolated(
    verb: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Run `verb` in a worker process and return what it sends back.

    Args:
        verb: name of a job in `vidforensics.worker`.
        arguments: plain JSON values; `path` names the file for error messages.
        limits: time and memory the worker may use.
        progress: called in this process with what the worker reports.

    Returns:
        The worker's result object.

    Raises:
        VidforensicsError: what the worker raised, or ResourceLimitError, WorkerCrashError.
    """
    limits = limits or Limits()
    subject = str(arguments.get("path", verb))
    with _noise_file(subject) as noise:
        read_fd, write_fd = os.pipe()
        with os.fdopen(read_fd, "rb", buffering=0) as messages:
            worker = _start(write_fd, noise)
            try:
                _send_job(worker, verb, arguments, limits)
                return _converse(worker, messages, limits, progress, subject)
            except BrokenPipeError:
                raise _crash(worker, noise, subject) from None
            except _WorkerGoneError:
                raise _crash(worker, noise, subject) from None
            finally:
                _stop(worker)


def _noise_file(subject: str) -> IO[bytes]:
    """A nameless file for what decoders print."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise errors.OutputError(
            f"{subject}: no temporary folder can be written to; free some space or set TMPDIR."
        ) from error


class _WorkerGoneError(Exception):
    """The worker closed its pipe without a result."""


def _start(write_fd: int, noise: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the worker; decoder chatter goes to `noise`, messages to the pipe."""
    environment = {**os.environ, **_WORKER_ENVIRONMENT}
    try:
        return subprocess.Popen(
            [sys.executable, "-m", _WORKER_MODULE, str(write_fd)],
            stdin=subprocess.PIPE,
            stdout=noise,
            stderr=noise,
            pass_fds=(write_fd,),
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(write_fd)


def _send_job(
    worker: subprocess.Popen[bytes], verb: str, arguments: Mapping[str, Any], limits: Limits
) -> None:
    """Send the job as one line; standard input stays open, so its end tells the worker we are gone."""
    job = {"verb": verb, "arguments": dict(arguments), "limits": asdict(limits)}
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(job).encode("ascii") + b"\n")
    worker.stdin.flush()


def _converse(
    worker: subprocess.Popen[bytes],
    messages: IO[bytes],
    limits: Limits,
    progress: Progress,
    subject: str,
) -> dict[str, Any]:
    """Read messages until the result comes, a limit is passed, or the worker is gone."""
    started = last_heard = time.monotonic()
    pending = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(messages, selectors.EVENT_READ)
        while True:
            _check_limits(started, last_heard, limits, subject)
            if not selector.select(_POLL_S):
                continue
            chunk = messages.read(1 << 16)
            if not chunk:
                raise _WorkerGoneError
            last_heard = time.monotonic()
            pending += chunk
            if len(pending) > _MESSAGE_LIMIT_BYTES:
                raise errors.WorkerCrashError(
                    f"{subject}: the worker sent an endless message; skip this file."
                )
            result = _take_messages(pending, progress)
            if result is not None:
                return result


def _take_messages(pending: bytearray, progress: Progress) -> dict[str, Any] | None:
    """Consume whole lines of `pending`; return the result if it is among them."""
    while (end := pending.find(b"\n")) >= 0:
        message = json.loads(pending[:end])
        del pending[: end + 1]
        if "progress" in message:
            progress(*message["progress"])
        elif "error" in message:
            raise _rebuilt(message["error"])
        else:
            result: dict[str, Any] = message["result"]
            return result
    return None


def _rebuilt(error: Mapping[str, str]) -> Exception:
    """The worker's error as an exception of the same class."""
    kind = getattr(errors, error["kind"], None)
    if isinstance(kind, type) and issubclass(kind, errors.VidforensicsError):
        return kind(error["message"])
    _LOG.debug("in the worker: %s", error.get("trace", ""))  # reaches a user only with --verbose
    return errors.VidforensicsError(f"{error['message']}; run again with --verbose and report it.")


def _check_limits(started: float, last_heard: float, limits: Limits, subject: str) -> None:
    """Raise ResourceLimitError when a time limit is passed."""
    now = time.monotonic()
    if now - started > limits.time_s:
        raise errors.ResourceLimitError(
            f"{subject}: stopped after the time limit of {limits.time_s:g} s; raise it with --time-limit."
        )
    if now - last_heard > limits.stall_s:
        raise errors.ResourceLimitError(
            f"{subject}: the decoder made no progress for {limits.stall_s:g} s and was stopped; "
            "the file may be damaged."
        )


def _crash(worker: subprocess.Popen[bytes], noise: IO[bytes], subject: str) -> errors.InputError:
    """Say how the worker died."""
    try:
        code = worker.wait(timeout=5)
    except subprocess.TimeoutExpired:
        code = None
    noise.seek(0, os.SEEK_END)
    noise.seek(max(0, noise.tell() - 4096))
    tail = noise.read().decode("utf-8", "replace")
    if "MemoryError" in tail or "bad_alloc" in tail or "Cannot allocate" in tail:
        return errors.ResourceLimitError(
            f"{subject}: needs more memory than the limit allows; raise it with --memory-limit."
        )
    how = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
    return errors.WorkerCrashError(
        f"{subject}: the worker process died while reading the file ({how}); it may be damaged or hostile."
    )


def _stop(worker: subprocess.Popen[bytes]) -> None:
    """End the worker and everything it started."""
    if worker.stdin is not None:
        with suppress(BrokenPipeError):  # it may be gone already, which is what closing is for
            worker.stdin.close()
    if worker.poll() is None:
        with suppress(ProcessLookupError):  # it may end between the two calls
            os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()

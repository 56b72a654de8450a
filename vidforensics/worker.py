"""The worker process: one job, one file, under limits; started by `isolation.run_isolated`.

Reads the job as one JSON line from standard input and answers with JSON lines on the pipe whose
number is its only argument. It ends itself when its parent is gone.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import IO, Any

from vidforensics.errors import OutputError, ResourceLimitError, VidforensicsError

_PROGRESS_EVERY_S = 0.2


def main() -> None:
    """Do the job on standard input and send its result or its error."""
    with os.fdopen(int(sys.argv[1]), "wb") as messages:
        job = json.loads(sys.stdin.buffer.readline())
        _limit_memory(int(job["limits"]["memory_bytes"]))
        threading.Thread(target=_end_with_parent, daemon=True).start()
        faulthandler.enable()
        _send(messages, _outcome(job["verb"], job["arguments"], messages))
    # Decoder threads and interpreter shutdown have nothing left to say; leaving at once saves their time.
    os._exit(0)


def _outcome(verb: str, arguments: Mapping[str, Any], messages: IO[bytes]) -> dict[str, Any]:
    """Run the job; every way it can end is a message."""
    path = arguments.get("path")
    try:
        return {"result": _jobs()[verb](arguments, _reporter(messages))}
    except VidforensicsError as error:
        return _error(error, str(error))
    except Exception as error:
        if _is_out_of_memory(error):
            sentence = f"{path}: needs more memory than the limit allows; raise it with --memory-limit."
            return _error(ResourceLimitError(), sentence)
        if isinstance(error, OSError) and not type(error).__module__.startswith("av"):
            where = error.filename or arguments.get("out")
            sentence = f"{where}: {error.strerror}; free some space or choose another --out."
            return _error(OutputError(), sentence)
        return _error(error, f"{path}: internal error ({type(error).__name__}: {error})")


def _error(error: Exception, sentence: str) -> dict[str, Any]:
    return {"error": {"kind": type(error).__name__, "message": sentence, "trace": traceback.format_exc()}}


def _is_out_of_memory(error: Exception) -> bool:
    """Memory runs out in Python, in OpenCV, or while a library is mapped into a full address space."""
    signs = ("Insufficient memory", "failed to map segment", "Cannot allocate memory", "Unable to allocate")
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in signs)


def _jobs() -> dict[str, Callable[..., dict[str, Any]]]:
    """The verbs that run in a worker."""
    from vidforensics import jobs

    return {
        "inspect": jobs.inspect_job,
        "extract": jobs.extract_job,
        "flag": jobs.flag_job,
        "faces": jobs.faces_job,
        "small_pictures": jobs.small_pictures_job,
        "fingerprint": jobs.fingerprint_job,
        "trace": jobs.trace_job,
        "compare": jobs.compare_job,
    }


def _reporter(messages: IO[bytes]) -> Callable[[str, float, float | None], None]:
    """A progress callback that sends at most a few messages a second."""
    last_sent = 0.0

    def report(stage: str, done: float, total: float | None) -> None:
        nonlocal last_sent
        now = time.monotonic()
        if now - last_sent >= _PROGRESS_EVERY_S:
            last_sent = now
            _send(messages, {"progress": [stage, done, total]})

    return report


def _send(messages: IO[bytes], message: Mapping[str, Any]) -> None:
    messages.write(json.dumps(message).encode("ascii") + b"\n")
    messages.flush()


def _limit_memory(limit_bytes: int) -> None:
    """Bound the address space and switch core dumps off, where the system knows how."""
    try:
        import resource
    except ImportError:  # not on Windows; there only the time limits hold
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent() -> None:
    """Exit as soon as standard input closes, which it does when the parent ends however it ends."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()

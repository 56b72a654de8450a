"""What a run needs besides its input: progress, optional imports, clock, and the provenance of the run.

Nothing here touches media. A stage reports progress through a callback and never prints.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

# not by way of `types`, whose hundred records took 0.1 s of the start of every command
from vidforensics.records.provenance import RunProvenance
from vidforensics.spool import let_pages_go

Progress = Callable[[str, float, float | None], None]
"""Called as progress(stage, done, total); total is None while unknown."""

LIBRARIES = ("av", "numpy", "scipy", "opencv-python-headless", "ImageHash", "c2pa-python", "OpenTimelineIO")


def no_progress(stage: str, done: float, total: float | None) -> None:
    """Ignore progress; the default of every library function."""


def utc_now() -> str:
    """The present moment as ISO 8601 in UTC, to the millisecond: "2026-01-31T12:00:00.000Z"."""
    return iso_utc(datetime.now(UTC).timestamp())


def iso_utc(unix_s: float) -> str:
    """A unix time as ISO 8601 in UTC, to the millisecond.

    >>> iso_utc(0.0)
    '1970-01-01T00:00:00.000Z'
    """
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def library_versions() -> dict[str, str]:
    """Installed versions of the libraries that a result depends on; absent ones are left out."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def provenance(
    *,
    version: str,
    started_at: str,
    parameters: Mapping[str, Any],
    models: Mapping[str, str | None],
    seconds_by_stage: Mapping[str, float],
) -> RunProvenance:
    """Describe the run that is ending now."""
    return RunProvenance(
        tool="vidforensics",
        version=version,
        started_at=started_at,
        finished_at=utc_now(),
        python=sys.version.split()[0],
        platform=f"{platform.system()} {platform.machine()}",
        libraries=library_versions(),
        parameters=dict(parameters),
        models=dict(models),
        seconds_by_stage=dict(seconds_by_stage),
    )


def give_back_memory() -> None:
    """Hand back to the system what was freed inside the heap, and the pages of spools that were looked at.

    The heap by glibc's malloc_trim(3) where it is there: after a decode pass that is some 70 MB, which the
    detectors would otherwise come on top of.
    """
    let_pages_go()
    if sys.platform != "linux":
        return
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

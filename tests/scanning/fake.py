"""Scans without decoding: a stand-in for the worker, and a scan that can be run as a process and killed."""

from __future__ import annotations

import hashlib
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.tracing.prints import fingerprint
from vidforensics.errors import DecodeError
from vidforensics.scanning import ScanOptions, scan
from vidforensics.tracing import Index, write_fingerprint


def run(verb: str, arguments: Mapping[str, Any], *, limits: object, progress: Any) -> dict[str, Any]:
    """Make a fingerprint out of a file's bytes; a file that says "bad" cannot be read."""
    assert verb == "fingerprint"
    path = Path(arguments["path"])
    data = path.read_bytes()
    progress("decode", 0.0, None)
    if data.startswith(b"bad"):
        raise DecodeError(f"{path}: nothing decodes.")
    made = fingerprint(zlib.crc32(data), str(path), frames=3, landmarks=4)
    digest = hashlib.sha256(data).hexdigest()
    write_fingerprint(Path(arguments["out"]), replace(made, video=replace(made.video, sha256=digest)))
    return {}


def run_slowly(verb: str, arguments: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """The same, taking its time."""
    time.sleep(0.004)
    return run(verb, arguments, **keywords)


def content(folder: Path) -> dict[str, Any]:
    """Everything an index holds, apart from the numbers of its videos."""
    with Index.create_or_open(folder) as index:
        rows = {}
        held = {int(number) for table in index.pictures() for number in table.videos}
        for number, video in index.videos():
            prints = index.fingerprint(number)
            codes = prints.picture.codes.tobytes(), prints.sounds[0].codes.tobytes()
            rows[video.sha256] = (video.path, index.paths(number), video.posts, codes, number in held)
        return {"videos": rows, "failures": index.failures, "check": index.check().problems}


if __name__ == "__main__":
    source, folder = sys.argv[1:]
    with Index.create_or_open(folder, write=True, wait_s=5.0) as opened:
        scan([source], opened, workers=3, runner=run_slowly, options=ScanOptions(batch_files=4, batch_s=0.05))

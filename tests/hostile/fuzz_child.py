"""A worker that examines one file after another, as the product's worker examines one.

Reads one JSON line per file from standard input, {"verb", "path", "folder"}; answers each with the message
that the product's worker would send: a result, or an error with its kind.
"""

from __future__ import annotations

import faulthandler
import io
import json
import resource
import shutil
import sys
import warnings
from pathlib import Path

from vidforensics import worker

MEMORY_BYTES = 6 << 30


def main() -> None:
    """Serve until standard input ends."""
    faulthandler.enable()
    warnings.simplefilter("ignore")  # as in the product, where Python's warnings do not reach the user
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        job = json.loads(line)
        folder = Path(job["folder"])
        folder.mkdir()
        arguments = {"path": job["path"], "folder": str(folder), "out": str(folder), "options": {}}
        answer = worker._outcome(job["verb"], arguments, io.BytesIO())
        shutil.rmtree(folder)
        error = answer.get("error")
        sys.stdout.write(json.dumps({"error": error}, ensure_ascii=True) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Tell where every second of a suspect video came from and what was done to it.

Each verb of the command line is a function of the same name here: `inspect`, `extract`, `flag`, `scan`,
`trace`, `compare`, `verify`, and `evaluate_trace`. Importing the package loads none of the media libraries;
the first call does, in a worker process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidforensics.verbs import (
        compare,
        evaluate_trace,
        extract,
        flag,
        inspect,
        scan,
        trace,
        verify,
    )

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "compare",
    "evaluate_trace",
    "extract",
    "flag",
    "inspect",
    "scan",
    "trace",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a verb on first use, so that `import vidforensics` stays cheap."""
    if name in __all__:
        from vidforensics import verbs

        return getattr(verbs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

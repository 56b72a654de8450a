"""Tell where every second of a suspect video came from and what was done to it.

Each verb of the command line is a function of the same name here: `inspect`, `extract`, `flag`, `scan`,
`trace`, `compare`, `train`, `verify`, `evaluate_trace` and `evaluate_flag`. Importing the package loads none
of the media libraries; the first call does, in a worker process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidforensics.verbs import (
        compare,
        extract,
        flag,
        inspect,
        scan,
        trace,
        train,
        verify,
    )
    from vidforensics.verbs_evaluate import evaluate_flag, evaluate_trace

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "compare",
    "evaluate_flag",
    "evaluate_trace",
    "extract",
    "flag",
    "inspect",
    "scan",
    "trace",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a verb on first use, so that `import vidforensics` stays cheap."""
    if name in __all__:
        from vidforensics import verbs, verbs_evaluate

        return getattr(verbs_evaluate if name.startswith("evaluate") else verbs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

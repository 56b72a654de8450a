"""Record of a run: what produced a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RunProvenance:
    """What produced a result: enough to run it again."""

    tool: str
    version: str
    started_at: str
    finished_at: str
    python: str
    platform: str
    libraries: Mapping[str, str]
    parameters: Mapping[str, Any]
    models: Mapping[str, str | None]
    seconds_by_stage: Mapping[str, float] = field(default_factory=dict)

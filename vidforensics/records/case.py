"""Records of a case: custody, provenance, and everything known about one clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vidforensics.records.acquisition import (
    Bitstream,
    Clip,
    Container,
    ContentCredentials,
    DoubleCompression,
    Probe,
)
from vidforensics.records.extraction import Extraction
from vidforensics.records.features import Features
from vidforensics.records.flagging import Detection


@dataclass(frozen=True, slots=True)
class CustodyEntry:
    """One line of the custody log, chained to the one before by `previous_sha256`."""

    index: int
    at: str
    action: str
    subject: str
    details: Mapping[str, Any]
    previous_sha256: str
    sha256: str


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


@dataclass(frozen=True, slots=True)
class Case:
    """Everything known about one clip; what the report renders and report.json holds."""

    clip: Clip
    probe: Probe
    container: Container
    credentials: ContentCredentials
    bitstream: Bitstream
    double_compression: DoubleCompression
    extraction: Extraction
    features: Features
    detections: tuple[Detection, ...]
    custody: tuple[CustodyEntry, ...]
    provenance: RunProvenance

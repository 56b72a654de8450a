"""Records of a case: custody, provenance, and everything known about one clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from vidforensics.records.provenance import RunProvenance
from vidforensics.records.tracing import Trace


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
class Case:
    """Everything known about one clip; what the report renders and report.json holds.

    trace: where it occurs in an index; None where none was given.
    """

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
    trace: Trace | None = None

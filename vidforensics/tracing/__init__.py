"""Tracing: an index of fingerprints, and the search for every stretch that a clip shares with it."""

from __future__ import annotations

from vidforensics.tracing.store import Index, IndexCheck
from vidforensics.tracing.store_prints import read_fingerprint, write_fingerprint
from vidforensics.tracing.store_rows import FileStamp, ScanFailure

__all__ = ["FileStamp", "Index", "IndexCheck", "ScanFailure", "read_fingerprint", "write_fingerprint"]

"""Acquisition: open the evidence without changing it and say what its bytes are."""

from __future__ import annotations

from vidforensics.acquisition.bitstream import read_bitstream
from vidforensics.acquisition.blocks import write_blocks
from vidforensics.acquisition.container import read_container
from vidforensics.acquisition.credentials import read_credentials
from vidforensics.acquisition.custody import CustodyLog, check_custody
from vidforensics.acquisition.digest import digest_file
from vidforensics.acquisition.double_compression import double_compression
from vidforensics.acquisition.probe import probe

__all__ = [
    "CustodyLog",
    "check_custody",
    "digest_file",
    "double_compression",
    "probe",
    "read_bitstream",
    "read_container",
    "read_credentials",
    "write_blocks",
]

"""Fixtures shared by all stages."""

from __future__ import annotations

from pathlib import Path

import pytest

FOOTAGE = Path(__file__).resolve().parents[2] / "shared" / "footage"
SAMPLES = Path(__file__).resolve().parents[1] / "samples"


@pytest.fixture(scope="session")
def footage() -> Path:
    """The folder of development footage; tests that need it skip where it is absent."""
    if not (FOOTAGE / "MANIFEST.csv").is_file():
        pytest.skip("development footage is not here")
    return FOOTAGE


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of committed sample clips."""
    return SAMPLES

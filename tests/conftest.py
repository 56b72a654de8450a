"""Fixtures shared by all stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vidforensics.evaluation import synthesis

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


@pytest.fixture(scope="module")
def no_synthesiser() -> Iterator[None]:
    """The program that synthesises speech is not installed, whether it is or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthesis, "PROGRAM", "no-such-espeak-ng")
        yield

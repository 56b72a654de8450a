"""What every run needs besides its input."""

from __future__ import annotations

import subprocess
import sys
import sysconfig

import pytest

from vidforensics import runtime

FREED_MB = """
import resource
from vidforensics.runtime import give_back_memory

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6

kept = [bytes(5000) for _ in range(40_000)]
kept = kept[::100]  # what is left keeps the heap from shrinking at its top
before = resident_mb()
give_back_memory()
print(before - resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc hands memory back")
def test_memory_that_was_freed_inside_the_heap_is_handed_back() -> None:
    answer = subprocess.run([sys.executable, "-c", FREED_MB], capture_output=True, text=True, check=True)
    if "musl" in (sysconfig.get_config_var("MULTIARCH") or ""):
        pytest.skip("musl has no malloc_trim")
    assert float(answer.stdout) > 50


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.sys, "platform", "win32")
    monkeypatch.setattr("ctypes.CDLL", lambda name: pytest.fail("the C library was asked"))
    runtime.give_back_memory()

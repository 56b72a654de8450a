"""The shape of the package: import layers, cheap imports, file lengths, pinned public names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import vidforensics

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"numpy", "av", "cv2", "torch", "scipy", "imagehash", "jinja2", "c2pa", "opentimelineio"}


def test_imports_run_downward_only():
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    "module", ["vidforensics", "vidforensics.cli", "vidforensics.types", "vidforensics.verbs"]
)
def test_importing_loads_no_heavy_library(module: str):
    code = f"import sys, {module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


def test_help_loads_no_heavy_library():
    code = (
        "import sys; sys.argv = ['vidforensics', '--help']\n"
        "from vidforensics.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print('HEAVY', *sorted({HEAVY!r} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1].strip() == "HEAVY"


def test_files_stay_short():
    long = {p: n for p in ROOT.glob("vidforensics/**/*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_public_names_are_pinned():
    verbs = [
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
    assert vidforensics.__all__ == ["__version__", *verbs]
    assert all(hasattr(vidforensics, name) for name in vidforensics.__all__)
    with pytest.raises(AttributeError):
        _ = vidforensics.nothing

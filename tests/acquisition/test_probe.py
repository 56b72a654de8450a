from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import pytest

from tests.acquisition.media import box, edit_list, minimal_movie, write_clip
from tests.acquisition.network import unvisited_port
from vidforensics.acquisition import probe
from vidforensics.acquisition.display import matrix_turn
from vidforensics.errors import InputError, NotMediaError


def test_every_stream_is_described(tmp_path: Path) -> None:
    tags = {"title": "t", "creation_time": "2020-05-06T07:08:09Z"}
    found = probe(write_clip(tmp_path / "a.mp4", sounds=2, tags=tags))
    picture, first, second = found.streams
    assert [s.kind for s in found.streams] == ["video", "audio", "audio"]
    assert (picture.codec, picture.codec_tag, picture.width_px, picture.height_px) == (
        "mpeg4",
        "mp4v",
        64,
        48,
    )
    assert (picture.frame_rate, picture.average_frame_rate, picture.frame_count) == ("25/1", "25/1", 5)
    assert (picture.rotation_deg, picture.is_mirrored, picture.pixel_format) == (0, False, "yuv420p")
    assert picture.handler == "VideoHandler"
    assert picture.created_at == "2020-05-06T07:08:09.000000Z"
    assert picture.duration_s == pytest.approx(0.2)
    assert (first.codec, first.sample_rate_hz, first.channels, first.channel_layout) == (
        "aac",
        48000,
        1,
        "mono",
    )
    assert second.index == 2
    assert found.metadata["title"] == "t"
    assert min(s.start_s or 0 for s in found.streams) == 0
    assert found.first("audio") == first


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rotation_is_what_the_decoder_says(tmp_path: Path, degrees: int, suffix: str) -> None:
    import av

    path = write_clip(tmp_path / f"a{suffix}", rotation_deg=degrees, sounds=0)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    # the decoder counts counter-clockwise
    assert probe(path).streams[0].rotation_deg == -frame.rotation % 360


def test_mirrored_matrix() -> None:
    assert matrix_turn((-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)).is_mirrored
    assert matrix_turn((-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)).rotation_deg == 0
    assert matrix_turn((0, 0, 0, 0, 0, 0, 0, 0, 0)).rotation_deg == 0


def test_late_stream_keeps_its_offset(tmp_path: Path) -> None:
    path = tmp_path / "late.mp4"
    path.write_bytes(minimal_movie(edits=edit_list((1500, -1), (1000, 0))))
    found = probe(path)
    assert found.origin_s == pytest.approx(1.5)
    assert found.streams[0].start_s == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"just a few words\n" * 50, "is text"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n", "list of other files"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "list of other files"),
        (b"\x00" * 5000, "nothing but zeros"),
        (box(b"ftyp", b"isom\x00\x00\x02\x00isom") + box(b"mdat", b"x" * 400), "index"),
        (bytes(range(256)) * 40, "no media file"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nhello\n\n" * 9, "no picture and no sound"),
    ],
)
def test_what_is_no_clip(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(NotMediaError, match=words):
        probe(path)


def test_missing_empty_and_special(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for name in ("pipe", "empty", "none", ""):
        with pytest.raises(InputError):
            probe(tmp_path / name)
    with pytest.raises(InputError, match="is an address"):
        probe(Path("https://127.0.0.1/a.mp4"))


def test_a_playlist_opens_nothing(tmp_path: Path) -> None:
    """A list of files must reach neither the disk nor the network, whatever its name."""
    clip = write_clip(tmp_path / "real.mpg", codec="mpeg1video", sounds=0)
    touched = clip.stat().st_atime_ns
    with unvisited_port() as port:
        lists = {
            "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n",
            "b.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nfile://{clip}\n",
            "c.ffconcat": f"ffconcat version 1.0\nfile {clip.name}\n",
            "d.mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
            f'profiles="urn:mpeg:dash:profile:isoff-live:2011"><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>',
            "e.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\n"
            f"c=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
        }
        for name, text in lists.items():
            (tmp_path / name).write_text(text)
            with pytest.raises(NotMediaError):
                probe(tmp_path / name)
    assert clip.stat().st_atime_ns == touched


@pytest.mark.parametrize(
    "name",
    ["-i.mp4", "a:b.mp4", "concat:x|y.mp4", "%03d.mp4", "http:x.mp4", os.fsdecode(b"\xe9\xff.mp4"), "a\nb"],
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "source.mp4", sounds=0, frames=2)
    shutil.copy(source, tmp_path / name)
    assert len(probe(tmp_path / name).streams) == 1


def test_metadata_that_is_not_utf8(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", sounds=0, frames=2, tags={"title": "caf~"})
    path.write_bytes(path.read_bytes().replace(b"caf~", b"caf\xff"))
    assert probe(path).metadata["title"].startswith("caf")


def test_truncated_with_moov_and_without(tmp_path: Path) -> None:
    late = write_clip(tmp_path / "late.mp4").read_bytes()
    fast = write_clip(tmp_path / "fast.mp4", options={"movflags": "faststart"}).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(fast[: len(fast) - 300])
    assert len(probe(path).streams) == 2
    path.write_bytes(late[: len(late) // 2])
    with pytest.raises(NotMediaError, match="cut off or damaged"):
        probe(path)


def test_hundred_tracks(tmp_path: Path) -> None:
    found = probe(write_clip(tmp_path / "a.mkv", sounds=99))
    assert len(found.streams) == 100


@pytest.mark.parametrize("size", [(16384, 16), (2, 2)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    stream = probe(write_clip(tmp_path / "a.mkv", codec="ffv1", size=size, sounds=0, frames=1)).streams[0]
    assert (stream.width_px, stream.height_px) == size


def test_absurd_numbers_are_none(tmp_path: Path) -> None:
    content = minimal_movie()
    path = tmp_path / "a.mp4"
    at = content.index(b"mdhd") + 4 + 12
    huge = struct.pack(">II", 1, 0x7000000)
    content = content[:at] + huge + content[at + 8 :]
    path.write_bytes(content.replace(struct.pack(">III", 1, 1, 1000), struct.pack(">III", 1, 1, 0x7000000)))
    assert probe(path).duration_s is None
    assert probe(path).streams[0].duration_s is None
    path.write_bytes(minimal_movie().replace(struct.pack(">III", 1, 1, 1000), struct.pack(">III", 1, 1, 0)))
    assert probe(path).streams[0].frame_rate is None


def test_stream_without_frames(tmp_path: Path) -> None:
    content = minimal_movie()
    path = tmp_path / "a.mp4"
    for table, old in ((b"stts", 1), (b"stsc", 1), (b"stco", 1)):
        at = content.index(table) + 8
        assert struct.unpack_from(">I", content, at)[0] == old
        content = content[:at] + b"\x00" * 4 + content[at + 4 :]
    at = content.index(b"stsz") + 12
    path.write_bytes(content[:at] + b"\x00" * 4 + content[at + 4 :])
    stream = probe(path).streams[0]
    assert (stream.kind, stream.codec, stream.frame_count) == ("video", "mpeg4", None)


def test_same_answer_as_by_name(footage: Path) -> None:
    import av

    for path in sorted(footage.glob("*/*"))[::40]:
        with av.open(str(path), metadata_errors="replace") as container:
            assert probe(path).format_name == container.format.name
            assert [s.index for s in probe(path).streams] == [s.index for s in container.streams]

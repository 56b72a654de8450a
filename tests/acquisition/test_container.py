from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acquisition.media import box, edit_list, minimal_movie, write_clip
from vidforensics.acquisition import probe, read_container
from vidforensics.errors import InputError, VidforensicsError
from vidforensics.types import Box, Container, Probe

NOTHING = Probe("mov,mp4,m4a,3gp,3g2,mj2", None, 0.0, None, {}, ())
FULL = b"\x00" * 4


def read(tmp_path: Path, content: bytes) -> Container:
    path = tmp_path / "x.bin"
    path.write_bytes(content)
    return read_container(path, NOTHING)


def codes(container: Container, *levels: str) -> list[str]:
    return [f.code for f in container.findings if not levels or f.level in levels]


def find(boxes: tuple[Box, ...], *path: str) -> Box:
    first = next(b for b in boxes if b.kind == path[0])
    return first if len(path) == 1 else find(first.children, *path[1:])


def test_box_tree_of_a_plain_file(tmp_path: Path) -> None:
    found = read(tmp_path, minimal_movie())
    assert found.format == "iso-bmff"
    assert [b.kind for b in found.boxes] == ["ftyp", "moov", "mdat"]
    assert found.fields["box_order"] == "ftyp moov mdat"
    assert found.fields["track1.handler"] == "VideoHandler"
    assert find(found.boxes, "moov", "mvhd").summary == "1.000 s at 1000/s, created not stated"
    assert find(found.boxes, "moov", "trak", "mdia", "minf", "stbl", "stsd").summary == "mp4v 64×48"
    assert codes(found, "notice", "anomaly") == []
    ends = [b.offset_bytes + b.size_bytes for b in found.boxes]
    assert [b.offset_bytes for b in found.boxes] == [0, *ends[:-1]]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm", ".mov"])
def test_ordinary_files_show_nothing_odd(tmp_path: Path, suffix: str) -> None:
    codec = "vp8" if suffix == ".webm" else "mpeg4"
    path = write_clip(tmp_path / f"a{suffix}", codec=codec, sounds=suffix != ".webm")
    found = read_container(path, probe(path))
    assert found.format == {".mkv": "matroska", ".webm": "matroska", ".avi": "avi"}.get(suffix, "iso-bmff")
    assert codes(found, "notice", "anomaly") == []
    assert found.writer.name.startswith("ffmpeg library (Lavf")


def test_fragments_are_followed(tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    path = write_clip(tmp_path / "a.mp4", frames=40, options=options)
    found = read_container(path, probe(path))
    assert "fragmented" in codes(found)
    assert codes(found, "notice", "anomaly") == []
    cut = path.read_bytes().replace(b"trun", b"skip")
    path.write_bytes(cut)
    assert "media_unreferenced" in codes(read_container(path, probe(path)))


def test_fragments_without_a_track_are_survived(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", options={"movflags": "frag_keyframe+empty_moov"})
    found = read(tmp_path, path.read_bytes().replace(b"tfhd", b"skip"))
    assert "media_use_unknown" in codes(found)


MOVIE = minimal_movie()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (MOVIE[:-20], "box_truncated"),
        (MOVIE[:-20], "samples_beyond_file"),
        (MOVIE + b"\xff" * 50, "trailing_bytes"),
        (MOVIE + box(b"moov"), "box_duplicate"),
        (MOVIE + box(b"free", b"\x00" * 9), None),
        (box(b"moov") + MOVIE, "ftyp_not_first"),
        (MOVIE + box(b"xyzw", b"?"), "box_unknown"),
        (MOVIE + box(b"free", b"left \x00\x01\xfe over"), "padding_not_empty"),
        (MOVIE + box(b"free", b"IsoMedia File Produced with GPAC"), "padding_text"),
        (MOVIE + box(b"free", b"\x01" * 50), None),
        (MOVIE[:24] + MOVIE[24:].replace(b"moov", b"free"), "moov_missing"),
        (MOVIE.replace(b"mdat", b"free"), "mdat_missing"),
        (minimal_movie(media=b"x" * 9000, used=200), "media_unreferenced"),
        (minimal_movie(used=300), "samples_beyond_file"),
        (minimal_movie(edits=edit_list((500, 0), (500, 300))), "edit_list_cuts"),
        (minimal_movie(edits=edit_list((200, 0), (500, -1), (300, 300))), "edit_list_gap"),
        (minimal_movie(edits=edit_list((500, -1), (500, 0))), "edit_list_delay"),
        (minimal_movie(edits=edit_list((1000, 5000))), "edit_list_skip"),
        (minimal_movie(edits=edit_list((9000, 0))), "edit_duration_differs"),
        (
            minimal_movie(entries=struct.pack(">I", 2) + box(b"mp4v", b"\x00" * 78) * 2),
            "several_descriptions",
        ),
        (minimal_movie(reference=box(b"url ", FULL, b"http://example.org/x\x00")), "external_media"),
        (minimal_movie(created=struct.pack(">II", 3_700_000_000, 0)), "creation_time_partial"),
        (minimal_movie(created=struct.pack(">II", 3_700_000_000, 3_600_000_000)), "modified_before_created"),
        (minimal_movie(created=struct.pack(">II", 2_082_844_800, 0)), "creation_time_impossible"),
        (
            minimal_movie(
                created=struct.pack(">II", 3_700_000_000, 0),
                track_created=struct.pack(">II", 3_700_009_000, 0),
            ),
            "creation_times_differ",
        ),
    ],
)
def test_what_is_odd_is_found(tmp_path: Path, content: bytes, code: str | None) -> None:
    found = codes(read(tmp_path, content))
    assert code in found if code else found == ["creation_time_absent", "index_first"]


def test_hidden_media_is_measured(tmp_path: Path) -> None:
    content = minimal_movie(media=b"x" * 9000, used=200)
    finding = next(f for f in read(tmp_path, content).findings if f.code == "media_unreferenced")
    assert finding.level == "anomaly"
    assert "8800 of 9000 bytes" in finding.sentence
    assert finding.offset_bytes == content.index(b"mdat") + 4 + 200


def test_durations_that_disagree(tmp_path: Path) -> None:
    at = MOVIE.index(b"mvhd") + 4 + 16
    content = MOVIE[:at] + struct.pack(">I", 60_000) + MOVIE[at + 4 :]
    assert "movie_duration_differs" in codes(read(tmp_path, content))
    at = MOVIE.index(b"stts") + 12
    content = MOVIE[:at] + struct.pack(">II", 3, 1000) + MOVIE[at + 8 :]
    assert {"sample_tables_differ", "media_duration_differs"} <= set(codes(read(tmp_path, content)))


def test_tags_of_all_kinds(tmp_path: Path) -> None:
    item = box(b"\xa9too", box(b"data", struct.pack(">II", 1, 0), b"HandBrake 1.3.3"))
    apple = box(b"\xa9mak", struct.pack(">HH", 5, 0), b"Apple")
    gpp = box(b"titl", FULL, struct.pack(">H", 0x55C4), b"a title\x00")
    key = box(b"mdta", b"com.android.version")
    keys = box(b"keys", FULL, struct.pack(">I", 1), key)
    by_key = box(b"\x00\x00\x00\x01", box(b"data", struct.pack(">II", 1, 0), b"13"))
    free_form = box(
        b"----",
        box(b"mean", FULL, b"com.x"),
        box(b"name", FULL, b"tool"),
        box(b"data", struct.pack(">II", 1, 0), b"v"),
    )
    hdlr = box(b"hdlr", FULL, FULL, b"mdir", b"\x00" * 13)
    meta = box(b"meta", FULL, hdlr, box(b"ilst", item, free_form))
    user = box(b"udta", apple, gpp, meta) + box(b"meta", hdlr, keys, box(b"ilst", by_key))
    fields = read(tmp_path, minimal_movie(user=user)).fields
    assert fields["ilst.©too"] == "HandBrake 1.3.3"
    assert fields["udta.©mak"] == "Apple"
    assert fields["udta.titl"] == "a title"
    assert fields["keys.com.android.version"] == "13"
    assert fields["ilst.com.x.tool"] == "v"


def test_hostile_text_is_escaped(tmp_path: Path) -> None:
    found = read(tmp_path, minimal_movie(handler=b"<b>\x1b[31m\n\xff"))
    assert found.fields["track1.handler"] == "<b>\\x1b[31m\\x0aÿ"


def test_long_rows_are_summed_up(tmp_path: Path) -> None:
    found = read(tmp_path, MOVIE + box(b"free") * 5000)
    assert len(found.boxes) == 201
    assert found.boxes[100].kind == "…"
    assert "4803 more" in found.boxes[100].summary
    assert found.boxes[-1].offset_bytes + 8 == len(MOVIE) + 40000


def test_bombs_are_bounded(tmp_path: Path) -> None:
    nested = b""
    for _ in range(500):
        nested = box(b"moov", nested)
    started = time.process_time()
    assert read(tmp_path, nested).format == "iso-bmff"
    many = read(tmp_path, MOVIE + box(b"free") * 51_000)
    assert "tree_limit" in codes(many)
    assert time.process_time() - started < 20
    at = MOVIE.index(b"stsz") + 8
    assert read(tmp_path, MOVIE[:at] + struct.pack(">II", 7, 0xFFFFFFFF) + MOVIE[at + 8 :])


def _mkv(tmp_path: Path) -> bytes:
    tags = {"title": "t"}
    return write_clip(tmp_path / "a.mkv", tags=tags).read_bytes()


def test_matroska_fields_and_findings(tmp_path: Path) -> None:
    content = _mkv(tmp_path)
    found = read(tmp_path, content)
    assert found.fields["Info.WritingApp"].startswith("Lavf")
    assert found.fields["DocType"] == "matroska"
    assert found.fields["Info.Title"] == "t"
    assert len(found.fields["Info.SegmentUUID"]) == 32
    assert found.fields["tag.track1.DURATION"].startswith("00:00:00.2")
    assert found.fields["track2.CodecID"] == "A_AAC"
    assert "element_truncated" in codes(read(tmp_path, content[:-200]), "anomaly")
    assert "trailing_bytes" in codes(read(tmp_path, content + b"\x00" * 9), "anomaly")
    assert "several_segments" in codes(read(tmp_path, content + content), "anomaly")
    longer = content.replace(b"00:00:00.2", b"00:09:00.2")
    assert "duration_differs" in codes(read(tmp_path, longer), "anomaly")


def test_live_matroska_has_sizes_left_open(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", frames=60, options={"live": "1", "cluster_time_limit": "500"})
    found = read_container(path, probe(path))
    assert "segment_size_unknown" in codes(found)
    assert codes(found, "anomaly") == []
    clusters = [b for b in found.boxes[1].children if b.kind == "Cluster"]
    assert clusters[-1].offset_bytes + clusters[-1].size_bytes == path.stat().st_size
    assert len(clusters) > 2


def test_avi_fields_and_findings(tmp_path: Path) -> None:
    content = write_clip(tmp_path / "a.avi").read_bytes()
    found = read(tmp_path, content)
    assert found.fields["INFO.ISFT"].startswith("Lavf")
    assert found.fields["stream1.type"] == "vids"
    assert "chunk_truncated" in codes(read(tmp_path, content[:-500]), "anomaly")
    assert "trailing_bytes" in codes(read(tmp_path, content + b"abcdefgh" * 3), "anomaly")
    assert "index_missing" in codes(read(tmp_path, content.replace(b"idx1", b"JUNK")), "anomaly")
    at = content.index(b"avih") + 8 + 16
    fewer = content[:at] + struct.pack("<I", 2) + content[at + 4 :]
    assert "frame_counts_differ" in codes(read(tmp_path, fewer), "notice")


def test_other_formats_say_what_the_demuxer_says(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", codec="mpeg2video", tags={"service_name": "s"})
    found = read_container(path, probe(path))
    assert (found.format, found.boxes, found.fields["format"]) == ("other", (), "mpegts")
    assert found.writer.family == "unknown"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_container(tmp_path / "none", NOTHING)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    folder = tmp_path_factory.mktemp("seeds")
    names = ("a.mp4", "a.mkv", "a.avi")
    clips = [write_clip(folder / n, frames=3).read_bytes() for n in names]
    fragmented = write_clip(folder / "f.mp4", options={"movflags": "frag_keyframe+empty_moov"}).read_bytes()
    return (*clips, fragmented, MOVIE)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutated_files_never_crash_the_readers(
    data: st.DataObject, seeds: tuple[bytes, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + 4] = data.draw(
            st.one_of(
                st.binary(min_size=1, max_size=4),
                st.sampled_from([b"\xff" * 4, b"\x00" * 4, b"\x7f" + b"\xff" * 3]),
            )
        )
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(1, len(content)))]
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(content)
    started = time.process_time()
    try:
        found = probe(path)
    except VidforensicsError as error:
        assert str(error).endswith(".")
        found = NOTHING
    assert read_container(path, found).writer.limits
    assert time.process_time() - started < 5


def test_footage_shows_few_anomalies(footage: Path) -> None:
    for path in sorted(footage.glob("*/*"))[::16]:
        found = read_container(path, probe(path))
        assert codes(found, "anomaly") == [], path.name

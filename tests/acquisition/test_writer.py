from __future__ import annotations

from pathlib import Path

import pytest

from tests.acquisition.media import minimal_movie, write_clip
from vidforensics.acquisition import probe, read_container
from vidforensics.acquisition.writer import read_writer
from vidforensics.acquisition.writer_rules import LIMITS, RULES

MARKS = [
    ({"ilst.©too": "Lavf58.29.100"}, "ffmpeg library (Lavf58.29.100)", "encoder library"),
    ({"ilst.©too": "HandBrake 1.3.3 2020061300"}, "HandBrake 1.3.3", "encoder library"),
    (
        {"track1.handler": "ISO Media file produced by Google Inc. Created on: 1"},
        "Google video service",
        "platform",
    ),
    ({"track2.handler": "Twitter-vork muxer"}, "Twitter", "platform"),
    (
        {"keys.com.apple.quicktime.make": "Apple", "keys.com.apple.quicktime.model": "iPhone 12"},
        "Apple iPhone 12",
        "phone or camera",
    ),
    ({"keys.com.android.version": "13"}, "Android media framework (Android 13)", "phone or camera"),
    ({"track1.handler": "VideoHandle"}, "Android media framework", "phone or camera"),
    ({"Info.WritingApp": "mkvmerge v9.0.1 ('x') 64bit"}, "MKVToolNix (mkvmerge v9.0.1)", "encoder library"),
    ({"Info.MuxingApp": "Chrome", "Info.WritingApp": "Chrome"}, "Chrome", "encoder library"),
    ({"JUNK": "VirtualDub build 32842/release"}, "VirtualDub", "editor"),
    ({"xmp.tool1": "Adobe Premiere Pro 2020.0 (Windows)"}, "Adobe Premiere Pro 2020.0", "editor"),
    (
        {"box_order": "ftyp beam loop wide moov mdat", "track1.handler": "Core Media Video"},
        "WhatsApp",
        "platform",
    ),
    ({"box_order": "ftyp loop beam moov mdat"}, "WhatsApp", "platform"),
    (
        {
            "box_order": "ftyp mdat×3 moov",
            "ftyp.compatible_brands": "isom iso2 avc1 mp41",
            "track1.handler": "VideoHandle",
        },
        "Telegram for Android, or an app with",
        "platform",
    ),
    ({"ilst.©cmt": "vid:v0200f8e0000bq2b5sj6j2qr9557fjgg"}, "ByteDance service", "platform"),
    ({"ilst.desc": "Packed by Bilibili XCoder v2.0.2", "ilst.©too": "Lavf59"}, "Bilibili", "platform"),
]


@pytest.mark.parametrize(("fields", "name", "family"), MARKS)
def test_marks_are_read(fields: dict[str, str], name: str, family: str) -> None:
    reading = read_writer("iso-bmff", fields)
    assert reading.name.startswith(name)
    assert reading.family == family
    assert len(reading.facts) >= 1
    assert all(any(fact.startswith(f"{k}: {v}") for k, v in fields.items()) for fact in reading.facts)
    assert reading.limits == LIMITS[reading.family]


def test_last_writer_stands_before_marks_that_a_remux_keeps() -> None:
    fields = {
        "ilst.©too": "Lavf58.76.100",
        "track1.handler": "ISO Media file produced by Google Inc.",
        "keys.com.apple.quicktime.model": "iPhone 12",
    }
    reading = read_writer("iso-bmff", fields)
    assert reading.name.startswith("ffmpeg")
    assert sum("perhaps kept from an earlier file" in fact for fact in reading.facts) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"track1.handler": "VideoHandler", "ftyp.major_brand": "mp42"},
        {"keys.com.apple.quicktime.make": "Apple"},
        {"title": "Lavf58 HandBrake 1.0 Twitter-vork muxer"},
        {"track1.handler": "My Twitter-vork muxer"},
        {"box_order": "ftyp moov mdat beam"},
        {"box_order": "ftyp mdat moov", "ftyp.compatible_brands": "isom iso2 avc1 mp41"},
    ],
)
def test_unknown_stays_unknown(fields: dict[str, str]) -> None:
    reading = read_writer("iso-bmff", fields)
    assert (reading.name, reading.family) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("brands", "order"),
    [("isom mp42", "ftyp mdat moov"), ("isom iso2 avc1 mp41", "ftyp free mdat moov")],
)
def test_handlers_of_android_alone_name_no_app(brands: str, order: str) -> None:
    """Android's muxer has other brands; ffmpeg, copying its handlers without a tag, another order."""
    fields = {"box_order": order, "ftyp.compatible_brands": brands, "track1.handler": "VideoHandle"}
    assert read_writer("iso-bmff", fields).name == "Android media framework"


def test_boxes_of_whatsapp_are_read_from_the_bytes(tmp_path: Path) -> None:
    """The first bytes of a file shared through WhatsApp, as published, before the movie of another."""
    head = bytes.fromhex(
        "0000001c 66747970 6d703432 00000001 6d703431 6d703432 69736f6d"
        "00000018 6265616d 01000000 01000000 00000000 05000000"
        "0000000c 6c6f6f70 00000000 00000008 77696465"
    )
    movie = minimal_movie()
    path = tmp_path / "a.mp4"
    path.write_bytes(head + movie[int.from_bytes(movie[:4], "big") :])
    reading = read_container(path, probe(path)).writer
    assert (reading.name, reading.facts[0]) == ("WhatsApp", "box_order: ftyp beam loop wide moov mdat")


def test_hostile_values_do_not_format_names() -> None:
    fields = {"keys.com.android.version": "{0.__class__}{9}"}
    assert read_writer("iso-bmff", fields).name == "Android media framework (Android {0.__class__}{9})"


def test_every_rule_asks_for_a_mark_and_states_its_limits() -> None:
    for rule in RULES:
        assert rule.required
        assert LIMITS[rule.family].count(".") == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_real_files(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"a{suffix}", sounds=0)
    reading = read_container(path, probe(path)).writer
    assert reading.family == "encoder library"
    assert reading.facts

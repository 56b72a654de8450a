from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.errors import UsageError
from vidforensics.scanning.posts import read_posts, utc_time
from vidforensics.types import Post


def media(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_table(tmp_path):
    media(tmp_path, "a.mp4", "sub/b.mp4")
    (tmp_path / "posts.csv").write_text(
        "\ufefffile,account,platform,posted_at,url,text,target\n"
        'a.mp4,anna,x,2023-09-01T12:00:00+02:00,https://x/1,"two\nlines",@bob\n'
        "sub/b.mp4,bob,y,1693562400,,,\n"
        "sub/b.mp4,bob,y,,,,\n",
        encoding="utf-8",
    )
    found = read_posts(tmp_path / "posts.csv")
    assert found.problems == ()
    assert found.posts == {
        str(tmp_path / "a.mp4"): (
            Post("anna", "x", "2023-09-01T10:00:00Z", "https://x/1", "two\nlines", "@bob"),
        ),
        str(tmp_path / "sub/b.mp4"): (Post("bob", "y", "2023-09-01T10:00:00Z"), Post("bob", "y")),
    }


def test_bad_rows_are_named_by_line_and_the_rest_is_taken(tmp_path):
    media(tmp_path, "a.mp4")
    table = tmp_path / "posts.csv"
    table.write_text(
        "file,account,platform,posted_at\n"
        "gone.mp4,anna,x,2023-09-01\n"
        "a.mp4,,x,2023-09-01\n"
        "a.mp4,anna,x,last week\n"
        "a.mp4,anna,x,1693562400000000\n"
        "a.mp4,anna,x,2023-09-01\n"
        "a.mp4,anna,x,2023-09-01T00:00:00Z\n"
        ",,,\n"
        "a.mp4,carl\n"
        "a.mp4,bob,x,0\n"
    )
    found = read_posts(table)
    assert [p.account for p in found.posts[str(tmp_path / "a.mp4")]] == ["anna", "bob"]
    assert found.problems == (
        f"{table}:2: gone.mp4 is not there; the row is skipped.",
        f"{table}:3: no account; the row is skipped.",
        f"{table}:4: 'last week' is no time in ISO 8601 or unix seconds; the row is skipped.",
        f"{table}:5: '1693562400000000' is no time in ISO 8601 or unix seconds; the row is skipped.",
        f"{table}:7: the same post of a.mp4 again; the row is skipped.",
        f"{table}:8: no file; the row is skipped.",
        f"{table}:9: no platform; the row is skipped.",
    )


def test_json_lines(tmp_path):
    name = os.fsdecode(b"\xff.mp4")
    media(tmp_path, "a.mp4", name)
    lines = [
        json.dumps({"file": "a.mp4", "account": 17, "platform": "x", "posted_at": 1693562400.5}),
        "",
        "{broken",
        "[1, 2]",
        json.dumps({"file": name, "account": "anna\ud800", "platform": "x", "text": None, "target": ["no"]}),
    ]
    (tmp_path / "posts.jsonl").write_text("\n".join(lines))
    found = read_posts(tmp_path / "posts.jsonl")
    assert found.posts == {
        str(tmp_path / "a.mp4"): (Post("17", "x", "2023-09-01T10:00:00Z"),),
        str(tmp_path / name): (Post("anna?", "x"),),
    }
    assert [p.split(":")[1] for p in found.problems] == ["3", "4"]


def test_side_files_of_yt_dlp(tmp_path):
    media(tmp_path, "one [id1].webm", "x/two.mkv", "x/two.jpg")
    first = {
        "_type": "video",
        "ext": "webm",
        "uploader": "Anna B",
        "uploader_id": "@anna",
        "extractor_key": "Youtube",
        "timestamp": 1693562400,
        "upload_date": "20230901",
        "webpage_url": "https://youtu.be/id1",
        "title": "a title",
        "description": "what it is",
    }
    second = {"ext": "mp4", "uploader": "Bob", "extractor": "tiktok", "upload_date": "20230902", "title": "t"}
    (tmp_path / "one [id1].info.json").write_text(json.dumps(first))
    (tmp_path / "x" / "two.info.json").write_text(json.dumps(second))
    (tmp_path / "x" / "three.info.json").write_text(json.dumps(second))
    (tmp_path / "list.info.json").write_text(json.dumps({"_type": "playlist"}))
    (tmp_path / "broken.info.json").write_text("{")
    found = read_posts(tmp_path)
    assert found.posts == {
        str(tmp_path / "one [id1].webm"): (
            Post("@anna", "Youtube", "2023-09-01T10:00:00Z", "https://youtu.be/id1", "what it is"),
        ),
        str(tmp_path / "x/two.mkv"): (Post("Bob", "tiktok", "2023-09-02T00:00:00Z", None, "t"),),
    }
    assert len(found.problems) == 2
    assert "no JSON object" in found.problems[0]
    assert "three.mp4 is not there" in found.problems[1]


def test_what_cannot_be_read_at_all(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_posts(tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("name,when\nx,y\n")
    with pytest.raises(UsageError, match="no column account or file or platform"):
        read_posts(tmp_path / "other.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(UsageError):
        read_posts(tmp_path / "empty.csv")


def test_bytes_that_are_no_text_cost_only_their_row(tmp_path):
    media(tmp_path, "a.mp4")
    (tmp_path / "p.csv").write_bytes(
        b"file,account,platform\n\xff\xfe,b,c\na.mp4,\xff,x\na.mp4,\x00b,x\n" + b'"unended,b,c\n'
    )
    found = read_posts(tmp_path / "p.csv")
    assert found.posts[str(tmp_path / "a.mp4")][0] == Post("?", "x")
    assert found.problems


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2023-09-01", "2023-09-01T00:00:00Z"),
        ("20230901", "2023-09-01T00:00:00Z"),
        ("2023-09-01T10:00:00.900Z", "2023-09-01T10:00:00Z"),
        ("2023-09-01 10:00:00-0330", "2023-09-01T13:30:00Z"),
        ("-1", "1969-12-31T23:59:59Z"),
        ("1693562400", "2023-09-01T10:00:00Z"),
    ],
)
def test_times(text: str, time: str):
    assert utc_time(text) == time


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str):
    try:
        assert len(utc_time(text)) == 20
    except ValueError as error:
        assert "is no time" in str(error)

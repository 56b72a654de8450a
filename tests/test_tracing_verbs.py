"""Tracing end to end on the samples, through the command line: scan, trace, compare, inspect --index."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vidforensics import verbs
from vidforensics.errors import WorkerCrashError
from vidforensics.tracing import Index
from vidforensics.tracing.interchange_segments import read_vcsl_json, read_vsc_csv

NEWS = "news, 1 – copy.mp4"
VOICE = os.fsdecode(b"-caf\xe9.mp4")
POSTS = """file,account,platform,posted_at,url
news%s,second,Telegram,2024-03-02T08:00:00+02:00,https://example.org/2
news%s,first,X,1693562400,https://example.org/1
news%s,undated,TikTok,,
gone.mp4,nobody,X,2024-01-01,
small.mp4,third,X,the other day,
""".replace("news%s", f'"{NEWS}"')

CLIP_KEYS = {"path", "sha256", "duration_s"}
SEGMENT_KEYS = {
    "query_start_s", "query_end_s", "reference_start_s", "reference_end_s", "score", "modality", "speed",
    "mirrored", "edits", "sound",
}  # fmt: skip
ROW_KEYS = {"start_s", "end_s", "source", "reference_start_s", "reference_end_s", "edits", "sound"}
KINDS = {
    "crop", "mirror", "rotate", "letterbox", "overlay", "picture_in_picture", "colour", "speed", "frame_rate",
    "reencode", "trim", "insert", "reorder", "loop", "perspective",
}  # fmt: skip
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vidforensics", *map(os.fspath, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **ONE_THREAD},
        timeout=300,
    )


def documents(answer: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """A folder with an archive of three clips, a broken file, and a list of posts."""
    folder = tmp_path_factory.mktemp("tracing")
    archive = folder / "the archive"
    archive.mkdir()
    shutil.copy(samples / "clean.mp4", archive / NEWS)
    shutil.copy(samples / "odd" / "no_audio.mp4", archive / "small.mp4")
    shutil.copy(samples / "odd" / "no_video.mp4", archive / VOICE)
    (archive / "bad.mp4").write_text("not a video")
    (archive / "posts.csv").write_text(POSTS)
    return folder


@pytest.fixture(scope="module")
def scanned(place: Path) -> subprocess.CompletedProcess[str]:
    """The first scan of the archive into the folder `index`."""
    where = ["the archive", "--index", "index", "--posts", "the archive/posts.csv"]
    return run("scan", *where, "--workers", "1", cwd=place)


@pytest.fixture(scope="module")
def index(place: Path, scanned: subprocess.CompletedProcess[str]) -> Path:
    assert scanned.returncode == 3, scanned.stderr
    return place / "index"


@pytest.fixture(scope="module")
def traced(index: Path, samples: Path) -> dict[str, Any]:
    """The re-upload traced in the index."""
    answer = run("trace", samples / "reupload.mp4", "--index", index, "--json")
    assert answer.returncode == 0, answer.stderr
    (document,) = documents(answer)
    return document


@pytest.fixture(scope="module")
def compared(place: Path, samples: Path) -> dict[str, Any]:
    """The re-upload against its source, with a page below `pages/first`."""
    answer = run(
        "compare", samples / "reupload.mp4", samples / "clean.mp4", "--json", "--out", place / "pages/first"
    )
    assert answer.returncode == 0, answer.stderr
    (document,) = documents(answer)
    return document


def test_scan_counts_and_names_the_bad_file_in_one_line(scanned: subprocess.CompletedProcess[str]):
    assert scanned.returncode == 3
    assert scanned.stdout.splitlines() == [
        "4 files: 3 new videos in the index",
        "  1 file failed, named above",
        "  3 new posts",
    ]
    failures = [line for line in scanned.stderr.splitlines() if not line.startswith("note: ")]
    assert len(failures) == 1
    assert "bad.mp4" in failures[0]


def test_posts_that_cannot_be_used_are_named_by_their_line(scanned: subprocess.CompletedProcess[str]):
    notes = [line for line in scanned.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 2
    assert "posts.csv:5" in notes[0] and "gone.mp4" in notes[0]
    assert "posts.csv:6" in notes[1]


def test_a_second_scan_does_nothing(place: Path, index: Path):
    answer = run("scan", "the archive", "--index", "index", "--json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    (document,) = documents(answer)
    assert document["schema"] == "vidforensics.scan/1"
    assert {k: document[k] for k in ("files", "added", "unchanged", "failed", "failed_before")} == {
        "files": 4, "added": 0, "unchanged": 3, "failed": [], "failed_before": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        ["--engine", "ray"],
        ["--posts", "absent.csv"],
        ["--posts", "the archive/bad.mp4"],
        ["--workers", "0"],
    ],
    ids=["engine", "no list", "no table", "no worker"],
)
def test_scan_refuses_what_it_cannot_do(place: Path, tmp_path: Path, wrong: list[str]):
    answer = run("scan", "the archive", "--index", tmp_path / "new", *wrong, cwd=place)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_scan_of_nothing_that_is_there(tmp_path: Path):
    answer = run("scan", tmp_path / "absent", "--index", tmp_path / "i")
    assert answer.returncode == 3
    assert len(answer.stderr.splitlines()) == 1
    assert "absent" in answer.stderr


def test_trace_finds_the_source_of_the_reupload(traced: dict[str, Any], samples: Path):
    truth = json.loads((samples / "reupload.truth.json").read_text())["sources"][0]
    match = traced["matches"][0]  # the short samples show a part of the same portrait
    assert match["video"]["path"].endswith(NEWS)
    assert match["score"] > 0.9
    segments = match["segments"]
    first, last = segments[0], segments[-1]
    assert first["query_start_s"] == pytest.approx(truth["start_s"], abs=0.25)
    assert first["reference_start_s"] == pytest.approx(truth["source_start_s"], abs=0.25)
    assert last["query_end_s"] == pytest.approx(truth["end_s"], abs=0.25)
    assert last["reference_end_s"] == pytest.approx(truth["source_end_s"], abs=0.25)
    for segment in segments:
        assert segment["mirrored"] is True
        assert {"mirror", "crop"} <= {edit["kind"] for edit in segment["edits"]}
        assert segment["speed"] == pytest.approx(1.0, abs=0.01)
        assert segment["sound"] == "same"


def test_the_crop_is_where_it_was_made(traced: dict[str, Any], samples: Path):
    facts = json.loads((samples / "reupload.truth.json").read_text())["facts"]
    segment = traced["matches"][0]["segments"][0]
    crop = next(edit for edit in segment["edits"] if edit["kind"] == "crop")
    assert crop["box"] == pytest.approx(facts["crop_box"], abs=0.02)


def test_a_trace_has_the_promised_keys(traced: dict[str, Any], samples: Path):
    assert list(traced) == ["schema", "clip", "matches", "not_assessed"]
    assert traced["schema"] == "vidforensics.trace/1"
    assert set(traced["clip"]) == CLIP_KEYS
    assert traced["clip"]["path"] == str(samples / "reupload.mp4")
    for match in traced["matches"]:
        assert set(match) == {"video", "score", "segments"}
        assert set(match["video"]) == {"path", "sha256", "duration_s", "posts"}
        for segment in match["segments"]:
            assert set(segment) == SEGMENT_KEYS
            assert {edit["kind"] for edit in segment["edits"]} <= KINDS


def test_posts_of_a_match_come_earliest_first(traced: dict[str, Any]):
    posts = traced["matches"][0]["video"]["posts"]
    assert [post["account"] for post in posts] == ["first", "second", "undated"]
    assert [post["posted_at"] for post in posts] == ["2023-09-01T10:00:00Z", "2024-03-02T06:00:00Z", None]
    assert posts[0]["url"] == "https://example.org/1"


@pytest.fixture
def small_is_gone(place: Path, index: Path) -> Iterator[Path]:
    """One indexed file is not in its place meanwhile."""
    small = place / "the archive" / "small.mp4"
    aside = small.with_suffix(".aside")
    small.rename(aside)
    yield small
    aside.rename(small)


def test_trace_of_odd_clips(index: Path, samples: Path, small_is_gone: Path, tmp_path: Path):
    """No picture, one picture without sound, broken off, nothing at all: three answers and one line."""
    names = ["no_video", "one_frame", "truncated", "truncated_no_index"]
    clips = [samples / "odd" / f"{name}.mp4" for name in names]
    lists = (tmp_path / "found.csv", tmp_path / "found.json")
    answer = run("trace", *clips, "--index", index, "--json", "--vsc", lists[0], "--vcsl", lists[1])
    assert answer.returncode == 3
    assert len(answer.stderr.splitlines()) == 1
    assert "truncated_no_index" in answer.stderr
    voice, single, broken = documents(answer)
    assert [d["clip"]["path"] for d in (voice, single, broken)] == [str(c) for c in clips[:3]]
    (itself,) = voice["matches"]
    assert itself["video"]["sha256"] == voice["clip"]["sha256"]
    assert os.fsencode(itself["video"]["path"]).endswith(b"-caf\xe9.mp4")
    assert itself["segments"][0]["modality"] == "sound"
    assert "only the sound was searched" in voice["not_assessed"][0]["reason"]
    assert single["clip"]["duration_s"] > 0
    (match,) = broken["matches"]  # by the index alone
    assert match["video"]["path"] == str(small_is_gone)
    assert {segment["sound"] for segment in match["segments"]} == {"not_assessed"}
    assert {e["kind"] for s in match["segments"] for e in s["edits"]} <= {"trim", "speed"}
    check_exchange(lists, [voice, single, broken])


def check_exchange(lists: tuple[Path, Path], traces: list[dict[str, Any]]) -> None:
    """Both files hold every segment of the traces, whatever else failed."""
    rows = read_vsc_csv(lists[0].read_text("utf-8", "surrogateescape"))
    wanted = [s for d in traces for m in d["matches"] for s in m["segments"]]
    assert [r.query_start_s for r in rows] == pytest.approx([s["query_start_s"] for s in wanted], abs=1e-3)
    assert [r.reference_end_s for r in rows] == pytest.approx(
        [s["reference_end_s"] for s in wanted], abs=1e-3
    )
    assert {r.query_id for r in rows} <= {"no_video", "one_frame", "truncated"}
    boxes = read_vcsl_json(lists[1].read_text("utf-8", "surrogateescape"))
    assert sum(map(len, boxes.values())) == len(wanted)


def test_a_list_for_others_is_never_overwritten(index: Path, samples: Path, tmp_path: Path):
    kept = tmp_path / "found.csv"
    kept.write_text("mine")
    answer = run("trace", samples / "reupload.mp4", "--index", index, "--vsc", kept)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "exists already" in answer.stderr
    assert kept.read_text() == "mine"
    answer = run("trace", tmp_path / "gone.mp4", "--index", index, "--vsc", tmp_path / "none.csv")
    assert answer.returncode == 3
    assert not (tmp_path / "none.csv").exists()
    answer = run(
        "trace", samples / "odd/one_frame.mp4", "--index", index, "--vcsl", tmp_path / "no" / "x.json"
    )
    assert answer.returncode == 3, answer.stderr
    assert "cannot be written" in answer.stderr


def test_an_index_that_is_not_there(tmp_path: Path, samples: Path):
    for verb in (["trace"], ["inspect", "--out", str(tmp_path / "case")]):
        answer = run(*verb, samples / "odd/one_frame.mp4", "--index", tmp_path / "absent")
        assert answer.returncode == 5
        assert answer.stdout == ""
        assert len(answer.stderr.splitlines()) == 1
        assert "scan" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_index_of_a_newer_version(tmp_path: Path, index: Path, samples: Path):
    shutil.copytree(index, tmp_path / "index")
    with sqlite3.connect(tmp_path / "index" / "index.sqlite") as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    for verb in ("trace", "scan"):
        answer = run(verb, samples / "odd/one_frame.mp4", "--index", tmp_path / "index")
        assert answer.returncode == 5
        assert "newer" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1


def test_a_damaged_index(tmp_path: Path, samples: Path):
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 1000)
    answer = run("trace", samples / "odd/one_frame.mp4", "--index", tmp_path)
    assert answer.returncode == 5
    assert len(answer.stderr.splitlines()) == 1


def test_an_index_that_is_being_written(tmp_path: Path, samples: Path):
    with Index.create_or_open(tmp_path / "i", write=True):
        answer = run("scan", samples / "odd/one_frame.mp4", "--index", tmp_path / "i")
        reading = run("trace", samples / "odd/one_frame.mp4", "--index", tmp_path / "i", "--json")
    assert answer.returncode == 5
    assert str(os.getpid()) in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert reading.returncode == 0, reading.stderr
    assert documents(reading)[0]["matches"] == []


def test_compare_accounts_for_every_second_once(compared: dict[str, Any], samples: Path):
    truth = json.loads((samples / "reupload.truth.json").read_text())["sources"][0]
    assert list(compared) == ["schema", "clip", "matches", "not_assessed", "edit_decision_list"]
    assert len(compared["matches"]) == 1
    rows = compared["edit_decision_list"]
    assert rows[0]["start_s"] == 0.0
    assert rows[-1]["end_s"] == pytest.approx(compared["clip"]["duration_s"])
    assert all(a["end_s"] == b["start_s"] for a, b in itertools.pairwise(rows))
    assert all(set(row) >= ROW_KEYS for row in rows)
    shown = [row for row in rows if row["source"] == "reference"]
    assert sum(row["end_s"] - row["start_s"] for row in shown) == pytest.approx(19.2, abs=0.25)
    offset_s = truth["source_start_s"] - truth["start_s"]
    for row in shown:
        assert row["reference_start_s"] - row["start_s"] == pytest.approx(offset_s, abs=0.25)
        assert {"mirror", "crop"} <= {edit["kind"] for edit in row["edits"]}


def test_compare_tells_a_second_that_is_shown_twice(samples: Path):
    truth = json.loads((samples / "repeated.truth.json").read_text())["sources"]
    answer = run("compare", samples / "repeated.mp4", samples / "clean.mp4", "--json")
    rows = documents(answer)[0]["edit_decision_list"]
    assert len(rows) == len(truth) == 3
    for row, true in zip(rows, truth, strict=True):
        assert (row["start_s"], row["end_s"]) == pytest.approx((true["start_s"], true["end_s"]), abs=0.02)
        assert row["reference_start_s"] == pytest.approx(true["source_start_s"], abs=0.02)
        assert row["reference_end_s"] == pytest.approx(true["source_end_s"], abs=0.02)
        assert ("loop" in {edit["kind"] for edit in row["edits"]}) == ("loop" in true["edits"])
    assert [row["sound"] for row in rows] == [
        "same",
        "shifted",
        "same",
    ]  # the sound runs on under the pictures


def test_compare_writes_a_page_and_the_edit_list(place: Path, compared: dict[str, Any]):
    folder = place / "pages" / "first"
    files = [p for p in folder.rglob("*") if p.is_file()]
    names = {p.relative_to(folder).as_posix() for p in files}
    assert {"compare.html", "compare.json"} <= names
    exports = {"decisions.otio", "decisions.edl", "decisions.vtt", "matches.vtt"}
    assert {f"exports/{name}" for name in exports} <= names
    assert all(p.stat().st_size > 0 for p in files)
    written = json.loads((folder / "compare.json").read_text())
    assert written.pop("provenance")["tool"] == "vidforensics"
    assert written == compared
    page = (folder / "compare.html").read_text()
    assert "clean.mp4" in page
    assert "<img" in page or "data:image" in page
    assert [p.name for p in (place / "pages").iterdir()] == ["first"]


def test_compare_never_overwrites_and_leaves_nothing_half_done(tmp_path: Path, samples: Path):
    (tmp_path / "mine.txt").write_text("mine")
    clip, bad = samples / "odd/one_frame.mp4", tmp_path / "mine.txt"
    answer = run("compare", clip, clip, "--out", tmp_path)
    assert answer.returncode == 2
    assert "exists already" in answer.stderr
    answer = run("compare", clip, bad, "--out", tmp_path / "new" / "page")
    assert answer.returncode == 3
    assert "mine.txt" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_compare_of_two_that_share_nothing(samples: Path):
    answer = run("compare", samples / "odd/no_video.mp4", samples / "odd/one_frame.mp4", "--json")
    assert answer.returncode == 0, answer.stderr
    (document,) = documents(answer)
    assert document["matches"] == []
    rows = document["edit_decision_list"]
    assert {row["source"] for row in rows} == {None}
    assert rows[0]["start_s"] == 0.0
    assert rows[-1]["end_s"] == document["clip"]["duration_s"]


def test_inspect_with_an_index_puts_the_matches_into_the_case(
    place: Path, index: Path, samples: Path, tmp_path: Path
):
    case = tmp_path / "case"
    answer = run("inspect", samples / "odd/truncated.mp4", "--index", "index", "--out", case, cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert "1 indexed video" in answer.stdout
    report = json.loads((case / "report.json").read_text())
    match = report["matches"][0]
    assert match["video"]["path"].endswith("small.mp4")
    assert not any("no index was given" in line for line in report["not_assessed"])
    assert "small.mp4" in (case / "report.html").read_text()
    log = [json.loads(line) for line in (case / "custody.jsonl").read_text().splitlines()]
    looked = [entry for entry in log if entry["action"] == "looked up in index"]
    assert [entry["details"]["matches"] for entry in looked] == [len(report["matches"])]
    assert looked[0]["details"]["videos"] == 3
    checked = run("verify", case / "report.json", "--json", cwd=tmp_path)  # where no index is
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert documents(checked)[0]["holds"] is True


def test_evaluate_without_footage_says_so(tmp_path: Path):
    answer = run("evaluate", "trace", "--footage", tmp_path)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1


def test_an_indexed_video_that_breaks_the_decoder_costs_only_the_edits(monkeypatch):
    calls = []

    def run(verb, arguments, **kwargs):
        calls.append(arguments)
        if arguments.get("open_references", True):
            raise WorkerCrashError("q.mp4: the worker died.")
        return {"clip": {"duration_s": 3.0}, "matches": [], "not_assessed": []}

    monkeypatch.setattr(verbs, "run_isolated", run)
    document = verbs.trace("q.mp4", index="index")
    (row,) = document["not_assessed"]
    assert (row["start_s"], row["end_s"]) == (0.0, 3.0) and "were not opened" in row["reason"]
    assert [c.get("open_references") for c in calls] == [None, False]

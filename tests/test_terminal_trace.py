"""What the terminal says of traces, comparisons and scans, from documents made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from vidforensics.scanning import ScanSummary
from vidforensics.terminal_trace import compare_lines, scan_lines, trace_lines
from vidforensics.tracing import ScanFailure

TRIMS = [
    {"kind": "trim", "reference_start_s": 0.0, "reference_end_s": 1.6, "side": -1.0},
    {"kind": "trim", "reference_start_s": 20.8, "reference_end_s": 23.8, "side": 1.0},
]
CROP = {"kind": "crop", "box": [0.1, 0.1, 0.8, 0.8], "area": 0.64}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")


def segment(**changes: Any) -> dict[str, Any]:
    row = {
        "query_start_s": 0.0, "query_end_s": 19.2, "reference_start_s": 1.6, "reference_end_s": 20.8,
        "score": 0.98, "modality": "both", "speed": 1.0, "mirrored": False, "edits": [], "sound": "same",
    }  # fmt: skip
    return row | changes


def match(
    path: str, *segments: dict[str, Any], posts: list[dict[str, Any]] | None = None, sha256: str = "ab"
):
    video = {"path": path, "sha256": sha256, "duration_s": 23.8, "posts": posts or []}
    return {"video": video, "score": 0.98, "segments": list(segments)}


def post(account: str, posted_at: str | None, **more: Any) -> dict[str, Any]:
    return {"account": account, "platform": "X", "posted_at": posted_at, "url": None, "text": None} | more


def document(*matches: dict[str, Any], **more: Any) -> dict[str, Any]:
    clip = {"path": "suspect.mp4", "sha256": "cd", "duration_s": 19.2}
    return {"clip": clip, "matches": list(matches), "not_assessed": []} | more


def decision(**changes: Any) -> dict[str, Any]:
    row = {
        "start_s": 0.0, "end_s": 4.0, "source": "reference", "reference_start_s": 1.0, "reference_end_s": 5.0,
        "edits": [], "sound": "same", "modality": "both", "speed": 1.0, "mirrored": False,
    }  # fmt: skip
    return row | changes


NO_SOURCE = {"source": None, "reference_start_s": None, "reference_end_s": None, "sound": "not_assessed"}


def test_nothing_found_is_said_in_one_line():
    assert list(trace_lines(document())) == ["suspect.mp4: found in 0 videos"]


def test_what_was_not_assessed_is_said():
    missing = [{"start_s": 1.0, "end_s": 2.5, "reason": "the picture is black"}]
    lines = list(trace_lines(document(not_assessed=missing)))
    assert lines[1:] == ["  not assessed: 1.000–2.500 s, the picture is black"]


def test_a_match_with_its_place_edits_and_sound():
    edits = [{"kind": "mirror"}, CROP, {"kind": "rotate", "degrees": 5.0}]
    piece = segment(edits=edits, mirrored=True, sound="replaced", modality="picture")
    assert list(trace_lines(document(match("a/b.mp4", piece)))) == [
        "suspect.mp4: found in 1 video",
        "  1. a/b.mp4, score 0.98",
        "     0.000–19.200 s  is 1.600–20.800 s; sound replaced",
        "         mirrored left to right, cropped to 64% of the picture, rotated by 5°",
    ]


def test_both_ends_trimmed_is_said_once():
    text = "\n".join(trace_lines(document(match("b.mp4", segment(edits=TRIMS)))))
    assert text.count("leaves out") == 1
    assert "leaves out parts of the source (0.000–1.600 s and 20.800–23.800 s)" in text
    bare = "\n".join(trace_lines(document(match("b.mp4", segment(edits=[{"kind": "trim"}] * 2)))))
    assert bare.count("leaves out parts of the source") == 1


def test_the_order_of_pieces_is_told_of_each_and_equal_edits_once():
    done = [
        {"kind": "mirror"},
        CROP,
        {"kind": "colour", "gain": 1.3},
        {"kind": "reencode", "pixels_ratio": 0.6},
    ]
    insert = {"kind": "insert", "start_s": 4.0, "end_s": 6.0}
    loop = {"kind": "loop", "back_s": 1.0, "reference_start_s": 3.0, "reference_end_s": 4.0}
    pieces = [segment(edits=done), segment(edits=[*done, insert, loop]), segment(edits=[{"kind": "mirror"}])]
    lines = list(trace_lines(document(match("b.mp4", *pieces))))
    assert " ".join(line.strip() for line in lines if line.startswith(" " * 9)) == (
        "mirrored left to right, cropped to 64% of the picture, colours changed, compressed again "
        "edited like the piece before, after other footage (4.000–6.000 s), "
        "shows again what was shown (3.000–4.000 s) mirrored left to right"
    )


def test_speed_and_mirror_are_said_without_an_edit_that_names_them():
    text = "\n".join(trace_lines(document(match("b.mp4", segment(speed=1.25, mirrored=True)))))
    assert "mirrored left to right, played 1.25 times as fast" in text
    named = segment(speed=1.25, edits=[{"kind": "speed", "speed": 1.25}])
    assert "\n".join(trace_lines(document(match("b.mp4", named)))).count("as fast") == 1


def test_the_sound_is_always_told():
    lines = list(trace_lines(document(match("b.mp4", segment()))))
    assert lines[2] == "     0.000–19.200 s  is 1.600–20.800 s; same sound"


def test_a_piece_of_sound_alone():
    lines = list(trace_lines(document(match("b.mp4", segment(modality="sound")))))
    assert lines[2] == "     0.000–19.200 s  has the sound of 1.600–20.800 s"


def test_the_clip_itself_in_the_index():
    lines = list(trace_lines(document(match("b.mp4", segment(), sha256="cd"))))
    assert lines[1] == "  1. b.mp4, the same file, byte for byte"


def test_unknown_numbers_words_and_kinds_are_no_error():
    edits = [{"kind": "colour", "gain": None}, {"kind": "speed", "speed": None}, {"kind": "new_kind"}]
    text = "\n".join(trace_lines(document(match("b.mp4", segment(edits=edits, sound="new_word")))))
    assert "colours changed" in text
    assert "new kind" in text
    assert "sound new_word" in text


@pytest.mark.parametrize("columns", [30, 60, 80, 400])
def test_long_lists_of_edits_are_broken_to_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int):
    monkeypatch.setenv("COLUMNS", str(columns))
    edits = [CROP, {"kind": "overlay", "box": [0, 0, 0.1, 0.1], "area": 0.01}, {"kind": "gray"}, *TRIMS] * 3
    lines = list(trace_lines(document(match("b.mp4", segment(edits=edits)))))[3:]
    assert all(line.startswith(" " * 9) for line in lines)
    assert all(len(line) <= min(max(columns, 49), 110) for line in lines)
    assert not any(line.strip().startswith("s ") or line.strip() == "s)" for line in lines)
    assert len(lines) > 1


def test_many_pieces_are_counted():
    text = "\n".join(trace_lines(document(match("b.mp4", *[segment()] * 14))))
    assert text.count("is 1.600") == 12
    assert "and 2 further pieces" in text


def test_posts_of_all_matches_in_one_timeline():
    """Who posted which piece, when, with which edits."""
    whole = match(
        "whole.mp4",
        segment(edits=[{"kind": "reencode"}, *TRIMS]),
        posts=[post("anna", "2023-09-01T10:00:00Z", url="https://example.org/1"), post("zoe", None)],
    )
    part = match(
        "part.mp4",
        segment(query_end_s=5.0, edits=[CROP, {"kind": "picture_in_picture"}], sound="replaced"),
        segment(query_start_s=8.0, query_end_s=9.0, edits=[CROP]),
        posts=[post("ben", "2023-08-01T00:00:00Z")],
    )
    lines = list(trace_lines(document(whole, part)))
    start = next(i for i, line in enumerate(lines) if "Posts" in line)
    assert lines[start + 1 :] == [
        "    2023-08-01T00:00:00Z  ben on X: video 2, 0.000–5.000 s, 8.000–9.000 s; "
        "crop, picture in picture; sound replaced",
        "    2023-09-01T10:00:00Z  anna on X: video 1, 0.000–19.200 s",
        "        https://example.org/1",
        "    time unknown  zoe on X: video 1, 0.000–19.200 s",
    ]


def test_hostile_text_makes_no_line_and_no_control_character():
    evil = "x\n  1. forged.mp4, score 1.00\x1b[2J\u202e\udcff" + "y" * 5000
    found = match(evil, segment(edits=[{"kind": evil}], sound=evil), posts=[post(evil, evil, url=evil)])
    missing = [{"start_s": 0.0, "end_s": 1.0, "reason": evil}]
    shown = document(found, not_assessed=missing)
    shown["clip"]["path"] = evil
    lines = list(trace_lines(shown))
    assert all(line.isprintable() for line in lines)
    assert sum(line.startswith("  1. ") for line in lines) == 1
    "\n".join(lines).encode("utf-8")
    rows = [decision(sound=evil, edits=[{"kind": evil}]), decision(**NO_SOURCE, not_assessed=evil)]
    shown["edit_decision_list"] = rows
    assert all(line.isprintable() for line in compare_lines(shown))


def test_a_comparison_row_by_row():
    rows = [
        decision(edits=[CROP, TRIMS[0]], sound="mixed"),
        decision(**NO_SOURCE, start_s=4.0, end_s=5.0),
        decision(**NO_SOURCE, start_s=5.0, end_s=6.0, not_assessed="the picture is black"),
        decision(start_s=6.0, end_s=19.2, reference_start_s=7.0, reference_end_s=20.2, modality="sound"),
    ]
    assert list(compare_lines(document(match("b.mp4"), edit_decision_list=rows))) == [
        "suspect.mp4: shares material with b.mp4, score 0.98",
        "  0.000–4.000 s  is 1.000–5.000 s; other sound mixed in",
        "      cropped to 64% of the picture, leaves out parts of the source (0.000–1.600 s)",
        "  4.000–5.000 s  not found in the reference",
        "  5.000–6.000 s  not assessed: the picture is black",
        "  6.000–19.200 s  has the sound of 7.000–20.200 s",
    ]


def test_a_comparison_that_found_nothing():
    rows = [decision(**NO_SOURCE, end_s=19.2)]
    assert list(compare_lines(document(edit_decision_list=rows))) == [
        "suspect.mp4: nothing of it was found in the reference",
        "  0.000–19.200 s  not found in the reference",
    ]
    assert len(list(compare_lines(document()))) == 1


def test_a_scan_in_words():
    summary = ScanSummary(
        files=9, added=1, duplicates=1, unchanged=4, failed=(ScanFailure("x", "InputError", "x: bad"),),
        failed_before=2, posts_added=3, posts_problems=(),
    )  # fmt: skip
    assert list(scan_lines(summary)) == [
        "9 files: 1 new video in the index",
        "  1 file with the content of a video that is there already",
        "  4 files scanned before and unchanged",
        "  2 files failed before and unchanged (--retry-failed tries again)",
        "  1 file failed, named above",
        "  3 new posts",
    ]
    empty = ScanSummary(0, 0, 0, 0, (), 0, 0, ())
    assert list(scan_lines(empty)) == ["0 files: 0 new videos in the index"]

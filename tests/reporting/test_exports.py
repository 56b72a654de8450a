"""Exports read back by other programs' rules."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest

from tests.reporting.make_case import bare_case, crowded_case, hostile_case, make_case
from vidforensics.errors import OutputError
from vidforensics.reporting import write_exports
from vidforensics.reporting.exports_otio import exact_rate

CUE = re.compile(r"(\d\d+):(\d\d):(\d\d\.\d{3}) --> (\d\d+):(\d\d):(\d\d\.\d{3})")


def read_vtt(path):
    """Cues as (name, start, end, text), by the rules of the format."""
    head, *blocks = path.read_text("utf-8").rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    cues = []
    for block in blocks:
        name, timing, text = block.split("\n")
        numbers = [float(n) for n in CUE.fullmatch(timing).groups()]
        start, end = (
            numbers[0] * 3600 + numbers[1] * 60 + numbers[2],
            numbers[3] * 3600 + numbers[4] * 60 + numbers[5],
        )
        assert end > start and "-->" not in text and "<" not in text
        cues.append((name, start, end, text))
    return cues


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_is_written_in_a_fixed_order(tmp_path):
    written = write_exports(make_case(), tmp_path)
    assert written == tuple(
        f"exports/{n}"
        for n in (
            "flags.vtt",
            "shots.vtt",
            "labels.txt",
            "flags.csv",
            "shots.csv",
            "frames.csv",
            "timeline.otio",
        )
    )
    assert sorted(p.name for p in (tmp_path / "exports").iterdir()) == sorted(w[8:] for w in written)


def test_vtt_holds_flags_and_shots(tmp_path):
    case = make_case()
    write_exports(case, tmp_path)
    flags = read_vtt(tmp_path / "exports/flags.vtt")
    assert [(c[1], c[2]) for c in flags] == [(9.6, 9.64), (17.4, 17.44), (31.0, 33.52)]
    shots = read_vtt(tmp_path / "exports/shots.vtt")
    assert [c[1] for c in shots] == pytest.approx([s.start_s for s in case.extraction.shots], abs=6e-4)


def test_labels_are_start_end_text(tmp_path):
    write_exports(make_case(), tmp_path)
    rows = [line.split("\t") for line in (tmp_path / "exports/labels.txt").read_text("utf-8").splitlines()]
    assert all(len(row) == 3 and float(row[0]) <= float(row[1]) for row in rows)
    assert rows[0][:2] == ["9.600000", "9.640000"] and rows[0][2].startswith("FLAG stream join")


def test_csv_reads_back(tmp_path):
    case = make_case()
    write_exports(case, tmp_path)
    flags = read_csv(tmp_path / "exports/flags.csv")
    assert [float(f["log10_lr"]) for f in flags] == [3.4, 1.2, 1.9]
    frames = read_csv(tmp_path / "exports/frames.csv")
    packets = case.bitstream.packets
    np.testing.assert_array_equal([int(f["size_bytes"]) for f in frames], packets.size_bytes)
    np.testing.assert_allclose([float(f["pts_s"]) for f in frames], packets.pts_s, atol=1e-6)
    assert "".join(f["type"] for f in frames) == "".join(packets.frame_type)
    assert {f["is_key"] for f in frames} == {"true", "false"}


def test_hostile_text_becomes_no_formula_and_no_tag(tmp_path):
    write_exports(hostile_case(), tmp_path)
    for flag in read_csv(tmp_path / "exports/flags.csv"):
        assert flag["basis"].startswith("'=1+1")
    read_vtt(tmp_path / "exports/flags.vtt")
    for name in ("flags.vtt", "labels.txt", "timeline.otio"):
        (tmp_path / "exports" / name).read_bytes().decode("utf-8")


def test_timeline_reads_back_with_exact_times(tmp_path):
    case = make_case()
    write_exports(case, tmp_path)
    timeline = otio.adapters.read_from_file(str(tmp_path / "exports/timeline.otio"))
    shots, sound = timeline.tracks
    assert [c.range_in_parent().start_time.value / 25 for c in shots] == pytest.approx(
        [s.start_s for s in case.extraction.shots], abs=1e-9
    )
    assert shots.kind == "Video" and sound.kind == "Audio"
    assert shots[0].media_reference.target_url == "evidence/interview.mp4"
    markers = list(timeline.tracks.markers)
    assert [m.metadata["vidforensics"]["label"] for m in markers] == [
        "stream_join",
        "deletion",
        "duplication",
    ]
    assert markers[0].marked_range.start_time == otio.opentime.RationalTime(240, 25)
    stored = timeline.metadata["vidforensics"]
    assert stored["clip"]["sha256"] == case.clip.sha256
    assert len(stored["coverage"]) == 7 and stored["scores"][0]["thinned"]
    json.loads((tmp_path / "exports/timeline.otio").read_text("utf-8"))


def test_late_sound_and_late_picture_leave_gaps(tmp_path):
    case = make_case()
    late = replace(case.extraction, shots=tuple(s for s in case.extraction.shots if s.start_s > 3))
    write_exports(replace(case, extraction=late), tmp_path)
    timeline = otio.adapters.read_from_file(str(tmp_path / "exports/timeline.otio"))
    assert all(isinstance(track[0], otio.schema.Gap) for track in timeline.tracks)


def test_rate_is_the_frame_rate_or_a_common_time_base():
    case = make_case()
    assert exact_rate(case) == 25
    video, audio = case.probe.streams
    off = tuple(replace(s, start_s=s.start_s + 0.01) for s in case.extraction.shots)
    shifted = replace(case, extraction=replace(case.extraction, shots=off))
    assert exact_rate(shifted) == 192_000  # least common multiple of 12800 and 48000
    odd = replace(case.probe, streams=(replace(video, time_base="1/999999937"), audio))
    assert exact_rate(replace(shifted, probe=odd)) == Fraction(1_000_000)
    ntsc = replace(video, average_frame_rate="30000/1001")
    times = tuple(
        replace(s, start_s=i * 90 * 1001 / 30000, end_s=(i + 1) * 90 * 1001 / 30000)
        for i, s in enumerate(case.extraction.shots)
    )
    on_grid = replace(
        case,
        probe=replace(case.probe, streams=(ntsc, audio)),
        extraction=replace(case.extraction, shots=times),
        detections=(),
    )
    assert exact_rate(on_grid) == Fraction(30000, 1001)


def test_empty_and_crowded_cases_are_written(tmp_path):
    for number, make in enumerate((bare_case, crowded_case)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert len(write_exports(make(), folder)) == 7
        assert (folder / "exports/timeline.otio").stat().st_size > 1000
    assert len(read_vtt(tmp_path / "1/exports/shots.vtt")) == 2_000
    assert read_vtt(tmp_path / "0/exports/flags.vtt") == []


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(OutputError, match="the exports cannot be written"):
        write_exports(make_case(), tmp_path / "missing")

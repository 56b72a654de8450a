"""The committed samples against their truth files: present, small, openable, and as long as they say."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import av
import pytest

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
CLIPS = sorted([*SAMPLES.glob("*.mp4"), *(SAMPLES / "odd").glob("*.mp4")])
LABELS = {"splice", "dub", "audio_splice", "deletion", "duplication", "stream_join"}
REQUIRED = ["clean", "spliced", "revoiced", "frames_removed", "repeated", "joined", "reupload", "suspect"]
ODD = ["variable_frame_rate", "rotated", "late_audio", "no_audio", "no_video", "truncated"]
ODD += ["attached_picture", "one_frame", "truncated_no_index"]
ONE_MEGABYTE = 1_000_000

named = pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)


def truth_of(clip: Path) -> dict[str, Any]:
    return json.loads(clip.with_suffix(".truth.json").read_text(encoding="utf-8"))


def decoded_times(clip: Path) -> list[float]:
    """Times of the decodable pictures of the main stream; 0 is where the earliest stream starts."""
    times: list[float] = []
    with av.open(str(clip)) as container:
        try:
            for frame in container.decode(container.streams.video[0]):
                times.append(float(frame.pts * frame.time_base))
        except av.error.InvalidDataError:  # a truncated file ends like this
            assert truth_of(clip)["facts"]["kept_bytes"]
        starts = [(stream.start_time, stream.time_base) for stream in container.streams]
    origin_s = min(float(start * base) for start, base in starts if start is not None and base)
    return [time - origin_s for time in times]


def test_all_samples_are_here():
    names = {clip.stem for clip in CLIPS}
    assert names >= {*REQUIRED, *ODD}
    assert sum(clip.stat().st_size for clip in CLIPS) < 6 * ONE_MEGABYTE


@named
def test_sample_is_small_and_has_truth(clip: Path):
    assert clip.stat().st_size < ONE_MEGABYTE
    truth = truth_of(clip)
    assert truth["schema"] == "vidforensics.sample/1"
    assert truth["file"] == clip.name


@named
def test_streams_are_those_of_the_truth(clip: Path):
    truth = truth_of(clip)
    if not truth["opens"]:
        with pytest.raises(av.error.InvalidDataError):
            av.open(str(clip))
        return
    with av.open(str(clip)) as container:
        found = [
            (
                "picture" if stream.disposition & stream.disposition.attached_pic else stream.type,
                stream.codec.name,
            )
            for stream in container.streams
        ]
        assert [(kind, codec) for kind, codec in found if kind != "data"] == [
            (row["kind"], row["codec"]) for row in truth["streams"]
        ]
        if truth["size_px"]:
            video = container.streams.video[0]
            assert [video.width, video.height] == truth["size_px"]


@named
def test_pictures_are_as_many_and_as_timed_as_the_truth_says(clip: Path):
    truth = truth_of(clip)
    if not truth["opens"] or not truth["frames"]:
        return
    times = decoded_times(clip)
    if "kept_bytes" in truth["facts"]:
        assert 0 < len(times) < truth["frames"]
        return
    assert len(times) == truth["frames"]
    if truth["frame_rate_hz"]:
        assert times == pytest.approx([n / truth["frame_rate_hz"] for n in range(len(times))], abs=1e-4)
    if "frame_times_s" in truth["facts"]:
        assert times == pytest.approx(truth["facts"]["frame_times_s"], abs=1e-6)
    assert truth["duration_s"] == pytest.approx(times[-1], abs=0.061)


@named
def test_sound_lasts_as_long_as_the_truth_says(clip: Path):
    truth = truth_of(clip)
    if not truth["opens"] or ["audio", "aac"] not in [
        [row["kind"], row["codec"]] for row in truth["streams"]
    ]:
        return
    with av.open(str(clip)) as container:
        stream = container.streams.audio[0]
        start_s = float((stream.start_time or 0) * stream.time_base)
        assert start_s == pytest.approx(truth["facts"].get("audio_start_s", 0.0), abs=0.05)
        assert start_s + float(stream.duration * stream.time_base) == pytest.approx(
            truth["duration_s"], abs=0.15
        )


@named
def test_segments_and_shots_lie_inside_the_clip(clip: Path):
    truth = truth_of(clip)
    for row in (*truth["shots"], *truth["segments"], *truth["transitions"], *truth["sources"]):
        assert 0 <= row["start_frame"] <= row["end_frame"] <= truth["frames"]
        assert 0 <= row["start_s"] <= row["end_s"] <= truth["duration_s"] + 1e-6
    assert {row["label"] for row in truth["segments"]} <= LABELS
    bounds = [(row["start_frame"], row["end_frame"]) for row in truth["shots"]]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))


@pytest.mark.parametrize("name", REQUIRED)
def test_main_samples_say_what_was_done(name: str):
    truth = truth_of(SAMPLES / f"{name}.mp4")
    expected = {
        "clean": set(),
        "spliced": {"splice", "audio_splice"},
        "revoiced": {"dub", "audio_splice"},
        "frames_removed": {"deletion"},
        "repeated": {"duplication"},
        "joined": {"stream_join"},
        "reupload": set(),
        "suspect": {"stream_join", "duplication", "deletion", "audio_splice"},
    }
    assert {row["label"] for row in truth["segments"]} == expected[name]
    assert truth["shots"][-1]["end_frame"] == truth["frames"]


def test_repeated_frames_look_alike(samples: Path):
    truth = truth_of(samples / "repeated.mp4")
    held = next(row for row in truth["segments"] if row["basis"] == "one picture is held")
    with av.open(str(samples / "repeated.mp4")) as container:
        pictures = [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]

    def change(frame: int) -> float:
        return float(abs(pictures[frame] - pictures[frame - 1]).mean())

    inside = max(change(frame) for frame in range(held["start_frame"] + 1, held["end_frame"]))
    around = min(change(held["start_frame"] - 3), change(held["end_frame"] + 3))
    assert inside < 0.35 * around

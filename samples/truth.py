"""What is true about a sample: its streams, shots, and every edit with exact times; as JSON beside it.

Labels are those of the command line's `flag` (splice, dub, audio_splice, deletion, duplication, stream_join);
an ordinary cut is a shot boundary and has no label. Times are seconds on the clip's presentation timeline.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from samples.camera import FRAME_RATE_HZ

SCHEMA = "vidforensics.sample/1"


@dataclass(frozen=True)
class ShotTruth:
    """One shot: first frame, the frame after its last, how it ends, and what filmed what."""

    start_frame: int
    end_frame: int
    transition: str
    scene: str
    camera: str


@dataclass(frozen=True)
class TransitionTruth:
    """One transition; for a cut both frames are the first frame of the new shot."""

    kind: str
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class SegmentTruth:
    """One manipulation; an instant runs from the last frame before it to the first frame after it."""

    label: str
    start_frame: int
    end_frame: int
    basis: str
    removed_frames: int | None = None
    repeats_frame: int | None = None


@dataclass(frozen=True)
class SourceRow:
    """Where a stretch of the clip came from: its frames, and those of its source (None: no other file)."""

    start_frame: int
    end_frame: int
    source: str | None
    source_start_frame: int | None
    edits: tuple[str, ...] = ()
    sound: str = "same"


@dataclass(frozen=True)
class Truth:
    """Everything known about a sample."""

    about: str
    frames: int
    streams: tuple[tuple[str, str], ...] = (("video", "h264"), ("audio", "aac"))
    size_px: tuple[int, int] | None = (640, 360)
    shots: tuple[ShotTruth, ...] = ()
    transitions: tuple[TransitionTruth, ...] = ()
    segments: tuple[SegmentTruth, ...] = ()
    sources: tuple[SourceRow, ...] = ()
    duration_s: float | None = None
    opens: bool = True
    facts: dict[str, Any] = field(default_factory=dict)


def _timed(record: Any, times_s: list[float] | None) -> dict[str, Any]:
    row = {key: value for key, value in asdict(record).items() if value is not None}
    start, end = record.start_frame, record.end_frame
    return {"start_s": _time_s(start, times_s), "end_s": _time_s(end, times_s), **row}


def _time_s(frame: int, times_s: list[float] | None) -> float:
    if times_s is None:
        return round(frame / FRAME_RATE_HZ, 6)
    if frame < len(times_s):
        return times_s[frame]
    return round(times_s[-1] + 1 / FRAME_RATE_HZ, 6)


def write_truth(path: Path, truth: Truth, times_s: list[float] | None = None) -> None:
    """Write NAME.truth.json beside a sample; `times_s`: its frame times, when not a constant rate."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "file": path.name,
        "about": truth.about,
        "opens": truth.opens,
        "frames": truth.frames,
        "frame_rate_hz": FRAME_RATE_HZ if times_s is None else None,
        "duration_s": _time_s(truth.frames, times_s) if truth.duration_s is None else truth.duration_s,
        "size_px": truth.size_px,
        "streams": [{"kind": kind, "codec": codec} for kind, codec in truth.streams],
        "shots": [_timed(shot, times_s) for shot in truth.shots],
        "transitions": [_timed(one, times_s) for one in truth.transitions],
        "segments": [_timed(one, times_s) for one in truth.segments],
        "sources": [_sourced(row, times_s) for row in truth.sources],
        "facts": truth.facts,
    }
    target = path.with_name(path.name.rsplit(".", 1)[0] + ".truth.json")
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _sourced(row: SourceRow, times_s: list[float] | None) -> dict[str, Any]:
    timed = _timed(row, times_s) | {"source": row.source}
    if row.source_start_frame is None:
        return timed
    length = row.end_frame - row.start_frame
    first = row.source_start_frame
    return timed | {"source_start_s": _time_s(first, None), "source_end_s": _time_s(first + length, None)}

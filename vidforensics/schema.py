"""Records to JSON and back: the documents of docs/interface.md, their versions and upgraders.

Floats are rounded once, here, to a microsecond's worth of digits; NaN and infinity become null; JSON is
pure ASCII, so file names that are not UTF-8 survive as escapes. A document of a newer version than
this program knows is refused with a sentence.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidforensics.errors import ReportError
from vidforensics.types import (
    Case,
    Clip,
    Coverage,
    Detection,
    Edit,
    EditDecision,
    Match,
    Segment,
    Shot,
    Trace,
    TraceSegment,
)

INSPECT_SCHEMA = "vidforensics.inspect/1"
FLAG_SCHEMA = "vidforensics.flag/1"
VERIFY_SCHEMA = "vidforensics.verify/1"
EXTRACT_SCHEMA = "vidforensics.extract/1"
TRACE_SCHEMA = "vidforensics.trace/1"

_DECIMALS = 6
_REPORT_LIMIT_BYTES = 512 << 20

Document = dict[str, Any]

UPGRADERS: Mapping[str, Callable[[Document], Document]] = {}
"""Old schema name to the function that brings such a document one version forward."""


def plain(value: Any) -> Any:
    """Turn records, arrays, paths and tuples into plain JSON values.

    >>> plain((1.00000049, float("nan")))
    [1.0, None]
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return round(value, _DECIMALS) if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(document: Document, *, indent: int | None = None) -> str:
    """One JSON document as ASCII text, keys in the order given."""
    return json.dumps(document, indent=indent, ensure_ascii=True, allow_nan=False)


def segment_row(segment: Segment) -> Document:
    """A flagged segment as the contract spells it."""
    row: Document = plain(segment)
    del row["listed"]
    return row


def shot_row(shot: Shot) -> Document:
    """A shot as the contract spells it; the extent of the transition only where it has one."""
    row: Document = plain(shot)
    if row["transition_start_s"] is None:
        del row["transition_start_s"], row["transition_end_s"]
    return row


def flag_document(
    clip: Clip,
    detections: Sequence[Detection],
    shots: Sequence[Shot],
    *,
    every_candidate: bool = False,
    mark_listed: bool = False,
) -> Document:
    """The `vidforensics.flag/1` document of one clip.

    Args:
        clip: the file examined.
        detections: one per detector.
        shots: the clip's shots; () for a clip with no picture.
        every_candidate: list segments below the operating point too.
        mark_listed: say of each segment whether it lies above it.
    """
    return {
        "schema": FLAG_SCHEMA,
        "clip": clip_row(clip),
        "segments": segment_rows(detections, every_candidate=every_candidate, mark_listed=mark_listed),
        "shots": [shot_row(shot) for shot in shots],
        "coverage": coverage_rows(detections),
    }


def segment_rows(
    detections: Sequence[Detection], *, every_candidate: bool = False, mark_listed: bool = False
) -> list[Document]:
    """Segments of all detectors in the order of time."""
    found = [s for d in detections for s in d.segments if s.listed or every_candidate]
    ordered = sorted(found, key=lambda s: (s.start_s, s.end_s, s.detector))
    return [segment_row(s) | ({"listed": s.listed} if mark_listed else {}) for s in ordered]


def coverage_rows(detections: Sequence[Detection]) -> list[Document]:
    """Coverage of all detectors, detector by detector."""
    rows: list[Coverage] = [row for d in detections for row in d.coverage]
    return [plain(row) for row in rows]


def trace_document(trace: Trace) -> Document:
    """The `vidforensics.trace/1` document; the edit decision list only where two files were compared."""
    document: Document = {
        "schema": TRACE_SCHEMA,
        "clip": clip_row(trace.clip),
        "matches": match_rows(trace.matches),
        "not_assessed": plain(trace.not_assessed),
    }
    if trace.decisions:
        document["edit_decision_list"] = [_decision_row(row) for row in trace.decisions]
    return document


def clip_row(clip: Clip) -> Document:
    """A clip as the contract names it in one line."""
    return {"path": clip.path, "sha256": clip.sha256, "duration_s": plain(clip.duration_s)}


def match_rows(matches: Sequence[Match]) -> list[Document]:
    """Matches as the contract spells them, in the order given."""
    return [
        {
            "video": {
                "path": match.video.path,
                "sha256": match.video.sha256,
                "duration_s": plain(match.video.duration_s),
                "posts": plain(match.video.posts),
            },
            "score": plain(match.score),
            "segments": [_trace_segment_row(segment) for segment in match.segments],
        }
        for match in matches
    ]


def _trace_segment_row(segment: TraceSegment) -> Document:
    row: Document = plain(segment)
    row["edits"] = [edit_row(edit) for edit in segment.edits]
    return row


def edit_row(edit: Edit) -> Document:
    """An edit: its kind, its box where it has one, and what was measured of it."""
    row: Document = {"kind": edit.kind}
    if edit.box is not None:
        row["box"] = plain(edit.box)
    return row | {key: plain(value) for key, value in edit.detail.items() if key not in row}


def _decision_row(decision: EditDecision) -> Document:
    return {
        "start_s": plain(decision.start_s),
        "end_s": plain(decision.end_s),
        "source": "reference" if decision.reference else None,
        "reference_start_s": plain(decision.reference_start_s),
        "reference_end_s": plain(decision.reference_end_s),
        "edits": [edit_row(edit) for edit in decision.edits],
        "sound": decision.sound,
        **{key: plain(value) for key, value in decision.detail.items()},
    }


def report_document(case: Case, files: Mapping[str, str]) -> Document:
    """The `vidforensics.inspect/1` document: the whole case but its bulky arrays.

    Args:
        case: everything known about the clip.
        files: SHA-256 of every file of the case folder, by relative path.
    """
    return {
        "schema": INSPECT_SCHEMA,
        "clip": plain(case.clip),
        "streams": plain(case.probe.streams),
        "timeline": {
            "origin_s": plain(case.probe.origin_s),
            "duration_s": plain(case.probe.duration_s),
            "decode": {k: v for k, v in plain(case.extraction.decode).items() if k != "frame_times_s"},
        },
        "container": {"metadata": plain(case.probe.metadata), **plain(case.container)},
        "content_credentials": plain(case.credentials),
        "bitstream": _bitstream_row(case),
        "double_compression": plain(case.double_compression),
        "shots": [shot_row(shot) for shot in case.extraction.shots],
        "keyframes": plain(case.extraction.keyframes),
        "sounds": plain(case.extraction.sounds),
        "spans": plain(case.extraction.spans),
        "borders": plain(case.extraction.borders),
        "flags": segment_rows(case.detections),
        "candidates": [segment_row(s) for d in case.detections for s in d.segments if not s.listed],
        "coverage": coverage_rows(case.detections),
        "tracks": [_track_row(track) for d in case.detections for track in d.tracks],
        "matches": match_rows(case.trace.matches) if case.trace else [],
        "not_assessed": _not_assessed(case.trace),
        "files": dict(sorted(files.items())),
        "provenance": plain(case.provenance),
    }


def _not_assessed(trace: Trace | None) -> list[str]:
    """What the case leaves open about the origin of the footage, a sentence each."""
    if trace is None:
        return ["tracing: no index was given, so where the footage came from was not looked up"]
    return [f"tracing: {row.start_s:.3f}–{row.end_s:.3f} s, {row.reason}" for row in trace.not_assessed]


def _bitstream_row(case: Case) -> Document:
    """The coded stream without its packet arrays, which are in exports/frames.csv."""
    stream = case.bitstream
    row: Document = {
        f.name: plain(getattr(stream, f.name)) for f in dataclasses.fields(stream) if f.name != "packets"
    }
    row["packet_count"] = len(stream.packets.pts_s)
    return row


def _track_row(track: Any) -> Document:
    """A score track in outline: what it is and how high it went."""
    finite = [float(s) for s in track.scores if math.isfinite(s)]
    return {
        "detector": track.detector,
        "name": track.name,
        "unit": track.unit,
        "threshold": plain(float(track.threshold)),
        "greatest": plain(max(finite)) if finite else None,
        "assessed_share": plain(len(finite) / len(track.scores)) if len(track.scores) else None,
    }


def load_report(path: Path) -> Document:
    """Read a report.json of this or an older version, brought up to this one.

    Raises:
        ReportError: not a file, not JSON, not a report, or newer than this program.
    """
    try:
        if path.stat().st_size > _REPORT_LIMIT_BYTES:
            raise ReportError(f"{path}: too large to be a report of this program.")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}; give the report.json of a case folder.") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path}: not a JSON document; give the report.json of a case folder.") from error
    name = document.get("schema") if isinstance(document, dict) else None
    while isinstance(name, str) and name in UPGRADERS:
        document = UPGRADERS[name](document)
        name = document["schema"]
    if name is None:
        raise ReportError(f"{path}: no report of this program; give the report.json of a case folder.")
    if name != INSPECT_SCHEMA:
        raise ReportError(f"{path}: its schema is {name!r}, this version reads {INSPECT_SCHEMA!r}.")
    result: Document = document
    return result

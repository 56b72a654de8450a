"""A trace in the formats of people's own tools: CMX3600, OpenTimelineIO and WebVTT.

A `Trace` goes in, files come out, each replaced in one step: the shared stretches of every match as cues,
and, where two files were compared, the edit decision list as cues, as an edit decision list and as a
timeline whose clips point at the reference.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from vidforensics.errors import OutputError
from vidforensics.reporting.exports import FOLDER, Cue, replaced_file, vtt_lines, write_lines
from vidforensics.reporting.exports_actions import action, decision_words, edit_words, sound_action
from vidforensics.reporting.exports_edl import edl_lines
from vidforensics.reporting.words import clean
from vidforensics.types import Edit, EditDecision, Match, Trace, TraceSegment

_MICROSECONDS = Fraction(1_000_000)
_GRID_TOLERANCE_S = 2e-6
_SAME_SPEED = 1e-6
_SILENT = ("muted", "absent")
_FROM_REFERENCE = ("same", "shifted")


def write_trace_exports(trace: Trace, folder: Path, rate: Fraction | None = None) -> tuple[str, ...]:
    """Write every export of a trace.

    Args:
        trace: what was found; `decisions` are those against its first match.
        folder: files go to its subfolder `exports`.
        rate: frames per second of the clip, where it is constant and known.

    Returns:
        Paths of the written files relative to `folder`: matches.vtt, and, where there are decisions,
        decisions.vtt, decisions.edl and decisions.otio.

    Raises:
        OutputError: a file cannot be written.
    """
    writers: list[tuple[str, Callable[[TextIO], None]]] = [
        ("matches.vtt", lambda file: write_lines(file, vtt_lines(_match_cues(trace))))
    ]
    if trace.decisions:
        names = {"suspect": trace.clip.path, "reference": _reference(trace)}
        writers += [
            ("decisions.vtt", lambda file: write_lines(file, vtt_lines(_decision_cues(trace.decisions)))),
            (
                "decisions.edl",
                lambda file: write_lines(file, edl_lines(trace.decisions, rate=rate, **names)),
            ),
            ("decisions.otio", lambda file: write_lines(file, [decisions_timeline(trace, rate)])),
        ]
    target = folder / FOLDER
    try:
        target.mkdir(exist_ok=True, parents=True)
        for name, write in writers:
            replaced_file(target / name, write)
    except OSError as error:
        why = error.strerror or type(error).__name__
        message = f"{target}: the exports cannot be written ({why}); free space or name another folder."
        raise OutputError(message) from error
    return tuple(f"{FOLDER}/{name}" for name, _ in writers)


def _reference(trace: Trace) -> str:
    return trace.matches[0].video.path if trace.matches else "none"


def _match_cues(trace: Trace) -> Iterator[Cue]:
    found = [(s, m) for m in trace.matches for s in m.segments]
    for number, (s, match) in enumerate(sorted(found, key=lambda f: f[0].query_start_s), 1):
        yield f"match-{number}", s.query_start_s, s.query_end_s, _match_words(s, match)


def _match_words(segment: TraceSegment, match: Match) -> str:
    parts = [
        f"{Path(match.video.path).name} {segment.reference_start_s:.3f} s to {segment.reference_end_s:.3f} s",
        f"score {segment.score:.3f}",
        f"by {segment.modality}",
    ]
    if abs(segment.speed - 1.0) > _SAME_SPEED:
        parts.append(f"speed {segment.speed:.3f}")
    parts += [edit_words(e) for e in segment.edits]
    parts.append(f"sound {segment.sound.replace('_', ' ')}")
    return ", ".join(parts)


def _decision_cues(decisions: Iterable[EditDecision]) -> Iterator[Cue]:
    for number, row in enumerate(decisions, 1):
        yield f"decision-{number}", row.start_s, row.end_s, "; ".join(decision_words(row))


def decisions_timeline(trace: Trace, rate: Fraction | None = None) -> str:
    """The edit decision list as .otio JSON.

    Args:
        trace: with decisions.
        rate: frames per second; used where every time lies on its grid, else times are microseconds.

    Returns:
        A timeline of one picture and one sound track. Clips point at the reference where it is the source,
        else at the suspect; the speed is a linear time warp; edits are markers named by their actions.
    """
    import opentimelineio as otio

    return str(otio.adapters.write_to_string(_Builder(trace, rate).timeline(), "otio_json"))


class _Builder:
    """Makes the parts of one timeline on one rate."""

    def __init__(self, trace: Trace, rate: Fraction | None) -> None:
        import opentimelineio as otio

        self.otio = otio
        self.trace = trace
        times = [t for d in trace.decisions for t in (d.start_s, d.end_s)]
        self.rate = rate if rate is not None and rate > 0 and _on_grid(times, rate) else _MICROSECONDS

    def ticks(self, time_s: float) -> int:
        return round(max(0.0, time_s) * self.rate)

    def span(self, start: int, length: int) -> Any:
        time = self.otio.opentime.RationalTime
        return self.otio.opentime.TimeRange(time(start, float(self.rate)), time(length, float(self.rate)))

    def timeline(self) -> Any:
        schema = self.otio.schema
        timeline = schema.Timeline(name=clean(self.trace.clip.path))
        timeline.metadata["vidforensics"] = {
            "clip": {"path": clean(self.trace.clip.path), "sha256": self.trace.clip.sha256},
            "reference": clean(_reference(self.trace)),
        }
        picture = schema.Track(name="picture", kind=schema.TrackKind.Video)
        sound = schema.Track(name="sound", kind=schema.TrackKind.Audio)
        for row in self.trace.decisions:
            start, end = self.ticks(row.start_s), self.ticks(row.end_s)
            if end > start:
                picture.append(self.picture(row, start, end))
                sound.append(self.sound(row, start, end))
        timeline.tracks.extend([picture, sound])
        return timeline

    def clip(self, row: EditDecision, start: int, end: int, from_reference: bool) -> Any:
        path = _reference(self.trace) if from_reference else self.trace.clip.path
        first = self.ticks(row.reference_start_s or 0.0) if from_reference else start
        clip = self.otio.schema.Clip(
            name=clean(Path(path).name),
            media_reference=self.otio.schema.ExternalReference(target_url=quote(os.fsencode(path))),
            source_range=self.span(first, end - start),
        )
        speed = float(row.detail.get("speed", 1.0))
        if from_reference and abs(speed - 1.0) > _SAME_SPEED:
            clip.effects.append(self.otio.schema.LinearTimeWarp(name="speed", time_scalar=speed))
        return clip

    def picture(self, row: EditDecision, start: int, end: int) -> Any:
        heard_only = row.detail.get("modality") == "sound"
        clip = self.clip(row, start, end, row.reference and not heard_only)
        clip.metadata["vidforensics"] = {"facts": decision_words(row)}
        at = clip.source_range
        clip.markers.extend(self.marker(action(e), at, _edit_metadata(e)) for e in row.edits)
        return clip

    def sound(self, row: EditDecision, start: int, end: int) -> Any:
        if row.sound in _SILENT:
            return self.otio.schema.Gap(source_range=self.span(0, end - start))
        clip = self.clip(row, start, end, row.reference and row.sound in _FROM_REFERENCE)
        clip.metadata["vidforensics"] = {"sound": row.sound}
        named = sound_action(row.sound)
        if named is not None:
            clip.markers.append(self.marker(named, clip.source_range, {"sound": row.sound}))
        return clip

    def marker(self, name: str, at: Any, metadata: dict[str, Any]) -> Any:
        return self.otio.schema.Marker(
            name=name, marked_range=at, color="ORANGE", metadata={"vidforensics": metadata}
        )


def _edit_metadata(edit: Edit) -> dict[str, Any]:
    numbers = {clean(k, 60): float(v) for k, v in edit.detail.items()}
    return {"kind": edit.kind, "box": None if edit.box is None else list(edit.box), "detail": numbers}


def _on_grid(times_s: Iterable[float], rate: Fraction) -> bool:
    return all(abs(float(round(t * rate) / rate) - t) <= _GRID_TOLERANCE_S for t in times_s)

"""A case in the formats of people's own tools: WebVTT, Audacity labels, CSV and OpenTimelineIO.

A `Case` goes in, files under `exports/` come out, each replaced in one step. Cues follow the WebVTT
Candidate Recommendation (W3C 2019), labels the Audacity manual, CSV RFC 4180 with text cells that
a spreadsheet would read as formulas disarmed (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from vidforensics.errors import OutputError
from vidforensics.reporting.summary import when
from vidforensics.reporting.words import LABEL_WORDS, clean, ratio, support
from vidforensics.types import Case, PacketTable, Segment, Shot

FOLDER = "exports"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_BLOCK = 4096

Cell = str | int | float | bool | None


def write_exports(case: Case, folder: Path) -> tuple[str, ...]:
    """Write every export of a case.

    Args:
        case: everything known about one clip.
        folder: the case folder; files go to its subfolder `exports`.

    Returns:
        Paths of the written files relative to `folder`, in a fixed order. All are written for every
        clip; one without flags gets files without cues or rows.

    Raises:
        OutputError: a file cannot be written.

    """
    from vidforensics.reporting.exports_otio import timeline_text

    flags = flags_in_time(case)
    writers: tuple[tuple[str, Callable[[TextIO], None]], ...] = (
        ("flags.vtt", lambda file: write_lines(file, vtt_lines(_flag_cues(flags)))),
        ("shots.vtt", lambda file: write_lines(file, vtt_lines(_shot_cues(case.extraction.shots)))),
        ("labels.txt", lambda file: write_lines(file, label_lines(case, flags))),
        ("flags.csv", lambda file: _write_rows(file, flag_rows(flags))),
        ("shots.csv", lambda file: _write_rows(file, shot_rows(case.extraction.shots))),
        ("frames.csv", lambda file: _write_rows(file, frame_rows(case.bitstream.packets))),
        ("timeline.otio", lambda file: write_lines(file, [timeline_text(case, flags)])),
    )
    target = folder / FOLDER
    try:
        target.mkdir(exist_ok=True)
        for name, write in writers:
            replaced_file(target / name, write)
    except OSError as error:
        why = error.strerror or type(error).__name__
        message = f"{target}: the exports cannot be written ({why}); free space or name another folder."
        raise OutputError(message) from error
    return tuple(f"{FOLDER}/{name}" for name, _ in writers)


def flags_in_time(case: Case) -> tuple[Segment, ...]:
    """Listed segments of all detectors in time order."""
    found = [s for d in case.detections for s in d.segments if s.listed]
    return tuple(sorted(found, key=lambda s: (s.start_s, s.end_s, s.label, s.detector)))


def replaced_file(path: Path, write: Callable[[TextIO], None]) -> None:
    """Write a text file beside its place and move it there whole.

    Args:
        path: the file; an old one is replaced.
        write: writes the text.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
            write(file)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_lines(file: TextIO, lines: Iterable[str]) -> None:
    """Write each line with its end."""
    for line in lines:
        file.write(line + "\n")


def _write_rows(file: TextIO, rows: Iterable[Sequence[Cell]]) -> None:
    writer = csv.writer(file, lineterminator="\r\n")
    for row in rows:
        writer.writerow([csv_cell(cell) for cell in row])


def csv_cell(value: Cell) -> str:
    """One CSV cell: numbers exactly, unknown empty, text that could be a formula led by an apostrophe.

    >>> csv_cell("=HYPERLINK(1)"), csv_cell(-1.5), csv_cell(float("nan"))
    ("'=HYPERLINK(1)", '-1.5', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") if math.isfinite(value) else ""
    text = clean(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) or value[:1] in _FORMULA_STARTS else text


def vtt_time(time_s: float) -> str:
    """A WebVTT timestamp, hh:mm:ss.mmm.

    >>> vtt_time(3661.0005)
    '01:01:01.001'
    """
    milliseconds = max(0, math.floor(time_s * 1000.0 + 0.5 + 1e-6))
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{rest:03d}"


Cue = tuple[str, float, float, str]


def vtt_lines(cues: Iterable[Cue]) -> Iterator[str]:
    """A WebVTT file; a cue lasts at least a millisecond, as the format asks."""
    yield "WEBVTT"
    yield ""
    for name, start_s, end_s, text in cues:
        start = max(0.0, start_s)
        yield name
        yield f"{vtt_time(start)} --> {vtt_time(max(end_s, start + 0.001))}"
        yield vtt_text(text)
        yield ""


def vtt_text(text: str) -> str:
    """Text as one cue line: no tags, no arrow, no line break."""
    escaped = clean(text, 1000).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.strip() or "–"


def _flag_cues(flags: Sequence[Segment]) -> Iterator[Cue]:
    for number, flag in enumerate(flags, 1):
        yield f"flag-{number}", flag.start_s, flag.end_s, f"{_flag_words(flag)}. {flag.basis}"


def _flag_words(flag: Segment) -> str:
    label = LABEL_WORDS.get(flag.label, flag.label)
    return f"{label}: {support(flag.log10_lr)}, likelihood ratio about {ratio(flag.log10_lr)}"


def _shot_cues(shots: Sequence[Shot]) -> Iterator[Cue]:
    for number, shot in enumerate(shots, 1):
        yield f"shot-{number}", shot.start_s, shot.end_s, _shot_words(number, shot)


def _shot_words(number: int, shot: Shot) -> str:
    return f"shot {number}, ends by {shot.transition or 'end of clip'}"


def label_lines(case: Case, flags: Sequence[Segment]) -> Iterator[str]:
    """Audacity labels: start, end and text between tabs; flags, then what carries nothing, then shots."""
    for flag in flags:
        yield _label(flag.start_s, flag.end_s, f"FLAG {_flag_words(flag)} ({when(flag)})")
    for span in case.extraction.spans:
        track = "" if span.track is None else f" sound track {span.track}"
        yield _label(span.start_s, span.end_s, f"{span.kind.replace('_', ' ')}{track}")
    for number, shot in enumerate(case.extraction.shots, 1):
        yield _label(shot.start_s, shot.end_s, _shot_words(number, shot))


def _label(start_s: float, end_s: float, text: str) -> str:
    return f"{start_s:.6f}\t{max(start_s, end_s):.6f}\t{clean(text)}"


def flag_rows(flags: Sequence[Segment]) -> Iterator[Sequence[Cell]]:
    """Header and rows of flags.csv."""
    yield ("start_s", "end_s", "label", "score", "log10_lr", "strength", "detector", "basis")
    for f in flags:
        strength = support(f.log10_lr)
        yield (f.start_s, f.end_s, f.label, f.score, f.log10_lr, strength, f.detector, f.basis)


def shot_rows(shots: Sequence[Shot]) -> Iterator[Sequence[Cell]]:
    """Header and rows of shots.csv."""
    yield ("shot", "start_s", "end_s", "transition", "transition_start_s", "transition_end_s", "confidence")
    for number, s in enumerate(shots, 1):
        extent = (s.transition_start_s, s.transition_end_s)
        yield (number, s.start_s, s.end_s, s.transition, *extent, s.confidence)


def frame_rows(packets: PacketTable) -> Iterator[Sequence[Cell]]:
    """Header and rows of frames.csv, in decoding order, a block of packets at a time."""
    yield ("packet", "pts_s", "dts_s", "type", "is_key", "size_bytes", "qp", "offset_bytes")
    for first in range(0, len(packets.pts_s), _BLOCK):
        part = slice(first, first + _BLOCK)
        columns = (
            packets.pts_s[part].tolist(),
            packets.dts_s[part].tolist(),
            packets.frame_type[part].tolist(),
            packets.is_key[part].tolist(),
            packets.size_bytes[part].tolist(),
            packets.qp[part].tolist(),
            packets.offset_bytes[part].tolist(),
        )
        for number, row in enumerate(zip(*columns, strict=True), first):
            yield (number, *row)

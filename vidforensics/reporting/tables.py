"""The report's tables about the file: streams, metadata, container, coded stream, shots, custody, run.

Records go in, `Table`s of short clean strings come out, each cut at a stated number of rows with the
rest counted. Untrusted text is made visible here (see `words.clean`) and escaped by the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from vidforensics.reporting.words import (
    LABEL_WORDS,
    LONG_TEXT_LIMIT,
    NONE,
    clean,
    clock,
    number,
    percent,
    plain,
    plural,
    ratio,
    seconds,
    size,
    stretch,
    support,
)
from vidforensics.types import Bitstream, Box, Case, Finding, RunProvenance, Segment, Shot, Stream

MOST_ROWS = 200
MOST_BOXES = 600
MOST_DEPTH = 24


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells; `kinds` gives each column's style: "", "time", "number" or "code"."""

    caption: str
    head: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A container box ready to be shown; `more` counts children left out."""

    kind: str
    where: str
    summary: str
    findings: tuple[str, ...]
    children: tuple[Node, ...]
    more: int = 0


@dataclass(slots=True)
class _Budget:
    left: int = MOST_BOXES
    by_offset: Mapping[int, list[str]] = field(default_factory=dict)


def table(
    caption: str, columns: Sequence[tuple[str, str]], rows: Sequence[Any], cells: Any, most: int = MOST_ROWS
) -> Table:
    """A table of the first `most` rows; `cells` turns one row into its strings."""
    return Table(
        caption,
        tuple(head for head, _ in columns),
        tuple(kind for _, kind in columns),
        tuple(tuple(cells(row)) for row in rows[:most]),
        max(0, len(rows) - most),
    )


def identity(case: Case) -> tuple[tuple[str, str, str], ...]:
    """What was examined: (name, value, style) rows."""
    clip, probe = case.clip, case.probe
    created = next((s.created_at for s in probe.streams if s.created_at), probe.metadata.get("creation_time"))
    declared = clip.duration_s if clip.duration_s is not None else probe.duration_s
    return (
        ("SHA-256", clip.sha256, "code"),
        ("MD5", clip.md5 or NONE, "code"),
        ("Size", size(clip.size_bytes), ""),
        ("Path as given", clean(clip.path), "path"),
        ("Container", clean(f"{case.container.format}, read as {probe.format_name}"), ""),
        ("Duration", f"{clock(declared)} ({seconds(declared)})" if declared is not None else NONE, ""),
        ("File modified", clip.modified_at or NONE, ""),
        ("Creation time stated in the file", clean(created) if created else "none", ""),
        ("Examined", f"{case.provenance.started_at} to {case.provenance.finished_at}", ""),
        ("With", f"{case.provenance.tool} {case.provenance.version}", ""),
    )


def streams(case: Case) -> Table:
    """One row per stream."""
    columns = (("#", "number"), ("Kind", ""), ("Codec", ""), ("Picture or sound", ""), ("Rate", ""),
               ("Start", "time"), ("Duration", "time"), ("Named", ""))  # fmt: skip
    return table("Streams of the container", columns, case.probe.streams, _stream_cells, 40)


def _stream_cells(stream: Stream) -> Iterable[str]:
    codec = " ".join(clean(p, 40) for p in (stream.codec, stream.profile) if p) or NONE
    level = f" level {stream.level}" if stream.level is not None and stream.level >= 0 else ""
    names = (stream.language, stream.handler, stream.encoder, stream.vendor, stream.timecode)
    named = [clean(n, 60) for n in names if n]
    kind = "attached picture" if stream.is_attached_picture else stream.kind
    return (
        str(stream.index),
        kind,
        codec + level,
        clean(_content(stream), 160),
        clean(_rate(stream), 80),
        clock(stream.start_s),
        clock(stream.duration_s),
        ", ".join(named) or NONE,
    )


def _content(stream: Stream) -> str:
    parts: list[str] = []
    if stream.width_px is not None:
        parts.append(f"{stream.width_px}×{stream.height_px} px")
    if stream.sample_aspect not in (None, "1/1", "1:1", "0/1"):
        parts.append(f"sample aspect {stream.sample_aspect}")
    if stream.rotation_deg:
        parts.append(f"rotated {stream.rotation_deg}°")
    parts += [p for p in (stream.pixel_format, stream.field_order, stream.colour_matrix) if p]
    if stream.channels is not None:
        parts.append(stream.channel_layout or plural(stream.channels, "channel"))
    if stream.sample_format:
        parts.append(stream.sample_format)
    return ", ".join(parts) or NONE


def _rate(stream: Stream) -> str:
    if stream.sample_rate_hz is not None:
        return f"{stream.sample_rate_hz:,} Hz" + _bit_rate(stream.bit_rate_bps)
    if stream.frame_rate or stream.average_frame_rate:
        average = stream.average_frame_rate
        differs = average not in (None, stream.frame_rate)
        text = f"{stream.frame_rate or average} frames/s" + (f" (average {average})" if differs else "")
        return text + _bit_rate(stream.bit_rate_bps)
    return NONE


def _bit_rate(bit_rate_bps: int | None) -> str:
    return f", {bit_rate_bps / 1000:,.0f} kbit/s" if bit_rate_bps else ""


def flag_table(flags: Sequence[Segment], first: int) -> Table:
    """Flags after the first ones, which are shown at length; numbered as on the timeline."""
    columns = (("#", "number"), ("Time", "time"), ("Label", ""), ("Strength", ""), ("LR", "number"),
               ("Score", "number"), ("Detector", ""), ("Basis", ""))  # fmt: skip
    return table(
        "Further flags",
        columns,
        list(enumerate(flags, 1))[first:],
        lambda row: (str(row[0]), stretch(row[1].start_s, row[1].end_s),
                     LABEL_WORDS.get(row[1].label, row[1].label), support(row[1].log10_lr),
                     ratio(row[1].log10_lr), number(row[1].score), clean(row[1].detector, 60),
                     clean(row[1].basis)),
    )  # fmt: skip


def metadata(case: Case) -> Table:
    """Every metadata field of the file and its streams, as stated."""
    rows = [("file", k, v) for k, v in case.probe.metadata.items()]
    rows += [(f"stream {s.index}", k, v) for s in case.probe.streams for k, v in s.metadata.items()]
    rows += [("container", k, v) for k, v in case.container.fields.items()]
    columns = (("Where", ""), ("Field", "code"), ("Value as stated", ""))
    return table("Metadata as the file states it", columns, rows, lambda row: [clean(c) for c in row])


def findings(case: Case) -> Table:
    """Structural findings of container and coded stream, anomalies first."""
    order = {"anomaly": 0, "notice": 1, "info": 2}
    rows = sorted((*case.container.findings, *case.bitstream.findings), key=lambda f: order[f.level])
    columns = (("Level", ""), ("Finding", ""), ("Byte", "number"), ("Time", "time"), ("Code", "code"))
    return table("Structural findings", columns, rows, _finding_cells)


def _finding_cells(finding: Finding) -> Iterable[str]:
    offset = NONE if finding.offset_bytes is None else f"{finding.offset_bytes:,}"
    sentence = clean(finding.sentence)
    return finding.level, sentence, offset, clock(finding.time_s), clean(finding.code, 60)


def box_tree(case: Case) -> tuple[tuple[Node, ...], int]:
    """The container's boxes with the findings at their offsets, and how many top boxes were left out."""
    by_offset: dict[int, list[str]] = {}
    for finding in case.container.findings:
        if finding.offset_bytes is not None and finding.level != "info":
            by_offset.setdefault(finding.offset_bytes, []).append(clean(finding.sentence))
    return _nodes(case.container.boxes, _Budget(by_offset=by_offset), 0)


def _nodes(boxes: Sequence[Box], budget: _Budget, depth: int) -> tuple[tuple[Node, ...], int]:
    shown: list[Node] = []
    for box in boxes if depth < MOST_DEPTH else ():
        if budget.left <= 0:
            break
        budget.left -= 1
        children, more = _nodes(box.children, budget, depth + 1)
        where = f"at {box.offset_bytes:,}, {box.size_bytes:,} bytes"
        notes = tuple(budget.by_offset.get(box.offset_bytes, ()))
        shown.append(Node(clean(box.kind, 60), where, clean(box.summary), notes, children, more))
    return tuple(shown), len(boxes) - len(shown)


def gop_table(bitstream: Bitstream) -> Table:
    """Groups of pictures in time order."""
    columns = (("Start", "time"), ("End", "time"), ("Frames", "number"), ("Bytes", "number"),
               ("Types in decoding order", "code"))  # fmt: skip
    return table(
        "Groups of pictures",
        columns,
        bitstream.gops,
        lambda g: (
            clock(g.start_s),
            clock(g.end_s),
            f"{g.frame_count:,}",
            f"{g.size_bytes:,}",
            clean(g.pattern, 60),
        ),
        40,
    )


def gop_sentence(bitstream: Bitstream) -> str:
    """The groups of pictures in one sentence."""
    gops = bitstream.gops
    if not gops:
        return "No groups of pictures were read."
    lengths = sorted(g.frame_count for g in gops)
    total = sum(lengths)
    spread = f"{lengths[0]}" if lengths[0] == lengths[-1] else f"{lengths[0]} to {lengths[-1]}"
    b_frames = {True: "with B-frames", False: "without B-frames", None: "B-frames unknown"}
    return (
        f"{plural(len(gops), 'group')} of pictures with {plural(total, 'frame')} in all, "
        f"{spread} frames long (median {lengths[len(lengths) // 2]}), {b_frames[bitstream.has_b_frames]}."
    )


def encoder_table(bitstream: Bitstream) -> Table:
    """Encoders' descriptions of themselves; equal ones are one row with all their times."""
    groups: dict[tuple[str, str], list[float]] = {}
    for found in bitstream.encoder_settings:
        groups.setdefault((found.name, found.text), []).append(found.time_s)
    columns = (("Encoder", ""), ("Found at", "time"), ("Its own description", "code"))

    def cells(row: tuple[tuple[str, str], list[float]]) -> Iterable[str]:
        (name, text), times = row
        more = f" and {len(times) - 6} more" if len(times) > 6 else ""
        return clean(name, 80), ", ".join(clock(t) for t in times[:6]) + more, clean(text, LONG_TEXT_LIMIT)

    return table("Encoder settings found in the coded stream", columns, list(groups.items()), cells, 20)


def parameter_set_table(bitstream: Bitstream) -> Table:
    """Parameter sets that are the first of their kind or differ from the one before."""
    seen: set[str] = set()
    rows = []
    for found in bitstream.parameter_sets:
        if found.changed or found.kind not in seen:
            rows.append(found)
        seen.add(found.kind)
    columns = (("Time", "time"), ("Packet", "number"), ("Kind", ""), ("Changed", ""), ("Summary", ""))
    return table(
        f"Parameter sets: {len(bitstream.parameter_sets):,} found, first and changed ones shown",
        columns,
        rows,
        lambda p: (clock(p.time_s), f"{p.packet:,}", clean(p.kind, 20), "yes" if p.changed else "first",
                   clean(p.summary)),
        40,
    )  # fmt: skip


def join_table(bitstream: Bitstream) -> Table:
    """Cues of joined streams."""
    columns = (("Time", "time"), ("Packet", "number"), ("Cue", ""), ("Weight", "number"), ("Reason", ""))
    return table(
        "Cues of joined streams",
        columns,
        bitstream.join_cues,
        lambda c: (
            clock(c.time_s),
            f"{c.packet:,}",
            clean(c.cue.replace("_", " "), 60),
            number(c.weight, 2),
            clean(c.sentence),
        ),
        40,
    )


def shot_table(shots: Sequence[Shot]) -> Table:
    """Shots in order."""
    columns = (("#", "number"), ("Start", "time"), ("End", "time"), ("Length", "number"), ("Ends by", ""),
               ("Transition", "time"), ("Confidence", "number"))  # fmt: skip

    def cells(row: tuple[int, Shot]) -> Iterable[str]:
        index, shot = row
        a, b = shot.transition_start_s, shot.transition_end_s
        extent = f"{clock(a)} – {clock(b)}" if a is not None and b is not None else NONE
        confidence = NONE if shot.confidence is None else percent(shot.confidence)
        ends = shot.transition or "end of clip"
        length = seconds(shot.end_s - shot.start_s)
        return str(index), clock(shot.start_s), clock(shot.end_s), length, ends, extent, confidence

    return table("Shots", columns, list(enumerate(shots, 1)), cells, 100)


def sound_table(case: Case) -> Table:
    """Sound tracks written to the case folder."""
    columns = (("Track", "number"), ("Stream", "number"), ("File", "code"), ("Offset", "time"),
               ("Duration", "time"), ("Format", ""))  # fmt: skip
    return table(
        "Sound tracks",
        columns,
        case.extraction.sounds,
        lambda s: (str(s.track), str(s.stream_index), clean(s.path, 120), clock(s.offset_s),
                   clock(s.duration_s), f"{s.sample_rate_hz:,} Hz, {plural(s.channels, 'channel')}"),
        20,
    )  # fmt: skip


def custody_table(case: Case) -> Table:
    """The custody log as it stood when the report was written."""
    columns = (("#", "number"), ("When (UTC)", "time"), ("What", ""), ("On", ""), ("Details", ""),
               ("SHA-256 of the line", "code"))  # fmt: skip
    return table(
        "Custody log",
        columns,
        case.custody,
        lambda e: (str(e.index), clean(e.at, 40), clean(e.action), clean(e.subject), plain(dict(e.details)),
                   clean(e.sha256, 80)),
        100,
    )  # fmt: skip


def run_tables(run: RunProvenance) -> tuple[Table, ...]:
    """Versions, parameters, models and time spent."""
    tool = {run.tool: run.version, "Python": run.python, "platform": run.platform, **run.libraries}
    groups: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("Versions", tool),
        ("Parameters", run.parameters),
        ("Models", {k: v or "not installed" for k, v in run.models.items()}),
        ("Seconds by stage", {k: number(v) for k, v in run.seconds_by_stage.items()}),
    )
    columns = (("Name", ""), ("Value", "code"))
    return tuple(
        table(
            caption, columns, list(islice(pairs.items(), 1000)), lambda kv: (clean(kv[0], 120), plain(kv[1]))
        )
        for caption, pairs in groups
        if pairs
    )

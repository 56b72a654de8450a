"""One self-contained report.html: everything known about a clip, readable offline, on paper and by court.

A `Case` goes in, one file comes out; it asks no network for anything, and what it quotes stays text (see
`page`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vidforensics.reporting import methods, tables, words
from vidforensics.reporting.flag_figures import FlagFigure, flag_figures
from vidforensics.reporting.page import (
    assets,
    content_policy,
    fill,
    footer_style,
    json_island,
    write_page,
)
from vidforensics.reporting.pictures import Shown, keyframes, nearest_index, thumbnails
from vidforensics.reporting.summary import (
    assessed_share,
    headline_items,
    listed_segments,
    main_reason,
)
from vidforensics.reporting.timeline import build_timeline
from vidforensics.reporting.tracing import trace_view
from vidforensics.reporting.tracing_lanes import trace_coverage
from vidforensics.types import Case, Coverage, Detection, Segment

MOST_FLAG_ROWS = 200
MOST_ILLUSTRATED_FLAGS = 24
_SCRIPTS = ("timeline.js", "viewer.js")
_STYLES = ("report.css", "timeline.css", "tracing.css", "print.css")
_LONG_REASONS = 12


@dataclass(frozen=True, slots=True)
class FlagRow:
    """One row of the findings table."""

    index: int
    label: str
    meaning: str
    when: str
    length: str
    time_s: float
    score: str
    ratio: str
    strength: str
    detector: str
    basis: str
    pictures: tuple[tuple[str, Shown], ...]
    figures: tuple[FlagFigure, ...]


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """One detector: what it measures, what it looked at, why not at the rest."""

    title: str
    name: str
    measures: str
    limits: str
    share: str
    reason: str
    gaps: tuple[tuple[str, str], ...]
    more_gaps: int
    flagged: int
    candidates: int


def write_html(case: Case, path: Path, *, case_folder: Path) -> None:
    """Write the report of one case.

    Args:
        case: everything known about the clip.
        path: the file to write; replaced in one step, so that no half report is ever seen.
        case_folder: where the keyframes of the case lie; missing ones are left out.

    Raises:
        OutputError: the file cannot be written.

    """
    write_page(render(case, case_folder=case_folder), path, "the report")


def render(case: Case, *, case_folder: Path) -> str:
    """The report as HTML text."""
    return fill("report.html", context(case, case_folder))


def context(case: Case, case_folder: Path) -> dict[str, Any]:
    """Everything the template shows, ready as text, drawings and tables."""
    flags = listed_segments(case.detections)
    wanted = [t for f in flags[:MOST_ILLUSTRATED_FLAGS] for t in (f.start_s, f.end_s)]
    strip = thumbnails(case, [*wanted, *(s.start_s for s in case.extraction.shots[:400])])
    chosen = keyframes(case, case_folder)
    timeline = build_timeline(case, flags, strip, chosen)
    style = footer_style(case.clip.sha256, case.provenance.version) + assets(*_STYLES)
    script = assets(*_SCRIPTS)
    return {
        "case": case,
        "name": words.clean(Path(case.clip.path).name or case.clip.path, 160),
        "words": words,
        "policy": content_policy(style, script),
        "style": Markup(style),  # noqa: S704 - package data, no outside text but a checked hash
        "script": Markup(script),  # noqa: S704 - package data
        "island": json_island(timeline.data),
        "headlines": headline_items(case),
        "timeline": timeline,
        "flags": [_flag_row(i, f, strip, case) for i, f in enumerate(flags[:MOST_ILLUSTRATED_FLAGS], 1)],
        "further_flags": tables.flag_table(flags[:MOST_FLAG_ROWS], MOST_ILLUSTRATED_FLAGS),
        "more_flags": max(0, len(flags) - MOST_FLAG_ROWS),
        "detectors": [_detector_row(d) for d in (*case.detections, _tracing(case, timeline.end_s))],
        "tracing": trace_view(case.trace) if case.trace else None,
        "keyframes": chosen,
        "glossary": methods.GLOSSARY,
        **_file_tables(case),
    }


def _tracing(case: Case, end_s: float) -> Detection:
    """What the search for other copies looked at; nothing where no index was given."""
    if case.trace is not None:
        return trace_coverage(case.trace, end_s)
    reason = "no index was given, so where the footage came from was not looked up"
    return Detection("tracing", coverage=(Coverage("tracing", 0.0, end_s, False, reason),))


def _file_tables(case: Case) -> dict[str, Any]:
    tree, more_boxes = tables.box_tree(case)
    return {
        "identity": tables.identity(case),
        "streams": tables.streams(case),
        "metadata": tables.metadata(case),
        "findings": tables.findings(case),
        "tree": tree,
        "more_boxes": more_boxes,
        "gop_sentence": tables.gop_sentence(case.bitstream),
        "gops": tables.gop_table(case.bitstream),
        "encoders": tables.encoder_table(case.bitstream),
        "parameter_sets": tables.parameter_set_table(case.bitstream),
        "joins": tables.join_table(case.bitstream),
        "shots": tables.shot_table(case.extraction.shots),
        "sounds": tables.sound_table(case),
        "custody": tables.custody_table(case),
        "run": tables.run_tables(case.provenance),
        "manifest": words.clean(json.dumps(case.credentials.manifest, indent=1, default=str), 8000)
        if case.credentials.manifest
        else "",
    }


def _flag_row(index: int, flag: Segment, strip: Sequence[Shown], case: Case) -> FlagRow:
    return FlagRow(
        index=index,
        label=words.LABEL_WORDS.get(flag.label, flag.label),
        meaning=words.LABEL_MEANING.get(flag.label, flag.label),
        when=words.stretch(flag.start_s, flag.end_s),
        length=words.seconds(flag.end_s - flag.start_s),
        time_s=round(flag.start_s, 6),
        score=words.number(flag.score),
        ratio=words.ratio(flag.log10_lr),
        strength=words.support(flag.log10_lr),
        detector=words.clean(flag.detector.replace("_", " "), 60),
        basis=words.sentence(words.clean(flag.basis, 600)),
        pictures=_illustrations(flag, strip),
        figures=flag_figures(flag, case),
    )


def _illustrations(flag: Segment, strip: Sequence[Shown]) -> tuple[tuple[str, Shown], ...]:
    """Stored pictures before, inside and after a flag; only those that exist."""
    before = [p for p in strip if p.time_s < flag.start_s]
    inside = [p for p in strip if flag.start_s <= p.time_s < flag.end_s]
    after = [p for p in strip if p.time_s >= flag.end_s]
    found = []
    if before:
        found.append(("before", before[-1]))
    if inside:
        middle = nearest_index([p.time_s for p in inside], (flag.start_s + flag.end_s) / 2)
        found.append(("inside", inside[middle]))
    if after:
        found.append(("after", after[0]))
    return tuple(found)


def _detector_row(detection: Detection) -> DetectorRow:
    described = methods.method(detection.detector)
    share = assessed_share(detection.coverage)
    gaps = [row for row in detection.coverage if not row.assessed]
    listed = sum(s.listed for s in detection.segments)
    return DetectorRow(
        title=words.clean(described.title, 80),
        name=words.clean(detection.detector, 60),
        measures=described.measures,
        limits=described.limits,
        share="nothing stated" if share is None else f"{words.percent(share)} of the clip assessed",
        reason=main_reason(detection.coverage),
        gaps=tuple(
            (words.stretch(g.start_s, g.end_s), words.clean(g.reason or "no reason given", 200))
            for g in gaps[:_LONG_REASONS]
        ),
        more_gaps=max(0, len(gaps) - _LONG_REASONS),
        flagged=listed,
        candidates=len(detection.segments) - listed,
    )

"""One self-contained report.html: everything known about a clip, readable offline, on paper and by court.

A `Case` goes in, one file comes out; it asks no network for anything and says so to the browser (Content
Security Policy Level 3, hashes for its only style and script). Untrusted text is escaped by the template
engine, and data for the script is JSON in which no character can end the element.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vidforensics.errors import OutputError
from vidforensics.reporting import methods, tables, words
from vidforensics.reporting.pictures import Shown, keyframes, nearest_index, thumbnails
from vidforensics.reporting.summary import (
    assessed_share,
    headline_items,
    listed_segments,
    main_reason,
)
from vidforensics.reporting.timeline import build_timeline
from vidforensics.types import Case, Detection, Segment

TEMPLATES = Path(__file__).parent / "templates"
MOST_FLAG_ROWS = 200
MOST_ILLUSTRATED_FLAGS = 24
_SCRIPTS = ("timeline.js", "viewer.js")
_STYLES = ("report.css", "timeline.css", "print.css")
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
    text = render(case, case_folder=case_folder)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".report-", suffix=".html")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise OutputError(f"{path}: the report cannot be written ({why}); free space or name another folder."
                          ) from error  # fmt: skip


def render(case: Case, *, case_folder: Path) -> str:
    """The report as HTML text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = words.clock
    environment.filters["clean"] = words.clean
    return environment.get_template("report.html").render(context(case, case_folder))


def context(case: Case, case_folder: Path) -> dict[str, Any]:
    """Everything the template shows, ready as text, drawings and tables."""
    flags = listed_segments(case.detections)
    wanted = [t for f in flags[:MOST_ILLUSTRATED_FLAGS] for t in (f.start_s, f.end_s)]
    strip = thumbnails(case, [*wanted, *(s.start_s for s in case.extraction.shots[:400])])
    chosen = keyframes(case, case_folder)
    timeline = build_timeline(case, flags, strip, chosen)
    style = _footer_style(case) + "".join(_asset(name) for name in _STYLES)
    script = "".join(_asset(name) for name in _SCRIPTS)
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
        "flags": [_flag_row(i, f, strip) for i, f in enumerate(flags[:MOST_ILLUSTRATED_FLAGS], 1)],
        "further_flags": tables.flag_table(flags[:MOST_FLAG_ROWS], MOST_ILLUSTRATED_FLAGS),
        "more_flags": max(0, len(flags) - MOST_FLAG_ROWS),
        "detectors": [_detector_row(d) for d in case.detections],
        "keyframes": chosen,
        "glossary": methods.GLOSSARY,
        **_file_tables(case),
    }


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
        "run": tables.run_tables(case),
        "manifest": words.clean(json.dumps(case.credentials.manifest, indent=1, default=str), 8000)
        if case.credentials.manifest
        else "",
    }


def _flag_row(index: int, flag: Segment, strip: Sequence[Shown]) -> FlagRow:
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


def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")


def _footer_style(case: Case) -> str:
    """The page footer needs the file's hash inside the style sheet; only hex digits may enter it."""
    digest = "".join(c for c in case.clip.sha256 if c in "0123456789abcdef")
    version = "".join(c for c in case.provenance.version if c.isalnum() or c in ".-+")[:40]
    return (
        f'@page {{ @bottom-left {{ content: "SHA-256 {digest}"; }} '
        f'@bottom-right {{ content: counter(page) " / " counter(pages); }} '
        f'@top-right {{ content: "vidforensics {version}"; }} }}\n'
    )


def content_policy(style: str, script: str) -> str:
    """A policy under which nothing is loaded from anywhere and only this style and script count."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_source_hash(style)}'; "
        f"script-src '{_source_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


def _source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def json_island(data: Any) -> Markup:
    """JSON for a data element: ASCII, and without the characters that could end or open an element."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above

"""One self-contained compare.html: two files held against each other, every second of the suspect told.

A `Comparison` goes in, one file comes out, without scripts, readable offline, on paper and on a phone (see
`page`). Nothing here measures: where the list of decisions is silent, so is the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vidforensics.reporting import tables, words
from vidforensics.reporting.comparison_pairs import pair_views
from vidforensics.reporting.comparison_sound import compared_lanes
from vidforensics.reporting.comparison_strips import (
    MOST_ROWS,
    decision_lanes,
    flow_lanes,
    found_by,
    row_changes,
    source_words,
)
from vidforensics.reporting.lanes import axis_lane
from vidforensics.reporting.page import assets, content_policy, fill, footer_style, write_page
from vidforensics.reporting.tables import Table, table
from vidforensics.reporting.tracing import sound_key
from vidforensics.reporting.tracing_words import (
    EDIT_WORDS,
    SOUND_MEANING,
    SOUND_WORDS,
    decision_speed,
    file_name,
    listed,
    stretches_words,
)
from vidforensics.types import Clip, Comparison, EditDecision, SoundRelation

_STYLES = ("report.css", "timeline.css", "tracing.css", "comparison.css", "print.css")
_WIDE_ROWS = 60
_JOIN_S = 0.0005
_KNOWN_DETAILS = frozenset({"speed", "score", "modality", "mirrored", "not_assessed"})
_TELLING: tuple[SoundRelation, ...] = ("replaced", "mixed", "shifted", "muted")
_SOUND_LINES: dict[SoundRelation, str] = {
    "replaced": "The picture is the reference's and the sound is not, a dub against the source: {}.",
    "mixed": "Other sound is laid over the reference's: {}.",
    "shifted": "The reference's sound is moved against the picture: {}.",
    "muted": "Silence stands where the reference has sound: {}.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of the page; `kind` gives its style."""

    kind: str
    lead: str
    detail: str = ""


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page of one comparison.

    Args:
        comparison: two files and their edit decision list.
        path: the file to write; replaced in one step, so that no half page is ever seen.

    Raises:
        OutputError: the file cannot be written.

    """
    write_page(render(comparison), path, "the comparison")


def render(comparison: Comparison) -> str:
    """The page as HTML text."""
    return fill("comparison.html", context(comparison))


def context(comparison: Comparison) -> dict[str, Any]:
    """Everything the template shows, ready as text, drawings and tables."""
    trace, run = comparison.trace, comparison.provenance
    decisions = trace.decisions
    style = footer_style(trace.clip.sha256, run.version) + assets(*_STYLES)
    end_s, reference_end_s = axis_ends(comparison)
    sounds = compared_lanes(comparison.query_sound, comparison.reference_sound, decisions, end_s)
    pairs = pair_views(comparison.pairs, decisions)
    return {
        "words": words,
        "policy": content_policy(style, None),
        "style": Markup(style),  # noqa: S704 - package data, no outside text but a checked hash
        "suspect": file_name(trace.clip.path),
        "reference": file_name(comparison.reference.path),
        "files": (("Suspect", _identity(trace.clip)), ("Reference", _identity(comparison.reference))),
        "run_info": run,
        "findings": tuple(findings(comparison)),
        "lanes": (
            axis_lane(end_s, "axis-top"),
            *(decision_lanes(decisions, end_s) if decisions else ()),
            *sounds,
            axis_lane(end_s, "axis-bottom"),
        ),
        "flow": flow_lanes(decisions, end_s, reference_end_s),
        "wide": len(decisions) > _WIDE_ROWS,
        "relations": tuple(sound_key(d.sound for d in decisions if d.reference)),
        "decisions": decision_table(decisions),
        "pairs": pairs,
        "more_pairs": len(comparison.pairs) - len(pairs),
        "sound": sound_table(decisions),
        "has_sound": (comparison.query_sound is not None, comparison.reference_sound is not None),
        "gaps": _gap_table(comparison),
        "run": tables.run_tables(run),
    }


def _identity(clip: Clip) -> tuple[tuple[str, str, str], ...]:
    duration = f"{words.clock(clip.duration_s)} ({words.seconds(clip.duration_s)})"
    return (
        ("Path as given", words.clean(clip.path), ""),
        ("SHA-256", words.clean(clip.sha256, 80), "code"),
        ("Duration", duration if clip.duration_s is not None else words.UNKNOWN, ""),
        ("Size", words.size(clip.size_bytes), ""),
    )


def axis_ends(comparison: Comparison) -> tuple[float, float]:
    """Where the axes of suspect and reference end, in seconds, each > 0.

    The list of decisions counts before a declared duration, which may be anything.
    """
    rows = comparison.trace.decisions
    here = [row.end_s for row in rows]
    there = [row.reference_end_s for row in rows if row.reference_end_s is not None]
    sounds = (comparison.query_sound, comparison.reference_sound)
    here += [sounds[0].end_s] if sounds[0] and not here else []
    there += [sounds[1].end_s] if sounds[1] else []
    declared = comparison.reference.duration_s
    there += [declared] if declared and not sounds[1] else []
    return _end(here or [comparison.trace.clip.duration_s or 0.0]), _end(there)


def _end(times_s: Sequence[float]) -> float:
    return max((t for t in times_s if math.isfinite(t)), default=0.0) or 1.0


def findings(comparison: Comparison) -> Iterator[Finding]:
    """The page in a few sentences, most telling first; never empty."""
    rows = comparison.trace.decisions
    known = [row for row in rows if row.reference]
    if not known:
        lead = "No stretch of the suspect was found in the reference."
        yield Finding("clear", lead, "That shows only that nothing was recognised; see the limits below.")
        return
    yield _share_finding(rows, known)
    for relation in _TELLING:
        spans = _spans([row for row in known if row.sound == relation])
        if spans:
            yield Finding("flag", _SOUND_LINES[relation].format(stretches_words(spans, 6)))
    kinds = {edit.kind for row in rows for edit in row.edits}
    done = [text for kind, text in EDIT_WORDS.items() if kind in kinds]
    if done:
        yield Finding("fact", f"Found on the shared stretches or between them: {listed(done)}.")
    else:
        yield Finding("fact", "No edit of the picture was found on the shared stretches.")
    missing = _spans([row for row in rows if not row.reference])
    if missing:
        yield Finding("fact", f"Without a known source in the reference: {stretches_words(missing, 6)}.")


def _share_finding(rows: Sequence[EditDecision], known: Sequence[EditDecision]) -> Finding:
    shared, whole = (sum(r.end_s - r.start_s for r in part) for part in (known, rows))
    share = f" ({words.percent(shared / whole)})" if whole > 0 else ""
    pieces = words.plural(len(known), "piece")
    lead = f"{words.seconds(shared, 1)} of {words.seconds(whole, 1)}{share} of the suspect come from the "
    first, last = (min(r.start_s for r in known), max(r.end_s for r in known))
    return Finding(
        "trace",
        f"{lead}reference, in {pieces}.",
        f"The first begins at {words.clock(first)}, the last ends at {words.clock(last)}.",
    )


def _spans(rows: Sequence[EditDecision]) -> list[tuple[float, float]]:
    return [(row.start_s, row.end_s) for row in rows]


def decision_table(decisions: Sequence[EditDecision]) -> Table:
    """The edit decision list, one row per stretch of the suspect; columns that hold nothing are left out."""
    columns = (("#", "number"), ("Suspect", "time"), ("Length", "number"), ("Reference", "time"),
               ("Speed", "number"), ("What was done", ""), ("Sound", ""), ("Found by", ""),
               ("Score", "number"), ("Further", ""))  # fmt: skip
    whole = table("Edit decision list", columns, list(enumerate(decisions, 1)), _cells, MOST_ROWS)
    kept = [i for i in range(len(columns)) if any(row[i] != words.NONE for row in whole.rows)]
    return replace(
        whole,
        head=tuple(whole.head[i] for i in kept),
        kinds=tuple(whole.kinds[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in whole.rows),
    )


def _cells(numbered: tuple[int, EditDecision]) -> Iterator[str]:
    index, row = numbered
    score = row.detail.get("score")
    yield str(index)
    yield words.stretch(row.start_s, row.end_s)
    yield words.seconds(row.end_s - row.start_s)
    yield source_words(row)
    yield f"{words.number(decision_speed(row))}×" if row.reference else words.NONE
    yield row_changes(row)
    yield SOUND_WORDS.get(row.sound, words.NONE) if row.reference else words.NONE
    yield found_by(row) or words.NONE
    yield words.number(float(score)) if isinstance(score, int | float) else words.NONE
    yield words.plain({k: v for k, v in row.detail.items() if k not in _KNOWN_DETAILS}) or words.NONE


def sound_table(decisions: Sequence[EditDecision]) -> Table:
    """Stretches of one relation of the sound, joined where they touch."""
    rows: list[tuple[float, float, SoundRelation]] = []
    for row in decisions:
        if not row.reference:
            continue
        if rows and rows[-1][2] == row.sound and row.start_s - rows[-1][1] < _JOIN_S:
            rows[-1] = (rows[-1][0], row.end_s, row.sound)
        else:
            rows.append((row.start_s, row.end_s, row.sound))
    columns = (("Suspect", "time"), ("Length", "number"), ("Sound", ""), ("That is", ""))
    return table(
        "How the sound relates to the reference's",
        columns,
        rows,
        lambda r: (
            words.stretch(r[0], r[1]),
            words.seconds(r[1] - r[0]),
            SOUND_WORDS.get(r[2], words.NONE),
            SOUND_MEANING.get(r[2], ""),
        ),
    )


def _gap_table(comparison: Comparison) -> Table:
    columns = (("Suspect", "time"), ("Why", ""))
    return table(
        "Stretches that could not be searched",
        columns,
        comparison.trace.not_assessed,
        lambda g: (words.stretch(g.start_s, g.end_s), words.clean(g.reason or "no reason given", 200)),
    )

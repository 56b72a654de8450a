"""The edit decision list as drawings: on the suspect's time axis, and between both files' axes.

Decisions go in, `Lane`s of finished SVG come out; every block leads to its row in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from vidforensics.reporting.drawing import BOX_WIDTH, at, curves, tag, width
from vidforensics.reporting.lanes import Lane, axis_lane
from vidforensics.reporting.tracing_lanes import MIRROR_SIGN, sound_band
from vidforensics.reporting.tracing_words import (
    EDIT_WORDS,
    MODALITY_WORDS,
    SOUND_MEANING,
    SOUND_WORDS,
    change_words,
    decision_speed,
    edit_words,
    listed,
    speed_words,
)
from vidforensics.reporting.words import clean, clock, number, stretch
from vidforensics.types import EditDecision, EditKind

MOST_ROWS = 1000
FLOW_HEIGHT = 84
_SOURCE_HEIGHT = 30
_EDIT_HEIGHT = 18
_SOUND_HEIGHT = 22
_LEAST_SHARE = 0.015


def decision_lanes(decisions: Sequence[EditDecision], end_s: float) -> list[Lane]:
    """Where each stretch comes from, one lane per kind of edit, and the relation of the sound."""
    rows = list(enumerate(decisions, 1))[:MOST_ROWS]
    body = Markup("").join(_source(index, row, end_s) for index, row in rows)
    lanes = [Lane("source", "Comes from", "times in the reference", _SOURCE_HEIGHT, body)]
    lanes += _edit_lanes(rows, end_s)
    sounds = Markup("").join(_sound(row, end_s) for _, row in rows if row.reference)
    return [*lanes, Lane("relation", "Sound", "against the reference", _SOUND_HEIGHT, sounds)]


def is_mirrored(row: EditDecision) -> bool:
    """Whether a stretch shows its source mirrored."""
    return bool(row.detail.get("mirrored")) or any(edit.kind == "mirror" for edit in row.edits)


def row_changes(row: EditDecision) -> str:
    """What was done to a stretch, or why nothing can be said, in words."""
    if row.reference:
        speed = decision_speed(row)
        return listed(change_words(row.edits, mirrored=is_mirrored(row), speed=speed)) or "no edit found"
    reason = row.detail.get("not_assessed")
    parts = [f"not assessed: {clean(reason, 200)}" if reason else "no source found"]
    return "; ".join([*parts, *(edit_words(edit) for edit in row.edits)])


def source_words(row: EditDecision) -> str:
    """Where a stretch comes from: times in the reference, or that none is known."""
    if row.reference and row.reference_start_s is not None and row.reference_end_s is not None:
        return stretch(row.reference_start_s, row.reference_end_s)
    return "the reference" if row.reference else "—"


def found_by(row: EditDecision) -> str:
    """What a stretch was recognised by, "" where that is not stated."""
    return next((words for name, words in MODALITY_WORDS.items() if row.detail.get("modality") == name), "")


def _source(index: int, row: EditDecision, end_s: float) -> Markup:
    where = f"from {source_words(row)}; " if row.reference else ""
    title = f"{index}: {stretch(row.start_s, row.end_s)}; {where}{row_changes(row)}"
    if row.reference:
        speed = f" at {number(decision_speed(row), 2)}×" if speed_words(decision_speed(row)) else ""
        caption = f"{MIRROR_SIGN + ' ' if is_mirrored(row) else ''}{clock(row.reference_start_s)}{speed}"
        box = tag("rect", y=2, width="100%", height=26, class_="shared")
    else:
        caption = "not assessed" if row.detail.get("not_assessed") else "no source"
        box = tag("rect", y=2, width="100%", height=26, fill="url(#hatch)")
    edge = tag("line", x1=0, x2=0, y1=0, y2=_SOURCE_HEIGHT, class_="cut")
    css = "shared-word" if row.reference else "plain-word"
    text = _caption(caption, 19, css, row, end_s)
    inner = tag("svg", tag("title", title), box, edge, *text, x=at(row.start_s, end_s),
                width=width(row.start_s, row.end_s, end_s), height=_SOURCE_HEIGHT,
                overflow="hidden")  # fmt: skip
    return tag("a", inner, href=f"#row-{index}", aria_label=title)


def _caption(text: str, y: int, css: str, row: EditDecision, end_s: float) -> list[Markup]:
    """Words inside a block; none where it is too narrow for a single letter."""
    if row.end_s - row.start_s < _LEAST_SHARE * end_s:
        return []
    return [tag("text", text, x=5, y=y, class_=css)]


def _edit_lanes(rows: Sequence[tuple[int, EditDecision]], end_s: float) -> Iterator[Lane]:
    for kind, words in EDIT_WORDS.items():
        bars = [_edit(row, kind, end_s) for _, row in rows if _shows(row, kind)]
        if bars:
            label = words[0].upper() + words[1:]
            yield Lane(f"edit-{kind}", label, "", _EDIT_HEIGHT, Markup("").join(bars))


def _shows(row: EditDecision, kind: EditKind) -> bool:
    return any(edit.kind == kind for edit in row.edits) or (kind == "mirror" and is_mirrored(row))


def _edit(row: EditDecision, kind: EditKind, end_s: float) -> Markup:
    words = [edit_words(edit) for edit in row.edits if edit.kind == kind] or [EDIT_WORDS[kind]]
    title = tag("title", f"{stretch(row.start_s, row.end_s)}: {listed(words)}")
    return tag("rect", title, x=at(row.start_s, end_s), y=4, width=width(row.start_s, row.end_s, end_s),
               height=10, class_="edit-bar")  # fmt: skip


def _sound(row: EditDecision, end_s: float) -> Markup:
    words = SOUND_WORDS.get(row.sound, SOUND_WORDS["not_assessed"])
    meaning = SOUND_MEANING.get(row.sound, "")
    title = tag("title", f"{stretch(row.start_s, row.end_s)}: {words}. {meaning}")
    text = _caption(words, 15, "sound-word", row, end_s)
    return tag("svg", title, sound_band(row.sound, 3, 16), *text, x=at(row.start_s, end_s),
               width=width(row.start_s, row.end_s, end_s), height=_SOUND_HEIGHT,
               overflow="hidden")  # fmt: skip


def flow_lanes(decisions: Sequence[EditDecision], end_s: float, reference_end_s: float) -> list[Lane]:
    """Ribbons from the suspect's axis above to the reference's below; nothing without a known source."""
    ribbons = [_ribbon(i, row, end_s, reference_end_s) for i, row in enumerate(decisions[:MOST_ROWS], 1)]
    body = curves(FLOW_HEIGHT, *(ribbon for ribbon in ribbons if ribbon is not None))
    if not any(ribbons):
        return []
    above, below = axis_lane(end_s, "axis-suspect"), axis_lane(reference_end_s, "axis-reference")
    return [
        Lane(above.key, "Suspect", above.note, above.height, above.body),
        Lane("flow", "Which part shows which", "each ribbon one stretch", FLOW_HEIGHT, body),
        Lane(below.key, "Reference", below.note, below.height, below.body),
    ]


def _ribbon(index: int, row: EditDecision, end_s: float, reference_end_s: float) -> Markup | None:
    first, last = row.reference_start_s, row.reference_end_s
    if not row.reference or first is None or last is None:
        return None
    x = [BOX_WIDTH * min(1.0, max(0.0, t / end_s)) for t in (row.start_s, row.end_s)]
    x += [BOX_WIDTH * min(1.0, max(0.0, t / reference_end_s)) for t in (last, first)]
    path = f"M{x[0]:.0f} 0H{x[1]:.0f}L{x[2]:.0f} {FLOW_HEIGHT}H{x[3]:.0f}Z"
    title = f"{index}: {stretch(row.start_s, row.end_s)} shows {stretch(first, last)}"
    css = "ribbon mirrored" if is_mirrored(row) else "ribbon"
    return tag("path", tag("title", title), d=path, class_=css)

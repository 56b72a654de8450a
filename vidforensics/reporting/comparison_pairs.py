"""Pictures of the suspect above those of the reference at the same moments, with boxes of the edits.

Picture pairs and decisions go in, drawings with exact times come out, evenly chosen within a fixed budget.
A box of what was cut out or laid over stands on the reference's picture; the place of the reference inside
borders or another picture stands on the suspect's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vidforensics.reporting.binning import spread
from vidforensics.reporting.drawing import data_uri, tag
from vidforensics.reporting.pictures import jpeg_size
from vidforensics.reporting.tracing_words import change_words, decision_speed, edit_words, listed
from vidforensics.types import Edit, EditDecision, PicturePair

MOST_PAIRS = 36
BUDGET_BYTES = 6_000_000
_ON_REFERENCE = frozenset({"crop", "overlay"})
_ON_SUSPECT = frozenset({"letterbox", "picture_in_picture"})


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair ready for the template; a picture that cannot be read is None."""

    query_s: float
    reference_s: float
    query: Markup | None
    reference: Markup | None
    difference: Markup | None
    words: str


def pair_views(pairs: Sequence[PicturePair], decisions: Sequence[EditDecision]) -> tuple[PairView, ...]:
    """At most 36 pairs, evenly spread, in the order of the suspect's time."""
    ordered = sorted(pairs, key=lambda p: p.query_s)
    views, spent = [], 0
    for i in spread(len(ordered), MOST_PAIRS):
        pair = ordered[i]
        spent += len(pair.query_jpeg) + len(pair.reference_jpeg) + len(pair.difference_jpeg or b"")
        if spent > BUDGET_BYTES:
            break
        views.append(_view(pair, decisions))
    return tuple(views)


def _view(pair: PicturePair, decisions: Sequence[EditDecision]) -> PairView:
    row = next((d for d in decisions if d.reference and d.start_s <= pair.query_s < d.end_s), None)
    edits = row.edits if row else ()
    changes = change_words(edits, speed=decision_speed(row)) if row else ()
    return PairView(
        pair.query_s,
        pair.reference_s,
        _picture(pair.query_jpeg, "Suspect", [e for e in edits if e.kind in _ON_SUSPECT]),
        _picture(pair.reference_jpeg, "Reference", [e for e in edits if e.kind in _ON_REFERENCE]),
        _picture(pair.difference_jpeg or b"", "Difference", ()),
        listed(changes),
    )


def _picture(jpeg: bytes, name: str, edits: Sequence[Edit]) -> Markup | None:
    size = jpeg_size(jpeg)
    if size is None:
        return None
    columns, rows = size
    image = tag("image", href=data_uri(jpeg, "image/jpeg"), width=columns, height=rows)
    boxes = [mark for edit in edits for mark in _box(edit, columns, rows)]
    return tag("svg", image, *boxes, viewBox=f"0 0 {columns} {rows}", class_="shown", role="img",
               aria_label=name)  # fmt: skip


def _box(edit: Edit, columns: int, rows: int) -> Iterator[Markup]:
    if edit.box is None or not all(map(math.isfinite, edit.box)):
        return
    left, top = (min(1.0, max(0.0, v)) for v in edit.box[:2])
    right, low = (min(1.0, max(0.0, a + b)) for a, b in zip(edit.box[:2], edit.box[2:], strict=True))
    if right <= left or low <= top:
        return
    x, y, wide, tall = left * columns, top * rows, (right - left) * columns, (low - top) * rows
    if edit.kind == "crop":
        outside = f"M0 0H{columns}V{rows}H0ZM{x:.1f} {y:.1f}v{tall:.1f}h{wide:.1f}v{-tall:.1f}Z"
        yield tag("path", d=outside, class_="cut-away", fill_rule="evenodd")
    yield tag("rect", tag("title", edit_words(edit)), x=f"{x:.1f}", y=f"{y:.1f}", width=f"{wide:.1f}",
              height=f"{tall:.1f}", class_=f"edit-box box-{edit.kind}")  # fmt: skip

"""The lanes of the time-aligned view that show the picture: filmstrip, flags, shots, coding, spans.

Records go in, `Lane`s of finished SVG come out, all on one axis from 0 to `end_s`. The drawing is
complete without any script; a script only widens it and moves a cursor over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from vidforensics.reporting.binning import (
    FRAME_TYPES,
    Bars,
    finite_range,
    merge_spans,
)
from vidforensics.reporting.drawing import (
    COLUMNS_OF_SPANS,
    at,
    bars_path,
    columns_x,
    curves,
    line_path,
    tag,
    tick_times,
    ticks_path,
    width,
)
from vidforensics.reporting.pictures import Shown
from vidforensics.reporting.words import LABEL_WORDS, SPAN_WORDS, clean, clock, number, stretch, support
from vidforensics.types import Border, Case, Keyframe, Segment, Shot

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

STRIP_HEIGHT = 58
FRAMES_HEIGHT = 64
QP_HEIGHT = 40
_STATIC_WIDTH = 1000
_MOST_SHOTS = 600
_MOST_FLAGS = 400


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the view: a label, a remark on its scale, and the drawing."""

    key: str
    label: str
    note: str
    height: int
    body: Markup


def axis_lane(end_s: float, key: str) -> Lane:
    """Time labels at round times."""
    ticks = [
        tag("line", x1=at(t, end_s), x2=at(t, end_s), y1=0, y2=6, class_="tick")
        + tag("text", _axis_label(t, end_s), x=at(t, end_s), y=18, dx=3, class_="tick-label")
        for t in tick_times(end_s)
        if t < end_s * 0.96 or t == 0
    ]
    return Lane(key, "Time", "h:mm:ss", 24, tag("g", *ticks, class_="axis", data_axis="1"))


def _axis_label(time_s: float, end_s: float) -> str:
    return clock(time_s) if end_s < 5 else clock(time_s)[:-4]


def filmstrip_lane(pictures: Sequence[Shown], end_s: float) -> Lane:
    """Thumbnails at their times; those that would overlap on paper are hidden until zoomed to."""
    images = []
    free = -1.0
    for picture in pictures:
        wide = max(8, min(240, round(STRIP_HEIGHT * picture.width_px / max(1, picture.height_px))))
        share = min(1.0, max(0.0, picture.time_s / end_s))
        left = share * (_STATIC_WIDTH - wide)  # slides from left to right edge, so that none sticks out
        shown = left >= free
        free = left + wide + 2 if shown else free
        image = tag(
            "image",
            tag("title", clock(picture.time_s)),
            id=picture.key,
            href=picture.uri,
            x=f"{-share * wide:.1f}",
            width=wide,
            height=STRIP_HEIGHT,
            preserveAspectRatio="xMidYMid meet",
            display=None if shown else "none",
        )
        images.append(tag("svg", image, x=at(picture.time_s, end_s), overflow="visible"))
    return Lane("strip", "Frames", f"{len(pictures)} pictures", STRIP_HEIGHT, Markup("").join(images))


def flag_lanes(flags: Sequence[Segment], end_s: float) -> list[Lane]:
    """One lane per label that was flagged, each flag a link to its row; one empty lane for none."""
    lanes = []
    for label in dict.fromkeys(s.label for s in sorted(flags, key=lambda s: s.start_s)):
        numbered = [(i, s) for i, s in enumerate(flags, 1) if s.label == label]
        drawn = sorted(numbered[:_MOST_FLAGS], key=lambda pair: pair[1].start_s)
        body = Markup("").join(_flag(*pair, end_s) for pair in drawn)
        rest = merge_spans(((s.start_s, s.end_s) for _, s in numbered[_MOST_FLAGS:]), end_s)
        body = _plain_spans(rest, end_s, "flag-rest") + body
        words = LABEL_WORDS.get(label, label)
        lanes.append(Lane(f"flag-{label}", f"Flag: {words}", str(len(numbered)), 26, body))
    if lanes:
        return lanes
    text = tag("text", "nothing flagged", x=6, y=15, class_="quiet")
    return [Lane("unflagged", "Flags", "0", 22, text)]


def _flag(index: int, segment: Segment, end_s: float) -> Markup:
    words = LABEL_WORDS.get(segment.label, segment.label)
    title = f"Flag {index}: {words}, {stretch(segment.start_s, segment.end_s)}, {support(segment.log10_lr)}"
    x = at(segment.start_s, end_s)
    shape = tag(
        "rect", x=x, y=5, width=width(segment.start_s, segment.end_s, end_s), height=16, class_="flag-area"
    )
    pin = tag("line", x1=x, x2=x, y1=1, y2=25, class_="flag-pin")
    mark = tag("svg", tag("path", d="M-5 1H5L0 8Z", class_="flag-mark"), x=x, overflow="visible")
    caption = tag("svg", tag("text", str(index), x=5, y=17, class_="flag-number"), x=x, overflow="visible")
    return tag(
        "a",
        tag("title", title),
        shape,
        pin,
        mark,
        caption,
        href=f"#flag-{index}",
        class_="flag",
        aria_label=title,
        data_jump=f"{segment.start_s:.6f}",
    )


def _plain_spans(spans: Sequence[tuple[float, float]], end_s: float, css: str) -> Markup:
    return Markup("").join(
        tag("rect", x=at(a, end_s), y=5, width=width(a, b, end_s), height=16, class_=css) for a, b in spans
    )


def shot_lane(shots: Sequence[Shot], end_s: float) -> Lane:
    """Shots as boxes with their numbers, and how each ends; only the boundaries when there are too many."""
    if len(shots) > _MOST_SHOTS:
        x = columns_x(np.array([s.start_s for s in shots]), end_s)
        path = tag("path", d=ticks_path(sorted(set(x.tolist())), 0, 30), class_="cut")
        return Lane("shots", "Shots", f"{len(shots):,}, boundaries only", 30, curves(30, path))
    parts = [_shot(number, shot, end_s) for number, shot in enumerate(shots, 1)]
    parts += [_transition(shot, end_s) for shot in shots if shot.transition is not None]
    return Lane("shots", "Shots", f"{len(shots):,}", 30, Markup("").join(parts))


def _shot(index: int, shot: Shot, end_s: float) -> Markup:
    title = f"Shot {index}: {stretch(shot.start_s, shot.end_s)}; ends by {shot.transition or 'end of clip'}"
    box = tag("rect", width="100%", height=30, class_="shot odd" if index % 2 else "shot")
    text = tag("text", str(index), x=5, y=19, class_="shot-number")
    return tag(
        "svg",
        tag("title", title),
        box,
        text,
        x=at(shot.start_s, end_s),
        width=width(shot.start_s, shot.end_s, end_s),
        height=30,
        overflow="hidden",
    )


def _transition(shot: Shot, end_s: float) -> Markup:
    x = at(shot.end_s, end_s)
    start, stop = shot.transition_start_s, shot.transition_end_s
    if shot.transition == "cut" or start is None or stop is None:
        return tag("line", tag("title", f"cut at {clock(shot.end_s)}"), x1=x, x2=x, y1=0, y2=30, class_="cut")
    title = tag("title", f"{shot.transition}, {stretch(start, stop)}")
    area = tag(
        "rect",
        x=at(start, end_s),
        y=0,
        width=width(start, stop, end_s),
        height=30,
        fill="url(#dots)" if shot.transition == "dissolve" else "url(#fade)",
    )
    letter = tag("text", shot.transition or "", x=at(start, end_s), y=28, dx=2, class_="transition-word")
    return tag("g", title, area, letter, class_="transition")


def keyframe_lane(found: Sequence[Keyframe], key_times: FloatArray, end_s: float) -> Lane:
    """Chosen keyframes as diamonds above, coded I-frames as ticks below."""
    x = columns_x(np.sort(key_times[np.isfinite(key_times)]), end_s)
    ticks = curves(28, tag("path", d=ticks_path(dict.fromkeys(x.tolist()), 16, 28), class_="iframe"))
    marks = [
        tag(
            "svg",
            tag("title", f"keyframe of shot {k.shot + 1} at {clock(k.time_s)}"),
            tag("path", d="M0 2L5 8L0 14L-5 8Z", class_="keyframe"),
            x=at(k.time_s, end_s),
            overflow="visible",
        )
        for k in found[:_MOST_SHOTS]
    ]
    note = f"{len(found)} chosen (◆), {len(x):,} coded (│)"
    return Lane("keyframes", "Keyframes, I-frames", note, 28, ticks + Markup("").join(marks))


def frames_lane(bars: Bars, end_s: float) -> Lane | None:
    """Sizes of coded frames by type, on a square-root scale; None for no packets."""
    greatest = int(bars.sizes_bytes.max(initial=0))
    if greatest <= 0:
        return None
    x0, x1 = columns_x(bars.start_s, end_s), columns_x(bars.end_s, end_s)
    paths = []
    for row, kind in enumerate(FRAME_TYPES):
        top = FRAMES_HEIGHT - np.sqrt(bars.sizes_bytes[row] / greatest) * (FRAMES_HEIGHT - 4)
        css = "type-unknown" if kind == "?" else f"type-{kind}"
        paths.append(tag("path", d=bars_path(x0, x1, top, FRAMES_HEIGHT), class_=css))
    note = f"greatest {greatest:,} bytes; square-root scale"
    return Lane("frames", "Frame sizes", note, FRAMES_HEIGHT, curves(FRAMES_HEIGHT, *paths))


def qp_lane(bars: Bars, end_s: float) -> Lane | None:
    """Mean quantiser per frame; None where the codec gives none."""
    if not np.isfinite(bars.qp).any():
        return None
    low, high = finite_range([bars.qp])
    y = 4 + (high - bars.qp) / (high - low) * (QP_HEIGHT - 8)
    path = tag("path", d=line_path(columns_x(bars.start_s, end_s), y), class_="line")
    note = f"{number(low, 1)} (bottom) to {number(high, 1)}"
    return Lane("qp", "Quantiser (QP)", note, QP_HEIGHT, curves(QP_HEIGHT, path))


def span_lanes(case: Case, end_s: float) -> list[Lane]:
    """One thin lane per kind of empty stretch and sound track, and one for borders."""
    groups: dict[tuple[str, int | None], list[tuple[float, float]]] = {}
    for span in case.extraction.spans:
        groups.setdefault((span.kind, span.track), []).append((span.start_s, span.end_s))
    lanes = []
    for (kind, track), spans in list(groups.items())[:24]:
        words = SPAN_WORDS.get(kind, kind) + ("" if track is None else f", sound track {track}")
        body = Markup("").join(
            span_box(a, b, end_s, f"{words}, {stretch(a, b)}")
            for a, b in merge_spans(spans, end_s, COLUMNS_OF_SPANS)
        )
        lanes.append(Lane(f"span-{kind}-{track}", words[0].upper() + words[1:], str(len(spans)), 18, body))
    if case.extraction.borders:
        lanes.append(_border_lane(case.extraction.borders, end_s))
    return lanes


def span_box(start_s: float, end_s: float, axis_s: float, title: str) -> Markup:
    """A thin box of a span lane, named by its title."""
    return tag(
        "rect",
        tag("title", title),
        x=at(start_s, axis_s),
        y=4,
        width=width(start_s, end_s, axis_s),
        height=10,
        class_="span",
    )


def _border_lane(borders: Sequence[Border], end_s: float) -> Lane:
    parts = []
    for border in borders[:_MOST_SHOTS]:
        x, y, w, h = (round(v * 100) for v in border.box)
        title = f"{border.kind}, {stretch(border.start_s, border.end_s)}: picture {w} × {h}% at {x}, {y}%"
        inner = tag("text", border.kind, x=4, y=12, class_="span-word")
        parts.append(
            tag(
                "svg",
                tag("title", title),
                tag("rect", y=2, width="100%", height=14, class_="border"),
                inner,
                x=at(border.start_s, end_s),
                width=width(border.start_s, border.end_s, end_s),
                height=18,
                overflow="hidden",
            )
        )
    return Lane("borders", "Borders", str(len(borders)), 18, Markup("").join(parts))


def clean_note(text: str) -> str:
    """A detector's own text, safe and short enough for a lane label."""
    return clean(text, 60)

"""Small pieces of SVG and PNG from which the time-aligned view is drawn on the server.

Numbers and text go in, escaped markup or PNG bytes come out. Positions in time are percentages, so that
one drawing serves paper, phone and zoom; curves live in stretched view boxes (SVG 2, sections 8 and 9).
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, FloatArray


BOX_WIDTH = 100_000
"""Width of the view box that curves are drawn in, whatever their width on screen."""

COLUMNS_OF_SPANS = 800
"""So many columns a lane of boxes has: boxes that lie closer are drawn as one."""

Attribute = str | float | int | None


def tag(name: str, *children: Markup | str, **attributes: Attribute) -> Markup:
    """One element; attribute values and string children are escaped, None leaves an attribute out.

    Underscores in attribute names become hyphens, and `class_` stands for class.

    >>> tag("text", "a<b", class_="n", x="1%")
    Markup('<text class="n" x="1%">a&lt;b</text>')
    """
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join(children)
    start, end = f"<{name}{''.join(parts)}>", f"</{name}>"
    return Markup(start) + inner + Markup(end)  # noqa: S704 - values are escaped, names are our own


def at(time_s: float, end_s: float) -> str:
    """A moment as a percentage of the axis.

    >>> at(1.0, 3.0)
    '33.33333%'
    """
    share = min(1.0, max(0.0, time_s / end_s)) * 100.0
    return f"{share:.5f}".rstrip("0").rstrip(".") + "%"


def width(start_s: float, end_s: float, axis_s: float) -> str:
    """The extent of a stretch as a percentage of the axis."""
    first, last = (min(axis_s, max(0.0, t)) for t in (start_s, end_s))
    return at(max(0.0, last - first), axis_s)


def curves(height: int, *children: Markup) -> Markup:
    """A view box stretched over the whole axis."""
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {BOX_WIDTH} {height}",
        preserveAspectRatio="none",
        width="100%",
        height=height,
    )


def columns_x(times_s: FloatArray, end_s: float) -> FloatArray:
    """Times as positions in the view box, rounded to a tenth."""
    return np.round(np.clip(times_s / end_s, 0.0, 1.0) * BOX_WIDTH, 1)


def line_path(x: FloatArray, y: FloatArray, *, longest_step: float = np.inf) -> str:
    """A path through points, broken where y is NaN or where x jumps further than `longest_step`."""
    parts = []
    pen_down = False
    previous = -np.inf
    for px, py in zip(x.tolist(), y.tolist(), strict=True):
        if py != py:
            pen_down = False
            continue
        pen_down = pen_down and px - previous <= longest_step
        parts.append(f"{'L' if pen_down else 'M'}{px:g} {py:.1f}")
        pen_down, previous = True, px
    return "".join(parts)


def range_path(x: FloatArray, low: FloatArray, high: FloatArray) -> str:
    """Vertical strokes from `low` to `high` at each x, left out where either is NaN."""
    return "".join(
        f"M{px:g} {a:.1f}V{b:.1f}"
        for px, a, b in zip(x.tolist(), low.tolist(), high.tolist(), strict=True)
        if a == a and b == b
    )


def bars_path(x0: FloatArray, x1: FloatArray, top: FloatArray, floor: float) -> str:
    """Bars standing on `floor`; bars of no height are left out."""
    return "".join(
        f"M{a:g} {floor:g}V{t:.1f}H{b:g}V{floor:g}Z"
        for a, b, t in zip(x0.tolist(), x1.tolist(), top.tolist(), strict=True)
        if t < floor
    )


def ticks_path(x: Iterable[float], top: float, floor: float) -> str:
    """Vertical strokes at each x."""
    return "".join(f"M{px:g} {top:g}V{floor:g}" for px in x)


def grey_png(picture: ByteArray) -> bytes:
    """A grey picture, uint8 (h, w), as PNG (ISO/IEC 15948); smaller than a general encoder needs."""
    height, columns = picture.shape
    rows = np.zeros((height, columns + 1), np.uint8)  # each row starts with filter type 0
    rows[:, 1:] = picture
    header = struct.pack(">IIBBBBB", columns, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_uri(data: bytes, media_type: str) -> str:
    """Bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


TICK_STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
                7200, 14400, 28800, 86400)  # fmt: skip


def tick_times(end_s: float, most: int = 9) -> Sequence[float]:
    """Round times for axis labels, from 0 on, at most `most` of them."""
    step = next((s for s in TICK_STEPS_S if end_s / s <= most - 1), end_s / (most - 1))
    return [i * step for i in range(int(end_s / step + 1e-9) + 1)]

"""Where in a query's picture another picture may lie: borders, blurred sides, picture-in-picture.

Takes a few seconds of luma planes; gives boxes, best first. Two signs are read: sides without detail
(bars, blurred sides), and straight edges along an axis that stay where they are while the picture moves.
A wrong box costs a few codes and no more, so the signs are read generously.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vidforensics.records.arrays import ByteArray, Float32Array
    from vidforensics.types import FractionBox

SAMPLED_FRAMES = 8
MOST_BOXES = 3
SOFT_SHARE = 0.3
LEAST_SIDE_SHARE = 0.03
LEAST_LEFT_SHARE = 0.2
EDGE_LEVELS = 3.0
LINES_PER_AXIS = 6
LEAST_LINE_SHARE = 0.2
LEAST_COVER = 0.4
SIDE_BONUS, BEYOND_COST = 0.25, 0.6
BEYOND_PX = 12
LINE_GAP_PX = 3
AREA_SHARES = (0.06, 0.94)
SAME_BOX = 0.85
INSET_PX = 1


def boxes_of(luma: ByteArray) -> tuple[FractionBox, ...]:
    """Boxes in which another picture may lie.

    Args:
        luma: uint8 (N, h, w), frames of one layout.

    Returns:
        At most three boxes, as fractions of the picture; none for N = 0 or a picture under 16 samples a side.
    """
    if not len(luma) or min(luma.shape[1:]) < 16:
        return ()
    chosen = np.unique(np.linspace(0, len(luma) - 1, SAMPLED_FRAMES).astype(int))
    frames = luma[chosen].astype(np.float32)
    height, width = frames.shape[1:]
    found = [*_soft_sided(frames), *_edged(frames)]
    boxes = [
        (left / width, top / height, (right - left) / width, (bottom - top) / height)
        for left, top, right, bottom in found
    ]
    return distinct(boxes, MOST_BOXES)


def distinct(boxes: Iterable[FractionBox], most: int) -> tuple[FractionBox, ...]:
    """The first `most` boxes that differ from one another and from the whole picture."""
    kept: list[FractionBox] = [(0.0, 0.0, 1.0, 1.0)]
    for box in boxes:
        if all(_overlap(box, other) < SAME_BOX for other in kept):
            kept.append(box)
        if len(kept) > most:
            break
    return tuple(kept[1:])


def _soft_sided(frames: Float32Array) -> list[tuple[int, int, int, int]]:
    """The part between sides that hold no detail, if any side does."""
    height, width = frames.shape[1:]
    across = np.abs(frames[:, :, 2:] - 2 * frames[:, :, 1:-1] + frames[:, :, :-2]).mean(axis=0)
    down = np.abs(frames[:, 2:] - 2 * frames[:, 1:-1] + frames[:, :-2]).mean(axis=0)
    left, right = _sharp_span(np.median(across, axis=0) + np.median(down, axis=0)[1:-1])
    inner = slice(left, max(right, left + 1))
    top, bottom = _sharp_span(np.median(down[:, inner], axis=1) + np.median(across[:, inner], axis=1)[1:-1])
    if (left, top, right, bottom) == (0, 0, width, height):
        return []
    return [(left, top, right, bottom)]


def _sharp_span(detail: Float32Array) -> tuple[int, int]:
    """First and last line with detail, in samples of the picture, whose outermost lines `detail` lacks."""
    size = len(detail) + 2
    sharp = np.flatnonzero(detail >= SOFT_SHARE * np.percentile(detail, 75))
    first, last = int(sharp[0]) + 1, int(sharp[-1]) + 2
    least = LEAST_SIDE_SHARE * size
    first = first + INSET_PX if first > least else 0
    last = last - INSET_PX if size - last > least else size
    return (first, last) if last - first >= LEAST_LEFT_SHARE * size else (0, size)


def _edged(frames: Float32Array) -> list[tuple[int, int, int, int]]:
    """Boxes between straight edges, the best first."""
    height, width = frames.shape[1:]
    upright = _ridges(np.abs(np.diff(frames, axis=2)).mean(axis=0))
    level = _ridges(np.abs(np.diff(frames, axis=1)).mean(axis=0).T)
    columns, rows = _line_positions(upright), _line_positions(level)
    upright_sum = np.pad(np.cumsum(upright, axis=0), ((1, 0), (0, 0)))
    level_sum = np.pad(np.cumsum(level, axis=0), ((1, 0), (0, 0)))
    scored: list[tuple[float, tuple[int, int, int, int]]] = []
    for left, right in combinations(sorted({0, width, *columns}), 2):
        for top, bottom in combinations(sorted({0, height, *rows}), 2):
            share = (right - left) * (bottom - top) / (width * height)
            if not AREA_SHARES[0] <= share <= AREA_SHARES[1]:
                continue
            sides = [_side(upright_sum, x, top, bottom) for x in (left, right) if 0 < x < width]
            sides += [_side(level_sum, y, left, right) for y in (top, bottom) if 0 < y < height]
            covers, beyond = zip(*sides, strict=True)
            if min(covers) >= LEAST_COVER:
                # one edge alone may be a door or a horizon, and those run on past the corners
                score = (
                    float(np.mean(covers)) + SIDE_BONUS * len(sides) - BEYOND_COST * float(np.mean(beyond))
                )
                scored.append((score, (left, top, right, bottom)))
    return [box for score, box in sorted(scored, key=lambda item: -item[0])]


def _ridges(steps: Float32Array) -> Float32Array:
    """1 where a step to the right stands out from the steps beside it, else 0; (h, w − 1)."""
    padded = np.pad(steps, ((0, 0), (3, 3)), mode="edge")
    beside = np.maximum(
        np.maximum(padded[:, 1:-5], padded[:, 5:-1]), np.maximum(padded[:, :-6], padded[:, 6:])
    )
    near = np.maximum(padded[:, 2:-4], padded[:, 4:-2])
    stands_out = (steps >= near) & (steps > 1.5 * beside + EDGE_LEVELS)
    return stands_out.astype(np.float32)


def _line_positions(ridges: Float32Array) -> list[int]:
    """The strongest lines; a line at p lies between samples p − 1 and p."""
    share = ridges.mean(axis=0)
    # area averaging spreads a step over two columns
    share = share + np.maximum(np.append(share[1:], 0.0), np.append(0.0, share[:-1]))
    positions: list[int] = []
    for index in np.argsort(-share):
        if share[index] < LEAST_LINE_SHARE or len(positions) == LINES_PER_AXIS:
            break
        if all(abs(index + 1 - other) > LINE_GAP_PX for other in positions):
            positions.append(int(index) + 1)
    return positions


def _side(sums: Float32Array, position: int, start: int, stop: int) -> tuple[float, float]:
    """Share of a side that is edge, at the line or one sample beside it, and the same just past its ends."""
    columns = sums[:, max(0, position - 2) : position + 1].sum(axis=1)
    before, after = max(0, start - BEYOND_PX), min(len(columns) - 1, stop + BEYOND_PX)
    inside = float(columns[stop] - columns[start])
    outside = float(columns[after] - columns[before]) - inside
    beyond = outside / (after - before - (stop - start)) if after - before > stop - start else 0.0
    return min(1.0, inside / (stop - start)), min(1.0, beyond)


def _overlap(one: FractionBox, other: FractionBox) -> float:
    """Intersection over union."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (one[2] * one[3] + other[2] * other[3] - wide * high)

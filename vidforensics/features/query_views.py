"""Codes of a query's frames under the views that undo what a re-upload may have done to the picture.

Takes the query's luma planes with their times; gives `QueryViews`: every frame whole, without borders, and
cut to the boxes in which another picture seems to lie, each also mirrored. The index stores one code per
picture, so all that can be undone is undone here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.picture_code import CODE_BYTES, codes_of
from vidforensics.features.query_views_boxes import boxes_of, distinct
from vidforensics.types import QueryViews, View

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, FloatArray, IntArray
    from vidforensics.types import FractionBox

WHOLE: FractionBox = (0.0, 0.0, 1.0, 1.0)
WINDOW_S = 6.0
LEAST_SIDE_PX = 16
BOXES_OF_ALL, MOST_BOXES = 2, 4


def query_views(luma: ByteArray, times_s: FloatArray) -> QueryViews:
    """Codes of frames under several views.

    Args:
        luma: uint8 (N, h, w), upright, all of one clip.
        times_s: float64 (N,), presentation times; the layout is judged anew every six seconds.

    Returns:
        Rows ordered by frame within each view; at most ten views of a frame. Without frames one view
        and no rows.
    """
    views: dict[View, int] = {View(WHOLE, False): 0}
    rows: list[tuple[IntArray, IntArray, ByteArray, ByteArray]] = []
    # where the layout never changes, the whole clip shows it best
    lasting = boxes_of(luma)[:BOXES_OF_ALL]
    for window in _windows(times_s):
        for box in (WHOLE, *distinct((*boxes_of(luma[window]), *lasting), MOST_BOXES)):
            cut = _cut(luma[window], box)
            if cut is None:
                continue
            for mirrored in (False, True):
                number = views.setdefault(View(box, mirrored), len(views))
                codes, quality = codes_of(np.ascontiguousarray(cut[:, :, ::-1]) if mirrored else cut)
                rows.append((window, np.full(len(window), number), codes, quality))
    return _joined(tuple(views), times_s, rows)


def _windows(times_s: FloatArray) -> list[IntArray]:
    """Frames in runs of about WINDOW_S."""
    if not len(times_s):
        return []
    number = np.floor((times_s - times_s.min()) / WINDOW_S).astype(np.int64)
    return [np.flatnonzero(number == value) for value in np.unique(number)]


def _cut(luma: ByteArray, box: FractionBox) -> ByteArray | None:
    height, width = luma.shape[1:]
    left, top = round(box[0] * width), round(box[1] * height)
    right, bottom = round((box[0] + box[2]) * width), round((box[1] + box[3]) * height)
    if min(right - left, bottom - top) < LEAST_SIDE_PX and box != WHOLE:
        return None
    return luma[:, top:bottom, left:right]


def _joined(
    views: tuple[View, ...],
    times_s: FloatArray,
    rows: list[tuple[IntArray, IntArray, ByteArray, ByteArray]],
) -> QueryViews:
    frame = np.concatenate([np.zeros(0, np.int64), *(row[0] for row in rows)])
    return QueryViews(
        views=views,
        times_s=np.asarray(times_s, np.float64)[frame],
        view=np.concatenate([np.zeros(0, np.int64), *(row[1] for row in rows)]),
        codes=np.concatenate([np.zeros((0, CODE_BYTES), np.uint8), *(row[2] for row in rows)]),
        quality=np.concatenate([np.zeros(0, np.uint8), *(row[3] for row in rows)]),
    )

"""How much a picture holds by which it can be told from strangers: 0 for furniture, up to 100.

Takes luma planes; gives a number each. Black, blank, bars, gradients and plain text on flat ground look
alike in clips that have nothing to do with each other, so they get 0 and match nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray

WIDTH, HEIGHT = 160, 90
COARSE = (16, 9)
LIVE_LEVELS = 3
LEAST_LIVE = 0.12
LEAST_COARSE_STD = 3.0
LEAST_STRIPE_STD = 4.0
GROUND_LEVELS = 8
GROUND_SHARE = 0.5
STROKE_PX = 9
LEAST_FIGURE = 0.015
EDGE_LEVELS = 12
MOST_CARD_EDGES, LEAST_STRAIGHT = 0.3, 0.9
FULL_LIVE, FULL_STD = 0.4, 20.0


def quality_of(luma: ByteArray) -> ByteArray:
    """Quality of a stack of luma planes.

    Args:
        luma: uint8 (N, h, w), full range, upright.

    Returns:
        uint8 (N,), 0–100; empty for N = 0.
    """
    import cv2

    small = [cv2.resize(plane, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for plane in luma]
    return np.array([_quality(np.asarray(plane, np.uint8)) for plane in small], np.uint8)


def _quality(plane: ByteArray) -> int:
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    live = float(np.mean(cv2.dilate(plane, kernel) - cv2.erode(plane, kernel) > LIVE_LEVELS))
    # grain alone vanishes in the coarse plane
    coarse = cv2.resize(plane, COARSE, interpolation=cv2.INTER_AREA).astype(np.float32)
    std = float(coarse.std())
    if live < LEAST_LIVE or std < LEAST_COARSE_STD or _is_striped(coarse):
        return 0
    if _is_text(plane) or _is_card(plane):
        return 0
    return max(1, round(100.0 * min(1.0, live / FULL_LIVE) * min(1.0, std / FULL_STD)))


def _is_striped(coarse: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    """Whether all rows or all columns are alike: bars, stripes and straight gradients."""
    down = float((coarse - coarse.mean(axis=0)).std())
    across = float((coarse - coarse.mean(axis=1, keepdims=True)).std())
    return min(down, across) < LEAST_STRIPE_STD


def _is_card(plane: ByteArray) -> bool:
    """Whether the picture is made of upright rectangles of one level each, as test cards are."""
    levels = plane.astype(np.int16)
    across = np.abs(levels[1:-1, 2:] - levels[1:-1, :-2])
    down = np.abs(levels[2:, 1:-1] - levels[:-2, 1:-1])
    edge = np.maximum(across, down) > EDGE_LEVELS
    if not edge.any() or float(edge.mean()) > MOST_CARD_EDGES:
        return False
    straight = np.minimum(across, down)[edge] <= EDGE_LEVELS / 2
    return float(straight.mean()) >= LEAST_STRAIGHT


def _is_text(plane: ByteArray) -> bool:
    """Whether one level fills most of the picture and all that differs from it is thin."""
    import cv2

    counts = np.bincount(plane.ravel(), minlength=256)
    near = np.convolve(counts, np.ones(2 * GROUND_LEVELS + 1), "same")
    ground = int(near.argmax())
    if near[ground] < GROUND_SHARE * plane.size:
        return False
    figure = (np.abs(plane.astype(np.int16) - ground) > GROUND_LEVELS).astype(np.uint8)
    thick = cv2.morphologyEx(figure, cv2.MORPH_OPEN, np.ones((STROKE_PX, STROKE_PX), np.uint8))
    return float(thick.mean()) < LEAST_FIGURE

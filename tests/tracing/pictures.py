"""Drawn pictures with known edits for the tests of geometry and of edit naming."""

from __future__ import annotations

import cv2
import numpy as np


def scene(seed: int, moments: int = 3, height: int = 180, width: int = 320) -> np.ndarray:
    """Blobs and rectangles, some of which move from moment to moment."""
    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.uniform(60, 190, (height, width)).astype(np.float32), (0, 0), 9)
    ground = cv2.normalize(ground, None, 50, 200, cv2.NORM_MINMAX)
    shapes = [
        (rng.uniform(0, (width, height)), rng.uniform(3, 16, 2), rng.uniform(20, 235)) for _ in range(90)
    ]
    frames = []
    for moment in range(moments):
        frame = ground.copy()
        for index, (at, size, level) in enumerate(shapes):
            shift = 6.0 * moment * (index % 9 == 0)
            low, high = (at - size + shift).astype(int), (at + size + shift).astype(int)
            if index % 2:
                cv2.rectangle(frame, low.tolist(), high.tolist(), float(level), -1)
            else:
                cv2.circle(frame, at.astype(int).tolist(), int(size[0]), float(level), -1)
        frames.append(np.clip(cv2.GaussianBlur(frame, (0, 0), 0.7), 0, 255).astype(np.uint8))
    return np.stack(frames)


def coded(planes: np.ndarray, quality: int = 60) -> np.ndarray:
    """Coded as JPEG and read again."""
    option = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return np.stack([cv2.imdecode(cv2.imencode(".jpg", plane, option)[1], 0) for plane in planes])


def resized(planes: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in planes])


def cropped(planes: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """A part (fractions) at the size of the whole."""
    height, width = planes.shape[1:]
    x, y, w, h = (round(value * side) for value, side in zip(box, (width, height) * 2, strict=True))
    part = planes[:, y : y + h, x : x + w]
    return np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC) for plane in part])

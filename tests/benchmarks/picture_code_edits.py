"""Edits of single luma planes, in numpy and OpenCV: the named ones for measuring, random ones for training.

Takes planes uint8 (h, w) and a random generator; gives planes. They stand for what re-uploads do to
pictures, without the cost of coding video; coding is stood for by JPEG at low quality.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Plane = np.ndarray
Edit = Callable[[Plane, np.random.Generator], Plane]


def jpeg(plane: Plane, quality: int) -> Plane:
    """Coded and decoded once."""
    return cv2.imdecode(cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1], 0)


def crop(plane: Plane, x: float, y: float, width: float, height: float) -> Plane:
    """The box given in fractions, at least 8 samples a side."""
    rows, columns = plane.shape
    top, left = int(y * rows), int(x * columns)
    bottom, right = max(top + 8, int((y + height) * rows)), max(left + 8, int((x + width) * columns))
    return np.ascontiguousarray(plane[top:bottom, left:right])


def grain(plane: Plane, sigma: float) -> Plane:
    """Gaussian noise."""
    noise = np.empty(plane.shape, np.int16)
    cv2.randn(noise, 0, float(sigma))
    return np.clip(plane + noise, 0, 255).astype(np.uint8)


def short_side(plane: Plane, length: int) -> Plane:
    """Scaled to a height."""
    rows, columns = plane.shape
    return cv2.resize(plane, (columns * length // rows, length), interpolation=cv2.INTER_AREA)


def cropped(share: float) -> Edit:
    """Keeps a share of each side, anywhere."""

    def edit(plane: Plane, rng: np.random.Generator) -> Plane:
        x, y = rng.random(2) * (1 - share)
        return crop(plane, x, y, share, share)

    return edit


def to_corner(plane: Plane, rng: np.random.Generator) -> Plane:
    """Keeps 60% of the area, in a corner."""
    x, y = rng.integers(0, 2, 2) * (1 - 0.7746)
    return crop(plane, x, y, 0.7746, 0.7746)


def with_logo(plane: Plane, rng: np.random.Generator) -> Plane:
    """An opaque logo over 18% of the area, top right."""
    rows, columns = plane.shape
    height, width = int(0.4 * rows), int(0.45 * columns)
    left, top = columns - width - columns // 30, rows // 30
    logo = np.full((height, width), 180, np.uint8)
    cv2.circle(logo, (width // 2, height // 2), height // 3, 40, -1)
    cv2.putText(logo, "NEWS", (width // 5, int(height * 0.6)), 0, height / 60, 255, 2)
    plane = plane.copy()
    plane[top : top + height, left : left + width] = logo
    return plane


def with_caption(plane: Plane, rng: np.random.Generator) -> Plane:
    """A black strip with text over the lowest 16%."""
    rows, columns = plane.shape
    plane, height = plane.copy(), int(0.16 * rows)
    plane[rows - height :] = 0
    text = "".join(chr(c) for c in rng.integers(65, 90, 18))
    cv2.putText(plane, text, (columns // 12, rows - height // 3), 0, height / 40, 255, 1)
    return plane


def rotated(plane: Plane, rng: np.random.Generator) -> Plane:
    """Five degrees either way, with black corners."""
    rows, columns = plane.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), 5.0 * (1 if rng.random() < 0.5 else -1), 1.0)
    return cv2.warpAffine(plane, matrix, (columns, rows))


def screen_recorded(plane: Plane, rng: np.random.Generator) -> Plane:
    """Seen at an angle, resampled roughly, blurred, with moiré, noise and another gamma."""
    rows, columns = plane.shape
    corners = np.float32([[0, 0], [columns, 0], [columns, rows], [0, rows]])
    seen = np.float32([[0.05, 0.06], [0.97, 0.02], [0.95, 0.99], [0.02, 0.95]]) * np.float32([columns, rows])
    plane = cv2.warpPerspective(plane, cv2.getPerspectiveTransform(corners, seen), (columns, rows))
    rough = cv2.resize(plane, None, fx=0.62, fy=0.62, interpolation=cv2.INTER_NEAREST)
    plane = cv2.GaussianBlur(cv2.resize(rough, (columns, rows)), (0, 0), 0.9)
    y, x = np.mgrid[:rows, :columns]
    wavy = np.clip(plane * (1 + 0.12 * np.sin(0.9 * x + 0.35 * y)), 0, 255)
    return jpeg(grain((255 * (wavy / 255) ** (1 / 1.15)).astype(np.uint8), 6), 20)


def loosely_cut(plane: Plane, rng: np.random.Generator) -> Plane:
    """A picture-in-picture at half size, cut out with up to five samples of its surroundings."""
    margins = [int(v) for v in rng.uniform(0, 5, 4)]
    return cv2.copyMakeBorder(
        short_side(plane, 90), *margins, cv2.BORDER_CONSTANT, value=int(rng.integers(256))
    )


def letterboxed(plane: Plane, rng: np.random.Generator) -> Plane:
    """Black bars of a sixth of the height, as if nobody had stripped them."""
    bar = plane.shape[0] // 6
    return cv2.copyMakeBorder(plane, bar, bar, 0, 0, cv2.BORDER_CONSTANT, value=0)


EDITS: dict[str, Edit] = {
    "none": lambda plane, rng: plane,
    "JPEG quality 6": lambda plane, rng: jpeg(plane, 6),
    "quarter size": lambda plane, rng: jpeg(short_side(short_side(plane, 90), 180), 15),
    "crop 10%": cropped(0.9487),
    "crop 25%": cropped(0.866),
    "crop 40%": cropped(0.7746),
    "crop 40% to a corner": to_corner,
    "logo 18%": with_logo,
    "caption 16%": with_caption,
    "brightness, contrast": lambda plane, rng: np.clip(
        (plane.astype(float) - 128) * 1.35 + 158, 0, 255
    ).astype(np.uint8),
    "grain": lambda plane, rng: grain(plane, 14),
    "rotation 5°": rotated,
    "screen re-recording": screen_recorded,
    "box, loosely cut": loosely_cut,
    "half size": lambda plane, rng: jpeg(short_side(plane, 90), 20),
    "crop 25% + logo": lambda plane, rng: with_logo(cropped(0.866)(plane, rng), rng),
    "bars left on": letterboxed,
}


def virtual_source(plane: Plane, rng: np.random.Generator) -> tuple[Plane, int]:
    """Another picture made of this one, so that few sources count as many.

    Returns:
        The plane and a number from 0 to 15 that says how it was turned and inverted.
    """
    turn = 0
    if rng.random() < 0.5:
        plane, turn = plane[:, ::-1], turn | 1
    if rng.random() < 0.25:
        plane, turn = plane[::-1], turn | 2
    if rng.random() < 0.2:
        plane, turn = plane.T, turn | 4
    if rng.random() < 0.12:
        plane, turn = 255 - plane, turn | 8
    if rng.random() < 0.6:
        width, height = rng.uniform(0.5, 1, 2)
        plane = crop(plane, rng.uniform(0, 1 - width), rng.uniform(0, 1 - height), width, height)
    plane = np.ascontiguousarray(plane)
    if rng.random() < 0.3:
        plane = _curved(plane, np.exp(rng.uniform(-0.5, 0.5)), 1.0, 0.0)
    return plane, turn


def lightly_edited(plane: Plane, rng: np.random.Generator) -> Plane:
    """What stands for the indexed side: mostly untouched."""
    if rng.random() < 0.15:
        return heavily_edited(plane, rng)
    if rng.random() < 0.3:
        plane = jpeg(plane, rng.integers(15, 70))
    return _random_logo(plane, rng, 0.05) if rng.random() < 0.15 else plane


def heavily_edited(plane: Plane, rng: np.random.Generator) -> Plane:
    """What stands for the query: several random edits, one after the other."""
    if rng.random() < 0.12:
        plane = _warped(plane, rng, 7.0, 0.0)
    if rng.random() < 0.6:
        plane = _random_crop(plane, rng)
    if rng.random() < 0.12:
        plane = _warped(plane, rng, 6.0 if rng.random() < 0.4 else 0.0, 0.05)
    if rng.random() < 0.28:
        plane = _random_logo(plane, rng, 0.22 if rng.random() < 0.5 else 0.1)
    if rng.random() < 0.22:
        plane = _random_caption(plane, rng)
    if rng.random() < 0.15:
        plane = _random_margins(plane, rng)
    if rng.random() < 0.6:
        gamma, contrast = np.exp(rng.uniform(-0.4, 0.4)), np.exp(rng.uniform(-0.5, 0.45))
        plane = _curved(plane, gamma, contrast, rng.uniform(-0.15, 0.15))
    return _degraded(plane, rng)


def _degraded(plane: Plane, rng: np.random.Generator) -> Plane:
    if rng.random() < 0.4:
        rows, columns = plane.shape
        share = rng.uniform(0.25, 1)
        size = (max(16, int(columns * share)), max(16, int(rows * share)))
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        plane = cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.4, 2.0))
    if rng.random() < 0.08:
        y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
        angle, step = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 2.5)
        waves = np.sin((x * np.cos(angle) + y * np.sin(angle)) * step)
        plane = np.clip(plane * (1 + rng.uniform(0.05, 0.2) * waves), 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        plane = grain(plane, rng.uniform(2, 22))
    return jpeg(plane, rng.integers(4, 50)) if rng.random() < 0.5 else plane


def _curved(plane: Plane, gamma: float, contrast: float, lift: float) -> Plane:
    levels = np.clip(((np.arange(256) / 255.0) ** gamma - 0.5) * contrast + 0.5 + lift, 0, 1)
    return cv2.LUT(plane, (255 * levels).astype(np.uint8))


def _random_crop(plane: Plane, rng: np.random.Generator) -> Plane:
    area, aspect = rng.uniform(0.5, 1), np.exp(rng.uniform(-0.25, 0.25))
    width, height = min(1.0, np.sqrt(area * aspect)), min(1.0, np.sqrt(area / aspect))
    places = [rng.random() if rng.random() < 0.7 else rng.integers(0, 2) for _ in range(2)]
    return crop(plane, (1 - width) * places[0], (1 - height) * places[1], width, height)


def _warped(plane: Plane, rng: np.random.Generator, degrees: float, shift: float) -> Plane:
    rows, columns = plane.shape
    size = np.float32([columns, rows])
    corners = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]]) * size
    angle = np.deg2rad(rng.uniform(-degrees, degrees))
    turn = np.float32([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - size / 2) @ turn.T + size / 2 + rng.uniform(-shift, shift, (4, 2)) * size
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    ground = 0 if rng.random() < 0.8 else int(rng.integers(256))
    return cv2.warpPerspective(plane, matrix, (columns, rows), borderValue=ground)


def _random_logo(plane: Plane, rng: np.random.Generator, largest: float) -> Plane:
    rows, columns = plane.shape
    area, aspect = rng.uniform(0.01, largest), np.exp(rng.uniform(-0.6, 0.6))
    width = max(6, int(min(0.5, np.sqrt(area * aspect)) * columns))
    height = max(6, int(min(0.5, np.sqrt(area / aspect)) * rows))
    aside, above = int(columns * rng.uniform(0, 0.06)), int(rows * rng.uniform(0, 0.06))
    left = aside if rng.random() < 0.5 else columns - width - aside
    top = above if rng.random() < 0.5 else rows - height - above
    if rng.random() < 0.15:
        left, top = int(rng.integers(0, columns - width)), int(rng.integers(0, rows - height))
    logo = np.full((height, width), rng.integers(256), np.uint8)
    if rng.random() < 0.6:
        cell = rng.integers(2, 12)
        cells = rng.integers(0, 256, (max(2, height // cell), max(2, width // cell)), dtype=np.uint8)
        logo = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.5:
        _write(logo, rng, (2, height - 4), height / 40, int(rng.integers(1, 6)))
    share = 1.0 if rng.random() < 0.6 else rng.uniform(0.4, 0.9)
    plane = plane.copy()
    under = plane[top : top + height, left : left + width]
    plane[top : top + height, left : left + width] = share * logo + (1 - share) * under
    return plane


def _random_caption(plane: Plane, rng: np.random.Generator) -> Plane:
    rows, columns = plane.shape
    height = max(10, int(rows * rng.uniform(0.06, 0.2)))
    top = rows - height if rng.random() < 0.7 else int(rng.integers(0, rows - height + 1))
    plane = plane.copy()
    if rng.random() < 0.7:
        level = 0 if rng.random() < 0.7 else rng.integers(140)
        kept = 0.0 if rng.random() < 0.7 else 0.4
        plane[top : top + height] = np.minimum(255, kept * plane[top : top + height] + level)
    for line in range(rng.integers(1, 3)):
        place = (int(rng.integers(2, max(3, columns // 4))), int(top + height * (0.45 + 0.4 * line)))
        _write(plane, rng, place, height / 60, int(rng.integers(8, 30)))
    return plane


def _write(
    plane: Plane, rng: np.random.Generator, place: tuple[int, int], scale: float, letters: int
) -> None:
    text = "".join(chr(c) for c in rng.integers(60, 120, letters))
    cv2.putText(plane, text, place, 0, scale, int(rng.integers(256)), max(1, int(3 * scale)))


def _random_margins(plane: Plane, rng: np.random.Generator) -> Plane:
    rows, columns = plane.shape
    largest = 0.1 if rng.random() < 0.6 else 0.2
    shares = rng.uniform(0, largest, 4) * (rng.random(4) < 0.5)
    margins = [int(v) for v in shares * (rows, rows, columns, columns)]
    if rng.random() < 0.3:
        return cv2.copyMakeBorder(plane, *margins, cv2.BORDER_REFLECT)
    ground = 0 if rng.random() < 0.7 else int(rng.integers(256))
    return cv2.copyMakeBorder(plane, *margins, cv2.BORDER_CONSTANT, value=ground)

"""Name what differs once the reference is warped onto the query: colour, and what was laid over it.

Takes a fit and the aligned planes of several moments; gives `colour` and `overlay` edits. Levels are
compared after the tone curve that most of the picture follows; what is off that curve at the same place in
nearly every moment was laid over it, what is off only at times is motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.geometry_pictures import PictureFit, inverse, mapped, warp
from vidforensics.types import Edit

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, ByteArray, Float32Array, FloatArray
    from vidforensics.records.tracing import FractionBox


@dataclass(frozen=True, slots=True)
class LookOptions:
    """When looks count as changed; levels are of 0–255.

    tone_levels: mean departure of the tone curve from identity. less_saturated, more_saturated: ratio of
    chroma. tint_levels: shift of mean chroma. off_levels: least difference of an overlay, to which
    `per_step` times the local step between samples is added, as edges differ by the least misplacement.
    moments: share of moments in which it must differ. least_area: smallest overlay, as a fraction of the
    query. reach: how near parts of one overlay lie, as a fraction of the query's longer side. window, alike,
    texture: samples, correlation and standard deviation that show a place to be the same; where fewer than
    `least_trusted` of all are, the tone curve is fitted to everything.
    """

    tone_levels: float = 7.0
    less_saturated: float = 0.72
    more_saturated: float = 1.3
    tint_levels: float = 6.0
    off_levels: float = 14.0
    per_step: float = 1.0
    moments: float = 0.8
    least_area: float = 0.006
    reach: float = 0.08
    window: int = 15
    alike: float = 0.7
    texture: float = 3.0
    least_trusted: float = 0.05


def looks_of(
    fit: PictureFit,
    query: ByteArray,
    reference: ByteArray,
    chroma: tuple[ByteArray, ByteArray] | None,
    options: LookOptions,
) -> list[Edit]:
    """Colour and overlay edits.

    Args:
        fit: the map from reference to query.
        query: uint8 (n, h, w).
        reference: uint8 (n, h2, w2).
        chroma: uint8 (n, 2, h/2, w/2) of query and of reference, or None.
        options: see `LookOptions`.

    Returns:
        At most one colour edit; one overlay edit per region with its box in the reference, largest first.
    """
    import cv2

    shape = (query.shape[1], query.shape[2])
    shown, mask = warp(reference, fit.homography, shape)
    inside = cv2.erode(mask, np.ones((5, 5), dtype=np.uint8), borderType=cv2.BORDER_REPLICATE) > 0
    if inside.mean() < 0.01:
        return []
    seen, own = _smooth(query), _smooth(shown)
    steps = _steps(own)
    alike = inside & _alike(own, seen, options)
    # flat places follow any curve, so only texture that is the same on both sides may shape it
    base = alike if alike.sum() >= options.least_trusted * inside.sum() else inside
    trusted = base
    off = np.zeros(shape, dtype=bool)
    curve = np.arange(256, dtype=np.float64)
    for _ in range(3):
        curve = _tone_curve(own, seen, trusted)
        off = _laid_over(np.abs(seen - np.interp(own, np.arange(256), curve)), steps, options) & inside
        trusted = base & ~off
    edits = _colour(curve, own[:, trusted], _chroma_pairs(fit, chroma, trusted), options)
    return edits + _overlays(off, inside, fit, options)


def _smooth(planes: ByteArray) -> Float32Array:
    """Planes without grain and coding noise, float32 (n, h, w)."""
    import cv2

    return np.stack([cv2.blur(plane.astype(np.float32), (3, 3)) for plane in planes])


def _steps(planes: Float32Array) -> Float32Array:
    """Largest difference within 5×5 samples, halved: what a misplacement of about one sample can make."""
    import cv2

    kernel = np.ones((5, 5), dtype=np.uint8)
    return np.stack([(cv2.dilate(plane, kernel) - cv2.erode(plane, kernel)) / 2 for plane in planes])


def _alike(own: Float32Array, seen: Float32Array, options: LookOptions) -> BoolArray:
    """Where texture is the same around a sample, which no tone curve changes and an overlay does."""
    import cv2

    window = (options.window, options.window)
    product = np.zeros(own.shape[1:], dtype=np.float32)
    powers = np.full((2, *own.shape[1:]), 1e-3, dtype=np.float32)
    for first, second in zip(own, seen, strict=True):
        means = cv2.blur(first, window), cv2.blur(second, window)
        product += cv2.blur(first * second, window) - means[0] * means[1]
        powers[0] += cv2.blur(first * first, window) - means[0] ** 2
        powers[1] += cv2.blur(second * second, window) - means[1] ** 2
    textured = powers.min(axis=0) > len(own) * options.texture**2
    return np.asarray((product > options.alike * np.sqrt(np.maximum(powers.prod(axis=0), 1e-6))) & textured)


def _tone_curve(own: Float32Array, seen: Float32Array, part: BoolArray) -> FloatArray:
    """Query level for each reference level, by medians of 16 ranges that hold samples, never falling."""
    sources, targets = own[:, part], seen[:, part]
    ranges = np.minimum(15, (sources / 16).astype(int))
    levels, answers = [], []
    for index in range(16):
        within = ranges == index
        if within.sum() >= max(24, 0.002 * within.size):
            levels.append(float(np.median(sources[within])))
            answers.append(float(np.median(targets[within])))
    if not levels:
        return np.arange(256, dtype=np.float64)
    rising = np.maximum.accumulate(answers)
    if len(levels) == 1:
        return np.asarray(np.clip(np.arange(256) + rising[0] - levels[0], 0, 255), dtype=np.float64)
    curve = np.interp(np.arange(256), levels, rising)
    below, above = np.arange(256) < levels[0], np.arange(256) > levels[-1]
    curve[below] = np.clip(rising[0] + np.arange(256)[below] - levels[0], 0, 255)
    curve[above] = np.clip(rising[-1] + np.arange(256)[above] - levels[-1], 0, 255)
    return np.asarray(curve, dtype=np.float64)


def _laid_over(off: FloatArray, steps: Float32Array, options: LookOptions) -> BoolArray:
    """Where most moments differ by more than edges and coding explain, opened and closed a little."""
    import cv2

    differs = off > options.off_levels + options.per_step * steps
    lasting = (differs.mean(axis=0) >= options.moments).astype(np.uint8)
    small, large = np.ones((3, 3), dtype=np.uint8), np.ones((9, 9), dtype=np.uint8)
    return np.asarray(
        cv2.morphologyEx(cv2.morphologyEx(lasting, cv2.MORPH_OPEN, small), cv2.MORPH_CLOSE, large) > 0
    )


def _overlays(off: BoolArray, inside: BoolArray, fit: PictureFit, options: LookOptions) -> list[Edit]:
    import cv2

    height, width = off.shape
    reach = max(3, round(options.reach * max(height, width)) | 1)
    joined = cv2.dilate(off.astype(np.uint8), np.ones((reach, reach), dtype=np.uint8))
    count, labels = cv2.connectedComponents(joined)
    found = []
    for label in range(1, count):
        rows, columns = np.nonzero(off & (labels == label))
        if len(rows) < options.least_area * off.size:
            continue
        corners = np.array(
            [
                [x / width, y / height]
                for x in (columns.min(), columns.max() + 1)
                for y in (rows.min(), rows.max() + 1)
            ]
        )
        box = _within(mapped(inverse(fit.homography), corners))
        found.append((len(rows), Edit("overlay", box, {"area": len(rows) / max(1, int(inside.sum()))})))
    return [edit for _, edit in sorted(found, key=lambda pair: -pair[0])]


def _within(corners: FloatArray) -> FractionBox:
    low, high = np.clip(corners.min(axis=0), 0, 1), np.clip(corners.max(axis=0), 0, 1)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _chroma_pairs(
    fit: PictureFit, chroma: tuple[ByteArray, ByteArray] | None, part: BoolArray
) -> tuple[FloatArray, FloatArray] | None:
    """Chroma minus 128 of reference and query where both show the same, float64 (2, N)."""
    import cv2

    if chroma is None:
        return None
    query, reference = chroma
    shape = (query.shape[2], query.shape[3])
    where = cv2.resize(part.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST) > 0
    if where.sum() < 16:
        return None
    own = np.stack(
        [warp(reference[:, plane], fit.homography, shape)[0][:, where].ravel() for plane in (0, 1)]
    )
    seen = np.stack([query[:, plane][:, where].ravel() for plane in (0, 1)])
    return own.astype(np.float64) - 128.0, seen.astype(np.float64) - 128.0


def _colour(
    curve: FloatArray,
    own: Float32Array,
    chroma: tuple[FloatArray, FloatArray] | None,
    options: LookOptions,
) -> list[Edit]:
    """One edit where tone, saturation or tint changed by more than coding does."""
    if not own.size:
        return []
    levels = own.ravel().astype(np.float64)
    answers = np.interp(levels, np.arange(256), curve)
    departure = float(np.abs(answers - levels).mean())
    spread = levels.std()
    gain = float(((levels - levels.mean()) * answers).mean() / spread**2) if spread > 2.0 else 1.0
    detail = {"gain": gain, "offset_levels": float((answers - levels).mean()), "tone_levels": departure}
    changed = departure > options.tone_levels
    if chroma is not None:
        saturation, tint = _saturation(*chroma)
        detail["tint_levels"] = tint
        changed |= tint > options.tint_levels
        if saturation is not None:
            detail["saturation"] = saturation
            changed |= not options.less_saturated <= saturation <= options.more_saturated
    return [Edit("colour", None, detail)] if changed else []


def _saturation(own: FloatArray, seen: FloatArray) -> tuple[float | None, float]:
    """Slope of the query's chroma over the reference's, None where that has no colour; shift of the mean."""
    own_mean, seen_mean = own.mean(axis=1, keepdims=True), seen.mean(axis=1, keepdims=True)
    power = float((own**2).mean())
    slope = float((own * seen).mean() / power) if power > 9.0 else None
    expected = own_mean * (1.0 if slope is None else slope)
    return slope, float(np.abs(seen_mean - expected).max())

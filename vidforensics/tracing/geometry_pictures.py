"""Geometry from pictures: the map that takes the reference's picture to the query's, with both at hand.

Aligned luma planes of both go in, a `PictureFit` comes out. Upright SIFT features of several pairs are
matched together (Lowe, IJCV 2004), RANSAC finds the similarity, least squares on its inliers the affine map
and the homography; a homography is kept only where it moves the corners and explains the matches better.
Whether the query is mirrored is found by trying both. The confidence counts parts of the reference
whose texture correlates with the query's once warped, so a shared logo is not a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How pictures are matched.

    features: most per picture. ratio: nearest to second nearest descriptor. off_px: how far an inlier may
    lie from its place. least_inliers: fewer give no fit. bent: how far, in fractions of the query, a
    homography's corners must lie from the affine map's to be kept; the drift times per_drift is added.
    better: by which factor it must shrink the median residual. grid: parts of the reference, across and
    down. alike: correlation of a part that agrees. texture: standard deviation, in levels, of a part that
    can be judged. weight, against: log10 odds of a part that agrees, and which share of it one that does
    not takes back.
    """

    features: int = 400
    ratio: float = 0.8
    off_px: float = 2.5
    least_inliers: int = 6
    bent: float = 0.014
    per_drift: float = 1.5
    better: float = 0.92
    grid: tuple[int, int] = (8, 6)
    alike: float = 0.5
    texture: float = 4.0
    weight: float = 0.55
    against: float = 0.25


@dataclass(frozen=True, slots=True)
class PictureFit:
    """The map from reference to query, in fractions of width and height of pictures as they are.

    homography float64 (3, 3), affine unless `bent`; mirrored is within it. inliers: matches that agree, over
    all pairs; off_px: their median residual in the query plane. drift: how far the pairs disagree about the
    place, in fractions of the query's longer side, as they do where a camera moves and the moments are not
    quite the same. agreeing, judged: parts of the reference that correlate once warped, of those in view
    that have texture. confidence: log10 odds against chance, on the scale of `geometry.ACCEPTED`.
    """

    homography: FloatArray
    mirrored: bool
    bent: bool
    inliers: int
    off_px: float
    drift: float
    agreeing: int
    judged: int
    confidence: float


@dataclass(frozen=True, slots=True)
class _Matched:
    """Places float64 (M, 2) in px of the planes, of all pairs together, and the pair int64 (M,) of each."""

    reference: FloatArray
    query: FloatArray
    pair: IntArray


def fit_pictures(
    query: ByteArray,
    reference: ByteArray,
    mirrored: bool | None = None,
    options: PictureOptions | None = None,
) -> PictureFit | None:
    """Find where the reference's picture lies in the query's.

    Args:
        query: uint8 (n, h, w), luma of n moments; samples are square.
        reference: uint8 (n, h2, w2), luma of the same moments of the reference.
        mirrored: whether the query is mirrored; None tries both.
        options: see `PictureOptions`.

    Returns:
        The fit; None for n = 0 or where too few features agree.
    """
    options = options or PictureOptions()
    described = [_features(plane, options) for plane in reference]
    fits = [
        _fit(query, reference, described, flipped, options)
        for flipped in ((False, True) if mirrored is None else (mirrored,))
    ]
    found = [fit for fit in fits if fit is not None]
    return max(found, key=lambda fit: (fit.confidence, fit.inliers)) if found else None


def warp(planes: ByteArray, homography: FloatArray, shape: tuple[int, int]) -> tuple[ByteArray, ByteArray]:
    """Planes as another picture shows them, and where it does.

    Args:
        planes: uint8 (n, h, w).
        homography: float64 (3, 3) from these planes to the others, in fractions.
        shape: height and width of the others.

    Returns:
        uint8 (n, *shape), and a mask uint8 (shape), 255 where the planes reach.
    """
    import cv2

    height, width = planes.shape[1:]
    matrix = in_px(homography, (height, width), shape)
    size = (shape[1], shape[0])
    shrinking = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    out = np.empty((len(planes), *shape), dtype=np.uint8)
    for index, plane in enumerate(planes):
        # bilinear reading skips samples where it shrinks by more than two
        soft = cv2.GaussianBlur(plane, (0, 0), 0.4 / shrinking) if shrinking < 0.8 else plane
        out[index] = cv2.warpPerspective(
            soft, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    full = np.full((height, width), 255, dtype=np.uint8)
    mask = cv2.warpPerspective(full, matrix, size, flags=cv2.INTER_NEAREST)
    return out, np.asarray(mask, dtype=np.uint8)


def in_px(homography: FloatArray, source: tuple[int, int], target: tuple[int, int]) -> FloatArray:
    """The map between sample centres of planes (height, width), of one between fractions."""
    return inverse(_to_fractions(target)) @ homography @ _to_fractions(source)


def _to_fractions(shape: tuple[int, int]) -> FloatArray:
    """The map from sample centres of a plane (height, width) to fractions."""
    return np.array([[1 / shape[1], 0, 0.5 / shape[1]], [0, 1 / shape[0], 0.5 / shape[0]], [0, 0, 1.0]])


def inverse(homography: FloatArray) -> FloatArray:
    """The map back, float64 (3, 3)."""
    return np.asarray(np.linalg.inv(homography), dtype=np.float64)


def mapped(homography: FloatArray, places: FloatArray) -> FloatArray:
    """Places float64 (N, 2) taken through a homography."""
    lifted = np.column_stack((places, np.ones(len(places)))) @ homography.T
    return np.asarray(lifted[:, :2] / lifted[:, 2:])


def _fit(
    query: ByteArray,
    reference: ByteArray,
    described: Sequence[tuple[FloatArray, Float32Array]],
    flipped: bool,
    options: PictureOptions,
) -> PictureFit | None:
    planes = np.ascontiguousarray(query[:, :, ::-1]) if flipped else query
    matched = _matched([_features(plane, options) for plane in planes], described, options)
    model = _model(matched, planes.shape[1:], options)
    if model is None:
        return None
    matrix, inside, bent = model
    off = np.linalg.norm(mapped(matrix, matched.reference) - matched.query, axis=1)
    sizes = (planes.shape[1], planes.shape[2]), (reference.shape[1], reference.shape[2])
    homography = _to_fractions(sizes[0]) @ matrix @ inverse(_to_fractions(sizes[1]))
    homography /= homography[2, 2]
    agreeing, judged = _agreement(planes, reference, homography, options)
    flip = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]])
    return PictureFit(
        homography=flip @ homography if flipped else homography,
        mirrored=flipped,
        bent=bent,
        inliers=int(inside.sum()),
        off_px=float(np.median(off[inside])),
        drift=_drift(matched, matrix, planes.shape[1:], options),
        agreeing=agreeing,
        judged=judged,
        confidence=_confidence(agreeing, judged, options),
    )


def _features(plane: ByteArray, options: PictureOptions) -> tuple[FloatArray, Float32Array]:
    """Places (N, 2) in px and upright descriptors (N, 128)."""
    import cv2

    make: Any = cv2.SIFT.create
    sift = make(0, 3, 0.015, 12.0, 1.6)
    found = sorted(sift.detect(plane, None), key=lambda p: (-p.response, p.pt, p.angle))
    upright = {(point.pt, point.octave): point for point in reversed(found)}
    kept = sorted(upright.values(), key=lambda p: (-p.response, p.pt))[: options.features]
    for point in kept:
        point.angle = 0.0
    kept, values = sift.compute(plane, kept)
    if not kept:
        return np.zeros((0, 2)), np.zeros((0, 128), dtype=np.float32)
    # Hellinger distance (Arandjelović and Zisserman, CVPR 2012) tells SIFT histograms apart better
    rooted = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-6))
    return np.array([point.pt for point in kept], dtype=np.float64), rooted.astype(np.float32)


def _matched(
    query: Sequence[tuple[FloatArray, Float32Array]],
    reference: Sequence[tuple[FloatArray, Float32Array]],
    options: PictureOptions,
) -> _Matched:
    """Nearest neighbours both ways that pass the ratio test, of all pairs."""
    sources, targets, pairs = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros(0, dtype=np.int64)]
    for index, ((query_places, query_values), (own_places, own_values)) in enumerate(
        zip(query, reference, strict=True)
    ):
        if len(query_places) < 2 or len(own_places) < 2:
            continue
        likeness = own_values @ query_values.T
        rows = np.arange(len(own_places))
        best = likeness.argmax(axis=1)
        apart = 2.0 - 2.0 * np.partition(likeness, -2, axis=1)[:, -2:]
        good = np.maximum(apart[:, 1], 0.0) <= options.ratio**2 * np.maximum(apart[:, 0], 1e-9)
        good &= likeness.argmax(axis=0)[best] == rows
        sources.append(own_places[good])
        targets.append(query_places[best[good]])
        pairs.append(np.full(int(good.sum()), index))
    return _Matched(np.concatenate(sources), np.concatenate(targets), np.concatenate(pairs))


def _drift(matched: _Matched, matrix: FloatArray, shape: tuple[int, ...], options: PictureOptions) -> float:
    """How far the moments disagree about the place, in fractions of the query's longer side."""
    off = matched.query - mapped(matrix, matched.reference)
    near = np.linalg.norm(off, axis=1) <= 4 * options.off_px
    shifts = [
        np.median(off[near & (matched.pair == pair)], axis=0)
        for pair in np.unique(matched.pair)
        if (near & (matched.pair == pair)).sum() >= options.least_inliers
    ]
    if len(shifts) < 2:
        return 0.0
    return float(np.ptp(np.array(shifts), axis=0).max() / max(shape))


def _model(
    matched: _Matched, shape: tuple[int, int], options: PictureOptions
) -> tuple[FloatArray, Any, bool] | None:
    """The 3×3 map in px, which matches agree with it, and whether it is more than affine."""
    import cv2

    if len(matched.query) < options.least_inliers:
        return None
    similar, inside = cv2.estimateAffinePartial2D(
        matched.reference,
        matched.query,
        method=cv2.RANSAC,
        ransacReprojThreshold=3 * options.off_px,
        maxIters=4000,
    )
    if similar is None or inside.sum() < options.least_inliers or abs(np.linalg.det(similar[:, :2])) < 1e-3:
        return None
    affine = _affine(matched, np.vstack((similar, (0, 0, 1.0))), options)
    off = np.linalg.norm(mapped(affine, matched.reference) - matched.query, axis=1)
    near = off <= options.off_px
    bent = _homography(
        matched,
        6 * options.off_px
        >= np.linalg.norm(
            mapped(np.vstack((similar, (0, 0, 1.0))), matched.reference) - matched.query, axis=1
        ),
        options,
    )
    if bent is not None:
        bent_off = np.linalg.norm(mapped(bent, matched.reference) - matched.query, axis=1)
        bent_near = bent_off <= options.off_px
        both = near | bent_near
        corners = _corners(matched.reference)
        moved = np.abs(mapped(bent, corners) - mapped(affine, corners)) / np.array(shape[::-1])
        shrunk = np.median(bent_off[both]) <= options.better * np.median(off[both])
        least = options.bent + options.per_drift * _drift(matched, affine, shape, options)
        if moved.max() >= least and shrunk and bent_near.sum() >= 0.95 * near.sum():
            return bent, bent_near, True
    return (affine, near, False) if near.sum() >= options.least_inliers else None


def _corners(places: FloatArray) -> FloatArray:
    low, high = places.min(axis=0), places.max(axis=0)
    return np.array([[low[0], low[1]], [high[0], low[1]], [low[0], high[1]], [high[0], high[1]]])


def _affine(matched: _Matched, start: FloatArray, options: PictureOptions) -> FloatArray:
    """Least squares on what agrees, repeated with a shrinking tolerance."""
    matrix = start
    for slack in (3.0, 2.0, 1.0, 1.0):
        off = np.linalg.norm(mapped(matrix, matched.reference) - matched.query, axis=1)
        near = off <= slack * options.off_px
        if near.sum() < options.least_inliers:
            return matrix
        lifted = np.column_stack((matched.reference[near], np.ones(near.sum())))
        solved = np.linalg.lstsq(lifted, matched.query[near], rcond=None)[0]
        if abs(np.linalg.det(solved[:2])) < 1e-3:
            return matrix
        matrix = np.vstack((solved.T, (0, 0, 1.0)))
    return matrix


def _homography(matched: _Matched, near: Any, options: PictureOptions) -> FloatArray | None:
    import cv2

    if near.sum() < 3 * options.least_inliers:
        return None
    found, _ = cv2.findHomography(matched.reference[near], matched.query[near], cv2.RANSAC, options.off_px)
    if found is None or not np.isfinite(found).all() or abs(found[2, 2]) < 1e-6:
        return None
    return np.asarray(found / found[2, 2])


def _agreement(
    query: ByteArray, reference: ByteArray, homography: FloatArray, options: PictureOptions
) -> tuple[int, int]:
    """Parts of the reference in view: how many correlate with the query, how many have texture."""
    shape = (reference.shape[1], reference.shape[2])
    shown, mask = warp(query, inverse(homography), shape)
    across, down = options.grid
    agreeing = judged = 0
    for row in np.array_split(np.arange(shape[0]), down):
        for column in np.array_split(np.arange(shape[1]), across):
            part = (slice(None), slice(row[0], row[-1] + 1), slice(column[0], column[-1] + 1))
            if mask[part[1:]].mean() < 0.9 * 255:
                continue
            own, seen = reference[part].astype(np.float64), shown[part].astype(np.float64)
            own -= own.mean(axis=(1, 2), keepdims=True)
            seen -= seen.mean(axis=(1, 2), keepdims=True)
            deviation = np.sqrt((own**2).mean())
            if deviation < options.texture:
                continue
            judged += 1
            likeness = (own * seen).sum() / max(np.sqrt((own**2).sum() * (seen**2).sum()), 1e-6)
            agreeing += int(likeness >= options.alike)
    return agreeing, judged


def _confidence(agreeing: int, judged: int, options: PictureOptions) -> float:
    return options.weight * (agreeing - options.against * (judged - agreeing))

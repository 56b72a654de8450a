"""Geometry from stored points: does this query frame show that reference frame, and how is it placed.

Points and binary descriptors of both frames go in (`PicturePrint`), a `PointFit` comes out. No picture of the
reference is needed, so candidates from an index are verified where its files are gone. Every pair of
plausible point matches proposes a similarity (Fischler and Bolles, RANSAC, CACM 1981, but exhaustive and so
repeatable); matches that agree speak for it by how near their descriptors are, stored points that should be
in view but are not matched speak against it, and no part of the picture counts for much alone, so that a
shared logo is not a copy. The sum is turned into odds by what unrelated frames reach (docs/tracing-edits.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidforensics.records.arrays import BoolArray, ByteArray, FloatArray, IntArray

    ComplexArray = NDArray[np.complex128]

SIZE_STEPS_PER_OCTAVE = 24
ACCEPTED = 5.5


@dataclass(frozen=True, slots=True)
class PointOptions:
    """How points are matched; lengths are in √area of the query picture.

    candidates: nearest query points tried per stored point, none further than `furthest_bits`. hypotheses:
    placements tried, likeliest first. tolerance: how far a match may lie from where it belongs.
    size_octaves: how far its size may. least_scale to largest_scale: reference to query, both of area 1.
    largest_turn_deg: upright descriptors tell no more. weight, weight_per_bit: log10 odds of a match with
    equal descriptors, and what each differing bit takes. miss: odds lost by a stored point that should be
    seen but is not. cell_limit, row_limit: most that a cell of a 3×4 grid of the
    reference, and a row of them, may bring; a caption fills a row.
    scale, offset: from the sum to log10 odds, by the sums of unrelated frames.
    """

    candidates: int = 3
    furthest_bits: int = 20
    hypotheses: int = 400
    tolerance: float = 0.022
    size_octaves: float = 0.7
    least_scale: float = 0.2
    largest_scale: float = 4.0
    largest_turn_deg: float = 20.0
    least_baseline: float = 0.05
    weight: float = 2.4
    weight_per_bit: float = 0.12
    miss: float = 0.2
    cell_limit: float = 3.6
    row_limit: float = 7.0
    scale: float = 0.69
    offset: float = 0.62


@dataclass(frozen=True, slots=True)
class PointFit:
    """How one query frame shows one reference frame, by points alone.

    confidence: log10 odds against chance; of unrelated frame pairs about 10^−confidence reach as much, so
    `ACCEPTED` passes fewer than one in 100,000. inliers:
    stored points found where they belong; visible: stored points that should be in view. matrix: the 2×3
    map, row by row, from reference to query in fractions of width and height. scale: query per reference
    length, both pictures taken to have area 1. turn_deg: counted clockwise as seen.
    """

    confidence: float
    inliers: int
    visible: int
    matrix: tuple[float, ...]
    scale: float
    turn_deg: float


@dataclass(frozen=True, slots=True)
class _Matches:
    """Candidate matches (R, K): squares of places as complex numbers, weights 0 where there is none."""

    reference: ComplexArray
    query: ComplexArray
    octaves: FloatArray
    weights: FloatArray
    cells: IntArray
    corner: complex


def relate_points(
    query_points: ByteArray,
    query_codes: ByteArray,
    reference_points: ByteArray,
    reference_codes: ByteArray,
    query_aspect: float,
    reference_aspect: float,
    mirrored: bool = False,
    options: PointOptions | None = None,
) -> PointFit | None:
    """Find where the reference frame lies in the query frame.

    Args:
        query_points: uint8 (Q, 4) as `features.picture_points` gives them; of the mirrored plane for a
            mirrored query.
        query_codes: uint8 (Q, D), their descriptors.
        reference_points: uint8 (R, 4), as stored.
        reference_codes: uint8 (R, D).
        query_aspect: display width over height.
        reference_aspect: the same of the reference.
        mirrored: whether the query's points are of its mirrored plane; the matrix then leads to the query
            as it is, not mirrored.
        options: see `PointOptions`.

    Returns:
        The best placement, however unlikely; None where fewer than two points are matched at all.
    """
    options = options or PointOptions()
    query_used, reference_used = query_points[:, 2] > 0, reference_points[:, 2] > 0
    if query_used.sum() < 2 or reference_used.sum() < 2:
        return None
    matches = _matches(
        (query_points[query_used], query_codes[query_used], query_aspect),
        (reference_points[reference_used], reference_codes[reference_used], reference_aspect),
        options,
    )
    turns, shifts = _hypotheses(matches, options)
    if not len(turns):
        return None
    best = int(_scores(matches, turns, shifts, options).argmax())
    turn, shift = _refined(matches, turns[best], shifts[best], options)
    score = float(_scores(matches, turn, shift, options)[0])
    inliers = int(_agreeing(matches, turn, shift, options).any(axis=2).sum())
    matrix = _as_fractions(complex(turn[0]), complex(shift[0]), query_aspect, reference_aspect)
    return PointFit(
        confidence=options.scale * score + options.offset,
        inliers=inliers,
        visible=int(_visible(matches, turn, shift).sum()),
        matrix=_unmirrored(matrix) if mirrored else matrix,
        scale=float(abs(turn[0])),
        turn_deg=float(np.degrees(np.angle(turn[0]))),
    )


def places_of(points: ByteArray, aspect: float) -> ComplexArray:
    """Places x + iy, complex (N,), in a picture of area 1 with square samples."""
    side = np.sqrt(aspect)
    return np.asarray(points[:, 0] / 255.0 * side + 1j * (points[:, 1] / 255.0 / side))


def bits_apart(first: ByteArray, second: ByteArray) -> IntArray:
    """Differing bits int64 (N, M) between codes uint8 (N, D) and (M, D)."""
    return np.asarray(np.bitwise_count(first[:, None] ^ second[None]).sum(axis=2, dtype=np.int64))


def _matches(
    query: tuple[ByteArray, ByteArray, float],
    reference: tuple[ByteArray, ByteArray, float],
    options: PointOptions,
) -> _Matches:
    apart = bits_apart(reference[1], query[1])
    count = min(options.candidates, apart.shape[1])
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :count]
    bits = np.take_along_axis(apart, nearest, axis=1)
    weights = np.maximum(0.0, options.weight - options.weight_per_bit * bits)
    sizes = query[0][nearest, 2].astype(float) - reference[0][:, 2, None].astype(float)
    points = reference[0].astype(int)
    side = np.sqrt(query[2])
    return _Matches(
        reference=places_of(reference[0], reference[2]),
        query=places_of(query[0], query[2])[nearest],
        octaves=sizes / SIZE_STEPS_PER_OCTAVE,
        weights=np.where(bits <= options.furthest_bits, weights, 0.0),
        cells=np.minimum(2, points[:, 1] * 3 // 255) * 4 + np.minimum(3, points[:, 0] * 4 // 255),
        corner=complex(side, 1.0 / side),
    )


def _hypotheses(matches: _Matches, options: PointOptions) -> tuple[ComplexArray, ComplexArray]:
    """Similarities q = turn · r + shift from pairs of matches."""
    row, column = np.nonzero(matches.weights > 0)
    reference, query = matches.reference[row], matches.query[row, column]
    octaves, weights = matches.octaves[row, column], matches.weights[row, column]
    first, second = np.triu_indices(len(row), 1)
    apart = reference[second] - reference[first]
    far = np.abs(apart) >= options.least_baseline
    first, second, apart = first[far], second[far], apart[far]
    turns = (query[second] - query[first]) / apart
    octave = np.log2(np.maximum(np.abs(turns), 1e-6))
    sized = np.maximum(np.abs(octaves[first] - octave), np.abs(octaves[second] - octave))
    kept = (
        (sized <= options.size_octaves)
        & (np.abs(turns) >= options.least_scale)
        & (np.abs(turns) <= options.largest_scale)
        & (np.abs(np.angle(turns)) <= np.radians(options.largest_turn_deg))
    )
    first, second, turns = first[kept], second[kept], turns[kept]
    order = np.argsort(-(weights[first] + weights[second]), kind="stable")[: options.hypotheses]
    turns, first = turns[order], first[order]
    return turns, query[first] - turns * reference[first]


def _agreeing(
    matches: _Matches, turns: ComplexArray, shifts: ComplexArray, options: PointOptions
) -> BoolArray:
    """Which candidates (H, R, K) lie where each placement says, in the size it says."""
    expected = turns[:, None] * matches.reference + shifts[:, None]
    near = np.abs(expected[:, :, None] - matches.query) <= options.tolerance
    octave = np.log2(np.abs(turns))[:, None, None]
    sized = np.abs(matches.octaves - octave) <= options.size_octaves
    return np.asarray(near & sized & (matches.weights > 0))


def _visible(matches: _Matches, turns: ComplexArray, shifts: ComplexArray) -> BoolArray:
    """Which stored points (H, R) should be inside the query picture."""
    expected = turns[:, None] * matches.reference + shifts[:, None]
    across = (expected.real >= 0) & (expected.real <= matches.corner.real)
    return np.asarray(across & (expected.imag >= 0) & (expected.imag <= matches.corner.imag))


def _scores(
    matches: _Matches, turns: ComplexArray, shifts: ComplexArray, options: PointOptions
) -> FloatArray:
    """Sum of evidence (H,) of each placement."""
    agreeing = _agreeing(matches, turns, shifts, options)
    gained = np.where(agreeing, matches.weights, 0.0).max(axis=2)
    missed = (_visible(matches, turns, shifts) & (gained == 0)).sum(axis=1)
    per_cell = np.zeros((len(turns), 12))
    for cell in range(12):
        per_cell[:, cell] = gained[:, matches.cells == cell].sum(axis=1)
    per_row = np.minimum(per_cell, options.cell_limit).reshape(-1, 3, 4).sum(axis=2)
    return np.asarray(np.minimum(per_row, options.row_limit).sum(axis=1) - options.miss * missed)


def _refined(
    matches: _Matches, turn: complex, shift: complex, options: PointOptions
) -> tuple[ComplexArray, ComplexArray]:
    """The least-squares similarity of a placement's inliers, kept if it explains no less."""
    turns, shifts = np.array([turn, turn]), np.array([shift, shift])
    agreeing = _agreeing(matches, turns[:1], shifts[:1], options)[0]
    rows = np.flatnonzero(agreeing.any(axis=1))
    if len(rows) >= 3:
        gained = np.where(agreeing, matches.weights, 0.0)[rows]
        reference, query = matches.reference[rows], matches.query[rows, gained.argmax(axis=1)]
        centred = reference - reference.mean()
        fitted = (np.conj(centred) * (query - query.mean())).sum() / (np.abs(centred) ** 2).sum()
        # several stored points may share one query point, which can shrink the fit to nothing
        if options.least_scale <= abs(fitted) <= options.largest_scale:
            turns[1], shifts[1] = fitted, query.mean() - fitted * reference.mean()
    scores = _scores(matches, turns, shifts, options)
    best = 1 if scores[1] >= scores[0] else 0
    return turns[best : best + 1], shifts[best : best + 1]


def _as_fractions(
    turn: complex, shift: complex, query_aspect: float, reference_aspect: float
) -> tuple[float, ...]:
    """The 2×3 map in fractions of width and height."""
    query_side, reference_side = np.sqrt(query_aspect), np.sqrt(reference_aspect)
    a, b = turn.real, turn.imag
    across = np.array([a * reference_side, -b / reference_side, shift.real]) / query_side
    down = np.array([b * reference_side, a / reference_side, shift.imag]) * query_side
    return tuple(float(value) for value in (*across, *down))


def _unmirrored(matrix: tuple[float, ...]) -> tuple[float, ...]:
    a, b, x, c, d, y = matrix
    return (-a, -b, 1.0 - x, c, d, y)

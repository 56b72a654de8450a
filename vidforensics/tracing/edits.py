"""Name what was done to a picture between a reference and its re-upload, with both at hand.

Aligned planes of both go in, a `PictureRelation` with named edits comes out. The map between the pictures
tells mirror, crop, rotation, bars, insets and perspective; what differs once the reference is warped onto the
query tells colour and overlays (`tracing.edits_looks`); coded facts tell re-encoding and frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.edits_looks import LookOptions, looks_of
from vidforensics.tracing.geometry_pictures import PictureFit, PictureOptions, fit_pictures, mapped, warp
from vidforensics.types import Edit, PictureRelation

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, ByteArray, FloatArray
    from vidforensics.records.tracing import FractionBox

FLIP = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]])


@dataclass(frozen=True, slots=True)
class EditOptions:
    """When an edit is named.

    slack: how much of a side may be cut or added by rounding to whole blocks and by the fit's own error,
    as a fraction; bent_slack the same where the map is a homography. turn_deg: least rotation. per_drift,
    turn_per_drift_deg: what the fit's drift adds to these. unlike: how far the margins left and right, or
    above and below, of a centred picture may differ. flat_levels: mean step between neighbours in a margin
    that shows no picture. inset_area: what fills more of the query is framed, not set into another picture.
    frame_rate, bit_rate: least relative difference. confident: below this no edit is named. pictures,
    looks: see there.
    """

    slack: float = 0.015
    bent_slack: float = 0.10
    turn_deg: float = 1.0
    per_drift: float = 1.5
    turn_per_drift_deg: float = 60.0
    unlike: float = 0.04
    flat_levels: float = 1.6
    inset_area: float = 0.72
    frame_rate: float = 0.02
    bit_rate: float = 0.05
    confident: float = 3.0
    pictures: PictureOptions = field(default_factory=PictureOptions)
    looks: LookOptions = field(default_factory=LookOptions)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the reference lies in the query once mirroring and rotation are undone.

    turn_deg is counted clockwise as seen in the query, after any mirroring of it is undone; the sides are
    fractions of the query and lie outside [0, 1] where the query shows only a part.
    """

    turn_deg: float
    left: float
    top: float
    right: float
    bottom: float

    def kept(self) -> FractionBox:
        """The part of the reference that the query shows, in fractions of the reference."""
        wide, tall = self.right - self.left, self.bottom - self.top
        x0, x1 = max(0.0, -self.left / wide), min(1.0, (1.0 - self.left) / wide)
        y0, y1 = max(0.0, -self.top / tall), min(1.0, (1.0 - self.top) / tall)
        return x0, y0, max(0.0, x1 - x0), max(0.0, y1 - y0)

    def shown(self) -> FractionBox:
        """The part of the query that shows the reference, in fractions of the query, mirroring undone."""
        x0, y0, x1, y1 = max(0.0, self.left), max(0.0, self.top), min(1.0, self.right), min(1.0, self.bottom)
        return x0, y0, max(0.0, x1 - x0), max(0.0, y1 - y0)


@dataclass(frozen=True, slots=True)
class CodedFacts:
    """What coding says of one clip's picture; None where it is not known."""

    codec: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    frame_rate_hz: float | None = None
    bit_rate_bps: float | None = None


def relate_pictures(
    query: ByteArray,
    reference: ByteArray,
    query_chroma: ByteArray | None = None,
    reference_chroma: ByteArray | None = None,
    mirrored: bool | None = None,
    options: EditOptions | None = None,
) -> PictureRelation:
    """How the query's picture shows the reference's.

    Args:
        query: uint8 (n, h, w), luma of n moments, upright, square samples; 3 to 6 moments apart in time
            tell overlays from motion.
        reference: uint8 (n, h2, w2), luma of the same moments.
        query_chroma: uint8 (n, 2, h/2, w/2), Cb and Cr; without it saturation is not judged.
        reference_chroma: uint8 (n, 2, h2/2, w2/2).
        mirrored: as known from the alignment, or None to find out.
        options: see `EditOptions`.

    Returns:
        The relation; confidence 0, no matrix and no edits where no geometry is found or n = 0.
    """
    options = options or EditOptions()
    fit = fit_pictures(query, reference, mirrored, options.pictures) if len(query) else None
    if fit is None:
        return PictureRelation(0.0, bool(mirrored), None, ())
    chroma = None
    if query_chroma is not None and reference_chroma is not None:
        chroma = (query_chroma, reference_chroma)
    edits = name_edits(fit, query, reference, chroma, options) if fit.confidence >= options.confident else ()
    matrix = tuple(float(value) for value in affine_of(fit.homography)[:2].ravel())
    return PictureRelation(fit.confidence, fit.mirrored, matrix, edits)


def name_edits(
    fit: PictureFit,
    query: ByteArray,
    reference: ByteArray,
    chroma: tuple[ByteArray, ByteArray] | None = None,
    options: EditOptions | None = None,
) -> tuple[Edit, ...]:
    """Edits that a fit and the pictures tell, in the order geometry, frame, looks.

    Args:
        fit: the map from reference to query.
        query: uint8 (n, h, w).
        reference: uint8 (n, h2, w2).
        chroma: of query and reference, as `relate_pictures` takes them.
        options: see `EditOptions`.

    Returns:
        Boxes of crop and overlay are fractions of the reference; of letterbox and picture_in_picture, of
        the query, where the reference is seen.
    """
    options = options or EditOptions()
    straight = FLIP @ fit.homography if fit.mirrored else fit.homography
    aspects = (query.shape[2] / query.shape[1], reference.shape[2] / reference.shape[1])
    place = placement_of(straight, *aspects)
    edits = [Edit("mirror")] if fit.mirrored else []
    edits += _shape_edits(fit, place, options)
    edits += _margin_edits(fit, place, query, options)
    return (*edits, *looks_of(fit, query, reference, chroma, options.looks))


def affine_of(homography: FloatArray) -> FloatArray:
    """The affine map float64 (3, 3) nearest a homography at the middle of the reference."""
    around = np.array([[0.75, 0.5], [0.25, 0.5], [0.5, 0.75], [0.5, 0.25]])
    right, left, below, above = mapped(homography, around)
    linear = np.column_stack((right - left, below - above)) * 2.0
    shift = (right + left + below + above) / 4 - linear @ (0.5, 0.5)
    return np.vstack((np.column_stack((linear, shift)), (0, 0, 1.0)))


def placement_of(homography: FloatArray, query_aspect: float, reference_aspect: float) -> Placement:
    """Rotation and sides of a map that does not mirror; the turn is undone about the query's middle."""
    squared = np.diag((query_aspect, 1.0, 1.0))
    linear = (squared @ affine_of(homography) @ np.diag((1.0 / reference_aspect, 1.0, 1.0)))[:2, :2]
    turn = np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
    cosine, sine = np.cos(turn), np.sin(turn)
    back = np.array([[cosine, sine], [-sine, cosine]])
    corners = mapped(homography, np.array([[0, 0], [1, 0], [0, 1], [1, 1.0]]))
    aspect = np.array([query_aspect, 1.0])
    level = ((corners - 0.5) * aspect) @ back.T / aspect + 0.5
    return Placement(
        turn_deg=float(np.degrees(turn)),
        left=float(level[[0, 2], 0].mean()),
        top=float(level[[0, 1], 1].mean()),
        right=float(level[[1, 3], 0].mean()),
        bottom=float(level[[2, 3], 1].mean()),
    )


def coding_edits(query: CodedFacts, reference: CodedFacts, speed: float = 1.0) -> tuple[Edit, ...]:
    """Edits that coded facts tell; both are weak, as platforms do them to everything.

    Args:
        query: facts of the query.
        reference: facts of the reference.
        speed: reference seconds per query second; a changed speed changes the frame rate by itself.

    Returns:
        `frame_rate` with both rates, `reencode` with what differs; neither where facts are missing.
    """
    edits = []
    rates = query.frame_rate_hz, reference.frame_rate_hz
    if rates[0] and rates[1]:
        ratios = (rates[0] / rates[1], rates[0] / (rates[1] * speed))
        if min(abs(ratio - 1.0) for ratio in ratios) > EditOptions().frame_rate:
            edits.append(Edit("frame_rate", None, {"query_hz": rates[0], "reference_hz": rates[1]}))
    detail = _coding_differences(query, reference)
    return (*edits, Edit("reencode", None, detail)) if detail else tuple(edits)


def _coding_differences(query: CodedFacts, reference: CodedFacts) -> dict[str, float]:
    detail: dict[str, float] = {}
    if query.codec and reference.codec and query.codec != reference.codec:
        detail["codec_differs"] = 1.0
    own = (reference.width_px or 0) * (reference.height_px or 0)
    seen = (query.width_px or 0) * (query.height_px or 0)
    if own and seen and (query.width_px, query.height_px) != (reference.width_px, reference.height_px):
        detail["pixels_ratio"] = seen / own
    if query.bit_rate_bps and reference.bit_rate_bps:
        ratio = query.bit_rate_bps / reference.bit_rate_bps
        if abs(ratio - 1.0) > EditOptions().bit_rate:
            detail["bit_rate_ratio"] = ratio
    return detail


def difference_map(query: ByteArray, reference: ByteArray, relation: PictureRelation) -> ByteArray:
    """Where the query differs from the reference, for a heat-map.

    Args:
        query: uint8 (h, w), luma of one moment.
        reference: uint8 (h2, w2), luma of the same moment.
        relation: how they relate.

    Returns:
        uint8 (h, w): difference after fitting brightness and contrast, 4 per level; 0 where the reference
        does not reach, and everywhere where the relation has no matrix.
    """
    if relation.matrix is None:
        return np.zeros_like(query)
    homography = np.vstack((np.reshape(relation.matrix, (2, 3)), (0, 0, 1.0)))
    shape = (query.shape[0], query.shape[1])
    shown, mask = warp(reference[None], homography, shape)
    inside = mask > 0
    if inside.sum() < 16:
        return np.zeros_like(query)
    own, seen = shown[0].astype(np.float64), query.astype(np.float64)
    spread = own[inside].std()
    gain = seen[inside].std() / spread if spread > 1.0 else 1.0
    expected = (own - np.median(own[inside])) * gain + np.median(seen[inside])
    return np.where(inside, np.clip(4.0 * np.abs(seen - expected), 0, 255), 0).astype(np.uint8)


def _shape_edits(fit: PictureFit, place: Placement, options: EditOptions) -> list[Edit]:
    edits = []
    slack = _slack(fit, options)
    kept = place.kept()
    if 1.0 - kept[2] > slack or 1.0 - kept[3] > slack:
        edits.append(Edit("crop", kept, {"area": kept[2] * kept[3]}))
    if fit.bent:
        edits.append(Edit("perspective", None, {"degrees": place.turn_deg}))
    elif abs(place.turn_deg) >= options.turn_deg + options.turn_per_drift_deg * fit.drift:
        edits.append(Edit("rotate", None, {"degrees": place.turn_deg}))
    return edits


def _slack(fit: PictureFit, options: EditOptions) -> float:
    return (options.bent_slack if fit.bent else options.slack) + options.per_drift * fit.drift


def _margin_edits(fit: PictureFit, place: Placement, query: ByteArray, options: EditOptions) -> list[Edit]:
    """Bars or blurred sides around the reference, or the reference set into another picture."""
    slack = _slack(fit, options)
    left, top, wide, tall = place.shown()
    right, bottom = 1.0 - left - wide, 1.0 - top - tall
    across, down = max(left, right) > slack, max(top, bottom) > slack
    if not (across or down):
        return []
    x = 1.0 - left - wide if fit.mirrored else left
    box = (x, top, wide, tall)
    outside = _outside(fit, query.shape[1:])
    if outside.mean() < 0.5 * slack:
        return []
    step = _texture(query, outside)
    lopsided = max(abs(left - right), abs(top - bottom))
    one_way = across != down and lopsided <= options.unlike
    if step <= options.flat_levels or one_way or wide * tall >= options.inset_area:
        return [Edit("letterbox", box, {"margin_levels_per_px": step})]
    return [Edit("picture_in_picture", box, {"scale": wide})]


def _outside(fit: PictureFit, shape: tuple[int, ...]) -> BoolArray:
    """Where the query does not show the reference, a little away from its edge."""
    import cv2

    full = np.full((1, 64, 64), 255, dtype=np.uint8)
    mask = warp(full, fit.homography, (shape[0], shape[1]))[1]
    kernel = np.ones((7, 7), dtype=np.uint8)
    return np.asarray(cv2.dilate(mask, kernel) == 0)


def _texture(planes: ByteArray, part: BoolArray) -> float:
    """Mean step between neighbours two samples apart, in levels, within a part of the planes."""
    soft = planes.astype(np.int16)
    both = part[2:, 2:] & part[:-2, :-2]
    if not both.any():
        return 0.0
    steps = np.abs(soft[:, 2:, 2:] - soft[:, :-2, 2:]) + np.abs(soft[:, 2:, 2:] - soft[:, 2:, :-2])
    return float(steps[:, both].mean() / 2.0)

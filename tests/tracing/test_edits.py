"""Edits named from pictures with known edits, and none where nothing was done."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.tracing.pictures import coded, cropped, resized, scene
from vidforensics.tracing.edits import (
    CodedFacts,
    coding_edits,
    difference_map,
    placement_of,
    relate_pictures,
)
from vidforensics.types import PictureRelation


def chroma(seed: int, moments: int = 3, strength: float = 30.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    soft = [cv2.GaussianBlur(rng.normal(0, 1, (90, 160)).astype(np.float32), (0, 0), 6) for _ in range(2)]
    planes = np.stack([plane / plane.std() * strength + 128 for plane in soft])
    return np.repeat(np.clip(planes, 0, 255).astype(np.uint8)[None], moments, axis=0)


def kinds(relation: PictureRelation) -> list[str]:
    return [edit.kind for edit in relation.edits]


def box_of(relation: PictureRelation, kind: str) -> tuple[float, float, float, float]:
    box = next(edit.box for edit in relation.edits if edit.kind == kind)
    assert box is not None
    return box


@pytest.mark.parametrize("quality", [15, 40, 80])
def test_a_reencode_is_no_edit(quality):
    planes, colours = scene(1), chroma(1)
    relation = relate_pictures(coded(planes, quality), planes, colours, colours)
    assert relation.confidence > 10 and not relation.edits
    assert relation.matrix is not None and np.allclose(relation.matrix, (1, 0, 0, 0, 1, 0), atol=0.01)


def test_crop_box():
    box = (0.1, 0.2, 0.75, 0.75)
    relation = relate_pictures(coded(cropped(scene(2), box)), scene(2))
    assert kinds(relation) == ["crop"]
    assert np.allclose(box_of(relation, "crop"), box, atol=0.02)


def test_mirrored_crop():
    box = (0.05, 0.1, 0.8, 0.8)
    query = np.ascontiguousarray(coded(cropped(scene(3), box))[:, :, ::-1])
    relation = relate_pictures(query, scene(3))
    assert relation.mirrored and kinds(relation) == ["mirror", "crop"]
    assert np.allclose(box_of(relation, "crop"), box, atol=0.02)


@pytest.mark.parametrize("degrees", [-5.0, 3.0])
def test_rotation_is_clockwise_positive(degrees):
    planes = scene(4)
    turn = cv2.getRotationMatrix2D((159.5, 89.5), -degrees, 1.0)
    query = np.stack([cv2.warpAffine(plane, turn, (320, 180)) for plane in planes])
    relation = relate_pictures(coded(query), planes)
    assert kinds(relation) == ["rotate"]
    assert relation.edits[0].detail["degrees"] == pytest.approx(degrees, abs=0.2)


@pytest.mark.parametrize(("pad_x", "pad_y"), [(0, 40), (60, 0)])
def test_bars(pad_x, pad_y):
    planes = scene(5)
    query = np.pad(planes, ((0, 0), (pad_y, pad_y), (pad_x, pad_x)), constant_values=16)
    relation = relate_pictures(coded(query), planes)
    assert kinds(relation) == ["letterbox"]
    height, width = query.shape[1:]
    expected = (pad_x / width, pad_y / height, 320 / width, 180 / height)
    assert np.allclose(box_of(relation, "letterbox"), expected, atol=0.01)


def test_blurred_sides_are_a_frame():
    planes = scene(6)
    inner = resized(planes, 180, 102)
    query = np.stack([cv2.blur(cv2.resize(plane, (180, 320)), (25, 25)) for plane in planes])
    query[:, 109:211] = inner
    assert kinds(relate_pictures(coded(query), planes)) == ["letterbox"]


def test_inset_in_another_picture():
    query = scene(8)
    query[:, 60:150, 130:290] = resized(scene(7), 160, 90)
    relation = relate_pictures(coded(query), scene(7))
    assert kinds(relation) == ["picture_in_picture"]
    expected = (130 / 320, 60 / 180, 0.5, 0.5)
    assert np.allclose(box_of(relation, "picture_in_picture"), expected, atol=0.02)


def test_inset_of_a_mirrored_picture_lies_where_it_is_seen():
    query = scene(8)
    query[:, 60:150, 20:180] = resized(scene(7), 160, 90)[:, :, ::-1]
    relation = relate_pictures(coded(query), scene(7))
    assert kinds(relation) == ["mirror", "picture_in_picture"]
    assert np.allclose(box_of(relation, "picture_in_picture"), (20 / 320, 60 / 180, 0.5, 0.5), atol=0.02)


def test_caption_and_logo_are_overlays():
    query = scene(9)
    query[:, 152:] = 20
    query[:, 160:170, 20:200:6] = 235
    query[:, 10:60, 210:310] = 250
    relation = relate_pictures(coded(query), scene(9))
    assert kinds(relation) == ["overlay", "overlay"]
    boxes = sorted((edit.box for edit in relation.edits if edit.box), key=lambda box: box[1])
    assert np.allclose(boxes[0], (210 / 320, 10 / 180, 100 / 320, 50 / 180), atol=0.03)
    assert np.allclose(boxes[1], (0, 152 / 180, 1, 28 / 180), atol=0.03)


def test_motion_is_no_overlay():
    planes = scene(10, moments=4)
    late = scene(10, moments=5)[1:]
    assert "overlay" not in kinds(relate_pictures(coded(late), planes))


def test_brightness_and_contrast():
    query = np.clip((scene(11).astype(float) - 128) * 1.35 + 150, 0, 255).astype(np.uint8)
    relation = relate_pictures(coded(query), scene(11))
    assert kinds(relation) == ["colour"]
    assert relation.edits[0].detail["gain"] > 1.1


def test_grayscale():
    planes, colours = scene(12), chroma(12)
    relation = relate_pictures(coded(planes), planes, np.full_like(colours, 128), colours)
    assert kinds(relation) == ["colour"]
    assert relation.edits[0].detail["saturation"] == pytest.approx(0, abs=0.05)


def test_no_geometry_no_edits():
    flat = np.full((3, 180, 320), 16, np.uint8)
    none = np.zeros((0, 180, 320), np.uint8)
    for relation in (relate_pictures(flat, scene(1)), relate_pictures(none, none, mirrored=True)):
        assert relation.matrix is None and not relation.edits and relation.confidence == 0
    assert not relate_pictures(scene(13), scene(14)).edits


def test_placement_of_identity():
    place = placement_of(np.eye(3), 16 / 9, 16 / 9)
    assert np.allclose((place.turn_deg, *place.kept(), *place.shown()), (0, 0, 0, 1, 1, 0, 0, 1, 1))


def test_coded_facts():
    own = CodedFacts("h264", 1280, 720, 25.0, 2_000_000)
    assert coding_edits(own, own) == () and coding_edits(CodedFacts(), own) == ()
    weak = coding_edits(CodedFacts("h264", 426, 240, 25.0, 300_000), own)
    assert [edit.kind for edit in weak] == ["reencode"]
    assert weak[0].detail["pixels_ratio"] == pytest.approx(426 * 240 / (1280 * 720))
    assert [e.kind for e in coding_edits(CodedFacts(frame_rate_hz=12), own)] == ["frame_rate"]
    # a clip slowed to 0.8 without dropping frames has 0.8 of the rate
    assert coding_edits(CodedFacts(frame_rate_hz=20.0), own, speed=0.8) == ()


def test_difference_map_shows_the_overlay_only():
    planes = scene(15)
    query = planes.copy()
    query[:, 20:60, 30:90] = 255 - query[:, 20:60, 30:90]
    relation = relate_pictures(query, planes)
    heat = difference_map(query[0], planes[0], relation)
    assert heat.shape == query[0].shape and heat.dtype == np.uint8
    assert heat[25:55, 35:85].mean() > 4 * heat[90:].mean()
    assert not difference_map(query[0], planes[0], PictureRelation(0.0, False, None, ())).any()

"""The map between two pictures found from both."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.tracing.pictures import coded, cropped, scene
from vidforensics.tracing.geometry import ACCEPTED
from vidforensics.tracing.geometry_pictures import fit_pictures, in_px, inverse, mapped, warp

CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1.0]])


def test_identity_of_a_coded_copy():
    planes = scene(1)
    fit = fit_pictures(coded(planes), planes)
    assert fit is not None and not fit.mirrored and not fit.bent
    assert np.abs(mapped(fit.homography, CORNERS) - CORNERS).max() < 0.005
    assert fit.agreeing == fit.judged > 20 and fit.confidence > 10


def test_crop_and_mirror_are_found_together():
    planes = scene(2)
    box = (0.2, 0.1, 0.7, 0.7)
    query = coded(np.ascontiguousarray(cropped(planes, box)[:, :, ::-1]))
    fit = fit_pictures(query, planes)
    assert fit is not None and fit.mirrored
    expected = np.column_stack((1 - (CORNERS[:, 0] - 0.2) / 0.7, (CORNERS[:, 1] - 0.1) / 0.7))
    assert np.abs(mapped(fit.homography, CORNERS) - expected).max() < 0.02
    told = fit_pictures(query, planes, mirrored=True)
    assert told is not None and np.allclose(told.homography, fit.homography)


def test_perspective_is_told_from_affine():
    planes = scene(3)
    seen = np.array([[0.05, 0.06], [0.97, 0.02], [0.02, 0.95], [0.95, 0.99]])
    homography = cv2.getPerspectiveTransform(CORNERS.astype(np.float32), seen.astype(np.float32))
    query, _ = warp(planes, homography, planes.shape[1:])
    fit = fit_pictures(coded(query), planes)
    assert fit is not None and fit.bent
    assert np.abs(mapped(fit.homography, CORNERS) - seen).max() < 0.01


def test_strangers_have_no_confidence():
    fit = fit_pictures(scene(4), scene(5))
    assert fit is None or fit.confidence < ACCEPTED


def test_a_shared_logo_is_not_a_copy():
    query, reference = scene(6), scene(7)
    logo = np.random.default_rng(0).integers(0, 256, (6, 10)).astype(np.uint8)
    logo = cv2.resize(logo, (90, 54), interpolation=cv2.INTER_NEAREST)
    query[:, 6:60, 6:96] = logo
    reference[:, 6:60, 6:96] = logo
    fit = fit_pictures(query, reference)
    assert fit is not None and fit.inliers > 10 and fit.confidence < ACCEPTED


def test_moments_that_disagree_show_as_drift():
    planes = scene(10)
    assert fit_pictures(coded(planes), planes).drift < 0.002
    shifted = np.stack([np.roll(plane, 4 * index, axis=1) for index, plane in enumerate(planes)])
    assert fit_pictures(coded(shifted), planes).drift == pytest.approx(8 / 320, abs=0.005)


def test_nothing_to_match():
    empty = np.zeros((0, 180, 320), np.uint8)
    assert fit_pictures(empty, empty) is None
    flat = np.full((3, 180, 320), 90, np.uint8)
    assert fit_pictures(flat, scene(8)) is None
    assert fit_pictures(scene(8), flat) is None


@pytest.mark.parametrize("shape", [(90, 160), (180, 320), (320, 180)])
def test_warping_by_identity_resizes(shape):
    planes = scene(9)
    out, mask = warp(planes, np.eye(3), shape)
    assert out.shape == (3, *shape) and mask.all()
    back, _ = warp(out, np.eye(3), planes.shape[1:])
    assert np.abs(back.astype(float) - cv2.GaussianBlur(planes[0], (0, 0), 1.5)).mean() < 25


def test_px_and_fractions_are_inverse():
    homography = np.array([[0.7, 0.1, 0.2], [-0.1, 0.9, 0.05], [0.02, 0.01, 1]])
    there, back = in_px(homography, (90, 160), (180, 320)), in_px(inverse(homography), (180, 320), (90, 160))
    assert np.allclose(there @ back / (there @ back)[2, 2], np.eye(3), atol=1e-9)

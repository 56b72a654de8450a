"""Fingerprints of pictures: which frames are taken, and what is kept of each."""

from __future__ import annotations

import numpy as np

from tests.features.test_picture_code import textured
from vidforensics.features.picture_code import CODE_BYTES, codes_of
from vidforensics.features.picture_points import DESCRIPTOR_BYTES, STORED_POINTS, points_of
from vidforensics.features.picture_print import PicturePrintAccumulator, PrintOptions
from vidforensics.types import FrameBlock


def block(luma: np.ndarray, times_s: np.ndarray) -> FrameBlock:
    chroma = np.zeros((len(luma), 2, 1, 1), np.uint8)
    return FrameBlock(0, np.asarray(times_s, float), luma, chroma, ())


def test_sparse_takes_every_frame() -> None:
    luma = np.stack([textured(seed) for seed in range(3)])
    accumulator = PicturePrintAccumulator()
    accumulator.update(block(luma[:2], np.array([0.0, 0.1])))
    accumulator.update(block(luma[2:], np.array([5.0])))
    made = accumulator.finish()
    assert made.sampling == "i-frames" and made.times_s.tolist() == [0.0, 0.1, 5.0]
    np.testing.assert_allclose(made.aspect, 320 / 180)
    np.testing.assert_array_equal(made.codes[2], codes_of(luma[2:])[0][0])
    points, descriptors = points_of(luma[1], STORED_POINTS)
    np.testing.assert_array_equal(made.points[1], points)
    np.testing.assert_array_equal(made.descriptors[1], descriptors)


def test_dense_takes_four_frames_a_second_across_blocks_and_jumps() -> None:
    times_s = np.concatenate([np.arange(50) / 25, 0.5 + np.arange(25) / 25])  # jumps back once
    accumulator = PicturePrintAccumulator(PrintOptions.dense())
    luma = np.broadcast_to(textured(1), (75, 180, 320))
    for start in range(0, 75, 10):
        accumulator.update(block(luma[start : start + 10], times_s[start : start + 10]))
    made = accumulator.finish()
    steps = np.abs(np.diff(made.times_s))
    assert made.sampling == "dense" and steps.min() >= 0.249 and len(made.times_s) >= 11
    assert made.points.shape == (len(made.times_s), 0, 4)


def test_empty_pictures_have_no_points() -> None:
    accumulator = PicturePrintAccumulator()
    accumulator.update(block(np.zeros((2, 180, 320), np.uint8), np.array([0.0, 1.0])))
    made = accumulator.finish()
    assert not made.quality.any() and not made.points.any()


def test_no_frame_gives_an_empty_print() -> None:
    made = PicturePrintAccumulator().finish()
    assert made.codes.shape == (0, CODE_BYTES) and made.times_s.shape == (0,) and np.isnan(made.aspect)
    assert made.points.shape == (0, STORED_POINTS, 4)
    assert made.descriptors.shape == (0, STORED_POINTS, DESCRIPTOR_BYTES)

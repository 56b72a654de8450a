"""Source measurements: they follow how a picture was made and hold still while what it shows changes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.extraction.clips import blocks_of
from vidforensics.features.picture_source import INTERVAL_S, NAMES, PictureSourceAccumulator
from vidforensics.features.picture_source_colour import COLOUR_NAMES, colour_values
from vidforensics.features.picture_source_noise import (
    NOISE_NAMES,
    STILL_NAMES,
    Scales,
    noise_values,
    stillness_values,
)
from vidforensics.features.picture_source_spectrum import SPECTRUM_NAMES, spectrum_values
from vidforensics.types import FrameBlock, NativePlanes


def scene(seed: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """Smooth shapes, float32, mean near 120."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(40, 200, (size[0] // 20, size[1] // 20)).astype(np.float32)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def noisy(seed: int, sigma: float) -> np.ndarray:
    rng = np.random.default_rng(seed + 99)
    return scene(seed) + rng.normal(0, sigma, (240, 320)).astype(np.float32)


def named(names: tuple[str, ...], values: np.ndarray) -> dict[str, float]:
    return dict(zip(names, values.tolist(), strict=True))


def noise(plane: np.ndarray, chroma: tuple[np.ndarray, ...] = ()) -> dict[str, float]:
    return named(NOISE_NAMES, noise_values(Scales.of(plane), chroma))


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_noise_is_the_standard_deviation_whatever_the_scene(sigma):
    for seed in range(3):
        assert noise(noisy(seed, sigma))["noise_1_50"] == pytest.approx(np.log2(sigma), abs=0.25)


def test_an_enlarged_picture_lacks_noise_at_the_finest_scale():
    native = noisy(1, 3.0)
    enlarged = cv2.resize(native[:160, :213], (320, 240), interpolation=cv2.INTER_CUBIC)
    assert noise(enlarged)["noise_step_flat"] < noise(native)["noise_step_flat"] - 0.5


def test_black_and_blown_out_blocks_do_not_count():
    plane = noisy(1, 3.0)
    barred = plane.copy()
    barred[:64], barred[-64:] = 0.0, 255.0
    assert noise(barred)["noise_1_25"] == pytest.approx(noise(plane)["noise_1_25"], abs=0.2)


def test_a_black_picture_and_one_without_chroma_give_no_number_where_there_is_none():
    assert np.isnan(noise_values(Scales.of(np.zeros((240, 320), np.float32)), ())).all()
    assert np.isnan(noise(noisy(1, 3.0))["noise_cb_50"])
    assert np.isnan(named(COLOUR_NAMES, colour_values(noisy(1, 3.0), ()))["saturation"])


def test_colour_noise_is_measured_in_each_plane():
    rng = np.random.default_rng(5)
    flat = np.full((120, 160), 128.0, np.float32)
    coarse = flat + rng.normal(0, 4.0, flat.shape).astype(np.float32)
    found = noise(noisy(1, 3.0), (flat, coarse))
    assert found["noise_cr_50"] > found["noise_cb_50"] + 4.0


def test_repeated_pictures_stand_still():
    plane = noisy(2, 3.0)
    still = named(STILL_NAMES, stillness_values(Scales.of(plane), plane.copy()))
    alive = named(STILL_NAMES, stillness_values(Scales.of(plane), noisy(2, 3.0)[::-1].copy()))
    assert still["still_share"] == 1.0
    assert alive["still_share"] == 0.0
    assert still["still_25"] < alive["still_25"] - 3.0


def test_blur_moves_the_spectrum_down_and_softens_edges():
    sharp = noisy(3, 3.0)
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.2)
    one, other = (named(SPECTRUM_NAMES, spectrum_values(Scales.of(p))) for p in (sharp, soft))
    assert other["spectrum_8"] < one["spectrum_8"] - 2.0
    assert other["edge_1_2"] < one["edge_1_2"] - 0.2


def test_enlarging_leaves_a_period():
    rng = np.random.default_rng(7)
    picture = rng.normal(120, 25, (176, 235)).astype(np.float32)
    enlarged = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_LINEAR)
    native = rng.normal(120, 25, (240, 320)).astype(np.float32)
    found, without = (named(SPECTRUM_NAMES, spectrum_values(Scales.of(p))) for p in (enlarged, native))
    assert found["resampling_across"] > without["resampling_across"] + 3.0


def test_interlaced_lines_comb():
    moved = scene(4)
    combed = moved.copy()
    combed[1::2] = np.roll(moved, 12, axis=1)[1::2]
    one, other = (named(SPECTRUM_NAMES, spectrum_values(Scales.of(p))) for p in (moved, combed))
    assert other["combing"] > one["combing"] + 1.0


def test_narrow_range_is_widened():
    planes = NativePlanes(
        np.full((96, 96), 16, np.uint8), tuple(np.full((48, 48), 128, np.uint8) for _ in range(2)), False
    )

    class Coded:
        def planes(self) -> NativePlanes:
            return planes

    series = PictureSourceAccumulator()
    grey = np.zeros((2, 96, 96), np.uint8)
    series.update(FrameBlock(0, np.array([0.0, 0.04]), grey, grey[:, None], (Coded(), Coded())))
    found = named(NAMES, series.finish().values[0])
    assert found["median"] == 0.0
    assert found["cb"] == 0.0


def test_a_frame_is_measured_every_interval_whatever_the_block_size():
    luma = np.stack([np.clip(noisy(i, 2.0), 0, 255).astype(np.uint8) for i in range(25)])
    taken = []
    for size in (32, 7, 1):
        series = PictureSourceAccumulator()
        for block in blocks_of(luma, size=size):
            series.update(block)
        taken.append(series.finish())
    assert (np.diff(taken[0].times_s) >= INTERVAL_S - 1e-9).all()
    for other in taken[1:]:
        assert np.array_equal(other.times_s, taken[0].times_s)
    at = [i for i, name in enumerate(NAMES) if name not in STILL_NAMES]
    assert np.array_equal(taken[0].values[:, at], taken[2].values[:, at], equal_nan=True)


def test_no_picture_and_tiny_pictures_give_no_row():
    series = PictureSourceAccumulator()
    for block in blocks_of(np.zeros((5, 32, 32), np.uint8)):
        series.update(block)
    assert series.finish().values.shape == (0, len(NAMES))
    assert PictureSourceAccumulator().finish().values.shape == (0, len(NAMES))

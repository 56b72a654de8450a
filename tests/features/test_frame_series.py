"""Per-frame numbers against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn

from tests.features.test_frame_hashes import block, textured
from vidforensics.features.frame_series import NAMES, FrameSeriesAccumulator, signatures
from vidforensics.features.motion import cell_velocity


def measured(luma, sizes=None):
    accumulator = FrameSeriesAccumulator()
    at = 0
    for size in sizes or [len(luma)]:
        accumulator.update(block(luma[at : at + size], times=np.arange(at, at + size) / 25))
        at += size
    return accumulator.finish()


def reduced(luma):
    count, height, width = luma.shape
    return luma.reshape(count, height // 4, 4, width // 4, 4).astype(np.float64).mean(axis=(2, 4))


@pytest.fixture(scope="module")
def panning():
    wide = textured(5, 180, 400)
    return np.stack([wide[:, 2 * i : 2 * i + 320] for i in range(24)])


def test_differences_equal_their_definition(panning):
    series = measured(panning).values
    planes = reduced(panning)
    assert series["difference"][1:] == pytest.approx(
        np.abs(np.diff(planes, axis=0)).mean(axis=(1, 2)), abs=1e-3
    )
    expected = np.abs(planes[2:] - planes[:-2]).mean(axis=(1, 2))
    assert series["difference_2"][2:] == pytest.approx(expected, abs=1e-3)
    assert series["brightness"] == pytest.approx(planes.mean(axis=(1, 2)), abs=1e-3)
    assert (series["difference_max"][1:] >= series["difference"][1:]).all()


def test_what_needs_a_neighbour_is_unknown_without_one(panning):
    values = measured(panning).values
    always = [name for name in NAMES if not name.startswith("shift")]
    first = {name: np.flatnonzero(np.isfinite(values[name]))[0] for name in always}
    assert first == {
        "difference": 1,
        "difference_2": 2,
        "difference_max": 1,
        "residual_correlation": 1,
        "brightness": 0,
        "sharpness": 0,
        "motion": 1,
        "motion_break": 2,
        "motion_return": 3,
    }


@pytest.mark.parametrize("sizes", [[1] * 24, [1, 2, 21], [23, 1], [5, 5, 5, 5, 4]])
def test_block_sizes_do_not_matter(panning, sizes):
    whole, pieces = measured(panning), measured(panning, sizes)
    for name in NAMES:
        assert pieces.values[name] == pytest.approx(whole.values[name], rel=1e-3, abs=1e-3, nan_ok=True), name
    assert np.array_equal(whole.signatures, pieces.signatures)
    assert np.array_equal(whole.velocities, pieces.velocities)
    assert np.array_equal(whole.cells, pieces.cells)
    assert np.array_equal(whole.times_s, pieces.times_s)


def test_steady_pan_moves_and_does_not_break(panning):
    values = measured(panning).values
    assert np.nanmedian(values["motion"]) == pytest.approx(0.5, abs=0.2)  # 2 px = half a reduced sample
    assert np.nanmax(values["motion_break"]) < 0.3 * np.nanmedian(values["motion"])


def test_missing_frames_break_the_motion_and_it_returns(panning):
    values = measured(np.delete(panning, slice(10, 14), axis=0)).values
    assert np.nanargmax(values["difference"]) == 10
    assert values["motion_break"][10] > 3 * np.nanmedian(values["motion_break"])
    assert values["motion_return"][11] < 0.5 * values["motion_break"][10]


def test_repeated_frame_is_still(panning):
    luma = np.insert(panning, 12, panning[11], axis=0)
    values = measured(luma).values
    assert values["difference"][12] == 0
    assert values["motion"][12] == 0
    assert values["residual_correlation"][12] == pytest.approx(1.0)


def test_velocity_of_a_shift_is_found_in_both_directions():
    wide = reduced(textured(9, 240, 400)[None])[0].astype(np.float32)
    here, right, down = wide[5:45, 5:75], wide[5:45, 4:74], wide[4:44, 5:75]
    flow = cell_velocity(np.stack([here, here]), np.stack([right, down]))
    assert np.median(flow[0, ..., 0]) == pytest.approx(1.0, abs=0.35)
    assert np.median(np.abs(flow[0, ..., 1])) < 0.2
    assert np.median(flow[1, ..., 1]) == pytest.approx(1.0, abs=0.35)


def test_fade_is_no_motion():
    still = np.stack([np.clip(textured(3).astype(int) // 2 + i, 0, 255) for i in range(8)]).astype(np.uint8)
    assert np.nanmax(measured(still).values["motion"]) < 0.02


def test_signatures_are_dct_coefficients():
    planes = np.random.default_rng(0).uniform(0, 255, (2, 45, 80)).astype(np.float32)
    for plane, row in zip(planes, signatures(planes), strict=True):
        oracle = dctn(plane.astype(np.float64), norm="ortho")[:8, :16] / np.sqrt(45 * 80)
        assert row.reshape(8, 16) / 64 == pytest.approx(oracle, abs=0.02)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (180, 1), (7, 640)])
def test_odd_sizes(shape):
    series = measured(np.random.default_rng(0).integers(0, 255, (5, *shape), dtype=np.uint8))
    assert series.signatures.shape == (5, 128)
    assert all(len(v) == 5 for v in series.values.values())


def test_no_frame_gives_empty_arrays():
    series = FrameSeriesAccumulator().finish()
    assert series.signatures.shape == (0, 128)
    assert set(series.values) == set(NAMES)
    assert all(len(v) == 0 for v in series.values.values())


def test_memory_per_frame_is_bounded(panning):
    series = measured(panning)
    assert series.signatures[0].nbytes <= 256
    assert series.cells[0].nbytes + series.velocities[0].nbytes <= 192
    assert series.times_s.itemsize + 8 * len(NAMES) <= 128


def test_cells_hold_the_greatest_change(panning):
    series = measured(panning)
    greatest = series.cells.max(axis=1) / 256
    assert greatest[1:] == pytest.approx(series.values["difference_max"][1:], abs=0.01)
    assert (series.cells[0] == 0).all()


def test_shift_of_a_jump_is_found_and_undone(panning):
    values = measured(np.delete(panning, slice(6, 18), axis=0)).values
    assert values["shift_x"][6] == pytest.approx(-6.5, abs=0.6)  # 26 px to the left, a quarter of it
    assert values["shift_left"][6] < 0.5


def test_two_unrelated_pictures_share_nothing():
    cut = measured(np.stack([textured(seed) for seed in (1, 1, 1, 2)])).values
    assert cut["shift_left"][3] == pytest.approx(np.sqrt(2), abs=0.35)


def test_measuring_a_shift_leaves_the_picture_alone(panning):
    luma = np.delete(panning, slice(6, 18), axis=0)
    series = measured(luma)
    assert np.array_equal(series.signatures, signatures(reduced(luma).astype(np.float32)))

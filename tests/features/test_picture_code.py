"""The picture code: equal to a slow computation of its network, steady under edits, silent on furniture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate

from tests.benchmarks.picture_code_edits import EDITS
from vidforensics.features import picture_code_net
from vidforensics.features.picture_code import CODE_BYTES, codes_of
from vidforensics.features.picture_code_net import vectors_of
from vidforensics.features.picture_code_quality import quality_of
from vidforensics.tracing import picture_odds


@cache
def textured(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    """A picture with detail at every scale, as camera pictures have."""
    rng = np.random.default_rng(seed)
    total = sum(gaussian_filter(rng.normal(size=(height, width)), s) * s**1.3 for s in (2, 6, 18, 45))
    total = (total - total.min()) / np.ptp(total)
    return np.rint(total * 255).astype(np.uint8)


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def slow_vector(plane: np.ndarray) -> np.ndarray:
    """The network written out with a correlation per pair of channels."""
    weights = picture_code_net._weights()
    cells = picture_code_net._input(plane).astype(np.float64)
    for layer, stride in enumerate((2, 2, 1, 2, 1)):
        kernel = weights[f"kernel{layer}"]
        half = kernel.shape[0] // 2
        padded = np.pad(cells, ((half, half), (half, half), (0, 0)))
        full = np.stack(
            [
                sum(correlate(padded[:, :, c], kernel[:, :, c, o], "valid") for c in range(kernel.shape[2]))
                for o in range(kernel.shape[3])
            ],
            axis=-1,
        )
        cells = np.maximum(full[::stride, ::stride] + weights[f"bias{layer}"], 0)
    reduced = cells @ weights["grid"]
    places = [
        reduced[a:b, c:d, channel].mean()
        for channel in range(reduced.shape[-1])
        for a, b in ((0, 3), (2, 6), (5, 8))
        for c, d in ((0, 3), (2, 6), (5, 8))
    ]
    power = (np.maximum(cells, 1e-4) ** 3).mean(axis=(0, 1)) ** (1 / 3)
    features = np.concatenate([power, cells.mean(axis=(0, 1)), places])
    return features @ weights["last"] - weights["middle"]


def test_vectors_equal_the_network_written_out() -> None:
    plane = textured(1)
    np.testing.assert_allclose(vectors_of(plane[np.newaxis])[0], slow_vector(plane), atol=2e-3)


def test_a_stack_gives_what_its_planes_give() -> None:
    planes = np.stack([textured(seed) for seed in range(20)])
    codes, quality = codes_of(planes)
    assert codes.shape == (20, CODE_BYTES) and codes.dtype == np.uint8
    for plane, code, value in zip(planes, codes, quality, strict=True):
        one, one_quality = codes_of(plane[np.newaxis])
        # sums are taken in another order, which may turn a number that is nearly 0
        assert distance(one[0], code) <= 2 and one_quality[0] == value > 0


@pytest.mark.parametrize("name", sorted(set(EDITS) - {"crop 25% + logo", "logo 18%", "crop 40% to a corner"}))
def test_edited_pictures_stay_nearer_than_strangers(name: str) -> None:
    rng = np.random.default_rng(5)
    planes = [textured(seed) for seed in range(20)]
    stored = np.concatenate([codes_of(plane[np.newaxis])[0] for plane in planes])
    edited = np.concatenate([codes_of(EDITS[name](plane, rng)[np.newaxis])[0] for plane in planes[:10]])
    apart = np.array([[distance(one, other) for other in stored] for one in edited])
    # made-up textures are unlike what the network was trained on
    assert np.mean(apart.argmin(axis=1) == np.arange(10)) >= 0.9


def test_no_plane_gives_no_code() -> None:
    codes, quality = codes_of(np.zeros((0, 180, 320), np.uint8))
    assert codes.shape == (0, CODE_BYTES) and quality.shape == (0,)


def test_tiny_planes_have_codes_too() -> None:
    codes, quality = codes_of(np.zeros((2, 1, 3), np.uint8))
    assert codes.shape == (2, CODE_BYTES) and not quality.any()


def bars() -> np.ndarray:
    return np.repeat(np.array([[235, 180, 150, 120, 90, 60, 30, 16]], np.uint8), 40, axis=1).repeat(
        180, axis=0
    )


def title(text: str) -> np.ndarray:
    plane = np.full((180, 320), 12, np.uint8)
    cv2.putText(plane, text, (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 230, 2)
    return plane


@pytest.mark.parametrize(
    "plane",
    [
        np.zeros((180, 320), np.uint8),
        np.full((180, 320), 128, np.uint8),
        np.clip(16 + np.random.default_rng(0).normal(0, 10, (180, 320)), 0, 255).astype(np.uint8),
        bars(),
        np.tile(np.arange(320) * 255 // 319, (180, 1)).astype(np.uint8),
        title("Chapter one"),
    ],
    ids=["black", "grey", "grain on black", "bars", "gradient", "title"],
)
def test_furniture_has_no_quality(plane: np.ndarray) -> None:
    assert quality_of(plane[np.newaxis])[0] == 0
    coded = cv2.imdecode(cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0)
    assert quality_of(coded[np.newaxis])[0] == 0


def test_weights_fall_with_distance_and_bound_the_search() -> None:
    weights = picture_odds.weights(np.arange(257))
    assert weights.dtype == np.float32 and (np.diff(weights) <= 0).all()
    assert weights[0] > 4 and weights[128] == 0 and weights[picture_odds.MAX_DISTANCE] > 0
    assert picture_odds.weights(np.zeros((0, 3), np.int64)).shape == (0, 3)

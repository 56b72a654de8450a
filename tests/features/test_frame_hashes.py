"""Frame hashes against the reference implementation and a brute-force DCT."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pdqhash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from vidforensics.features.frame_hashes import (
    ALGORITHM,
    FrameHashAccumulator,
    HashOptions,
    bits_of,
    dct_matrix,
    hash_luma,
    quality_of,
    to_imagehash,
)
from vidforensics.types import FrameBlock


def textured(seed, height=180, width=320):
    """A picture with detail at every scale, as camera pictures have."""
    rng = np.random.default_rng(seed)
    total = sum(gaussian_filter(rng.normal(size=(height, width)), s) * s**1.3 for s in (2, 6, 18, 45))
    total = (total - total.min()) / np.ptp(total)
    return np.rint(total * 255).astype(np.uint8)


def block(luma, times=None):
    luma = np.asarray(luma, dtype=np.uint8)
    times = np.arange(len(luma)) / 25 if times is None else np.asarray(times, dtype=np.float64)
    return FrameBlock(0, times, luma, np.zeros((len(luma), 2, 1, 1), np.uint8), ())


def distance(a, b):
    return int(np.unpackbits(a ^ b).sum())


def test_bits_equal_a_brute_force_dct():
    small = np.random.default_rng(1).uniform(0, 255, size=(3, 64, 64)).astype(np.float32)
    for plane, bits in zip(small, bits_of(small), strict=True):
        coefficients = dctn(plane.astype(np.float64), norm="ortho")[1:17, 1:17]
        assert (np.unpackbits(bits)[::-1].reshape(16, 16) == (coefficients > np.median(coefficients))).all()


def test_dct_rows_are_orthonormal():
    basis = dct_matrix().astype(np.float64)
    assert np.allclose(basis @ basis.T, np.eye(16), atol=1e-5)


def test_close_to_the_reference_hash_of_the_full_frame():
    distances = []
    for seed in range(8):
        full = textured(seed, 720, 1280)
        reference, quality = pdqhash.compute(np.repeat(full[..., None], 3, axis=2))
        plane = cv2.resize(full, (320, 180), interpolation=cv2.INTER_AREA)
        bits, ours = hash_luma(plane[None])
        assert quality >= 80
        assert abs(int(ours[0]) - quality) <= 10
        distances.append(int((np.unpackbits(bits[0]) != reference.astype(bool)).sum()))
    assert max(distances) <= 10


@pytest.mark.parametrize("level", [0, 17, 255])
def test_blank_frames_have_no_quality(level):
    _, quality = hash_luma(np.full((1, 90, 160), level, np.uint8))
    assert quality.tolist() == [0]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 3))
def test_any_size_and_any_count(height, width, count):
    bits, quality = hash_luma(np.zeros((count, height, width), np.uint8))
    assert bits.shape == (count, 32)
    assert quality.shape == (count,)


def test_quality_stays_in_range_for_noise():
    noise = np.random.default_rng(0).uniform(0, 255, (1, 64, 64)).astype(np.float32)
    assert quality_of(noise).tolist() == [100]


def test_sampling_in_time_and_at_changes():
    a, b = textured(1), textured(2)
    accumulator = FrameHashAccumulator(interval_s=0.5)
    accumulator.update(block([a] * 20))
    accumulator.update(block([b] * 20, times=np.arange(20, 40) / 25))
    hashes = accumulator.finish()
    assert hashes.algorithm == ALGORITHM
    assert hashes.times_s.tolist() == pytest.approx([0.0, 0.52, 0.8, 1.32])
    assert distance(hashes.bits[0], hashes.bits[1]) == 0
    assert distance(hashes.bits[1], hashes.bits[2]) > 80


def test_flicker_cannot_fill_the_memory():
    accumulator = FrameHashAccumulator(options=HashOptions(least_gap_s=0.1))
    accumulator.update(block([textured(i % 2) for i in range(50)]))
    assert len(accumulator.finish().times_s) <= 2.0 / 0.1 + 1


def test_block_sizes_do_not_matter():
    luma = np.stack([textured(i // 7) for i in range(30)])
    whole, pieces = FrameHashAccumulator(), FrameHashAccumulator()
    whole.update(block(luma))
    for i in range(0, 30, 4):
        pieces.update(block(luma[i : i + 4], times=np.arange(i, min(30, i + 4)) / 25))
    a, b = whole.finish(), pieces.finish()
    assert np.array_equal(a.bits, b.bits)
    assert np.array_equal(a.times_s, b.times_s)


def test_no_frame_gives_empty_arrays():
    hashes = FrameHashAccumulator().finish()
    assert hashes.bits.shape == (0, 32)
    assert len(hashes.times_s) == len(hashes.quality) == 0


def test_imagehash_keeps_the_distance():
    bits, _ = hash_luma(np.stack([textured(1), textured(2)]))
    a, b = (to_imagehash(row) for row in bits)
    assert a - b == distance(bits[0], bits[1])
    with pytest.raises(ValueError, match="32 bytes"):
        to_imagehash(bits)


def test_close_to_the_reference_hash_on_footage(footage):
    distances = []
    for path in sorted((footage / "talking").glob("*.mp4"))[::12]:
        with av.open(str(path)) as container:
            frame = next(container.decode(container.streams.video[0]))
            full, luma = frame.to_ndarray(format="rgb24"), frame.to_ndarray(format="gray")
        scale = min(1.0, 320 / max(luma.shape))
        plane = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        reference, quality = pdqhash.compute(full)
        bits, ours = hash_luma(plane[None])
        if quality >= 50:
            assert abs(int(ours[0]) - quality) <= 3
            distances.append(int((np.unpackbits(bits[0]) != reference.astype(bool)).sum()))
    assert len(distances) >= 3
    assert np.median(distances) <= 12
    assert max(distances) <= 31  # what vPDQ's users call the same frame

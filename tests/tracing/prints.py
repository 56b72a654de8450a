"""Fingerprints made from a seed, for tests of the store and the searches."""

from __future__ import annotations

import hashlib

import numpy as np

from vidforensics.types import AudioPrint, Fingerprint, IndexedVideo, PicturePrint, Post


def picture_print(seed: int, frames: int = 12, points: int = 24) -> PicturePrint:
    rng = np.random.default_rng(seed)
    return PicturePrint(
        algorithm="test-picture",
        sampling="i-frames",
        aspect=16 / 9,
        times_s=np.cumsum(rng.integers(1, 6_000_000, frames)) / 1e6,
        codes=rng.integers(0, 256, (frames, 32), np.uint8),
        quality=rng.integers(1, 101, frames).astype(np.uint8),
        points=rng.integers(0, 256, (frames, points, 4), np.uint8),
        descriptors=rng.integers(0, 256, (frames, points, 16), np.uint8),
    )


def audio_print(seed: int, landmarks: int = 40) -> AudioPrint:
    rng = np.random.default_rng(seed)
    times_s = np.sort(rng.integers(0, 60_000_000, landmarks)) / 1e6
    return AudioPrint("test-sound", 0, times_s, rng.integers(0, 2**32, landmarks, np.uint32))


def fingerprint(
    seed: int, path: str = "", frames: int = 12, landmarks: int = 40, posts: tuple[Post, ...] = ()
) -> Fingerprint:
    video = IndexedVideo(
        sha256=hashlib.sha256(str(seed).encode()).hexdigest(),
        path=path or f"/videos/{seed}.mp4",
        duration_s=60.0,
        width_px=1280,
        height_px=720,
        has_sound=True,
        posts=posts,
    )
    return Fingerprint(
        video, picture_print(seed, frames), (audio_print(seed, landmarks),), problems=("one packet lost",)
    )


def same(left: Fingerprint, right: Fingerprint) -> bool:
    """Equal in every field; times to the microsecond."""
    pictures = left.picture, right.picture
    arrays = ("codes", "quality", "points", "descriptors")
    return (
        (left.video, left.problems) == (right.video, right.problems)
        and len({(p.algorithm, p.sampling, p.aspect) for p in pictures}) == 1
        and all(np.array_equal(getattr(pictures[0], n), getattr(pictures[1], n)) for n in arrays)
        and np.allclose(pictures[0].times_s, pictures[1].times_s, rtol=0, atol=5.1e-7)
        and len(left.sounds) == len(right.sounds)
        and all(
            (a.algorithm, a.track) == (b.algorithm, b.track)
            and np.array_equal(a.codes, b.codes)
            and np.allclose(a.times_s, b.times_s, rtol=0, atol=5.1e-7)
            for a, b in zip(left.sounds, right.sounds, strict=True)
        )
    )

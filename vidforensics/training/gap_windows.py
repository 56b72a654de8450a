"""Windows of ten small pictures that teach the network behind `deletion`, drawn by a seed.

Half of them have frames missing in the middle, in an encoded file or left out here; the other half do not,
though much else may happen in them: a caption, a flash, a bump, a cut, a dropped frame, a gap off the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidforensics.features.gap_files import UNITS_PER_LEVEL
from vidforensics.features.gap_net import BEFORE, COLUMNS, FRAMES, ROWS
from vidforensics.training.gap_clips import Shown

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, Float32Array, FloatArray, IntArray

AFTER = FRAMES - BEFORE
LEAST_MISSING = 6
LEFT_OUT = (6, 60)
EVEN = 0.6
"""How much the share of a scene is evened out: 1 would give every scene the same."""
ENCODED, LEFT, OFF, HARD = 0.27, 0.5, 0.6, 0.72
"""Up to which draw of 0 to 1 a window is of which kind: gap in a file, gap made here, gap off the middle,
one that looked like a gap; the rest are any others."""

CROPPED, LEAST_SIDE, UPSIDE_DOWN = 0.6, 0.7, 0.2
"""Share of windows of which a part is shown, the least share of a side that is, and of those upside down."""


class Windows:
    """Draws windows from clips; `hard` may be set to (file, frame) pairs that are hardly told from gaps."""

    def __init__(self, clips: Sequence[Shown], rng: np.random.Generator) -> None:
        self.clips, self.rng = list(clips), rng
        self.hard: list[tuple[int, int]] = []
        self.plain = [_plain_frames(f) for f in self.clips]
        self.gaps: list[tuple[int, int]] = []
        self.off: list[tuple[int, int]] = []
        for i, file in enumerate(self.clips):
            fits = _fitting(len(file.levels)) & ~near(len(file.levels), file.cuts)
            self.gaps += [
                (i, at) for at, n in file.gaps if n >= LEAST_MISSING and at < len(fits) and fits[at]
            ]
            beside = [at + d for at, _ in file.gaps for d in (-4, -3, -2, -1, 1, 2, 3, 4)]
            self.off += [(i, at) for at in beside if 0 <= at < len(fits) and fits[at]]
        self.whole = [i for i, f in enumerate(self.clips) if not f.gaps and f.is_camera]
        self._any = self._shares(list(range(len(self.clips))))
        self._camera = self._shares(self.whole)

    def _shares(self, chosen: list[int]) -> FloatArray:
        """Cumulated chance of each file; files of scenes with much footage are drawn less than by length."""
        lengths = np.array([len(self.plain[i]) for i in chosen], np.float64)
        scenes = [self.clips[i].scene for i in chosen]
        of_scene: dict[str, float] = {}
        for scene, length in zip(scenes, lengths, strict=True):
            of_scene[scene] = of_scene.get(scene, 0.0) + length
        shares = np.cumsum(lengths / np.array([max(of_scene[s], 1.0) for s in scenes]) ** EVEN)
        return np.asarray(shares / shares[-1], np.float64)

    def batch(self, count: int) -> tuple[Float32Array, Float32Array]:
        """`count` windows, float32 (count, FRAMES, ROWS, COLUMNS), and 1 for those with a gap, float32."""
        windows, truth = np.empty((count, FRAMES, ROWS, COLUMNS), np.float32), np.empty(count, np.float32)
        for i in range(count):
            while True:
                window, is_gap = self._draw()
                if window is not None:
                    break
            windows[i], truth[i] = self._changed(window), is_gap
        return windows, truth

    def _draw(self) -> tuple[Float32Array | None, bool]:
        draw = self.rng.random()
        if draw < ENCODED:
            return self._cut_out(*self.gaps[self.rng.integers(len(self.gaps))]), True
        if draw < LEFT:
            return self._left_out(), True
        if draw < OFF:
            return self._cut_out(*self.off[self.rng.integers(len(self.off))]), False
        if draw < HARD and self.hard:
            return self._cut_out(*self.hard[self.rng.integers(len(self.hard))]), False
        return self._plain(), False

    def _left_out(self) -> Float32Array | None:
        i = self.whole[int(np.searchsorted(self._camera, self.rng.random()))]
        if not len(self.plain[i]):
            return None
        at, missing = int(self.rng.choice(self.plain[i])), _log_uniform(self.rng, LEFT_OUT)
        stride = self._stride()
        cuts = self.clips[i].cuts
        if ((cuts > at - BEFORE * stride - 1) & (cuts < at + missing + AFTER * stride + 1)).any():
            return None
        return self._cut_out(i, at, missing, stride)

    def _plain(self) -> Float32Array | None:
        i, j = (int(np.searchsorted(self._any, self.rng.random())) for _ in range(2))
        if not len(self.plain[i]) or not len(self.plain[j]):
            return None
        at, draw = int(self.rng.choice(self.plain[i])), self.rng.random()
        if draw < 0.15:  # what a conversion of the frame rate drops
            return self._cut_out(i, at, 1 if self.rng.random() < 0.7 else 2)
        window = self._cut_out(i, at, 0, self._stride())
        if draw < 0.25 and window is not None:  # a cut to another file
            other = self._cut_out(j, int(self.rng.choice(self.plain[j])))
            return None if other is None else np.concatenate([window[:BEFORE], other[BEFORE:]])
        return window

    def _stride(self) -> int:
        return 2 if self.rng.random() < 0.15 else 1

    def _cut_out(self, i: int, at: int, missing: int = 0, stride: int = 1) -> Float32Array | None:
        before = at - np.arange(BEFORE, 0, -1) * stride
        rows = np.concatenate([before, at + missing + np.arange(AFTER) * stride])
        pictures = self.clips[i].levels
        if rows[0] < 0 or rows[-1] >= len(pictures):
            return None
        return np.asarray(pictures[rows], np.float32) / np.float32(UNITS_PER_LEVEL)

    def _changed(self, window: Float32Array) -> Float32Array:
        """Cropped, mirrored, turned round in time, brightened; something happens in every third one."""
        rng = self.rng
        if rng.random() < CROPPED:
            window = _cropped(window, rng)
        if rng.random() < 0.5:
            window = window[:, :, ::-1]
        if rng.random() < UPSIDE_DOWN:
            window = window[:, ::-1]
        if rng.random() < 0.5:
            window = window[::-1]
        window = np.ascontiguousarray(window)
        if rng.random() < 0.5:
            mean = window.mean()
            gain, more = np.exp(rng.normal(0, 0.25)), rng.normal(0, 15)
            window = np.asarray((window - mean) * gain + mean + more, np.float32)
        happens = int(rng.random() / 0.07)
        events = (_caption, _flash, _repeat, _bump, _blur)
        if happens < len(events):
            events[happens](window, rng)
        if rng.random() < 0.3:
            window += rng.normal(0, rng.uniform(0.2, 1.5), window.shape)
        return window


def _fitting(count: int) -> BoolArray:
    at = np.arange(count)
    return (at >= BEFORE) & (at + AFTER <= count)


def near(count: int, places: Sequence[int] | IntArray, before: int = 4, after: int = 5) -> BoolArray:
    """Frames from `before` before to `after` after one of the places, bool (count,)."""
    found = np.zeros(count, bool)
    for at in places:
        found[max(0, at - before) : max(0, at + after + 1)] = True
    return found


def _plain_frames(file: Shown) -> IntArray:
    """Frames whose windows hold neither a gap nor a cut."""
    count = len(file.levels)
    gaps = near(count, [at for at, _ in file.gaps])
    return np.flatnonzero(_fitting(count) & ~gaps & ~near(count, file.cuts))


def _log_uniform(rng: np.random.Generator, limits: tuple[int, int]) -> int:
    return round(float(limits[0] * (limits[1] / limits[0]) ** rng.random()))


def _cropped(window: Float32Array, rng: np.random.Generator) -> Float32Array:
    """A part of the picture on the whole of it, as from nearer by or of another shape."""
    height, width = (int(rng.integers(round(n * LEAST_SIDE), n + 1)) for n in (ROWS, COLUMNS))
    y, x = int(rng.integers(0, ROWS - height + 1)), int(rng.integers(0, COLUMNS - width + 1))
    parts = [cv2.resize(p[y : y + height, x : x + width], (COLUMNS, ROWS)) for p in window]
    return np.stack(parts)


def _caption(window: Float32Array, rng: np.random.Generator) -> None:
    at = BEFORE if rng.random() < 0.5 else int(rng.integers(1, FRAMES))
    height, width = int(rng.integers(3, 20)), int(rng.integers(8, 75))
    y, x = int(rng.integers(0, ROWS - height)), int(rng.integers(0, COLUMNS - width))
    ground = np.full((height, width), float(rng.choice([0, 128, 255])))
    if rng.random() < 0.7:
        letters = np.repeat(rng.random((height, width // 2 + 1)) < 0.4, 2, axis=1)[:, :width]
        ground[letters] = 255.0 * rng.random()
    share = rng.uniform(0.5, 1)
    part = window[at:, y : y + height, x : x + width]
    part[:] = (1 - share) * part + share * ground


def _flash(window: Float32Array, rng: np.random.Generator) -> None:
    at = int(rng.integers(1, FRAMES))
    until = FRAMES if rng.random() < 0.5 else at + 1
    window[at:until] = window[at:until] * np.exp(rng.normal(0, 0.1)) + rng.normal(0, 6)


def _repeat(window: Float32Array, rng: np.random.Generator) -> None:
    at = int(rng.integers(1, FRAMES))
    if at != BEFORE:
        window[at] = window[at - 1]


def _bump(window: Float32Array, rng: np.random.Generator) -> None:
    at = int(rng.integers(1, FRAMES))
    shift = rng.integers(-3, 4, 2)
    for i, share in zip(range(at, FRAMES), (1.0, 0.6, 0.3), strict=False):
        y, x = np.rint(shift * share).astype(int)
        window[i] = np.roll(window[i], (y, x), (0, 1))


def _blur(window: Float32Array, rng: np.random.Generator) -> None:
    """Blurred up to a frame, as before a key frame."""
    at = int(rng.integers(1, FRAMES))
    for i in range(max(0, at - int(rng.integers(1, 6))), at):
        window[i] = cv2.GaussianBlur(window[i], (0, 0), rng.uniform(0.4, 0.9))

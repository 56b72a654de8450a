"""Keyframes: for every shot the picture that shows it best, written once and without near-duplicates.

Takes FrameBlocks, then the shots; gives Keyframes whose files are named by their exact times. As shots are
known only at the end, the best picture of every provisional group is written when the group closes (at a
likely cut, or after a while with real change), and files that the shots do not need are removed again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.extraction.keyframes_choice import Written, choose
from vidforensics.extraction.keyframes_files import remove, write_picture
from vidforensics.extraction.keyframes_quality import (
    Look,
    look_of,
    picture_quality,
    sparse_planes,
    usable_frames,
)
from vidforensics.types import FrameBlock, Keyframe, Picture, Shot

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPARED_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class KeyframeOptions:
    """How keyframes are chosen and written.

    long_shot_s: within a shot, one more picture is taken per this time if the picture really changed.
    same_bits: pictures whose 64-bit hashes differ in at most this many bits may be near-identical.
    """

    image_format: str = "jpeg"
    jpeg_quality: int = 95
    long_shot_s: float = 10.0
    same_bits: int = 8
    judged_per_s: float = 8.0
    limit: int = 2_000


@dataclass(slots=True)
class _Candidate:
    """The best picture of the open group so far."""

    time_s: float
    quality: float
    picture: Picture
    look: Look


class KeyframeWriter:
    """Follows the clip in provisional groups and writes the best picture of each."""

    def __init__(self, folder: Path, options: KeyframeOptions | None = None) -> None:
        """Write into `folder`/keyframes, which is made with the first picture."""
        self._folder = folder
        self._options = options or KeyframeOptions()
        self._best: _Candidate | None = None
        self._written: list[Written] = []
        self._group_start_s = -np.inf
        self._judged_s = self._compared_s = -np.inf
        self._previous: NDArray[np.uint8] | None = None
        self._recent_change = 4.0

    def update(self, block: FrameBlock) -> None:
        """Take the next frames.

        Raises:
            OutputError: a picture cannot be written.
        """
        sparse = sparse_planes(block.luma)
        usable = usable_frames(sparse)
        change = self._changes(sparse)
        for index, time_s in enumerate(block.pts_s.tolist()):
            if self._is_cut(float(change[index])):
                self._close_group(time_s)
            if usable[index] and self._is_due(time_s):
                self._judge(block, index, float(change[index]))
        self._previous = sparse[-1].copy()

    def finish(self, shots: tuple[Shot, ...]) -> tuple[Keyframe, ...]:
        """Settle which written pictures stay, now that the shots are known.

        Args:
            shots: the clip's shots; without any, the whole clip counts as one.

        Returns:
            The keyframes in the order of their times; empty if no frame was usable.
        """
        self._close_group(np.inf)
        kept, dropped = choose(self._written, shots, self._options.long_shot_s, self._options.same_bits)
        for written in dropped:
            remove(self._folder / written.keyframe.path)
        return tuple(replace(written.keyframe, shot=shot) for written, shot in kept)

    def _changes(self, sparse: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Mean absolute difference of every frame from the one before it; 0 for the first."""
        first = sparse[:1] if self._previous is None else self._previous[np.newaxis]
        before = np.concatenate((first, sparse[:-1]))
        difference = np.maximum(sparse, before) - np.minimum(sparse, before)
        mean: NDArray[np.float64] = difference.mean(axis=(1, 2))
        return mean

    def _is_cut(self, change: float) -> bool:
        likely = change > max(10.0, 4.0 * self._recent_change)
        self._recent_change += 0.15 * (min(change, 30.0) - self._recent_change)
        return likely

    def _is_due(self, time_s: float) -> bool:
        """Whether the frame is to be judged: some per second are, and all while the group has none."""
        waited_s = time_s - self._judged_s
        return self._best is None or waited_s >= 1.0 / self._options.judged_per_s or waited_s < 0.0

    def _judge(self, block: FrameBlock, index: int, change: float) -> None:
        time_s = float(block.pts_s[index])
        if self._has_moved_on(block.luma[index], time_s):
            self._close_group(time_s)
        self._judged_s = time_s
        quality = picture_quality(block.luma[index], change)
        if self._best is None or quality > self._best.quality:
            look = look_of(block.luma[index])
            self._best = _Candidate(time_s, quality, block.pictures[index], look)

    def _has_moved_on(self, luma: NDArray[np.uint8], time_s: float) -> bool:
        """Whether the picture really changed since the group's best: soon if wholly, later if partly."""
        if self._best is None or time_s - self._compared_s < COMPARED_EVERY_S:
            return False
        self._compared_s = time_s
        look = look_of(luma)
        if time_s - self._group_start_s >= self._options.long_shot_s:
            return not look.resembles(self._best.look, self._options.same_bits)
        return look.differs_wholly(self._best.look)

    def _close_group(self, next_start_s: float) -> None:
        """Write the group's best picture, if it has one and it is new, and start the next group."""
        best, self._best = self._best, None
        self._group_start_s = self._compared_s = next_start_s
        self._judged_s = -np.inf
        if best is None or len(self._written) >= self._options.limit:
            return
        keyframe = write_picture(
            self._folder, best.picture, best.time_s, self._options.image_format, self._options.jpeg_quality
        )
        self._written.append(Written(replace(keyframe, quality=best.quality), best.look))

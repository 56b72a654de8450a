"""Keep small pictures of clips in a file, so that the training of `gaps` decodes footage once.

Pictures of every frame and the frames that begin a shot go in and come back as they were; npz without pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.gap_net import COLUMNS, ROWS
from vidforensics.features.gaps import small_planes
from vidforensics.types import SmallPictures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidforensics.types import FrameBlock, Shot

UNITS_PER_LEVEL = 16
"""Units of a kept picture per luma level."""


class SmallPictureAccumulator:
    """Takes every picture of a decode pass and keeps it small."""

    def __init__(self) -> None:
        self._levels = [np.zeros((0, ROWS, COLUMNS), np.uint16)]
        self._times = [np.zeros(0)]

    def update(self, block: FrameBlock) -> None:
        """Add a block's pictures."""
        if len(block.luma):
            self._levels.append(np.rint(small_planes(block.luma) * UNITS_PER_LEVEL).astype(np.uint16))
            self._times.append(np.asarray(block.pts_s, np.float64))

    def finish(self, shots: Sequence[Shot]) -> SmallPictures:
        """All of them, with the frames at which these shots begin."""
        starts_s = np.array([shot.start_s for shot in shots[1:]])
        cuts = np.searchsorted(np.concatenate(self._times), starts_s - 1e-3)
        return SmallPictures(np.concatenate(self._levels), cuts.astype(np.int64))


def write_pictures(path: Path, pictures: SmallPictures) -> None:
    """Write one clip's pictures."""
    np.savez(path, levels=pictures.levels, cuts=pictures.cuts)


def read_pictures(path: Path) -> SmallPictures:
    """Read what `write_pictures` wrote.

    Raises:
        OSError, KeyError, ValueError: the file is not one.
    """
    with np.load(path, allow_pickle=False) as kept:
        return SmallPictures(kept["levels"], kept["cuts"])

"""Pictures that teach the network behind `deletion`: footage as it is, and encoded with frames taken out.

A footage file and a seed go in; small pictures with the places of the gaps come out. One made clip has a gap
every second or so, as many as its length allows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks import duplication_deletion_material as material
from vidforensics import extraction
from vidforensics.features.gap_net import COLUMNS, ROWS
from vidforensics.features.gaps import small_planes
from vidforensics.types import FrameBlock

CAMERA = ("talking", "scenes")
KINDS = (*CAMERA, "animation", "generated")
LENGTHS = (40, 1500)
"""Fewest and most frames of an excerpt."""
LEAST_FRAMES, LEAST_S = 20, 1.8
KEPT, MISSING = (14, 40), (5, 60)
"""Frames between two gaps, and in one, from and to."""
PLANE_UNITS = 16
"""Units per luma level of a stored picture."""


@dataclass(frozen=True)
class Shown:
    """One file: pictures uint16 (N, ROWS, COLUMNS), and what stands where.

    gaps: (frame before which frames are missing, how many; negative where a shot ends among them).
    cuts: frames that begin a shot.
    """

    scene: str
    kind: str
    operation: str
    pictures: np.ndarray
    cuts: np.ndarray
    gaps: tuple[tuple[int, int], ...] = ()


def shown(source: material.Source, passes: int, seed: int) -> Iterator[Shown]:
    """A file as it is, encoded anew, and `passes` times with gaps; nothing of one with hardly any frame."""
    pictures, cuts = read(source.path)
    if len(pictures) < LEAST_FRAMES:
        return
    yield Shown(source.scene, source.kind, "original", pictures, cuts)
    if source.kind not in CAMERA or source.duration_s < LEAST_S:
        return
    excerpt = material.read_excerpt(source.path, LENGTHS)
    if excerpt is None:
        return
    for number in range(passes + 1):
        rng = np.random.default_rng([seed, number, *source.path.name.encode()])
        total, gaps = len(excerpt.frames), ()
        order = list(range(total))
        if number:
            order, gaps = with_gaps(total, cuts, rng)
        again = _encoded(excerpt, order, str(rng.choice(list(material.CODECS))))
        moved = np.searchsorted(np.array(order), cuts)
        yield Shown(source.scene, source.kind, "deleted" if number else "encoded", again, moved, gaps)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Small pictures of every frame, and the first frame of every shot but the first."""
    shots = extraction.ShotAccumulator()
    pictures, times = [np.zeros((0, ROWS, COLUMNS), np.uint16)], [np.zeros(0)]
    for block in _blocks(path):
        shots.update(block)
        pictures.append(_coded(block))
        times.append(np.asarray(block.pts_s))
    starts_s = np.array([s.start_s for s in shots.finish()[1:]])
    return np.concatenate(pictures), np.searchsorted(np.concatenate(times), starts_s - 1e-3)


def _blocks(path: Path) -> Iterator[FrameBlock]:
    with extraction.Decoder(path, material.probe_of(path)[1]) as decoder:
        yield from (block for block in decoder if isinstance(block, FrameBlock))


def _coded(block: FrameBlock) -> np.ndarray:
    return np.rint(small_planes(block.luma) * PLANE_UNITS).astype(np.uint16)


def with_gaps(
    total: int, cuts: np.ndarray, rng: np.random.Generator
) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Which frames are left, and the gaps between them; lengths of gaps are drawn by their logarithm."""
    order: list[int] = []
    gaps = []
    at = 0
    while True:
        kept = int(rng.integers(KEPT[0], KEPT[1] + 1))
        missing = round(MISSING[0] * (MISSING[1] / MISSING[0]) ** rng.random())
        onward = at + kept + missing
        if onward + 8 >= total:
            return [*order, *range(at, total)], tuple(gaps)
        order += range(at, at + kept)
        is_inside = not ((cuts > at + kept) & (cuts <= onward)).any()
        gaps.append((len(order), missing if is_inside else -missing))
        at = onward


def _encoded(excerpt: material.Excerpt, order: list[int], codec: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.mp4"
        material.write(path, excerpt, order, None, codec)
        return np.concatenate([_coded(block) for block in _blocks(path)])

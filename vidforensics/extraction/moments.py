"""Pictures of a clip at given moments or in a stretch, decoded from the key pictures before them.

Takes a path, its probe and times; gives FrameBlocks with the same planes as the whole decode pass would, for
holding two clips against each other without decoding all of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.iframes import (
    PacketTable,
    Run,
    SparsePass,
    opened,
    packet_table,
    picture_stream,
)
from vidforensics.types import FrameBlock, Probe

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray


def frames_at(
    path: Path, probe: Probe, times_s: FloatArray, problems: ProblemLog | None = None
) -> FrameBlock | None:
    """The pictures shown at a few given moments, decoded exactly, from the key pictures before them.

    Args:
        path: the file.
        probe: what the demuxer said of it.
        times_s: float64 (N,) moments wanted, in any order.
        problems: collects what was lost on the way.

    Returns:
        One block of at most N pictures with their real times, in the order of the file, `pictures` left
        empty; None where no picture came out.

    Raises:
        NotMediaError, InputError: as `sparse_frames`.
    """
    problems = problems if problems is not None else ProblemLog()
    with opened(path) as container:
        stream = picture_stream(container, problems)
        if stream is None:
            return None
        table = packet_table(container, stream, probe.origin_s, problems)
    runs = _runs_for(table, np.unique(times_s))
    with opened(path) as container:
        stream = picture_stream(container, ProblemLog())
        if stream is None or not runs:
            return None
        blocks = list(SparsePass(container, stream, probe.origin_s, problems, exact=True).blocks(runs))
    if not blocks:
        return None
    times = np.concatenate([b.pts_s for b in blocks])
    luma, chroma = (
        np.concatenate(planes) for planes in zip(*((b.luma, b.chroma) for b in blocks), strict=True)
    )
    return FrameBlock(0, times, luma, chroma, ())


def frames_between(
    path: Path, probe: Probe, start_s: float, end_s: float, problems: ProblemLog | None = None
) -> Iterator[FrameBlock]:
    """Every picture shown in a stretch, decoded exactly, from the key picture before it.

    Args:
        path: the file.
        probe: what the demuxer said of it.
        start_s: where to begin; the picture shown at this moment is the first.
        end_s: where to stop.
        problems: collects what was lost on the way.

    Returns:
        Blocks in the order of decoding; nothing where no picture came out.

    Raises:
        NotMediaError, InputError: as `sparse_frames`.
    """
    problems = problems if problems is not None else ProblemLog()
    with opened(path) as container:
        stream = picture_stream(container, problems)
        if stream is None:
            return
        table = packet_table(container, stream, probe.origin_s, problems)
    shown_s = table.times_s[table.is_shown]
    wanted_s = np.unique(np.append(shown_s[(shown_s >= start_s) & (shown_s <= end_s)], start_s))
    runs = _runs_for(table, wanted_s)
    with opened(path) as container:
        stream = picture_stream(container, ProblemLog())
        if stream is not None and runs:
            yield from SparsePass(container, stream, probe.origin_s, problems, exact=True).blocks(runs)


def _runs_for(table: PacketTable, times_s: FloatArray) -> list[Run]:
    """Runs from key packets that reach just past the moments wanted."""
    keys = np.flatnonzero(table.is_key)
    if not len(keys):
        keys = np.zeros(min(1, len(table.times_s)), np.int64)
    runs = []
    for key, stop in zip(keys.tolist(), [*keys[1:].tolist(), len(table.times_s)], strict=True):
        shown_s = np.sort(table.times_s[key:stop][table.is_shown[key:stop]])
        if not len(shown_s):
            continue
        end_s = float(table.times_s[stop]) if stop < len(table.times_s) else np.inf
        inside = times_s[(times_s >= shown_s[0]) & (times_s < end_s)]
        if not len(inside):
            continue
        # the picture shown at a moment is the last that began before it
        wanted_s = np.unique(shown_s[np.maximum(np.searchsorted(shown_s, inside + 1e-6, "right") - 1, 0)])
        needed = np.flatnonzero(table.times_s[key:stop] <= wanted_s[-1] + 1e-6)
        runs.append(Run(key, key + int(needed[-1]), tuple(wanted_s.tolist())))
    return runs

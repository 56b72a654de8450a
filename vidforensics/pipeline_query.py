"""The suspect of a trace, looked at once and closely: frames under every view, sound under every speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from vidforensics import acquisition, extraction, features
from vidforensics.features.audio_speeds import SpeedPrintAccumulator
from vidforensics.features.query_frames import QueryFrameAccumulator, QueryFrames
from vidforensics.pipeline import clip_of
from vidforensics.runtime import Progress
from vidforensics.types import (
    AudioAccumulator,
    Clip,
    FrameAccumulator,
    FrameBlock,
    FrameSeries,
    NotTraced,
    Probe,
)

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

LEAST_GAP_S = 0.5


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Bounds of work of a trace.

    open_references: whether indexed videos that are still there are opened to tell what was done to them.
    most_candidates: videos whose hits are aligned. verified_pairs: frame pairs per alignment that are held
    against each other by the index's points. related_pairs: by whole pictures, where the reference is there;
    motion_s: how much later each is looked at again. followed: moments of an alignment, at most, that are
    looked at for stretches which do not belong to it. refine_margin_s, sound_margin_s: how much of the
    reference's picture and sound is decoded on either side of an alignment. realign_s: how far from it other
    moments are tried where what moves does not agree.
    """

    open_references: bool = True
    most_candidates: int = 200
    verified_pairs: int = 8
    related_pairs: int = 6
    motion_s: float = 0.8
    followed: int = 600
    refine_margin_s: float = 13.0
    realign_s: float = 12.0
    sound_margin_s: float = 2.5


@dataclass(frozen=True, slots=True)
class Query:
    """A suspect clip, looked at once.

    frames: thinned, under every view. sounds: prints to be made under every speed when asked for. series:
    numbers of every frame, by which ends are found. cuts_s: float64 (C,), where shots end.
    """

    path: Path
    clip: Clip
    probe: Probe
    frames: QueryFrames
    sounds: SpeedPrintAccumulator
    series: FrameSeries
    cuts_s: FloatArray

    @property
    def duration_s(self) -> float:
        """Length of the suspect."""
        return self.clip.duration_s or 0.0


class QueryReader:
    """The accumulators that make a `Query`, to be fed by any complete decode pass."""

    def __init__(self, planes: BinaryIO) -> None:
        """Start; small pictures go to `planes`, which the caller closes when the trace is done."""
        self.frames = QueryFrameAccumulator(planes)
        self.sounds = SpeedPrintAccumulator()

    def query(self, path: Path, clip: Clip, probe: Probe, series: FrameSeries, cuts_s: list[float]) -> Query:
        """The query, once the pass has ended."""
        cuts = np.asarray(cuts_s, dtype=np.float64)
        return Query(path, clip, probe, self.frames.finish(), self.sounds, series, cuts)


def read_query(
    path: Path,
    planes: BinaryIO,
    progress: Progress,
    pictures: Sequence[FrameAccumulator[Any]] = (),
    sounds: Sequence[AudioAccumulator[Any]] = (),
) -> Query:
    """Look at a suspect clip once and closely.

    Args:
        path: the clip.
        planes: an open file for its small pictures, which the caller closes when the trace is done.
        progress: told the time reached.
        pictures: who else wants the frames of the pass; the caller finishes them.
        sounds: who else wants its sound.

    Raises:
        InputError: the file cannot be read as media, or nothing in it can be decoded.
    """
    digest, probe = acquisition.digest_file(path, progress), acquisition.probe(path)
    reader, shots = QueryReader(planes), extraction.ShotAccumulator()
    series, end_s = features.FrameSeriesAccumulator(), probe.duration_s or 0.0
    takes_pictures: list[FrameAccumulator[Any]] = [reader.frames, shots, series, *pictures]
    takes_sound: list[AudioAccumulator[Any]] = [reader.sounds, *sounds]
    with extraction.Decoder(path, probe, extraction.DecodeOptions()) as decoder:
        for block in decoder:
            if isinstance(block, FrameBlock):
                for frames in takes_pictures:
                    frames.update(block)
                end_s = max(end_s, float(block.pts_s[-1]))
            else:
                for sound in takes_sound:
                    sound.update(block)
            progress("decode", end_s, probe.duration_s)
            del block
    cuts_s = [shot.end_s for shot in shots.finish()[:-1]]
    return reader.query(path, clip_of(path, digest, end_s), probe, series.finish(), cuts_s)


def not_searched(query: Query) -> tuple[NotTraced, ...]:
    """Stretches of the query whose picture carries nothing that could be found elsewhere."""
    views = query.frames.views
    whole = next((i for i, view in enumerate(views.views) if not view.mirrored), 0)
    rows = np.flatnonzero(views.view == whole)
    order = rows[np.argsort(views.times_s[rows], kind="stable")]
    times_s, empty = views.times_s[order], views.quality[order] == 0
    if not len(times_s):
        reason = "no picture could be decoded, so only the sound was searched"
        return (NotTraced(0.0, query.duration_s, reason),) if query.duration_s > 0 else ()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    ends_s = np.append(times_s[1:], max(query.duration_s, float(times_s[-1])))
    return tuple(
        NotTraced(
            float(times_s[first]), float(ends_s[last - 1]), "the picture is black, blank or a plain card"
        )
        for first, last in edges.reshape(-1, 2)
        if ends_s[last - 1] - times_s[first] >= LEAST_GAP_S
    )

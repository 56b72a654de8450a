"""Measure the clips of the splice benchmark once and keep it; say of every shot where it comes from."""

from __future__ import annotations

import dataclasses
import itertools
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from tests.benchmarks.splice_material import Clip, Item, Piece, clips_of, item_of
from vidforensics import acquisition, extraction, features
from vidforensics.errors import InputError
from vidforensics.flagging.splice import is_moving
from vidforensics.flagging.splice_signature import signatures_of
from vidforensics.types import Evidence, Extraction, Features, FrameBlock, FrameHashes, Shot

PURE = 0.9
APART = ("styletalk_Obama_", "styletalk_feifeili_clip3")
"""Files of one person that show different recordings, by eye."""

GRID_FILES = 3
"""Of each GRID speaker this many untouched files count, as dozens of them show one sentence each."""


@dataclass(frozen=True)
class Shots:
    """One clip's signatures with truth: per shot its group, its framing, its corpus, whether it is foreign.

    group is None where a shot runs over a cut that was not found; foreign_s: the stretch cut in, if any.
    """

    name: str
    kind: str
    edits: str
    chain: str
    seconds: float
    names: tuple[str, ...]
    spans_s: np.ndarray
    values: np.ndarray
    groups: tuple[str | None, ...]
    views: tuple[object, ...]
    corpora: tuple[str, ...]
    foreign: np.ndarray
    every_group: frozenset[str]
    foreign_s: tuple[float, float] | None = None

    @property
    def lengths_s(self) -> np.ndarray:
        return self.spans_s[:, 1] - self.spans_s[:, 0]


def evidence_of(path: Path) -> Evidence:
    """What the splice detector looks at, from one decode pass of the picture."""
    probe = acquisition.probe(path)
    bitstream = acquisition.read_bitstream(path, probe)
    sources, frames = features.PictureSourceAccumulator(), features.FrameSeriesAccumulator()
    shots, borders = extraction.ShotAccumulator(), extraction.BorderAccumulator()
    with extraction.Decoder(path, probe, extraction.DecodeOptions(sound=False)) as decoder:
        for block in decoder:
            if isinstance(block, FrameBlock):
                for accumulator in (sources, frames, shots, borders):
                    accumulator.update(block)
        summary = decoder.summary()
    nothing = FrameHashes("", np.zeros(0), np.zeros((0, 32), np.uint8), np.zeros(0, np.uint8))
    series = dataclasses.replace(frames.finish(), cells=None, velocities=None, signatures=None)
    return Evidence(
        probe,
        bitstream,
        Extraction(summary, shots.finish(), (), (), (), borders.finish(), ()),
        Features(nothing, (), series, (), (), sources=sources.finish()),
    )


def kept_evidence(path: Path, kept: Path) -> Evidence | None:
    """The same, from the file `kept` where it was measured before; None where the clip cannot be read."""
    if kept.is_file():
        return pickle.loads(kept.read_bytes())
    try:
        evidence = evidence_of(path)
    except (InputError, av.error.FFmpegError) as error:
        print(path.name, error, flush=True)
        return None
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(pickle.dumps(evidence))
    return evidence


def made(work: Path, side: str) -> Iterator[tuple[Item, Evidence]]:
    """Every rendered item of one side, measured; none whose frames do not add up or whose host is not one."""
    for path in sorted((work / "clips").glob(f"{side}_*.json")):
        item = item_of(json.loads(path.read_text()))
        evidence = kept_evidence(path.with_suffix(".mp4"), work / "measured" / f"{path.stem}.pkl")
        if evidence is None or len(evidence.features.frames.times_s) < 2:
            continue
        host = {recording_of(p) for p in item.pieces if not p.foreign}
        is_whole = evidence.extraction.decode.frame_count == sum(p.frames for p in item.pieces)
        if is_whole and (item.kind == "compilation" or len(host) == 1):
            yield item, evidence


def untouched(footage: Path, work: Path, side: str) -> Iterator[tuple[Clip, Evidence]]:
    """Every clip of one side as it is."""
    seen: dict[str, int] = {}
    for clip in clips_of(footage, side):
        seen[clip.group] = seen.get(clip.group, 0) + 1
        if clip.corpus == "GRID" and seen[clip.group] > GRID_FILES:
            continue
        name = f"{side}_whole_{clip.file.replace('/', '_')}.pkl"
        evidence = kept_evidence(footage / clip.file, work / "measured" / name)
        if evidence is not None and len(evidence.features.frames.times_s) > 1:
            yield clip, evidence


def recording_of(piece: Piece) -> str:
    """What a piece shows; a group is one recording, but for the files of `APART`."""
    name = piece.file.split("/", 1)[1]
    return f"{piece.group}/{name}" if name.startswith(APART) else piece.group


def piece_edges(item: Item, evidence: Evidence) -> np.ndarray:
    """Where every piece begins and the last one ends, s."""
    times = evidence.features.frames.times_s
    ends = np.append(times, times[-1] + float(np.median(np.diff(times))))
    return ends[np.cumsum([0, *(p.frames for p in item.pieces)])]


def shots_of(item: Item, evidence: Evidence, *, known: bool = False) -> Shots:
    """Signatures with truth, of the shots that were found or, `known`, of the pieces themselves."""
    edges = piece_edges(item, evidence)
    if known:
        pieces = [Shot(float(a), float(b), "cut") for a, b in itertools.pairwise(edges)]
        taken = dataclasses.replace(evidence.extraction, shots=tuple(pieces))
        evidence = dataclasses.replace(evidence, extraction=taken)
    found = signatures_of(evidence)
    keep = is_moving(found)
    groups, views, corpora, foreign = [], [], [], []
    for start, end in found.spans_s[keep]:
        shared = np.clip(np.minimum(end, edges[1:]) - np.maximum(start, edges[:-1]), 0, None)
        by_group: dict[str, float] = {}
        for piece, seconds in zip(item.pieces, shared.tolist(), strict=True):
            shown = recording_of(piece)
            by_group[shown] = by_group.get(shown, 0.0) + seconds
        group = max(by_group, key=lambda g: by_group[g])
        best = item.pieces[int(np.argmax(shared))]
        groups.append(group if by_group[group] >= PURE * (end - start) else None)
        views.append((best.file, best.box))
        corpora.append(best.corpus)
        foreign.append(best.foreign)
    at = [i for i, p in enumerate(item.pieces) if p.foreign]
    return Shots(
        *(item.name, item.kind, item.edits, item.chain, float(edges[-1]), found.names),
        *(found.spans_s[keep], found.values[keep], tuple(groups), tuple(views), tuple(corpora)),
        np.array(foreign, bool),
        frozenset(map(recording_of, item.pieces)),
        (float(edges[at[0]]), float(edges[at[-1] + 1])) if at else None,
    )


def whole_shots(clip: Clip, evidence: Evidence) -> Shots:
    """The same of an untouched clip."""
    found = signatures_of(evidence)
    keep = is_moving(found)
    count = int(keep.sum())
    return Shots(
        *(clip.file, "untouched", "none", "none", evidence.duration_s, found.names),
        *(found.spans_s[keep], found.values[keep], (clip.group,) * count),
        tuple((clip.file, i) for i in range(count)),
        (clip.corpus,) * count,
        np.zeros(count, bool),
        frozenset([clip.group]),
    )

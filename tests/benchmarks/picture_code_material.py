"""Footage for the picture code: luma planes four a second, who they show, and on which side they are."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vidforensics.acquisition.probe import probe
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.features.picture_code_quality import quality_of
from vidforensics.types import FrameBlock

Side = Literal["fit", "held", "test"]
INTERVAL_S = 0.245
# sources under several names: one studio, one court room and witness, one clip with a box drawn on it
SAME = {"scene_openmmlab_demo_spatiotemporal_det": "scene_openmmlab_demo", "T41": "T39"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture."""

    luma: np.ndarray
    source: str
    file: str
    time_s: float


def source_of(identity: str) -> str:
    """The source that counts as one for judging strangers."""
    return "GRID_g" if identity.startswith("GRID_g") else SAME.get(identity, identity)


def side_of(identity: str) -> Side:
    """fit: trained on. held: of the same half, but kept from training. test: the other half."""
    if int(hashlib.sha256(identity.encode()).hexdigest()[0], 16) % 2:
        return "test"
    digest = hashlib.sha256(("v" + source_of(identity)).encode()).digest()
    return "held" if digest[0] % 5 == 0 else "fit"


def frames_of(footage: Path, sides: tuple[Side, ...]) -> list[Frame]:
    """Frames that carry something, of all clips on these sides."""
    frames: list[Frame] = []
    with (footage / "MANIFEST.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["vcodec"]]
    for row in rows:
        if side_of(row["speaker_or_scene_id"]) in sides:
            frames += _sampled(footage / row["file"], source_of(row["speaker_or_scene_id"]), row["file"])
    return frames


def _sampled(path: Path, source: str, file: str) -> list[Frame]:
    frames: list[Frame] = []
    with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
        for block in decoder:
            if not isinstance(block, FrameBlock):
                continue
            for time_s, luma in zip(block.pts_s.tolist(), block.luma, strict=True):
                if not frames or time_s - frames[-1].time_s >= INTERVAL_S:
                    frames.append(Frame(luma.copy(), source, file, time_s))
    return [frame for frame in frames if quality_of(frame.luma[np.newaxis])[0]]

"""Which clips of a folder teach the sync model, and what is measured of each, once.

A folder goes in; talks (stretches of people filmed as they spoke) and voices without a picture come out, with
synthesised ones where the program that makes them is installed. The measurements lie in the work folder under
the file's hash, so that the next training begins where one ended.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vidforensics.errors import UsageError, VidforensicsError
from vidforensics.evaluation.footage import SUFFIXES, Side, manifest_rows, side_of
from vidforensics.evaluation.synthesis import PROGRAM, synthesise
from vidforensics.flagging.sync_files import Measured, read_measured
from vidforensics.runtime import Progress
from vidforensics.training.sync_crossed import Voice
from vidforensics.training.sync_trials import Talk

LEAST_EYES_PX = 18.0
LEAST_VOICE_S = 2.0
Measure = Callable[[Path, Path], None]
"""Measures a clip (first) in a worker process and writes the second file."""


@dataclass(frozen=True, slots=True)
class Footage:
    """All that teaches, and the files that could not be measured with the reason of each.

    synthesiser: what made the synthesised among the voices, with its version; None where it is not installed.
    """

    talks: tuple[Talk, ...]
    voices: tuple[Voice, ...]
    failed: tuple[str, ...]
    synthesiser: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    name: str
    speaker: str
    corpus: str
    in_sync: bool


def gather(folder: Path, work: Path, side: Side, measure: Measure, progress: Progress) -> Footage:
    """Measure every clip of a folder that may teach.

    Args:
        folder: searched recursively. A MANIFEST.csv in it may give `file`, `speaker_or_scene_id`, `source`,
            `kind` and `in_sync_original` (faces are taken of talking clips with "yes"); without one every
            clip is its own speaker and taken to be in sync.
        work: where measurements are kept.
        side: which side of the split by speaker.
        measure: see there.
        progress: told files done and files in all.

    Raises:
        UsageError: not a folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of footage.")
    entries = [e for e in _entries(folder) if side in ("all", side_of(e.speaker))]
    talks: list[Talk] = []
    voices: list[Voice] = []
    failed: list[str] = []
    for done, entry in enumerate(entries, start=1):
        try:
            measured = _measured(entry.path, work, measure)
        except VidforensicsError as error:
            failed.append(str(error))
            continue
        talks += _talks(entry, measured) if entry.in_sync else []
        if not measured.stretches and len(measured.levels) > LEAST_VOICE_S * 25:
            voices.append(Voice(entry.speaker, measured.levels))
        progress("measure footage", float(done), float(len(entries)))
    return Footage(tuple(talks), tuple(voices), tuple(failed))


def with_synthesised(
    footage: Footage, work: Path, seed: int, side: Side, measure: Measure, progress: Progress
) -> Footage:
    """The footage with synthesised voices; as it is where the program that makes them is not installed.

    Args:
        footage: what was gathered.
        work: where the voices are made, and their measurements kept.
        seed: of what is said, and how.
        side: which side of the split by speaker the voices are on.
        measure: see there.
        progress: told files done and files in all.
    """
    work.mkdir(parents=True, exist_ok=True)
    voices, failed = list(footage.voices), list(footage.failed)
    # the files go at once: left there, they would be footage of a folder that holds the work folder
    with tempfile.TemporaryDirectory(dir=work) as folder:
        made = synthesise(Path(folder), seed, side)
        if made.version is None:
            return footage
        for done, one in enumerate(made.spoken, start=1):
            try:
                voices.append(Voice(one.voice, _measured(one.path, work, measure).levels, synthesised=True))
            except VidforensicsError as error:
                failed.append(str(error))
            progress("measure synthesised voices", float(done), float(len(made.spoken)))
    return replace(
        footage,
        voices=tuple(voices),
        failed=(*failed, *made.not_made),
        synthesiser=f"{PROGRAM} {made.version}",
    )


def _talks(entry: _Entry, measured: Measured) -> list[Talk]:
    large = [s for s in measured.stretches if np.median(s.eyes_px) >= LEAST_EYES_PX]
    return [Talk(entry.name, entry.speaker, entry.corpus, s) for s in large]


def _measured(path: Path, work: Path, measure: Measure) -> Measured:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kept = work / f"{digest}.npz"
    if not kept.is_file():
        work.mkdir(parents=True, exist_ok=True)
        made = work / f"{digest}.part.npz"
        measure(path, made)
        made.replace(kept)
    return read_measured(kept)


def _entries(folder: Path) -> Iterator[_Entry]:
    rows = manifest_rows(folder)
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        name = path.relative_to(folder).as_posix()
        row = rows.get(name)
        if row is None and rows:
            continue
        row = row or {}
        in_sync = not rows or (row.get("in_sync_original") == "yes" and row.get("kind") == "talking")
        if not in_sync and row.get("kind") != "speech":
            continue
        source = row.get("source", "").split(":")[0]
        yield _Entry(path, name, row.get("speaker_or_scene_id") or name, source or "all", in_sync)

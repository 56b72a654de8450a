"""Which clips of a folder teach the network of missing frames, and the clips made of them, measured once.

A folder goes in; small pictures of every file as it is, encoded anew, and with frames taken out come out. A
made clip has a gap every second or so, and one coding chain that the seed draws. The measurements lie in the
work folder under the file's hash, so that the next training begins where one ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.errors import InputError, UsageError, VidforensicsError
from vidforensics.evaluation.ffmpeg import MakingFailed, as_text, run_ffmpeg
from vidforensics.evaluation.footage import PICTURED, Side, manifest_rows, side_of
from vidforensics.features.gap_files import read_pictures
from vidforensics.runtime import Progress
from vidforensics.types import SmallPictures

if TYPE_CHECKING:
    from vidforensics.records.arrays import CodeArray16, IntArray

LEAST_FRAMES, MOST_FRAMES, LEAST_QUIET = 40, 1500, 20
"""Fewest and most frames of an excerpt that is encoded anew, and fewest of one that must stay quiet."""
KEPT, MISSING = (14, 40), (5, 60)
"""Frames between two gaps, and in one, from and to."""
AFTER_LAST = 8
_CAMERA_KINDS = ("", "talking", "scenes")
_QUIET_KINDS = ("animation", "generated")
_H264 = ("-c:v", "libx264", "-preset", "veryfast")
CHAINS: dict[str, tuple[int, tuple[str, ...]]] = {
    "h264 crf 20": (480, (*_H264, "-crf", "20")),
    "h264 crf 26": (480, (*_H264, "-crf", "26")),
    "h264 crf 32": (480, (*_H264, "-crf", "32")),
    "h264 small": (360, (*_H264, "-crf", "28")),
    "hevc": (480, ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none",
                   "-crf", "28")),
    "vp9": (480, ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "34",
                  "-b:v", "0")),
}  # fmt: skip
"""Longer side in px and encoder arguments by the chain's name."""

Measure = Callable[[Path, Path], None]
"""Keeps the small pictures of a file, or of all files of a folder (first), in the second folder."""
Gaps = tuple[tuple[int, int], ...]
"""Frames before which frames are missing, and how many; negative where a shot ends among them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One clip: levels as in `SmallPictures`, cuts, and gaps.

    is_made: encoded by us. is_camera: filmed, so that frames may be left out of it.
    """

    scene: str
    is_camera: bool
    is_made: bool
    levels: CodeArray16
    cuts: IntArray
    gaps: Gaps = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the footage."""

    path: Path
    scene: str
    is_camera: bool


@dataclass(frozen=True, slots=True)
class Making:
    """How clips are made: the ffmpeg program, how many with gaps per file, and the seed."""

    program: str
    passes: int
    seed: int


def sources(folder: Path) -> list[Source]:
    """Every file of a folder that has a picture by its name, in the order of names.

    Args:
        folder: searched recursively. A MANIFEST.csv in it may give `file`, `speaker_or_scene_id` and `kind`
            (clips of "talking" and "scenes" have frames taken out, "animation" and "generated" must stay
            quiet, "forged" is left out); a clip that it does not name is its own scene, and filmed.

    Raises:
        UsageError: not a folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of footage.")
    rows = manifest_rows(folder)
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURED and p.is_file()):
        name = path.relative_to(folder).as_posix()
        row = rows.get(name, {})
        kind = row.get("kind") or ""
        if kind in (*_CAMERA_KINDS, *_QUIET_KINDS):
            found.append(Source(path, row.get("speaker_or_scene_id") or name, kind in _CAMERA_KINDS))
    return found


def gather(
    chosen: Sequence[Source], work: Path, making: Making, measure: Measure, progress: Progress
) -> tuple[list[Shown], list[str]]:
    """Every clip of the footage and those made of it, and a sentence for each file that failed.

    Args:
        chosen: from `sources`.
        work: where measurements are kept; pictures are mapped from there, not read into memory.
        making: see there.
        measure: see there.
        progress: told files done and files in all.
    """
    work.mkdir(parents=True, exist_ok=True)
    shown: list[Shown] = []
    failed: list[str] = []

    def attempt(source: Source) -> list[Shown] | str:
        try:
            return _kept(source, work, making, measure)
        except (VidforensicsError, MakingFailed) as error:
            return f"{source.path}: {error}" if isinstance(error, MakingFailed) else str(error)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # the work itself is done by other processes
        for done, answer in enumerate(pool.map(attempt, chosen), start=1):
            if isinstance(answer, str):
                failed.append(answer)
            else:
                shown += answer
            progress("make and measure clips", float(done), float(len(chosen)))
    return shown, failed


def _kept(source: Source, work: Path, making: Making, measure: Measure) -> list[Shown]:
    try:
        with source.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{source.path}: cannot be read ({error.strerror}).") from error
    made_how = [digest, source.is_camera, making.passes, making.seed, CHAINS, KEPT, MISSING, MOST_FRAMES]
    name = hashlib.sha256(json.dumps(made_how).encode()).hexdigest()[:32]
    index, levels = work / f"{name}.json", work / f"{name}.npy"
    if not index.is_file():
        with tempfile.TemporaryDirectory(dir=work) as folder:
            _write(_made(source, Path(folder), making, measure, digest), index, levels, Path(folder))
    return list(_read(source, index, levels))


def _made(
    source: Source, folder: Path, making: Making, measure: Measure, digest: str
) -> list[tuple[SmallPictures, Gaps]]:
    """The file's own pictures, then those of the clips made of it."""
    clips, kept = folder / "clips", folder / "kept"
    clips.mkdir()
    kept.mkdir()
    measure(source.path, kept)
    own = read_pictures(kept / f"{source.path.stem}.npz")
    found: list[tuple[SmallPictures, Gaps]] = [(own, ())]
    total = min(len(own.levels), MOST_FRAMES)
    if not source.is_camera or total < LEAST_FRAMES:
        return found
    plans = []
    for number in range(making.passes + 1):
        rng = np.random.default_rng([making.seed, number, int(digest[:8], 16)])
        left, gaps = with_gaps(total, own.cuts, rng) if number else ([(0, total)], ())
        chain = str(rng.choice(list(CHAINS)))
        _encode(making.program, source.path, left, chain, clips / f"made{number:02d}.mp4")
        plans.append((left, gaps))
    measure(clips, kept)
    for number, (left, gaps) in enumerate(plans):
        again = read_pictures(kept / f"made{number:02d}.npz")
        if len(again.levels) != sum(b - a for a, b in left):
            raise MakingFailed(f"made {len(again.levels)} frames of {sum(b - a for a, b in left)}")
        found.append((SmallPictures(again.levels, _moved(own.cuts, left)), gaps))
    return found


def with_gaps(total: int, cuts: IntArray, rng: np.random.Generator) -> tuple[list[tuple[int, int]], Gaps]:
    """Which runs of frames (first, one past last) are left, and the gaps between them.

    Lengths of gaps are drawn by their logarithm.
    """
    left: list[tuple[int, int]] = []
    gaps: list[tuple[int, int]] = []
    at = count = 0
    while True:
        end = at + int(rng.integers(KEPT[0], KEPT[1] + 1))
        missing = round(MISSING[0] * (MISSING[1] / MISSING[0]) ** rng.random())
        onward = end + missing
        if onward + AFTER_LAST >= total:
            return [*left, (at, total)], tuple(gaps)
        left.append((at, end))
        count += end - at
        # a shot that begins with the first missing frame, or with the first one after them, is a plain cut
        is_inside = not ((cuts >= end) & (cuts <= onward)).any()
        gaps.append((count, missing if is_inside else -missing))
        at = onward


def _moved(cuts: IntArray, left: Sequence[tuple[int, int]]) -> IntArray:
    """Where the frames that began a shot, or the first ones left after them, stand now."""
    order = np.concatenate([np.arange(a, b) for a, b in left])
    return np.searchsorted(order, cuts).astype(np.int64)


def _encode(program: str, source: Path, left: Sequence[tuple[int, int]], chain: str, target: Path) -> None:
    side_px, encoder = CHAINS[chain]
    runs = "+".join(f"between(n,{a},{b - 1})" for a, b in left)
    scale = f"min(1,{side_px}/max(iw,ih))/4"
    picture = (
        f"select='{runs}',scale=w='4*max(4,trunc(iw*{scale}))':h='4*max(4,trunc(ih*{scale}))',"
        "setsar=1,format=yuv420p,setpts='N/if(gt(FRAME_RATE,0),FRAME_RATE,25)/TB'"
    )
    first = ("-i", as_text(source), "-map", "0:v:0", "-an", "-sn", "-dn", "-vf", picture)
    count = sum(b - a for a, b in left)
    run_ffmpeg(
        program, [*first, "-frames:v", str(count), "-fps_mode", "passthrough", *encoder, as_text(target)]
    )


def _write(made: Sequence[tuple[SmallPictures, Gaps]], index: Path, levels: Path, folder: Path) -> None:
    """One array of all pictures, then the list of clips that tells that it is whole."""
    whole, listed = folder / "all.npy", folder / "all.json"
    np.save(whole, np.concatenate([pictures.levels for pictures, _ in made]), allow_pickle=False)
    rows = [
        {"frames": len(pictures.levels), "cuts": pictures.cuts.tolist(), "gaps": gaps}
        for pictures, gaps in made
    ]
    listed.write_text(json.dumps(rows), encoding="ascii")
    whole.replace(levels)
    listed.replace(index)


def _read(source: Source, index: Path, levels: Path) -> Iterator[Shown]:
    every = np.load(levels, mmap_mode="r", allow_pickle=False)
    rows: list[dict[str, Any]] = json.loads(index.read_text("ascii"))
    at = 0
    for number, row in enumerate(rows):
        part = every[at : at + row["frames"]]
        at += row["frames"]
        if len(part) >= LEAST_QUIET:
            gaps = tuple((int(place), int(missing)) for place, missing in row["gaps"])
            cuts = np.array(row["cuts"], np.int64)
            yield Shown(source.scene, source.is_camera, number > 0, part, cuts, gaps)


def of_side(shown: Sequence[Shown], side: Side) -> list[Shown]:
    """The clips of one side of the split by scene."""
    return [s for s in shown if side in ("all", side_of(s.scene))]

"""Which files of a folder serve the benchmark as sources, hosts, unrelated clips and voices.

Roles go to whole groups (a speaker, a scene; a file where nothing is known), so that no clip of a source's
group is ever counted as unrelated to it.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidforensics.errors import UsageError

if TYPE_CHECKING:
    import av

Side = Literal["fit", "test", "all"]
PICTURED = (".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".flv", ".ogv")
_SOUNDING = (".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus")
SUFFIXES = frozenset((*PICTURED, *_SOUNDING))
# Forged and generated clips show what another file shows; their truth is not known.
_UNSURE_KINDS = frozenset({"forged", "generated"})
# "GRID_unknown" may be anyone of GRID, so a clip of it may show what another group's clip shows.
_UNSURE_GROUP = "_unknown"
_GRAPHIC_KINDS = frozenset({"animation"})
_AUDIBLE_DB = -50.0
_PER_STRANGER = 2
_DETAIL_LEVELS = 12.0


@dataclass(frozen=True, slots=True)
class Material:
    """One usable file. `graphic`: title cards, test cards, drawings; only ever references.

    size_px: width and height as stored, (0, 0) without picture; rate: frames per second as a fraction such as
    "30000/1001", "" where unknown.
    """

    path: Path
    group: str
    sha256: str
    duration_s: float
    has_picture: bool
    has_sound_track: bool
    audible: bool
    graphic: bool
    size_px: tuple[int, int] = (0, 0)
    rate: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """Who plays what. `sources` are edited; `hosts` and `voices` are in no reference set."""

    sources: tuple[Material, ...]
    hosts: tuple[Material, ...]
    voices: tuple[Material, ...]
    references: tuple[Material, ...]
    strangers: tuple[Material, ...]


def side_of(group: str) -> Literal["fit", "test"]:
    """The side of the split a group is on: "fit" where the first hex digit of its SHA-256 is even."""
    return "test" if int(hashlib.sha256(group.encode()).hexdigest()[0], 16) % 2 else "fit"


def read_footage(folder: Path, side: Side = "test") -> list[Material]:
    """Every readable clip of a folder, in the order of names, exact copies once.

    Args:
        folder: searched recursively; a MANIFEST.csv in it may give `file`, `kind`, `speaker_or_scene_id`.
        side: which side of the split, "all" for both.

    Raises:
        UsageError: not a folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of footage.")
    notes = _manifest(folder)
    seen: set[str] = set()
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        name = path.relative_to(folder).as_posix()
        group, kind = notes.get(name, (name, ""))
        if kind in _UNSURE_KINDS or group.endswith(_UNSURE_GROUP) or side not in ("all", side_of(group)):
            continue
        material = _examine(path, group, kind)
        if material is not None and material.sha256 not in seen:
            seen.add(material.sha256)
            found.append(material)
    return found


def _manifest(folder: Path) -> dict[str, tuple[str, str]]:
    return {
        name: (row.get("speaker_or_scene_id") or name, row.get("kind") or "")
        for name, row in manifest_rows(folder).items()
    }


def manifest_rows(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a folder's MANIFEST.csv by the file each is of; empty where there is none."""
    path = folder / "MANIFEST.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="replace") as handle:
        return {row["file"]: row for row in csv.DictReader(handle) if row.get("file")}


def _examine(path: Path, group: str, kind: str) -> Material | None:
    """What a file holds, or None where it cannot be read."""
    import av

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        with av.open(str(path.resolve()), metadata_errors="replace") as container:
            pictured = [s for s in container.streams.video if not s.disposition & 0x400]  # no cover art
            sounding = container.streams.audio
            length_s = float(container.duration or 0) / av.time_base
            audible = bool(sounding) and _mean_volume_db(container) > _AUDIBLE_DB
            graphic = kind in _GRAPHIC_KINDS
            size_px = (pictured[0].width, pictured[0].height) if pictured else (0, 0)
            rate = str(pictured[0].average_rate or "") if pictured else ""
            return Material(
                path, group, digest, length_s, bool(pictured), bool(sounding), audible, graphic, size_px, rate
            )
    except (av.error.FFmpegError, OSError, ValueError):
        return None


def _mean_volume_db(container: av.container.InputContainer, limit_s: float = 20.0) -> float:
    """Mean power of the first sound track, in dB of full scale; −inf where nothing decodes."""
    import av

    mono = av.AudioResampler(format="flt", layout="mono", rate=8000)
    power, count = 0.0, 0
    for frame in container.decode(container.streams.audio[0]):
        for part in mono.resample(frame):
            samples = part.to_ndarray()
            power, count = power + float(np.square(samples, dtype=np.float64).sum()), count + samples.size
        if count > limit_s * 8000:
            break
    return 10 * float(np.log10(power / count)) if power > 0 else float("-inf")


def has_detail(path: Path) -> bool:
    """Whether a clip's pictures differ from black and blank: three sampled frames, median luma spread."""
    import av

    spreads = []
    with av.open(str(path.resolve()), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        for index, frame in enumerate(container.decode(stream)):
            spreads.append(float(frame.to_ndarray(format="gray").std()))
            if index >= 8:
                break
    return bool(spreads) and float(np.median(spreads)) >= _DETAIL_LEVELS


def choose(
    material: Sequence[Material], count: int, seed: int, window_s: float = 4.0, longest_s: float = 600.0
) -> Roles:
    """Give every file its role, the same for the same seed.

    Args:
        material: from `read_footage`.
        count: how many sources to edit, at most one per group.
        seed: of every choice.
        window_s: shorter clips are no sources.
        longest_s: longer clips are no sources.

    Returns:
        Roles with at least one source and two hosts.

    Raises:
        UsageError: too little footage.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str, list[Material]] = {}
    for one in material:
        if one.has_picture and one.duration_s > 0:
            groups.setdefault(one.group, []).append(one)
    names = [str(name) for name in rng.permutation(sorted(groups))]
    fit = {n: _candidates(groups[n], window_s, longest_s) for n in names}
    playable = sorted((n for n in names if fit[n]), key=lambda n: not any(m.audible for m in fit[n]))
    hosts_wanted = max(2, count // 4)
    if len(playable) < 3:
        raise UsageError(
            f"evaluate needs clips of {window_s:.0f} s from three scenes or more; there are {len(playable)}."
        )
    wanted = min(count, len(playable) - min(hosts_wanted, len(playable) - 1))
    chosen = _mixed(playable, fit, wanted)
    left = [n for n in playable if n not in chosen]
    hosts = left[:hosts_wanted]
    rest = [n for n in names if n not in chosen and n not in hosts]
    strangers = [n for n in rest if not any(m.graphic for m in groups[n])][: len(rest) // 3]
    mute = [m for m in material if not m.has_picture and m.audible]
    return Roles(
        sources=tuple(fit[n][int(rng.integers(len(fit[n])))] for n in chosen),
        hosts=tuple(fit[n][0] for n in hosts),
        voices=tuple(mute) or tuple(fit[n][0] for n in hosts if fit[n][0].audible),
        references=tuple(m for n in rest if n not in strangers for m in groups[n]),
        strangers=tuple(m for n in strangers for m in groups[n][:_PER_STRANGER]),
    )


def _candidates(files: list[Material], window_s: float, longest_s: float) -> list[Material]:
    long = [m for m in files if window_s <= m.duration_s <= longest_s and not m.graphic]
    return [m for m in long if has_detail(m.path)]


def _mixed(names: list[str], fit: dict[str, list[Material]], count: int) -> list[str]:
    """`count` groups, about one in five of them without sound where there are such."""
    loud = [n for n in names if any(m.audible for m in fit[n])]
    quiet = [n for n in names if n not in loud]
    silent = min(len(quiet), max(count // 5, count - len(loud)))
    return loud[: count - silent] + quiet[:silent]


def probe(path: Path) -> tuple[int, int, float, float, bool]:
    """Width and height in pixels, seconds of picture, frame rate in Hz, and whether there is sound.

    Raises:
        av.error.FFmpegError: the file cannot be read.
    """
    import av

    with av.open(str(path.resolve()), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        tick = float(stream.time_base or 0)
        ends = [float((p.pts or 0) + (p.duration or 0)) * tick for p in _packets(container, stream)]
        rate_hz = float(stream.average_rate or 25)
        return stream.width, stream.height, max(ends, default=0.0), rate_hz, bool(container.streams.audio)


def _packets(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.Packet[av.VideoStream]]:
    yield from (p for p in container.demux(stream) if p.pts is not None and p.size)

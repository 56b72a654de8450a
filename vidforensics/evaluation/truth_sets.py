"""Read other people's forged sets with their truth: AV-Deepfake1M, LAV-DF and PartialSpoof.

A folder in one of these layouts goes in; every file of it that is there comes out with its forged stretches.
Source: the sets' own documentation; AV-Deepfake1M `*metadata.json` (`fake_segments`), LAV-DF `metadata.json`
(`fake_periods`), PartialSpoof RTTM files (label `spoof`; its pickled labels are not read).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vidforensics.errors import UsageError

Layout = Literal["av-deepfake1m", "lav-df", "partialspoof"]
Span = tuple[float, float]
_SOUNDS = (".wav", ".flac")


@dataclass(frozen=True, slots=True)
class Known:
    """One file and its forged stretches in seconds; () where nothing in it is forged."""

    path: Path
    spans: tuple[Span, ...]


def read_truth(folder: Path, layout: Layout) -> list[Known]:
    """Every file of a set that lies in the folder, in the order of names.

    Args:
        folder: the set as it was published, or a part of it.
        layout: whose.

    Raises:
        UsageError: no metadata of that layout, or none of its files is there.
    """
    readers = {"av-deepfake1m": _av_deepfake, "lav-df": _lav_df, "partialspoof": _partial_spoof}
    known = sorted(readers[layout](folder), key=lambda k: str(k.path))
    if not known:
        raise UsageError(f"{folder}: holds no file with its truth in the layout of {layout}.")
    return known


def _av_deepfake(folder: Path) -> Iterator[Known]:
    for path in sorted(folder.glob("*metadata.json")):
        for row in _rows(path):
            yield from _known(folder, row, "fake_segments")


def _lav_df(folder: Path) -> Iterator[Known]:
    for row in _rows(folder / "metadata.json"):
        yield from _known(folder, row, "fake_periods")


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: is not readable metadata ({error}).") from error
    return [r for r in rows if isinstance(r, dict) and isinstance(r.get("file"), str)]


def _known(folder: Path, row: dict[str, Any], key: str) -> Iterator[Known]:
    """The file of a row, below the folder or below the folder of its split; nothing where it is absent."""
    places = (folder / row["file"], folder / str(row.get("split", "")) / row["file"])
    for place in places:
        if place.is_file() and place.resolve().is_relative_to(folder.resolve()):
            yield Known(place, tuple((float(a), float(b)) for a, b in row.get(key) or ()))
            return


def _partial_spoof(folder: Path) -> Iterator[Known]:
    sounds = {p.stem: p for p in sorted(folder.rglob("*")) if p.suffix.lower() in _SOUNDS}
    spans: dict[str, list[Span]] = {}
    for path in sorted(folder.rglob("*.rttm")):
        for line in path.read_text("utf-8", errors="replace").splitlines():
            words = line.split()
            if len(words) < 8 or words[0] != "SPEAKER":
                continue
            mine = spans.setdefault(words[1], [])
            if words[7] == "spoof":
                start = float(words[3])
                mine.append((start, start + float(words[4])))
    for name, found in spans.items():
        if name in sounds:
            yield Known(sounds[name], tuple(sorted(found)))

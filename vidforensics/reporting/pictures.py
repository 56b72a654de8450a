"""The pictures a report carries: which thumbnails and keyframes, how large, within a fixed budget.

Records of extraction and the case folder go in, data URIs with exact times come out. A long clip keeps
its pictures at shot starts and flags and thins out the rest evenly, so that a report stays a few megabytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidforensics.reporting.binning import spread
from vidforensics.reporting.drawing import data_uri
from vidforensics.types import Case, Keyframe, Thumbnail

THUMBNAIL_BUDGET_BYTES = 1_300_000
KEYFRAME_BUDGET_BYTES = 1_100_000
MOST_THUMBNAILS = 480
MOST_KEYFRAMES = 60
KEYFRAME_SIDE_PX = 480
_JPEG_QUALITY = 78
_LARGEST_FILE_BYTES = 64 << 20
_DEFAULT_SIZE = (16, 9)


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of the report: where it belongs, its data URI and its size in pixels."""

    key: str
    time_s: float
    uri: str
    width_px: int
    height_px: int
    shot: int | None = None
    path: str | None = None


def thumbnails(case: Case, wanted_s: Iterable[float]) -> tuple[Shown, ...]:
    """The filmstrip's pictures, in time order; those nearest to `wanted_s` are kept first."""
    found = sorted((t for t in case.extraction.thumbnails if t.jpeg), key=lambda t: t.time_s)
    kept = _within_budget(found, _nearest(found, wanted_s))
    return tuple(_thumbnail(number, found[i]) for number, i in enumerate(kept))


def _thumbnail(number: int, thumbnail: Thumbnail) -> Shown:
    columns, rows = jpeg_size(thumbnail.jpeg) or _DEFAULT_SIZE
    return Shown(f"t{number}", thumbnail.time_s, data_uri(thumbnail.jpeg, "image/jpeg"), columns, rows)


def _within_budget(found: Sequence[Thumbnail], first: Sequence[int]) -> list[int]:
    """Indices to keep: the wanted ones, then the rest evenly, while the budget lasts."""
    spent, kept = 0, set[int]()
    half = THUMBNAIL_BUDGET_BYTES // 2
    for budget, indices in ((half, first), (THUMBNAIL_BUDGET_BYTES, _even_order(len(found)))):
        for i in indices:
            if i in kept or len(kept) >= MOST_THUMBNAILS:
                continue
            if spent + len(found[i].jpeg) > budget:
                break
            kept.add(i)
            spent += len(found[i].jpeg)
    return sorted(kept)


def _even_order(count: int) -> list[int]:
    """All indices, ever finer: a prefix of any length is spread over the whole."""
    order: dict[int, None] = {}
    limit = 8
    while len(order) < count:
        order.update(dict.fromkeys(spread(count, limit)))
        limit = limit * 2 - 1
    return list(order)


def _nearest(found: Sequence[Thumbnail], wanted_s: Iterable[float]) -> list[int]:
    """Index of the picture nearest to each wanted time, without repeats."""
    if not found:
        return []
    times = [t.time_s for t in found]
    order: dict[int, None] = {}
    for wanted in wanted_s:
        order[nearest_index(times, wanted)] = None
    return list(order)


def nearest_index(times: Sequence[float], wanted: float) -> int:
    """Index of the nearest of ascending times; the earlier one where two are as near."""
    import bisect

    right = bisect.bisect_left(times, wanted)
    if right == 0:
        return 0
    if right == len(times):
        return right - 1
    return right if times[right] - wanted < wanted - times[right - 1] else right - 1


def jpeg_size(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG from its frame header (ITU-T T.81, B.2.2); None if there is none."""
    position = 2
    while position + 9 <= len(jpeg) and jpeg[position] == 0xFF:
        marker = jpeg[position + 1]
        length = int(struct.unpack_from(">H", jpeg, position + 2)[0])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            rows, columns = struct.unpack_from(">HH", jpeg, position + 5)
            return (columns, rows) if columns and rows else None
        position += 2 + length
    return None


def keyframes(case: Case, case_folder: Path) -> tuple[Shown, ...]:
    """The keyframes of the case folder, scaled down to be looked at; unreadable ones are left out."""
    found = sorted(case.extraction.keyframes, key=lambda k: k.time_s)
    shown: list[Shown] = []
    spent = 0
    for i in spread(len(found), MOST_KEYFRAMES):
        picture = _load_scaled(case_folder, found[i])
        if picture is None:
            continue
        spent += len(picture[0])
        if spent > KEYFRAME_BUDGET_BYTES:
            break
        shown.append(_keyframe(len(shown), found[i], *picture))
    return tuple(shown)


def _keyframe(number: int, keyframe: Keyframe, jpeg: bytes, columns: int, rows: int) -> Shown:
    uri = data_uri(jpeg, "image/jpeg")
    return Shown(f"k{number}", keyframe.time_s, uri, columns, rows, keyframe.shot, keyframe.path)


def _load_scaled(case_folder: Path, keyframe: Keyframe) -> tuple[bytes, int, int] | None:
    """A keyframe as a small JPEG with its size; None where the file is missing, foreign or no picture."""
    import cv2
    import numpy as np

    folder = case_folder.resolve()
    path = (folder / keyframe.path).resolve()
    try:
        if not path.is_relative_to(folder) or path.stat().st_size > _LARGEST_FILE_BYTES:
            return None
        data = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, ValueError, cv2.error):
        return None
    if picture is None:
        return None
    scale = min(1.0, KEYFRAME_SIDE_PX / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return (jpeg.tobytes(), *size) if done else None

"""The searchable tables of many videos: made from their prints, merged, kept in segment files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidforensics.tracing.segment_files import ArrayFile
from vidforensics.types import AudioPrint, PicturePrint, PictureTable, SoundTable

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, IntArray

_CODE_BYTES = 32


def picture_table(prints: Iterable[tuple[int, PicturePrint]]) -> PictureTable:
    """One table of the picture codes of several videos.

    Args:
        prints: the number of each video and its print; a print without frames is a video without rows.
    """
    numbered = list(prints)
    lengths = [len(p.times_s) for _, p in numbered]
    return PictureTable(
        codes=_stacked([p.codes for _, p in numbered]),
        times_s=_joined([np.asarray(p.times_s, np.float32) for _, p in numbered], np.float32),
        quality=_joined([p.quality for _, p in numbered], np.uint8),
        videos=np.array([number for number, _ in numbered], np.int64),
        starts=_starts(lengths),
    )


def sound_table(prints: Iterable[tuple[int, Sequence[AudioPrint]]]) -> SoundTable:
    """One table, sorted by code, of the sound codes of several videos.

    Args:
        prints: the number of each video and the prints of its tracks; silent ones give no rows.
    """
    tracks = [(number, track) for number, prints_of in prints for track in prints_of]
    lengths = [len(track.codes) for _, track in tracks]
    numbers = np.array([number for number, _ in tracks], np.int32)
    return _by_code(
        _joined([track.codes for _, track in tracks], np.uint32),
        np.repeat(numbers, lengths),
        _joined([np.asarray(track.times_s, np.float32) for _, track in tracks], np.float32),
    )


def merged_pictures(tables: Sequence[PictureTable]) -> PictureTable:
    """The rows of several tables, in their order, as one."""
    lengths = np.concatenate([np.diff(t.starts) for t in tables]) if tables else ()
    return PictureTable(
        codes=_stacked([t.codes for t in tables]),
        times_s=_joined([t.times_s for t in tables], np.float32),
        quality=_joined([t.quality for t in tables], np.uint8),
        videos=_joined([t.videos for t in tables], np.int64),
        starts=_starts(lengths),
    )


def merged_sounds(tables: Sequence[SoundTable]) -> SoundTable:
    """The rows of several tables as one, sorted by code."""
    return _by_code(
        _joined([t.codes for t in tables], np.uint32),
        _joined([t.video for t in tables], np.int32),
        _joined([t.times_s for t in tables], np.float32),
    )


def arrays_of(pictures: PictureTable, sounds: SoundTable) -> dict[str, NDArray[Any]]:
    """Both tables as the named arrays of a segment file."""
    return {
        "picture.codes": pictures.codes,
        "picture.times_s": pictures.times_s,
        "picture.quality": pictures.quality,
        "picture.videos": pictures.videos,
        "picture.starts": pictures.starts,
        "sound.codes": sounds.codes,
        "sound.video": sounds.video,
        "sound.times_s": sounds.times_s,
    }


def tables_of(file: ArrayFile) -> tuple[PictureTable, SoundTable]:
    """The tables of a segment file, as views of it."""
    pictures = PictureTable(
        codes=file.array("picture.codes"),
        times_s=file.array("picture.times_s"),
        quality=file.array("picture.quality"),
        videos=file.array("picture.videos"),
        starts=file.array("picture.starts"),
    )
    sounds = SoundTable(file.array("sound.codes"), file.array("sound.video"), file.array("sound.times_s"))
    return pictures, sounds


def _by_code(codes: NDArray[Any], video: NDArray[Any], times_s: NDArray[Any]) -> SoundTable:
    """Sorted by code, then video, then time, so that equal content gives equal bytes."""
    order = np.lexsort((times_s, video, codes))
    return SoundTable(codes[order], video[order], times_s[order])


def _stacked(parts: Sequence[ByteArray]) -> ByteArray:
    """Codes of all parts, as wide as those parts have that hold any."""
    filled = [part for part in parts if len(part)]
    return np.concatenate(filled) if filled else np.zeros((0, _CODE_BYTES), np.uint8)


def _joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.zeros(0, dtype)


def _starts(lengths: Sequence[int] | IntArray) -> IntArray:
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int64)

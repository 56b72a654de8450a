"""Fingerprints as bytes: the file a worker hands over, and the blob an index keeps in its row.

The blob is smaller: times are kept to the microsecond as differences, their bytes sorted by significance,
and all of it deflated; codes are as good as random and stay as they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidforensics.tracing import segment_files
from vidforensics.types import AudioPrint, Fingerprint, IndexedVideo, PicturePrint, Post

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, FloatArray

_MICROSECOND_S = 1e-6
_TIMES = "times_s"


def write_fingerprint(path: Path, fingerprint: Fingerprint) -> int:
    """Write one fingerprint to a file of its own, checksummed.

    Returns:
        Its size in bytes.

    Raises:
        OutputError: the disk is full or the folder is not writable.
    """
    video = asdict(fingerprint.video)
    meta = {**_meta(fingerprint), "video": video, "problems": list(fingerprint.problems)}
    return segment_files.write(path, _arrays(fingerprint), meta)


def read_fingerprint(path: Path) -> Fingerprint:
    """The fingerprint that `write_fingerprint` wrote.

    Raises:
        DamagedFileError: absent, cut or altered.
    """
    file = segment_files.read(path).checked()
    return _fingerprint(file, _video(file.meta["video"]), tuple(file.meta["problems"]))


def encode(fingerprint: Fingerprint) -> bytes:
    """The prints of a fingerprint as a small blob; what describes the video is not in it."""
    arrays = {
        name: _packed_times(array) if name.endswith(_TIMES) else array
        for name, array in _arrays(fingerprint).items()
    }
    return zlib.compress(segment_files.pack(arrays, _meta(fingerprint)), 1)


def decode(data: bytes, video: IndexedVideo, problems: tuple[str, ...] = ()) -> Fingerprint:
    """The fingerprint whose prints `encode` packed; times are exact to a microsecond.

    Raises:
        DamagedFileError: the blob was altered.
    """
    name = f"the row of {video.path}"
    try:
        file = segment_files.unpack(zlib.decompress(data), name)
    except zlib.error as error:
        raise segment_files.DamagedFileError(f"{name}: damaged ({error}).") from error
    return _fingerprint(file, video, problems, packed=True)


def _meta(fingerprint: Fingerprint) -> dict[str, Any]:
    picture = fingerprint.picture
    return {
        "picture": {
            "algorithm": picture.algorithm,
            "sampling": picture.sampling,
            "aspect": picture.aspect,
        },
        "sounds": [{"algorithm": s.algorithm, "track": s.track} for s in fingerprint.sounds],
    }


def _arrays(fingerprint: Fingerprint) -> dict[str, NDArray[Any]]:
    picture = fingerprint.picture
    arrays: dict[str, NDArray[Any]] = {
        "picture.times_s": np.asarray(picture.times_s, np.float64),
        "picture.codes": picture.codes,
        "picture.quality": picture.quality,
        "picture.points": picture.points,
        "picture.descriptors": picture.descriptors,
    }
    for index, sound in enumerate(fingerprint.sounds):
        arrays[f"sound{index}.times_s"] = np.asarray(sound.times_s, np.float64)
        arrays[f"sound{index}.codes"] = sound.codes
    return arrays


def _fingerprint(
    file: segment_files.ArrayFile, video: IndexedVideo, problems: tuple[str, ...], *, packed: bool = False
) -> Fingerprint:
    """The record out of its arrays, copied so that the file may go away."""
    arrays = {name: np.array(file.array(name)) for name in file.names}
    if packed:
        arrays = {n: _unpacked_times(a) if n.endswith(_TIMES) else a for n, a in arrays.items()}
    picture = file.meta["picture"]
    return Fingerprint(
        video=video,
        picture=PicturePrint(
            algorithm=picture["algorithm"],
            sampling=picture["sampling"],
            aspect=picture["aspect"],
            times_s=arrays["picture.times_s"],
            codes=arrays["picture.codes"],
            quality=arrays["picture.quality"],
            points=arrays["picture.points"],
            descriptors=arrays["picture.descriptors"],
        ),
        sounds=tuple(
            AudioPrint(s["algorithm"], s["track"], arrays[f"sound{i}.times_s"], arrays[f"sound{i}.codes"])
            for i, s in enumerate(file.meta["sounds"])
        ),
        problems=problems,
    )


def _video(value: Mapping[str, Any]) -> IndexedVideo:
    posts = tuple(Post(**post) for post in value["posts"])
    return IndexedVideo(**{**value, "posts": posts})


def _packed_times(times_s: FloatArray) -> ByteArray:
    """Differences in microseconds as uint8 (8, N), one row per byte of the number."""
    ticks = np.rint(times_s / _MICROSECOND_S).astype("<i8")
    return np.diff(ticks, prepend=0).astype("<i8").view(np.uint8).reshape(-1, 8).T


def _unpacked_times(planes: ByteArray) -> FloatArray:
    ticks = np.cumsum(np.ascontiguousarray(planes.T).view("<i8").ravel())
    return np.asarray(ticks * _MICROSECOND_S)

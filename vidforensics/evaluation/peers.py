"""Other tools' rules on the same clips: vPDQ, the closest PDQ frame, a vote of perceptual hashes.

Decision rules as their users run them. vPDQ: one PDQ hash per second, quality 50 or more, equal hashes
once; a frame matches at 31 bits or less; a pair matches where 80 % of the query's (or of the reference's)
hashes do. pHash vote: one 64-bit pHash per second, 10 bits or less, half of the query's frames.
Source: ThreatExchange, vpdq/README.md and python-threatexchange; imagehash.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vidforensics.evaluation.metrics import Pair
from vidforensics.runtime import Progress, no_progress

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray

_T = TypeVar("_T")
PDQ_BITS, PDQ_QUALITY, VPDQ_SHARE = 31, 50, 0.8
PHASH_BITS, PHASH_SHARE = 10, 0.5


@dataclass(frozen=True, slots=True)
class PeerScores:
    """One rule over all pairs. `default`: from which score on the tool itself calls a pair a match."""

    name: str
    default: float
    scores: Mapping[Pair, float]
    note: str = ""


@dataclass(frozen=True, slots=True)
class PeerRun:
    """All rules that could be run, CPU seconds by part, and what could not be run and why."""

    rules: tuple[PeerScores, ...]
    cpu_s: Mapping[str, float]
    missing: tuple[str, ...]


@dataclass(slots=True)
class _Hashes:
    """Bits uint8 (N, 256) of good frames, each once; pHash bits uint8 (N, 64)."""

    pdq: ByteArray
    phash: ByteArray


class _Hasher:
    """Hashes one frame per second with whatever libraries are there."""

    def __init__(self) -> None:
        self.cpu_s = {"decode": 0.0, "pdq": 0.0, "phash": 0.0}
        self.missing: list[str] = []
        self.pdq = self._pdq()
        self.phash = self._phash()

    def _pdq(self) -> Callable[[ByteArray], tuple[ByteArray, int]] | None:
        try:
            import pdqhash
        except ImportError:
            self.missing.append("vPDQ was not run: pdqhash is not installed")
            return None
        return pdqhash.compute  # type: ignore[no-any-return]

    def _phash(self) -> Callable[[ByteArray], ByteArray] | None:
        try:
            import imagehash
            from PIL import Image
        except ImportError:
            self.missing.append("the pHash vote was not run: imagehash is not installed")
            return None
        return lambda picture: imagehash.phash(Image.fromarray(picture)).hash.reshape(-1).astype(np.uint8)

    def file(self, path: Path) -> _Hashes:
        """Hashes of one clip; empty where it does not decode."""
        pdq: dict[bytes, ByteArray] = {}
        phash: list[ByteArray] = []
        for picture in self._timed("decode", partial(frames_at_1_hz, path)):
            if self.pdq is not None:
                bits, quality = self._timed("pdq", partial(self.pdq, picture))
                if quality >= PDQ_QUALITY:
                    pdq[bits.tobytes()] = bits
            if self.phash is not None:
                phash.append(self._timed("phash", partial(self.phash, picture)))
        return _Hashes(_stacked(list(pdq.values()), 256), _stacked(phash, 64))

    def _timed(self, part: str, job: Callable[[], _T]) -> _T:
        start = time.process_time()
        try:
            return job()
        finally:
            self.cpu_s[part] += time.process_time() - start


def _stacked(rows: Sequence[ByteArray], width: int) -> ByteArray:
    return np.stack(rows).astype(np.uint8) if rows else np.zeros((0, width), np.uint8)


def frames_at_1_hz(path: Path) -> list[ByteArray]:
    """The first picture of every second of a clip, uint8 (h, w, 3) RGB; a broken end costs only itself."""
    import av

    pictures: list[ByteArray] = []
    with av.open(str(path.resolve()), metadata_errors="replace") as container:
        if not container.streams.video:
            return []
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        first: float | None = None
        try:
            for frame in container.decode(stream):
                at = frame.time
                if at is None:
                    continue
                first = at if first is None else first
                if at - first >= len(pictures) - 1e-3:
                    pictures.append(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))
        except av.error.FFmpegError:
            pass
    return pictures


def distances(first: ByteArray, second: ByteArray) -> np.ndarray:
    """Hamming distances float32 (N, M) of bits (N, B) and (M, B) given as 0 and 1."""
    a, b = first.astype(np.float32), second.astype(np.float32)
    return np.asarray(a.sum(1)[:, None] + b.sum(1)[None, :] - 2 * a @ b.T)


def run_peers(
    queries: Sequence[Path], references: Sequence[Path], progress: Progress = no_progress
) -> PeerRun:
    """Score every query against every reference by the peers' rules.

    Args:
        queries: files; their names must differ.
        references: likewise.
        progress: called as ("peers", done, total) with files.

    Returns:
        Scores of pairs by file name. Pairs that share no matching frame are left out of the share rules.
    """
    hasher = _Hasher()
    hashed: dict[Path, _Hashes] = {}
    for number, path in enumerate([*references, *queries]):
        progress("peers", number, len(references) + len(queries))
        hashed[path] = hasher.file(path)
    tables: dict[str, dict[Pair, float]] = {"q": {}, "c": {}, "closest": {}, "vote": {}}
    for query in queries:
        for reference in references:
            _score(tables, (query.name, reference.name), hashed[query], hashed[reference])
    rules = []
    if hasher.pdq is not None:
        rules += [
            PeerScores("vPDQ, 80 % of the query", VPDQ_SHARE, tables["q"]),
            PeerScores("vPDQ, 80 % of the reference", VPDQ_SHARE, tables["c"]),
            PeerScores("PDQ, closest frame within 31 bits", -float(PDQ_BITS), tables["closest"]),
        ]
    if hasher.phash is not None:
        rules.append(PeerScores("pHash vote, half of the query", PHASH_SHARE, tables["vote"]))
    return PeerRun(tuple(rules), hasher.cpu_s, tuple(hasher.missing))


def _score(tables: dict[str, dict[Pair, float]], pair: Pair, query: _Hashes, reference: _Hashes) -> None:
    """Enter the scores of one pair."""
    if len(query.pdq) and len(reference.pdq):
        apart = distances(query.pdq, reference.pdq)
        near = apart <= PDQ_BITS
        tables["closest"][pair] = -float(apart.min())
        if near.any():
            tables["q"][pair] = float(near.any(axis=1).mean())
            tables["c"][pair] = float(near.any(axis=0).mean())
    if len(query.phash) and len(reference.phash):
        share = float((distances(query.phash, reference.phash) <= PHASH_BITS).any(axis=1).mean())
        if share:
            tables["vote"][pair] = share

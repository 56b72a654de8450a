"""How the picture search grows with the index: time, memory, and what it finds of what brute force finds.

    python -m tests.benchmarks.search_scaling --footage DIR [--codes 100000 1000000 10000000] [--views 4 16]

The query is 60 s of real pictures, four a second, under several views. The index holds copies of it, which
differ in 5 to 25 % of their bits at random, in a background of codes that are drawn at random with the bit
means of real ones and with their correlations, shrunk until unlike pictures are as far apart as real ones
are. Each measurement runs in a process of its own on memory-mapped segment files. `--draws` repeats the
search with the copies drawn anew, as a few of 20 videos decide the share that is found.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from vidforensics.acquisition.probe import probe
from vidforensics.errors import VidforensicsError
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.features.picture_code import codes_of
from vidforensics.tracing import picture_odds, segment_files, store_tables
from vidforensics.tracing.search_picture import (
    PictureSearchOptions,
    search_pictures,
    search_pictures_exhaustively,
)
from vidforensics.types import Hits, PictureTable, QueryViews, SoundTable, View

SEED = 20261123
INTERVAL_S, QUERY_FRAMES, FRAMES_PER_CLIP, CLIPS = 0.25, 240, 24, 120
ROWS_PER_VIDEO, ROW_GAP_S = 60, 5.0
COPY_ROWS, COPIES_PER_SHARE = 12, 4
SHARES = (0.05, 0.10, 0.15, 0.20, 0.25)
SEGMENT_ROWS = 1_000_000
FIRST_COPY = 100_000_000
NEAR_BITS = 48
BOXES = (
    (0.0, 0.0, 1.0, 1.0),
    (0.0, 0.125, 1.0, 0.75),
    (0.125, 0.0, 0.75, 1.0),
    (0.0, 0.0, 0.75, 0.75),
    (0.25, 0.0, 0.75, 0.75),
    (0.0, 0.25, 0.75, 0.75),
    (0.25, 0.25, 0.75, 0.75),
    (0.1, 0.1, 0.8, 0.8),
)


def main() -> None:
    """Make the indexes, measure each in a process of its own, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--codes", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--views", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--whole-up-to", type=int, default=1_000_000, help="compare all hits up to this size")
    parser.add_argument("--draws", type=int, default=6, help="of the copies")
    parser.add_argument("--measure", nargs=3, metavar=("FOLDER", "VIEWS", "WHOLE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        folder, views, whole = arguments.measure
        sys.stdout.write(json.dumps(measure(Path(folder), int(views), whole == "yes", arguments.draws)))
        return
    clips = list(clips_of(arguments.footage))
    whole = [np.stack(frames) for frames in clips]
    real = [codes_of(frames)[0] for frames in whole]
    with tempfile.TemporaryDirectory() as scratch:
        write_query(Path(scratch) / "query", clips)
        for count in arguments.codes:
            folder = Path(scratch) / str(count)
            write_index(folder, real, count)
            for views in arguments.views:
                told = "yes" if count <= arguments.whole_up_to else "no"
                command = [sys.executable, "-m", "tests.benchmarks.search_scaling", "--footage", "."]
                command += ["--draws", str(arguments.draws), "--measure", str(folder), str(views), told]
                answer = subprocess.run(command, check=True, capture_output=True)
                print(f"{count}, {json.loads(answer.stdout)}", flush=True)


def clips_of(footage: Path) -> Iterator[list[np.ndarray]]:
    """Luma planes of many clips, four a second, scaled to one size."""
    import cv2

    names = sorted(
        p for p in footage.rglob("*") if p.suffix.lower() in (".mp4", ".mkv", ".mov", ".webm", ".mpg")
    )
    chosen = np.random.default_rng(SEED).permutation(len(names))[:CLIPS]
    for path in (names[i] for i in chosen):
        frames: list[np.ndarray] = []
        due_s = 0.0
        try:
            with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
                for block in decoder:
                    for time_s, luma in zip(block.pts_s, block.luma, strict=True):
                        if time_s >= due_s and len(frames) < FRAMES_PER_CLIP:
                            due_s = time_s + INTERVAL_S - 0.005
                            frames.append(cv2.resize(luma, (320, 180), interpolation=cv2.INTER_AREA))
                    if len(frames) == FRAMES_PER_CLIP:
                        break
        except VidforensicsError as error:
            print(error, file=sys.stderr)
        if frames:
            yield frames


def write_query(path: Path, clips: list[list[np.ndarray]]) -> None:
    """Codes of 60 s of pictures under 16 views: eight boxes, each also mirrored."""
    import cv2

    frames = [frame for clip in clips if len(clip) == FRAMES_PER_CLIP for frame in clip][:QUERY_FRAMES]
    rows = []
    for box in BOXES:
        for mirrored in (False, True):
            x, y, w, h = (round(f * s) for f, s in zip(box, (320, 180, 320, 180), strict=True))
            cut = [cv2.resize(f[y : y + h, x : x + w], (320, 180)) for f in frames]
            stack = np.stack(cut)
            rows.append(codes_of(np.ascontiguousarray(stack[:, :, ::-1]) if mirrored else stack))
    codes, quality = (np.stack(part) for part in zip(*rows, strict=True))
    segment_files.write(path, {"codes": codes, "quality": quality}, {})


def read_query(path: Path, count: int) -> QueryViews:
    """The query under its first `count` views."""
    file = segment_files.read(path)
    codes, quality = file.array("codes")[:count], file.array("quality")[:count]
    frames = codes.shape[1]
    return QueryViews(
        views=tuple(View(BOXES[i // 2], bool(i % 2)) for i in range(count)),
        times_s=np.tile(np.arange(frames) * INTERVAL_S, count),
        view=np.repeat(np.arange(count), frames),
        codes=codes.reshape(-1, codes.shape[2]),
        quality=quality.reshape(-1),
    )


def write_index(folder: Path, real: list[np.ndarray], count: int) -> None:
    """Segment files: copies of the query first, then background."""
    folder.mkdir()
    views = read_query(folder.parent / "query", 2)
    write_table(folder / "copies.seg", copies(views))
    rng = np.random.default_rng(SEED)
    draw = Background(real)
    for first in range(0, count, SEGMENT_ROWS):
        codes = draw(rng, min(SEGMENT_ROWS, count - first))
        write_table(folder / f"{first:09d}.seg", table(codes, first // ROWS_PER_VIDEO, ROWS_PER_VIDEO))


def copies(views: QueryViews, draw: int = 0) -> PictureTable:
    """Videos of rows that the query's frames, upright or mirrored, are noisy copies of."""
    rng = np.random.default_rng(SEED + 1 + 100 * draw)
    usable = np.flatnonzero(views.quality > 0)
    rows = []
    for share in SHARES:
        for _ in range(COPIES_PER_SHARE):
            codes = views.codes[np.sort(rng.choice(usable, COPY_ROWS, replace=False))]
            rows.append(codes ^ np.packbits(rng.random((COPY_ROWS, 256)) < share, axis=1))
    return table(np.concatenate(rows), FIRST_COPY, COPY_ROWS)


class Background:
    """Draws codes with the bit means and the shrunk correlations of real ones."""

    def __init__(self, real: list[np.ndarray]) -> None:
        from scipy.special import ndtri

        bits = np.unpackbits(np.concatenate(real), axis=1)
        mean, correlation = bits.mean(axis=0), np.corrcoef(bits.T)
        target = stranger_spread(real)
        own = np.eye(len(mean))
        # Frames of a clip are alike, so that few clips make bits look more correlated than they are.
        excess = (correlation * (1 - own)) ** 2
        shrink = np.sqrt(max(0.0, (4 * target**2 - len(mean)) / excess.sum()))
        latent = np.sin(np.pi / 2 * np.clip(own + shrink * correlation * (1 - own), -1, 1))
        values, vectors = np.linalg.eigh(latent)
        mixing = vectors * np.sqrt(np.clip(values, 1e-3, None))
        self._mixing = (mixing / np.linalg.norm(mixing, axis=1, keepdims=True)).astype(np.float32)
        self._cut = ndtri(1 - mean).astype(np.float32)

    def __call__(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """`count` codes."""
        parts = []
        for first in range(0, count, 50_000):
            normal = rng.standard_normal((min(50_000, count - first), 256), np.float32)
            parts.append(np.packbits(normal @ self._mixing.T > self._cut, axis=1))
        return np.concatenate(parts)


def stranger_spread(real: list[np.ndarray]) -> float:
    """Standard deviation, in bits, of the distance between pictures of different clips."""
    rng = np.random.default_rng(SEED + 2)
    clip = np.repeat(np.arange(len(real)), [len(codes) for codes in real])
    words = np.concatenate(real).view(np.uint64)
    one, other = rng.integers(0, len(words), (2, 400_000))
    apart = clip[one] != clip[other]
    return float(np.bitwise_count(words[one[apart]] ^ words[other[apart]]).sum(axis=1).std())


def table(codes: np.ndarray, first_video: int, rows_per_video: int) -> PictureTable:
    """Codes as videos of so many rows."""
    starts = np.unique(np.append(np.arange(0, len(codes), rows_per_video), len(codes))).astype(np.int64)
    return PictureTable(
        codes=codes,
        times_s=(np.arange(len(codes)) % rows_per_video * ROW_GAP_S).astype(np.float32),
        quality=np.full(len(codes), 90, np.uint8),
        videos=np.arange(first_video, first_video + len(starts) - 1),
        starts=starts,
    )


def write_table(path: Path, pictures: PictureTable) -> None:
    """A segment file as an index has it, without sound."""
    none = SoundTable(np.zeros(0, np.uint32), np.zeros(0, np.int32), np.zeros(0, np.float32))
    segment_files.write(path, store_tables.arrays_of(pictures, none), {})


def measure(folder: Path, view_count: int, whole: bool, draws: int = 1) -> dict[str, object]:
    """Load an index, search it, compare with brute force."""
    options = replace(PictureSearchOptions(), whole_pairs=0)
    views = read_query(folder.parent / "query", view_count)
    started = time.process_time()
    paths = sorted(folder.glob("*.seg"))
    tables = [store_tables.tables_of(segment_files.read(path).checked())[0] for path in paths]
    loaded = time.process_time()
    hits = search_pictures(tables, views, options)
    first_s = time.process_time() - loaded
    again = time.process_time()
    search_pictures(tables, views, options)
    second_s = time.process_time() - again
    peak_mb = peak_resident_mb()
    known = search_pictures_exhaustively([copies_table(tables)], views, options)
    result: dict[str, object] = {
        "query_codes": len(views.codes),
        "load_s": round(loaded - started, 2),
        "search_s": [round(first_s, 2), round(second_s, 2)],
        "peak_mb": round(peak_mb),
        "hits": len(hits.video),
        **found_of_copies(hits, known),
    }
    shares = [share_of_draw(tables, folder, views, draw, options) for draw in range(1, draws)]
    if shares:
        result["found_of_copies_drawn_anew"] = shares
    if whole:
        started = time.process_time()
        everything = search_pictures_exhaustively(tables, views, options)
        result["brute_force_s"] = round(time.process_time() - started, 2)
        near = float(picture_odds.weights(np.array(NEAR_BITS)))
        for name, least in ("found_of_near_hits", near), ("found_of_all_hits", -np.inf):
            known_keys = keys(everything, least)
            result[name] = round(len(keys(hits) & known_keys) / max(1, len(known_keys)), 4)
    return result


def share_of_draw(
    tables: list[PictureTable], folder: Path, views: QueryViews, draw: int, options: PictureSearchOptions
) -> object:
    """Found of the hits of other copies, in place of those that lie in the index."""
    drawn = copies(read_query(folder.parent / "query", 2), draw)
    rest = [t for t in tables if t is not copies_table(tables)]
    known = search_pictures_exhaustively([drawn], views, options)
    return found_of_copies(search_pictures([drawn, *rest], views, options), known)["found_of_copies"]


def peak_resident_mb() -> float:
    """Greatest resident size of this process, mapped files included (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def copies_table(tables: list[PictureTable]) -> PictureTable:
    """The table of copies."""
    return next(t for t in tables if len(t.videos) and t.videos[0] == FIRST_COPY)


def found_of_copies(hits: Hits, known: Hits) -> dict[str, object]:
    """Found of the copies' hits, and of the videos with any, by share of wrong bits."""
    found, all_known = keys(hits), keys(known)
    of_hits, of_videos = [], []
    for index in range(len(SHARES)):
        first = FIRST_COPY + index * COPIES_PER_SHARE
        mine = {k for k in all_known if first <= k[0] < first + COPIES_PER_SHARE}
        of_hits.append(f"{len(mine & found)}/{len(mine)}")
        of_videos.append(f"{len({k[0] for k in mine & found})}/{len({k[0] for k in mine})}")
    share = len(found & all_known) / max(1, len(all_known))
    return {"found_of_copies": round(share, 4), "hits_by_share": of_hits, "videos_by_share": of_videos}


def keys(hits: Hits, least_weight: float = -np.inf) -> set[tuple[int, float, int, int]]:
    """Hits of some weight as comparable rows."""
    columns = hits.video, hits.query_s, hits.view, hits.reference_row
    return set(zip(*(column[hits.weight >= least_weight].tolist() for column in columns), strict=True))


if __name__ == "__main__":
    main()

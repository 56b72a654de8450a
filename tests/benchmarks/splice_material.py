"""Material for the splice benchmark: real recordings, cut together by a seeded hand and encoded again.

Clips of the footage go in, split by speaker or scene; `Item`s come out, each a rendered clip with its pieces:
which recording every stretch shows, and which stretch was cut in from another one. Five kinds:
compilation (several recordings, to fit on), forged (one foreign piece), edited (ordinary cuts of one
recording: jumps, closer framings, two windows of one wide picture as two cameras, grades), cutaway (cut like
a forged clip, with a piece of its own recording in the foreign one's place), and whole.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import av
import numpy as np

from vidforensics.evaluation.ffmpeg import MakingFailed, as_text, ffmpeg_program, run_ffmpeg
from vidforensics.evaluation.footage import side_of

KINDS = ("compilation", "forged", "edited", "cutaway")
CHAINS = ("h264_23", "h264_28", "hevc_28", "two")
CHAIN_ODDS = (0.3, 0.3, 0.2, 0.2)
SCALERS = ("bilinear", "bicubic", "lanczos")
MAX_AREA = 720 * 405
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x265-params", "log-level=error")


@dataclass(frozen=True)
class Clip:
    """One file of the footage; `setup` is shared by files that are one recording."""

    file: str
    group: str
    setup: str
    corpus: str
    seconds: float
    width: int
    height: int
    rate: float


@dataclass(frozen=True)
class Piece:
    """A stretch of a clip as it was cut in; `box` is what is shown of it, `filters` what else was done."""

    file: str
    group: str
    corpus: str
    start_s: float
    frames: int
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    pad: bool = False
    filters: tuple[str, ...] = ()
    foreign: bool = False


@dataclass(frozen=True)
class Item:
    name: str
    kind: str
    side: str
    edits: str
    width: int
    height: int
    rate: float
    chain: str
    scaler: str
    pieces: tuple[Piece, ...]


def item_of(plain: dict) -> Item:
    pieces = tuple(
        Piece(**{**p, "box": tuple(p["box"]), "filters": tuple(p["filters"])}) for p in plain["pieces"]
    )
    return Item(**{**plain, "pieces": pieces})


def clips_of(footage: Path, side: str) -> list[Clip]:
    """Camera footage of one side, by name; GRID_unknown may be any speaker and stays out."""
    found = []
    with (footage / "MANIFEST.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["kind"] in ("talking", "scenes")]
    for r in sorted(rows, key=lambda r: r["file"]):
        group = r["speaker_or_scene_id"]
        if side_of(group) != side or group.endswith("_unknown") or float(r["duration_s"]) < 1.4:
            continue
        if not 6 <= float(r["fps"]) <= 61:
            continue
        corpus = re.split(r"[_\-0-9.]", r["file"].split("/", 1)[1])[0]
        setup = f"{group}/{r['width']}x{r['height']}/{r['vcodec']}/{r['fps']}"
        size = int(r["width"]), int(r["height"])
        found.append(Clip(r["file"], group, setup, corpus, float(r["duration_s"]), *size, float(r["fps"])))
    return found


class Maker:
    """Draws items of one side."""

    def __init__(self, footage: Path, side: str, seed: int) -> None:
        self.footage, self.side = footage, side
        self.clips = clips_of(footage, side)
        self.rng = np.random.default_rng([seed, side == "test"])
        self._levels: dict[str, np.ndarray] = {}

    def item(self, kind: str, index: int) -> Item:
        rng = self.rng
        makers = (self._compilation, self._forged, self._edited, self._cutaway)
        item = dict(zip(KINDS, makers, strict=True))[kind]()
        chain = str(rng.choice(CHAINS, p=CHAIN_ODDS))
        name = f"{self.side}_{kind}_{index:04d}"
        return replace(item, name=name, chain=chain, scaler=str(rng.choice(SCALERS)))

    def _draw(self, least_s: float, without: set[str]) -> Clip:
        """A clip long enough: a corpus by the root of its size, then a speaker or scene, then a file."""
        rng = self.rng
        able = [c for c in self.clips if c.seconds >= least_s and c.group not in without]
        corpora = sorted({c.corpus for c in able})
        sizes = np.sqrt([len({c.group for c in able if c.corpus == name}) for name in corpora])
        corpus = rng.choice(corpora, p=sizes / sizes.sum())
        groups = sorted({c.group for c in able if c.corpus == corpus})
        group = groups[int(rng.integers(len(groups)))]
        files = [c for c in able if c.corpus == corpus and c.group == group]
        return files[int(rng.integers(len(files)))]

    def _target(self, clip: Clip) -> tuple[int, int, float]:
        scale = min(1.0, np.sqrt(MAX_AREA / (clip.width * clip.height)))
        if self.rng.random() < 0.3:
            scale = np.sqrt(640 * 360 / (clip.width * clip.height))
        width, height = (2 * round(side * scale / 2) for side in (clip.width, clip.height))
        return width, height, float(clip.rate if clip.rate <= 31 else clip.rate / 2)

    def _piece(self, clip: Clip, start_s: float, length_s: float, rate: float) -> Piece:
        return Piece(clip.file, clip.group, clip.corpus, round(start_s, 3), max(2, int(length_s * rate)))

    def _compilation(self) -> Item:
        rng = self.rng
        used: set[str] = set()
        drawn = []
        for _ in range(int(rng.integers(4, 7))):
            drawn.append(self._draw(2.6, used))
            used.add(drawn[-1].group)
        width, height, rate = self._target(drawn[0])
        pieces = []
        for clip in drawn:
            mates = [c for c in self.clips if c.setup == clip.setup and c.file != clip.file]
            windows = self._windows(clip)
            pad = bool(rng.random() < 0.25)
            for turn in range(2):
                take = mates[int(rng.integers(len(mates)))] if mates and turn and rng.random() < 0.5 else clip
                length = float(rng.uniform(1.0, max(1.05, min(2.2, take.seconds / 2 - 0.15))))
                early, late = (
                    (0.0, take.seconds / 2 - length)
                    if not turn or take is not clip
                    else (take.seconds / 2, take.seconds - length - 0.15)
                )
                piece = self._piece(take, rng.uniform(early, max(early, late)), length, rate)
                pieces.append(replace(piece, box=windows[turn], filters=self._grade(0.4), pad=pad))
        order = rng.permutation(len(pieces))
        return Item(
            "",
            "compilation",
            self.side,
            "compilation",
            width,
            height,
            rate,
            "",
            "",
            tuple(pieces[i] for i in order),
        )

    def _windows(self, clip: Clip) -> list[tuple[float, float, float, float]]:
        """Two framings: the same, a closer one, or two windows of the same size as if from two cameras."""
        rng = self.rng
        kind = rng.random()
        whole = (0.0, 0.0, 1.0, 1.0)
        if kind < 0.45 or clip.width < 400:
            return [whole, whole]
        if kind < 0.7:
            side = float(rng.uniform(0.65, 0.92))
            x, y = (float(rng.uniform(0, 1 - side)) for _ in range(2))
            return [whole, (x, y, side, side)]
        side = float(rng.uniform(0.55, 0.75))
        return [(0.0, 0.0, side, side), (1 - side, 1 - side, side, side)]

    def _grade(self, odds: float) -> tuple[str, ...]:
        if self.rng.random() > odds:
            return ()
        c, b, s = (self.rng.uniform(-1, 1) for _ in range(3))
        return (f"eq=contrast={1 + 0.08 * c:.3f}:brightness={0.03 * b:.3f}:saturation={1 + 0.12 * s:.3f}",)

    def _host(self, foreign: bool) -> tuple[list[Piece], Clip, tuple[int, int, float], str]:
        """Pieces of one recording with ordinary cuts between them."""
        rng = self.rng
        clip = self._draw(2.6 if rng.random() < 0.15 else 6.0, set())
        width, height, rate = self._target(clip)
        cuts = int(rng.integers(0, 4)) if foreign else int(rng.integers(1, 6))
        mates = [c for c in self.clips if c.setup == clip.setup]
        if len(mates) > 2 and (clip.seconds < 6.0 or rng.random() < 0.5):
            chosen = rng.permutation(len(mates))[: cuts + 2]
            pieces = [self._piece(mates[i], 0.0, mates[i].seconds - 0.15, rate) for i in chosen]
            return pieces, clip, (width, height, rate), "files"
        length = min(clip.seconds - 0.15, float(rng.uniform(6.0, 20.0)))
        start = float(rng.uniform(0.0, clip.seconds - 0.15 - length))
        borders = self._borders(length, cuts + 1)
        windows = self._windows(clip)
        pieces = []
        for i, (a, b) in enumerate(itertools.pairwise(borders)):
            skip = float(rng.uniform(0.0, 0.5)) if i else 0.0
            piece = self._piece(
                clip, start + a + min(skip, (b - a) / 3), (b - a) - min(skip, (b - a) / 3), rate
            )
            pieces.append(replace(piece, box=windows[i % 2], filters=self._grade(0.25)))
        edits = "jump" if windows[0] == windows[1] else "closer" if windows[0][2] == 1.0 else "windows"
        return pieces, clip, (width, height, rate), edits if cuts else "none"

    def _borders(self, length: float, count: int) -> list[float]:
        count = max(1, min(count, int(length / 1.2)))
        while True:
            inner = np.sort(self.rng.uniform(0, length, count - 1))
            borders = [0.0, *inner.tolist(), length]
            if min(b - a for a, b in itertools.pairwise(borders)) >= 1.0:
                return borders

    def _edited(self) -> Item:
        pieces, _, (width, height, rate), edits = self._host(False)
        return Item("", "edited", self.side, edits, width, height, rate, "", "", tuple(pieces))

    def _forged(self) -> Item:
        rng = self.rng
        pieces, clip, (width, height, rate), edits = self._host(True)
        donor = self._draw(1.5, {clip.group})
        length = float(min(donor.seconds - 0.15, rng.uniform(1.0, 8.0)))
        piece = self._piece(donor, rng.uniform(0, donor.seconds - 0.15 - length), length, rate)
        matched = rng.random() < 0.3
        filters = self._matching(donor, clip) if matched else ()
        foreign = replace(piece, foreign=True, filters=filters, pad=bool(rng.random() < 0.2))
        self._put_in(foreign, pieces, rate)
        edits += "+matched" if matched else ""
        return Item("", "forged", self.side, edits, width, height, rate, "", "", tuple(pieces))

    def _cutaway(self) -> Item:
        """Cut as a forged clip is; what is put in is of the host's own recording, from any time and file."""
        rng = self.rng
        pieces, clip, (width, height, rate), edits = self._host(True)
        mates = [c for c in self.clips if c.setup == clip.setup and c.seconds >= 1.5]
        take = mates[int(rng.integers(len(mates)))]
        length = float(min(take.seconds - 0.15, rng.uniform(1.0, 8.0)))
        piece = self._piece(take, rng.uniform(0, take.seconds - 0.15 - length), length, rate)
        framings = (pieces[int(rng.integers(len(pieces)))].box, self._windows(clip)[1])
        own = replace(piece, box=framings[int(rng.integers(2))], filters=self._grade(0.25))
        self._put_in(own, pieces, rate)
        return Item("", "cutaway", self.side, edits, width, height, rate, "", "", tuple(pieces))

    def _put_in(self, piece: Piece, pieces: list[Piece], rate: float) -> None:
        """Mostly inside a piece of the host, over a part of it or between its parts; else between two."""
        rng = self.rng
        at = int(rng.integers(len(pieces)))
        whole = pieces[at]
        if rng.random() < 0.75 and whole.frames > 3.0 * rate:
            first = int(rng.integers(int(rate), whole.frames - int(rate)))
            gap = int(rng.integers(0, 2)) * min(piece.frames, whole.frames - first - int(rate))
            later = whole.start_s + (first + gap) / rate
            rest = replace(whole, start_s=round(later, 3), frames=whole.frames - first - gap)
            pieces[at : at + 1] = [replace(whole, frames=first), piece, rest]
        else:
            pieces.insert(at + int(rng.integers(2)), piece)

    def _matching(self, donor: Clip, host: Clip) -> tuple[str, ...]:
        """Shift the donor's mean luma and chroma to the host's, as a colourist would."""
        y, u, v = (self._mean(host) - self._mean(donor)).round().astype(int).tolist()
        return (f"lutyuv=y=clip(val+{y}\\,16\\,235):u=val+{u}:v=val+{v}",)

    def _mean(self, clip: Clip) -> np.ndarray:
        if clip.file not in self._levels:
            with av.open(str((self.footage / clip.file).resolve()), metadata_errors="replace") as container:
                frame = next(f for i, f in enumerate(container.decode(video=0)) if i >= 10)
                planes = frame.reformat(format="yuv444p").to_ndarray().reshape(3, -1)
                self._levels[clip.file] = planes.mean(axis=1)
        return self._levels[clip.file]


def rendered(item: Item, footage: Path, folder: Path) -> Path | None:
    """The item as a file in `folder`; None where ffmpeg cannot make it or loses frames."""
    target = folder / f"{item.name}.mp4"
    if target.is_file():
        return target
    program = ffmpeg_program()
    first = folder / f"{item.name}_first.mp4"
    inputs: list[str] = []
    graph = []
    for i, piece in enumerate(item.pieces):
        # read from the beginning: seeking into some files gives grey and green for want of a key picture
        end_s = piece.start_s + piece.frames / item.rate + 1.0
        inputs += ["-t", f"{end_s:.3f}", "-i", as_text(footage / piece.file)]
        graph.append(f"[{i}:v:0]{_chain(piece, item)}[p{i}]")
    joined = "".join(f"[p{i}]" for i in range(len(item.pieces)))
    graph.append(f"{joined}concat=n={len(item.pieces)}:v=1:a=0[out]")
    first_crf = {"h264_23": "23", "h264_28": "28", "two": "23"}.get(item.chain)
    code = (*_X264, "-crf", first_crf) if first_crf else (*_X265, "-crf", "28")
    once = first if item.chain == "two" else target
    try:
        run_ffmpeg(program, [*inputs, "-filter_complex", ";".join(graph), "-map", "[out]", *code, str(once)])
        if item.chain == "two":
            smaller = "scale=trunc(iw*0.375)*2:trunc(ih*0.375)*2:flags=bicubic"
            run_ffmpeg(program, ["-i", str(first), "-vf", smaller, *_X264, "-crf", "26", str(target)])
            first.unlink()
    except MakingFailed as error:
        print(item.name, error, flush=True)
        return None
    (folder / f"{item.name}.json").write_text(json.dumps(asdict(item)))
    return target


def _chain(piece: Piece, item: Item) -> str:
    """Filters of one piece: its frames at the target's rate, framed, scaled to the target, graded."""
    x, y, w, h = piece.box
    crop = f"crop=trunc(iw*{w:.4f}/2)*2:trunc(ih*{h:.4f}/2)*2:trunc(iw*{x:.4f}/2)*2:trunc(ih*{y:.4f}/2)*2"
    size = f"{item.width}:{item.height}"
    how = "decrease" if piece.pad else "increase"
    scale = f"scale={size}:force_original_aspect_ratio={how}:flags={item.scaler}"
    fit = f"pad={size}:(ow-iw)/2:(oh-ih)/2" if piece.pad else f"crop={size}"
    parts = [f"trim=start={piece.start_s:.3f}", "setpts=PTS-STARTPTS", f"fps={item.rate}"]
    parts += [f"trim=end_frame={piece.frames}", "setpts=PTS-STARTPTS"]
    parts += [crop] if piece.box != (0.0, 0.0, 1.0, 1.0) else []
    return ",".join([*parts, scale, fit, *piece.filters, "setsar=1", "format=yuv420p"])


def render_all(footage: Path, folder: Path, side: str, seed: int, counts: Sequence[int]) -> None:
    """Render what is not there yet: so many clips of each of `KINDS`, of one side."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, count in zip(KINDS, counts, strict=True):
        maker = Maker(footage, side, seed * 10 + len(kind))
        for index in range(count):
            rendered(maker.item(kind, index), footage, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--side", choices=("fit", "test"), required=True)
    parser.add_argument("--counts", type=int, nargs=len(KINDS), required=True)
    args = parser.parse_args()
    render_all(args.footage, args.out, args.side, args.seed, args.counts)


if __name__ == "__main__":
    main()

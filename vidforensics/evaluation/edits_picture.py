"""Edits of the picture: what a re-uploader does to it, as ffmpeg filters, each with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from pathlib import Path

import numpy as np

from vidforensics.evaluation.edits import TrueEdit, Work
from vidforensics.evaluation.furniture import Furniture
from vidforensics.types import FractionBox


@dataclass(frozen=True, slots=True)
class Bench:
    """What a step may draw on: chance, shared furniture, and clips that are in no reference set."""

    rng: np.random.Generator
    furniture: Furniture
    hosts: tuple[Path, ...]
    voices: tuple[Path, ...]

    def one_of(self, paths: tuple[Path, ...]) -> Path:
        """One of them, by chance."""
        return paths[int(self.rng.integers(len(paths)))]


def even(value: float) -> int:
    """Nearest even number of pixels, at least 2."""
    return max(2, round(value / 2) * 2)


def crop(work: Work, bench: Bench, removed: float) -> None:
    """Keep a part of the frame, anywhere; `removed` is the share of its area that goes."""
    side = float(np.sqrt(1 - removed))
    width, height = even(work.width_px * side), even(work.height_px * side)
    x = 2 * int(bench.rng.integers(0, (work.width_px - width) // 2 + 1))
    y = 2 * int(bench.rng.integers(0, (work.height_px - height) // 2 + 1))
    kept = (x / work.width_px, y / work.height_px, width / work.width_px, height / work.height_px)
    work.filter_picture(f"crop={width}:{height}:{x}:{y}")
    work.edits.append(TrueEdit("crop", work.box_in_reference(kept)))
    work.move((1 / kept[2], 0.0, -kept[0] / kept[2], 0.0, 1 / kept[3], -kept[1] / kept[3]))
    work.width_px, work.height_px = width, height


def mirror(work: Work, bench: Bench) -> None:
    """Left becomes right."""
    work.filter_picture("hflip")
    work.mirrored = not work.mirrored
    work.edits.append(TrueEdit("mirror"))
    work.move((-1.0, 0.0, 1.0, 0.0, 1.0, 0.0))


def _framed(work: Work, width: int, height: int) -> None:
    """Black borders around the picture, which stays in the middle."""
    x, y = (width - work.width_px) // 2, (height - work.height_px) // 2
    work.filter_picture(f"pad={width}:{height}:{x}:{y}")
    _placed(work, width, height, x, y, work.width_px, work.height_px)


def _placed(work: Work, width: int, height: int, x: int, y: int, inner: int, tall: int) -> None:
    work.move((inner / width, 0.0, x / width, 0.0, tall / height, y / height))
    work.width_px, work.height_px = width, height


def letterbox(work: Work, bench: Bench) -> None:
    """Black bars above and below, a third of the height together."""
    _framed(work, work.width_px, even(work.height_px * 4 / 3))
    work.edits.append(TrueEdit("letterbox"))


def pillarbox(work: Work, bench: Bench) -> None:
    """Black bars left and right, half of the width together."""
    _framed(work, even(work.width_px * 1.5), work.height_px)
    work.edits.append(TrueEdit("letterbox"))


def _stamp(work: Work, picture: Path, x: int, y: int, width: int, height: int) -> FractionBox:
    """Lay a picture over the frame; returns its box in the frame."""
    number = work.add_input("-i", f"file:{picture}")
    scaled = work.made(f"{number}:v", f"scale={width}:{height}")
    work.filter_picture(f"overlay={x}:{y}", scaled)
    return (x / work.width_px, y / work.height_px, width / work.width_px, height / work.height_px)


def logo(work: Work, bench: Bench, size: tuple[float, float] | None = None) -> None:
    """An opaque logo near a corner; 20 to 45 % of the width and 18 to 40 % of the height."""
    part = float(bench.rng.uniform(0, 1))
    wide, tall = size or (0.20 + 0.25 * part, 0.18 + 0.22 * part)
    width, height = even(work.width_px * wide), even(work.height_px * tall)
    margin_x, margin_y = work.width_px // 30, work.height_px // 30
    x = margin_x if size is None and bench.rng.random() < 0.5 else work.width_px - width - margin_x
    y = margin_y if size is not None or bench.rng.random() < 0.7 else work.height_px - height - margin_y
    box = _stamp(work, bench.furniture.logo, x, y, width, height)
    work.edits.append(TrueEdit("overlay", work.box_in_reference(box)))


def caption(work: Work, bench: Bench) -> None:
    """An opaque strip with a line of text over the bottom 16 %."""
    height = even(work.height_px * 0.16)
    box = _stamp(work, bench.furniture.caption, 0, work.height_px - height, work.width_px, height)
    work.edits.append(TrueEdit("overlay", work.box_in_reference(box)))


def colour(work: Work, bench: Bench) -> None:
    """Brighter, harder, more saturated."""
    work.filter_picture("eq=brightness=0.12:contrast=1.35:saturation=1.6")
    work.edits.append(TrueEdit("colour"))


def gray(work: Work, bench: Bench) -> None:
    """No colour."""
    work.filter_picture("hue=s=0")
    work.edits.append(TrueEdit("colour"))


def grain(work: Work, bench: Bench) -> None:
    """Strong noise, new on every frame."""
    seed = int(bench.rng.integers(1, 1 << 30))
    work.filter_picture(f"noise=alls=40:allf=t+u:all_seed={seed}")
    work.allowed |= {"colour", "overlay"}


def rotate(work: Work, bench: Bench) -> None:
    """Five degrees to one side, black corners."""
    turn = 5 * pi / 180 * (1 if bench.rng.random() < 0.5 else -1)
    work.filter_picture(f"rotate={turn:.6f}")
    shape, co, si = work.width_px / work.height_px, cos(turn), sin(turn)
    x0 = 0.5 - co * 0.5 + si * 0.5 / shape
    y0 = 0.5 - si * 0.5 * shape - co * 0.5
    work.move((co, -si / shape, x0, si * shape, co, y0))
    work.edits.append(TrueEdit("rotate"))
    work.allowed |= {"perspective", "crop", "letterbox"}


def screen(work: Work, bench: Bench) -> None:
    """Filmed off a screen: perspective, pixel beat, soft focus, noise, dark corners, other gamma."""
    seed = int(bench.rng.integers(1, 1 << 30))
    number = work.add_input("-i", f"file:{bench.furniture.grating}")
    corners = "x0=W*0.05:y0=H*0.06:x1=W*0.97:y1=H*0.02:x2=W*0.02:y2=H*0.95:x3=W*0.95:y3=H*0.99"
    beat = work.made(f"{number}:v", f"scale={work.width_px}:{work.height_px}")
    work.filter_picture(f"perspective={corners}:sense=destination")
    work.filter_picture("overlay=0:0", beat)
    width, height = even(work.width_px * 0.62), even(work.height_px * 0.62)
    work.filter_picture(f"scale={width}:{height}:flags=neighbor")
    work.filter_picture(f"gblur=sigma=0.9,noise=alls=14:allf=t:all_seed={seed}")
    work.filter_picture("eq=gamma=1.15:saturation=0.8,vignette=PI/6")
    work.width_px, work.height_px, work.crf = width, height, 30
    work.matrix = None
    work.edits.append(TrueEdit("perspective", None, ("crop", "rotate", "letterbox")))
    work.allowed |= {"colour", "crop", "rotate", "letterbox", "overlay"}


def blurred_sides(work: Work, bench: Bench) -> None:
    """A portrait frame for a wide picture (wide for a tall one), filled with its own blurred likeness."""
    wide = work.width_px >= work.height_px
    width, height = (even(work.height_px * 0.75), even(work.height_px * 4 / 3)) if wide else (0, 0)
    if not wide:
        width, height = even(work.width_px * 16 / 9), work.width_px
    scale = min(width / work.width_px, height / work.height_px)
    inner, tall = min(width, even(work.width_px * scale)), min(height, even(work.height_px * scale))
    radius = max(1, min(20, min(width, height) // 4 - 1))
    front, back = work.label(), work.label()
    work.statements.append(f"[{work.picture}]split[{front}][{back}]")
    filled = work.made(
        back,
        f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},boxblur={radius}:2",
    )
    small = work.made(front, f"scale={inner}:{tall}")
    x, y = (width - inner) // 2, (height - tall) // 2
    work.picture = filled
    work.filter_picture(f"overlay={x}:{y}", small)
    _placed(work, width, height, x, y, inner, tall)
    work.edits.append(TrueEdit("letterbox", None, ("picture_in_picture",)))


def picture_in_picture(work: Work, bench: Bench) -> None:
    """Half the width and height, somewhere over another video; the sound is the clip's own."""
    number = work.add_input(
        "-stream_loop", "-1", "-t", f"{work.length_s:.3f}", "-i", f"file:{bench.one_of(bench.hosts)}"
    )
    width, height = work.width_px, work.height_px
    inner, tall = even(width / 2), even(height / 2)
    x = even(float(bench.rng.uniform(0.05, 0.45)) * width)
    y = even(float(bench.rng.uniform(0.05, 0.45)) * height)
    fill = f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},setsar=1"
    host = work.made(f"{number}:v:0", f"{fill},fps={work.rate_hz:.5f}")
    small = work.made(work.picture, f"scale={inner}:{tall}")
    work.picture = host
    work.filter_picture(f"overlay={x}:{y}:shortest=1", small)
    _placed(work, width, height, x, y, inner, tall)
    work.edits.append(TrueEdit("picture_in_picture", None))
    work.allowed |= {"overlay", "letterbox"}


def strong_compression(work: Work, bench: Bench) -> None:
    """Re-encoded at CRF 35."""
    work.crf = 35
    work.edits.append(TrueEdit("reencode"))


def small(work: Work, bench: Bench) -> None:
    """Scaled down to 240 px on the short side."""
    scale = min(1.0, 240 / min(work.width_px, work.height_px))
    work.width_px, work.height_px = even(work.width_px * scale), even(work.height_px * scale)
    work.filter_picture(f"scale={work.width_px}:{work.height_px}")
    work.edits.append(TrueEdit("reencode"))

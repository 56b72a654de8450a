"""Edited pictures with known geometry: frames of the footage, changed in memory as re-uploaders change them.

Each recipe takes a few frames of one moment and gives them edited, with the homography from reference to
query (fractions of width and height, before any mirroring of it is named) and the edits it stands for.
Coding noise is JPEG at drawn quality after a drawn reduction, which keeps thousands of pictures cheap.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ANALYSIS_PX = 57_600
Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Moment:
    """A few frames of one source, half a second apart, BGR, short side of at most 480."""

    group: str
    frames: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """An edited moment: the frames, where reference points go, and the kinds of edit made."""

    frames: tuple[Picture, ...]
    homography: NDArray[np.float64]
    mirrored: bool
    kinds: frozenset[str]


Recipe = Callable[[Moment, Moment, np.random.Generator], Edited]


def side_of(group: str) -> str:
    """Fit or test, by a hash of the speaker or scene."""
    return "fit" if int(hashlib.sha256(group.encode()).hexdigest()[0], 16) % 2 == 0 else "test"


def moments(footage: Path, side: str, per_source: int = 3, frames: int = 3) -> Iterator[Moment]:
    """Moments of the longest clip of every speaker or scene of one side."""
    longest: dict[str, dict[str, str]] = {}
    with (footage / "MANIFEST.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            group = row["speaker_or_scene_id"]
            if not row["width"] or row["kind"] in ("speech", "sound") or side_of(group) != side:
                continue
            if group not in longest or float(row["duration_s"]) > float(longest[group]["duration_s"]):
                longest[group] = row
    for group, row in sorted(longest.items()):
        shares = (np.arange(per_source) + 0.5) / per_source
        for share in shares:
            taken = tuple(_read(footage / row["file"], share * float(row["duration_s"]), frames))
            if taken:
                yield Moment(group, taken)


def _read(path: Path, time_s: float, count: int) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        container.seek(int(time_s * av.time_base))
        due_s = None
        for frame in container.decode(video=0):
            due_s = frame.time if due_s is None else due_s
            if frame.time < due_s - 1e-6:
                continue
            picture = frame.to_ndarray(format="bgr24")
            scale = min(1.0, 480 / min(picture.shape[:2]))
            size = (2 * round(picture.shape[1] * scale / 2), 2 * round(picture.shape[0] * scale / 2))
            yield cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            due_s += 0.5
            count -= 1
            if not count:
                return


def analysis_plane(picture: Picture, pixels: int = ANALYSIS_PX) -> Picture:
    """Luma of about `pixels` samples in the picture's own shape."""
    height, width = picture.shape[:2]
    aspect = width / height
    size = (2 * round(np.sqrt(pixels * aspect) / 2), 2 * round(np.sqrt(pixels / aspect) / 2))
    return cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)


def analysis_chroma(picture: Picture, pixels: int = ANALYSIS_PX) -> Picture:
    """Cb and Cr (2, h/2, w/2) beside `analysis_plane`."""
    height, width = analysis_plane(picture, pixels).shape
    colours = cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb)
    small = cv2.resize(colours, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.stack((small[..., 2], small[..., 1])))


def coded(frames: Sequence[Picture], rng: np.random.Generator, hard: bool = False) -> tuple[Picture, ...]:
    """Reduced and coded as an upload is."""
    short = int(rng.choice((240,) if hard else (360, 480)))
    quality = int(rng.integers(12, 22) if hard else rng.integers(25, 60))
    return tuple(_coded(frame, short, quality) for frame in frames)


def _coded(frame: Picture, short: int, quality: int) -> Picture:
    scale = min(1.0, short / min(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    decoded: Picture = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
    return decoded


def box_map(box: Box) -> NDArray[np.float64]:
    """Homography that puts the whole reference into `box` (fractions of the query)."""
    x, y, w, h = box
    return np.array([[w, 0, x], [0, h, y], [0, 0, 1.0]])


IDENTITY = np.eye(3)
FLIP = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]])


def _plain(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    return Edited(coded(moment.frames, rng), IDENTITY, False, frozenset())


def _hard(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    return Edited(coded(moment.frames, rng, hard=True), IDENTITY, False, frozenset())


def cut_out(frames: Sequence[Picture], share: float, rng: np.random.Generator) -> tuple[list[Picture], Box]:
    """Frames cropped off-centre to `share` of the area, and the box kept."""
    side = float(np.sqrt(share))
    x, y = rng.uniform(0, 1 - side, 2)
    height, width = frames[0].shape[:2]
    left, top = round(x * width), round(y * height)
    right, bottom = left + round(side * width), top + round(side * height)
    box = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    return [frame[top:bottom, left:right] for frame in frames], box


def _crop(share: float) -> Recipe:
    def make(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
        frames, box = cut_out(moment.frames, share, rng)
        return Edited(coded(frames, rng), np.linalg.inv(box_map(box)), False, frozenset({"crop"}))

    return make


def _mirror(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    return Edited(coded([f[:, ::-1] for f in moment.frames], rng), FLIP, True, frozenset({"mirror"}))


def _padded(wide: float, tall: float) -> Recipe:
    def make(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
        height, width = moment.frames[0].shape[:2]
        side, top = round((wide - 1) * width / 2), round((tall - 1) * height / 2)
        frames = [cv2.copyMakeBorder(f, top, top, side, side, cv2.BORDER_CONSTANT) for f in moment.frames]
        full_w, full_h = width + 2 * side, height + 2 * top
        box = (side / full_w, top / full_h, width / full_w, height / full_h)
        return Edited(coded(frames, rng), box_map(box), False, frozenset({"letterbox"}))

    return make


def with_logo(frames: Sequence[Picture], rng: np.random.Generator, w: float, h: float) -> list[Picture]:
    """An opaque logo of drawn pattern near one corner."""
    height, width = frames[0].shape[:2]
    size = (max(8, round(w * width)), max(8, round(h * height)))
    logo = cv2.resize(rng.integers(0, 256, (4, 6, 3)).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    x = width // 30 if rng.random() < 0.5 else width - width // 30 - size[0]
    y = height // 30 if rng.random() < 0.5 else height - height // 30 - size[1]
    out = []
    for frame in frames:
        copy = frame.copy()
        copy[y : y + size[1], x : x + size[0]] = logo
        out.append(copy)
    return out


def _logo(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    frames = with_logo(moment.frames, rng, rng.uniform(0.12, 0.45), rng.uniform(0.12, 0.4))
    return Edited(coded(frames, rng), IDENTITY, False, frozenset({"overlay"}))


def _caption(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    height, width = moment.frames[0].shape[:2]
    top = height - round(rng.uniform(0.12, 0.18) * height)
    shade, ink = ((20, 20, 20), (255, 255, 255)) if rng.random() < 0.5 else ((240, 240, 240), (0, 0, 160))
    frames = []
    for frame in moment.frames:
        copy = frame.copy()
        copy[top:] = shade
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(copy, "BREAKING NEWS TODAY", (10, height - 12), font, width / 500, ink, 2)
        frames.append(copy)
    return Edited(coded(frames, rng), IDENTITY, False, frozenset({"overlay"}))


def _colour(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    frames = []
    for frame in moment.frames:
        hsv = cv2.cvtColor(frame, cv2.COLOR_BGR2HSV).astype(np.float32)
        hsv[..., 1] = np.minimum(255, hsv[..., 1] * 1.6)
        bgr = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.float32)
        frames.append(np.clip((bgr - 128) * 1.35 + 128 + 0.12 * 255, 0, 255).astype(np.uint8))
    return Edited(coded(frames, rng), IDENTITY, False, frozenset({"colour"}))


def _gray(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    frames = [np.repeat(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2) for f in moment.frames]
    return Edited(coded(frames, rng), IDENTITY, False, frozenset({"colour"}))


def _with_noise(frames: Sequence[Picture], rng: np.random.Generator, sigma: float) -> list[Picture]:
    return [np.clip(f + rng.normal(0, sigma, (*f.shape[:2], 1)), 0, 255).astype(np.uint8) for f in frames]


def _grain(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    return Edited(coded(_with_noise(moment.frames, rng, 20), rng), IDENTITY, False, frozenset())


def _warped(frames: Sequence[Picture], homography: NDArray[np.float64]) -> list[Picture]:
    height, width = frames[0].shape[:2]
    scale = np.diag((width, height, 1.0))
    matrix = scale @ homography @ np.linalg.inv(scale)
    return [cv2.warpPerspective(f, matrix, (width, height)) for f in frames]


def _rotate(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    height, width = moment.frames[0].shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.choice((-5, 5))), 1.0)
    scale = np.diag((width, height, 1.0))
    homography = np.linalg.inv(scale) @ np.vstack((turn, (0, 0, 1))) @ scale
    frames = _warped(moment.frames, homography)
    return Edited(coded(frames, rng), homography, False, frozenset({"rotate"}))


def _screen(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    seen = np.array([[0.05, 0.06], [0.97, 0.02], [0.02, 0.95], [0.95, 0.99]], np.float32)
    if rng.random() < 0.5:
        seen = (seen[[1, 0, 3, 2]] - (1, 0)) * (-1, 1)  # the same from the other side
    homography = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    height, width = moment.frames[0].shape[:2]
    small = (round(width * 0.62), round(height * 0.62))
    warped = _warped(moment.frames, homography)
    frames = [cv2.resize(f, small, interpolation=cv2.INTER_NEAREST) for f in warped]
    frames = _with_noise([cv2.GaussianBlur(f, (0, 0), 0.9) for f in frames], rng, 7)
    table = (255 * (np.arange(256) / 255) ** (1 / 1.15)).astype(np.uint8)
    frames = [cv2.LUT(f, table) for f in frames]
    return Edited(coded(frames, rng), homography, False, frozenset({"perspective"}))


def _blurred_sides(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    height, width = moment.frames[0].shape[:2]
    full = (406, 720) if width >= height else (1280, 720)
    scale = min(full[0] / width, full[1] / height)
    w, h = round(width * scale), round(height * scale)
    x, y = (full[0] - w) // 2, (full[1] - h) // 2
    frames = []
    for frame in moment.frames:
        cover = max(full[0] / width, full[1] / height)
        large = cv2.resize(frame, None, fx=cover, fy=cover)
        left, top = (large.shape[1] - full[0]) // 2, (large.shape[0] - full[1]) // 2
        canvas = cv2.blur(large[top : top + full[1], left : left + full[0]], (41, 41)).copy()
        canvas[y : y + h, x : x + w] = cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA)
        frames.append(canvas)
    box = (x / full[0], y / full[1], w / full[0], h / full[1])
    return Edited(coded(frames, rng), box_map(box), False, frozenset({"letterbox"}))


def _inset(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    height, width = other.frames[0].shape[:2]
    own_h, own_w = moment.frames[0].shape[:2]
    scale = 0.5 * min(width / own_w, height / own_h)
    w, h = round(own_w * scale), round(own_h * scale)
    x, y = round(rng.uniform(0, width - w)), round(rng.uniform(0, height - h))
    frames = []
    for index, frame in enumerate(moment.frames):
        copy = other.frames[index % len(other.frames)].copy()
        copy[y : y + h, x : x + w] = cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA)
        frames.append(copy)
    box = (x / width, y / height, w / width, h / height)
    return Edited(coded(frames, rng), box_map(box), False, frozenset({"picture_in_picture"}))


def _combined(moment: Moment, other: Moment, rng: np.random.Generator) -> Edited:
    frames, box = cut_out(moment.frames, 0.75, rng)
    frames = with_logo([f[:, ::-1].copy() for f in frames], rng, 0.3, 0.25)
    homography = FLIP @ np.linalg.inv(box_map(box))
    return Edited(coded(frames, rng), homography, True, frozenset({"mirror", "crop", "overlay"}))


RECIPES: dict[str, Recipe] = {
    "plain": _plain,
    "crf35-240p": _hard,
    "crop10": _crop(0.90),
    "crop25": _crop(0.75),
    "crop40": _crop(0.60),
    "mirror": _mirror,
    "letterbox": _padded(1.0, 4 / 3),
    "pillarbox": _padded(1.5, 1.0),
    "logo": _logo,
    "caption": _caption,
    "colour": _colour,
    "gray": _gray,
    "grain": _grain,
    "rot5": _rotate,
    "screen": _screen,
    "blurred sides": _blurred_sides,
    "pip50": _inset,
    "mirror+crop25+logo": _combined,
}

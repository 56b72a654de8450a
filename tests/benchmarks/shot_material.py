"""Clips with known shot boundaries, composed from the footage, and the labels of the footage itself.

A recipe is drawn from a seed, its frames are read from single-shot stretches of one side of the split, joined
with cuts, jump cuts, dissolves and fades, disturbed by flashes, glitches, captions, lighting and repeated or
dropped frames, and encoded. The truth is exact because it is composed frame by frame.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

LABELS = Path(__file__).with_name("shot_labels.json")
SIZES = ((640, 360), (640, 360), (480, 270), (320, 240), (360, 640), (960, 540), (160, 120))
RATES = (10, 12, 15, 24, 25, 25, 30, 30, 50)
QUALITIES = (18, 23, 28, 33, 38)
SOURCE_SIDE_PX = 640


@dataclass(frozen=True, slots=True)
class Boundary:
    """A true boundary: frames `start` to `end` − 1 are the transition, `end` is the new shot's own first."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a clip; times are seconds since its first frame, one per frame."""

    name: str
    category: str
    times_s: tuple[float, ...]
    boundaries: tuple[Boundary, ...]
    disturbances: tuple[tuple[str, int], ...] = ()
    ignore: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    group: str
    frames: tuple[int, int]


def side_of(group: str) -> str:
    """The side of the split that a speaker or scene belongs to, by a hash of its name."""
    return "fit" if hashlib.md5(group.encode()).digest()[0] % 2 else "test"


def manifest(footage: Path) -> list[dict[str, str]]:
    with (footage / "MANIFEST.csv").open(newline="") as handle:
        return [r for r in csv.DictReader(handle) if r["width"] and r["kind"] not in ("speech", "sound")]


def labels() -> Mapping[str, Any]:
    clips: Mapping[str, Any] = json.loads(LABELS.read_text())["clips"]
    return clips


def natural_truth(name: str, times_s: Sequence[float]) -> Truth:
    """The labels of one footage clip, laid on its frame times."""
    entry = labels().get(name, {"boundaries": []})
    bounds = tuple(
        Boundary(b["kind"], b["frame"], b.get("end_frame", b["frame"])) for b in entry["boundaries"]
    )
    ignore = tuple((a, b) for a, b in entry.get("ignore_frames", ()))
    origin = times_s[0] if times_s else 0.0
    return Truth(name, "natural", tuple(t - origin for t in times_s), bounds, (), ignore)


def sources(footage: Path, side: str) -> list[Source]:
    """Single-shot stretches of at least 2 s on one side of the split, at most three per speaker or scene."""
    found: list[Source] = []
    taken: dict[str, int] = {}
    for row in manifest(footage):
        group = row["speaker_or_scene_id"]
        if (
            side_of(group) != side
            or taken.get(group, 0) >= 3
            or (row["kind"] == "animation" and taken.get(group))
        ):
            continue
        entry = labels().get(row["file"], {"boundaries": []})
        marks = [b["frame"] for b in entry["boundaries"]] + [
            b.get("end_frame", 0) for b in entry["boundaries"]
        ]
        marks += [m for span in entry.get("ignore_frames", ()) for m in span]
        total = int(float(row["duration_s"]) * float(row["fps"]))
        edges = sorted({0, total, *(m for m in marks if m < total)})
        start, end = max(pairwise(edges), key=lambda e: e[1] - e[0])
        if end - start >= 2 * float(row["fps"]):
            found.append(Source(footage / row["file"], group, (start + 1, end - 1)))
            taken[group] = taken.get(group, 0) + 1
    return found


def read_stretch(source: Source, start_s: float, count: int, rate: float) -> list[np.ndarray]:
    """`count` RGB frames at `rate`, each the one on screen at its time, from `start_s` into the stretch."""
    frames: list[np.ndarray] = []
    previous: np.ndarray | None = None
    with av.open(str(source.path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        first_s: float | None = None
        for index, frame in enumerate(container.decode(stream)):
            if index < source.frames[0]:
                continue
            if index >= source.frames[1] or len(frames) >= count:
                break
            time_s = frame.time if frame.time is not None else index / 25
            first_s = time_s if first_s is None else first_s
            at = time_s - first_s - start_s
            while previous is not None and len(frames) < count and len(frames) / rate < at - 1e-6:
                frames.append(previous)
            if at > -0.5 / rate:
                scale = min(1.0, SOURCE_SIDE_PX / max(frame.width, frame.height))
                previous = frame.to_ndarray(
                    format="rgb24",
                    width=int(frame.width * scale) // 2 * 2,
                    height=int(frame.height * scale) // 2 * 2,
                )
    return frames


def fit_picture(frame: np.ndarray, size: tuple[int, int], crop: bool) -> np.ndarray:
    """The frame in `size` (width, height), cropped or letterboxed to keep its shape."""
    height, width = frame.shape[:2]
    pick = max if crop else min
    scale = pick(size[0] / width, size[1] / height)
    scaled = cv2.resize(
        frame, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    out = np.zeros((size[1], size[0], 3), np.uint8)
    h, w = min(size[1], scaled.shape[0]), min(size[0], scaled.shape[1])
    y, x = (scaled.shape[0] - h) // 2, (scaled.shape[1] - w) // 2
    oy, ox = (size[1] - h) // 2, (size[0] - w) // 2
    out[oy : oy + h, ox : ox + w] = scaled[y : y + h, x : x + w]
    return out


def mix(a: np.ndarray, b: np.ndarray, weight: float) -> np.ndarray:
    return cv2.addWeighted(a, 1 - weight, b, weight, 0)


def _flash(shot: list[np.ndarray], at: int, rng: np.random.Generator) -> None:
    gain, length = rng.uniform(0.4, 1.0), int(rng.integers(1, 4))
    for i in range(at, min(len(shot), at + length)):
        shot[i] = mix(shot[i], np.full_like(shot[i], 255), gain * (1 if i == at else 0.7))


def _glitch(shot: list[np.ndarray], at: int, rng: np.random.Generator) -> None:
    kind = rng.integers(0, 3)
    if kind == 0:
        shot[at] = np.zeros_like(shot[at])
    elif kind == 1:
        shot[at] = np.ascontiguousarray(shot[at][::-1, ::-1])
    else:
        top = int(rng.integers(0, len(shot[at]) // 2))
        shot[at] = shot[at].copy()
        shot[at][top:] = shot[at][top]


def _caption(shot: list[np.ndarray], at: int, rng: np.random.Generator) -> None:
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    height, width = shot[0].shape[:2]
    top = int(height * rng.uniform(0.65, 0.8))
    for i in range(at, len(shot)):
        shot[i] = shot[i].copy()
        cv2.rectangle(shot[i], (0, top), (int(width * 0.8), int(top + height * 0.17)), colour, -1)
        cv2.putText(
            shot[i], "BREAKING NEWS", (8, int(top + height * 0.12)), 0, height / 300, (255, 255, 255), 2
        )


def _light(shot: list[np.ndarray], at: int, rng: np.random.Generator) -> None:
    gain, ramp = rng.choice((0.5, 0.65, 1.4, 1.7)), int(rng.integers(1, 12))
    for i in range(at, len(shot)):
        step = min(1.0, (i - at + 1) / ramp)
        shot[i] = cv2.convertScaleAbs(shot[i], alpha=1 + (gain - 1) * step)


def _pass_by(shot: list[np.ndarray], at: int, rng: np.random.Generator) -> None:
    """A near object crosses the picture in a third of a second or so."""
    height, width = shot[0].shape[:2]
    colour = rng.integers(20, 200, 3)
    texture = np.clip(rng.normal(0, 12, (height, width, 1)) + colour, 0, 255).astype(np.uint8)
    texture = cv2.GaussianBlur(texture, (0, 0), 3)
    length, share = int(rng.integers(5, 14)), rng.uniform(0.4, 0.9)
    for i in range(at, min(len(shot), at + length)):
        right = int(width * (1 + share) * (i - at + 1) / length)
        left = max(0, right - int(width * share))
        shot[i] = shot[i].copy()
        shot[i][:, left : min(right, width)] = texture[:, left : min(right, width)]


DISTURB = {"flash": _flash, "glitch": _glitch, "caption": _caption, "light": _light, "passing": _pass_by}


@dataclass(slots=True)
class _Composer:
    """Joins shots into one run of frames and keeps the book of what was done."""

    rng: np.random.Generator
    size: tuple[int, int]
    frames: list[np.ndarray]
    boundaries: list[Boundary]
    disturbances: list[tuple[str, int]]

    def add(self, shot: list[np.ndarray], kind: str, chance: float) -> None:
        """Append a shot with the transition that leads to it, disturbed by something with this chance."""
        upset: tuple[str, int] | None = None
        if len(shot) >= 30 and self.rng.random() < chance:
            upset = str(self.rng.choice(list(DISTURB))), int(self.rng.integers(10, len(shot) - 14))
            DISTURB[upset[0]](shot, upset[1], self.rng)
        self.join(shot, kind)
        if upset is not None:
            self.disturbances.append((upset[0], len(self.frames) - len(shot) + upset[1]))

    def join(self, shot: list[np.ndarray], kind: str) -> None:
        if not self.frames:
            self.frames.extend(shot)
        elif kind == "dissolve":
            self._dissolve(shot)
        elif kind == "fade":
            self._fade(shot)
        else:
            self.boundaries.append(Boundary(kind, len(self.frames), len(self.frames)))
            self.frames.extend(shot)

    def _dissolve(self, shot: list[np.ndarray]) -> None:
        length = min(int(self.rng.integers(6, 40)), len(shot) // 2, len(self.frames) // 2)
        start = len(self.frames) - length
        for i in range(length):
            weight = (i + 1) / (length + 1)
            self.frames[start + i] = mix(self.frames[start + i], shot[i], weight)
        self.boundaries.append(Boundary("dissolve", start, start + length))
        self.frames.extend(shot[length:])

    def _fade(self, shot: list[np.ndarray]) -> None:
        level = 255 if self.rng.random() < 0.25 else 0
        plain = np.full_like(shot[0], level)
        out, hold, back = (int(n) for n in self.rng.integers((6, 0, 6), (28, 14, 28)))
        out, back = min(out, len(self.frames) // 2), min(back, len(shot) // 2)
        start = len(self.frames) - out
        for i in range(out):
            self.frames[start + i] = mix(self.frames[start + i], plain, (i + 1) / out)
        self.frames.extend([plain] * hold)
        for i in range(back):
            shot[i] = mix(shot[i], plain, 1 - i / back)
        end = len(self.frames) + back
        self.boundaries.append(Boundary("fade", start, end))
        self.frames.extend(shot)


def _timing(count: int, rate: int, rng: np.random.Generator) -> tuple[list[int], list[Fraction]]:
    """Which composed frame is written when: plain, repeated (pulldown), or dropped (variable rate)."""
    style = rng.choice(("plain", "plain", "plain", "pulldown", "double", "dropped"))
    if style == "pulldown":
        order = [i for i in range(count) for _ in range(2 if i % 4 == 3 else 1)]
        return order, [Fraction(n * 4, rate * 5) for n in range(len(order))]
    if style == "double":
        order = [i for i in range(count) for _ in range(2)]
        return order, [Fraction(n, rate * 2) for n in range(len(order))]
    order = [i for i in range(count) if style == "plain" or rng.random() > 0.25]
    return order, [Fraction(i, rate) for i in order]


def _encode(
    path: Path, frames: Iterator[tuple[np.ndarray, Fraction]], size: tuple[int, int], rng: np.random.Generator
) -> None:
    codec = str(rng.choice(("libx264", "libx264", "libx264", "mpeg4", "libvpx-vp9")))
    crf = int(rng.choice(QUALITIES))
    options = {"libx264": {"crf": str(crf), "preset": "veryfast"}, "mpeg4": {"qscale": str(crf // 4)}}.get(
        codec, {"crf": str(crf), "b": "0", "deadline": "realtime", "cpu-used": "8"}
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        stream.gop_size = int(rng.choice((12, 50, 250)))
        stream.codec_context.time_base = Fraction(1, 600)
        stream.codec_context.thread_count = 1
        if codec == "mpeg4":
            stream.bit_rate = int(size[0] * size[1] * 3)
        for picture, time_s in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s * 600), Fraction(1, 600)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def compose(path: Path, material: Sequence[Source], seed: int, shots: int = 9) -> Truth:
    """Write one composed clip and give its truth."""
    rng = np.random.default_rng(seed)
    size, rate = SIZES[rng.integers(len(SIZES))], int(rng.choice(RATES))
    crop = bool(rng.random() < 0.7)
    state = _Composer(rng, size, [], [], [])
    last: tuple[Source, float] | None = None
    while len(state.boundaries) < shots:
        kind = str(rng.choice(("cut", "jump", "dissolve", "fade"), p=(0.42, 0.24, 0.2, 0.14)))
        length_s = float(rng.uniform(1.0, 4.0))
        if kind == "jump" and last is not None:
            source, start_s = last[0], last[1] + float(rng.uniform(1.0, 3.0))
        else:
            kind = "cut" if kind == "jump" else kind
            source, start_s = material[rng.integers(len(material))], float(rng.uniform(0, 4))
            if last is not None and source.group == last[0].group:
                continue
        shot = [fit_picture(f, size, crop) for f in read_stretch(source, start_s, int(length_s * rate), rate)]
        if len(shot) < max(8, rate * 0.6):
            last = None if kind == "jump" else last
            continue
        state.add(shot, kind, 0.35)
        last = (source, start_s + length_s)
    return _write(path, state, rate)


def _write(path: Path, state: _Composer, rate: int) -> Truth:
    order, times = _timing(len(state.frames), rate, state.rng)
    _encode(path, ((state.frames[i], t) for i, t in zip(order, times, strict=True)), state.size, state.rng)
    first = {}
    for position, index in enumerate(order):
        first.setdefault(index, position)
    after = [
        next((first[j] for j in range(i, len(state.frames)) if j in first), len(order))
        for i in range(len(state.frames))
    ]
    bounds = tuple(Boundary(b.kind, after[b.start], after[b.end]) for b in state.boundaries)
    upsets = tuple((name, after[at]) for name, at in state.disturbances)
    return Truth(path.name, "made", tuple(float(t) for t in times), bounds, upsets)


def make_set(footage: Path, folder: Path, side: str, count: int, seed: int) -> list[Truth]:
    """Compose `count` clips of one side into `folder`; what is already there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    material, truths = sources(footage, side), []
    for number in range(count):
        path = folder / f"{side}_{seed}_{number:03d}.mkv"
        note = path.with_suffix(".json")
        if not note.exists():
            note.write_text(json.dumps(asdict(compose(path, material, seed * 1000 + number))))
        truths.append(load_truth(note))
    return truths


def load_truth(note: Path) -> Truth:
    """A truth record written by `make_set`."""
    raw = json.loads(note.read_text())
    return Truth(
        raw["name"],
        raw["category"],
        tuple(raw["times_s"]),
        tuple(Boundary(**b) for b in raw["boundaries"]),
        tuple((n, f) for n, f in raw["disturbances"]),
        tuple((a, b) for a, b in raw["ignore"]),
    )

"""Clips with repeated or missing frames, and clips that only look like it, made from footage.

A folder of footage, a scratch folder and a seed go in; made clips with the truth, and the evidence that the
detectors see, come out. A made clip is an excerpt of at most MAX_FRAMES frames of one source.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidforensics import extraction, features
from vidforensics.features.gap_net import GapNet
from vidforensics.features.gaps import GapAccumulator
from vidforensics.types import (
    Bitstream,
    Evidence,
    Extraction,
    Features,
    FrameBlock,
    FrameHashes,
    PacketTable,
    Probe,
    SoundFile,
    Stream,
)

MAX_FRAMES, MIN_FRAMES = 200, 150
RATE_HZ = 16000
MAX_PER_SCENE = 2
FREEZES, COPIES, DELETIONS = (1, 3, 5, 10, 25), (5, 10, 25, 50), (3, 8, 20, 40)
FROZEN, COPIED = ("freeze", "hold"), ("copy", "repeat", "overwrite")
"""A frame held and the clip that much longer, or held over the next frames; a run put in elsewhere, shown
again at once, or put over other frames."""
DELETED = ("delete", "delete_with_sound")
"""Frames taken out of the picture alone, or of picture and sound."""
DECOYS = ("untouched", "telecine", "low_rate", "slideshow", "end_card")
CODECS = {
    "h264 crf 20": ("libx264", 480, {"crf": "20", "preset": "veryfast"}),
    "h264 crf 26": ("libx264", 480, {"crf": "26", "preset": "veryfast"}),
    "h264 crf 32": ("libx264", 480, {"crf": "32", "preset": "veryfast"}),
    "h264 small": ("libx264", 360, {"crf": "28", "preset": "veryfast"}),
    "hevc": ("libx265", 480, {"crf": "28", "preset": "ultrafast", "x265-params": "log-level=none"}),
    "vp9": ("libvpx-vp9", 480, {"crf": "34", "b": "0", "deadline": "realtime", "cpu-used": "8"}),
}


@dataclass(frozen=True)
class Source:
    """One footage file with a picture."""

    path: Path
    scene: str
    kind: str
    duration_s: float

    @property
    def is_test(self) -> bool:
        """Half of the scenes, by a hash of their name, are kept for the figures."""
        return hashlib.sha256(f"duplication {self.scene}".encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Made:
    """A made clip: what was done, over which codec, and where (seconds on the made clip)."""

    path: Path
    source: Source
    operation: str
    count: int
    codec: str
    start_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True)
class Excerpt:
    """Decoded pictures (yuv420p planes as PyAV gives them) and sound of one source."""

    frames: list[np.ndarray]
    rate: Fraction
    sound: np.ndarray | None


def sources(footage: Path) -> list[Source]:
    """Every file of the manifest that has a picture, in the manifest's order."""
    with (footage / "MANIFEST.csv").open(newline="", encoding="utf-8") as handle:
        rows = [r for r in csv.DictReader(handle) if r["vcodec"] and r["width"]]
    return [
        Source(footage / r["file"], r["speaker_or_scene_id"], r["kind"], float(r["duration_s"] or 0))
        for r in rows
    ]


def chosen(all_sources: list[Source], limit: int) -> list[Source]:
    """Camera footage long enough to forge, few per scene, in a fixed shuffled order."""
    fit = [s for s in all_sources if s.kind in ("talking", "scenes") and s.duration_s >= 4.5]
    fit.sort(key=lambda s: hashlib.sha256(s.path.name.encode()).hexdigest())
    seen: dict[str, int] = {}
    few = []
    for source in fit:
        seen[source.scene] = seen.get(source.scene, 0) + 1
        if seen[source.scene] <= MAX_PER_SCENE:
            few.append(source)
    return few[:limit]


def read_excerpt(path: Path) -> Excerpt | None:
    """The first pictures and their sound; None for a clip that is too short."""
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or 25).limit_denominator(1001)
        frames = []
        for frame in container.decode(stream):
            width = int(frame.width * min(1.0, 480 / max(frame.width, frame.height))) // 4 * 4
            height = int(frame.height * width / frame.width) // 4 * 4
            frames.append(frame.reformat(width, height, "yuv420p").to_ndarray())
            if len(frames) == MAX_FRAMES:
                break
    if len(frames) < MIN_FRAMES:
        return None
    return Excerpt(frames, rate, _read_sound(path, len(frames) / float(rate)))


def _read_sound(path: Path, length_s: float) -> np.ndarray | None:
    with av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler("s16", "mono", RATE_HZ)
        pieces, count = [], 0
        for frame in container.decode(container.streams.audio[0]):
            for part in resampler.resample(frame):
                pieces.append(part.to_ndarray()[0])
                count += len(pieces[-1])
            if count >= length_s * RATE_HZ:
                break
    return np.concatenate(pieces)[: int(length_s * RATE_HZ)] if pieces else None


def write(path: Path, excerpt: Excerpt, order: list[int], sound: np.ndarray | None, codec: str) -> None:
    """Encode the pictures in this order at the excerpt's rate, with this sound."""
    name, side, options = CODECS[codec]
    with av.open(str(path), "w") as container:
        first = av.VideoFrame.from_ndarray(excerpt.frames[0], format="yuv420p")
        scale = min(1.0, side / first.width)
        video = container.add_stream(name, rate=excerpt.rate, options=dict(options))
        video.width, video.height = int(first.width * scale) // 4 * 4, int(first.height * scale) // 4 * 4
        video.pix_fmt = "yuv420p"
        track = container.add_stream("aac", rate=RATE_HZ) if sound is not None else None
        for at, index in enumerate(order):
            frame = av.VideoFrame.from_ndarray(excerpt.frames[index], format="yuv420p")
            frame = frame.reformat(video.width, video.height)
            frame.pts, frame.time_base = at, 1 / excerpt.rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if track is not None and sound is not None:
            _write_sound(container, track, sound)


def _write_sound(container, track, sound: np.ndarray) -> None:
    for at in range(0, len(sound), 1024):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def make_all(source: Source, folder: Path, seed: int) -> Iterator[Made]:
    """Every forgery and decoy of one source, one after another into `folder`."""
    excerpt = read_excerpt(source.path)
    if excerpt is None:
        return
    digest = hashlib.sha256(f"{seed} {source.path.name}".encode()).digest()
    rng = np.random.default_rng(list(digest[:8]))
    for operation, count in _plan(rng):
        codec = str(rng.choice(list(CODECS)))
        yield _made(source, excerpt, (operation, count), codec, folder, rng)


def make_removals(source: Source, folder: Path, seed: int, count: int) -> Iterator[Made]:
    """A clip of one source as it is, and so many with 8 frames or more taken out, half with their sound."""
    excerpt = read_excerpt(source.path)
    if excerpt is None:
        return
    digest = hashlib.sha256(f"removals {seed} {source.path.name}".encode()).digest()
    rng = np.random.default_rng(list(digest[:8]))
    yield _made(source, excerpt, ("untouched", 0), str(rng.choice(list(CODECS))), folder, rng)
    for number in range(count):
        operation = DELETED[number % len(DELETED)]
        frames, codec = int(rng.choice(DELETIONS[1:])), str(rng.choice(list(CODECS)))
        yield _made(source, excerpt, (operation, frames), codec, folder, rng)


def _made(
    source: Source,
    excerpt: Excerpt,
    edit: tuple[str, int],
    codec: str,
    folder: Path,
    rng: np.random.Generator,
) -> Made:
    order, sound, span = _edited(excerpt, *edit, rng)
    path = folder / f"{source.path.stem}_{edit[0]}_{edit[1]}.mp4"
    write(path, excerpt, order, sound, codec)
    step_s = 1 / float(excerpt.rate)
    return Made(path, source, *edit, codec, span[0] * step_s, span[1] * step_s)


def _plan(rng: np.random.Generator) -> list[tuple[str, int]]:
    plan = [("freeze", int(n)) for n in rng.choice(FREEZES, 2, replace=False)]
    plan += [("hold", int(rng.choice(FREEZES[2:])))]
    plan += [("copy", int(n)) for n in rng.choice(COPIES, 2, replace=False)]
    plan += [(operation, int(rng.choice(COPIES))) for operation in COPIED[1:]]
    plan += [("delete", int(n)) for n in rng.choice(DELETIONS, 2, replace=False)]
    plan += [("delete_with_sound", int(n)) for n in rng.choice(DELETIONS, 1)]
    return [*plan, ("untouched", 0), (str(rng.choice(DECOYS[1:])), 0)]


def _edited(
    excerpt: Excerpt, operation: str, count: int, rng: np.random.Generator
) -> tuple[list[int], np.ndarray | None, tuple[int, int]]:
    """Picture order, sound, and the first and one-past-last frame of the forgery."""
    total = len(excerpt.frames)
    everything = list(range(total))
    if operation in (*FROZEN, *COPIED):
        order, span = _repeated(operation, count, total, rng)
        return order, excerpt.sound, span
    if operation.startswith("delete"):
        at = int(rng.integers(20, total - count - 20))
        sound = excerpt.sound
        if sound is not None and operation == "delete_with_sound":
            a, b = (int(i / float(excerpt.rate) * RATE_HZ) for i in (at, at + count))
            sound = np.concatenate([sound[:a], sound[b:]])
        return everything[:at] + everything[at + count :], sound, (at, at + 1)
    return _decoy_order(operation, total), excerpt.sound, (0, 0)


def _repeated(
    operation: str, count: int, total: int, rng: np.random.Generator
) -> tuple[list[int], tuple[int, int]]:
    """Picture order and span of a frame that is held, or of a run that is shown twice."""
    everything, end = list(range(total)), total - 32
    if operation in ("hold", "overwrite"):
        end -= count
    at = int(rng.integers(max(30, count if operation == "repeat" else 0), end))
    after = everything[at + count :] if operation in ("hold", "overwrite") else everything[at:]
    if operation in FROZEN:
        run = [at - 1] * count
    elif operation == "repeat":
        run = everything[at - count : at]
    else:
        starts = [i for i in range(total - count) if abs(i - at) >= count]
        start = int(rng.choice(starts))
        run = everything[start : start + count]
    return everything[:at] + run + after, (at, at + count)


def _decoy_order(operation: str, total: int) -> list[int]:
    if operation == "telecine":  # 24 to 30 frames per second: every fourth frame twice
        return [i for i in range(total) for _ in range(2 if i % 4 == 3 else 1)]
    if operation == "low_rate":
        return [i // 2 * 2 for i in range(total)]
    if operation == "slideshow":
        return [i // 40 * 40 for i in range(total)]
    if operation == "end_card":
        return [*range(total), *[total - 1] * 60]
    return list(range(total))


def evidence_of(path: Path, net: GapNet) -> Evidence:
    """What the detectors see of a clip: frames, shots, gaps by this network, sound series, packets."""
    packets, probe = probe_of(path)
    frames, shots = features.FrameSeriesAccumulator(), extraction.ShotAccumulator()
    sounds, gaps = features.SoundSeriesAccumulator(), GapAccumulator(net)
    sound_end_s = 0.0
    with extraction.Decoder(path, probe) as decoder:
        for block in decoder:
            if isinstance(block, FrameBlock):
                for taker in (frames, shots, gaps):
                    taker.update(block)
            else:
                sounds.update(block)
                sound_end_s = max(sound_end_s, block.start_s + len(block.samples) / block.sample_rate_hz)
        summary = decoder.summary()
    nothing = FrameHashes("", np.zeros(0), np.zeros((0, 32), np.uint8), np.zeros(0, np.uint8))
    sound_files = (SoundFile(0, 1, "", 0.0, sound_end_s, RATE_HZ, 1),) if sound_end_s else ()
    return Evidence(
        probe,
        Bitstream(0, None, packets, (), (), (), None, (), ()),
        Extraction(summary, shots.finish(), (), (), (), (), sound_files),
        Features(nothing, (), frames.finish(), sounds.finish(), (), gaps=gaps.finish()),
    )


def probe_of(path: Path) -> tuple[PacketTable, Probe]:
    """Packets of the picture, and what the decoder needs to know of the streams."""
    packets, origin_s, duration_s, kinds = _packets(path)
    streams = tuple(Stream(i, kind, None) for i, kind in enumerate(kinds))
    return packets, Probe("", duration_s, origin_s, None, {}, streams)


def _packets(path: Path) -> tuple[PacketTable, float, float | None, list[str]]:
    with av.open(str(path), metadata_errors="replace") as container:
        used = [s for s in container.streams if s.type in ("video", "audio")]
        starts = [float(s.start_time * s.time_base) for s in used if s.start_time is not None]
        origin_s = min(starts, default=0.0)
        duration_s = container.duration / 1e6 if container.duration else None
        kinds = [s.type for s in container.streams if s.type in ("video", "audio")]
        rows = []
        for packet in container.demux(container.streams.video[0]):
            if packet.size and packet.pts is not None:
                rows.append(
                    (float(packet.pts * packet.time_base) - origin_s, packet.size, packet.is_keyframe)
                )
    rows = rows or [(0.0, 0, False)]
    times = np.array([r[0] for r in rows])
    key = np.array([r[2] for r in rows])
    table = PacketTable(
        times,
        times,
        np.array([r[1] for r in rows], dtype=np.int64),
        key,
        np.where(key, "I", "?"),
        np.full(len(rows), np.nan),
        np.zeros(len(rows), dtype=np.int64),
    )
    return table, origin_s, duration_s, kinds

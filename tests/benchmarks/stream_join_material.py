"""Coded streams joined without re-encoding, and streams that only look as if they were, made from footage.

A folder of footage, a scratch folder and a seed go in; clips with the true first frame after each join come
out. Truth is counted in packets: the join lies after as many packets as the pieces before it have.
"""

from __future__ import annotations

import csv
import hashlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

from tests.benchmarks.stream_join_recipes import AAC, X264, X265, Recipe

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


class MakingFailed(RuntimeError):
    """ffmpeg could not make a clip, or the clip is not what was meant."""


@dataclass(frozen=True)
class Source:
    """One footage file."""

    path: Path
    scene: str
    duration_s: float
    has_sound: bool
    video: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Clip:
    """A made clip. `joins` counts the picture packets before each join."""

    kind: str
    path: Path
    joins: tuple[int, ...] = ()


def read_sources(footage: Path, part: str | None) -> list[Source]:
    """Clips with a picture; `part` is "develop" or "measure", split by scene, None takes all."""
    with (footage / "MANIFEST.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["vcodec"]]
    found = []
    for row in rows:
        scene = row["speaker_or_scene_id"]
        half = "develop" if hashlib.sha256(scene.encode()).digest()[0] % 3 == 0 else "measure"
        if part is None or part == half:
            size = (int(row["width"]), int(row["height"]))
            sound = row["has_sound"] == "1"
            path = footage / row["file"]
            found.append(Source(path, scene, float(row["duration_s"]), sound, row["vcodec"], size))
    return found


@dataclass
class Kitchen:
    """Makes clips in a scratch folder, the same ones for the same seed."""

    folder: Path
    sources: list[Source]
    rng: np.random.Generator
    failures: list[str] = field(default_factory=list)
    _made: int = 0

    def joined(self, recipes: tuple[Recipe, ...], native: int) -> Iterator[Clip]:
        """All joins of the recipes, then `native` joins of footage files as they are."""
        for recipe in recipes:
            for _ in range(recipe.count):
                yield from self._tried(lambda recipe=recipe: self._join(recipe))
        for _ in range(native):
            yield from self._tried(self._native_join)

    def untouched(self) -> Iterator[Clip]:
        """Remuxes and plain encodes of every fourth source, in which nothing was joined."""
        for index, source in enumerate(self.sources):
            for container in ("mp4", "mkv", "ts"):
                yield from self._tried(lambda s=source, c=container: self._remux(s, c))
            if index % 4 == 0 and source.duration_s >= 3:
                for kind, make in self._lookalikes(source):
                    yield from self._tried(lambda k=kind, m=make: Clip(k, m()))

    def _tried(self, make: Callable[[], Clip]) -> Iterator[Clip]:
        try:
            clip = make()
        except MakingFailed as error:
            self.failures.append(str(error).strip().splitlines()[-1][:160] if str(error).strip() else "?")
            return
        yield clip
        clip.path.unlink(missing_ok=True)

    def _name(self, suffix: str) -> Path:
        self._made += 1
        return self.folder / f"m{self._made:05d}.{suffix}"

    def _encode(
        self, source: Source, recipe: Recipe, video: tuple[str, ...], window: tuple[float, float]
    ) -> Path:
        out = self._name(recipe.container)
        sound = recipe.sound if recipe.sound is not None else ("-an",)
        cut = ["-ss", f"{window[0]:.3f}", "-t", f"{window[1]:.3f}"]
        shape = "fps=25,scale=320:180:force_original_aspect_ratio=disable,setsar=1"
        run(
            *cut,
            "-i",
            str(source.path),
            "-map",
            "0:v:0",
            "-map",
            "0:a:0?",
            "-vf",
            shape,
            *video,
            *sound,
            str(out),
        )
        return out

    def _excerpt(self, path: Path, recipe: Recipe, span: str) -> Path:
        """A stream-copied part that starts at a key frame and may end anywhere."""
        times, keys = picture_times(path)
        inner = [t for t, key in zip(times, keys, strict=True) if key and t > 0.5 and t < times.max() - 1.0]
        out = self._name(recipe.container)
        if span == "head":
            end = float(self.rng.uniform(0.3, 0.6)) * float(times.max())
            run("-i", str(path), "-to", f"{end:.3f}", "-map", "0", "-c", "copy", str(out))
            return out
        if not inner:
            raise MakingFailed(f"{recipe.kind}: no key frame to cut at")
        start = float(inner[-1] if span == "tail" else inner[self.rng.integers(len(inner))])
        if not recipe.exact:
            start += float(self.rng.uniform(0.02, 0.4))
        length = float(self.rng.uniform(1.2, max(1.3, min(6.0, times.max() - start))))
        cut = ["-ss", f"{start + 0.002:.3f}"] + ([] if span == "tail" else ["-t", f"{length:.3f}"])
        run(*cut, "-i", str(path), "-map", "0", "-c", "copy", "-avoid_negative_ts", "make_zero", str(out))
        return out

    def _pieces(self, recipe: Recipe) -> list[Path]:
        fit = [s for s in self.sources if s.duration_s >= 5 and (s.has_sound or recipe.sound is None)]
        if recipe.same_source:
            long = [s for s in fit if s.duration_s >= 8] or fit
            source = long[self.rng.integers(len(long))]
            whole = self._encode(source, recipe, recipe.video, (0.0, min(source.duration_s, 14.0)))
            pieces = [self._excerpt(whole, recipe, "head"), self._excerpt(whole, recipe, "tail")]
            whole.unlink()
            return pieces
        scenes = {s.scene: s for s in self.rng.permutation(np.array(fit, dtype=object)).tolist()}
        chosen = list(scenes.values())[: recipe.pieces]
        pieces = []
        for index, source in enumerate(chosen):
            video = recipe.other_video if index and recipe.other_video else recipe.video
            length = min(source.duration_s, float(self.rng.uniform(3.0, 5.0)) + 5.0 * recipe.excerpt)
            piece = self._encode(source, recipe, video, (0.0, length))
            if recipe.excerpt:
                part = self._excerpt(piece, recipe, "middle" if index or self.rng.random() < 0.5 else "head")
                piece.unlink()
                piece = part
            pieces.append(piece)
        return pieces

    def _join(self, recipe: Recipe) -> Clip:
        pieces = self._pieces(recipe)
        out = concatenate(pieces, self._name(recipe.output), recipe.raw_concat)
        counts = [len(picture_times(piece)[0]) for piece in pieces]
        joins = tuple(np.cumsum(counts)[:-1].tolist())
        for piece in pieces:
            piece.unlink()
        total = len(picture_times(out)[0])
        if total != sum(counts) or min(counts) < 8:
            raise MakingFailed(f"{recipe.kind}: {total} packets of {counts}")
        return Clip(recipe.kind, out, joins)

    def _native_join(self) -> Clip:
        """Two footage files of the same codec and size, as they are."""
        groups: dict[tuple[str, tuple[int, int], bool], list[Source]] = {}
        for source in self.sources:
            groups.setdefault((source.video, source.size, source.has_sound), []).append(source)
        fit = [g for g in groups.values() if len({s.path for s in g}) >= 2]
        weights = np.sqrt([len(g) for g in fit])
        group = fit[int(self.rng.choice(len(fit), p=weights / weights.sum()))]
        first, second = (group[i] for i in self.rng.choice(len(group), 2, replace=False))
        suffix = {"mpeg1video": "mpg", "vp8": "webm", "vp9": "webm"}.get(first.video, "mp4")
        out = concatenate([first.path, second.path], self._name(suffix), raw=suffix == "mpg")
        count = len(picture_times(first.path)[0])
        if len(picture_times(out)[0]) != count + len(picture_times(second.path)[0]):
            raise MakingFailed("footage files: packets were lost")
        return Clip(f"footage files as they are, {first.video}", out, (count,))

    def _remux(self, source: Source, container: str) -> Clip:
        if container == "ts" and source.video in ("vp8", "vp9"):
            raise MakingFailed("VP8 and VP9 do not go into transport streams")
        out = self._name(container)
        run("-i", str(source.path), "-map", "0:v:0", "-map", "0:a?", "-c", "copy", str(out))
        return Clip(f"remuxed to {container}", out)

    def _lookalikes(self, source: Source) -> Iterator[tuple[str, Callable[[], Path]]]:
        plain = Recipe("", X264)
        window = (0.0, min(8.0, source.duration_s))

        def encoded(container: str, *video: str) -> Callable[[], Path]:
            return lambda: self._encode(source, Recipe("", container=container), video, window)

        yield "x264, headers repeated", encoded("ts", *X264, "-g", "25", "-x264-params", "repeat-headers=1")
        yield "x264, no B", encoded("mp4", *X264, "-bf", "0", "-g", "48")
        yield "x264, open GOP", encoded("mp4", *X264, "-g", "48", "-x264-params", "open-gop=1")
        yield "x265", encoded("mp4", *X265[:-1], "log-level=none:keyint=40")
        yield "x265, transport stream", encoded("ts", *X265[:-1], "log-level=none:keyint=40")
        yield "MPEG-2, transport stream", encoded("ts", "-c:v", "mpeg2video", "-bf", "2", "-q:v", "5")
        yield "forced key frames", encoded("mp4", *X264, "-force_key_frames", "0.7,2.1,3.5")
        yield "trimmed at both ends", lambda: self._trimmed(source, plain, window)
        yield "segments of one encode", lambda: self._segmented(source, window)
        yield "variable frame rate", lambda: self._variable(source, window)

    def _trimmed(self, source: Source, plain: Recipe, window: tuple[float, float]) -> Path:
        whole = self._encode(source, plain, (*X264, "-g", "40"), window)
        part = self._excerpt(whole, plain, "middle")
        whole.unlink()
        return part

    def _segmented(self, source: Source, window: tuple[float, float]) -> Path:
        whole = self._encode(source, Recipe("", container="ts"), (*X264, "-g", "50"), window)
        pattern = self.folder / "segment%03d.ts"
        run("-i", str(whole), "-map", "0", "-c", "copy", "-f", "segment", "-segment_time", "2", str(pattern))
        parts = sorted(self.folder.glob("segment*.ts"))
        joined = concatenate(parts, self._name("mp4"), raw=True)
        for part in [whole, *parts]:
            part.unlink()
        return joined

    def _variable(self, source: Source, window: tuple[float, float]) -> Path:
        out = self._name("mp4")
        shape = ("-vf", "mpdecimate,scale=320:180,setsar=1", "-fps_mode", "vfr")
        run("-t", f"{window[1]:.2f}", "-i", str(source.path), *shape, *X264, "-g", "40", *AAC, str(out))
        return out


def run(*arguments: str) -> None:
    """Run ffmpeg quietly.

    Raises:
        MakingFailed: it ended with an error.
    """
    command = [FFMPEG, "-nostdin", "-v", "error", "-y", "-threads", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise MakingFailed(done.stderr[-400:])


def concatenate(pieces: list[Path], out: Path, raw: bool) -> Path:
    """Join files by ffmpeg's concat demuxer, or, `raw`, byte after byte and then remuxed if need be."""
    if raw and out.suffix in (".ts", ".mpg"):
        out.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
        return out
    if raw:
        run("-i", "concat:" + "|".join(str(piece) for piece in pieces), "-map", "0", "-c", "copy", str(out))
        return out
    listing = out.with_suffix(".txt")
    listing.write_text("".join(f"file '{piece}'\n" for piece in pieces))
    run(
        "-f",
        "concat",
        "-safe",
        "0",
        "-i",
        str(listing),
        "-map",
        "0:v:0",
        "-map",
        "0:a?",
        "-c",
        "copy",
        str(out),
    )
    listing.unlink()
    return out


def picture_times(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Presentation times and key flags of picture packets in decoding order, from the demuxer."""
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        base = float(stream.time_base)
        rows = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.size and p.pts is not None]
    if not rows:
        raise MakingFailed(f"{path.name}: no packets")
    times, keys = zip(*rows, strict=True)
    return np.array(times) * base, np.array(keys)

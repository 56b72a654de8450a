"""Make a whole benchmark set: references as published, edited re-uploads, strangers and hard negatives."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from vidforensics.evaluation.edits import BenchmarkSet, Query, Work
from vidforensics.evaluation.edits_picture import Bench, caption, letterbox, logo, pillarbox
from vidforensics.evaluation.edits_time import held, jingle_first
from vidforensics.evaluation.ffmpeg import MakingFailed, as_text, run_ffmpeg
from vidforensics.evaluation.footage import Material, Roles, probe
from vidforensics.evaluation.furniture import make_furniture
from vidforensics.evaluation.recipes import KINDS, NEEDS_SOUND, STEPS, steps_of
from vidforensics.evaluation.truth import write_truth
from vidforensics.runtime import Progress, no_progress

_SHARED: dict[str, Callable[[Work, Bench], None]] = {
    "shared_logo": lambda work, bench: logo(work, bench, (0.3, 0.25)),
    "shared_caption": caption,
    "shared_letterbox": letterbox,
    "shared_pillarbox": pillarbox,
    "shared_jingle": jingle_first,
}
_CARDS = {
    "black_card": "color=black:s=640x360:r=25:d=6",
    "bars_card": "smptehdbars=s=640x360:r=25:d=6",
    "title_card": "",
}
_JINGLE_REFERENCES = 5
_TRIMMED_S = 0.5


@dataclass(frozen=True, slots=True)
class MakeOptions:
    """How a set is made.

    kinds: of edits, from `recipes.KINDS`. longest_s: a query shows at most this much of its source.
    side_px: pictures are scaled down to this short side before editing. shared: queries per hard negative.
    references: at most so many unrelated files.
    """

    seed: int = 1
    kinds: tuple[str, ...] = KINDS
    longest_s: float = 20.0
    side_px: int = 432
    preset: str = "ultrafast"
    shared: int = 2
    references: int = 200


class Maker:
    """Makes clips in one folder, the same ones for the same seed and footage."""

    def __init__(self, folder: Path, roles: Roles, options: MakeOptions, program: str) -> None:
        self.roles, self.options, self.program = roles, options, program
        self.folder = folder
        self.references: list[Path] = []
        self.shared_references: list[Path] = []
        self.failures: list[str] = []
        for part in ("references", "queries", "work"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.furniture = make_furniture(folder / "work" / "furniture", options.seed)
        self._hosts = tuple(m.path.resolve() for m in roles.hosts)
        self._voices = tuple(m.path.resolve() for m in roles.voices)

    def bench(self, *salt: int) -> Bench:
        """Chance of its own for each clip, so that leaving one out changes no other."""
        rng = np.random.default_rng([self.options.seed, *salt])
        return Bench(rng, self.furniture, self._hosts, self._voices)

    def publish(self, material: Material) -> Path:
        """Put a file among the references, as it is."""
        name = f"r{len(self.references):03d}_{material.path.name}"
        path = self.folder / "references" / name
        path.unlink(missing_ok=True)
        try:
            os.link(material.path.resolve(), path)
        except OSError:
            shutil.copyfile(material.path, path)
        self.references.append(path)
        return path

    def window(self, material: Material, bench: Bench, name: str) -> Work:
        """A stretch of a file as a modest upload, ready to be edited."""
        options = self.options
        length_s = min(material.duration_s, options.longest_s)
        start_s = round(float(bench.rng.uniform(0, max(0.0, material.duration_s - length_s - 0.5))), 3)
        side = options.side_px
        factor = f"min(1,{side}/min(iw*sar,ih))"
        shape = f"scale=w='trunc(iw*sar*{factor}/2)*2':h='trunc(ih*{factor}/2)*2',setsar=1"
        path = self.folder / "work" / f"{name}.mkv"
        sound = ["-map", "0:a:0", "-c:a", "pcm_s16le", "-ac", "1", "-ar", "32000"] if material.audible else []
        # decoded from the start: a seek in a file of few key frames would begin with broken pictures
        words = ["-i", as_text(material.path), "-ss", f"{start_s}", "-t", f"{length_s:.3f}"]
        coding = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", "-pix_fmt", "yuv420p"]
        pictures = ["-map", "0:v:0", "-vf", f"{shape},fps='min(source_fps,30)'", *coding]
        run_ffmpeg(self.program, [*words, *pictures, *sound, as_text(path)])
        width, height, shown_s, rate_hz, _ = probe(path)
        known = material.audible or not material.has_sound_track
        inputs = [["-i", as_text(path)]]
        work = Work(inputs, width, height, rate_hz, shown_s, start_s, material.audible, known)
        if material.duration_s - shown_s > _TRIMMED_S:
            work.allowed.add("trim")
        return work

    def encode(self, work: Work, path: Path) -> float:
        """Write the clip; returns the seconds of picture it has."""
        arguments = [word for one in work.inputs for word in one]
        if work.statements:
            arguments += ["-filter_complex", ";".join(work.statements)]
        arguments += ["-map", _mapped(work.picture)]
        if work.sound is not None:
            arguments += ["-map", _mapped(work.sound), "-c:a", "aac", "-b:a", "64k"]
        coding = ["-c:v", "libx264", "-preset", self.options.preset, "-crf", str(work.crf), "-threads", "1"]
        run_ffmpeg(
            self.program,
            [*arguments, *coding, "-pix_fmt", "yuv420p", "-t", f"{work.length_s:.3f}", as_text(path)],
        )
        return probe(path)[2]

    def tried(self, what: str, make: Callable[[], Query]) -> Iterator[Query]:
        """The clip, or a line in `failures`."""
        try:
            yield make()
        except MakingFailed as error:
            self.failures.append(f"{what}: {error}")

    def reuploads(self, number: int, material: Material, reference: Path) -> Iterator[Query]:
        """Every kind of edit of one source."""
        try:
            plain = self.window(material, self.bench(1, number), f"s{number:03d}")
        except MakingFailed as error:
            self.failures.append(f"{material.path.name}: {error}")
            return
        for index, kind in enumerate(KINDS):
            if kind not in self.options.kinds or (kind in NEEDS_SOUND and not material.audible):
                continue
            bench = self.bench(2, number, index)
            name = f"q{number:03d}_{kind}"
            yield from self.tried(name, partial(self._edited, plain, bench, kind, name, reference))
        (self.folder / "work" / f"s{number:03d}.mkv").unlink(missing_ok=True)

    def _edited(self, plain: Work, bench: Bench, kind: str, name: str, reference: Path) -> Query:
        work = fresh(plain)
        for step in steps_of(kind, bench.rng, work.has_sound):
            STEPS[step](work, bench)
            work.steps.append(step)
        path = self.folder / "queries" / f"{name}.mp4"
        return work.finish(path, kind, reference, self.encode(work, path))

    def stranger(self, number: int, material: Material) -> Query:
        """A clip that no reference shows, untouched but for a plain encode."""
        bench = self.bench(3, number)
        work = self.window(material, bench, f"n{number:03d}")
        path = self.folder / "queries" / f"n{number:03d}_unrelated.mp4"
        self.encode(work, path)
        return Query(path, "unrelated", None)

    def shared(self, kind: str, number: int, material: Material, as_reference: bool) -> Query:
        """A clip with furniture that others have too."""
        salt = list(_SHARED).index(kind)
        bench = self.bench(4, salt, number, int(as_reference))
        work = self.window(material, bench, f"h{salt}{number:03d}")
        _SHARED[kind](work, bench)
        part, mark = ("references", "r") if as_reference else ("queries", "h")
        path = self.folder / part / f"{mark}_{kind}{number:03d}.mp4"
        self.encode(work, path)
        if as_reference:
            self.references.append(path)
            self.shared_references.append(path)
        return Query(path, kind, None)

    def card(self, kind: str, as_reference: bool) -> Query:
        """Black, colour bars, or the title card, each encoded in its own way on either side."""
        part, mark = ("references", "r") if as_reference else ("queries", "h")
        path = self.folder / part / f"{mark}_{kind}.mp4"
        generated = ["-f", "lavfi", "-i", _CARDS[kind]]
        drawn = ["-i", as_text(self.furniture.title)]
        source = generated if _CARDS[kind] else drawn
        shape = "scale=480:270" if as_reference else "scale=640:360"
        shape += "" if _CARDS[kind] else f",{held(6.0)}"
        coding = ["-vf", shape, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"]
        run_ffmpeg(self.program, [*source, *coding, "-crf", "22" if as_reference else "30", as_text(path)])
        if as_reference:
            self.references.append(path)
            self.shared_references.append(path)
        return Query(path, kind, None)


def fresh(plain: Work) -> Work:
    """The same stretch with nothing done to it yet."""
    return Work(
        [list(words) for words in plain.inputs],
        plain.width_px,
        plain.height_px,
        plain.rate_hz,
        plain.length_s,
        plain.from_s,
        plain.has_sound,
        plain.sound_known,
        allowed=set(plain.allowed),
    )


def _mapped(label: str) -> str:
    return label if ":" in label else f"[{label}]"


def make_set(
    folder: Path, roles: Roles, options: MakeOptions, program: str, progress: Progress = no_progress
) -> BenchmarkSet:
    """Make references and queries in `folder`.

    Args:
        folder: emptied by the caller; clips go to `references` and `queries` in it.
        roles: from `footage.choose`.
        options: what to make.
        program: from `ffmpeg_program`.
        progress: called as ("make", done, total) with sources.

    Returns:
        The set; queries in a fixed order. Its truth also stands in `truth.json` in the folder.
    """
    maker = Maker(folder, roles, options, program)
    queries: list[Query] = []
    originals = [maker.publish(material) for material in roles.sources]
    for material in roles.references[: options.references]:
        maker.publish(material)
    for number, (material, reference) in enumerate(zip(roles.sources, originals, strict=True)):
        progress("make", number, len(originals))
        queries += maker.reuploads(number, material, reference)
    queries += _negatives(maker)
    shutil.rmtree(folder / "work", ignore_errors=True)
    progress("make", len(originals), len(originals))
    shared = tuple(maker.shared_references)
    made = BenchmarkSet(folder, tuple(maker.references), shared, tuple(queries), tuple(maker.failures))
    write_truth(made)
    return made


def _negatives(maker: Maker) -> Iterator[Query]:
    strangers, others = maker.roles.strangers, [m for m in maker.roles.references if m.duration_s >= 3]
    for number, material in enumerate(strangers):
        yield from maker.tried(f"unrelated {number}", partial(maker.stranger, number, material))
    count = maker.options.shared
    fit = [m for m in strangers if m.duration_s >= 3]
    for row, kind in enumerate(_SHARED):
        wanted = _JINGLE_REFERENCES if kind == "shared_jingle" else count
        for number in range(min(wanted, len(others)) if count else 0):
            one = others[(number + row * count) % len(others)]
            list(maker.tried(kind, partial(maker.shared, kind, number, one, True)))
        for number in range(min(count, len(fit))):
            one = fit[(number + row * count) % len(fit)]
            yield from maker.tried(kind, partial(maker.shared, kind, number, one, False))
    for kind in _CARDS if count else ():
        list(maker.tried(kind, partial(maker.card, kind, True)))
        yield from maker.tried(kind, partial(maker.card, kind, False))

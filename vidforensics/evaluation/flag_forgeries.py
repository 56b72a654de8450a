"""Make the clips of `evaluate flag`: forged in a known stretch, untouched, and ordinarily edited.

Clean footage goes in, files with their truth come out, each through one coding chain that the seed draws:
H.264 at three qualities, twice, at 360 lines, HEVC, VP9, each with AAC or Opus at 48 to 128 kb/s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vidforensics.evaluation.ffmpeg import MakingFailed, as_text, run_ffmpeg
from vidforensics.evaluation.flag_makers import (
    LONGEST_PICTURE_S,
    LONGEST_VOICE_S,
    MAKERS,
    SYNTHESISED,
    Clip,
    Plan,
    plain,
)
from vidforensics.evaluation.footage import Material, probe
from vidforensics.types import Label

LONGEST_S = 24.0
LEAST_S = 10.0
JOINED = "streams joined"
_H264 = ("-c:v", "libx264", "-preset", "veryfast")
_SMALL = "scale=w=-2:h='min(360,ih)'"
CHAINS: dict[str, tuple[tuple[str, ...], ...]] = {
    "h264 crf 20, aac 128k": ((*_H264, "-crf", "20", "-b:a", "128k"),),
    "h264 crf 26, aac 96k": ((*_H264, "-crf", "26", "-b:a", "96k"),),
    "h264 crf 34, aac 48k": ((*_H264, "-crf", "34", "-b:a", "48k"),),
    "h264 crf 23 twice, aac 96k": ((*_H264, "-crf", "23", "-b:a", "96k"),) * 2,
    "h264 360 lines crf 28, aac 64k": ((*_H264, "-vf", _SMALL, "-crf", "28", "-b:a", "64k"),),
    "hevc crf 28, aac 96k": (("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none",
                              "-crf", "28", "-b:a", "96k"),),
    "vp9 crf 36, opus 64k": (("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "36",
                              "-b:v", "0", "-b:a", "64k"),),
}  # fmt: skip
"""Encoder arguments by the chain's name, one tuple per generation; the sound's codec is the container's."""


@dataclass(frozen=True, slots=True)
class Forged:
    """One made clip. label None: nothing is to be found; else it is between start_s and end_s."""

    path: Path
    kind: str
    chain: str
    source: str
    label: Label | None = None
    start_s: float = 0.0
    end_s: float = 0.0


def make_forgeries(
    folder: Path,
    sources: Sequence[Material],
    others: Sequence[Material],
    program: str,
    rng: np.random.Generator,
    spoken: Sequence[Material] = (),
    kinds: Sequence[str] | None = None,
) -> Iterator[Forged | str]:
    """Every kind of each source, one after another; a sentence where ffmpeg could not make one.

    Args:
        folder: where they are made.
        sources: with picture and sound, 10 s and more.
        others: of other groups; foreign pictures and voices come from them.
        program: from `ffmpeg_program`.
        rng: of every choice.
        spoken: synthesised speech; where there is none, the kind that takes it is left out.
        kinds: what is made of each source, in that order; None for every kind.
    """
    # a generator of its own, so that the other clips are the same with and without synthesised speech
    apart = rng.spawn(1)[0]
    for number, source in enumerate(sources):
        clip = _clip(source, others, rng)
        if spoken:
            clip = replace(clip, spoken=spoken[int(apart.integers(len(spoken)))])
        yield Forged(source.path, "untouched", "as published", source.path.name)
        for kind in (*MAKERS, JOINED) if kinds is None else kinds:
            if kind == SYNTHESISED and not spoken:
                continue
            draws = apart if kind == SYNTHESISED else rng
            chain = str(draws.choice(list(CHAINS)))
            target = folder / f"{number:03d}-{kind.replace(' ', '-')}.{_suffix(chain)}"
            try:
                if kind == JOINED:
                    yield _join(program, clip, chain, target)
                    continue
                plan = MAKERS[kind](clip, draws)
                _encode(program, clip, plan, CHAINS[chain], target)
            except MakingFailed as error:
                yield f"{source.path.name}, {kind}, {chain}: {error}"
                continue
            yield Forged(target, kind, chain, source.path.name, plan.label, plan.start_s, plan.end_s)


def _clip(source: Material, others: Sequence[Material], rng: np.random.Generator) -> Clip:
    """A stretch of the source, and donors of other groups: a picture as like its own as there is, a voice."""
    length_s = min(source.duration_s, LONGEST_S)
    from_s = float(rng.uniform(0, source.duration_s - length_s))
    strange = [o for o in others if o.group != source.group and not o.graphic]
    pictured = alike(_lasting([o for o in strange if o.has_picture], LONGEST_PICTURE_S), source)
    heard = _lasting([o for o in strange if o.audible], LONGEST_VOICE_S)
    other, voice = (pool[int(rng.integers(len(pool)))] for pool in (pictured, heard))
    return Clip(source, from_s, length_s, other, voice)


def alike(donors: Sequence[Material], source: Material) -> list[Material]:
    """Donors of the source's picture size and frame rate; else of its shape; else all of them.

    Otherwise the scaling alone would give away what was cut in.
    """
    same = [d for d in donors if (d.size_px, d.rate) == (source.size_px, source.rate)]
    like = [d for d in donors if d.size_px == source.size_px] or [
        d for d in donors if d.size_px[0] * source.size_px[1] == d.size_px[1] * source.size_px[0]
    ]
    return same or like or list(donors)


def _join(program: str, clip: Clip, chain: str, target: Path) -> Forged:
    """Two stretches of the recording, each encoded by itself, joined without encoding them again."""
    half_s, pieces = clip.length_s / 2 - 0.5, []
    for number, from_s in enumerate((clip.from_s, clip.from_s + clip.length_s - half_s)):
        piece = target.with_stem(f"{target.stem}-{number}")
        part = replace(clip, from_s=from_s, length_s=half_s)
        _encode(program, part, plain(part), CHAINS[chain][:1], piece)
        pieces.append(piece)
    listed = target.with_suffix(".txt")
    listed.write_text("".join(f"file '{piece.name}'\n" for piece in pieces), encoding="ascii")
    run_ffmpeg(program, ["-f", "concat", "-i", as_text(listed), "-c", "copy", as_text(target)])
    _, _, at_s, _, _ = probe(pieces[0])
    for made in (*pieces, listed):
        made.unlink()
    return Forged(target, JOINED, chain, clip.material.path.name, "stream_join", at_s, at_s)


def _lasting(donors: Sequence[Material], longest_s: float) -> list[Material]:
    """Donors that last as long as any stretch they may fill; the longest one where none does."""
    return [d for d in donors if d.duration_s > longest_s] or [max(donors, key=lambda d: d.duration_s)]


def _suffix(chain: str) -> str:
    return "webm" if chain.startswith("vp9") else "mp4"


def _encode(program: str, clip: Clip, plan: Plan, chain: Sequence[tuple[str, ...]], target: Path) -> None:
    inputs = ["-t", f"{clip.from_s + clip.length_s:.3f}", "-i", as_text(clip.material.path)]
    for path in plan.more:
        inputs += ["-i", as_text(path)]
    first, *later = chain
    made = target if not later else target.with_stem(target.stem + "-first")
    shape = dict(zip(first[::2], first[1::2], strict=True))
    filters = _from(clip.from_s, plan.filters)
    if "-vf" in shape:
        filters = filters.replace("[v]", f",{shape.pop('-vf')}[v]")
    options = [word for pair in shape.items() for word in pair]
    run_ffmpeg(
        program,
        [*inputs, "-filter_complex", filters, "-map", "[v]", "-map", "[a]", "-pix_fmt", "yuv420p", *options,
         as_text(made)],
    )  # fmt: skip
    for options_again in later:
        run_ffmpeg(program, ["-i", as_text(made), *options_again, as_text(target)])
        made.unlink()


def _from(from_s: float, filters: str) -> str:
    """The filters with the clip's own streams begun at a time; all before it is decoded and left out.

    Seeking in the file would give grey and green pictures where it leads behind the key picture needed.
    """
    if from_s <= 0:
        return filters
    picture = f"[0:v]trim=start={from_s:.3f},setpts=PTS-{from_s:.3f}/TB,"
    sound = f"[0:a]atrim=start={from_s:.3f},asetpts=PTS-{from_s:.3f}/TB,"
    return filters.replace("[0:v]", picture).replace("[0:a]", sound)

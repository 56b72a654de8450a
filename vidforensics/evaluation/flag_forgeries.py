"""Make the clips of `evaluate flag`: forged in a known stretch, untouched, and ordinarily edited.

Clean footage goes in, files with their truth come out, each through one coding chain that the seed draws:
H.264 at three qualities, twice, at 360 lines, HEVC, VP9, each with AAC or Opus at 48 to 128 kb/s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidforensics.evaluation.ffmpeg import MakingFailed, as_text, run_ffmpeg
from vidforensics.evaluation.footage import Material
from vidforensics.types import Label

LONGEST_S = 24.0
LONGEST_VOICE_S, LONGEST_PICTURE_S = 10.0, 5.0
LEAST_S = 10.0
RATE_HZ = 25
_SIZE = "scale=w='min(640,iw)':h=-2,crop=trunc(iw/2)*2:trunc(ih/2)*2,setsar=1"
_SOUND = "aresample=44100,aformat=sample_fmts=fltp:channel_layouts=mono"
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

NEGATIVE = ("untouched", "re-encoded", "cut", "cross-faded", "late")


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


@dataclass(frozen=True, slots=True)
class _Plan:
    """What ffmpeg is asked for: further inputs, and the filters from [0:v] and [0:a] to [v] and [a]."""

    filters: str
    more: tuple[Path, ...] = ()
    label: Label | None = None
    start_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Clip:
    """The source, the stretch of it that is used, and what may be cut in."""

    material: Material
    from_s: float
    length_s: float
    other: Material
    voice: Material


Maker = Callable[[_Clip, np.random.Generator], _Plan]


def make_forgeries(
    folder: Path,
    sources: Sequence[Material],
    others: Sequence[Material],
    program: str,
    rng: np.random.Generator,
) -> Iterator[Forged | str]:
    """Every kind of each source, one after another; a sentence where ffmpeg could not make one.

    Args:
        folder: where they are made.
        sources: with picture and sound, 10 s and more.
        others: of other groups; foreign pictures and voices come from them.
        program: from `ffmpeg_program`.
        rng: of every choice.
    """
    for number, source in enumerate(sources):
        length_s = min(source.duration_s, LONGEST_S)
        from_s = float(rng.uniform(0, source.duration_s - length_s))
        strange = [o for o in others if o.group != source.group and not o.graphic]
        pictured = _lasting([o for o in strange if o.has_picture], LONGEST_PICTURE_S)
        heard = _lasting([o for o in strange if o.audible], LONGEST_VOICE_S)
        other, voice = (pool[int(rng.integers(len(pool)))] for pool in (pictured, heard))
        clip = _Clip(source, from_s, length_s, other, voice)
        yield Forged(source.path, "untouched", "as published", source.path.name)
        for kind, maker in MAKERS.items():
            chain = str(rng.choice(list(CHAINS)))
            plan = maker(clip, rng)
            target = folder / f"{number:03d}-{kind.replace(' ', '-')}.{_suffix(chain)}"
            try:
                _encode(program, clip, plan, chain, target)
            except MakingFailed as error:
                yield f"{source.path.name}, {kind}, {chain}: {error}"
                continue
            yield Forged(target, kind, chain, source.path.name, plan.label, plan.start_s, plan.end_s)


def _lasting(donors: Sequence[Material], longest_s: float) -> list[Material]:
    """Donors that last as long as any stretch they may fill; the longest one where none does."""
    return [d for d in donors if d.duration_s > longest_s] or [max(donors, key=lambda d: d.duration_s)]


def _suffix(chain: str) -> str:
    return "webm" if chain.startswith("vp9") else "mp4"


def _encode(program: str, clip: _Clip, plan: _Plan, chain: str, target: Path) -> None:
    inputs = ["-ss", f"{clip.from_s:.3f}", "-t", f"{clip.length_s:.3f}", "-i", as_text(clip.material.path)]
    for path in plan.more:
        inputs += ["-i", as_text(path)]
    first, *later = CHAINS[chain]
    made = target if not later else target.with_stem(target.stem + "-first")
    shape = dict(zip(first[::2], first[1::2], strict=True))
    filters = plan.filters
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


def _picture(rest: str = "") -> str:
    return f"[0:v]fps={RATE_HZ},{_SIZE}{rest}"


def _plain(clip: _Clip, rng: np.random.Generator) -> _Plan:
    return _Plan(f"{_picture()}[v];[0:a]{_SOUND}[a]")


def _part(
    clip: _Clip, rng: np.random.Generator, least_s: float, most_s: float, donor: Material | None = None
) -> tuple[float, float]:
    """A stretch away from both ends of the clip, no longer than what is cut in."""
    most_s = min(most_s, clip.length_s - 3.0, donor.duration_s - 0.1 if donor else most_s)
    length = round(float(rng.uniform(min(least_s, most_s), most_s)), 2)
    start = round(float(rng.uniform(1.5, clip.length_s - length - 1.4)), 2)
    return start, start + length


def _voice_over(clip: _Clip, start: float, end: float) -> str:
    """The clip's sound with another's in its place between two times."""
    return (
        f"[0:a]{_SOUND},volume=0:enable='between(t,{start},{end})'[own];"
        f"[1:a]{_SOUND},atrim=0:{end - start:.3f},loudnorm=I=-20,aresample=44100,"
        f"adelay={round(start * 1000)}[new];[own][new]amix=inputs=2:duration=first:normalize=0[a]"
    )


def _dub(clip: _Clip, rng: np.random.Generator) -> _Plan:
    start, end = _part(clip, rng, 5.0, LONGEST_VOICE_S, clip.voice)
    return _Plan(f"{_picture()}[v];{_voice_over(clip, start, end)}", (clip.voice.path,), "dub", start, end)


def _audio_splice(clip: _Clip, rng: np.random.Generator) -> _Plan:
    start, end = _part(clip, rng, 1.0, 4.0, clip.voice)
    sound = _voice_over(clip, start, end)
    return _Plan(f"{_picture()}[v];{sound}", (clip.voice.path,), "audio_splice", start, end)


def _slid(clip: _Clip, rng: np.random.Generator) -> _Plan:
    """A stretch whose own sound comes 0.6 to 1.5 s late."""
    start, end = _part(clip, rng, 5.0, 10.0)
    late = float(rng.uniform(0.6, 1.5))
    sound = (
        f"[0:a]{_SOUND},asplit[x][y];[x]volume=0:enable='between(t,{start},{end})'[own];"
        f"[y]adelay={round(late * 1000)},volume=0:enable='not(between(t,{start},{end}))'[new];"
        "[own][new]amix=inputs=2:duration=first:normalize=0[a]"
    )
    return _Plan(f"{_picture()}[v];{sound}", (), "dub", start, end)


def _splice(clip: _Clip, rng: np.random.Generator) -> _Plan:
    """Another recording's picture for 2 to 5 s, scaled to fill; the sound goes on."""
    start, end = _part(clip, rng, 2.0, LONGEST_PICTURE_S, clip.other)
    filters = (
        f"{_picture()},split[x][y];"
        f"[1:v]fps={RATE_HZ},trim=0:{end - start:.3f},setpts=PTS-STARTPTS+{start}/TB[raw];"
        "[raw][x]scale=rw:rh[new];"
        f"[y][new]overlay=enable='between(t,{start},{end - 0.02})':eof_action=pass[v];[0:a]{_SOUND}[a]"
    )
    return _Plan(filters, (clip.other.path,), "splice", start, end)


def _deletion(clip: _Clip, rng: np.random.Generator) -> _Plan:
    frames = int(rng.integers(8, 26))
    start, _ = _part(clip, rng, 2.0, 2.1)
    end = start + frames / RATE_HZ
    filters = (
        f"{_picture()},select='not(between(t,{start},{end - 0.001}))',setpts=N/{RATE_HZ}/TB[v];"
        f"[0:a]{_SOUND},aselect='not(between(t,{start},{end - 0.001}))',asetpts=N/SR/TB[a]"
    )
    return _Plan(filters, (), "deletion", start, start)


def _duplication(clip: _Clip, rng: np.random.Generator) -> _Plan:
    """A run of 10 to 30 frames shown twice."""
    frames = int(rng.integers(10, 31))
    start, _ = _part(clip, rng, 2.0, 2.1)
    filters = f"{_picture()},loop=loop=1:size={frames}:start={round(start * RATE_HZ)}[v];[0:a]{_SOUND}[a]"
    again = start + frames / RATE_HZ
    return _Plan(filters, (), "duplication", again, again + frames / RATE_HZ)


def _cut(clip: _Clip, rng: np.random.Generator) -> _Plan:
    """Two stretches of the recording, a piece between them left out, picture and sound together."""
    half = clip.length_s / 2
    keep = f"not(between(t,{half - 1.5},{half + 0.5}))"
    filters = (
        f"{_picture()},select='{keep}',setpts=N/{RATE_HZ}/TB[v];"
        f"[0:a]{_SOUND},aselect='{keep}',asetpts=N/SR/TB[a]"
    )
    return _Plan(filters)


def _cross_faded(clip: _Clip, rng: np.random.Generator) -> _Plan:
    half = clip.length_s / 2
    filters = (
        f"{_picture()},split[x][y];[x]trim=0:{half - 1},setpts=PTS-STARTPTS[first];"
        f"[y]trim={half}:{clip.length_s},setpts=PTS-STARTPTS[second];"
        f"[first][second]xfade=duration=0.5:offset={half - 1.5}[v];"
        f"[0:a]{_SOUND},asplit[p][q];[p]atrim=0:{half - 1}[one];[q]atrim={half},asetpts=PTS-STARTPTS[two];"
        "[one][two]acrossfade=d=0.5[a]"
    )
    return _Plan(filters)


def _late(clip: _Clip, rng: np.random.Generator) -> _Plan:
    """All of the sound 0.12 s late: how a clip was recorded, and no dub."""
    return _Plan(f"{_picture()}[v];[0:a]{_SOUND},adelay=120[a]")


MAKERS: dict[str, Maker] = {
    "re-encoded": _plain,
    "cut": _cut,
    "cross-faded": _cross_faded,
    "late": _late,
    "voice replaced": _dub,
    "voice slid": _slid,
    "foreign pictures": _splice,
    "foreign sound": _audio_splice,
    "frames removed": _deletion,
    "frames repeated": _duplication,
}

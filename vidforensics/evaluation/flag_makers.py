"""What is done to a clip of `evaluate flag`: forged in a known stretch, or ordinarily edited.

A clip and a seeded generator go in, a plan for ffmpeg comes out, with the truth. Every clip keeps its own
frame rate; what is cut in is brought to it, and scaled and cropped to fill the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from vidforensics.evaluation.footage import Material
from vidforensics.types import Label

LONGEST_VOICE_S, LONGEST_PICTURE_S = 10.0, 5.0
MAX_WIDTH_PX = 640
SYNTHESISED = "voice synthesised"
"""Made only where there is synthesised speech."""

_USUAL_RATE, _HIGHEST_RATE = Fraction(25), Fraction(60)
_SOUND = "aresample=44100,aformat=sample_fmts=fltp:channel_layouts=mono"


@dataclass(frozen=True, slots=True)
class Plan:
    """What ffmpeg is asked for: further inputs, and the filters from [0:v] and [0:a] to [v] and [a]."""

    filters: str
    more: tuple[Path, ...] = ()
    label: Label | None = None
    start_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Clip:
    """The source, the stretch of it that is used, and what may be cut in; `spoken` is synthesised speech."""

    material: Material
    from_s: float
    length_s: float
    other: Material
    voice: Material
    spoken: Material | None = None

    @property
    def rate(self) -> Fraction:
        """Frames per second: its own where that is an ordinary one."""
        own = Fraction(self.material.rate or 0)
        return own if 5 <= own <= _HIGHEST_RATE else _USUAL_RATE

    @property
    def size_px(self) -> tuple[int, int]:
        """Even width and height, at most 640 wide."""
        width, height = (max(2, side) for side in self.material.size_px)
        scale = min(1.0, MAX_WIDTH_PX / width)
        return 2 * max(1, int(width * scale) // 2), 2 * max(1, int(height * scale) // 2)


Maker = Callable[[Clip, np.random.Generator], Plan]


def picture(clip: Clip, stream: str = "[0:v]") -> str:
    """Filters from a picture stream to the clip's rate and size."""
    width, height = clip.size_px
    return f"{stream}fps={clip.rate},scale={width}:{height},setsar=1"


def plain(clip: Clip, rng: np.random.Generator | None = None) -> Plan:
    """Nothing but the coding chain."""
    return Plan(f"{picture(clip)}[v];[0:a]{_SOUND}[a]")


def _part(
    clip: Clip, rng: np.random.Generator, least_s: float, most_s: float, donor: Material | None = None
) -> tuple[float, float]:
    """A stretch away from both ends of the clip, no longer than what is cut in."""
    most_s = min(most_s, clip.length_s - 3.0, donor.duration_s - 0.1 if donor else most_s)
    length = round(float(rng.uniform(min(least_s, most_s), most_s)), 2)
    start = round(float(rng.uniform(1.5, clip.length_s - length - 1.4)), 2)
    return start, start + length


def _voice_over(clip: Clip, start: float, end: float) -> str:
    """The clip's sound with another's in its place between two times."""
    return (
        f"[0:a]{_SOUND},volume=0:enable='between(t,{start},{end})'[own];"
        f"[1:a]{_SOUND},atrim=0:{end - start:.3f},loudnorm=I=-20,aresample=44100,"
        f"adelay={round(start * 1000)}[new];[own][new]amix=inputs=2:duration=first:normalize=0[a]"
    )


def _dub(clip: Clip, rng: np.random.Generator) -> Plan:
    start, end = _part(clip, rng, 5.0, LONGEST_VOICE_S, clip.voice)
    return Plan(f"{picture(clip)}[v];{_voice_over(clip, start, end)}", (clip.voice.path,), "dub", start, end)


def _synthesised(clip: Clip, rng: np.random.Generator) -> Plan:
    """A synthesiser's speech in place of the sound."""
    assert clip.spoken is not None
    return _dub(replace(clip, voice=clip.spoken), rng)


def _audio_splice(clip: Clip, rng: np.random.Generator) -> Plan:
    start, end = _part(clip, rng, 1.0, 4.0, clip.voice)
    sound = _voice_over(clip, start, end)
    return Plan(f"{picture(clip)}[v];{sound}", (clip.voice.path,), "audio_splice", start, end)


def _sound_moved(clip: Clip, rng: np.random.Generator) -> Plan:
    """1 to 3 s of its own sound, from elsewhere in the clip, over other sound of it."""
    start, end = _part(clip, rng, 1.0, 3.0)
    away = [t for t in (start - 4.0, end + 1.0) if 0.0 <= t <= clip.length_s - (end - start)]
    taken = float(rng.choice(away)) if away else 0.0
    sound = (
        f"[0:a]{_SOUND},asplit[x][y];[x]volume=0:enable='between(t,{start},{end})'[own];"
        f"[y]atrim={taken}:{taken + end - start:.3f},asetpts=PTS-STARTPTS,adelay={round(start * 1000)}[new];"
        "[own][new]amix=inputs=2:duration=first:normalize=0[a]"
    )
    return Plan(f"{picture(clip)}[v];{sound}", (), "audio_splice", start, end)


def _slid(clip: Clip, rng: np.random.Generator) -> Plan:
    """A stretch whose own sound comes 0.6 to 1.5 s late."""
    start, end = _part(clip, rng, 5.0, 10.0)
    late = float(rng.uniform(0.6, 1.5))
    sound = (
        f"[0:a]{_SOUND},asplit[x][y];[x]volume=0:enable='between(t,{start},{end})'[own];"
        f"[y]adelay={round(late * 1000)},volume=0:enable='not(between(t,{start},{end}))'[new];"
        "[own][new]amix=inputs=2:duration=first:normalize=0[a]"
    )
    return Plan(f"{picture(clip)}[v];{sound}", (), "dub", start, end)


def _splice(clip: Clip, rng: np.random.Generator) -> Plan:
    """Another recording's picture for 2 to 5 s, scaled to fill; the sound goes on."""
    start, end = _part(clip, rng, 2.0, LONGEST_PICTURE_S, clip.other)
    width, height = clip.size_px
    fill = f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},setsar=1"
    filters = (
        f"{picture(clip)}[own];"
        f"[1:v]fps={clip.rate},trim=0:{end - start:.3f},setpts=PTS-STARTPTS+{start}/TB,{fill}[new];"
        f"[own][new]overlay=enable='between(t,{start},{end - 0.02})':eof_action=pass[v];[0:a]{_SOUND}[a]"
    )
    return Plan(filters, (clip.other.path,), "splice", start, end)


def _deletion(clip: Clip, rng: np.random.Generator) -> Plan:
    frames = int(rng.integers(8, 26))
    start, _ = _part(clip, rng, 2.0, 2.1)
    end = start + float(frames / clip.rate)
    filters = (
        f"{picture(clip)},select='not(between(t,{start},{end - 0.001}))',setpts=N/({clip.rate})/TB[v];"
        f"[0:a]{_SOUND},aselect='not(between(t,{start},{end - 0.001}))',asetpts=N/SR/TB[a]"
    )
    return Plan(filters, (), "deletion", start, start)


def _repeated(least: int, most: int) -> Maker:
    """A run of frames shown twice; the sound goes on and the picture ends later."""

    def make(clip: Clip, rng: np.random.Generator) -> Plan:
        frames = int(rng.integers(least, most + 1))
        start, _ = _part(clip, rng, 2.0, 2.1)
        first = round(start * clip.rate)
        filters = f"{picture(clip)},loop=loop=1:size={frames}:start={first}[v];[0:a]{_SOUND}[a]"
        again = float((first + frames) / clip.rate)
        return Plan(filters, (), "duplication", again, again + float(frames / clip.rate))

    return make


def _frozen(clip: Clip, rng: np.random.Generator) -> Plan:
    """One frame in the place of the next 10 to 30."""
    frames = int(rng.integers(10, 31))
    start, _ = _part(clip, rng, 2.0, 2.1)
    first = round(start * clip.rate)
    kept = f"select='not(between(n,{first + 1},{first + frames}))'"
    held = f"loop=loop={frames}:size=1:start={first},setpts=N/({clip.rate})/TB"
    filters = f"{picture(clip)},{kept},{held}[v];[0:a]{_SOUND}[a]"
    begins = float((first + 1) / clip.rate)
    return Plan(filters, (), "duplication", begins, begins + float(frames / clip.rate))


def _cut(clip: Clip, rng: np.random.Generator) -> Plan:
    """Two stretches of the recording, a piece between them left out, picture and sound together."""
    half = clip.length_s / 2
    keep = f"not(between(t,{half - 1.5},{half + 0.5}))"
    filters = (
        f"{picture(clip)},select='{keep}',setpts=N/({clip.rate})/TB[v];"
        f"[0:a]{_SOUND},aselect='{keep}',asetpts=N/SR/TB[a]"
    )
    return Plan(filters)


def _cross_faded(clip: Clip, rng: np.random.Generator) -> Plan:
    half = clip.length_s / 2
    filters = (
        f"{picture(clip)},split[x][y];[x]trim=0:{half - 1},setpts=PTS-STARTPTS[first];"
        f"[y]trim={half}:{clip.length_s},setpts=PTS-STARTPTS[second];"
        f"[first][second]xfade=duration=0.5:offset={half - 1.5}[v];"
        f"[0:a]{_SOUND},asplit[p][q];[p]atrim=0:{half - 1}[one];[q]atrim={half},asetpts=PTS-STARTPTS[two];"
        "[one][two]acrossfade=d=0.5[a]"
    )
    return Plan(filters)


def _late(clip: Clip, rng: np.random.Generator) -> Plan:
    """All of the sound 0.12 s late: how a clip was recorded, and no dub."""
    return Plan(f"{picture(clip)}[v];[0:a]{_SOUND},adelay=120[a]")


def _bed(clip: Clip, rng: np.random.Generator) -> Plan:
    """Another sound under all of its own, 15 dB below: ordinary editing."""
    under = f"[1:a]{_SOUND},aloop=loop=-1:size=2147483647,loudnorm=I=-35,aresample=44100[low]"
    mixed = "[own][low]amix=inputs=2:duration=first:normalize=0[a]"
    own = f"[0:a]{_SOUND},loudnorm=I=-20,aresample=44100[own]"
    return Plan(f"{picture(clip)}[v];{own};{under};{mixed}", (clip.voice.path,))


MAKERS: dict[str, Maker] = {
    "re-encoded": plain,
    "cut": _cut,
    "cross-faded": _cross_faded,
    "late": _late,
    "sound under": _bed,
    "voice replaced": _dub,
    SYNTHESISED: _synthesised,
    "voice slid": _slid,
    "foreign pictures": _splice,
    "foreign sound": _audio_splice,
    "own sound moved": _sound_moved,
    "frames removed": _deletion,
    "frames repeated": _repeated(10, 30),
    "few frames repeated": _repeated(5, 9),
    "picture held": _frozen,
}
NEGATIVE = ("untouched", "re-encoded", "cut", "cross-faded", "late", "sound under")

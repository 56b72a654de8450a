"""Edits of time and sound: speed, frame rate, excerpts, and what is laid over or instead of the sound."""

from __future__ import annotations

from vidforensics.evaluation.edits import TrueEdit, TrueSound, Work
from vidforensics.evaluation.edits_picture import Bench
from vidforensics.evaluation.ffmpeg import MakingFailed
from vidforensics.evaluation.furniture import JINGLE_S

_SOUND = "aresample=32000,aformat=sample_fmts=fltp:channel_layouts=mono"
_HOST_S = 8.0


def speed(work: Work, bench: Bench, factor: float) -> None:
    """Faster or slower, picture and sound; by chance the pitch stays (atempo) or goes along (resampling)."""
    work.filter_picture(f"setpts=(PTS-STARTPTS)/{factor}")
    work.filter_picture(f"fps={work.rate_hz:.5f}")
    if bench.rng.random() < 0.5:
        work.filter_sound(f"{_SOUND},atempo={factor}")
    else:
        work.filter_sound(f"{_SOUND},asetrate={round(32000 * factor)},aresample=32000")
    work.retime(factor)
    work.edits.append(TrueEdit("speed"))
    work.allowed |= {"frame_rate"}


def frame_rate(work: Work, bench: Bench, rate_hz: float = 12.0) -> None:
    """Fewer frames per second."""
    asked = work.rate_hz / rate_hz
    work.filter_picture(f"fps={rate_hz}")
    work.rate_hz = rate_hz
    if asked > 1.15:
        work.edits.append(TrueEdit("frame_rate"))


def excerpt(work: Work, bench: Bench, share: float = 0.3) -> None:
    """A part of the clip, from anywhere in it, at least 3 s."""
    length = min(work.length_s, max(3.0, share * work.length_s))
    start = float(bench.rng.uniform(0, work.length_s - length))
    work.filter_picture(f"trim={start:.3f}:{start + length:.3f},setpts=PTS-STARTPTS")
    work.filter_sound(f"atrim={start:.3f}:{start + length:.3f},asetpts=PTS-STARTPTS")
    work.from_s += start * work.speed
    work.stretches = [
        TrueSound(max(s.start_s - start, 0.0), min(s.end_s - start, length), s.relation)
        for s in work.stretches
        if s.end_s > start and s.start_s < start + length
    ]
    work.length_s = work.shown_s = length
    work.edits.append(TrueEdit("trim"))


def splice(work: Work, bench: Bench) -> None:
    """Between two stretches of other videos, in one encode at 25 frames per second."""
    before, after = bench.one_of(bench.hosts), bench.one_of(bench.hosts)
    fill = f"scale={work.width_px}:{work.height_px}:force_original_aspect_ratio=increase"
    shape = f"{fill},crop={work.width_px}:{work.height_px},setsar=1,fps=25,setpts=PTS-STARTPTS"
    seam = f"scale={work.width_px}:{work.height_px},setsar=1,fps=25,setpts=PTS-STARTPTS"
    labels = []
    for host in (before, None, after):
        if host is None:
            picture = work.made(work.picture, f"{seam},trim=0:{work.length_s:.3f}")
            labels.append((picture, _padded(work, work.sound, work.length_s)))
            continue
        number = work.add_input("-stream_loop", "-1", "-t", f"{_HOST_S:.3f}", "-i", f"file:{host}")
        picture = work.made(f"{number}:v:0", f"{shape},trim=0:{_HOST_S:.3f}")
        labels.append((picture, _padded(work, None, _HOST_S)))
    joined = "".join(f"[{v}][{a}]" for v, a in labels)
    picture, sound = work.label(), work.label()
    work.statements.append(f"{joined}concat=n=3:v=1:a=1[{picture}][{sound}]")
    work.picture, work.sound, work.rate_hz = picture, sound, 25.0
    work.delay(_HOST_S)
    work.length_s += 2 * _HOST_S
    work.edits.append(TrueEdit("insert", None, ("trim", "reorder")))
    work.allowed |= {"trim", "frame_rate", "insert", "reorder"}


def _padded(work: Work, label: str | None, length_s: float) -> str:
    """Sound of exactly this length: the label's, else quiet noise."""
    if label is None:
        out = work.label()
        work.statements.append(
            f"anoisesrc=amplitude=0.002:duration={length_s:.3f}:sample_rate=32000:seed=7,{_SOUND}[{out}]"
        )
        return out
    return work.made(label, f"{_SOUND},asetpts=PTS-STARTPTS,apad,atrim=0:{length_s:.3f}")


def _voice(work: Work, bench: Bench) -> str:
    """Label of another recording's sound, as long as the clip."""
    if not bench.voices:
        raise MakingFailed("the footage holds no sound that could be laid over")
    number = work.add_input(
        "-stream_loop", "-1", "-t", f"{work.length_s:.3f}", "-i", f"file:{bench.one_of(bench.voices)}"
    )
    level = "dynaudnorm=f=250:g=15"
    return work.made(f"{number}:a:0", f"{_SOUND},{level},asetpts=PTS-STARTPTS")


def replaced_sound(work: Work, bench: Bench) -> None:
    """Another voice instead of the sound, all through or from a third of the clip on."""
    voice = _voice(work, bench)
    start = 0.0 if bench.rng.random() < 0.5 or work.length_s < 9 else work.length_s / 3
    if start and work.sound:
        head = work.made(work.sound, f"{_SOUND},atrim=0:{start:.3f},asetpts=PTS-STARTPTS")
        tail = work.made(voice, f"atrim={start:.3f}:{work.length_s:.3f},asetpts=PTS-STARTPTS")
        out = work.label()
        work.statements.append(f"[{head}][{tail}]concat=n=2:v=0:a=1[{out}]")
        work.sound = out
    else:
        start = 0.0
        work.replace_sound(voice)
    work.set_sound("replaced", start)


def mixed_sound(work: Work, bench: Bench) -> None:
    """Another voice over the sound, which stays audible; all through, or on the middle of the clip."""
    if work.sound is None:
        raise MakingFailed("there is no sound to mix with")
    whole = bench.rng.random() < 0.5 or work.length_s < 9
    start, end = (0.0, work.length_s) if whole else (work.length_s * 0.3, work.length_s * 0.7)
    gate = f"volume=0:enable='not(between(t,{start:.3f},{end:.3f}))'"
    voice = work.made(_voice(work, bench), gate)
    work.filter_sound(f"{_SOUND},dynaudnorm=f=250:g=15")
    work.filter_sound("amix=inputs=2:duration=first:weights=1 0.8:normalize=0,alimiter=limit=0.9", voice)
    work.set_sound("mixed", start, end)


def late_sound(work: Work, bench: Bench) -> None:
    """The sound starts 0.4 to 1.5 s late."""
    late_ms = round(float(bench.rng.uniform(400, 1500)))
    work.filter_sound(f"{_SOUND},adelay={late_ms}:all=1,atrim=0:{work.length_s:.3f}")
    work.set_sound("shifted")


def muted(work: Work, bench: Bench) -> None:
    """No sound: by chance no track at all, or a track of silence."""
    if bench.rng.random() < 0.5:
        work.filter_sound("volume=0")
    else:
        work.replace_sound(None)
    if work.has_sound:
        work.set_sound("muted")


def held(seconds: float) -> str:
    """A filter that shows one picture for so long, at 25 frames per second."""
    return f"loop=loop={round(seconds * 25) - 1}:size=1,setpts=N/25/TB,fps=25"


def jingle_first(work: Work, bench: Bench) -> None:
    """The channel's intro, picture and jingle, before the clip."""
    picture = work.add_input("-i", f"file:{bench.furniture.intro}")
    sound = work.add_input("-i", f"file:{bench.furniture.jingle}")
    shape = f"scale={work.width_px}:{work.height_px},format=yuv420p,setsar=1"
    scaled = work.made(f"{picture}:v", f"{shape},{held(JINGLE_S)},fade=in:0:12")
    clip = work.made(work.picture, "setsar=1,fps=25,setpts=PTS-STARTPTS")
    tune = work.made(f"{sound}:a", f"{_SOUND},apad,atrim=0:{JINGLE_S}")
    rest = _padded(work, work.sound, work.length_s)
    out, heard = work.label(), work.label()
    work.statements.append(f"[{scaled}][{tune}][{clip}][{rest}]concat=n=2:v=1:a=1[{out}][{heard}]")
    work.picture, work.sound, work.rate_hz = out, heard, 25.0
    work.delay(JINGLE_S)
    work.length_s += JINGLE_S

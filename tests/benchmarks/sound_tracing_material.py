"""Material for the sound-tracing benchmark: excerpts of real tracks, edited by a seeded hand, through AAC.

Clips of the footage go in, split by speaker or scene; `Query`s come out, each a track at 16 kHz as a
platform would give it back, with what was done to it and where it comes from.
"""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidforensics.types import SoundRelation

RATE_HZ = 16000
WORK_HZ = 44100
MAX_S = 40.0
LEAST_S = 8.0

SEARCH_KINDS = (
    "aac48", "short4", "noise10", "noise5", "voice0", "voice6", "music0", "music6",
    "resampled", "resampled0.8", "resampled1.25", "tempo0.8", "tempo1.25", "pitch0.8", "pitch1.25",
    "inside",
)  # fmt: skip
"""`voice6` lays another's speech 6 dB above the source; `resampled` draws a speed within ±25 %; `inside` sets
the excerpt between two other sounds."""


@dataclass(frozen=True)
class Source:
    """One track of the footage, float32 mono at `WORK_HZ`."""

    name: str
    group: str
    folder: str
    mono: np.ndarray

    @property
    def seconds(self) -> float:
        return len(self.mono) / WORK_HZ


@dataclass(frozen=True)
class Query:
    """An edited excerpt: mono float32 at `RATE_HZ`; reference time = start_s + speed · (time − lead_s).
    `laid` names other sources that sound in it."""

    kind: str
    source: str
    start_s: float
    speed: float
    mono: np.ndarray
    lead_s: float = 0.0
    laid: tuple[str, ...] = ()
    truth: tuple[tuple[float, float, SoundRelation], ...] = ()


def side(group: str) -> str:
    """Half the speakers and scenes are for fitting, the others for measuring."""
    return "fit" if int(hashlib.sha256(group.encode()).hexdigest()[0], 16) % 2 == 0 else "test"


def sources(footage: Path, wanted: str, least_s: float = LEAST_S) -> Iterator[Source]:
    """Tracks of one side, each at least `least_s` long and cut to `MAX_S`."""
    with (footage / "MANIFEST.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["has_sound"] == "1"]
    for row in rows:
        if side(row["speaker_or_scene_id"]) != wanted or float(row["duration_s"] or 0) < least_s:
            continue
        mono = _piped(["-i", str(footage / row["file"]), "-vn", "-t", str(MAX_S)], b"", WORK_HZ)
        if len(mono) >= least_s * WORK_HZ and float(np.abs(mono).max()) > 0.01:
            yield Source(row["file"], row["speaker_or_scene_id"], row["file"].split("/")[0], mono)


def _piped(before: Sequence[str], data: bytes, rate_hz: int) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", *before, "-ac", "1", "-ar", str(rate_hz), "-f", "f32le", "-"]
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.float32).copy()


def through_aac(mono: np.ndarray, chain: str = "anull", bit_rate: str = "48k") -> np.ndarray:
    """A track at `WORK_HZ` through ffmpeg's filter chain and AAC, back at `RATE_HZ`."""
    raw = ["-f", "f32le", "-ar", str(WORK_HZ), "-ac", "1", "-i", "-"]
    coding = ["-c:a", "aac", "-b:a", bit_rate, "-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "-"]
    command = ["ffmpeg", "-v", "error", *raw, "-af", f"{chain},aresample={WORK_HZ}", *coding]
    sound = np.clip(mono, -1, 1).astype(np.float32).tobytes()
    done = subprocess.run(command, input=sound, stdout=subprocess.PIPE, check=True)
    return _piped(["-i", "-"], done.stdout, RATE_HZ)


def level(mono: np.ndarray) -> float:
    """Loudness of what sounds: root mean square of the louder half of 50 ms pieces."""
    step = WORK_HZ // 20
    rms = np.sqrt((mono[: len(mono) // step * step].reshape(-1, step) ** 2).mean(axis=1) + 1e-12)
    return float(np.sqrt((rms[rms >= np.median(rms)] ** 2).mean()))


def overlay(mono: np.ndarray, other: np.ndarray, gain_db: float) -> np.ndarray:
    """`mono` with `other`, looped, laid over it so many dB louder; scaled to stay below full scale."""
    laid = np.resize(other, len(mono))
    both = mono + laid * (level(mono) / level(laid) * 10 ** (gain_db / 20))
    return both * min(1.0, 0.95 / float(np.abs(both).max()))


def noisy(mono: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """With noise that falls by 3 dB an octave."""
    white = np.fft.rfft(rng.standard_normal(len(mono)))
    pink = np.fft.irfft(white / np.sqrt(np.arange(len(white)) + 20.0), len(mono))
    return mono + pink * (level(mono) / float(pink.std()) * 10 ** (-snr_db / 20))


def chain(kind: str, speed: float) -> str:
    """ffmpeg's filters that resample by `speed`, change the tempo alone, or the pitch alone."""
    if kind.startswith("resampled"):
        return f"asetrate={round(WORK_HZ * speed)},aresample={WORK_HZ}"
    if kind.startswith("tempo"):
        return f"atempo={speed}"
    if kind.startswith("pitch"):
        return f"asetrate={round(WORK_HZ * speed)},aresample={WORK_HZ},atempo={1 / speed:.6f}"
    return "anull"


def is_music(source: Source) -> bool:
    return bool(re.search(r"duke|hereweare|demo_22|brahms|choice|trumpet|vibe|pistachio", source.name))


def search_queries(
    tracks: Sequence[Source], seed: int, kinds: Sequence[str] = SEARCH_KINDS, seconds: float = 8.0
) -> Iterator[Query]:
    """One query of every kind per track, of `seconds` of it (`short4`: 4 s)."""
    for track in tracks:
        number = int(hashlib.sha256(track.name.encode()).hexdigest()[:8], 16)
        rng = np.random.default_rng([seed, number])
        others = [t for t in tracks if t.group != track.group and t.folder in ("speech", "talking")]
        music = [t for t in tracks if t.group != track.group and is_music(t)] or others
        for kind in kinds:
            yield _search_query(track, kind, seconds, (others, music), rng)


def _search_query(
    track: Source,
    kind: str,
    seconds: float,
    pools: tuple[Sequence[Source], Sequence[Source]],
    rng: np.random.Generator,
) -> Query:
    wanted = 4.0 if kind == "short4" else seconds
    start_s = float(rng.uniform(0, max(0.0, track.seconds - wanted)))
    piece = track.mono[int(start_s * WORK_HZ) : int((start_s + wanted) * WORK_HZ)]
    given = re.search(r"[0-9.]+$", kind)
    number = float(given[0]) if given else float(np.exp(rng.uniform(-0.223, 0.223)))
    speech = pools[0][int(rng.integers(len(pools[0])))]
    music = pools[1][int(rng.integers(len(pools[1])))]
    speed, lead_s = 1.0, 0.0
    laid: tuple[str, ...] = ()
    if kind.startswith("noise"):
        piece = noisy(piece, number, rng)
    elif kind.startswith("voice"):
        piece, laid = overlay(piece, speech.mono, number), (speech.name,)
    elif kind.startswith("music"):
        piece, laid = overlay(piece, music.mono, number), (music.name,)
    elif kind.startswith(("resampled", "tempo")):
        speed = number
    elif kind == "inside":
        cut = int(12 * WORK_HZ)
        piece = np.concatenate([np.resize(speech.mono, cut), piece, np.resize(music.mono, cut)])
        lead_s, laid = 12.0, (speech.name, music.name)
    return Query(kind, track.name, start_s, speed, through_aac(piece, chain(kind, number)), lead_s, laid)


RELATION_KINDS = (
    "aac48", "equalised", "noise20", "resampled0.8", "resampled1.25", "tempo0.8", "tempo1.25", "pitch1.1",
    "voice-6", "voice0", "voice6", "music0", "music6", "replaced", "shifted", "muted",
    "replaced tempo1.25", "voice0 tempo1.25", "replaced resampled0.8", "voice0 resampled0.8",
)  # fmt: skip
"""A stretch in the middle is edited as the first word says; the whole is played as the last word says."""

EQUALISER = "highpass=f=250,lowpass=f=3400,equalizer=f=1000:t=o:w=1:g=6,volume=-8dB"


def relation_queries(
    tracks: Sequence[Source], seed: int, kinds: Sequence[str] = RELATION_KINDS, seconds: float = 12.0
) -> Iterator[Query]:
    """One query of every kind per track, with the true relation of every stretch in `truth`."""
    for track in tracks:
        number = int(hashlib.sha256(track.name.encode()).hexdigest()[:8], 16)
        rng = np.random.default_rng([seed, 1, number])
        others = [t for t in tracks if t.group != track.group and t.folder in ("speech", "talking")]
        music = [t for t in tracks if t.group != track.group and is_music(t)] or others
        for kind in kinds:
            yield _relation_query(track, kind, seconds, (others, music), rng)


def _relation_query(
    track: Source,
    kind: str,
    seconds: float,
    pools: tuple[Sequence[Source], Sequence[Source]],
    rng: np.random.Generator,
) -> Query:
    start_s = float(rng.uniform(0, max(0.0, track.seconds - seconds)))
    piece = track.mono[int(start_s * WORK_HZ) : int((start_s + seconds) * WORK_HZ)].copy()
    total_s = len(piece) / WORK_HZ
    low, high = int(total_s / 3 * WORK_HZ), int(total_s * 2 / 3 * WORK_HZ)
    edit, played = kind.split()[0], kind.split()[-1]
    speech = pools[0][int(rng.integers(len(pools[0])))].mono
    music = pools[1][int(rng.integers(len(pools[1])))].mono
    given = re.search(r"-?[0-9.]+$", edit)
    relation: SoundRelation = "same"
    if edit.startswith(("voice", "music")) and given:
        other = speech if edit.startswith("voice") else music
        piece[low:high] = overlay(piece[low:high], other, float(given[0]))
        relation = "mixed"
    elif edit == "replaced":
        laid = np.resize(speech, high - low)
        piece[low:high] = laid * (level(piece) / level(laid))
        relation = "replaced"
    elif edit == "shifted":
        slide = int(rng.uniform(0.3, 2.0) * rng.choice([-1, 1]) * WORK_HZ)
        piece[low:high] = piece[low + slide : high + slide].copy()
        relation = "shifted"
    elif edit == "muted":
        piece[low:high] = 0
        relation = "muted"
    if edit == "noise20":
        piece = noisy(piece, 20.0, rng)
    ratio = re.search(r"[0-9.]+$", played)
    number = float(ratio[0]) if ratio and played.startswith(("resampled", "tempo", "pitch")) else 1.0
    speed = 1.0 if played.startswith("pitch") else number
    filters = EQUALISER if edit == "equalised" else chain(played, number)
    cuts = [0.0, low / WORK_HZ / speed, high / WORK_HZ / speed, total_s / speed]
    truth: list[tuple[float, float, SoundRelation]] = [
        (cuts[0], cuts[1], "same"), (cuts[1], cuts[2], relation), (cuts[2], cuts[3], "same")
    ]  # fmt: skip
    return Query(kind, track.name, start_s, speed, through_aac(piece, filters), truth=tuple(truth))

"""Material for the sound-join benchmark: real tracks, joins made in them by a seeded hand, codecs.

Clips of the footage go in, some speakers or scenes of it; `Item`s come out, each a track with the times of
the joins that were made in it (none for untouched ones) and of the picture's cuts, as a codec gave it back.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidforensics import acquisition, extraction
from vidforensics.errors import InputError
from vidforensics.flagging.audio_discontinuity import cuts_between
from vidforensics.types import FrameBlock

MAX_S = 60.0
CODECS = {
    "pcm": ("pcm_s16le", "wav", 0),
    "aac96": ("aac", "mp4", 96_000),
    "aac48": ("aac", "mp4", 48_000),
    "mp3": ("mp3", "mp3", 64_000),
}
KINDS = ("insert", "replace", "insert_mid", "jump_pause", "jump_mid", "jump_mid_fade")
"""Other-source speech at a pause, in place of a stretch, in mid-speech; same-recording cuts."""

TALK = ("talking", "speech")
FOLDERS = ("animation", "generated", "scenes", "sound", "speech", "talking")
FADE_S = 0.005


@dataclass(frozen=True)
class Source:
    """One decoded track of the footage; cuts_s are the picture's, on the track's clock."""

    name: str
    corpus: str
    group: str
    folder: str
    rate: int
    samples: np.ndarray
    cuts_s: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Item:
    """One track to be examined: where it was cut, the other source's corpus, the picture's cuts."""

    name: str
    kind: str
    codec: str
    source: Source
    start_s: float
    samples: np.ndarray
    joins: tuple[float, ...] = ()
    donor: str = ""
    cuts_s: tuple[float, ...] = ()


def rows(footage: Path) -> list[dict[str, str]]:
    with (footage / "MANIFEST.csv").open(encoding="utf-8") as file:
        return [r for r in csv.DictReader(file) if r["has_sound"] == "1"]


def sources(footage: Path, wanted: Callable[[str], bool], least_s: float = 3.0) -> Iterator[Source]:
    """Every track that is long enough, of the wanted speakers and scenes."""
    for row in rows(footage):
        name, group = row["file"], row["speaker_or_scene_id"]
        if not wanted(group):
            continue
        try:
            rate, samples, first_s = decoded(footage / name)
        except (av.error.FFmpegError, IndexError):
            continue
        if len(samples) >= least_s * rate:
            folder, leaf = name.split("/", 1)
            corpus = re.split(r"[_\-0-9.]", leaf)[0]
            cuts_s = tuple(t - first_s for t in picture_cuts_s(footage / name)) if row["width"] else ()
            yield Source(name, corpus, group, folder, rate, samples[: int(MAX_S * rate)], cuts_s)


def picture_cuts_s(path: Path) -> tuple[float, ...]:
    """Where the picture changes, as the detector is told in use; () where it cannot be read."""
    shots = extraction.ShotAccumulator()
    try:
        decoder = extraction.Decoder(path, acquisition.probe(path), extraction.DecodeOptions(sound=False))
        with decoder as blocks:
            for block in blocks:
                if isinstance(block, FrameBlock):
                    shots.update(block)
    except InputError:
        return ()
    return tuple(cuts_between(shots.finish()).tolist())


def decoded(file: Path | io.BytesIO) -> tuple[int, np.ndarray, float]:
    """Rate, float32 (n, at most 2 channels), presentation time of the first sample."""
    pieces, first, rate = [], None, 0
    with av.open(file if isinstance(file, io.BytesIO) else str(file), metadata_errors="replace") as container:
        stream = container.streams.audio[0]
        convert = av.AudioResampler(format="fltp")
        for frame in container.decode(stream):
            if first is None and frame.pts is not None:
                first = float(frame.pts * frame.time_base)
            for out in convert.resample(frame):
                pieces.append(out.to_ndarray()[:2].T)
                rate = out.sample_rate
    if not pieces:
        return 48_000, np.zeros((0, 1), np.float32), 0.0
    return rate, np.concatenate(pieces).astype(np.float32), first or 0.0


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    ratio = Fraction(wanted, rate)
    return resample_poly(samples, ratio.numerator, ratio.denominator, axis=0).astype(np.float32)


def coded(samples: np.ndarray, rate: int, codec: str) -> tuple[float, np.ndarray]:
    """The track as the codec gives it back, and the time of its first sample."""
    return coded_as(samples, rate, *CODECS[codec])


def coded_as(
    samples: np.ndarray, rate: int, name: str, container_format: str, bit_rate: int
) -> tuple[float, np.ndarray]:
    """The same of any encoder of libav; a bit rate of 0 leaves it to the encoder."""
    buffer = io.BytesIO()
    layout = "stereo" if samples.shape[1] == 2 else "mono"
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(name, rate=rate, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        planar = np.ascontiguousarray(np.clip(samples, -1, 1).T.astype(np.float32))
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    buffer.seek(0)
    _, back, start_s = decoded(buffer)
    return start_s, back


def made(host: Source, donors: list[Source], kind: str, rng: np.random.Generator) -> Item | None:
    """The host with one edit of that kind, before any codec; None where no place for it was found."""
    mono = host.samples.mean(axis=1)
    places = pauses(mono, host.rate) if kind in ("insert", "replace", "jump_pause") else loud(mono, host.rate)
    margin = int(1.5 * host.rate)
    places = places[(places > margin) & (places < len(mono) - margin)]
    if not len(places):
        return None
    at = int(rng.choice(places))
    if kind.startswith("jump"):
        return _jump(host, at, places, kind, rng)
    donor = donors[int(rng.integers(len(donors)))]
    piece = piece_of(donor, host, rng)
    if piece is None:
        return None
    after = at
    if kind == "replace":
        later = places[(places > at + 0.7 * len(piece)) & (places < at + 1.5 * len(piece))]
        if not len(later):
            return None
        after = int(later[np.argmin(np.abs(later - at - len(piece)))])
    samples = np.concatenate([host.samples[:at], piece, host.samples[after:]])
    joins = (at / host.rate, (at + len(piece)) / host.rate)
    cuts_s = _moved(host, at, after, len(piece))
    return Item(host.name, kind, "none", host, 0.0, samples, joins, donor.corpus, cuts_s)


def _moved(host: Source, at: int, after: int, length: int) -> tuple[float, ...]:
    """The picture's cuts where samples [at, after) gave way to `length` others; a cut in between is gone."""
    start_s, end_s, moved_s = at / host.rate, after / host.rate, (at + length - after) / host.rate
    return tuple(t if t < start_s else t + moved_s for t in host.cuts_s if t < start_s or t >= end_s)


def _jump(host: Source, at: int, places: np.ndarray, kind: str, rng: np.random.Generator) -> Item | None:
    after = places[(places > at + host.rate) & (places < at + 5 * host.rate)]
    if not len(after):
        return None
    to = int(rng.choice(after))
    left, right = host.samples[:at], host.samples[to:]
    if kind == "jump_mid_fade":
        fade = int(FADE_S * host.rate)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)[:, None]
        middle = left[-fade:] * (1 - ramp) + right[:fade] * ramp
        left, right = left[:-fade], np.concatenate([middle, right[fade:]])
    joined, cuts_s = np.concatenate([left, right]), _moved(host, at, to, 0)
    return Item(host.name, kind, "none", host, 0.0, joined, (at / host.rate,), cuts_s=cuts_s)


def piece_of(donor: Source, host: Source, rng: np.random.Generator) -> np.ndarray | None:
    """1.5 to 4 s of the donor from pause to pause, at the host's rate, channels and speech level."""
    mono = donor.samples.mean(axis=1)
    places = pauses(mono, donor.rate)
    pairs = [(a, b) for a in places for b in places if 1.5 <= (b - a) / donor.rate <= 4.0]
    if not pairs:
        return None
    a, b = pairs[int(rng.integers(len(pairs)))]
    piece = resampled(donor.samples[a:b], donor.rate, host.rate)
    piece = (
        piece[:, : host.samples.shape[1]] if host.samples.shape[1] == 2 else piece.mean(axis=1, keepdims=True)
    )
    if piece.shape[1] < host.samples.shape[1]:
        piece = np.repeat(piece, host.samples.shape[1], axis=1)
    gain = _speech_level(host.samples.mean(axis=1), host.rate) / _speech_level(piece.mean(axis=1), host.rate)
    return np.clip(piece * np.float32(np.clip(gain, 0.02, 50.0)), -1, 1)


def _rms(mono: np.ndarray, rate: int, step_s: float) -> np.ndarray:
    step = int(step_s * rate)
    count = len(mono) // step
    return np.sqrt(np.mean(mono[: count * step].reshape(count, step) ** 2, axis=1) + 1e-12)


def floor_of(mono: np.ndarray, rate: int) -> float:
    """Level of the quietest twentieth of a track."""
    return float(np.quantile(_rms(mono, rate, 0.05), 0.05)) + 1e-6


def _speech_level(mono: np.ndarray, rate: int) -> float:
    return float(np.quantile(_rms(mono, rate, 0.05), 0.8)) + 1e-6


def pauses(mono: np.ndarray, rate: int) -> np.ndarray:
    """Samples in the middle of 60 ms that are among the quietest fifth and the quietest nearby."""
    level = _rms(mono, rate, 0.02)
    smooth = np.convolve(level, np.ones(3) / 3, "same")
    quiet = smooth <= np.quantile(smooth, 0.2)
    least = np.array([smooth[i] <= smooth[max(0, i - 5) : i + 6].min() for i in range(len(smooth))])
    return ((np.flatnonzero(quiet & least) + 0.5) * 0.02 * rate).astype(np.int64)


def loud(mono: np.ndarray, rate: int) -> np.ndarray:
    """Samples within speech: 20 ms above the middle level."""
    level = _rms(mono, rate, 0.02)
    return ((np.flatnonzero(level > np.quantile(level, 0.6)) + 0.37) * 0.02 * rate).astype(np.int64)


def through(item: Item, codec: str) -> Item:
    """The item as that codec gives it back."""
    start_s, samples = coded(item.samples, item.source.rate, codec)
    return replace(item, codec=codec, start_s=start_s, samples=samples)

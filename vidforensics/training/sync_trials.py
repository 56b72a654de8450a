"""Forge stretches of talking footage and measure what a network says of them.

A stretch whose face and sound belong together goes in; trials come out: as it is, with another person's
voice, with a voice from elsewhere, with a synthesised one, and slid by a second and more. The sound's levels
are exchanged, as loud as the ones they replace, so that training and figures need no new encoding; `evaluate
flag` measures files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from vidforensics.flagging.sync_input import RATE_HZ, FaceStretch

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array

Kind = Literal["own", "other speaker", "voice", "synthesised", "slid"]
FORGED: tuple[Kind, ...] = ("other speaker", "voice", "synthesised", "slid")
LEAST_SLIDE_S = 1.0

Pools: TypeAlias = "Mapping[Kind, Sequence[Float32Array]]"
"""Levels float32 (n, 4, 34) that each kind takes its sound from; "slid" takes its own."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A stretch of face that is in sync, whose clip and speaker it is, and the corpus they are from."""

    clip: str
    speaker: str
    corpus: str
    stretch: FaceStretch


@dataclass(frozen=True, slots=True)
class Trial:
    """A stretch, forged or not; [start, end) in steps is where its sound does not belong, equal for "own"."""

    talk: Talk
    kind: Kind
    stretch: FaceStretch
    start: int = 0
    end: int = 0


def trials(
    talk: Talk,
    pools: Pools,
    rng: np.random.Generator,
    part_s: tuple[float, float] | None = None,
) -> Iterator[Trial]:
    """The stretch as it is, then one forgery of each kind that the material allows.

    Args:
        talk: the stretch.
        pools: sounds of other people who are filmed as they speak, of voices without a picture, and of
            synthesised ones.
        rng: of every choice.
        part_s: shortest and longest forged part; None forges the whole stretch.
    """
    yield Trial(talk, "own", talk.stretch)
    count = len(talk.stretch)
    start, end = 0, count
    if part_s is not None:
        longest = min(part_s[1], count / RATE_HZ - 2.0)
        if longest < part_s[0]:
            return
        length = round(rng.uniform(part_s[0], longest) * RATE_HZ)
        start = int(rng.integers(0, count - length + 1))
        end = start + length
    for kind in FORGED:
        sound = _sound(kind, talk.stretch, pools, (start, end), rng)
        if sound is not None:
            yield Trial(talk, kind, _revoiced(talk.stretch, sound, start, end), start, end)


def _sound(
    kind: Kind,
    stretch: FaceStretch,
    pools: Pools,
    part: tuple[int, int],
    rng: np.random.Generator,
) -> Float32Array | None:
    """Levels for the part, (end − start, 4, 34); None where none are long enough."""
    start, end = part
    if kind == "slid":
        least = round(LEAST_SLIDE_S * RATE_HZ)
        shifts = [s for s in range(-len(stretch), len(stretch)) if abs(s) >= least]
        fitting = [s for s in shifts if start + s >= 0 and end + s <= len(stretch)]
        if fitting:
            shift = int(rng.choice(fitting))
            return stretch.levels[start + shift : end + shift]
        if len(stretch) < 2 * least:
            return None
        return np.roll(stretch.levels, int(rng.integers(least, len(stretch) - least + 1)), axis=0)[start:end]
    pool = [levels for levels in pools.get(kind, ()) if len(levels) >= end - start]
    if not pool:
        return None
    levels = pool[int(rng.integers(len(pool)))]
    at = int(rng.integers(0, len(levels) - (end - start) + 1))
    return levels[at : at + end - start]


def _revoiced(stretch: FaceStretch, sound: Float32Array, start: int, end: int) -> FaceStretch:
    levels = stretch.levels.copy()
    gain = _loudness(levels) - _loudness(sound)
    levels[start:end] = np.maximum(sound + gain, levels.min())
    return replace(stretch, levels=levels)


def _loudness(levels: Float32Array) -> float:
    """Level of the louder moments, dB."""
    return float(np.percentile(levels.max(axis=2), 80))

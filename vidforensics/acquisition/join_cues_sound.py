"""Join cues from sound: a break in its time, its encoder's marks, or its coding, where a key frame lies.

Facts and the cues of the pictures go in, cues come out. Sound alone does not say at which picture two streams
meet, so a break strengthens the likeliest key frame near it: the one that other cues name, or the only one.
Source: ISO/IEC 14496-12 (sample times); libavcodec's AAC encoder signs packet 0 and every 256th after it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.acquisition.bitstream_facts import SoundFacts, StreamFacts
from vidforensics.acquisition.join_cues_rules import RawCue, clock_text

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

_IDENT_EVERY = 256
_MAX_IRREGULAR = 0.02
_NEAR_S = 1.0
_NAMED = 0.9
_BLOCK_CODECS = ("aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3", "opus", "libopus")


@dataclass(frozen=True, slots=True)
class _Break:
    """A break somewhere in [earliest_s, latest_s], worth `alone` if one key frame only lies there."""

    cue: str
    earliest_s: float
    latest_s: float
    alone: float
    supporting: float
    sentence: str


def sound_cues(facts: StreamFacts, others: list[RawCue]) -> list[RawCue]:
    """Breaks of the sound streams, each at the entry point of the pictures that explains it best.

    Args:
        facts: of one demux pass.
        others: the cues of the pictures, which name entry points.
    """
    named = np.zeros(len(facts.starts))
    for cue in others:
        named[cue.gop] += cue.weight
    found: list[RawCue] = []
    for sound in facts.sounds:
        if len(sound.pts_s) <= 4:
            continue
        for event in (*_steps(facts, sound), *_idents(sound), *_codings(sound)):
            placed = _placed(facts, event, named)
            if placed is not None:
                named[placed.gop] += placed.weight
                found.append(placed)
    return found


def _placed(facts: StreamFacts, event: _Break, named: FloatArray) -> RawCue | None:
    times = facts.first_pts_s
    inside = np.flatnonzero((times >= event.earliest_s) & (times <= event.latest_s))
    inside = inside[inside > 0]
    wide = np.flatnonzero((times >= event.earliest_s - _NEAR_S) & (times <= event.latest_s + _NEAR_S))
    wide = wide[wide > 0]
    for group in (inside, wide):
        if len(group) and named[group].max() >= _NAMED:
            gop = int(group[np.argmax(named[group])])
            return RawCue(gop, event.cue, event.supporting, event.sentence)
    if not len(inside):
        return None
    weight = event.alone - math.log10(len(inside))
    return RawCue(int(inside[0]), event.cue, weight, event.sentence) if weight > 0 else None


def _steps(facts: StreamFacts, sound: SoundFacts) -> Iterator[_Break]:
    """Gaps and overlaps between packets of a stream whose packets all have one length."""
    if sound.codec not in _BLOCK_CODECS:
        return
    steps = np.diff(sound.pts_s)
    usual = float(np.nanmedian(steps))
    off = np.abs(steps - usual) > max(0.0015, 1.01 * sound.tick_s)
    off[:2] = False
    off[-1] = False
    if np.count_nonzero(off) > max(3.0, _MAX_IRREGULAR * len(steps)):
        return
    margin_s = usual + 0.01
    for index in np.flatnonzero(off).tolist():
        ends, begins = float(sound.pts_s[index]) + usual, float(sound.pts_s[index + 1])
        what = "a gap" if begins > ends else "an overlap"
        size_ms = abs(begins - ends) * 1e3
        text = f"Sound stream {sound.index} has {what} of {size_ms:.1f} ms at {clock_text(begins)}."
        alone = 1.0 + _rarity(facts, margin_s)
        yield _Break(
            "sound_break", min(ends, begins) - margin_s, max(ends, begins) + margin_s, alone, 1.5, text
        )


def _rarity(facts: StreamFacts, margin_s: float) -> float:
    """log10 of how seldom a moment lies within the margin of a key frame, at most 1.3."""
    span_s = float(facts.first_pts_s[-1] - facts.first_pts_s[0])
    share = 2 * margin_s * len(facts.starts) / span_s if span_s > 0 else 1.0
    return min(1.3, max(0.0, -math.log10(min(1.0, max(share, 1e-6)))))


def _idents(sound: SoundFacts) -> Iterator[_Break]:
    """Signatures out of the count that the encoder keeps, and signatures that should have come."""
    for before, after in signature_breaks([p for p, _ in sound.idents], len(sound.pts_s), _counts(sound)):
        start_s, end_s = float(sound.pts_s[before]), float(sound.pts_s[after])
        text = (
            f"Between {clock_text(start_s)} and {clock_text(end_s)} the sound encoder's count of packets "
            "from one signature to the next is broken."
        )
        yield _Break("sound_count_break", start_s - 0.1, end_s + 0.1, 1.5, 2.0, text)


def _counts(sound: SoundFacts) -> bool:
    return all(text.startswith("Lavc") for _, text in sound.idents)


def signature_breaks(signed: list[int], count: int, every_256: bool) -> list[tuple[int, int]]:
    """Between which packets the rhythm of signatures breaks.

    Args:
        signed: packets that carry a signature, ascending.
        count: packets of the stream.
        every_256: the encoder signs every 256th packet (libavcodec), not only its first (libfaac).

    Returns:
        (last packet of the old rhythm, first packet that breaks it), in order; [] for one rhythm.
    """
    if not signed:
        return []
    if not every_256:
        return [(packet - 1, packet) for packet in signed if packet > 0]
    breaks = []
    if signed[0] >= _IDENT_EVERY:
        breaks.append((signed[0] % _IDENT_EVERY, signed[0]))
    for before, after in itertools.pairwise(signed):
        if after - before != _IDENT_EVERY:
            breaks.append((before, after))
    if count > signed[-1] + _IDENT_EVERY:
        breaks.append((signed[-1], signed[-1] + _IDENT_EVERY))
    return breaks


def _codings(sound: SoundFacts) -> Iterator[_Break]:
    """Packets that the coding rules do not allow after the one before, where that happens seldom."""
    if len(sound.breaks) > 2:
        return
    for packet in sound.breaks:
        time_s = float(sound.pts_s[packet])
        text = f"The sound packet at {clock_text(time_s)} does not follow from the one before it."
        yield _Break("sound_coding_break", time_s - 0.1, time_s + 0.1, 1.0, 1.0, text)

"""Join cues from time: a picture step out of cadence at a key frame, and sound that breaks at the same place.

Facts go in, cues come out. Joining files puts the second one where the first one ends, which is after a
whole number of frames of sound or of pictures, seldom of both. Sound encoders leave marks of their own.
Source: ISO/IEC 14496-12 (sample times); libavcodec's AAC encoder signs packet 0 and every 256th after it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.acquisition.bitstream_facts import SoundFacts, StreamFacts
from vidforensics.acquisition.join_cues_rules import RawCue, clock_text, gop_lengths

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

_IDENT_EVERY = 256
_SOUND_NEAR_S = 0.3
_MAX_IRREGULAR = 0.02
_BLOCK_CODECS = ("aac", "mp3", "mp3float", "mp2", "ac3", "eac3", "opus", "libopus")


def time_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """Steps out of cadence exactly at a key frame, in a stream that keeps its cadence elsewhere."""
    if not np.isfinite(facts.frame_s) or facts.frame_s <= 0 or len(facts.starts) < 2:
        return
    steps = _border_steps(facts)
    off_inside = _inside_irregular(facts)
    if off_inside > _MAX_IRREGULAR:
        return
    decode_steps = facts.dts_s[facts.starts[1:]] - facts.dts_s[facts.starts[1:] - 1]
    off = ~_regular(steps, facts) & np.isfinite(steps)
    decode_off = ~_regular(decode_steps, facts) & np.isfinite(decode_steps)
    if np.count_nonzero(off | decode_off) > max(3.0, 0.2 * len(steps)):
        return
    for index in np.flatnonzero(off | decode_off).tolist():
        step = float(steps[index] if off[index] else decode_steps[index])
        yield RawCue(index + 1, "cadence_break", _step_weight(step, facts), _step_sentence(step, facts))


def _tolerance_s(facts: StreamFacts) -> float:
    return max(0.0004, (1.01 if facts.tick_s < 0.0009 else 2.01) * facts.tick_s)


def _regular(steps: FloatArray, facts: StreamFacts) -> BoolArray:
    regular: BoolArray = np.abs(steps - facts.frame_s) <= _tolerance_s(facts)
    return regular


def _border_steps(facts: StreamFacts) -> FloatArray:
    """From the last displayed picture before each entry point to the first after it, s, shape (K − 1,)."""
    filled = np.where(np.isnan(facts.pts_s), -np.inf, facts.pts_s)
    last = np.maximum.reduceat(filled, facts.starts)
    steps: FloatArray = facts.first_pts_s[1:] - last[:-1]
    return steps


def _inside_irregular(facts: StreamFacts) -> float:
    """Share of picture steps that are out of cadence inside GOPs."""
    gop = np.repeat(np.arange(len(facts.starts)), gop_lengths(facts))
    pts = facts.pts_s[facts.starts[0] :]
    known = np.isfinite(pts)
    order = np.lexsort((pts[known], gop[known]))
    sorted_pts, sorted_gop = pts[known][order], gop[known][order]
    inside = np.diff(sorted_gop) == 0
    steps = np.diff(sorted_pts)[inside]
    return float(np.mean(~_regular(steps, facts))) if len(steps) else 1.0


def _step_weight(step: float, facts: StreamFacts) -> float:
    if step <= 0:
        return 2.5
    whole = step / facts.frame_s
    is_whole = abs(whole - round(whole)) * facts.frame_s <= _tolerance_s(facts) * 1.5
    return 1.0 if is_whole else 2.0


def _step_sentence(step: float, facts: StreamFacts) -> str:
    usual = f"{facts.frame_s * 1e3:.2f} ms"
    return f"The picture before this key frame lasts {step * 1e3:.2f} ms, where pictures last {usual}."


def sound_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """Breaks of a sound stream at or around an entry point of the picture stream."""
    for sound in facts.sounds:
        if len(sound.pts_s) > 4:
            yield from _sound_step_cues(facts, sound)
            yield from _sound_ident_cues(facts, sound)
            yield from _sound_window_cues(facts, sound)


def _nearest_gop(facts: StreamFacts, time_s: float) -> int:
    """The entry point nearest to a time; 0, which no cue may have, if none is near."""
    distance = np.abs(facts.first_pts_s - time_s)
    if not np.isfinite(distance).any():
        return 0
    gop = int(np.nanargmin(distance))
    return gop if distance[gop] <= _SOUND_NEAR_S else 0


def _sound_step_cues(facts: StreamFacts, sound: SoundFacts) -> Iterator[RawCue]:
    if sound.codec not in _BLOCK_CODECS:
        return
    steps = np.diff(sound.pts_s)
    usual = float(np.nanmedian(steps))
    off = np.abs(steps - usual) > max(0.0015, 1.01 * sound.tick_s)
    off[:2] = False
    off[-1] = False
    if np.count_nonzero(off) > max(3.0, _MAX_IRREGULAR * len(steps)):
        return
    for index in np.flatnonzero(off).tolist():
        time_s = float(sound.pts_s[index + 1])
        gop = _nearest_gop(facts, time_s)
        if gop:
            what = "a gap" if steps[index] > usual else "an overlap"
            size = abs(steps[index] - usual) * 1e3
            text = f"Sound stream {sound.index} has {what} of {size:.1f} ms at {clock_text(time_s)}."
            yield RawCue(gop, "sound_break", 1.5, text)


def _sound_ident_cues(facts: StreamFacts, sound: SoundFacts) -> Iterator[RawCue]:
    packets = [packet for packet, _ in sound.idents]
    for before, after in itertools.pairwise(packets):
        if (after - before) % _IDENT_EVERY == 0:
            continue
        gop = _nearest_gop(facts, float(sound.pts_s[after]))
        if gop:
            text = f"The sound encoder of stream {sound.index} signs anew, {after - before} packets after it did last."
            yield RawCue(gop, "sound_encoder_restart", 2.5, text)
            continue
        inside = np.flatnonzero(
            (facts.first_pts_s > sound.pts_s[before] - 0.1) & (facts.first_pts_s < sound.pts_s[after] + 0.1)
        )
        for found in inside[inside > 0].tolist():
            text = (
                f"Between {clock_text(sound.pts_s[before])} and {clock_text(sound.pts_s[after])} the sound "
                f"encoder's count of {_IDENT_EVERY} packets between signatures is broken ({after - before})."
            )
            yield RawCue(found, "sound_count_break", 2.0 - float(np.log10(len(inside))), text)


def _sound_window_cues(facts: StreamFacts, sound: SoundFacts) -> Iterator[RawCue]:
    if not 0 < len(sound.breaks) <= 2:
        return
    for packet in sound.breaks:
        gop = _nearest_gop(facts, float(sound.pts_s[packet]))
        if gop:
            text = f"A packet of sound stream {sound.index} does not follow from the one before it here."
            yield RawCue(gop, "sound_coding_break", 1.0, text)

"""How much the voice and the room change at every moment of a track: two score tracks that flag nothing.

Steps and voices go in; per 0.4 s the distance between up to 5 s before and behind comes out, within a shot.
They are for whoever reads a report: a voice that changes while the same face speaks, a room that changes
without a cut. Alone neither is a sign of forgery, so they have no threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.audio_discontinuity_steps import Steps
from vidforensics.flagging.audio_discontinuity_stretches import GRID_STEPS
from vidforensics.flagging.audio_discontinuity_voices import VoiceSums
from vidforensics.types import ScoreTrack

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray

REACH_S = 5.0
LEAST_S = 1.6
QUIET = 0.15
"""The level that so much of a stretch does not pass is its room and noise, not its speech."""

MOST_TIMES = 20_000
ROOM_CHANGE, VOICE_CHANGE = "room before against behind", "voice before against behind"


def change_tracks(
    name: str, steps: Steps, voices: VoiceSums | None, cuts_s: FloatArray
) -> tuple[ScoreTrack, ...]:
    """The track of the room, and where voices are told apart that of the voice; () for less than 3.2 s.

    Args:
        name: of the detector.
        steps: T steps of one track.
        voices: of the same track.
        cuts_s: times of picture cuts, ascending.
    """
    stride = GRID_STEPS * max(1, len(steps.levels) // (GRID_STEPS * MOST_TIMES))
    at = np.arange(0, len(steps.levels), stride)
    times_s = steps.times_s[at]
    inside_s = np.clip(cuts_s, steps.times_s[0], steps.times_s[-1])  # the picture may go on without sound
    borders_s = np.concatenate([steps.times_s[:1], inside_s, steps.times_s[-1:]])
    from_s = np.maximum(times_s - REACH_S, borders_s[np.searchsorted(cuts_s, times_s, side="right")])
    to_s = np.minimum(times_s + REACH_S, borders_s[np.searchsorted(cuts_s, times_s, side="right") + 1])
    fits = (times_s - from_s >= LEAST_S) & (to_s - times_s >= LEAST_S)
    if not fits.any():
        return ()
    room = np.full(len(at), np.nan)
    first, last = (np.searchsorted(steps.times_s, t[fits]) for t in (from_s, to_s))
    room[fits] = _room_change(steps, at[fits], first, last)
    tracks = [ScoreTrack(name, ROOM_CHANGE, "dB", times_s, room, float("nan"))]
    if voices is not None and len(voices.starts_s):
        change = voices.change(times_s, from_s, to_s)
        change[~fits] = np.nan
        tracks.append(ScoreTrack(name, VOICE_CHANGE, "1 − cosine", times_s, change, float("nan")))
    return tuple(tracks)


def _room_change(steps: Steps, at: IntArray, first: IntArray, last: IntArray) -> FloatArray:
    """Mean over the bands of how far the quiet levels of [first, at) and [at, last) are apart, dB.

    NaN where timestamps jump back, so that nothing lies between.
    """
    last = np.minimum(last, len(steps.levels))
    change = [
        np.abs(_quiet(steps.levels[a:m]) - _quiet(steps.levels[m:b])).mean() if a < m < b else np.nan
        for a, m, b in zip(first, at, last, strict=True)
    ]
    return np.array(change, np.float64)


def _quiet(levels: Float32Array) -> Float32Array:
    place = int(QUIET * (len(levels) - 1))
    quiet: Float32Array = np.partition(levels, place, axis=0)[place]
    return quiet

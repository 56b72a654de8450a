"""Frames of a clip shot by shot, for detectors that compare a frame with its neighbours in the same shot.

Shots and frame times go in, index ranges come out. Frames inside a gradual transition belong to no range,
because every frame of a fade or dissolve differs from the next by design.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.binarise import runs_of
from vidforensics.flagging.coverage import Gap
from vidforensics.types import Evidence, FrameSeries, Shot

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

SAME_SCENE, SAME_BRIGHTNESS, SAME_SHARPNESS = 1.05, 15.0, 1.8
"""Share of the contrast, luma levels and ratio up to which both sides of a jump count as one scene."""


def shot_ranges(times_s: FloatArray, shots: Sequence[Shot]) -> tuple[tuple[int, int], ...]:
    """Index ranges (first, one past last) of the frames of each shot.

    Args:
        times_s: float64 (N,), not decreasing, s.
        shots: in order; none means that the clip is one shot.

    Returns:
        One range per shot that has a frame; () for no frame.
    """
    if not shots:
        return ((0, len(times_s)),) if len(times_s) else ()
    ranges = []
    earliest_s = -np.inf
    for shot in shots:
        is_last = shot is shots[-1]
        until_s = shot.end_s if shot.transition_start_s is None else min(shot.end_s, shot.transition_start_s)
        first = int(np.searchsorted(times_s, max(shot.start_s, earliest_s) - 1e-6))
        last = len(times_s) if is_last else int(np.searchsorted(times_s, until_s - 1e-6))
        if first < last:
            ranges.append((first, last))
        earliest_s = shot.transition_end_s if shot.transition_end_s is not None else -np.inf
    return tuple(ranges)


def recordings(series: FrameSeries, shots: Sequence[Shot]) -> tuple[tuple[int, int], ...]:
    """Ranges of `shot_ranges`, joined where a cut has the same scene on both sides.

    A freeze that ends and frames that are missing make the picture jump, and a shot detector rightly reports
    a jump; for the detectors here it lies inside one recording.
    """
    cuts = {s.end_s for s in shots if s.transition == "cut"}
    joined: list[tuple[int, int]] = []
    for first, last in shot_ranges(series.times_s, shots):
        meets = bool(joined) and joined[-1][1] == first
        if meets and _near_any(float(series.times_s[first]), cuts) and is_same_scene(series, first):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def is_same_scene(series: FrameSeries, at: int) -> bool:
    """Whether the jump into frame `at` leaves the scene the same: most of its contrast stays in place.

    Two unrelated pictures differ by 1.4 times their contrast, the root of 2; a jump in one scene by less.
    """
    values = series.values
    if "shift_left" not in values or not 0 < at < len(series.times_s):
        return False
    sharp, bright = values["sharpness"], values["brightness"]
    alike = abs(bright[at] - bright[at - 1]) <= SAME_BRIGHTNESS
    alike &= max(sharp[at], sharp[at - 1]) <= SAME_SHARPNESS * max(min(sharp[at], sharp[at - 1]), 0.1)
    return bool(values["shift_left"][at] < SAME_SCENE and alike)  # NaN, no jump measured, is False


def _near_any(time_s: float, others: set[float]) -> bool:
    return any(abs(time_s - other) < 1e-3 for other in others)


def reason_not_to_look(evidence: Evidence, least_frames: int) -> str | None:
    """Why nothing can be said about the frames of this clip, or None."""
    times_s = evidence.features.frames.times_s
    if not len(times_s):
        return "no picture"
    if len(times_s) < least_frames:
        return f"fewer than {least_frames} frames"
    if bool((np.diff(times_s) < 0).any()) or times_s[0] < 0:
        return "the picture's timestamps jump back"
    if not evidence.features.frames.values:
        return "the frames were not measured"
    return None


def quiet_gaps(evidence: Evidence, least_change: float, reason: str) -> list[Gap]:
    """Stretches of at least a second in which no cell changes by `least_change` luma levels per frame."""
    from scipy.ndimage import median_filter

    times_s = evidence.features.frames.times_s
    change = np.nan_to_num(evidence.features.frames.values["difference_max"])
    quiet = median_filter(change, size=15, mode="nearest") < least_change
    spans = [(float(times_s[a]), float(times_s[min(b, len(times_s) - 1)])) for a, b in runs_of(quiet)]
    return [(start_s, end_s, reason) for start_s, end_s in spans if end_s - start_s >= 1.0]


def pictureless_gaps(evidence: Evidence) -> list[Gap]:
    """What lies before the first and after the last frame, where that is longer than a second."""
    times_s = evidence.features.frames.times_s
    last_s = float(times_s[-1]) + float(np.median(np.diff(times_s)))
    gaps: list[Gap] = []
    if times_s[0] > 1.0:
        gaps.append((0.0, float(times_s[0]), "no picture"))
    if evidence.duration_s - last_s > 1.0:
        gaps.append((last_s, evidence.duration_s, "no picture"))
    return gaps

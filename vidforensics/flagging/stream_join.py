"""Where coded streams were joined without re-encoding.

The cues that `acquisition.bitstream` found at packets go in; one instant per join comes out. Cues that name
the same packet add up: each weight stands for a log10 likelihood ratio, counted as independent; what the
sum is worth is bounded by the untouched footage it was tried on (calibration.json).
Source: the constraints of ITU-T H.264 and H.265 on one coded video sequence; see docs/bitstream.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.calibration import calibrated
from vidforensics.flagging.coverage import not_assessed, tile
from vidforensics.types import Detection, Evidence, JoinCue, Label, ScoreTrack, Segment

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

THRESHOLD = 2.0
MAX_WEIGHT = 6.0
MAX_SEGMENTS = 1000
LEAST_GAP_S = 0.5
"""Sound commonly starts or ends a little apart from the picture; that is no gap in what was looked at."""
_NEAR = 9


class StreamJoinDetector:
    """Flags the points where coded streams meet; needs packets and headers, no decoded picture."""

    name = "stream_join"
    label: Label = "stream_join"

    def detect(self, evidence: Evidence) -> Detection:
        """One segment per join: it ends at the first frame after the join and starts one frame before.

        Args:
            evidence: only the coded stream and the probe are looked at.

        Returns:
            Score track of summed cue weights over the stream's entry points, segments, coverage.
        """
        bitstream = evidence.bitstream
        times = np.sort(bitstream.packets.pts_s[np.isfinite(bitstream.packets.pts_s)])
        if not len(times):
            reason = bitstream.not_read or "the picture stream has no time stamps"
            return Detection(self.name, (), (), not_assessed(self.name, evidence.duration_s, reason))
        joins = _by_packet(bitstream.join_cues)
        segments = tuple(self._segment(cues, times) for cues in joins[:MAX_SEGMENTS])
        coverage = tile(self.name, evidence.duration_s, _without_packets(times, evidence.duration_s))
        return Detection(self.name, (self._track(evidence, joins),), segments, coverage)

    def _segment(self, cues: tuple[JoinCue, ...], times: FloatArray) -> Segment:
        weight = total_weight(cues)
        end_s = cues[0].time_s
        basis = " ".join(cue.sentence for cue in cues[:4])
        start_s = instant_before(times, end_s)
        score, log10_lr = calibrated(self.name, weight)
        return Segment(start_s, end_s, self.label, score, log10_lr, self.name, basis, weight >= THRESHOLD)

    def _track(self, evidence: Evidence, joins: list[tuple[JoinCue, ...]]) -> ScoreTrack:
        packets = evidence.bitstream.packets
        keys = packets.pts_s[packets.is_key & np.isfinite(packets.pts_s)]
        found = {cues[0].time_s: total_weight(cues) for cues in joins}
        times = np.array(sorted({*keys.tolist(), *found}))
        scores = np.array([found.get(time_s, 0.0) for time_s in times.tolist()])
        return ScoreTrack(self.name, "evidence of a join", "summed weight of cues", times, scores, THRESHOLD)


def _without_packets(times: FloatArray, duration_s: float) -> list[tuple[float, float, str]]:
    """What lies before the first coded picture and after the last, as a cut-off file has it."""
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    first_s, end_s = max(0.0, float(times[0])), float(times[-1]) + step_s
    gaps = [(0.0, first_s), (end_s, duration_s)]
    return [(start, end, "no coded picture") for start, end in gaps if end - start > LEAST_GAP_S]


def total_weight(cues: tuple[JoinCue, ...]) -> float:
    """Sum of the cues' weights, between 0 and `MAX_WEIGHT`."""
    return min(MAX_WEIGHT, max(0.0, sum(cue.weight for cue in cues)))


def instant_before(times: FloatArray, end_s: float) -> float:
    """Time of the frame displayed before `end_s`, but at most one frame step of either stream earlier.

    Args:
        times: presentation times of all frames, shape (N,), ascending.
        end_s: time of the first frame after the join.
    """
    at = int(np.searchsorted(times, end_s - 1e-9))
    if at == 0:
        return end_s
    steps = [_step(times[max(0, at - _NEAR) : at]), _step(times[at : at + _NEAR])]
    known = [step for step in steps if step > 0]
    return max(float(times[at - 1]), end_s - min(known)) if known else float(times[at - 1])


def _step(times: FloatArray) -> float:
    """Median step between distinct times; 0 for fewer than two."""
    steps = np.diff(times)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 0.0


def _by_packet(cues: tuple[JoinCue, ...]) -> list[tuple[JoinCue, ...]]:
    groups: dict[int, list[JoinCue]] = defaultdict(list)
    for cue in cues:
        groups[cue.packet].append(cue)
    ordered = [tuple(sorted(group, key=lambda cue: -cue.weight)) for _, group in sorted(groups.items())]
    return [group for group in ordered if np.isfinite(group[0].time_s)]

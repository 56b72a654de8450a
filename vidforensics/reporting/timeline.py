"""The time-aligned view as a whole: its lanes in order, and the numbers its script reads.

A `Case` and the chosen pictures go in; a `Timeline` of finished drawings and a plain JSON-ready
dictionary come out, both on one axis and both bounded in size however long the clip is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.reporting.binning import (
    FRAME_TYPES,
    Bars,
    Series,
    reduce_packets,
    reduce_series,
    timeline_end,
)
from vidforensics.reporting.lanes import (
    Lane,
    axis_lane,
    filmstrip_lane,
    flag_lanes,
    frames_lane,
    keyframe_lane,
    qp_lane,
    shot_lane,
    span_lanes,
)
from vidforensics.reporting.lanes_people import people_lanes
from vidforensics.reporting.lanes_scores import coverage_lane, score_lane, sound_lanes
from vidforensics.reporting.pictures import Shown
from vidforensics.reporting.summary import assessed_share
from vidforensics.reporting.tracing_lanes import (
    lanes_left_out,
    moments,
    trace_coverage,
    trace_lanes,
)
from vidforensics.reporting.words import LABEL_WORDS, SPAN_WORDS, clean, number
from vidforensics.types import Case, ScoreTrack, Segment

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

MOST_SOUND_TRACKS = 4
MOST_SCORE_TRACKS = 16
_MOST_STEPS = 20_000
_MOST_ROWS = 2000

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawn view: its axis, lanes, data for the script, and what was left out to stay readable."""

    end_s: float
    lanes: tuple[Lane, ...]
    data: Data
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Score:
    key: str
    track: ScoreTrack
    series: Series


def build_timeline(
    case: Case, flags: Sequence[Segment], thumbs: Sequence[Shown], keyframes: Sequence[Shown]
) -> Timeline:
    """Draw the view of one case.

    Args:
        case: everything known about the clip.
        flags: the listed segments in the order in which the report numbers them.
        thumbs: pictures of the filmstrip.
        keyframes: pictures that the script may show large.

    """
    end_s = timeline_end(case)
    bars = reduce_packets(case.bitstream.packets, end_s)
    scores = tuple(_scores(case, end_s))
    lanes = (
        *_picture_lanes(case, flags, thumbs, bars, end_s),
        *_tracing_lanes(case, end_s),
        *(lane for p in case.features.sound_pictures[:MOST_SOUND_TRACKS] for lane in sound_lanes(p, end_s)),
        *people_lanes(case.features, end_s),
        *span_lanes(case, end_s),
        *_detector_lanes(case, scores, end_s),
        axis_lane(end_s, "axis-bottom"),
    )
    data = _data(case, flags, bars, scores, end_s)
    data["pictures"] = [[p.key, round(p.time_s, 6)] for p in (*thumbs, *keyframes)]
    return Timeline(end_s, lanes, data, tuple(_left_out(case, end_s)))


def _picture_lanes(
    case: Case, flags: Sequence[Segment], thumbs: Sequence[Shown], bars: Bars, end_s: float
) -> Iterator[Lane]:
    extraction, packets = case.extraction, case.bitstream.packets
    yield axis_lane(end_s, "axis-top")
    if thumbs:
        yield filmstrip_lane(thumbs, end_s)
    yield from flag_lanes(flags, end_s)
    if extraction.shots:
        yield shot_lane(extraction.shots, end_s)
    key_times: FloatArray = packets.pts_s[packets.is_key]
    if extraction.keyframes or len(key_times):
        yield keyframe_lane(extraction.keyframes, key_times, end_s)
    for lane in (frames_lane(bars, end_s), qp_lane(bars, end_s)):
        if lane is not None:
            yield lane


def _tracing_lanes(case: Case, end_s: float) -> Iterator[Lane]:
    if case.trace is None:
        return
    yield from trace_lanes(case.trace.matches, end_s)
    searched = trace_coverage(case.trace, end_s)
    yield coverage_lane(searched, assessed_share(searched.coverage), end_s)


def _scores(case: Case, end_s: float) -> Iterator[_Score]:
    tracks = [track for detection in case.detections for track in detection.tracks]
    for index, track in enumerate(tracks[:MOST_SCORE_TRACKS]):
        yield _Score(f"score-{index}", track, reduce_series(track.times_s, track.scores, end_s))


def _detector_lanes(case: Case, scores: Sequence[_Score], end_s: float) -> Iterator[Lane]:
    for detection in case.detections:
        for score in scores:
            if any(score.track is track for track in detection.tracks):
                yield score_lane(score.track, score.series, score.key, end_s)
        yield coverage_lane(detection, assessed_share(detection.coverage), end_s)


def _left_out(case: Case, end_s: float) -> Iterator[str]:
    sounds = len(case.features.sound_pictures)
    if sounds > MOST_SOUND_TRACKS:
        yield f"{sounds - MOST_SOUND_TRACKS} more sound tracks are in report.json."
    tracks = sum(len(d.tracks) for d in case.detections)
    if tracks > MOST_SCORE_TRACKS:
        yield f"{tracks - MOST_SCORE_TRACKS} more score tracks are in report.json."
    further = lanes_left_out(case.trace.matches) if case.trace else ""
    if further:
        yield further
    declared = case.clip.duration_s or case.probe.duration_s or 0.0
    if declared > end_s * 1.001:
        yield f"The file declares {number(declared)} seconds; the view ends with what could be decoded."


def _data(case: Case, flags: Sequence[Segment], bars: Bars, scores: Sequence[_Score], end_s: float) -> Data:
    """What the script needs to tell what is at a moment; short keys, rounded numbers."""
    return {
        "end": round(end_s, 6),
        "frames": frame_steps(case.extraction.decode.frame_times_s),
        "flags": [[round(f.start_s, 6), round(f.end_s, 6), LABEL_WORDS.get(f.label, f.label)]
                  for f in flags[:_MOST_ROWS]],
        "shots": [[round(s.start_s, 6), round(s.end_s, 6)] for s in case.extraction.shots[:_MOST_ROWS]],
        "spans": [[round(s.start_s, 6), round(s.end_s, 6), _span_words(s.kind, s.track)]
                  for s in case.extraction.spans[:_MOST_ROWS]],
        "coverage": [
            [clean(d.detector.replace("_", " "), 60),
             [[round(c.start_s, 6), round(c.end_s, 6), c.assessed, clean(c.reason or "", 160)]
              for c in d.coverage[:_MOST_ROWS]]]
            for d in case.detections
        ],
        "packets": _packet_data(bars),
        "scores": [_score_data(score) for score in scores],
        "matches": moments(case.trace.matches) if case.trace else [],
    }  # fmt: skip


def _span_words(kind: str, track: int | None) -> str:
    return SPAN_WORDS.get(kind, kind) + ("" if track is None else f", sound track {track}")


def frame_steps(times_s: FloatArray) -> Data:
    """Frame times as a first time and steps in tens of microseconds; no steps for very long clips."""
    if len(times_s) == 0:
        return {"count": 0, "first": 0.0, "steps": [], "step": 0.04}
    steps = np.diff(np.round(times_s * 1e5)).astype(int)
    usual = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.04
    listed = steps.tolist() if len(steps) <= _MOST_STEPS else []
    first = round(float(times_s[0]), 6)
    return {"count": len(times_s), "first": first, "steps": listed, "step": round(usual, 6)}


def _packet_data(bars: Bars) -> Data:
    largest = bars.sizes_bytes.argmax(axis=0) if bars.sizes_bytes.size else np.zeros(0, int)
    return {
        "t": _numbers(bars.start_s, 6),
        "end": round(float(bars.end_s[-1]), 6) if len(bars.end_s) else 0.0,
        "type": "".join(FRAME_TYPES[i] for i in largest),
        "size": bars.sizes_bytes.max(axis=0).tolist() if bars.sizes_bytes.size else [],
        "qp": _numbers(bars.qp, 1) if np.isfinite(bars.qp).any() else [],
        "binned": bars.binned,
    }


def _score_data(score: _Score) -> Data:
    return {
        "key": score.key,
        "name": clean(score.track.name.replace("_", " "), 60),
        "detector": clean(score.track.detector.replace("_", " "), 60),
        "unit": clean(score.track.unit, 60),
        "threshold": _numbers(np.array([score.track.threshold]), 6)[0],
        "t": _numbers(score.series.times_s, 4),
        "v": _numbers(score.series.greatest, 4),
        "binned": score.series.binned,
        "sparse": score.series.sparse,
    }


def _numbers(values: FloatArray, digits: int) -> list[float | None]:
    return [v if np.isfinite(v) else None for v in np.round(np.asarray(values, float), digits).tolist()]

"""A case as an OpenTimelineIO timeline: shots as clips, flags as markers, the rest as metadata.

A `Case` goes in, the text of an .otio file comes out (OpenTimelineIO schema, Timeline.1). Times are
exact: counts of the frame rate where every time lies on its grid, else of the least common multiple of
the streams' time bases.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from vidforensics.reporting.binning import spread, timeline_end
from vidforensics.reporting.words import LABEL_WORDS, clean, support
from vidforensics.types import Case, ScoreTrack, Segment, Shot

_FINEST = 10**9
_MICROSECONDS = Fraction(1_000_000)
_GRID_TOLERANCE_S = 2e-6
_MOST_SAMPLES = 500
_MOST_ITEMS = 20_000

COLOURS = {
    "splice": "RED",
    "dub": "MAGENTA",
    "audio_splice": "ORANGE",
    "deletion": "PURPLE",
    "duplication": "CYAN",
    "stream_join": "BLUE",
}


def timeline_text(case: Case, flags: Sequence[Segment]) -> str:
    """The timeline of one case as .otio JSON.

    Args:
        case: everything known about the clip.
        flags: the listed segments in time order.

    """
    import opentimelineio as otio

    return str(otio.adapters.write_to_string(_Builder(case).timeline(flags), "otio_json"))


def exact_rate(case: Case) -> Fraction:
    """Ticks per second in which every time of the case is a whole number, or microseconds."""
    video = case.probe.first("video")
    times = [t for s in case.extraction.shots[:_MOST_ITEMS] for t in (s.start_s, s.end_s)]
    times += [t for d in case.detections for s in d.segments if s.listed for t in (s.start_s, s.end_s)]
    if video is not None and not case.extraction.decode.variable_frame_rate:
        rate = _fraction(video.average_frame_rate or video.frame_rate)
        if rate is not None and _on_grid(times, rate):
            return rate
    denominators = [b.denominator for s in case.probe.streams if (b := _fraction(s.time_base)) is not None]
    common = Fraction(math.lcm(*denominators)) if denominators else _MICROSECONDS
    return common if common <= _FINEST and _on_grid(times, common) else _MICROSECONDS


def _fraction(text: str | None) -> Fraction | None:
    try:
        value = Fraction((text or "").replace(":", "/"))
    except (ValueError, ZeroDivisionError):
        return None
    return value if value > 0 else None


def _on_grid(times_s: Iterable[float], rate: Fraction) -> bool:
    return all(abs(float(round(t * rate) / rate) - t) <= _GRID_TOLERANCE_S for t in times_s)


class _Builder:
    """Makes the parts of one timeline on one rate."""

    def __init__(self, case: Case) -> None:
        import opentimelineio as otio

        self.case = case
        self.otio = otio
        self.rate = exact_rate(case)
        self.end_s = timeline_end(case)
        self.filled: dict[str, float] = {}

    def ticks(self, time_s: float) -> int:
        return round(max(0.0, time_s) * self.rate)

    def range(self, start_s: float, end_s: float) -> Any:
        start = self.ticks(start_s)
        length = max(0, self.ticks(end_s) - start)
        time, rate = self.otio.opentime.RationalTime, float(self.rate)
        return self.otio.opentime.TimeRange(time(start, rate), time(length, rate))

    def reference(self) -> Any:
        return self.otio.schema.ExternalReference(
            target_url=quote(os.fsencode(self.case.clip.path)),
            available_range=self.range(0.0, self.end_s),
            metadata={"vidforensics": {"sha256": self.case.clip.sha256}},
        )

    def timeline(self, flags: Sequence[Segment]) -> Any:
        schema = self.otio.schema
        timeline = schema.Timeline(name=clean(self.case.clip.path))
        timeline.metadata["vidforensics"] = self.metadata()
        if self.case.extraction.shots:
            timeline.tracks.append(self.picture_track())
        for sound in self.case.extraction.sounds:
            track = schema.Track(name=f"sound track {sound.track}", kind=schema.TrackKind.Audio)
            end_s = min(self.end_s, sound.offset_s + sound.duration_s)
            self.append(track, "sound", sound.offset_s, end_s, {})
            timeline.tracks.append(track)
        if not len(timeline.tracks):
            track = schema.Track(name="clip", kind=schema.TrackKind.Video)
            self.append(track, "clip", 0.0, self.end_s, {})
            timeline.tracks.append(track)
        timeline.tracks.markers.extend(self.marker(f) for f in flags[:_MOST_ITEMS])
        return timeline

    def picture_track(self) -> Any:
        schema = self.otio.schema
        track = schema.Track(name="shots", kind=schema.TrackKind.Video)
        for number, shot in enumerate(self.case.extraction.shots[:_MOST_ITEMS], 1):
            self.append(track, f"shot {number}", shot.start_s, shot.end_s, _shot_metadata(shot))
        return track

    def append(self, track: Any, name: str, start_s: float, end_s: float, metadata: dict[str, Any]) -> None:
        """Put a piece of the evidence where it belongs, with a gap before it where nothing lies."""
        place = self.range(start_s, end_s)
        filled = self.filled.get(track.name, 0.0)  # asking the track would walk it anew for every piece
        if place.start_time.value > filled:
            rate = float(self.rate)
            length = self.otio.opentime.RationalTime(place.start_time.value - filled, rate)
            track.append(self.otio.schema.Gap(duration=length))
        self.filled[track.name] = place.start_time.value + place.duration.value
        clip = self.otio.schema.Clip(name=name, media_reference=self.reference(), source_range=place)
        clip.metadata["vidforensics"] = metadata
        track.append(clip)

    def marker(self, flag: Segment) -> Any:
        label = LABEL_WORDS.get(flag.label, flag.label)
        return self.otio.schema.Marker(
            name=f"{label}: {support(flag.log10_lr)}",
            marked_range=self.range(flag.start_s, flag.end_s),
            color=COLOURS.get(flag.label, "YELLOW"),
            metadata={
                "vidforensics": {
                    "label": flag.label,
                    "score": flag.score,
                    "log10_lr": flag.log10_lr,
                    "detector": flag.detector,
                    "basis": clean(flag.basis, 1000),
                }
            },
        )

    def metadata(self) -> dict[str, Any]:
        case = self.case
        return {
            "tool": f"{case.provenance.tool} {case.provenance.version}",
            "clip": {"path": clean(case.clip.path), "sha256": case.clip.sha256},
            "time_zero_s": case.probe.origin_s,
            "coverage": [
                {"detector": c.detector, "start_s": c.start_s, "end_s": c.end_s, "assessed": c.assessed,
                 "reason": clean(c.reason or "")}
                for d in case.detections for c in d.coverage[:_MOST_SAMPLES]
            ],
            "scores": [_samples(t) for d in case.detections for t in d.tracks[:16]],
        }  # fmt: skip


def _shot_metadata(shot: Shot) -> dict[str, Any]:
    found: dict[str, Any] = {"transition": shot.transition or "end of clip"}
    if shot.transition_start_s is not None and shot.transition_end_s is not None:
        found["transition_start_s"] = shot.transition_start_s
        found["transition_end_s"] = shot.transition_end_s
    if shot.confidence is not None:
        found["confidence"] = shot.confidence
    return found


def _samples(track: ScoreTrack) -> dict[str, Any]:
    """A score track thinned to what a timeline can carry; report.json has all of it."""
    kept = spread(len(track.times_s), _MOST_SAMPLES)
    points = [(float(track.times_s[i]), float(track.scores[i])) for i in kept]
    known = [(t, s) for t, s in points if math.isfinite(t) and math.isfinite(s)]
    return {
        "detector": track.detector,
        "name": clean(track.name),
        "unit": clean(track.unit),
        "threshold": float(track.threshold) if math.isfinite(track.threshold) else None,
        "times_s": [t for t, _ in known],
        "scores": [s for _, s in known],
        "thinned": len(kept) < len(track.times_s),
    }

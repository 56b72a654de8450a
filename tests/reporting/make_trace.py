"""Traces made by hand for the tests of the exports."""

from __future__ import annotations

from vidforensics.types import (
    Clip,
    Edit,
    EditDecision,
    IndexedVideo,
    Match,
    NotTraced,
    Trace,
    TraceSegment,
)


def make_trace(path="evidence/suspect.mp4", reference="archive/source.mp4"):
    """A suspect of 60 s: excerpt, nothing, sped-up crop with replaced sound, mirrored piece, black."""
    crop = Edit("crop", (0.1, 0.1, 0.8, 0.8))
    segments = (
        TraceSegment(0.0, 20.0, 30.0, 50.0, 0.98, "both", 1.0, False, (), "same"),
        TraceSegment(28.0, 44.0, 60.0, 80.0, 0.9, "picture", 1.25, False, (crop,), "replaced"),
        TraceSegment(44.0, 50.0, 10.0, 16.0, 0.8, "picture", 1.0, True, (Edit("mirror"),), "muted"),
    )
    video = IndexedVideo("ab" * 32, reference, 100.0, 640, 360, True)
    decisions = (
        _row(segments[0], (Edit("trim", detail={"reference_start_s": 0.0, "reference_end_s": 30.0}),)),
        EditDecision(20.0, 28.0, False, None, None, (Edit("insert"),), "not_assessed"),
        _row(segments[1], segments[1].edits),
        _row(segments[2], (*segments[2].edits, Edit("reorder"), Edit("perspective"))),
        EditDecision(50.0, 59.96, False, None, None, (), "not_assessed", {"not_assessed": "black frames"}),
        EditDecision(59.96, 60.0, False, None, None, (), "not_assessed"),
    )
    clip = Clip(path=path, sha256="cd" * 32, size_bytes=1, duration_s=60.0)
    missing = (NotTraced(50.0, 59.96, "black frames"),)
    return Trace(clip, (Match(video, 0.98, segments),), missing, decisions)


def _row(segment, edits):
    return EditDecision(
        segment.query_start_s,
        segment.query_end_s,
        True,
        segment.reference_start_s,
        segment.reference_end_s,
        edits,
        segment.sound,
        {"speed": segment.speed, "score": segment.score, "modality": segment.modality},
    )

"""The lanes of people: when somebody speaks, and when a face is on camera.

Features go in, `Lane`s come out on the axis of the others. They show what the detectors of voices go by: a
stretch without speech, or without a face, is one they cannot assess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from vidforensics.reporting.binning import merge_spans
from vidforensics.reporting.drawing import COLUMNS_OF_SPANS
from vidforensics.reporting.lanes import Lane, span_box
from vidforensics.reporting.words import percent, stretch
from vidforensics.types import FaceTrack, Features, Speech

if TYPE_CHECKING:
    from collections.abc import Iterable

LIKELY = 0.5
HEIGHT = 18
PAUSE_S = 0.3
"""A pause so short does not end a stretch of speech as it is drawn."""


def people_lanes(features: Features, end_s: float) -> Iterator[Lane]:
    """Speech of the first sound track, then faces; nothing of what was not looked for or not there."""
    if features.speech is not None and len(features.speech.times_s):
        spans = speech_spans(features.speech)
        share = min(1.0, sum(b - a for a, b in spans) / max(end_s, 1e-9))
        body = _boxes(spans, end_s, "somebody speaks")
        yield Lane("speech", "Speech, sound track 0", f"{percent(share)} of the clip", HEIGHT, body)
    tracks = features.faces.tracks
    if tracks:
        body = _boxes(_face_spans(tracks), end_s, "a face on camera")
        yield Lane("faces", "Faces on camera", f"{len(tracks):,} followed", HEIGHT, body)


def speech_spans(speech: Speech) -> list[tuple[float, float]]:
    """Stretches in which somebody speaks, short pauses included; [] where nobody does.

    Args:
        speech: probabilities, one per equal step; where the sound has a gap, no stretch goes across it.
    """
    likely_s = speech.times_s[speech.probability > LIKELY]
    if not len(likely_s):
        return []
    steps_s = np.diff(speech.times_s)
    half_s = float(np.median(steps_s)) / 2 if len(steps_s) else 0.0
    breaks = np.flatnonzero(np.diff(likely_s) > PAUSE_S) + 1
    runs = np.split(likely_s, breaks)
    return [(float(run[0]) - half_s, float(run[-1]) + half_s) for run in runs]


def _face_spans(tracks: Iterable[FaceTrack]) -> list[tuple[float, float]]:
    return [(float(t.times_s[0]), float(t.times_s[-1])) for t in tracks if len(t.times_s)]


def _boxes(spans: list[tuple[float, float]], end_s: float, words: str) -> Markup:
    merged = merge_spans(spans, end_s, COLUMNS_OF_SPANS)
    return Markup("").join(span_box(a, b, end_s, f"{words}, {stretch(a, b)}") for a, b in merged)

"""The lane of a score track: read at its threshold, or shown for reading alone."""

from __future__ import annotations

import numpy as np

from vidforensics.reporting.binning import reduce_series
from vidforensics.reporting.lanes_scores import score_lane
from vidforensics.types import ScoreTrack


def lane(threshold: float, unit: str = "dB"):  # type: ignore[no-untyped-def]
    times_s, scores = np.arange(0.0, 20.0, 0.2), np.linspace(-1.0, 6.0, 100)
    scores[40:60] = np.nan
    track = ScoreTrack("audio_discontinuity", "room before against behind", unit, times_s, scores, threshold)
    return score_lane(track, reduce_series(times_s, scores, 20.0), "score-0", 20.0)


def test_a_threshold_is_drawn_and_named() -> None:
    made = lane(2.0)
    assert made.note.startswith("threshold 2 dB (dashed)")
    assert 'class="threshold"' in made.body
    assert 'class="over"' in made.body


def test_without_a_threshold_none_is_drawn_and_that_is_said() -> None:
    made = lane(float("nan"))
    assert made.note.startswith("flags nothing by itself, dB; top 6")
    assert "threshold" not in made.body
    assert 'class="over"' not in made.body
    assert "nan" not in made.body.lower()
    assert lane(float("nan"), unit="").note.startswith("flags nothing by itself; top")

"""Parts of the story of a trace that end-to-end tests cannot reach cheaply."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from vidforensics import pipeline_trace
from vidforensics.pipeline_relate import within
from vidforensics.runtime import no_progress
from vidforensics.types import Hits, IndexedVideo, TraceSegment

CONTENT = b"the very bytes"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def found(*paths):
    video = IndexedVideo(SHA256, str(paths[0]), 4.0, 640, 360, True)
    return pipeline_trace.Found(video, tuple(map(str, paths)), (), ())


def test_only_a_file_with_the_indexed_bytes_is_opened(tmp_path, caplog):
    gone, changed, kept = (tmp_path / name for name in ("gone", "changed", "kept"))
    changed.write_bytes(CONTENT + b"!")
    kept.write_bytes(CONTENT)
    assert pipeline_trace._file_of(found(gone, changed, kept), no_progress) == kept
    assert "changed since it was scanned" in caplog.text
    assert pipeline_trace._file_of(found(gone, changed), no_progress) is None


def hits(video, moments, weights):
    count = len(video)
    return Hits(
        modality="picture",
        video=np.array(video, dtype=np.int64),
        query_s=np.array(moments, dtype=np.float64),
        reference_s=np.zeros(count),
        weight=np.array(weights, dtype=np.float32),
        speed=np.full(count, np.nan, dtype=np.float32),
        mirrored=np.zeros(count, dtype=bool),
        view=np.zeros(count, dtype=np.int64),
        reference_row=np.zeros(count, dtype=np.int64),
    )


def test_videos_are_ranked_by_the_best_hit_of_each_moment():
    many_at_once = hits([7] * 5, [1.0] * 5, [2.0] * 5)
    two_moments = hits([3, 3], [1.0, 2.0], [1.5, 1.5])
    both = [many_at_once, two_moments]
    assert pipeline_trace._likeliest(both, 10) == [3, 7]
    assert pipeline_trace._likeliest(both, 1) == [3]
    assert pipeline_trace._likeliest([hits([], [], [])], 10) == []


@pytest.mark.parametrize(("duration_s", "end_s"), [(None, 9.0), (8.5, 8.5), (20.0, 9.0)])
def test_no_segment_reaches_beyond_the_reference(duration_s, end_s):
    segment = TraceSegment(0.0, 4.0, 5.0, 9.0, 1.0, "both", 1.0, False, (), "same")
    (kept,) = within([segment], duration_s)
    assert kept.reference_end_s == end_s

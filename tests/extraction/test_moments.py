"""Pictures at given moments, against the whole decode pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidforensics.acquisition import probe
from vidforensics.extraction import Decoder
from vidforensics.extraction.moments import frames_at, frames_between
from vidforensics.types import FrameBlock

SAMPLES = Path(__file__).parents[2] / "samples"


def whole(clip):
    with Decoder(clip, probe(clip)) as decoder:
        blocks = [b for b in decoder if isinstance(b, FrameBlock)]
    return np.concatenate([b.pts_s for b in blocks]), np.concatenate([b.luma for b in blocks])


@pytest.mark.parametrize("name", ["clean.mp4", "odd/variable_frame_rate.mp4", "odd/rotated.mp4"])
def test_they_are_the_frames_shown_at_these_moments(name):
    clip = SAMPLES / name
    times, luma = whole(clip)
    wanted = np.linspace(times[0], times[-1], 7) + 1e-3
    block = frames_at(clip, probe(clip), wanted[::-1])
    shown = np.unique(np.searchsorted(times, wanted, "right") - 1)
    assert block.pts_s == pytest.approx(times[shown])
    assert np.array_equal(block.luma, luma[shown])


@pytest.mark.parametrize("name", ["clean.mp4", "odd/variable_frame_rate.mp4"])
def test_a_stretch_is_the_same_part_of_the_whole(name):
    clip = SAMPLES / name
    times, luma = whole(clip)
    start_s, end_s = 0.4 * times[-1] + 1e-3, 0.7 * times[-1]
    blocks = list(frames_between(clip, probe(clip), start_s, end_s))
    first = int(np.searchsorted(times, start_s, "right")) - 1
    last = int(np.searchsorted(times, end_s, "right"))
    assert np.concatenate([b.pts_s for b in blocks]) == pytest.approx(times[first:last])
    assert np.array_equal(np.concatenate([b.luma for b in blocks]), luma[first:last])
    assert list(frames_between(clip, probe(clip), 100.0, 200.0))[-1].pts_s[-1] == pytest.approx(times[-1])


def test_no_picture_gives_none():
    clip = SAMPLES / "odd" / "no_video.mp4"
    assert frames_at(clip, probe(clip), np.array([0.0, 1.0])) is None
    assert frames_at(SAMPLES / "clean.mp4", probe(SAMPLES / "clean.mp4"), np.array([])) is None


def test_what_is_left_of_a_truncated_file_is_given():
    clip = SAMPLES / "odd" / "truncated.mp4"
    block = frames_at(clip, probe(clip), np.array([0.0, 0.5, 1000.0]))
    assert block is not None and block.pts_s[0] == pytest.approx(0.0, abs=0.05)

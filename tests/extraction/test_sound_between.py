"""The sound of a stretch, against the whole track."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidforensics.acquisition import probe
from vidforensics.errors import InputError
from vidforensics.extraction.sound_between import RATE_HZ, sound_between

SAMPLES = Path(__file__).parents[2] / "samples"


def test_a_stretch_is_the_same_part_of_the_whole():
    clip = SAMPLES / "clean.mp4"
    facts = probe(clip)
    whole = sound_between(clip, facts, 0.0, 5.0)
    part = sound_between(clip, facts, 1.25, 2.5)
    assert part.shape == (20_000,)
    assert np.abs(part).max() > 0.01
    assert np.array_equal(part, whole[20_000:40_000])


def test_outside_the_clip_is_silence():
    clip = SAMPLES / "clean.mp4"
    sound = sound_between(clip, probe(clip), -1.0, 0.5)
    assert len(sound) == round(1.5 * RATE_HZ)
    assert not sound[: RATE_HZ - 1].any() and sound[RATE_HZ:].any()


def test_a_clip_without_sound_has_none():
    clip = SAMPLES / "odd" / "no_audio.mp4"
    assert sound_between(clip, probe(clip), 0.0, 1.0) is None


def test_late_sound_is_placed_by_its_time():
    clip = SAMPLES / "odd" / "late_audio.mp4"
    sound = sound_between(clip, probe(clip), 0.0, 4.0)
    first = int(np.flatnonzero(np.abs(sound) > 1e-4)[0])
    assert first > 0.5 * RATE_HZ


def test_a_missing_file_is_named(tmp_path):
    clip = SAMPLES / "clean.mp4"
    with pytest.raises(InputError, match="does not exist"):
        sound_between(tmp_path / "gone.mp4", probe(clip), 0.0, 4.0)

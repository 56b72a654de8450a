"""Judging speed, mirror, sound and named edits, against cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vidforensics.evaluation.edits import Query, TrueEdit, TrueSegment, TrueSound
from vidforensics.evaluation.metrics_relation import (
    FoundSegment,
    NamingCounts,
    crop_overlap,
    mirror_right,
    naming,
    overlap,
    sound_right,
    sound_told,
    speed_error,
    total,
)

SEGMENT = FoundSegment(0.0, 4.0, 0.0, 4.0, 0.9, "both", 1.0, False, (), "same")
QUERY = Query(Path("q"), "k", Path("r"), (TrueSegment(0, 10, 0, 10),))


def test_speed_is_that_of_the_longest_segment():
    long = replace(SEGMENT, query_end_s=9.0, speed=1.27)
    assert speed_error([SEGMENT, long], replace(QUERY, speed=1.25)) == pytest.approx(0.016)
    assert speed_error([], QUERY) is None


def test_mirror_is_weighed_by_time_and_needs_a_picture():
    mirrored = replace(SEGMENT, query_end_s=3.0, mirrored=True)
    assert mirror_right([SEGMENT, mirrored], QUERY) is True
    assert mirror_right([SEGMENT, mirrored], replace(QUERY, mirrored=True)) is False
    assert mirror_right([replace(SEGMENT, modality="sound")], QUERY) is None


def test_sound_is_the_word_that_covers_most():
    parts = [SEGMENT, replace(SEGMENT, query_start_s=4.0, query_end_s=10.0, sound="mixed")]
    assert sound_told(parts, TrueSound(0, 10, "mixed")) == "mixed"
    assert sound_told(parts, TrueSound(0, 3, "same")) == "same"
    assert sound_told(parts, TrueSound(0, 0.5, "same")) is None
    assert sound_told(parts, TrueSound(20, 30, "same")) is None
    assert sound_right("same", "same")
    assert not sound_right("same", "mixed")
    assert sound_right("not_assessed", "absent")


def test_naming_counts_words_missing_and_made_up():
    query = replace(QUERY, edits=(TrueEdit("crop"), TrueEdit("letterbox", None, ("picture_in_picture",))))
    said = (("picture_in_picture", None), ("mirror", None), ("reencode", None))
    counts = naming([replace(SEGMENT, edits=said)], query)
    assert counts == {
        "crop": NamingCounts(0, 1, 0),
        "letterbox": NamingCounts(1, 1, 0),
        "mirror": NamingCounts(0, 0, 1),
    }
    both = total([counts, counts])
    assert both["letterbox"] == NamingCounts(2, 2, 0)
    assert both["letterbox"].recall == 1.0
    assert both["mirror"].precision == 0.0
    assert NamingCounts().recall is None
    assert NamingCounts().precision is None


def test_crop_overlap_takes_the_longest_told_box():
    query = replace(QUERY, edits=(TrueEdit("crop", (0.0, 0.0, 0.5, 1.0)),))
    right = replace(SEGMENT, query_end_s=9.0, edits=(("crop", (0.0, 0.0, 1.0, 1.0)),))
    wrong = replace(SEGMENT, edits=(("crop", (0.9, 0.9, 0.1, 0.1)),))
    assert crop_overlap([wrong, right], query) == pytest.approx(0.5)
    assert crop_overlap([SEGMENT], query) is None
    assert overlap((0, 0, 0.2, 0.2), (0.5, 0.5, 0.2, 0.2)) == 0.0

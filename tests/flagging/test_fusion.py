"""What detectors of different kinds say of one stretch, brought together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.flagging.fusion import fuse
from vidforensics.types import Detection, Label, Segment

DETECTOR_OF = {"dub": "sync", "audio_splice": "audio_discontinuity"}


def segment(label: Label, start_s: float, end_s: float, log10_lr: float, listed: bool = False) -> Segment:
    score, detector = 1.0 / (1.0 + 10.0**-log10_lr), DETECTOR_OF.get(label, label)
    return Segment(start_s, end_s, label, score, log10_lr, detector, "It differs.", listed)


def answer(*segments: Segment, listed_from: float | None = 1.0) -> Detection:
    return Detection(segments[0].detector, segments=segments, listed_from_log10_lr=listed_from)


def test_evidence_of_two_kinds_is_listed_where_either_alone_is_not() -> None:
    dub, sound = fuse([answer(segment("dub", 4, 10, 0.6)), answer(segment("audio_splice", 5, 9, 0.7))])
    assert [s.log10_lr for s in (*dub.segments, *sound.segments)] == pytest.approx([1.3, 1.3])
    assert dub.segments[0].listed
    assert sound.segments[0].listed
    assert dub.segments[0].score == pytest.approx(10**1.3 / (1 + 10**1.3))
    assert dub.segments[0].basis.startswith("It differs. Its sound also differs from what surrounds it")
    assert sound.segments[0].basis.endswith("(log10 likelihood ratio 0.6).")


def test_too_little_together_stays_unlisted() -> None:
    dub, sound = fuse([answer(segment("dub", 4, 10, 0.3)), answer(segment("audio_splice", 4, 10, 0.3))])
    assert not dub.segments[0].listed
    assert not sound.segments[0].listed


@pytest.mark.parametrize(
    ("label", "start_s", "log10_lr"),
    [("audio_splice", 9.0, 2.0), ("audio_splice", 4.0, -0.5), ("stream_join", 4.0, 3.0), ("dub", 4.0, 2.0)],
)
def test_other_times_kinds_and_what_speaks_against_it_change_nothing(
    label: Label, start_s: float, log10_lr: float
) -> None:
    answers = (answer(segment("dub", 4, 10, 0.6)), answer(segment(label, start_s, start_s + 6, log10_lr)))
    assert fuse(answers) == answers


def test_without_an_operating_point_nothing_is_listed_anew() -> None:
    dub, _ = fuse(
        [answer(segment("dub", 0, 5, 3.0), listed_from=None), answer(segment("audio_splice", 0, 5, 3.0))]
    )
    assert dub.segments[0].log10_lr == pytest.approx(6.0)
    assert not dub.segments[0].listed


def test_a_cut_in_the_sound_does_not_speak_for_a_dub() -> None:
    cut = replace(segment("audio_splice", 4, 10, 3.0), detector="sound_coding")
    answers = (answer(segment("dub", 4, 10, 0.6)), answer(cut))
    assert fuse(answers) == answers


def test_no_answer_and_no_segment() -> None:
    assert fuse([]) == ()
    nothing = Detection("sync")
    assert fuse([nothing]) == (nothing,)


@given(st.floats(-2, 4), st.floats(-2, 4), st.booleans(), st.floats(0, 8))
def test_support_never_takes_evidence_or_a_listing_away(a: float, b: float, listed: bool, at: float) -> None:
    answers = (answer(segment("dub", 4, 10, a, listed)), answer(segment("audio_splice", at, at + 4, b)))
    for before, after in zip(answers, fuse(answers), strict=True):
        (old,), (new,) = before.segments, after.segments
        assert new.log10_lr >= old.log10_lr
        assert new.listed >= old.listed
        assert 0.0 <= new.score <= 1.0
        assert (new.start_s, new.end_s, new.label) == (old.start_s, old.end_s, old.label)

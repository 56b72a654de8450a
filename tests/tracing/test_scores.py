"""Scores, and segments put together and taken apart."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracing.test_decisions import segment
from vidforensics.tracing.scores import (
    MatchEvidence,
    ScoreModel,
    evidence_of,
    fit,
    load_scores,
    match_score,
    score,
    threshold,
)
from vidforensics.tracing.scores_segments import merged, split_by_sound
from vidforensics.types import Alignment, Edit, PictureRelation, SoundStretch

evidences = st.builds(MatchEvidence, *[st.floats(-50, 500, allow_nan=False)] * 3)


@settings(max_examples=100, deadline=None)
@given(evidences, st.floats(0, 100))
def test_score_is_a_probability_that_grows_with_evidence(evidence, more):
    low = score(evidence)
    assert 0.0 <= low <= 1.0
    for name in ("picture", "sound", "geometry"):
        changed = {n: getattr(evidence, n) for n in ("picture", "sound", "geometry")}
        changed[name] += more
        assert score(MatchEvidence(**changed)) >= low


def test_unknown_evidence_says_nothing():
    assert score(MatchEvidence(5.0, math.nan, math.nan)) == score(MatchEvidence(5.0, 0.0, 0.0))
    assert 0.0 < threshold() < 1.0


def test_evidence_of_an_alignment():
    alignment = Alignment(0, 1, 0, 1, 1.0, False, "both", 3.0, 4.0)
    assert evidence_of(alignment) == MatchEvidence(3.0, 4.0, 0.0)
    assert evidence_of(alignment, PictureRelation(7.0, False, None, ())).geometry == 7.0


def test_fit_separates_and_never_rewards_less_evidence(tmp_path):
    rng = np.random.default_rng(4)
    labels = rng.random(300) < 0.3
    scale = np.where(labels, 12.0, 1.5)
    evidence = [MatchEvidence(*rng.exponential(s, 3)) for s in scale]
    model = fit(evidence, labels, "test")
    scores = np.array([model.score(e) for e in evidence])
    assert min(model.picture, model.sound, model.geometry) >= 0
    assert (model.positives, model.negatives) == (int(labels.sum()), int((~labels).sum()))
    assert scores[~labels].max() < model.threshold
    assert (scores[labels] >= model.threshold).mean() > 0.6
    model.written(tmp_path / "scores.json")
    assert load_scores(tmp_path / "scores.json") == model


def test_fit_drops_evidence_that_misleads():
    rng = np.random.default_rng(5)
    labels = np.arange(200) % 2 == 0
    evidence = [
        MatchEvidence(rng.exponential(9.0 if y else 1.0), rng.exponential(1.0 if y else 9.0)) for y in labels
    ]
    model = fit(evidence, labels)
    assert model.picture > 0 and model.sound == 0 and model.geometry == 0


def test_fit_of_separable_samples_stays_finite():
    model = fit([MatchEvidence(0, 0), MatchEvidence(50, 50)], np.array([False, True]))
    assert all(map(math.isfinite, (model.picture, model.sound, model.intercept)))
    assert 0.5 <= model.threshold < model.score(MatchEvidence(50, 50))


def test_fit_needs_both_kinds():
    with pytest.raises(ValueError, match="both copies"):
        fit([MatchEvidence(1, 1)], np.array([True]))
    with pytest.raises(ValueError, match="as many labels"):
        fit([MatchEvidence(1, 1)], np.array([True, False]))


def test_damaged_constants_are_refused(tmp_path):
    for number, text in enumerate(("{", '{"picture": 1}', "[]")):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        with pytest.raises(ValueError, match="constants"):
            load_scores(path)
    ScoreModel(math.nan, 1, 1, 1, 0.5).written(tmp_path / "nan.json")
    with pytest.raises(ValueError, match="finite"):
        load_scores(tmp_path / "nan.json")


def test_match_score():
    assert match_score([]) == 0.0 and match_score([0.2, 0.7]) == 0.7


def test_neighbours_on_one_line_are_merged():
    whole = merged([segment(10, 20, 30, score=0.7), segment(0, 10.1, 20, score=0.8)])
    assert [(s.query_start_s, s.query_end_s, s.reference_start_s, s.reference_end_s) for s in whole] == [
        (0, 20, 20, 40)
    ]
    assert whole[0].score == 0.8
    assert merged([]) == ()


@pytest.mark.parametrize(
    "other",
    [
        segment(10, 20, 31),
        segment(11, 20, 31),
        segment(10, 20, 30, sound="replaced"),
        segment(10, 20, 30, speed=1.1),
        segment(10, 20, 30, edits=(Edit("crop", (0, 0, 0.5, 1)),)),
    ],
)
def test_different_relations_stay_apart(other):
    assert len(merged([segment(0, 10, 20), other])) == 2


def test_merging_compares_boxes():
    crop, near, far = (Edit("crop", (x, 0.0, 0.5, 0.5)) for x in (0.1, 0.12, 0.4))
    assert len(merged([segment(0, 10, 0, edits=(crop,)), segment(10, 20, 10, edits=(near,))])) == 1
    assert len(merged([segment(0, 10, 0, edits=(crop,)), segment(10, 20, 10, edits=(far,))])) == 2


def test_replaced_stretch_gets_its_own_segment():
    found = split_by_sound(
        [segment(0, 30, 100, speed=0.8)],
        [
            SoundStretch(0, 10, "same"),
            SoundStretch(10, 10.2, "muted"),
            SoundStretch(10.2, 20, "replaced"),
            SoundStretch(20, 30, "same"),
        ],
    )
    assert [(s.query_start_s, s.query_end_s, s.sound, s.modality) for s in found] == [
        (0, 10.2, "same", "both"),
        (10.2, 20, "replaced", "picture"),
        (20, 30, "same", "both"),
    ]
    assert [s.reference_start_s for s in found] == pytest.approx([100, 108.16, 116])
    assert merged(found) == found


def test_split_leaves_what_it_knows_nothing_of():
    picture, sound = segment(0, 30, 0, sound="not_assessed"), segment(5, 9, 50, modality="sound")
    assert split_by_sound([sound, picture], []) == (picture, sound)
    assert split_by_sound([], [SoundStretch(0, 1, "same")]) == ()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["same", "replaced", "mixed", "muted"])), max_size=8)
)
def test_splitting_covers_the_segment_once(cuts):
    edges = sorted({0.0, 30.0, *(t for t, _ in cuts)})
    stretches = [
        SoundStretch(a, b, cuts[i % len(cuts)][1] if cuts else "same")
        for i, (a, b) in enumerate(pairwise(edges))
    ]
    found = split_by_sound([segment(0, 30, 7, speed=1.25)], stretches)
    assert found[0].query_start_s == 0 and found[-1].query_end_s == 30
    for a, b in pairwise(found):
        assert a.query_end_s == b.query_start_s and a.sound != b.sound
        assert a.reference_end_s == pytest.approx(b.reference_start_s)

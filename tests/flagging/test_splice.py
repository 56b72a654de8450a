"""The splice detector: the odd shot out is flagged, with its numbers; ordinary cuts and stills are not."""

from __future__ import annotations

import dataclasses
import itertools
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from tests.flagging.conformance import Given, check_promises, evidence_of
from vidforensics.features.picture_source import NAMES
from vidforensics.flagging.splice import FEW, SHORT, STILL, SpliceDetector
from vidforensics.flagging.splice_model import load_model, pair_odds, shot_measures
from vidforensics.flagging.splice_signature import CODING_NAMES, signatures_of
from vidforensics.flagging.splice_words import basis_of
from vidforensics.types import Shot, SourceSeries

RATE = 25
MODEL = load_model()


def clip(lengths_s, foreign=(), *, change=2.0, offset=3.0, seed=0):
    """Shots of one recording; the foreign ones are `offset` usual distances away in every number."""
    rng = np.random.default_rng(seed)
    ends = np.cumsum([0.0, *lengths_s])
    times = np.arange(round(ends[-1] * RATE)) / RATE
    shots = tuple(Shot(a, b, "cut" if b < ends[-1] else None) for a, b in itertools.pairwise(ends))
    scale = dict(zip(MODEL.names, MODEL.scale.tolist(), strict=True))
    usual = np.array([scale.get(name, 0.1) for name in NAMES])
    sampled = np.arange(0.0, ends[-1], 0.3)
    at = np.searchsorted(ends, sampled, side="right") - 1
    rows = rng.normal(0.0, 0.3, (len(lengths_s), len(NAMES)))[at] + rng.normal(0, 0.2, (len(at), len(NAMES)))
    rows[np.isin(at, foreign)] += offset
    evidence = evidence_of(Given(tuple(times), {"difference": np.full(len(times), change)}, shots))
    sources = SourceSeries(NAMES, sampled, (rows * usual).astype(np.float32))
    return dataclasses.replace(evidence, features=dataclasses.replace(evidence.features, sources=sources))


def listed(detection):
    return [s for s in detection.segments if s.listed]


@pytest.mark.parametrize("foreign", [1, 2, 4])
def test_the_odd_shot_is_flagged_at_its_cuts(foreign):
    lengths = (4.0, 3.0, 2.0, 5.0, 3.0)
    said = SpliceDetector().detect(clip(lengths, (foreign,)))
    (flag,) = listed(said)
    start_s = sum(lengths[:foreign])
    assert (flag.start_s, flag.end_s) == pytest.approx((start_s, start_s + lengths[foreign]), abs=1.5 / RATE)
    assert flag.score > 0.7
    check_promises(said, "splice", "splice", sum(lengths) - 1 / RATE)


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_cuts_are_not_flagged(seed):
    said = SpliceDetector().detect(clip((4.0, 3.0, 2.0, 5.0), seed=seed))
    assert not listed(said)
    assert all(row.assessed for row in said.coverage)


def test_where_everything_differs_nothing_is_flagged():
    evidence = clip((3.0,) * 6)
    sources = evidence.features.sources
    shot = np.minimum(sources.times_s // 3.0, 5).astype(int)
    spread = np.random.default_rng(1).normal(0, 3.0, (6, len(NAMES)))
    scale = dict(zip(MODEL.names, MODEL.scale.tolist(), strict=True))
    rows = sources.values + spread[shot] * np.array([scale.get(name, 0.1) for name in NAMES])
    sources = dataclasses.replace(sources, values=rows.astype(np.float32))
    evidence = dataclasses.replace(evidence, features=dataclasses.replace(evidence.features, sources=sources))
    assert not listed(SpliceDetector().detect(evidence))


def test_of_two_shots_none_is_odd():
    said = SpliceDetector().detect(clip((3.0, 5.0), (1,)))
    assert said.segments == ()
    assert {row.reason for row in said.coverage} == {FEW}


def test_one_shot_short_shots_and_stills_are_not_assessed():
    reasons = {r.reason for r in SpliceDetector().detect(clip((6.0,))).coverage}
    assert reasons == {FEW}
    assert {r.reason for r in SpliceDetector().detect(clip((4.0, 4.0), change=0.0)).coverage} == {STILL}
    short = SpliceDetector().detect(clip((4.0, 0.5, 4.0, 4.0)))
    (gap,) = [r for r in short.coverage if not r.assessed]
    assert (gap.start_s, gap.end_s) == pytest.approx((4.0, 4.5), abs=1.0 / RATE)
    assert gap.reason == SHORT


def test_pictures_of_a_gradual_transition_belong_to_no_shot():
    evidence = clip((4.0, 4.0, 4.0))
    shots = (Shot(0.0, 4.0, "dissolve", 3.6, 4.4), Shot(4.0, 8.0, "cut"), Shot(8.0, 12.0, None))
    evidence = dataclasses.replace(evidence, extraction=dataclasses.replace(evidence.extraction, shots=shots))
    rows = SpliceDetector().detect(evidence).coverage
    assert [r.reason for r in rows] == [None, "gradual transition", None]
    assert (rows[1].start_s, rows[1].end_s) == pytest.approx((3.6, 4.4), abs=0.05)


def test_the_sentence_names_the_odd_numbers_beside_the_others():
    rng = np.random.default_rng(3)
    values = rng.normal(0, 0.3, (4, len(MODEL.names))) * MODEL.scale
    noise = np.array([name.startswith("noise_") for name in MODEL.names])
    values[2] += 5.0 * noise
    basis = basis_of(values, 2, np.arange(4) == 2, MODEL)
    assert basis.startswith("This shot differs from the 3 other shots more than one recording usually does")
    fine = 2.0 ** values[:, MODEL.names.index("noise_1_25")]
    assert f"fine noise {fine[2]:.0f}, the others {fine[[0, 1, 3]].min():.2f} to" in basis
    assert "saturation" not in basis


def test_an_unknown_number_counts_as_no_difference():
    found = signatures_of(clip((4.0, 4.0, 4.0), (1,)))
    values = found.values[:, [found.names.index(n) for n in MODEL.names]]
    odds = pair_odds(values, np.full(3, 4.0), MODEL)
    assert odds[0, 1] > 0.0 > odds[0, 2]
    assert (odds == odds.T).all()
    nothing = pair_odds(np.full_like(values, np.nan), np.full(3, 4.0), MODEL)
    assert (nothing[np.triu_indices(3, 1)] < 0.0).all()


def test_measures_of_a_shot_use_all_others():
    odds = np.array([[0.0, 5.0, 5.0], [5.0, 0.0, -3.0], [5.0, -3.0, 0.0]])
    first = shot_measures(odds, np.array([2.0, 2.0, 6.0]))[0]
    assert first.tolist() == pytest.approx([5.0, 5.0, -3.0, np.log(2.0)])


def test_the_weights_name_only_what_is_measured():
    plain = json.loads(resources.files("vidforensics.flagging").joinpath("splice.json").read_text("utf-8"))
    assert set(plain["names"]) <= {*NAMES, *CODING_NAMES}
    assert len(plain["pair"]["weights"]) == len(plain["names"]) + 1
    assert plain["source"].startswith("python -m tests.benchmarks.splice")


def test_the_benchmark_measures_what_the_detector_looks_at(samples: Path) -> None:
    from tests.benchmarks.splice_shots import evidence_of as evidence_of_benchmark

    answer = SpliceDetector().detect(evidence_of_benchmark(samples / "suspect.mp4"))
    check_promises(answer, "splice", "splice", answer.coverage[-1].end_s)
    assessed_s = sum(row.end_s - row.start_s for row in answer.coverage if row.assessed)
    assert assessed_s > 0.9 * answer.coverage[-1].end_s
    assert np.isfinite(answer.tracks[0].scores).sum() == 5

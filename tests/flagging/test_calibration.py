"""Raw score to probability and likelihood ratio."""

from __future__ import annotations

import json
import math
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.flagging.calibration import Calibration, calibrated, load_calibration

LINE = Calibration(slope=2.0, intercept=-1.0, prior=0.1, positives=9, negatives=99)
finite = st.floats(allow_nan=False)


@given(finite, finite)
def test_both_answers_grow_with_the_raw_score(a, b):
    low, high = sorted((a, b))
    assert LINE.apply(low)[0] <= LINE.apply(high)[0]
    assert LINE.apply(low)[1] <= LINE.apply(high)[1]


@given(st.floats())
def test_ratio_stays_within_what_the_sample_supports(raw):
    score, log10_lr = LINE.apply(raw)
    assert 0.0 <= score <= 1.0
    assert -1.0 <= log10_lr <= 2.0


def test_probability_is_the_posterior_at_the_stated_prior():
    score, log10_lr = LINE.apply(0.75)
    assert log10_lr == pytest.approx(0.5)
    assert score == pytest.approx((0.1 * 10**0.5) / (0.9 + 0.1 * 10**0.5))


def test_nothing_measured_leaves_the_prior():
    assert LINE.apply(math.nan) == (pytest.approx(0.1), 0.0)


def test_unknown_detector_is_named():
    with pytest.raises(KeyError, match="astrology"):
        calibrated("astrology", 1.0)


def test_every_entry_loads_and_is_usable():
    entries = json.loads(resources.files("vidforensics.flagging").joinpath("calibration.json").read_text())
    for name in entries:
        line = load_calibration(name)
        assert line.slope > 0
        assert 0 < line.prior < 1
        assert calibrated(name, 1e9)[1] == pytest.approx(line.bounds[1])

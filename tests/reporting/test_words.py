"""Words: clock times, strengths, and text that cannot hide anything."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.reporting import binning, drawing, exports, words


@pytest.mark.parametrize("module", [words, binning, drawing, exports])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0


@given(st.floats(0, 1e6))
def test_clock_reads_back(time_s):
    hours, minutes, seconds = words.clock(time_s).split(":")
    assert int(hours) * 3600 + int(minutes) * 60 + float(seconds) == pytest.approx(time_s, abs=5.1e-4)
    assert int(minutes) < 60 and float(seconds) < 60


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
def test_unknown_times_are_a_dash(unknown):
    assert words.clock(unknown) == words.NONE
    assert words.seconds(unknown) == words.NONE


@given(st.text(st.characters(), max_size=50))
def test_clean_text_encodes_and_hides_nothing(text):
    shown = words.clean(text)
    shown.encode("utf-8")
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u2028" for c in shown)


def test_clean_cuts_long_text_and_says_so():
    assert words.clean("x" * 1000, 10) == "xxxxxxxxxx… (1,000 characters)"


@pytest.mark.parametrize(
    ("log10_lr", "expected"),
    [
        (0.0, words.NO_SUPPORT),
        (0.2, words.NO_SUPPORT),
        (math.log10(2), "weak support"),
        (0.99, "weak support"),
        (1.0, "moderate support"),
        (2.0, "moderately strong support"),
        (3.0, "strong support"),
        (4.0, "very strong support"),
        (6.0, "extremely strong support"),
        (-3.5, "strong support against"),
        (math.nan, words.NO_SUPPORT),
    ],
)
def test_verbal_scale(log10_lr, expected):
    assert words.support(log10_lr) == expected


@given(st.floats(-11, 11))
def test_ratio_keeps_two_digits(log10_lr):
    text = words.ratio(log10_lr).removeprefix("1/")
    value = float(text.replace(",", "").replace(" million", "e6"))
    assert math.log10(value) == pytest.approx(abs(log10_lr), abs=0.023)

"""Headlines: order, words, and what they never say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.reporting.make_case import bare_case, clean_case, crowded_case, hostile_case, make_case
from vidforensics.reporting import headlines
from vidforensics.types import DecodeSummary


@pytest.mark.parametrize("make", [make_case, clean_case, bare_case, hostile_case])
def test_headlines_are_plain_lines(make):
    lines = headlines(make())
    assert lines
    for line in lines:
        assert line.isprintable()
        line.encode("utf-8")
        assert not re.search(r"\bfakes?\b|manipulated|forged|genuine", line, re.IGNORECASE)


def test_strongest_flag_comes_first_with_time_and_strength():
    first, second, third = headlines(make_case())[:3]
    assert first.startswith("At 0:00:09.600: measurements consistent with coded streams joined")
    assert "strong support (likelihood ratio about 2,500)" in first
    assert second.startswith("From 0:00:31.000 to 0:00:33.520:")
    assert "frames removed inside a shot; moderate support" in third


def test_candidates_below_the_operating_point_are_no_headlines():
    assert not any("weak candidate" in line for line in headlines(make_case()))


def test_nothing_flagged_says_what_was_looked_at_and_that_it_proves_nothing():
    first = headlines(clean_case())[0]
    assert first.startswith(
        "Nothing was flagged, which is no proof of authenticity. Looked at: stream join (100%"
    )
    assert "deletion (88% of the clip)" in first


def test_nothing_assessed_is_said():
    assert headlines(bare_case())[0].startswith("Nothing was flagged, because no detector could assess")


def test_unassessed_stretches_losses_structure_and_writer_are_named():
    case = make_case()
    decode = replace(case.extraction.decode, problems=("packet 7 is damaged", "packet 8 is damaged"))
    assert isinstance(decode, DecodeSummary)
    text = "\n".join(headlines(replace(case, extraction=replace(case.extraction, decode=decode))))
    assert "Not assessed: deletion for 12% of the clip (nothing moves)" in text
    assert "Problem while decoding: Packet 7 is damaged. 1 further problem: see Coverage" in text
    assert "120 bytes follow the last box" in text
    assert "consistent with ffmpeg (libavformat) (encoder library) having written it last" in text


def test_many_flags_are_counted():
    lines = headlines(crowded_case())
    assert "9,995 further flags: 9,994 × frames repeated, 1 × frames removed." in lines

"""Tracing in the case report: headlines, matched videos, posts over time, lanes, what was not searched."""

from __future__ import annotations

import doctest
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reporting.make_case import HOSTILE, make_case
from tests.reporting.make_tracing import (
    crowded_trace,
    empty_trace,
    hostile_trace,
    make_trace,
    match,
    post,
    segment,
    single_trace,
)
from tests.reporting.test_html import Page
from vidforensics.reporting import headlines, tracing_posts, tracing_words
from vidforensics.reporting.html import render
from vidforensics.reporting.summary import assessed_share
from vidforensics.reporting.tracing import MOST_SEGMENTS, trace_view
from vidforensics.reporting.tracing_lanes import MOST_LANES, moments, trace_coverage, trace_lanes
from vidforensics.reporting.tracing_posts import calendar, date_ticks, post_time, uploads
from vidforensics.types import Edit, EditKind, Modality, NotTraced, SoundRelation

ALL = (make_trace, empty_trace, single_trace, hostile_trace, crowded_trace)


@pytest.mark.parametrize("module", [tracing_words, tracing_posts])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0


def test_every_edit_and_relation_has_words():
    assert set(tracing_words.EDIT_WORDS) == set(get_args(EditKind))
    assert set(tracing_words.SOUND_WORDS) == set(tracing_words.SOUND_MEANING) == set(get_args(SoundRelation))
    assert set(tracing_words.MODALITY_WORDS) == set(get_args(Modality))


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Edit("crop", None, {"area": 0.5}), "cropped to 50% of the picture"),
        (Edit("crop"), "cropped"),
        (Edit("overlay", None, {"area": 0.12}), "overlaid with a logo or caption (12% of the picture)"),
        (Edit("rotate", None, {"degrees": -5.0}), "rotated by −5°"),
        (Edit("perspective", None, {"degrees": 0.1}), "seen at an angle, as when a screen is filmed"),
        (Edit("speed", None, {"speed": 0.8}), "slowed to 0.8 of its speed"),
        (Edit("frame_rate", None, {"query_hz": 12.0, "reference_hz": 25.0}),
         "frame rate changed from 25 to 12 frames/s"),
        (Edit("letterbox", None, {"margin_levels_per_px": 0.2}), "borders added"),
        (Edit("picture_in_picture", None, {"scale": 0.4}), "shown at 40% width inside another picture"),
        (Edit("reencode", None, {"codec_differs": 1.0, "pixels_ratio": 0.25}),
         "compressed again (another codec, 0.25 times the pixels)"),
        (Edit("trim", None, {"reference_start_s": 0.0, "reference_end_s": 30.0, "side": -1.0}),
         "source left out (0:00:00.000 – 0:00:30.000)"),
        (Edit("insert", None, {"start_s": 1.0, "end_s": 2.5}),
         "other footage inserted (0:00:01.000 – 0:00:02.500)"),
        (Edit("colour", None, {"gain": 0.8, "offset_levels": -12.0}),
         "colours changed (gain 0.8, offset −12 levels)"),
        (Edit("colour", None, {"gain": float("nan")}), "colours changed"),
    ],
)  # fmt: skip
def test_measured_numbers_stand_in_the_words(edit, expected):
    assert tracing_words.edit_words(edit) == expected


@pytest.mark.parametrize("kind", get_args(EditKind))
def test_every_kind_has_words_without_any_number(kind):
    assert tracing_words.edit_words(Edit(kind)) == tracing_words.EDIT_WORDS[kind]


def test_a_change_is_named_once_wherever_it_is_stated():
    words = tracing_words.change_words((Edit("mirror"),), mirrored=True, speed=1.25)
    assert words == ("mirrored left to right", "played 1.25 times as fast")
    assert tracing_words.change_words((Edit("speed"),), speed=1.25) == ("played 1.25 times as fast",)
    assert tracing_words.change_words((Edit("speed"),)) == ("played at another speed",)


def case(trace):
    return replace(make_case(), trace=trace)


def test_headlines_tell_the_copies_the_earliest_post_and_the_dub():
    lines = headlines(case(make_trace()))
    assert lines[0] == (
        "Footage of this clip occurs in 3 indexed videos. "
        "Earliest known post: 2023-09-01 10:00 UTC by alice on Telegram (a.mp4)."
    )
    assert lines[1] == (
        "0:00:03.000 – 0:00:09.500 is footage of a.mp4 (0:00:41.000 – 0:00:47.500), cropped to 64% of the "
        "picture and mirrored left to right, with its sound replaced."
    )
    assert "3 further shared stretches listed below." in lines


def test_headlines_without_matches_claim_nothing_about_the_origin():
    first = headlines(case(empty_trace()))[0]
    assert first.startswith("No indexed video was found to share footage or sound")
    assert "only that the index holds no source that could be recognised" in first


def test_the_file_itself_in_the_index_is_no_finding_of_its_own():
    own = replace(match("same.mp4", (segment(0, 42, 0),)).video, sha256=make_trace().clip.sha256)
    trace = replace(single_trace(), matches=(replace(single_trace().matches[0], video=own),))
    assert not any(line.startswith("0:00:00.000") for line in headlines(case(trace)))
    assert "The clip itself is among them, byte for byte." in headlines(case(trace))[0]
    assert trace_view(trace).matches[0].same_file
    assert "the same file, byte for byte" in render_of(trace)


def render_of(trace):
    return render(case(trace), case_folder=Path("nowhere"))


@pytest.mark.parametrize("make", ALL)
def test_report_loads_nothing_and_links_lead_somewhere(make):
    page = Page(render_of(make()))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            value = attributes.get(name) or "#"
            assert re.match(r"data:image/(jpeg|png);base64,|#", value)
            assert not re.match(r"#.", value) or value[1:] in ids


def test_without_an_index_the_report_says_so():
    text = render_of(None)
    assert "no index was given, so where the footage came from was not looked up" in text
    assert "Where this footage occurs" not in text


def test_section_names_videos_stretches_edits_and_sound():
    text = render_of(make_trace())
    for expected in (
        "archive/2023/a.mp4",
        "b" * 64,
        "0:00:41.000 – 0:00:47.500",
        "1.25×",
        "rotated by 5°",
        "mixed with other sound",
        "still picture, no sound",
        "2023-09-05 10:00 UTC",
        "dave, X",
    ):
        assert expected in text
    assert "https://videos.example/watch?v=1&amp;list=&lt;2&gt;" in text
    assert 'href="https' not in text


def test_hostile_names_and_posts_are_shown_and_do_nothing():
    text = render_of(hostile_trace())
    assert HOSTILE not in text and "<img src=x" not in text and "\u202e" not in text
    assert "⟨U+202E⟩" in text and "⟨U+DC80⟩" in text
    text.encode("utf-8")


def test_crowds_are_cut_and_counted():
    text = render_of(crowded_trace())
    assert len(text) < 2_000_000
    assert f"{400 - MOST_SEGMENTS} more in report.json" in text
    assert f"{100 - MOST_LANES} further matched videos listed below without a lane." in text
    assert len(moments(crowded_trace().matches)) <= 2000
    assert len(trace_lanes(crowded_trace().matches, 42.0)) == MOST_LANES


def test_posts_stand_in_the_order_of_known_time():
    found = uploads(make_trace().matches)
    assert [u.post.account for u in found] == ["alice", "bob", "dave", "carol", "erin"]
    assert found[-1].at is None
    drawn = calendar(found)
    assert [lane.label for lane in drawn.lanes] == ["Date", "alice", "bob", "dave", "carol"]
    assert drawn.left_out == ("1 post without a known time not drawn.",)
    assert calendar(uploads(single_trace().matches)) is None


@pytest.mark.parametrize("text", [None, "", "yesterday", "2023-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_times_that_cannot_be_read_are_unknown(text):
    assert post_time(text) is None


def test_times_without_zone_are_utc_and_zones_are_turned():
    assert post_time("2023-09-01T10:00:00") == post_time("2023-09-01T12:00:00+02:00")


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=20_000)),
)
def test_date_ticks_are_few_and_inside(first, span):
    last = first + span
    ticks = date_ticks(first, last)
    assert 1 <= len(ticks) <= 8
    assert all(first <= moment <= last for moment, _ in ticks)


def test_one_lane_per_video_shows_mirror_and_sound():
    lanes = trace_lanes(make_trace().matches, 42.0)
    assert [lane.label for lane in lanes] == ["1: a.mp4", "2: b.webm", "3: c.mkv"]
    assert "⇄ from 0:00:41.000" in lanes[0].body and "sound-replaced" in lanes[0].body
    assert "shared-word" in lanes[2].body and 'class="shared"' not in lanes[2].body


def test_moments_tell_the_time_in_the_other_video():
    start, end, there, rate, name, words = moments(make_trace().matches)[2]
    assert (start, end, there, rate, name) == (20.0, 26.0, 10.0, 1.25, "a.mp4")
    assert words == "played 1.25 times as fast and sound: mixed with other sound"


def test_times_that_are_no_numbers_do_not_break_the_report():
    trace = replace(single_trace(), matches=(match("x.mp4", (segment(float("nan"), 5.0, 1.0),)),))
    assert moments(trace.matches) == []
    assert "x.mp4" in render_of(trace)


def test_coverage_covers_the_clip_once_even_where_reasons_overlap():
    gaps = (NotTraced(5, 9, "a"), NotTraced(-1, 6, "b"), NotTraced(7, 8, "c"), NotTraced(40, 99, "d"))
    rows = trace_coverage(replace(make_trace(), not_assessed=gaps), 42.0).coverage
    assert [(r.start_s, r.end_s, r.assessed, r.reason) for r in rows] == [
        (0.0, 6, False, "b"), (6, 9, False, "a"), (9, 40, True, None), (40, 42.0, False, "d")
    ]  # fmt: skip
    assert assessed_share(rows) == pytest.approx(31 / 42)


def test_a_video_posted_once_says_where_and_to_whom():
    told = replace(post(1, text=None), target="@group")
    table = trace_view(replace(single_trace(), matches=(match("x.mp4", (segment(0, 1, 2),), (told,)),))).posts
    assert table.rows[0][-1] == "https://videos.example/watch?v=1&list=<2> to @group"

"""The page of a comparison: every second told, self-contained, and deaf to what it quotes."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reporting.make_case import HOSTILE, sound_picture
from tests.reporting.make_tracing import (
    crowded_comparison,
    decision,
    decisions,
    empty_comparison,
    hostile_comparison,
    make_comparison,
    pair,
    single_comparison,
    unrelated_comparison,
)
from tests.reporting.test_html import Page
from vidforensics.errors import OutputError
from vidforensics.reporting import write_comparison
from vidforensics.reporting.comparison import axis_ends, decision_table, findings, render, sound_table
from vidforensics.reporting.comparison_pairs import MOST_PAIRS, pair_views
from vidforensics.reporting.comparison_sound import BINS, compared_lanes, laid_out, source_times
from vidforensics.reporting.comparison_strips import decision_lanes, flow_lanes, row_changes
from vidforensics.types import Edit, SoundPicture

ALL = (
    make_comparison,
    empty_comparison,
    unrelated_comparison,
    single_comparison,
    hostile_comparison,
    crowded_comparison,
)


@pytest.fixture(params=ALL, ids=lambda make: make.__name__)
def page(request):
    return Page(render(request.param()))


def test_nothing_is_loaded_and_nothing_runs(page):
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "script")
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert re.match(r"data:image/(jpeg|png);base64,|#", attributes.get(name) or "#")


def test_policy_allows_the_style_and_no_script(page):
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    style = next(text for tag, _, text in page.inside if tag == "style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy and "script-src 'none'" in policy
    assert "unsafe" not in policy and policy.startswith("default-src 'none'")


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_page_says_what_a_reader_needs():
    comparison = make_comparison()
    text = render(comparison)
    for expected in (
        comparison.trace.clip.sha256,
        comparison.reference.sha256,
        "25.5 s of 42.0 s (61%) of the suspect come from the reference, in 5 pieces.",
        "a dub against the source: 0:00:03.000 – 0:00:09.500.",
        "cropped to 64% of the picture and mirrored left to right",
        "0:00:41.000 – 0:00:47.500",
        "black picture",
        "opencv-python-headless",
        "not a verdict",
        "no geometry found here",
    ):
        assert expected in text
    assert not re.search(r"\bfakes?\b|manipulated|forged|genuine", text, re.IGNORECASE)


def test_hostile_text_is_shown_and_does_nothing():
    text = render(hostile_comparison())
    assert HOSTILE not in text and "<img src=x" not in text and "\u202e" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "⟨U+202E⟩" in text
    text.encode("utf-8")


def test_findings_without_anything_shared_claim_nothing():
    for make in (empty_comparison, unrelated_comparison):
        found = list(findings(make()))
        assert [f.lead for f in found] == ["No stretch of the suspect was found in the reference."]


def test_findings_name_sounds_edits_and_what_has_no_source():
    leads = [f.lead for f in findings(make_comparison())]
    assert len(leads) == 7
    assert leads[1].startswith("The picture is the reference's and the sound is not")
    assert "other footage inserted" in leads[5]
    assert leads[6].startswith("Without a known source in the reference: 0:00:00.000 – 0:00:03.000")
    only = [f.lead for f in findings(single_comparison())]
    assert only[1:] == ["No edit of the picture was found on the shared stretches."]


def test_list_holds_every_second_and_no_empty_column():
    whole = decision_table(decisions())
    assert len(whole.rows) == 9
    assert whole.head == ("#", "Suspect", "Length", "Reference", "Speed", "What was done", "Sound", "Further")
    scored = decision_table((decision(0.0, 1.0, 2.0, score=0.9, modality="both", mirrored=True),))
    assert scored.head[-2:] == ("Found by", "Score")
    assert scored.rows[0][-4:] == ("mirrored left to right", "the same", "picture and sound", "0.9")
    assert decision_table(()).rows == ()


def test_rows_that_were_not_looked_at_say_why():
    row = decision(0.0, 1.0, sound="not_assessed", not_assessed="black picture")
    assert row_changes(row) == "not assessed: black picture"
    assert (
        row_changes(decision(0.0, 1.0, edits=(Edit("insert"),))) == "no source found; other footage inserted"
    )


def test_sound_stretches_that_touch_are_one():
    rows = (
        decision(0, 1, 0, sound="same"),
        decision(1, 2, 9, sound="same"),
        decision(3, 4, 5, sound="muted"),
    )
    table = sound_table(rows)
    assert [row[:3] for row in table.rows] == [
        ("0:00:00.000 – 0:00:02.000", "2.000 s", "the same"),
        ("0:00:03.000 – 0:00:04.000", "1.000 s", "muted"),
    ]


def test_axes_are_never_empty_and_ignore_absurd_durations():
    assert axis_ends(empty_comparison()) == (1.0, 1.0)
    assert axis_ends(make_comparison()) == (42.0, 95.0)
    clip = replace(make_comparison().trace.clip, duration_s=1e12)
    long = replace(make_comparison(), trace=replace(make_comparison().trace, clip=clip))
    assert axis_ends(long)[0] == 42.0


def test_lanes_show_source_edits_and_sound():
    lanes = {lane.key: lane for lane in decision_lanes(decisions(), 42.0)}
    assert next(iter(lanes)) == "source" and list(lanes)[-1] == "relation"
    assert "⇄ 0:00:41.000" in lanes["source"].body and "at 1.25×" in lanes["source"].body
    assert lanes["source"].body.count("<a ") == 9
    assert lanes["edit-crop"].body.count("<rect") == 2
    assert "edit-rotate" not in lanes
    assert lanes["relation"].body.count("sound-replaced") == 1
    assert flow_lanes((decision(0.0, 1.0),), 1.0, 1.0) == []
    assert flow_lanes(decisions(), 42.0, 95.0)[1].body.count("ribbon mirrored") == 1


def test_boxes_stand_on_the_picture_they_belong_to():
    inset = Edit("picture_in_picture", (0.5, 0.5, 0.25, 0.25))
    row = decision(0.0, 2.0, 0.0, edits=(Edit("crop", (0.1, 0.2, 0.5, 0.5)), inset))
    (view,) = pair_views((pair(1.0, 1.0),), (row,))
    assert 'class="edit-box box-crop"' in view.reference and 'x="32.0"' in view.reference
    assert "cut-away" in view.reference and "box-crop" not in view.query
    assert "box-picture_in_picture" in view.query and "box-picture" not in view.reference
    assert "edit-box" not in view.difference


def test_boxes_outside_the_picture_or_without_numbers_are_cut_or_left_out():
    edits = (Edit("overlay", (-1.0, 0.5, 3.0, 0.25)), Edit("overlay", (0.1, float("nan"), 1.0, 1.0)))
    (view,) = pair_views((pair(1.0, 1.0),), (decision(0.0, 2.0, 0.0, edits=edits),))
    assert view.reference.count("box-overlay") == 1 and 'width="320.0"' in view.reference


def test_pairs_thin_out_evenly():
    comparison = crowded_comparison()
    views = pair_views(comparison.pairs, comparison.trace.decisions)
    assert len(views) == MOST_PAIRS
    assert views[0].query_s == 0.0 and views[-1].query_s == pytest.approx(39.9)
    text = render(comparison)
    assert f"{400 - MOST_PAIRS} more pairs" in text and len(text) < 2_000_000


def ramp(start_s=0.0, end_s=100.0, bins=1000, max_hz=8000.0):
    """A sound whose level tells the time: bin k holds k / bins."""
    level = np.arange(bins) / bins
    envelope = np.stack([-level, level], 1).astype(np.float32)
    spectrum = np.tile((level * 255).astype(np.uint8), (64, 1))
    return SoundPicture(0, start_s, end_s, envelope, spectrum, max_hz)


def test_reference_sound_is_cut_moved_and_stretched_as_decided():
    rows = (decision(0.0, 10.0, 50.0), decision(10.0, 20.0), decision(20.0, 30.0, 10.0, speed=2.0))
    moved = laid_out(ramp(), rows, 40.0)
    t = (np.arange(BINS) + 0.5) / BINS * 40.0
    expected = np.where(t < 10, 50 + t, np.where((t >= 20) & (t < 30), 10 + 2 * (t - 20), 0)) / 100.0
    assert np.abs(moved.envelope[:, 1] - expected).max() <= 0.002
    assert np.abs(moved.spectrogram[0] / 255.0 - expected).max() <= 0.006
    assert (moved.start_s, moved.end_s) == (0.0, 40.0)


@given(
    st.floats(0.0, 50.0), st.floats(0.5, 40.0), st.floats(0.0, 200.0), st.floats(0.25, 4.0)
)  # fmt: skip
def test_source_times_run_straight_through_a_stretch(start_s, length_s, there_s, speed):
    row = decision(start_s, start_s + length_s, there_s, speed=speed)
    times = np.linspace(start_s, start_s + length_s, 20)[:-1]
    found = source_times(times, (row,))
    assert np.allclose(found, there_s + (times - start_s) * speed, atol=1e-6)
    assert np.isnan(source_times(np.array([start_s - 1.0, start_s + length_s + 1.0]), (row,))).all()


def test_source_beyond_the_reference_has_no_sound():
    moved = laid_out(ramp(end_s=5.0), (decision(0.0, 10.0, 0.0),), 10.0)
    assert moved.envelope[BINS // 2 + 1 :].max() == 0.0 and moved.envelope[BINS // 4, 1] > 0.0


def test_scales_of_different_height_are_brought_together():
    source = ramp(max_hz=4000.0)
    row = np.arange(64)[:, None] * np.ones((1, 1000))
    source = replace(source, spectrogram=(row + 1).astype(np.uint8))
    moved = laid_out(source, (decision(0.0, 10.0, 0.0),), 10.0, 8000.0)
    share = np.log10(1 + 4000 / 700) / np.log10(1 + 8000 / 700)
    assert moved.max_hz == 8000.0
    assert (moved.spectrogram[int(64 * share) + 1 :] == 0).all()
    assert moved.spectrogram[int(64 * share) - 2, 10] >= 61


def test_sound_without_samples_has_no_lane():
    nothing = SoundPicture(0, 0.0, 0.0, np.zeros((0, 2), np.float32), np.zeros((64, 0), np.uint8), 8000.0)
    assert compared_lanes(nothing, nothing, decisions(), 42.0) == []
    assert compared_lanes(None, None, (), 1.0) == []
    one = compared_lanes(None, sound_picture(95.0), decisions(), 42.0)
    assert [lane.label for lane in one] == ["Waveform, reference", "Spectrogram, reference"]


def test_page_is_written_whole_or_not_at_all(tmp_path):
    write_comparison(empty_comparison(), tmp_path / "compare.html")
    assert (tmp_path / "compare.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(OutputError, match="the comparison cannot be written"):
        write_comparison(empty_comparison(), tmp_path / "missing" / "compare.html")
    assert [p.name for p in tmp_path.iterdir()] == ["compare.html"]

"""The report as text: complete, self-contained, and deaf to what it quotes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.reporting.make_case import (
    HOSTILE,
    bare_case,
    clean_case,
    crowded_case,
    hostile_case,
    make_case,
    write_keyframes,
)
from vidforensics.errors import OutputError
from vidforensics.reporting import write_html
from vidforensics.reporting.html import json_island, render


class Page(HTMLParser):
    """Every start tag with its attributes, and the text inside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.inside, self._open = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag if tag in ("script", "style") else None

    def handle_data(self, data):
        if self._open:
            self.inside.append((self._open, self.tags[-1][1], data))

    def handle_endtag(self, tag):
        self._open = None


@pytest.fixture(params=[make_case, clean_case, bare_case, hostile_case])
def page(request, tmp_path):
    return Page(render(request.param(), case_folder=tmp_path))


def test_nothing_is_loaded_from_anywhere(page):
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "srcset", "action", "poster"):
            assert re.match(r"data:image/(jpeg|png);base64,|#", attributes.get(name) or "#")


def test_policy_names_exactly_the_style_and_script_that_are_there(page):
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    code = [text for tag, attributes, text in page.inside if attributes.get("type") != "application/json"]
    assert len(code) == 2
    for text in code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_island_reads_back(page):
    island = next(text for _, attributes, text in page.inside if attributes.get("id") == "data")
    assert {"end", "flags", "pictures", "scores", "packets", "coverage"} <= set(json.loads(island))


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_hostile_text_is_shown_and_does_nothing(tmp_path):
    text = render(hostile_case(), case_folder=tmp_path)
    assert HOSTILE not in text and "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "⟨U+202E⟩" in text and "⟨U+DC80⟩" in text and "\u202e" not in text
    text.encode("utf-8")


def test_island_cannot_end_its_element():
    island = str(json_island({"x": "</script><!-- & \u2028 \udc80"}))
    assert not set("<>&\u2028") & set(island) and island.isascii()
    assert json.loads(island) == {"x": "</script><!-- & \u2028 \udc80"}


def test_report_says_what_a_reader_needs(tmp_path):
    case = make_case()
    text = render(case, case_folder=tmp_path)
    for expected in (
        case.clip.sha256,
        case.clip.md5,
        "ENFSI Guideline for Evaluative Reporting",
        "not a verdict",
        "nothing moves",
        "x264 - core 164",
        "Glossary",
        "custody.jsonl",
        "opencv-python-headless",
        "Interview, second take",
    ):
        assert expected in text


def test_keyframes_outside_the_case_folder_are_not_read(tmp_path):
    case = make_case()
    write_keyframes(case, tmp_path)
    folder = tmp_path / "case"
    folder.mkdir()
    outside = tuple(replace(k, path=f"../{k.path}") for k in case.extraction.keyframes)
    text = render(replace(case, extraction=replace(case.extraction, keyframes=outside)), case_folder=folder)
    assert "No keyframes." in text
    assert "Keyframe of shot 1" in render(case, case_folder=tmp_path)


def test_long_clips_stay_small(tmp_path):
    case = crowded_case()
    write_keyframes(case, tmp_path)
    write_html(case, tmp_path / "report.html", case_folder=tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 4_000_000
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "9,801 more in report.json" in text
    assert text.count("Further flags") >= 1


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match="the report cannot be written"):
        write_html(bare_case(), tmp_path / "missing" / "report.html", case_folder=tmp_path)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError):
        write_html(bare_case(), tmp_path / "report.html", case_folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]

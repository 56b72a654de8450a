"""Traced cases and comparisons in headless Chromium: quiet, within the page, on phone and paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.reporting import make_tracing
from tests.reporting.make_case import make_case
from tests.reporting.test_browser import DESKTOP, PHONE, opened, overflow
from vidforensics.reporting import write_comparison, write_html

TRACES = ("make", "empty", "single", "hostile", "crowded")
COMPARISONS = ("make", "empty", "unrelated", "single", "hostile", "crowded")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name in TRACES:
        case = replace(make_case(), trace=getattr(make_tracing, f"{name}_trace")())
        made["trace", name] = folder / f"{name}-report.html"
        write_html(case, made["trace", name], case_folder=folder)
    for name in COMPARISONS:
        made["comparison", name] = folder / f"{name}-compare.html"
        write_comparison(getattr(make_tracing, f"{name}_comparison")(), made["comparison", name])
    return made


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", TRACES)
def test_traced_cases_load_quietly_and_fit(browser, pages, name, viewport):
    with opened(browser, pages["trace", name], viewport) as page:
        assert overflow(page) <= 0
        assert page.locator("h2").count() == 14
        assert page.locator("#tracing").is_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_load_quietly_and_fit(browser, pages, name, viewport):
    with opened(browser, pages["comparison", name], viewport) as page:
        assert overflow(page) <= 0
        assert page.locator("section h2").count() == 8


def test_a_moment_tells_where_it_occurs(browser, pages):
    with opened(browser, pages["trace", "make"], DESKTOP) as page:
        page.evaluate("setTime(22)")
        assert "at 0:00:12.500; played 1.25 times as fast" in page.inner_text("#values")
        page.locator("#headlines .is-trace a.jump").first.click()
        assert page.inner_text("#readout").startswith("0:00:03.000")
        assert "Occurs in b.webm" in page.inner_text("#values")


def test_a_block_leads_to_its_row(browser, pages):
    with opened(browser, pages["comparison", "make"], DESKTOP) as page:
        page.locator(".lane-source a").nth(1).click()
        assert page.url.endswith("#row-2")
        assert "0:00:41.000" in page.locator("tr:target").inner_text()


def test_pictures_and_boxes_are_drawn(browser, pages):
    with opened(browser, pages["comparison", "make"], DESKTOP) as page:
        assert page.locator(".pair").count() == 10
        picture = page.locator(".pair .shown").first.bounding_box()
        assert picture["width"] / picture["height"] == pytest.approx(16 / 9, rel=0.01)
        box = page.locator(".box-crop").first.bounding_box()
        assert box["width"] / picture["width"] == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("which", [("trace", "make"), ("comparison", "make"), ("comparison", "crowded")])
def test_prints_to_paper(browser, pages, which, tmp_path):
    with opened(browser, pages[which], DESKTOP) as page:
        paper = page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True, print_background=True)
        assert paper.startswith(b"%PDF")
        page.emulate_media(media="print")
        assert overflow(page) <= 0

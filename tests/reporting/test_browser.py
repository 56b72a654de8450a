"""The report in headless Chromium: it works, asks for nothing, and fits a phone and paper."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.reporting.make_case import bare_case, crowded_case, hostile_case, make_case, write_keyframes
from vidforensics.reporting import write_html

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    made = {}
    for make in (make_case, hostile_case, bare_case, crowded_case):
        folder = tmp_path_factory.mktemp(make.__name__)
        case = make()
        write_keyframes(case, folder)
        write_html(case, folder / "report.html", case_folder=folder)
        made[make.__name__] = folder / "report.html"
    return made


@contextmanager
def opened(browser, report, viewport, **options):
    """The report in a page; whatever goes wrong in it fails the test."""
    page = browser.new_page(viewport=viewport, **options)
    wrong = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else wrong.append(r.url))
    page.goto(report.as_uri())
    try:
        yield page
        assert wrong == []
    finally:
        page.close()


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("name", ["make_case", "hostile_case", "bare_case", "crowded_case"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_report_loads_quietly_and_fits(browser, reports, name, viewport):
    with opened(browser, reports[name], viewport) as page:
        assert overflow(page) <= 0
        assert page.locator("h2").count() == 13
        assert page.locator("#viewer").is_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_clicking_a_time_shows_its_frames_and_values(browser, reports, viewport):
    with opened(browser, reports["make_case"], viewport) as page:
        before = [page.inner_text("#readout"), page.inner_text("#values"), page.inner_html("#frames")]
        plot = page.locator(".lane-shots .plot")
        plot.scroll_into_view_if_needed()
        box = page.locator("#tl").bounding_box()
        row = plot.bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.7, row["y"] + 10)
        after = [page.inner_text("#readout"), page.inner_text("#values"), page.inner_html("#frames")]
        assert all(a != b for a, b in zip(before, after, strict=True))
        shown = page.locator("#frames img")
        assert shown.count() == 3
        assert shown.first.evaluate("image => image.complete && image.naturalWidth > 0")


def test_clicking_a_finding_moves_the_cursor(browser, reports):
    with opened(browser, reports["make_case"], DESKTOP) as page:
        page.locator("#headlines a.jump").nth(1).click()
        assert page.locator("#readout").inner_text().startswith("0:00:31.000")
        assert "frames repeated" in page.inner_text("#values")
        page.locator("#flags a.jump").nth(2).click()
        assert page.locator("#cursor").get_attribute("aria-valuetext") == "0:00:17.400"
        page.locator(".lane-flag a").first.click()
        assert page.locator("#cursor").get_attribute("aria-valuetext") == "0:00:09.600"


def test_unassessed_moments_say_why(browser, reports):
    with opened(browser, reports["make_case"], DESKTOP) as page:
        page.evaluate("setTime(26)")
        assert "not assessed: nothing moves" in page.inner_text("#values")


def test_keyboard_moves_by_frames_and_flags_and_zooms(browser, reports):
    with opened(browser, reports["make_case"], DESKTOP) as page:
        page.focus("#tl")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#readout").startswith("0:00:00.040")
        page.keyboard.press("n")
        assert page.inner_text("#readout").startswith("0:00:09.600")
        page.keyboard.press("Shift+ArrowLeft")
        assert page.inner_text("#readout").startswith("0:00:08.600")
        narrow = page.evaluate("plotWidth()")
        page.keyboard.press("+")
        assert page.evaluate("plotWidth()") == pytest.approx(2 * narrow, rel=0.01)
        page.keyboard.press("0")
        assert page.evaluate("plotWidth()") == pytest.approx(narrow, rel=0.01)


def test_wheel_zooms_about_the_pointer_and_shows_more_pictures(browser, reports):
    with opened(browser, reports["make_case"], DESKTOP) as page:
        plot = page.locator(".lane-strip .plot")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + 20
        visible = "document.querySelectorAll('.lane-strip image:not([display=none])').length"
        few, moment = page.evaluate(visible), page.evaluate(f"timeAt({x})")
        page.mouse.move(x, y)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -400)
        page.keyboard.up("Control")
        page.wait_for_function("view.zoom > 2")
        assert page.evaluate(visible) > few
        assert page.evaluate(f"timeAt({x})") == pytest.approx(moment, abs=0.1)


def test_drawing_is_complete_without_scripts(browser, reports):
    with opened(browser, reports["make_case"], DESKTOP, java_script_enabled=False) as page:
        assert page.locator("#viewer").is_hidden()
        assert page.locator(".lane").count() > 12
        assert page.locator(".tick-label").count() > 8
        assert page.locator(".flag").count() == 3


def test_prints_to_paper(browser, reports, tmp_path):
    with opened(browser, reports["make_case"], DESKTOP) as page:
        paper = page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True, print_background=True)
        assert paper.startswith(b"%PDF") and paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") >= 4
        page.emulate_media(media="print")
        assert page.locator("#viewer").is_hidden()
        assert overflow(page) <= 0


def test_dark_scheme_is_dark(browser, reports):
    with opened(browser, reports["make_case"], DESKTOP, color_scheme="dark") as page:
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in background[4:-1].split(",")) < 60

"""What made new users hesitate: where the button is, what a reload loses, what an empty view says."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.system.page.conftest import LINK, Visit
from tests.system.page.test_story import sign_in
from tests.tools.live_service import LiveService
from tests.tools.offline_youtube.site import OfflineYoutube

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]

WINDOWS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}
FREE = """(button) => { const { left, right, top, bottom } = button.getBoundingClientRect();
  return button.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2)); }"""
"""Whether a press on the middle of a button reaches it: it is in the window, and nothing covers it."""


def is_free(button: Locator) -> bool:
    return bool(button.evaluate(FREE))


def test_a_reload_keeps_the_link_and_the_range(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open(f"/#url={LINK}&from=4&to=6.5")
    page.get_by_label("End", exact=True).fill("7")
    page.get_by_label("End", exact=True).press("Tab")
    for _ in range(2):
        expect(page.get_by_label("Link to a video")).to_have_value(LINK)
        expect(page.get_by_label("Start", exact=True)).to_have_value("0:04")
        expect(page.get_by_label("End", exact=True)).to_have_value("0:07")
        page.reload()
    page.get_by_role("button", name="Clear the field").click()
    page.reload()
    expect(page.get_by_label("Link to a video")).to_have_value("")


@pytest.mark.page_matrix
@pytest.mark.parametrize("window", WINDOWS)
def test_the_next_button_is_always_in_the_window(
    browser: Browser, service: LiveService, offline_youtube: OfflineYoutube, window: str
) -> None:
    size = WINDOWS[window]
    visit = Visit(browser, service.base, viewport=size, locale="en-US", has_touch=True, is_mobile=window == "phone")
    page = visit.open(f"/#url={LINK}&from=3&to=5")
    expect(page.locator(".screen.ready")).to_be_visible()
    create = page.get_by_role("button", name="Create clip")
    assert page.evaluate("() => scrollY") == 0 and is_free(create), "before anything is scrolled"
    expect(page.get_by_text("0:03 – 0:05 (0:02)")).to_be_visible()
    page.get_by_label("Resolution").select_option("360p")
    create.click()
    sign_in(page, f"next-{window}@example.com")
    row = page.locator("clip-row.completed")
    expect(row).to_be_visible()
    expect(page.locator(".toast.shown")).to_have_count(0)
    page.wait_for_function(FREE, arg=row.get_by_role("button", name="Download").element_handle())
    page.reload()
    expect(row.get_by_role("button", name="Download")).to_be_attached()
    page.goto("/#account")
    page.get_by_role("main").get_by_role("button", name="Sign out").first.click()
    page.get_by_role("link", name="yt-downloader").click()
    expect(page.get_by_label("Link to a video")).to_have_value("")
    expect(page.locator("clip-row")).to_have_count(0)
    visit.context.close()
    assert visit.problems == []


def test_a_view_says_what_it_is_for_before_it_asks_for_a_login(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("link", name="Convert it here").click()
    expect(page.get_by_text("Convert your own videos")).to_be_visible()
    page.get_by_role("link", name="Chat bots").click()
    expect(page.get_by_text("Viewers type !clip")).to_be_visible()

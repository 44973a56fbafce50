"""Times that are typed: what cannot be used is said at the field and never changed or cut silently."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.system.page.conftest import FOCUSED, LINK, Visit
from tests.system.page.test_new_user import FREE, WINDOWS
from tests.system.page.test_story import sign_in
from tests.tools.live_service import LiveService
from tests.tools.offline_youtube.site import OfflineYoutube

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]

REFUSED = {
    "abc": "Write 90, 1:30 or 1h2m3s.",
    "2": "The end must be after the start.",
    "99": "The video ends at 0:20.",
}


@pytest.mark.parametrize("window", WINDOWS)
def test_what_cannot_be_used_is_said_at_the_field(
    browser: Browser, service: LiveService, offline_youtube: OfflineYoutube, window: str
) -> None:
    size = WINDOWS[window]
    visit = Visit(browser, service.base, viewport=size, locale="en-US", has_touch=True, is_mobile=window == "phone")
    page = visit.open(f"/#url={LINK}&from=5&to=9")
    expect(page.locator(".screen.ready")).to_be_visible()
    start, end = page.get_by_label("Start", exact=True), page.get_by_label("End", exact=True)
    for text, reason in REFUSED.items():
        end.fill(text)
        page.get_by_role("button", name="Create clip").click()
        expect(end).to_be_focused()
        expect(end).to_have_attribute("aria-invalid", "true")
        said = page.get_by_text(reason)
        expect(said).to_have_count(1)
        page.wait_for_function(FREE, arg=said.element_handle())
        expect(start).to_have_value("0:05")
        expect(page.get_by_role("dialog")).to_have_count(0)
    end.fill("8")
    start.fill("abc")
    end.press("Tab")
    expect(start).to_have_value("abc")
    expect(end).to_have_value("0:08")
    start.fill("6")
    start.press("Tab")
    expect(page.locator(".range [role=alert]:not(:empty)")).to_have_count(0)
    expect(page.get_by_text("0:06 – 0:08 (0:02)")).to_have_count(1)
    visit.context.close()
    assert visit.problems == [] and not [url for url in visit.requested if url.endswith("/api/video/save")]


def test_a_frame_has_one_time_everywhere(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open(f"/#url={LINK}&from=5&to=9")
    expect(page.locator(".screen.ready")).to_be_visible()
    start, end = page.get_by_label("Start", exact=True), page.get_by_label("End", exact=True)
    badge = page.locator(".badge").first
    track = page.get_by_role("group", name="whole video").locator(".track")
    box = track.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.3013, box["y"] + 20)
    expect(badge).to_have_text("0:06")
    page.get_by_role("button", name="One frame on").click()
    page.get_by_role("button", name="Start here").click()
    expect(badge).to_have_text("First frame at 0:06.04")
    expect(start).to_have_value("0:06.04")
    page.get_by_role("button", name="One second on").click()
    page.get_by_role("button", name="One frame back").click()
    page.get_by_role("button", name="End here").click()
    expect(badge).to_have_text("Last frame at 0:07")
    expect(end).to_have_value("0:07.04")
    expect(page.locator(".length")).to_have_text("0:01")
    page.reload()
    expect(start).to_have_value("0:06.04")
    expect(end).to_have_value("0:07.04")


def test_a_new_clip_gets_the_focus_and_is_made_once(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open(f"/#url={LINK}&from=5&to=6")
    page.get_by_label("Resolution").select_option("144p")
    create = page.get_by_role("button", name="Create clip")
    create.click()
    sign_in(page, "once@example.com")
    expect(page.locator("clip-row")).to_be_focused()
    expect(page.locator("clip-row.completed")).to_be_visible()
    create.dblclick()
    expect(page.locator("clip-row")).to_be_focused()
    expect(page.get_by_text("in the list already")).to_be_attached()
    expect(page.locator("clip-row")).to_have_count(1)
    assert page.evaluate(FOCUSED) == "Offline film: ladder"
    page.get_by_label("Start", exact=True).fill("5.5")
    page.get_by_label("Start", exact=True).press("Tab")
    page.get_by_role("group", name="Timeline").focus()
    page.keyboard.press("Enter")
    page.get_by_label("End", exact=True).focus()
    expect(page.locator("clip-row")).to_have_count(2)
    expect(page.locator("clip-row.completed")).to_have_count(2)
    expect(page.get_by_label("End", exact=True)).to_be_focused()

"""Several tabs of one browser: they hear the same events, and have the same user."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.system.page.conftest import LINK, Visit
from tests.system.page.test_story import sign_in
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]

OWN = {"X-Requested-With": "yt-downloader"}
PASSWORD = "SecurePass123!"
LISTEN = """() => import('/page/events.js').then(({ feed }) => {
  window.heard = 0;
  feed.addEventListener('job', () => { window.heard += 1; });
})"""
READS = "() => import('/page/events.js').then(({ feed }) => feed.stream !== null)"


def registered(visit: Visit, email: str) -> None:
    """A browser whose cookie is that of a new account."""
    reply = visit.context.request.post("/api/auth/register", data={"email": email, "password": PASSWORD}, headers=OWN)
    assert reply.status == 201


def reader(pages: list[Page]) -> Page:
    """The one tab that reads the events, as soon as the tabs agree."""

    def only() -> Page | None:
        pages[0].wait_for_timeout(20)  # lets the tabs hear each other
        found = [page for page in pages if page.evaluate(READS)]
        return found[0] if len(found) == 1 else None

    return eventually(only)


def test_when_the_tab_that_reads_the_events_closes_the_others_still_hear_them(
    visit: Visit, offline_youtube: OfflineYoutube
) -> None:
    registered(visit, "tabs@example.com")
    pages = [visit.open() for _ in range(3)]
    closed = reader(pages)
    closed.close()
    pages.remove(closed)
    for page in pages:
        page.evaluate(LISTEN)
    saved = visit.context.request.post(
        "/api/video/save", data={"url": LINK, "start_time": 1, "end_time": 2}, headers=OWN
    )
    visit.context.request.post(f"/api/video/start/{saved.json()['video_id']}", data={}, headers=OWN)
    for page in pages:
        page.wait_for_function("window.heard > 0")


def test_all_tabs_have_the_user_of_the_last_login(visit: Visit) -> None:
    registered(visit, "first@example.com")
    one, two = visit.open("/#account"), visit.open("/#clips")
    expect(two.locator(".account")).to_have_text("first@example.com")
    one.get_by_role("button", name="Sign out").click()
    expect(two.get_by_text("Sign in or register to see this.")).to_be_visible()
    one.get_by_role("main").get_by_role("button", name="Sign in").click()
    sign_in(one, "second@example.com")
    expect(two.locator(".account")).to_have_text("second@example.com")

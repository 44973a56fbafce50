"""A visitor without an account makes a clip, where the operator allows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.system.e2e.conftest import QUICK
from tests.system.page.conftest import LINK, Visit
from tests.tools.live_service import LiveService, running_service
from tests.tools.offline_youtube.site import OfflineYoutube

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.page_matrix, pytest.mark.xdist_group("page")]


@pytest.fixture
def open_to_guests(offline_youtube_session: OfflineYoutube) -> Iterator[LiveService]:
    with running_service({**offline_youtube_session.environment(), **QUICK, "GUEST_CLIPS": "on"}) as running:
        yield running


def test_a_guest_needs_no_account(
    browser: Browser, open_to_guests: LiveService, offline_youtube: OfflineYoutube
) -> None:
    visit = Visit(browser, open_to_guests.base, locale="en-US")
    page = visit.open(f"/#url={LINK}&from=3&to=5")
    page.get_by_label("Resolution").select_option("360p")
    page.get_by_role("button", name="Create clip").click()
    row = page.locator("clip-row.completed")
    expect(row).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)
    expect(row.get_by_role("button", name="Share")).to_have_count(0)
    with page.expect_download() as started:
        row.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename == "Offline film_ ladder.mp4"
    page.get_by_role("link", name="My clips").click()
    expect(page.locator(".poster img")).to_be_visible()
    page.get_by_role("link", name="Chat bots").click()
    expect(page.get_by_text("Sign in or register to see this.")).to_be_visible()
    visit.context.close()
    assert visit.problems == []

"""From a pasted link to a file, in a browser, without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.system.page.conftest import LINK, Visit, save_download, tab_to
from tests.tools.media_kit import decode_errors, frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]


def sign_in(page: Page, email: str) -> None:
    """Fill the sheet, which has the focus in its first field."""
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type("SecurePass123!")
    page.keyboard.press("Enter")


def test_the_story_by_keyboard(visit: Visit, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    page = visit.open()
    tab_to(page, "Link to a video")
    page.keyboard.insert_text(f"{LINK}&t=3.5")
    expect(page.get_by_role("heading", name="Offline film: ladder")).to_be_visible()
    expect(page.get_by_label("Start", exact=True)).to_have_value("0:03.5")

    tab_to(page, "Timeline")
    screen = page.locator(".screen.ready")
    expect(screen).to_have_attribute("data-shown", "3.52")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(screen).to_have_attribute("data-shown", "3.6")
    page.keyboard.press("i")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("o")
    expect(screen).to_have_attribute("data-shown", "5.56")
    tab_to(page, "Resolution")
    page.keyboard.type("720p")
    tab_to(page, "Create clip")
    page.keyboard.press("Enter")
    sign_in(page, "keyboard@example.com")

    row = page.locator("clip-row.completed")
    expect(row).to_be_visible(timeout=60_000)
    assert not [url for url in visit.requested if url.endswith("/api/video/list")], "progress comes as events"
    tab_to(page, "Download")
    clip = save_download(page, tmp_path, "Enter")
    assert clip.name == "Offline film_ ladder.mp4"
    assert decode_errors(clip) == ""
    assert [frame.number for frame in frame_numbers(clip)] == list(range(90, 140))


def test_a_failure_says_who_can_help_and_is_tried_again(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open()
    page.get_by_label("Link to a video").fill(offline_youtube.url(VideoId.BOT_CHECK))
    notice = page.locator(".notice")
    expect(notice).to_contain_text("not a bot")
    expect(notice).to_contain_text("Only the operator of this service can solve this.")
    expect(notice).not_to_contain_text("YTDLP")
    page.get_by_label("Link to a video").fill(offline_youtube.url(VideoId.MEDIA_GONE))
    page.get_by_label("End", exact=True).fill("5")
    page.get_by_role("button", name="Create clip").click()
    sign_in(page, "failure@example.com")
    expect(page.locator("clip-row.failed .notice")).to_contain_text("The media server no longer has the video")
    offline_youtube.heal(VideoId.MEDIA_GONE)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("clip-row.completed")).to_be_visible(timeout=60_000)

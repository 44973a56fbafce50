"""``make pictures``: the page in the sizes and colours of docs/pictures, against the offline YouTube.

Look at every picture before it is committed: it is what README.md and docs/page.md show.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.engines.clip.browser import program
from tests.system.e2e.conftest import QUICK
from tests.tools.live_service import ROOT, running_service
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

PICTURES = ROOT / "docs/pictures"
SECONDS = 120
TALL = 1400
QUALITY = 70
"""Of the JPEG files, in percent: small, and letters are still sharp."""


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with (
        OfflineYoutube() as site,
        running_service({**site.environment(), **QUICK}) as service,
        sync_playwright() as tool,
    ):
        browser = tool.chromium.launch(
            executable_path=program(), args=["--no-sandbox", "--disable-gpu", "--mute-audio"]
        )
        for width, scheme in ((1440, "light"), (1440, "dark"), (800, "light"), (360, "light"), (360, "dark")):
            _tour(browser, service.base, site, width, "dark" if scheme == "dark" else "light")
        browser.close()


def _tour(browser: Browser, base: str, site: OfflineYoutube, width: int, scheme: Literal["dark", "light"]) -> None:
    height = 780 if width < 600 else 900
    context = browser.new_context(
        base_url=base,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale="en-US",
    )
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Link to a video").wait_for()
    _take(page, "home", width, scheme)
    page.locator(".account button").click()
    page.get_by_label("E-mail address").fill("anna@example.com")
    page.get_by_label("Password").fill("SecurePass123!")
    page.get_by_role("button", name="Continue").click()
    page.locator("dialog").wait_for(state="detached")
    page.get_by_label("Link to a video").fill(f"{site.url(VideoId.LADDER)}&t=3")
    page.locator(".screen.ready").wait_for()
    page.get_by_role("textbox", name="End").fill("8.5")
    page.get_by_label("Resolution").select_option("360p")
    page.get_by_role("group", name="Timeline").focus()
    page.locator(".toast.shown").wait_for(state="detached")
    if (
        width > 600
    ):  # all of it in the window: in a picture of more than the window, the bar with the button is misplaced
        page.set_viewport_size({"width": width, "height": TALL})
        page.evaluate("() => scrollTo(0, 0)")
    _take(page, "choose", width, scheme)
    page.set_viewport_size({"width": width, "height": height})
    page.get_by_role("button", name="Create clip").click()
    page.locator("clip-row.completed").wait_for()
    page.goto("/#clips")
    page.locator(".poster img").first.wait_for()
    page.locator(".toast.shown").wait_for(state="detached")
    _take(page, "clips", width, scheme)
    page.goto("/#bots")
    page.get_by_label("Channel").fill("@offlinefilms")
    _take(page, "bots", width, scheme)
    context.close()


def _take(page: Page, name: str, width: int, scheme: str) -> None:
    path: Path = PICTURES / f"{name}-{width}-{scheme}.jpg"
    page.mouse.move(0, 0)
    page.evaluate("() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)))")
    page.screenshot(path=path, type="jpeg", quality=QUALITY)


if __name__ == "__main__":
    main()

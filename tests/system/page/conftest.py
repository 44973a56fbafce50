"""The page in a real Chromium, with the whole service and the offline YouTube behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.engines.clip.browser import program
from tests.system.e2e.conftest import QUICK
from tests.tools.live_service import LiveService, running_service
from tests.tools.offline_youtube.fixtures import offline_youtube, offline_youtube_session
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.waiting import HANG_SECONDS

__all__ = ["offline_youtube", "offline_youtube_session"]

# "--no-sandbox": tests may run as root, in whose name Chromium refuses its own sandbox.
FLAGS = ["--no-sandbox", "--disable-gpu", "--mute-audio", "--disable-background-networking", "--no-first-run"]
LINK = "https://www.youtube.com/watch?v=ladder_____"

expect.set_options(timeout=HANG_SECONDS * 1000)


@pytest.fixture(scope="package")
def service(offline_youtube_session: OfflineYoutube) -> Iterator[LiveService]:
    with running_service(
        {
            **offline_youtube_session.environment(),
            **QUICK,
            "JOB_RETRY_LIMIT": "1",
            "TRUSTED_PROXIES": "1",
            "FORWARDED_PREFIX": "on",
        }
    ) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as tool:
        running = tool.chromium.launch(executable_path=program(), args=FLAGS)
        yield running
        running.close()


class Visit:
    """Pages of one visitor, what they requested, and what went wrong in them."""

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        self.base = base
        self.context: BrowserContext = browser.new_context(base_url=base, **options)
        self.context.set_default_timeout(HANG_SECONDS * 1000)
        self.requested: list[str] = []
        self.problems: list[str] = []
        self.context.on("request", lambda request: self.requested.append(request.url))
        self.context.on("weberror", lambda error: self.problems.append(str(error.error)))
        self.context.on("console", lambda message: self._note(message.type, message.text))

    def _note(self, kind: str, text: str) -> None:
        # Answers that are errors are part of some stories; the page itself says so.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.problems.append(text)

    def open(self, path: str = "/") -> Page:
        """A page of this service, as soon as it can be used."""
        page = self.context.new_page()
        page.goto(path)
        page.locator("main").wait_for()
        return page

    def foreign(self) -> list[str]:
        """Addresses of other hosts that were requested."""
        own = urlsplit(self.base).netloc
        return [
            url for url in self.requested if urlsplit(url).scheme.startswith("http") and urlsplit(url).netloc != own
        ]


@pytest.fixture
def visit(browser: Browser, service: LiveService) -> Iterator[Visit]:
    visitor = Visit(browser, service.base, viewport={"width": 1280, "height": 900}, locale="en-US")
    yield visitor
    visitor.context.close()
    assert visitor.problems == [], "errors in the console of the page, violations of its policy too"
    assert visitor.foreign() == [], "the page asked other hosts"


def tab_to(page: Page, name: str, *, most: int = 60) -> None:
    """Press Tab until the control with this label or text has the focus, as a reader without a mouse does."""
    for _ in range(most):
        if page.evaluate(FOCUSED) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name!r} is not reached by Tab; the focus is on {page.evaluate(FOCUSED)!r}")


FOCUSED = """() => { const e = document.activeElement; if (!e) return '';
  return (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || '').trim(); }"""


def save_download(page: Page, folder: Path, press: str) -> Path:
    """Press the focused control and return the file that the browser saves."""
    with page.expect_download() as started:
        page.keyboard.press(press)
    path = folder / str(started.value.suggested_filename)
    started.value.save_as(path)
    return path

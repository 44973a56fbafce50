"""How long the web page takes to paint, and to show the frame of a moment: ``python -m benchmarks.page``.

The whole service with its embedded stores over plain HTTP, against the offline YouTube, in headless Chromium. First
paint is Chromium's own figure, from the beginning of the navigation; a cold visit has an empty cache.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.engines.clip.browser import program
from tests.tools.live_service import running_service
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

ROUNDS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--mute-audio"]
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
_BYTES = "() => performance.getEntriesByType('resource').reduce((sum, each) => sum + each.transferSize, 0)"


def main() -> None:
    """Print the table of ``docs/benchmarks.md``."""
    with OfflineYoutube() as site, running_service(site.environment()) as service, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=program(), args=FLAGS)
        cold, warm, received = [], [], 0.0
        for _ in range(ROUNDS):
            context = browser.new_context(base_url=service.base)
            cold.append(_painted(context))
            warm.append(_painted(context))
            context.close()
        rows = [("first paint, cold", cold), ("first paint, warm", warm)]
        rows.append(
            ("usable, cold: the field can be typed into", [_usable(browser, service.base) for _ in range(ROUNDS)])
        )
        page = browser.new_context(base_url=service.base).new_page()
        page.goto("/")
        page.get_by_label("Link to a video").wait_for()
        received = page.evaluate(_BYTES)
        rows.append(("exact first frame of a pasted link", [_timed(lambda: _paste(page, site.url(VideoId.LADDER)))]))
        browser.close()
    print("| until it is there | ms, median | ms, all |\n|---|---|---|")
    for name, found in rows:
        print(f"| {name} | {statistics.median(found):.0f} | {', '.join(f'{each:.0f}' for each in found)} |")
    print(f"\nThe first view received {received / 1000:.0f} kB.")


def _painted(context: BrowserContext) -> float:
    page = context.new_page()
    page.goto("/")
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    found = float(page.evaluate(_PAINT))
    page.close()
    return found


def _usable(browser: Browser, base: str) -> float:
    context = browser.new_context(base_url=base)
    page = context.new_page()
    page.goto("about:blank")
    taken = _timed(lambda: (page.goto("/"), page.get_by_label("Link to a video").wait_for()))
    context.close()
    return taken


def _paste(page: Page, url: str) -> None:
    page.get_by_label("Link to a video").fill(f"{url}&t=3")
    page.locator(".screen.ready").wait_for()


def _timed(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return (time.monotonic() - started) * 1000


if __name__ == "__main__":
    main()

"""Everyone can use the page: axe-core finds nothing, in both colour schemes and languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.page.conftest import LINK, Visit
from tests.tools.live_service import LiveService
from tests.tools.offline_youtube.site import OfflineYoutube

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


def violations(page: Page) -> list[str]:
    """What axe-core finds, as a line each. It is run in the page's own world, past the page's policy."""
    assert AXE.exists(), "the tests of the page need axe-core: run scripts/test-packages.sh"
    page.evaluate(AXE.read_text())
    page.evaluate("() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)))")
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found["violations"]]


def test_the_first_view(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open()
    assert violations(page) == []
    page.get_by_label("Link to a video").fill(LINK)
    expect(page.locator(".screen.ready")).to_be_visible()
    assert violations(page) == []


@pytest.mark.page_matrix
@pytest.mark.parametrize("language", ["en-US", "de-DE"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1440])
def test_every_view(
    browser: Browser, service: LiveService, offline_youtube: OfflineYoutube, language: str, scheme: str, width: int
) -> None:
    visit = Visit(browser, service.base, viewport={"width": width, "height": 900}, locale=language, color_scheme=scheme)
    page = visit.open()
    page.locator(".account button").click()
    assert violations(page) == []
    dialog = page.locator("dialog")
    dialog.locator("[type=email]").fill("access@example.com")
    dialog.locator("[type=password]").fill("SecurePass123!")
    dialog.locator("[type=submit]").click()
    expect(dialog).to_have_count(0)
    for name in ("", "clips", "uploads", "bots", "account"):
        page.goto(f"/#{name}")
        expect(page.locator("main h1")).to_be_attached()
        assert violations(page) == [], name
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), name
    page.goto(f"/#url={LINK}")
    expect(page.locator(".screen.ready")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    visit.context.close()
    assert visit.problems == []

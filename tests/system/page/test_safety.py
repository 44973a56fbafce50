"""What others wrote is text in the page, and the page runs and asks for nothing but this service."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.system.page.conftest import Visit
from tests.tools.live_service import ROOT, LiveService
from tests.tools.offline_youtube.player import title
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]

STATIC = ROOT / "src/pages/static"
FIRST_VIEW_BYTES = 150_000


def test_a_title_with_markup_is_text(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open()
    page.get_by_label("Link to a video").fill(offline_youtube.url(VideoId.MARKUP_IN_TITLE))
    heading = page.locator("clip-chooser h2")
    expect(heading).to_have_text(title(VideoId.MARKUP_IN_TITLE))
    assert (
        page.evaluate("() => [...document.querySelectorAll('script, img, svg')].filter(e => e.id === 'evil').length")
        == 0
    )
    assert page.evaluate("() => window.evil") is None


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_page_has_a_policy_without_exceptions(service: LiveService, path: str) -> None:
    reply = httpx.get(service.base + path, headers={"Accept": "text/html"})
    policy = reply.headers["Content-Security-Policy"]
    assert reply.status_code == 200 and policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy


def test_programs_get_the_documentation(service: LiveService) -> None:
    reply = httpx.get(service.base + "/")
    assert (reply.status_code, reply.headers["Location"]) == (302, "/docs")
    assert reply.headers["Vary"] == "Accept"


def test_a_shared_text_opens_the_first_link(service: LiveService) -> None:
    given = {"title": "A film", "text": "Look: https://youtu.be/ladder_____?t=3 and https://example.com"}
    reply = httpx.get(service.base + "/share", params=given)
    assert reply.headers["Location"] == "/#url=https%3A%2F%2Fyoutu.be%2Fladder_____%3Ft%3D3"


def test_the_first_view_is_small(visit: Visit, service: LiveService) -> None:
    page = visit.open()
    expect(page.get_by_label("Link to a video")).to_be_visible()
    sizes = {url: len(httpx.get(url, headers={"Accept": "text/html"}).content) for url in set(visit.requested)}
    assert sum(sizes.values()) <= FIRST_VIEW_BYTES, sizes
    # None is only found while another one is read: that would be a round trip more for each.
    modules = {name for url in sizes if (name := url.rpartition("/")[2]).endswith(".js") and "texts." not in name}
    preloaded = set(re.findall(r'modulepreload" href="page/([\w.-]+)"', (ROOT / "src/pages/shell.html").read_text()))
    assert modules - {"main.js"} == preloaded - {"texts.js"}


class Inline(HTMLParser):
    """Notes what a strict policy forbids: scripts, styles and handlers inside the document."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [name for name in names if name == "style" or name.startswith("on")]
        self.found += [
            str(names[name]) for name in ("src", "href") if str(names.get(name, "")).startswith(("/", "http"))
        ]


def test_the_shell_has_nothing_inline_and_only_relative_addresses() -> None:
    parser = Inline()
    parser.feed((ROOT / "src/pages/shell.html").read_text())
    assert parser.found == []


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_module_makes_elements_from_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser", text
    )
    assert not re.search(r"['\"`]https?://(?!www\.w3\.org/|\$\{bare)", text), "no address of another host"
    is_table = path.name.startswith("texts.") and path.name != "texts.js"
    assert is_table or len(text.splitlines()) <= 300, "a module of this length has more than one reason to exist"

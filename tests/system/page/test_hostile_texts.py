"""Every text of every answer that the page shows is hostile once: it stays text, on every view."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.system.page.conftest import Visit
from tests.system.page.test_story import sign_in
from tests.tools.offline_youtube.site import OfflineYoutube

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]

EVIL = "\"'><img id=evil src=x onerror='window.evil=1'><script id=evil>window.evil=1</script>{title}"
BEGINNING = 20
ERROR = {"code": "SOMETHING_NEW", "message": f"failed {EVIL}"}
CLIP: dict[str, Any] = {
    "kind": "clip",
    "status": "completed",
    "queued": True,
    "file_available": True,
    "title": f"clip {EVIL}",
    "url": f"javascript:window.evil=1//{EVIL}",
    "start_time": 1,
    "end_time": 2,
    "file_size_bytes": 1,
    "actual": {"resolution": f"lines {EVIL}", "start": 1, "end": 2, "duration": 1},
    "notes": [{"code": "NOTE_NEW", "text": f"note {EVIL}"}],
}
ANSWERS: dict[str, Any] = {
    "**/api/video/list?*": {
        "total": 3,
        "videos": [
            {**CLIP, "video_id": "1"},
            {**CLIP, "video_id": "2", "status": "failed", "error": ERROR},
            {
                **CLIP,
                "video_id": "3",
                "status": "processing",
                "progress": {"current_phase": EVIL, "progress": 5, "speed": f"1 {EVIL}", "eta": EVIL},
            },
        ],
    },
    "**/api/encode/list?*": {
        "encodes": [
            {
                "encode_id": "1",
                "status": "completed",
                "file_available": True,
                "original_filename": f"file {EVIL}.mp4",
                "video_codec": f"codec {EVIL}",
                "quality_preset": EVIL,
                "file_size_mb": 1,
                "notes": [{"text": f"plan {EVIL}"}],
            },
            {"encode_id": "2", "status": "failed", "original_filename": EVIL, "error": ERROR},
        ]
    },
    "**/api/auth/tokens": {
        "tokens": [{"id": "1", "name": f"token {EVIL}", "hint": EVIL, "stream": f"channel {EVIL}", "uses": 1}]
    },
    "**/api/auth/logins": {"logins": [{"id": "1", "client": f"client {EVIL}", "created_at": "2026-01-01T00:00:00Z"}]},
    "**/api/diagnostics": {
        "ok": False,
        "reasons": [f"reason {EVIL}"],
        "sandbox": {"files": f"files {EVIL}", "network": EVIL},
        "self_test": {EVIL: {"ok": False, "problem": f"problem {EVIL}"}},
        "queues": {EVIL: {"waiting": EVIL, "running": EVIL}},
    },
    "**/api/video/info": {
        "video_id": "ladder_____",
        "title": f"title {EVIL}",
        "author": f"author {EVIL}",
        "duration": 20,
        "live_status": EVIL,
        "chapters": [{"title": f"chapter {EVIL}", "start_time": 0, "end_time": 5}],
        "resolutions": [f"1080p {EVIL}"],
        "start_time": None,
        "storyboard": None,
    },
    "**/api/video/preview": {"code": "PREVIEW_NEW", "error": f"preview {EVIL}"},
    "**/c/-/clips": {
        "clips": [
            {**CLIP, "video_id": "1", "viewer": f"viewer {EVIL}", "source_title": f"source {EVIL}"},
            {**CLIP, "video_id": "2", "status": "failed", "error": ERROR, "title": None, "source_title": f"two {EVIL}"},
        ]
    },
}
SEEN = {
    "clips": ("clip ", "lines ", "note ", "failed "),
    "uploads": ("file ", "plan ", "failed "),
    "bots": ("token ", "channel "),
    "account": ("client ", "reason ", "files ", "problem "),
    f"url={EVIL}&from=1": (),
    "url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3Dladder_____": ("title ", "author ", "chapter ", "preview "),
    f"m={'x' * 20}": ("clip ", "viewer ", "two ", "failed "),
}


def answer(page: Page, pattern: str, body: Any) -> None:
    def reply(route: Route) -> None:
        route.fulfill(json=body, status=400 if "code" in body else 200)

    page.route(pattern, reply)


def test_no_text_becomes_an_element(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open("/#bots")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    sign_in(page, "hostile@example.com")
    expect(page.get_by_role("button", name="Make the command")).to_be_visible()
    for pattern, body in ANSWERS.items():
        answer(page, pattern, body)
    for place, texts in SEEN.items():
        page.evaluate("(place) => { location.hash = ''; location.hash = place; }", place)
        for text in texts:
            begins = text + EVIL[:BEGINNING]  # some are cut
            shown = page.get_by_text(begins).or_(page.get_by_label(begins))
            expect(shown.first, f"{text} at #{place}").to_be_attached()
        assert page.evaluate("() => [document.querySelectorAll('#evil').length, window.evil]") == [0, None], place
        links = page.evaluate("() => [...document.querySelectorAll('a, video, img')].map((e) => e.href ?? e.src)")
        assert not [link for link in links if link.startswith("javascript:") and not link.startswith(BOOKMARK)], place


BOOKMARK = "javascript:(()=>{const v=document.querySelector('video')"
"""The bookmark of the account view, which readers drag to their bar; a press does nothing."""

"""The page while the service is slow or away, with a wrong clock, without cookies, and over a long time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.system.page.conftest import LINK, Visit
from tests.tools.live_service import LiveService
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("page")]

ALSO = pytest.mark.page_matrix  # rows that `make test-page` adds

CLIP = {"video_id": "1", "kind": "clip", "status": "processing", "queued": True, "title": "A film"}
READY = {**CLIP, "status": "completed", "file_available": True}
ENCODE = {"encode_id": "1", "status": "processing", "original_filename": "A file.mp4", "video_codec": "h264"}
AWAY = {"code": "STORE_UNAVAILABLE", "error": "away"}
SHOW = """([module, name, given, count]) => import(`/page/${module}`).then((parts) => {
  for (let n = 0; n < count; n += 1) {
    const row = new parts[name]();
    row.show(given);
    document.querySelector('main').append(row);
  }
})"""
ENDED = """() => import('/page/events.js').then(({ feed }) => {
  Object.defineProperty(feed, 'open', { value: true });
  feed.tell({ job_id: '1', status: 'completed' });
})"""
BLOBS = """const { createObjectURL: make, revokeObjectURL: drop } = URL;
window.made = 0;
window.dropped = 0;
URL.createObjectURL = (blob) => { window.made += 1; return make.call(URL, blob); };
URL.revokeObjectURL = (url) => { window.dropped += 1; drop.call(URL, url); };"""
MINUTE = 60_000


@pytest.mark.parametrize(
    ("row", "pattern", "ready"),
    [
        (["clip-row.js", "ClipRow", CLIP, 1], "**/api/video/status/1", READY),
        pytest.param(
            ["encode-row.js", "EncodeRow", ENCODE, 1], "**/api/encode/status/1", {**ENCODE, **READY}, marks=ALSO
        ),
    ],
    ids=["clip", "encode"],
)
def test_an_end_is_shown_although_the_service_is_away_at_that_moment(
    visit: Visit, row: list[object], pattern: str, ready: dict[str, object]
) -> None:
    page = visit.open()
    answers = iter([AWAY])

    def answer(route: Route) -> None:
        away = next(answers, None)
        route.fulfill(json=away or ready, status=503 if away else 200)

    page.route(pattern, answer)
    page.evaluate(SHOW, row)
    page.evaluate(ENDED)
    expect(page.locator("main").get_by_role("button", name="Download")).to_be_visible()


@pytest.mark.parametrize(
    ("row", "pattern"),
    [
        (["clip-row.js", "ClipRow", CLIP, 3], "**/api/video/status/1"),
        pytest.param(["encode-row.js", "EncodeRow", ENCODE, 3], "**/api/encode/status/1", marks=ALSO),
    ],
    ids=["clips", "encodes"],
)
def test_a_row_asks_again_only_after_an_answer(visit: Visit, row: list[object], pattern: str) -> None:
    page = visit.context.new_page()
    page.clock.install()
    page.goto("/")
    page.locator("main").wait_for()
    asked = held(page, pattern)
    page.evaluate(SHOW, row)
    page.clock.run_for(MINUTE)
    page.wait_for_function("() => true")
    assert len(asked) == 3


def held(page: Page, pattern: str) -> list[Route]:
    """Requests that get no answer."""
    found: list[Route] = []
    page.route(pattern, lambda route: found.append(route))
    return found


def test_a_page_of_moderators_asks_again_only_after_an_answer_however_late_it_is(visit: Visit) -> None:
    page = visit.context.new_page()
    page.clock.install()
    asked = held(page, "**/c/-/clips")
    with page.expect_request("**/c/-/clips"):
        page.goto(f"/#m={'x' * 20}")
    page.clock.run_for(MINUTE)
    for _ in range(2):
        asked[-1].fulfill(json={"clips": []})
        expect(page.get_by_text("No clips yet")).to_be_visible()
        before = len(asked)
        with page.expect_request("**/c/-/clips"):
            page.clock.run_for(MINUTE)
        page.clock.run_for(MINUTE)
        assert len(asked) == before + 1


@pytest.mark.parametrize("hours", [-3, pytest.param(3, marks=ALSO)])
def test_the_time_left_is_that_of_the_service(visit: Visit, hours: int) -> None:
    page = visit.context.new_page()
    page.clock.install(time=datetime.now(UTC) + timedelta(hours=hours))
    page.goto("/")
    page.locator("main").wait_for()
    until = datetime.now(UTC) + timedelta(minutes=20, seconds=5)
    page.evaluate(SHOW, ["clip-row.js", "ClipRow", {**READY, "expires_at": until.isoformat()}, 1])
    expect(page.locator("clip-row")).to_contain_text("deleted in 20 min")


@pytest.mark.parametrize("row", [["clip-row.js", "ClipRow"], ["encode-row.js", "EncodeRow"]], ids=["clip", "encode"])
def test_the_time_left_counts_down_and_ends_as_deleted(visit: Visit, row: list[object]) -> None:
    page = visit.context.new_page()
    page.clock.install()
    page.goto("/")
    page.locator("main").wait_for()
    until = datetime.now(UTC) + timedelta(minutes=20, seconds=5)
    ready = {**ENCODE, **READY, "expires_at": until.isoformat()}
    page.evaluate(SHOW, [*row, ready, 1])
    shown = page.locator(".row.card")
    expect(shown).to_contain_text("deleted in 20 min")
    page.clock.fast_forward(15 * MINUTE)
    expect(shown).to_contain_text("deleted in 5 min")
    page.clock.fast_forward(6 * MINUTE)
    expect(shown).to_contain_text("The file has expired and was deleted.")
    expect(shown.get_by_role("button", name="Delete")).to_be_visible()
    for button in ("Download", "Make again"):  # the service may not have deleted it yet
        expect(shown.get_by_role("button", name=button)).to_have_count(0)


def test_a_view_that_cannot_be_loaded_opens_when_the_service_is_back(visit: Visit) -> None:
    page = visit.context.new_page()
    page.clock.install()  # the page asks again when the test says so
    page.route("**/api/auth/me", lambda route: route.fulfill(json={"user": {"id": "1", "email": "a"}}))
    page.route("**/api/video/list?*", lambda route: route.fulfill(json={"videos": [], "total": 0}))
    held(page, "**/api/events")
    page.goto("/")
    page.locator("main").wait_for()
    away = ["**/page/clips.js", "**/page/facts.json"]
    for pattern in away:
        page.route(pattern, lambda route: route.abort())
    page.get_by_role("link", name="My clips").click()
    expect(page.locator(".notice")).to_contain_text("The service cannot be reached.")
    expect(page.locator(".notice").get_by_role("button", name="Try again")).to_be_visible()
    for pattern in away:
        page.unroute(pattern)
    page.clock.run_for(MINUTE)
    expect(page.get_by_role("heading", name="My clips")).to_be_visible()


def test_a_module_that_does_not_arrive_although_the_service_answers_counts_as_away(visit: Visit) -> None:
    page = visit.open()
    page.route("**/page/bots.js", lambda route: route.abort())
    said = page.evaluate("""() => import('/page/api.js')
      .then(({ loaded }) => loaded('bots.js', () => import('/page/bots.js')))
      .catch((error) => error.code)""")
    assert said == "NETWORK_DOWN"


def test_a_module_that_still_does_not_arrive_loads_the_page_again_once(visit: Visit) -> None:
    page = visit.open()
    page.route("**/page/bots.js", lambda route: route.abort())
    ask = """() => import('/page/api.js')
      .then(({ loaded }) => loaded('bots.js', () => import('/page/bots.js')))
      .catch((error) => error.code)"""
    assert page.evaluate(ask) == "NETWORK_DOWN"
    with page.expect_navigation():
        page.evaluate(f"() => void setTimeout({ask})")  # its own end would be lost with the page
    page.locator("main").wait_for()
    for _ in range(2):  # a navigation would end these
        assert page.evaluate(ask) == "NETWORK_DOWN"


def test_the_timeline_can_be_loaded_again(visit: Visit) -> None:
    page = visit.open()
    away = ["**/page/frame-chooser.js", "**/page/facts.json"]
    for pattern in away:
        page.route(pattern, lambda route: route.abort())
    page.get_by_label("Link to a video").fill(LINK)
    notice = page.locator(".stage .notice")
    expect(notice).to_contain_text("The service cannot be reached.")
    for pattern in away:
        page.unroute(pattern)
    notice.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("group", name="Timeline")).to_be_visible()


def test_the_time_left_of_a_clip_of_the_stream_counts_down(visit: Visit) -> None:
    page = visit.context.new_page()
    page.clock.install()
    until = datetime.now(UTC) + timedelta(minutes=20, seconds=5)
    links = {"file_url": "/none.mp4", "poster": None, "expires_at": until.isoformat()}
    clip = {**READY, **links, "offset": 60, "duration": 60, "starts_at": until.isoformat(), "percent": 100}
    page.route("**/c/-/clips", lambda route: route.fulfill(json={"clips": [clip]}))
    page.route("**/none.mp4", lambda route: route.fulfill(status=404))
    page.goto(f"/#m={'x' * 20}")
    row = page.locator(".row.card")
    expect(row).to_contain_text("deleted in 20 min")
    page.clock.fast_forward(15 * MINUTE)
    expect(row).to_contain_text("deleted in 5 min")
    page.clock.fast_forward(6 * MINUTE)
    expect(row).to_contain_text("The file has expired and was deleted.")
    expect(row.get_by_role("button", name="Delete")).to_be_visible()
    expect(row.locator("video")).to_have_count(0)


def test_a_row_and_its_link_have_the_times_of_the_file(visit: Visit) -> None:
    page = visit.open()
    exact = {"start": 1.96, "end": 4.04, "duration": 2.08}
    found = {**READY, "url": LINK, "start_time": 2, "end_time": 4, "actual": exact}
    listed = """(clip) => import('/page/clip-row.js').then(({ ClipRow }) => {
      const row = Object.assign(new ClipRow(), { compact: true });
      row.show(clip);
      document.querySelector('main').append(row);
    })"""
    page.evaluate(listed, found)
    row = page.locator("clip-row")
    expect(row).to_contain_text("0:01.96 – 0:04.04 (0:02.08)")
    link = row.get_by_role("link", name="Choose again").get_attribute("href") or ""
    assert link.endswith("&from=1.96&to=4.04")


@pytest.mark.parametrize("language", ["en-US", pytest.param("de-DE", marks=ALSO)])
def test_an_error_of_the_site_is_said_once_with_what_helps_here(
    browser: Browser, service: LiveService, language: str
) -> None:
    visit = Visit(browser, service.base, locale=language)
    page = visit.open()
    said = page.evaluate(
        """() => import('/page/problems.js').then(({ notice }) =>
          notice('VIDEO_PRIVATE', 'The video is private: Private video. Sign in if you have access').innerText)"""
    )
    visit.context.close()
    words = {"en-US": ("The video is private.", "Signing in here"), "de-DE": ("Das Video ist privat.", "Sich hier")}
    assert all(word in said for word in words[language]) and "Private video" not in said


def test_a_login_that_the_browser_does_not_keep_says_so(visit: Visit) -> None:
    page = visit.open("/#clips")
    user = {"id": "1", "email": "blocked@example.com"}
    page.route("**/api/auth/login", lambda route: route.fulfill(json={"message": "", "token": None, "user": user}))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_label("E-mail").fill("blocked@example.com")
    page.get_by_label("Password").fill("SecurePass123!")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("cookie")
    expect(page.locator("dialog")).to_be_visible()


def test_the_sign_in_says_that_it_is_busy_and_moves_no_link(visit: Visit) -> None:
    page = visit.open("/#clips")
    first = page.get_by_role("navigation").get_by_role("link").first
    place = first.bounding_box()
    asked = held(page, "**/api/auth/login")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_label("E-mail").fill("a.rather.long.address.of.someone@example.com")
    page.get_by_label("Password").fill("SecurePass123!")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Signing in")).to_be_disabled()
    asked[0].fulfill(status=401, json={"code": "CREDENTIALS_INVALID", "error": "wrong"})
    expect(page.get_by_role("link", name="a.rather.long")).to_be_visible()
    assert first.bounding_box() == place


def test_previews_of_a_video_end_with_it(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    visit.context.add_init_script(BLOBS)
    page = visit.open()
    for count, video in enumerate((VideoId.LADDER, VideoId.FPS_60), start=1):
        page.get_by_label("Link to a video").fill(offline_youtube.url(video))
        page.wait_for_function("(count) => window.made === count", arg=count)
    assert page.evaluate("() => window.dropped") == 1


@ALSO
def test_unfinished_uploads_of_another_user_are_not_shown(visit: Visit) -> None:
    page = visit.open("/#uploads")
    other = '[{"id": "1", "name": "secret.mp4", "size": 1, "changed": 1, "user": "another"}]'
    page.evaluate("(other) => localStorage.setItem('yt-downloader.uploads', other)", other)
    visit.context.request.post(
        "/api/auth/register",
        data={"email": "uploads@example.com", "password": "SecurePass123!"},
        headers={"X-Requested-With": "yt-downloader"},
    )
    page.reload()
    expect(page.get_by_text("Drop")).to_be_visible()
    expect(page.get_by_text("secret.mp4")).to_have_count(0)

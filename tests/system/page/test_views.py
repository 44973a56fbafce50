"""The other views: clips of the account, uploads, running streams, chat bots, moderators; by mouse and by touch."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.system.page.conftest import LINK, Visit, tab_to
from tests.system.page.test_story import sign_in
from tests.tools.live_service import LiveService
from tests.tools.media_kit import Film, cached_film, frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.page_matrix, pytest.mark.xdist_group("page")]

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def phone(browser: Browser, service: LiveService) -> Iterator[Visit]:
    visitor = Visit(browser, service.base, viewport=PHONE, locale="en-US", has_touch=True, is_mobile=True)
    yield visitor
    visitor.context.close()
    assert visitor.problems == [] and visitor.foreign() == []


def enter(page: Page, email: str) -> None:
    """Sign in at the view that is shown."""
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    sign_in(page, email)


def narrow(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize(
    ("video", "first", "frames"),
    [(VideoId.LADDER, 3, 25), (VideoId.FPS_30000_1001, 4, 30), (VideoId.FPS_60, 5, 60)],
    ids=["25", "30000/1001", "60"],
)
def test_a_second_is_chosen_by_keyboard(
    visit: Visit, offline_youtube: OfflineYoutube, tmp_path: Path, video: VideoId, first: int, frames: int
) -> None:
    page = visit.open()
    page.get_by_label("Link to a video").fill(f"{offline_youtube.url(video)}&t={first}")
    screen = page.locator(".screen.ready")
    expect(screen).to_be_visible()
    page.get_by_role("group", name="Timeline").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    said = page.get_by_role("slider", name="Start (frames)").get_attribute("aria-valuetext") or ""
    began = Fraction(said.rpartition(":")[2])
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("o")
    ended = page.get_by_role("slider", name="End (frames)").get_attribute("aria-valuetext") or ""
    page.get_by_label("Resolution").select_option(index=page.get_by_label("Resolution").locator("option").count() - 1)
    page.get_by_label("File type").select_option("mp4")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Create clip").click()
    sign_in(page, f"frames{frames}@example.com")
    expect(page.locator("clip-row.completed")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    started.value.save_as(tmp_path / "clip.mp4")
    numbers = [frame.number for frame in frame_numbers(tmp_path / "clip.mp4")]
    assert numbers == list(range(numbers[0], numbers[0] + frames)), ended
    rate = Fraction(30000, 1001) if frames == 30 else frames
    assert numbers[0] == round(began * rate)


def test_frames_of_different_lengths_are_chosen(visit: Visit, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    page = visit.open()
    page.get_by_label("Link to a video").fill(f"{offline_youtube.url(VideoId.FPS_VARIABLE)}&t=4")
    screen = page.locator(".screen.ready")
    expect(screen).to_be_visible()
    page.get_by_role("group", name="Timeline").focus()
    numbers = [number for number in range(100, 130) if number % 10 != 3 and number % 15 != 7]  # of 25 a second
    for number in numbers[:3]:
        expect(screen).to_have_attribute("data-shown", f"{number / 25:g}")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    for number in numbers[4:14]:
        page.keyboard.press("ArrowRight")
        expect(screen).to_have_attribute("data-shown", f"{number / 25:g}")
    page.keyboard.press("o")
    page.get_by_label("Resolution").select_option("240p")
    page.get_by_role("button", name="Create clip").click()
    sign_in(page, "variable@example.com")
    expect(page.locator("clip-row.completed")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    started.value.save_as(tmp_path / "clip.mp4")
    assert [frame.number for frame in frame_numbers(tmp_path / "clip.mp4")] == numbers[3:14]


def test_the_story_by_touch(phone: Visit, offline_youtube: OfflineYoutube) -> None:
    page = phone.open(f"/#url={LINK}%26t%3D3")
    expect(page.locator(".screen.ready")).to_be_visible()
    for name in ("One second on", "One frame on", "One frame back", "Start here"):
        button = page.get_by_role("button", name=name)
        box = button.bounding_box()
        assert box is not None and box["width"] >= 44 and box["height"] >= 44, name
        button.tap()
    expect(page.get_by_label("Start", exact=True)).to_have_value("0:04")
    page.get_by_label("Resolution").select_option("360p")
    page.get_by_role("button", name="Create clip").tap()
    sign_in(page, "touch@example.com")
    expect(page.locator("clip-row.completed")).to_be_visible()
    assert narrow(page)
    page.get_by_role("link", name="My clips").tap()
    expect(page.get_by_role("heading", name="My clips")).to_be_visible()
    page.get_by_role("checkbox", name="Select Offline film: ladder").check()
    assert narrow(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download as ZIP").tap()
    assert started.value.suggested_filename == "clips.zip"
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.testzip() is None and archive.namelist() == ["Offline film ladder.mp4"]
    remove = page.locator(".bulk").locator(".removal")
    remove.tap()
    expect(remove).to_have_text("Really delete?")
    remove.tap()
    expect(page.get_by_text("No clips yet")).to_be_visible()


def test_several_ranges_are_created_together(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open(f"/#url={LINK}")
    page.get_by_label("Resolution").select_option("144p")
    page.get_by_role("button", name="0:10 Middle").click()
    page.get_by_role("button", name="Keep this range").click()
    page.get_by_role("textbox", name="Start").fill("3")
    page.get_by_role("textbox", name="End").fill("5")
    page.get_by_role("button", name="Create 2 clips").click()
    sign_in(page, "ranges@example.com")
    expect(page.locator("clip-row.completed")).to_have_count(2)
    expect(page.locator("clip-row", has_text="0:10 – 0:15")).to_have_count(1)
    expect(page.locator("clip-row", has_text="0:03 – 0:05")).to_have_count(1)
    expect(page.get_by_role("button", name="Create clip")).to_be_visible()


def test_the_whole_line_shows_the_pictures_of_its_times(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open(f"/#url={LINK}")
    expect(page.locator(".screen.ready")).to_be_visible()
    line = page.get_by_role("group", name="whole video").locator(".track")
    box = line.bounding_box()
    assert box is not None
    for share in (0.25, 0.5, 0.75):
        page.mouse.click(box["x"] + box["width"] * share, box["y"] + 20)
        expect(page.locator(".badge").first).to_have_text(re.compile(rf"^0:{round(20 * share):02d}(\.\d+)?$"))
    page.keyboard.press("Shift+Tab")


def test_an_upload_is_paused_and_resumed_after_a_reload(visit: Visit, tmp_path: Path) -> None:
    film = cached_film(Film(size=(640, 360), seconds=Fraction(4), video_bitrate="4M", noise=30, audio=None), ".mp4")
    path = tmp_path / "holiday.mp4"
    path.write_bytes(film.read_bytes() + b"\0\0\0\x08free" * 1_200_000)
    page = visit.open("/#uploads")
    enter(page, "uploads@example.com")
    held: list[Route] = []
    sent: list[str] = []

    def hold_second(route: Route) -> None:
        if route.request.method == "PATCH":
            sent.append(route.request.headers["upload-offset"])
            if len(sent) == 2:
                held.append(route)
                return
        route.continue_()

    page.set_input_files("#files", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no film"})
    refused = page.get_by_role("group", name="notes.txt")
    expect(refused).to_contain_text("This file type is not accepted. Accepted are: 3gp, aac, avi")
    expect(refused.get_by_role("button")).to_have_text(["Close"])
    assert not [url for url in visit.requested if "/api/encode/tus" in url], "it is refused before it is sent"
    page.route("**/api/encode/tus/*", hold_second)
    page.set_input_files("#files", path)
    expect(page.get_by_text("66 kB of 11.8 MB")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused")).to_be_visible()
    page.reload()
    expect(page.get_by_text("is not finished")).to_contain_text("holiday.mp4")
    page.set_input_files("#files", path)
    row = page.locator("encode-row")
    expect(row.get_by_role("heading")).to_have_text("holiday.mp4")
    assert sent[0] == "0" and sent[2] != "0", "it continued where it had stopped"
    row.get_by_label("Codec").select_option("h264")
    row.get_by_label("Quality").select_option("medium")
    row.get_by_role("button", name="Convert").click()
    expect(row.get_by_role("button", name="Download")).to_be_visible()
    with page.expect_download() as started:
        row.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename.endswith("_h264.mp4")


def test_the_last_seconds_of_a_stream_are_saved_and_trimmed(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open()
    url = offline_youtube.url(VideoId.LIVE_BY_NUMBER_2)  # not that of the next test, which begins it again
    page.get_by_label("Link to a video").fill(url)
    page.get_by_role("button", name="Last 30 s").click()
    sign_in(page, "live@example.com")
    row = page.locator("clip-row.completed")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Trim").click()
    start = row.get_by_role("group", name="Start")
    start.get_by_role("button", name="+1 s: Later").click()
    row.get_by_role("button", name="Cut again").click()
    expect(row).to_have_count(0)
    expect(page.locator("clip-row.completed")).to_be_visible()


def test_a_command_is_copied_and_tried_and_moderators_need_no_password(
    visit: Visit, phone: Visit, offline_youtube: OfflineYoutube
) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit.open("/#bots")
    enter(page, "bots@example.com")
    channel = page.get_by_label("Channel")
    channel.fill("my channel")
    page.get_by_role("button", name="Make the command").click()
    expect(page.get_by_role("main").get_by_role("alert").filter(has_text="This is no YouTube channel")).to_be_visible()
    expect(channel).to_be_focused()
    channel.fill(VideoId.LIVE_BY_NUMBER.value)
    expect(page.get_by_text("what you make here works for this video only")).to_be_visible()
    expect(page.get_by_text("This is no YouTube channel")).to_have_count(0)
    expect(page.get_by_text("The clip has the last 60 s and the next 30 s.")).to_be_visible()
    page.get_by_label("Bot", exact=True).select_option("Fossabot")
    page.get_by_role("button", name="Make the command").click()
    expect(page.get_by_text("send it as a message in the chat")).to_be_visible()
    expect(page.locator(".reach")).to_have_text(
        re.compile(r"^Only this machine can reach 127.0.0.1:\d+. Bots on the int")
    )
    page.get_by_role("button", name="Copy").click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("!addcom !clip $(customapi http")
    page.get_by_role("button", name="Try it without saving").click()
    said = "The chat would see: Clip requested: the last 60 s and the next 30 s."
    expect(page.locator(".answer")).to_contain_text(said)
    expect(page.locator(".answer")).to_contain_text("The link follows when the clip is ready")
    page.get_by_label("Starts before").fill("20")
    page.get_by_label("Length").fill("10")
    page.get_by_role("button", name="Make a link for moderators").click()
    link = page.get_by_role("textbox", name="Link for moderators").input_value()

    other = phone.open(link.removeprefix(phone.base))
    expect(other.get_by_role("heading", name="Clips of the stream")).to_be_visible()
    expect(other.get_by_role("link", name="My clips")).to_have_count(0)
    expect(other.get_by_text("No clips yet.")).to_be_visible()
    other.get_by_role("button", name="Last 30 s").tap()
    row = other.locator(".row")
    expect(row.get_by_role("button", name="Trim")).to_be_visible()
    row.get_by_label("Name of the clip").fill("What <i>a</i> save")
    row.get_by_role("button", name="Rename").tap()
    expect(other.get_by_role("heading", name="What <i>a</i> save")).to_be_visible()
    expect(row).to_contain_text("(0:30)")
    row.get_by_role("button", name="Trim").tap()
    row.get_by_role("group", name="End").get_by_role("button", name="−1 s: Earlier").tap()
    row.get_by_role("button", name="Cut again").tap()
    expect(row.locator("progress, video").first).to_be_visible()
    assert narrow(other)
    expect(row).to_contain_text("(0:29)")
    assert not [url for url in phone.requested if "/api/auth" in url and not url.endswith("/me")]

    made = page.get_by_role("group", name="Moderators")
    expect(made).to_contain_text("used once")
    for _ in range(2):
        made.locator(".removal").click()
    expect(page.get_by_role("textbox", name="Link for moderators")).to_have_count(0)
    expect(made).to_have_count(0)
    expect(other.locator(".notice")).to_have_text(re.compile("was revoked.*Ask the streamer for a new link"))
    expect(other.get_by_role("main").get_by_role("button")).to_have_count(0)


def test_everything_works_below_a_path(browser: Browser, service: LiveService, offline_youtube: OfflineYoutube) -> None:
    headers = {"X-Forwarded-Prefix": "/clips"}
    visit = Visit(browser, service.base, locale="en-US", extra_http_headers=headers)
    page = visit.open(f"/clips/#url={LINK}")
    expect(page.locator(".screen.ready")).to_be_visible()
    page.get_by_label("Resolution").select_option("360p")
    page.get_by_role("button", name="Create clip").click()
    sign_in(page, "below@example.com")
    row = page.locator("clip-row.completed")
    expect(row.locator("video")).to_have_attribute("src", re.compile("^/clips/media/"))
    with page.expect_download():
        row.get_by_role("button", name="Download").click()
    page.get_by_role("link", name="My clips").click()
    expect(page.locator(".poster img")).to_be_visible()
    outside = [url for url in visit.requested if "//" in url[:8] and f"{service.base}/clips/" not in url]
    assert [url for url in outside if not url.startswith(("blob:", "data:"))] == [] and visit.problems == []
    visit.context.close()


def test_a_login_elsewhere_is_ended(visit: Visit, phone: Visit) -> None:
    page = visit.open("/#account")
    enter(page, "logins@example.com")
    other = phone.open("/#clips")
    enter(other, "logins@example.com")
    expect(other.get_by_text("No clips yet")).to_be_visible()
    page.reload()
    logins = page.locator(".login")
    expect(logins).to_have_count(2)
    expect(logins.filter(has_text="this browser")).to_have_count(1)
    end = logins.locator(".removal")
    end.click()
    end.click()
    expect(logins).to_have_count(1)
    other.reload()
    expect(other.get_by_text("Sign in or register to see this.")).to_be_visible()


def test_a_clip_of_the_list_is_chosen_again(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open(f"/#url={LINK}&from=4&to=6.5")
    expect(page.get_by_label("Start", exact=True)).to_have_value("0:04")
    expect(page.get_by_label("End", exact=True)).to_have_value("0:06.5")


def test_the_keys_can_be_switched_off(visit: Visit, offline_youtube: OfflineYoutube) -> None:
    page = visit.open(f"/#url={LINK}")
    expect(page.locator(".screen.ready")).to_be_visible()
    tab_to(page, "Timeline")
    page.keyboard.press("?")
    page.get_by_label("Use these shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("group", name="Timeline").focus()
    shown = page.locator(".screen").get_attribute("data-shown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    expect(page.get_by_label("Start", exact=True)).to_have_value("0:00")
    assert page.locator(".screen").get_attribute("data-shown") == shown

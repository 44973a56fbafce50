"""How many steps and seconds a new user needs on the web page: ``python -m benchmarks.page_stories``.

Four stories in a desktop window and on a phone, each in a browser that has never seen the page: an exact clip, an
upload, a chat command, and a moderator who trims a live clip. The whole service with its embedded stores runs against
the offline YouTube. A step is what a person does once: a click, a tap, a filled field, a chosen option, a key, a link
that is opened. The seconds are those of the service and the browser, from the opened page to the file on the disk;
a person needs a second or two more for every step. ``--pictures FOLDER`` shows every step.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.engines.clip.browser import program
from tests.tools.live_service import running_service
from tests.tools.media_kit import Film, cached_film, decode_errors, frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.unit.test_stream_names import chat_id

FLAGS = ["--no-sandbox", "--disable-gpu", "--mute-audio"]
WINDOWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
}
SECONDS = 120
PASSWORD = "SecurePass123!"  # noqa: S105 (of an account that lives as long as this script)

expect.set_options(timeout=SECONDS * 1000)


@dataclass
class Person:
    """A new user in a browser of their own: every act counts as one step, and may be photographed."""

    page: Page
    name: str
    touch: bool
    pictures: Path | None
    steps: int = 0
    acts: list[str] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    def opens(self, address: str) -> None:
        """Open an address; the time runs from here."""
        self.began = self.began or time.monotonic()
        self.page.goto(address)
        self.page.locator("main").wait_for()
        self._did("open")

    def presses(self, what: Locator) -> None:
        """Click or tap, or choose an option that is shown."""
        label = what.inner_text().strip() or what.get_attribute("aria-label") or ""
        if self.touch:
            what.tap()
        else:
            what.click()
        self._did(f"press {label}")

    def fills(self, what: Locator, text: str) -> None:
        """Type or paste a text."""
        what.fill(text)
        self._did(f"fill {text}")

    def chooses(self, what: Locator, option: str) -> None:
        """Choose an option of a list."""
        what.select_option(option)
        self._did(f"choose {option}")

    def gives(self, path: Path) -> None:
        """Choose a file."""
        self.page.set_input_files("#files", path)
        self._did(f"choose {path.name}")

    def saves(self, what: Locator, folder: Path) -> Path:
        """Press a button that downloads, and return the file."""
        with self.page.expect_download() as started:
            self.presses(what)
        path = folder / str(started.value.suggested_filename)
        started.value.save_as(path)
        self.ended = time.monotonic()
        return path

    def signs_in(self, email: str) -> None:
        """Fill the sheet that asks for an account."""
        expect(self.page.get_by_label("E-mail address")).to_be_visible()
        self.sees("sheet")
        self.fills(self.page.get_by_label("E-mail address"), email)
        self.fills(self.page.get_by_label("Password"), PASSWORD)
        self.presses(self.page.get_by_role("button", name="Continue"))

    def sees(self, what: str) -> None:
        """Photograph the window as it is."""
        if self.pictures is not None:
            self.page.wait_for_timeout(300)
            name = re.sub(r"\W+", "-", f"{self.name}-{self.steps:02d}-{what}")[:90]
            self.page.screenshot(path=self.pictures / f"{name}.png")

    def is_done(self) -> None:
        """The story ends here."""
        self.ended = time.monotonic()
        self.sees("end")

    def _did(self, what: str) -> None:
        self.steps += 1
        self.acts.append(what)
        self.sees(what)


def main() -> None:
    """Print the table of ``docs/benchmarks.md``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of the window after every step")
    given = parser.parse_args()
    if given.pictures is not None:
        given.pictures.mkdir(parents=True, exist_ok=True)
    with (
        OfflineYoutube() as site,
        running_service(site.environment()) as service,
        sync_playwright() as tool,
        tempfile.TemporaryDirectory() as folder,
    ):
        browser = tool.chromium.launch(executable_path=program(), args=FLAGS)
        rows = all_stories(browser, service.base, site, Path(folder), given.pictures)
        browser.close()
    print("| story | window | steps | seconds |\n|---|---|---|---|")
    for story, window, person in rows:
        print(f"| {story} | {window} | {person.steps} | {person.ended - person.began:.1f} |")
    for story, window, person in rows:
        print(f"\n{story}, {window}: " + "; ".join(person.acts))


def all_stories(
    browser: Browser, base: str, site: OfflineYoutube, folder: Path, pictures: Path | None
) -> list[tuple[str, str, Person]]:
    """Tell every story in every window."""
    rows: list[tuple[str, str, Person]] = []
    for window, options in WINDOWS.items():

        def person(name: str, window: str = window, options: dict[str, Any] = options) -> Person:
            context = browser.new_context(base_url=base, locale="en-US", **options)
            context.set_default_timeout(SECONDS * 1000)
            return Person(context.new_page(), f"{name}-{window}", window == "phone", pictures)

        for story, tell in (
            ("an exact clip", _clip),
            ("an upload converted", _upload),
            ("a chat command, and its clip", _command),
            ("a moderator trims a live clip", _moderator),
        ):
            told = tell(person, site, base, folder)
            rows.append((story, window, told))
            told.page.context.close()
    return rows


def _clip(person: Callable[[str], Person], site: OfflineYoutube, base: str, folder: Path) -> Person:
    anna = person("clip")
    page = anna.page
    anna.opens("/")
    anna.fills(page.get_by_label("Link to a video"), site.url(VideoId.LADDER))
    expect(page.locator(".screen.ready")).to_be_visible()
    anna.sees("ready")
    anna.fills(page.get_by_role("textbox", name="Start"), "3.5")
    anna.fills(page.get_by_role("textbox", name="End"), "8.5")
    page.get_by_role("textbox", name="End").press("Tab")
    anna.sees("typed")
    anna.presses(page.get_by_role("button", name="Create clip"))
    anna.signs_in(f"{anna.name}@example.com")
    expect(page.locator("clip-row")).to_be_visible()
    anna.sees("row")
    expect(page.locator("clip-row.completed")).to_be_visible()
    anna.sees("completed")
    clip = anna.saves(page.locator("clip-row").get_by_role("button", name="Download"), folder)
    numbers = [frame.number for frame in frame_numbers(clip)]
    assert decode_errors(clip) == "" and numbers == list(range(88, 213)), numbers
    return anna


def _upload(person: Callable[[str], Person], site: OfflineYoutube, base: str, folder: Path) -> Person:
    film = cached_film(Film(size=(640, 360), seconds=Fraction(4), video_bitrate="4M", noise=30, audio=None), ".mp4")
    path = folder / "holiday.mp4"
    path.write_bytes(film.read_bytes())
    ben = person("upload")
    page = ben.page
    ben.opens("/")
    ben.presses(page.get_by_role("link", name="Uploads"))
    ben.presses(page.get_by_role("main").get_by_role("button", name="Sign in"))
    ben.signs_in(f"{ben.name}@example.com")
    expect(page.get_by_text("Choose files")).to_be_visible()
    ben.sees("uploads")
    ben.gives(path)
    convert = page.get_by_role("button", name="Convert")
    expect(convert).to_be_visible()
    ben.sees("arrived")
    ben.presses(convert)
    download = page.locator("encode-row").get_by_role("button", name="Download")
    expect(download).to_be_visible()
    ben.sees("converted")
    assert decode_errors(ben.saves(download, folder)) == ""
    return ben


def _command(person: Callable[[str], Person], site: OfflineYoutube, base: str, folder: Path) -> Person:
    cleo = person("command")
    page = cleo.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cleo.opens("/")
    cleo.presses(page.get_by_role("link", name="Chat bots"))
    cleo.presses(page.get_by_role("main").get_by_role("button", name="Sign in"))
    cleo.signs_in(f"{cleo.name}@example.com")
    cleo.fills(page.get_by_label("Channel"), VideoId.LIVE_BY_NUMBER.value)
    cleo.fills(page.get_by_label("Starts before"), "20")
    cleo.fills(page.get_by_label("Length"), "10")
    cleo.presses(page.get_by_role("button", name="Make the command"))
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    cleo.sees("command")
    cleo.presses(page.get_by_role("button", name="Copy"))
    copied = page.evaluate("() => navigator.clipboard.readText()")
    said = _as_the_bot(copied, "what a save!")
    assert said.strip(), copied
    cleo.acts.append(f"the chat reads: {said.strip()}")
    cleo.presses(page.get_by_role("link", name="My clips"))
    expect(page.locator("clip-row").first).to_be_visible()
    cleo.sees("clips")
    row = page.locator("clip-row.completed")
    expect(row).to_be_visible()
    cleo.sees("completed")
    assert decode_errors(cleo.saves(row.get_by_role("button", name="Download"), folder)) == ""
    return cleo


def _as_the_bot(command: str, message: str) -> str:
    """Call the address in a command of Nightbot as Nightbot does: its variables filled, its headers sent."""
    address = re.search(r"https?://\S+?(?=\)\s*$|\)$|\s|$)", command)
    assert address, command
    url = address[0].replace("$(querystring)", quote(message)).replace("$(channel)", "film")
    headers = {
        "Nightbot-Channel": "name=film&displayName=Film&provider=youtube&providerId=UC1",
        "Nightbot-User": "name=dora&displayName=Dora&provider=youtube&providerId=UC2&userLevel=everyone",
        "Nightbot-Response-Url": "http://127.0.0.1:9/none",
    }
    url = url.replace("$(chatid)", quote(chat_id(video=VideoId.LIVE_BY_NUMBER.value), safe=""))
    return httpx.get(url, headers=headers, timeout=60).text


def _moderator(person: Callable[[str], Person], site: OfflineYoutube, base: str, folder: Path) -> Person:
    with httpx.Client(base_url=base, timeout=60) as http:
        account = {"email": f"streamer-{time.monotonic_ns()}@example.com", "password": PASSWORD}
        http.post("/api/auth/register", json=account).raise_for_status()
        login = http.post("/api/auth/login", json=account).json()["token"]
        wish = {
            "name": "Moderators",
            "scopes": ["save", "moderate"],
            "stream": VideoId.LIVE_BY_NUMBER_2.value,
            "latency": "ultra-low",
            "offset": 30,
            "duration": 30,
        }
        made = http.post("/api/auth/tokens", json=wish, headers={"Authorization": f"Bearer {login}"}).json()
    dora = person("moderator")
    page = dora.page
    dora.opens(f"/#m={made['token']}")
    dora.presses(page.get_by_role("button", name="Last 30 s"))
    trim = page.locator(".row").get_by_role("button", name="Trim")
    expect(page.locator(".row").first).to_be_visible()
    dora.sees("saved")
    expect(trim).to_be_visible()
    dora.sees("ready")
    dora.presses(trim)
    dora.presses(page.get_by_role("group", name="Start").get_by_role("button", name="+1 s: Later"))
    dora.presses(page.get_by_role("group", name="End").get_by_role("button", name="−1 s: Earlier"))
    dora.presses(page.get_by_role("button", name="Cut again"))
    expect(page.locator(".row progress")).to_be_visible()
    expect(page.locator(".row video")).to_be_visible()
    dora.is_done()
    return dora


if __name__ == "__main__":
    main()

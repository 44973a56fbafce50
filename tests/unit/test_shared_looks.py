"""Looks at videos that processes share: asked once, never too old, never somebody else's, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from src.errors import VideoUnavailable
from src.models.source import Extraction, LiveStatus, MediaAddress, VideoInfo
from src.services.youtube import lookup_cache as looks
from src.services.youtube.lookup_cache import LookupCache
from tests.tools.waiting import eventually

VIDEO = "dQw4w9WgXcQ"


class Site:
    """Counts how often it is asked; each answer has an address of its own."""

    def __init__(self, status: LiveStatus = LiveStatus.NOT_LIVE) -> None:
        self.status, self.asked, self.age = status, 0, 0.0

    def __call__(self) -> Extraction:
        self.asked += 1
        info = VideoInfo(VIDEO, "A film", "", live_status=self.status)
        address = MediaAddress(f"https://example.com/{self.asked}", {"Cookie": "a=b"})
        return Extraction(info, {"18": address}, looked_at=datetime.now(UTC) - timedelta(seconds=self.age))


def test_who_comes_within_minutes_shares_a_look(tmp_path: Path) -> None:
    site = Site()
    first = LookupCache(tmp_path / "looks").get(VIDEO, site, newer_than=None)
    again = LookupCache(tmp_path / "looks").get(VIDEO, site, newer_than=None)
    assert again == first and site.asked == 1
    assert LookupCache(tmp_path / "looks").get("jNQXAC9IVRw", site, newer_than=None) != first


def test_what_is_kept_is_private(tmp_path: Path) -> None:
    LookupCache(tmp_path / "looks").get(VIDEO, Site(), newer_than=None)
    for path in (tmp_path / "looks", *(tmp_path / "looks").iterdir()):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("status", "age", "asked"),
    [
        (LiveStatus.NOT_LIVE, 290, 1),
        (LiveStatus.NOT_LIVE, 301, 2),
        (LiveStatus.NOT_LIVE, -60, 2),  # the clock was put back
        (LiveStatus.WAS_LIVE, 290, 1),
        (LiveStatus.IS_LIVE, 15, 1),
        (LiveStatus.IS_LIVE, 21, 2),
        (LiveStatus.IS_UPCOMING, 0, 2),
        (LiveStatus.POST_LIVE, 0, 2),
    ],
)
def test_a_look_is_believed_for_as_long_as_it_can_be(
    tmp_path: Path, status: LiveStatus, age: float, asked: int
) -> None:
    site, shared = Site(status), LookupCache(tmp_path)
    site.age = age
    shared.get(VIDEO, site, newer_than=None)
    shared.get(VIDEO, site, newer_than=None)
    assert site.asked == asked


def test_addresses_that_serve_no_more_are_asked_for_once(tmp_path: Path) -> None:
    site, shared = Site(), LookupCache(tmp_path)
    spent = shared.get(VIDEO, site, newer_than=None)
    fresh = shared.get(VIDEO, site, newer_than=spent.looked_at)
    other = shared.get(VIDEO, site, newer_than=spent.looked_at)
    assert fresh.media != spent.media and other == fresh and site.asked == 2


def test_a_refusal_is_kept_by_nobody(tmp_path: Path) -> None:
    def refuse() -> Extraction:
        raise VideoUnavailable

    shared, site = LookupCache(tmp_path), Site()
    with pytest.raises(VideoUnavailable):
        shared.get(VIDEO, refuse, newer_than=None)
    shared.get(VIDEO, site, newer_than=None)
    assert site.asked == 1


@pytest.mark.parametrize("content", [b"", b"{", b'{"info": 1}', b"\xff" * 100])
def test_half_a_file_is_no_look(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{VIDEO}.json").write_bytes(content)
    site, shared = Site(), LookupCache(tmp_path)
    assert shared.get(VIDEO, site, newer_than=None) == shared.get(VIDEO, site, newer_than=None)
    assert site.asked == 1


def test_a_crowd_asks_once(tmp_path: Path) -> None:
    site, arrived = Site(), []

    class Entrance(LookupCache):
        def get(self, video_id: str, look_up: Callable[[], Extraction], *, newer_than: datetime | None) -> Extraction:
            arrived.append(video_id)
            return super().get(video_id, look_up, newer_than=newer_than)

    def look() -> Extraction:
        eventually(lambda: len(arrived) == 16)  # all others wait for this look
        return site()

    with ThreadPoolExecutor(16) as crowd:
        found = list(crowd.map(lambda _: Entrance(tmp_path).get(VIDEO, look, newer_than=None), range(16)))
    assert site.asked == 1 and len({each.media["18"].url for each in found}) == 1


def test_other_processes_share_and_one_that_dies_holds_nobody_up(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from src.services.youtube.lookup_cache import LookupCache
        def hang():
            print("looking", flush=True)
            time.sleep(60)
        LookupCache(Path({str(tmp_path)!r})).get({VIDEO!r}, hang, newer_than=None)
    """)
    other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "looking\n"
    site = Site()
    waiter = threading.Thread(target=lambda: LookupCache(tmp_path).get(VIDEO, site, newer_than=None))
    waiter.start()
    waiter.join(0.3)
    assert waiter.is_alive() and site.asked == 0, "waits for the one who looks"
    other.kill()
    other.wait()
    other.stdout.close()
    waiter.join(60)
    assert not waiter.is_alive() and site.asked == 1


def test_one_that_hangs_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "PATIENCE_SECONDS", 0.2)
    site = Site()
    with LookupCache(tmp_path)._held(tmp_path / f"{VIDEO}.json"):
        LookupCache(tmp_path).get(VIDEO, site, newer_than=None)
    assert site.asked == 1


def test_old_looks_are_deleted_unless_somebody_uses_them(tmp_path: Path) -> None:
    shared, site = LookupCache(tmp_path), Site()
    for name in (VIDEO, "jNQXAC9IVRw", "aaaaaaaaaaa"):
        shared.get(name, site, newer_than=None)
    for name in (VIDEO, "jNQXAC9IVRw"):
        os.utime(tmp_path / f"{name}.json", (time.time() - 400,) * 2)
    with shared._held(tmp_path / f"{VIDEO}.json"):
        shared.prune()
    assert {path.stem for path in tmp_path.iterdir()} == {VIDEO, "aaaaaaaaaaa"}
    LookupCache(tmp_path / "never made").prune()


def test_a_folder_that_cannot_be_made_costs_the_sharing_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    site, shared = Site(), LookupCache(tmp_path / "file" / "looks")
    shared.get(VIDEO, site, newer_than=None)
    shared.get(VIDEO, site, newer_than=None)
    assert site.asked == 2

"""Clips of one stream share a capture: what they have in common is fetched and stored once."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import CapturesFull
from src.models.captured import Captured
from src.models.media_source import NetworkSettings
from src.models.progress import SilentMonitor
from src.models.time_window import Window
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.shared.captures import StreamCaptures
from src.services.live.shared.clip_segments import ClipSegments
from src.services.live.shared.limits import CaptureLimits
from src.services.live.shared.run import ClipWish, NumberedRun
from src.services.live.shared.stream_capture import StreamCapture
from src.utils.capture_pools import Pool, delete_unused, pools_in
from tests.engines.live.bench import window_at
from tests.tools.live_origin import VirtualClock
from tests.tools.numbered import NumberedSite, NumberedStream, aac_track, avc_track, jittered
from tests.tools.numbered.server import NumberedServer
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

BEGAN = Fraction(1_768_730_400)
TRACKS = [avc_track(400), aac_track(400)]


class GatedClock(VirtualClock):
    """Does not pass ``stops_at``: whoever sleeps then waits until the gate is moved."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self._stops_at = BEGAN + 10_000
        self._gate = threading.Condition()
        self.waits = threading.Event()

    def stop_at(self, moment: Fraction) -> None:
        with self._gate:
            self._stops_at = moment
            self._gate.notify_all()

    def sleep(self, seconds: float) -> None:
        with self._gate:
            while self.seconds + Fraction(seconds) > self._stops_at:
                self.waits.set()
                self._gate.wait()
        super().sleep(seconds)


class Place:
    """One stream, the captures of one process, and the folders of its clips."""

    def __init__(self, server: NumberedServer, clock: GatedClock, folder: Path) -> None:
        self.server, self.clock, self.folder = server, clock, folder
        self.renewals = 0
        self.captures = self.process()
        lengths, ingested = jittered(BEGAN, 190)
        self.stream = NumberedStream(TRACKS, lengths, ingested)
        server.site = NumberedSite([self.stream])
        clock.stop_at(BEGAN + 10_000)
        clock.set(BEGAN + 100)

    def process(self, limits: CaptureLimits | None = None) -> StreamCaptures:
        """The captures of another process."""
        return StreamCaptures(lambda: contextlib.nullcontext(NetworkSettings()), self.clock, LinkLife(), limits)

    def renew(self, _: Links) -> Links:
        self.renewals += 1
        return self.server.issue()

    def clip(self, name: str, window: Window, captures: StreamCaptures | None = None, padding: float = 6) -> Captured:
        """As the job of a clip does it."""
        kept = self.kept(name)
        kept.mkdir(exist_ok=True)
        links, wish = self.server.issue(), ClipWish(kept, window, padding, patience_seconds=math.inf)
        with (captures or self.captures).join("s", links, self.folder, renew=self.renew, lingers=True) as capture:
            return NumberedRun(capture, links, wish, clock=self.clock, monitor=SilentMonitor()).run()

    def kept(self, name: str) -> Path:
        return self.folder / f"{name}.kept"

    def numbers(self, name: str) -> set[int]:
        """What the folder of a clip has."""
        found = ClipSegments(self.kept(name), self.server.issue().tracks).captured()
        return {record.number for record in found.records["video"]}

    def fetched(self) -> dict[str, int]:
        """How often each segment was fetched completely."""
        return dict(self.server.complete)


@pytest.fixture(scope="module")
def server() -> Iterator[NumberedServer]:
    with NumberedServer(GatedClock(datetime.fromtimestamp(int(BEGAN), UTC))) as running:
        yield running


@pytest.fixture
def place(server: NumberedServer, tmp_path: Path) -> Place:
    assert isinstance(server.clock, GatedClock)
    server.complete.clear()
    return Place(server, server.clock, tmp_path)


def at_once(*actions: Callable[[], Captured]) -> list[Captured]:
    with ThreadPoolExecutor(len(actions)) as threads:
        return [each.result(60) for each in [threads.submit(action) for action in actions]]


def shows(place: Place, captured: Captured, window: Window) -> bool:
    """Whether the window is there, and no frame of it is missing."""
    first, last = captured.records["video"][0], captured.records["video"][-1]
    return not captured.holes(window) and first.start <= window.start and window.end <= last.span.end


def test_a_capture_that_could_not_start_leaves_its_pool_to_the_next(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = window_at(BEGAN + Fraction(60), Fraction(10))

    def start(_: StreamCapture) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(StreamCapture, "start", start)
        with pytest.raises(RuntimeError):
            place.clip("a", window)
    assert shows(place, place.clip("a", window), window) and len(list(pools_in(place.folder))) == 1


def test_clips_of_one_stream_share_what_they_have_in_common(place: Place) -> None:
    windows = [window_at(BEGAN + Fraction(start), Fraction(30)) for start in (60, 70, 75, 85, 90, 100)]
    found = at_once(*(lambda n=n, w=w: place.clip(str(n), w) for n, w in enumerate(windows)))
    assert all(shows(place, captured, window) for captured, window in zip(found, windows, strict=True))
    counts = place.fetched()
    assert len(counts) > 60 and set(counts.values()) == {1}, "each segment once"
    assert place.renewals == 0 and len(list(pools_in(place.folder))) == 1
    eventually(lambda: not any(capture.has_wishes for capture in place.captures.running()))
    later = window_at(BEGAN + 64, Fraction(30))
    before = sum(place.fetched().values())
    assert shows(place, place.clip("later", later), later), "the next clip of the stream"
    assert sum(place.fetched().values()) == before, "its segments were still there"


def test_a_deleted_clip_takes_from_the_others_nothing_and_from_the_disk_what_it_alone_had(place: Place) -> None:
    one, other = window_at(BEGAN + 60, Fraction(20)), window_at(BEGAN + 70, Fraction(20))
    place.clip("one", one), place.clip("other", other)
    shared = next(path for path in (place.kept("one") / "video").glob("0-*") if path.stat().st_nlink == 3)
    for path in sorted(place.kept("one").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert (place.kept("other") / "video" / shared.name).stat().st_nlink == 2, "the pool and the other clip"
    assert shows(place, ClipSegments(place.kept("other"), place.server.issue().tracks).captured(), other)


def test_a_clip_is_complete_before_its_padding_exists(place: Place) -> None:
    window = window_at(BEGAN + 90, Fraction(30))
    last = place.stream.head(window.end + 3)
    # It is asked for the newest number every second; the next segment takes at least 1.6 s.
    place.clock.stop_at(place.stream.ingested[last] + place.stream.lengths[last] + Fraction(3, 2))
    captured = place.clip("a", window, padding=40)
    assert shows(place, captured, window)
    assert max(record.number for record in captured.records["video"]) <= last
    place.clock.stop_at(BEGAN + 10_000)
    wanted = place.stream.head(window.end + 38)
    eventually(lambda: wanted in place.numbers("a"))
    assert {*range(min(place.numbers("a")), wanted)} <= place.numbers("a"), "it follows without the clip"


def test_a_clip_that_was_deleted_gets_no_padding(place: Place) -> None:
    window = window_at(BEGAN + 90, Fraction(20))
    place.clock.stop_at(window.end + 6)
    place.clip("a", window, padding=40)
    eventually(place.clock.waits.is_set)
    for path in sorted(place.kept("a").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    place.kept("a").rmdir()
    place.clock.stop_at(BEGAN + 10_000)
    place.clip("b", window_at(BEGAN + 150, Fraction(5)), padding=0)
    assert not place.kept("a").exists()


def test_the_process_that_follows_a_dead_one_goes_on_with_its_pool(place: Place) -> None:
    window = window_at(BEGAN + 60, Fraction(30))
    place.clip("a", window)
    eventually(lambda: not any(capture.has_wishes for capture in place.captures.running()))
    fetched = sum(place.fetched().values())
    other = place.process()
    place.clip("b", window, other)  # both run: each has a pool of its own
    assert len(list(pools_in(place.folder))) == 2 and sum(place.fetched().values()) > fetched
    eventually(lambda: not any(capture.has_wishes for capture in other.running()))
    fetched = sum(place.fetched().values())
    for capture in place.captures.running():
        with Path(os.devnull).open("rb") as nothing:  # as the end of its process does; the number stays in use
            os.dup2(nothing.fileno(), capture.pool._lock)
    assert shows(place, place.clip("c", window, place.process()), window)
    assert sum(place.fetched().values()) == fetched


def test_captures_stay_below_their_limits_and_are_counted(place: Place) -> None:
    counted: list[int] = []
    limits = CaptureLimits(disk_bytes=10**9, count=lambda segments, size: counted.append(size))
    one, other = window_at(BEGAN + 70, Fraction(6)), window_at(BEGAN + 20, Fraction(40))
    captures = place.process(limits)
    assert shows(place, place.clip("one", one, captures, padding=0), one)
    limits.disk_bytes, limits._has_room = 1, False  # measured again at once
    with pytest.raises(CapturesFull):
        place.clip("other", other, captures, padding=0)
    assert place.clock.seconds > other.end + 60, "until then it waited"
    assert len(counted) == sum(place.fetched().values())


def test_a_pool_is_deleted_when_nobody_uses_it_for_a_while(tmp_path: Path) -> None:
    held = Pool.open(tmp_path, ("s", "video 160"))
    (held.folder / "segment").write_bytes(b"1")
    assert not delete_unused(held.folder, seconds=0), "in use"
    held.close()
    assert not delete_unused(held.folder, seconds=60), "used just now"
    stranger = tmp_path / "live-0123456789abcdef-1"
    stranger.mkdir()
    assert [*pools_in(tmp_path)] == [held.folder], "a folder without the lock is none of ours"
    assert delete_unused(held.folder, seconds=0) and not held.folder.exists()


def test_a_pool_that_is_deleted_while_it_is_opened_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Pool.open(tmp_path, ("s",))
    first.close()
    locks = fcntl.flock

    def slow(file: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", locks)
        assert delete_unused(first.folder, seconds=0)
        locks(file, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    found = Pool.open(tmp_path, ("s",))
    assert found.folder.is_dir() and (found.folder / "pool.lock").is_file()
    found.close()

"""The last minutes of a stream without rewind are there when somebody asks for a moment of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from src.models.channel_token import ChannelToken, Scope
from src.models.params import LiveClipParams
from src.models.progress import SilentMonitor
from src.models.time_window import Window
from src.services.live.cutter import LiveTask
from src.services.live.service import StreamNotReady
from src.services.live.shared.rolling import ChatCommands, RollingCaptures
from src.utils.clock import to_datetime
from tests.engines.live.test_whole_streams import VIDEO, Desk
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube import OfflineYoutube
from tests.tools.waiting import eventually

pytest_plugins = ["tests.tools.offline_youtube.fixtures"]
pytestmark = pytest.mark.slow


class Tokens:
    """Those of two channels; remembers what is recorded about them."""

    def __init__(self) -> None:
        self.wanted = [self.token("1", str(VIDEO)), self.token("2", "@nobody")]
        self.noted: dict[str, tuple[datetime, datetime] | None] = {}
        self.bytes = 0
        self.sizes: list[int] = []
        self.asked = 0

    @staticmethod
    def token(name: str, stream: str) -> ChannelToken:
        return ChannelToken(name, "1", "bot", (Scope.SAVE,), datetime.now(UTC), "", 0, 0, 0, 0, 0, stream, rolling=True)

    def rolling(self) -> list[ChannelToken]:
        self.asked += 1
        return list(self.wanted)

    def note_rolling(self, token_id: str, covers: tuple[datetime, datetime] | None, size_bytes: int) -> None:
        self.noted[token_id], self.bytes = covers, size_bytes
        if covers is not None:
            self.sizes.append(size_bytes)

    def covered_seconds(self) -> float:
        covers = self.noted.get("1")
        return 0.0 if covers is None else (covers[1] - covers[0]).total_seconds()


@pytest.fixture
def desk(offline_youtube: OfflineYoutube, tmp_path: Path) -> Iterator[Desk]:
    kept = offline_youtube.live
    try:
        yield Desk(offline_youtube, tmp_path)
    finally:
        offline_youtube.live = kept


def test_a_moment_that_the_site_no_longer_offers(desk: Desk) -> None:
    live, tokens = desk.live_service(), Tokens()
    join = functools.partial(live.shared_capture, resolution="144p")
    none = RollingCaptures(tokens, join, desk.folder, desk.clock, most=0, most_bytes=1e9)
    none.tick()
    assert live.captures.running() == []
    rolling = RollingCaptures(tokens, join, desk.folder, desk.clock, most=2, most_bytes=1e9)
    rolling.tick()
    eventually(lambda: tokens.covered_seconds() > 40)
    (capture,) = live.captures.running()
    start = to_datetime(capture.covers().start)  # type: ignore[union-attr]
    desk.numbers.oldest = desk.stream.head(desk.clock.seconds)
    moment = LiveClipParams(
        url="",
        youtube_video_id=VIDEO,
        resolution_preference="144p",
        event_at=start + timedelta(seconds=10),
        clip_offset=5,
        clip_duration=12,
    )
    work = desk.folder / "clip-work"
    work.mkdir()
    task = LiveTask(moment, work, desk.folder / "clip", SilentMonitor(), in_lane=True)
    for _ in range(5):
        try:
            live.capture(task)
            break
        except StreamNotReady:
            continue
    report = live.cut(task)
    assert report is not None
    window = Window.around(moment.event_at, 5, 12)
    numbers = [frame.number for frame in frame_numbers(report.path)]
    assert numbers == desk.stream.frames(window.start, window.end)
    assert live.captures.running() == [capture], "the clip used the capture that ran"
    tokens.wanted.clear()
    rolling.tick()
    rolling.join()
    assert tokens.noted == {"1": None, "2": None} and tokens.bytes == 0


def test_the_first_chat_command_starts_it(desk: Desk) -> None:
    """Not the next check, which is up to a minute away; and only the stream of this command."""
    live, tokens, commands = desk.live_service(), Tokens(), ChatCommands()
    join = functools.partial(live.shared_capture, resolution="144p")
    wanted, tokens.wanted = tokens.wanted, []
    rolling = RollingCaptures(tokens, join, desk.folder, desk.clock, most=2, most_bytes=1e9, commands=commands)
    rolling.start()
    try:
        eventually(lambda: tokens.asked == 1)
        tokens.wanted = wanted
        commands.add("1")
        eventually(lambda: tokens.covered_seconds() > 0)
        assert tokens.asked == 2 and "2" not in tokens.noted
    finally:
        rolling.stop()
        rolling.join()


def test_a_check_that_fails_does_not_end_the_checks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    live, tokens, commands = desk.live_service(), Tokens(), ChatCommands()
    tokens.wanted, faults, answer = [], [RuntimeError("can't start new thread")], tokens.rolling

    def rolling_tokens() -> list[ChannelToken]:
        if faults:
            raise faults.pop()
        return answer()

    monkeypatch.setattr(tokens, "rolling", rolling_tokens)
    join = functools.partial(live.shared_capture, resolution="144p")
    rolling = RollingCaptures(tokens, join, desk.folder, desk.clock, most=2, most_bytes=1e9, commands=commands)
    rolling.start()
    try:
        eventually(lambda: not faults)
        commands.add("1")
        eventually(lambda: tokens.asked == 1)
    finally:
        rolling.stop()


def test_one_capture_stores_no_more_than_its_limit(desk: Desk) -> None:
    live, tokens = desk.live_service(), Tokens()
    join = functools.partial(live.shared_capture, resolution="144p")
    tokens.wanted.pop()
    eleven_segments = 11 * sum(
        len(desk.stream.content(track, 5)) for track in desk.stream.tracks if track.itag in (140, 160)
    )
    limit = 5 * eleven_segments
    rolling = RollingCaptures(tokens, join, desk.folder, desk.clock, most=2, most_bytes=limit)
    rolling.tick()
    eventually(lambda: len(tokens.sizes) >= 12)
    rolling.stop()
    rolling.join()
    assert max(tokens.sizes) < 1.25 * limit and min(tokens.sizes[4:]) > limit / 4

"""A chat bot asks while a stream runs, and the file shows what was on air: real API, real workers, real yt-dlp."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.services.file_store import WORK_FOLDER
from tests.system.e2e.conftest import User
from tests.tools.live_service import LiveService
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.hls import LIVE, LIVE_SECONDS
from tests.tools.offline_youtube.live import LiveStream
from tests.tools.offline_youtube.player import CHANNEL_ID
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]
FPS = 25


@dataclass
class Chat:
    """The chat of a stream whose bot knows one command."""

    user: User
    site: OfflineYoutube
    folder: Path

    def clip(self, offset: int, duration: int, path: str = "/livenow____", **headers: str) -> str:
        """Say the command; the id of the clip."""
        wish = {"latency": "0", "offset": offset, "duration": duration}
        wish |= {"viewer_cooldown_seconds": 0, "cooldown_seconds": 0}
        token = self.user.http.post("/auth/tokens", json=wish, headers=self.user.private).json()["token"]
        base = str(self.user.http.base_url).removesuffix("/api/")
        said = self.user.http.get(f"{base}/c/{token}{path}?format=text&message=wow", headers=headers)
        assert said.text.startswith('Clip "wow" requested: the last '), said.text
        listed = self.user.http.get("/video/list", headers=self.user.private).json()["videos"]
        return str(listed[0]["video_id"])

    def status_at_end(self, video_id: str, seconds: float = 90) -> dict[str, Any]:
        eventually(lambda: self.status(video_id)["status"] in {"completed", "failed"}, seconds)
        return self.status(video_id)

    @property
    def live(self) -> LiveStream:
        return self.site.live

    def status(self, video_id: str) -> dict[str, Any]:
        return self.user.status(video_id)

    def newest_fetched(self) -> float:
        """The seconds of the stream up to which segments were asked for."""
        numbers = [int(request.parameters.get("sq", 0)) for request in self.site.media_requests(VideoId.LIVE_NOW)]
        return (max(numbers, default=0) + 1) * LIVE[0].segment_seconds

    def shown(self, video_id: str) -> list[int]:
        """Numbers of the clip's frames."""
        path = self.folder / "clip.mp4"
        path.write_bytes(self.user.fetch(video_id).content)
        return [frame.number for frame in frame_numbers(path)]

    def on_air(self, status: dict[str, Any], which: str, count: int | None = None) -> list[int]:
        """Numbers of the frames that were on air between the times that a status tells as asked or obtained."""
        first, behind = (self._frame(status[which][end]) for end in ("from", "to"))
        return [number % (LIVE_SECONDS * FPS) for number in range(first, first + count if count else behind)]

    def _frame(self, moment: str) -> int:
        # Told in milliseconds; a frame begins at or behind it, and the clock of the playlist has milliseconds, too.
        seconds = Fraction(round(datetime.fromisoformat(moment).timestamp() * 1000), 1000)
        return -int(-(seconds - Fraction(self.live.began_at)) * FPS // 1)


@pytest.fixture
def chat(user: User, offline_youtube: OfflineYoutube, tmp_path: Path) -> Iterator[Chat]:
    offline_youtube.live.begin()
    yield Chat(user, offline_youtube, tmp_path)
    offline_youtube.live.begin()


def test_a_clip_of_a_running_stream_asked_for_in_a_chat(chat: Chat) -> None:
    bot = {"User-Agent": "Nightbot-URL-Fetcher/0.0.3", "Nightbot-Channel": f"provider=youtube&providerId={CHANNEL_ID}"}
    video_id = chat.clip(18, 12, "", **bot)
    status = chat.status_at_end(video_id)
    assert status["status"] == "completed" and status["source"] == "live", status
    assert status["youtube_video_id"] == "livenow____" and status["actual"]["notes"][1:] == []
    assert chat.shown(video_id) == chat.on_air(status, "requested", 12 * FPS)


def test_more_clips_at_once_than_there_are_workers(chat: Chat) -> None:
    """All of the last seconds of a stream that holds 30: nobody may wait for somebody else's padding."""
    clips = [chat.clip(15 + number, 10) for number in range(8)]
    for video_id in clips:
        status = chat.status_at_end(video_id)
        assert status["status"] == "completed" and status["actual"]["notes"][1:] == [], status
        assert chat.shown(video_id) == chat.on_air(status, "requested", 10 * FPS)
    assert chat.site.extractions(VideoId.LIVE_NOW) < 8, "a crowd shares its looks"


def test_a_window_that_has_partly_gone_over_the_death_of_the_worker(chat: Chat, service: LiveService) -> None:
    """The stream holds 30 seconds. What the dead worker had fetched is in the clip, though it has left the stream."""
    video_id = chat.clip(36, 37)
    stored = service.folder / "downloads" / WORK_FOLDER / f"{video_id}.kept"
    eventually(lambda: len(list(stored.rglob("[0-9]*-[0-9]*"))) > 8)  # fetched, or shared with the clips before
    held = chat.live.window(LIVE[0]).start * LIVE[0].segment_seconds * FPS
    for pid in [pid for pid in service.processes("celery") if "downloads" in _command_line(pid)]:
        os.kill(pid, signal.SIGKILL)
    status = chat.status_at_end(video_id)
    assert status["status"] == "completed", status
    assert any("did not hold the beginning" in note for note in status["actual"]["notes"])
    numbers, on_air = chat.shown(video_id), chat.on_air(status, "actual")
    if any("Missing in the stream" in note for note in status["actual"]["notes"]):  # the new worker came very late
        on_air = [number for number in on_air if number in set(numbers)]
    assert numbers == on_air and numbers[-1] == chat.on_air(status, "requested")[-1]
    assert numbers[0] <= held, "seconds later, when another worker came, the stream held less"


def test_across_the_end_of_the_stream_and_in_its_recording(chat: Chat, service: LiveService) -> None:
    video_id = chat.clip(10, 40)
    eventually(lambda: chat.status(video_id)["waiting_for"] == "segments")
    asked = chat.live.position_seconds
    eventually(lambda: chat.newest_fetched() > asked)
    chat.live.end()
    status = chat.status_at_end(video_id)
    assert status["status"] == "completed" and status["source"] == "live", status
    assert any("the stream ended" in note for note in status["actual"]["notes"]), status
    numbers = chat.shown(video_id)
    assert numbers == chat.on_air(status, "actual") and numbers[0] == chat.on_air(status, "requested")[0]
    last = int(chat.live.position_seconds // 2) * 2 * FPS
    assert numbers[-1] == last - 1, "up to the last segment"

    chat.live.recorded = True
    for look in (service.folder / "data" / "looks").iterdir():
        look.unlink(missing_ok=True)  # instead of waiting until the look at the running stream is too old
    video_id = chat.clip(20, 9)
    status = chat.status_at_end(video_id)
    assert status["status"] == "completed" and status["source"] == "vod", status
    first = -int(-Fraction(str(status["start_time"])) * FPS // 1)
    assert chat.shown(video_id) == list(range(first, first + 9 * FPS))


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""

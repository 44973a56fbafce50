"""A chat bot asks while a stream runs, and the file shows what was on air: real API, real workers, real yt-dlp."""

from __future__ import annotations

import time
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import User
from tests.media_kit import frame_numbers
from tests.offline_youtube.hls import LIVE_SECONDS
from tests.offline_youtube.player import CHANNEL_ID
from tests.offline_youtube.site import OfflineYoutube

pytestmark = pytest.mark.slow
FPS = 25


def test_a_clip_of_a_running_stream_asked_for_in_a_chat(
    user: User, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    wish = {"latency": "0", "offset": 18, "duration": 12, "viewer_cooldown_seconds": 0, "cooldown_seconds": 0}
    token = user.http.post("/auth/tokens", json=wish, headers=user.private).json()["token"]
    bot = {"User-Agent": "Nightbot-URL-Fetcher/0.0.3", "Nightbot-Channel": f"provider=youtube&providerId={CHANNEL_ID}"}
    base = str(user.http.base_url).removesuffix("/api/")
    said = user.http.get(f"{base}/c/{token}?message=wow", headers=bot)
    assert said.text == 'Clip "wow" saved: the last 12 s.'
    (listed, *_) = user.http.get("/video/list", headers=user.private).json()["videos"]
    status = _wait(user, listed["video_id"])
    assert status["status"] == "completed" and status["source"] == "live", status
    assert status["youtube_video_id"] == "livenow____" and status["actual"]["notes"][1:] == []
    path = tmp_path / "clip.mp4"
    path.write_bytes(user.fetch(listed["video_id"]).content)
    shown = [frame.number for frame in frame_numbers(path)]
    began = Fraction(offline_youtube.live.began_at)
    start = Fraction(datetime.fromisoformat(status["requested"]["from"]).timestamp()) - began
    first = -int(-start * FPS // 1) % (LIVE_SECONDS * FPS)
    assert abs(shown[0] - first) <= 1, "the playlist tells its clock in milliseconds"
    assert len(shown) == 12 * FPS and shown == [(shown[0] + n) % (LIVE_SECONDS * FPS) for n in range(12 * FPS)]


def _wait(user: User, video_id: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        status = user.status(video_id)
        if status["status"] in {"completed", "failed"}:
            return status
        time.sleep(0.5)
    return user.status(video_id)

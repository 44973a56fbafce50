"""The process that captures running streams is killed, or busy workers have no time: no moment is missed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import httpx
import pytest

from tests.system.e2e.conftest import User
from tests.tools.live_service import LiveService
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import LIVE_BY_NUMBER, VideoId
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


VIDEO = VideoId.LIVE_BY_NUMBER


@pytest.fixture
def site(offline_youtube: OfflineYoutube) -> Iterator[OfflineYoutube]:
    offline_youtube.live.begin()
    offline_youtube.live.advance(400)  # no clip across the end of its film, which begins again every 180 s
    yield offline_youtube
    offline_youtube.live.begin()


def range_of(user: User, site: OfflineYoutube, start: float, end: float) -> str:
    """A clip of a range relative to now, by the times of the stream."""
    now = site.live.position_seconds
    video_id = user.save(site.url(VIDEO), round(now + start, 2), round(now + end, 2))
    user.begin(video_id, resolution_preference="144p")
    return video_id


def fetched(site: OfflineYoutube, video: VideoId = VIDEO) -> list[tuple[str, int]]:
    """(format, number) of the segments that were fetched completely."""
    asked = [request for request in site.requests if request.is_media and request.method == "GET"]
    found = [each.parameters for each in asked if "range" not in each.headers and "sq" in each.parameters]
    return [(each["itag"], int(each["sq"])) for each in found if each["id"].startswith(video)]


def chat_clip(user: User, *, offset: int, duration: int, video: VideoId = VIDEO) -> str:
    """A clip of a moment, requested by a chat command."""
    wish = {"latency": "0", "offset": offset, "duration": duration, "viewer_cooldown_seconds": 0, "cooldown_seconds": 0}
    token = user.http.post("/auth/tokens", json=wish, headers=user.private).json()["token"]
    base = str(user.http.base_url).removesuffix("/api/")
    said = user.http.get(f"{base}/c/{token}/{video}?format=text&message=wow")
    assert said.text.startswith('Clip "wow" requested'), said.text
    return str(user.http.get("/video/list", headers=user.private).json()["videos"][0]["video_id"])


def shows_what_was_on_air(user: User, site: OfflineYoutube, video_id: str, path: Path) -> None:
    eventually(lambda: user.status(video_id)["status"] not in {"pending", "processing"}, 300)
    status = user.status(video_id)
    assert status["status"] == "completed" and status["complete"] is True, status
    path.write_bytes(user.fetch(video_id).content)
    texts = (status["requested"][end] for end in ("from", "to"))
    start, end = (Fraction(round(datetime.fromisoformat(text).timestamp() * 1000), 1000) for text in texts)
    expected = site.live.numbered().stream.frames(start, end)
    shown = [frame.number for frame in frame_numbers(path)]
    assert len(shown) > 300 and len({*shown} ^ {*expected}) <= 2, "the times are told in milliseconds"


def test_the_successor_of_a_killed_process_goes_on_at_once(
    service: LiveService, user: User, site: OfflineYoutube, tmp_path: Path
) -> None:
    """Not when the lease ends: the lock of the dead process proves that it is gone."""
    before = len(fetched(site))
    clips = [range_of(user, site, -60 + 3 * number, 15) for number in range(3)]
    eventually(lambda: len(fetched(site)) > before + 20)
    (lane,) = service.processes("-Q captures")
    os.kill(lane, signal.SIGKILL)
    eventually(lambda: "jobs go on" in (service.folder / "app.log").read_text())
    for number, video_id in enumerate(clips):
        shows_what_was_on_air(user, site, video_id, tmp_path / f"{number}.mp4")
    segments = fetched(site)[before:]
    assert len(segments) - len(set(segments)) <= 16, "only what was under way is fetched again"


def test_downloads_that_hang_do_not_delay_a_capture(
    service: LiveService, user: User, site: OfflineYoutube, tmp_path: Path
) -> None:
    """Six of them occupy all workers; when they end, the clip is cut from what was captured meanwhile."""
    site.fault(VideoId.LADDER, Fault(bytes_per_second=1_000))
    hanging = [user.save(site.url(VideoId.LADDER), 1.52 + number, 8.52 + number) for number in range(6)]
    for video_id in hanging:
        user.begin(video_id, resolution_preference="480p")
    eventually(lambda: sum(user.status(each)["status"] == "processing" for each in hanging) >= 3)
    video_id = chat_clip(user, offset=20, duration=25)
    last = int(site.live.position_seconds) // 2 + 2
    eventually(lambda: any(number >= last for _, number in fetched(site)))
    assert not any(user.status(each)["status"] == "completed" for each in hanging)
    site.heal(VideoId.LADDER)
    shows_what_was_on_air(user, site, video_id, tmp_path / "clip.mp4")
    for each in hanging:
        user.http.delete(f"/video/{each}", headers=user.private)


VICTIMS = {
    "API": "gunicorn",
    "a worker for downloads": "-Q downloads",
    "captures": "-Q captures",
    "scheduler": "src.scheduler",
    "Redis": "-server unixsocket",
    "MongoDB": "mongod",
}


@pytest.mark.matrix(0)
@pytest.mark.parametrize("victim", VICTIMS)
def test_no_death_of_one_process_costs_a_moment(
    service: LiveService, user: User, site: OfflineYoutube, tmp_path: Path, victim: str
) -> None:
    """Killed while the clip is captured and a half of it is still to come; the stream can be rewound."""
    # One that no other test has captured: the site begins again with each test, which no stream does so soon.
    video = LIVE_BY_NUMBER[2 + list(VICTIMS).index(victim)]
    video_id = chat_clip(user, offset=20, duration=40, video=video)
    eventually(lambda: len(fetched(site, video)) >= 12)
    pid, *_ = service.processes(VICTIMS[victim])
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists() or service.processes(VICTIMS[victim])[:1] != [pid])
    eventually(lambda: answers(user, video_id))
    shows_what_was_on_air(user, site, video_id, tmp_path / "clip.mp4")


def answers(user: User, video_id: str) -> bool:
    """Whether the service and its stores have started again."""
    try:
        return user.http.get(f"/video/status/{video_id}", headers=user.private).status_code == 200
    except httpx.HTTPError:
        return False

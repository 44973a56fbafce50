"""The auto download: answers, texts, links that work and expire, and accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from pymongo.database import Database

from src.bootstrap.kinds import KINDS
from src.data.queue_data import QueueData
from src.data.user_data import UserData
from src.errors import VideoPrivate
from src.models.audio import AudioReport
from src.models.progress import Monitor
from src.models.source import VideoInfo
from src.services.jobs.open_job_limits import MOST_ANONYMOUS_SAVES
from tests.api.actors import LINK, Api
from tests.api.conftest import api_settings, app_over
from tests.tools.fakes import FakeClock

pytestmark = pytest.mark.slow
PATH = "/audio_dl/api/auto-download/"


class FakeSounds:
    """Writes a small file, or raises."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: tuple[str, ...] | None = None

    def download_audio(
        self,
        url: str,
        output_path: Path,
        audio_format: Any,
        quality: Any,
        *,
        normalize_loudness: bool,
        monitor: Monitor,
    ) -> tuple[AudioReport, VideoInfo]:
        self.asked = (audio_format, quality, *(["loudness"] if normalize_loudness else []))
        if self.error:
            raise self.error
        output_path.write_bytes(b"a song")
        info = VideoInfo("dQw4w9WgXcQ", "A song: AC/DC", url, 205.6, uploader="Someone")
        return AudioReport(audio_format, quality, 205.6, 6, 48000, 2), info


@pytest.fixture
def sounds() -> FakeSounds:
    return FakeSounds()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def songs(
    mongo_database: Database[dict[str, Any]],
    redis_client: redis.Redis,
    tmp_path: Path,
    sounds: FakeSounds,
) -> Iterator[Api]:
    settings = api_settings(tmp_path, auto_download_timeout=5)
    made = app_over(settings, mongo_database, redis_client, audio_downloads=sounds)
    yield made
    made.notifier.finish()


def test_a_song_in_one_request(songs: Api, sounds: FakeSounds) -> None:
    reply = songs.call("POST", PATH, json={"url": LINK, "quality": "192k", "format": "flac"})
    assert reply.status_code == 200 and reply.json is not None, reply.text
    made = reply.json
    assert sounds.asked == ("flac", "192k")
    assert made["success"] is True and made["title"] == "A song: AC/DC" and made["artist"] == "Someone"
    assert made["duration"] == "00:03:26" and made["file_size"] == 6
    assert "linked_to_user" not in made
    address = urlsplit(made["download_url"])
    assert address.path == made["file_path"].replace(" ", "%20")
    assert address.path.startswith(f"/media/downloads/{made['session_id']}/{made['job_id']}/")
    fetched = songs.call("GET", made["download_url"])
    assert fetched.data == b"a song" and fetched.mimetype == "audio/flac"
    assert songs.call("GET", made["download_url"], headers={"Range": "bytes=2-"}).data == b"song"
    assert songs.call("GET", made["file_path"]).status_code == 403


def test_even_loudness_on_request(songs: Api, sounds: FakeSounds) -> None:
    assert songs.call("POST", PATH, json={"url": LINK, "normalize_loudness": True}).status_code == 200
    assert sounds.asked == ("mp3", "best", "loudness")
    assert songs.call("POST", PATH, json={"url": LINK, "normalize_loudness": "yes"}).status_code == 400


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        ({"data": "{"}, 400, "Invalid JSON in request body"),
        ({"data": "[]"}, 400, "Invalid JSON in request body"),
        ({"data": ""}, 400, "Invalid JSON in request body"),
        ({"json": {}}, 400, "URL is required"),
        ({"json": {"url": ""}}, 400, "URL is required"),
        ({"json": {"url": "https://vimeo.com/1"}}, 400, "Only YouTube URLs are supported"),
        ({"json": {"url": "nonsense"}}, 400, "Only YouTube URLs are supported"),
    ],
)
def test_the_documented_texts(songs: Api, sent: dict[str, Any], status: int, text: str) -> None:
    reply = songs.call("POST", PATH, **sent)
    assert reply.status_code == status and reply.json is not None
    assert reply.json["success"] is False and reply.json["error"] == text


def test_what_fails_is_told(songs: Api, sounds: FakeSounds) -> None:
    sounds.error = VideoPrivate()
    reply = songs.call("POST", PATH, json={"url": LINK})
    assert reply.status_code == 500 and reply.json is not None
    assert reply.json["error"] == "Download failed" and reply.json["code"] == "VIDEO_PRIVATE" and reply.json["detail"]
    assert songs.call("POST", PATH, json={"url": LINK, "format": "ogg"}).status_code == 400
    songs.notifier.answer = None
    object.__setattr__(songs.services.auto_downloads, "_seconds", 0.2)
    late = songs.call("POST", PATH, json={"url": LINK})
    assert late.status_code == 500 and late.json is not None and late.json["code"] == "JOB_TIMEOUT"
    object.__setattr__(songs.services.auto_downloads, "_seconds", 60)
    while songs.services.jobs._waiters.acquire(blocking=False):
        pass
    busy = songs.call("POST", PATH, json={"url": LINK})
    assert busy.status_code == 503 and busy.json is not None and busy.json["code"] == "BUSY"
    assert busy.headers["Retry-After"] == "30"


def test_downloads_belong_to_accounts(songs: Api) -> None:
    anna, bert = songs.person(), songs.person()
    name = anna.email.partition("@")[0]
    linked = songs.call("POST", PATH, json={"url": LINK, "username": name}).json or {}
    assert linked["linked_to_user"] == name
    unknown = songs.call("POST", PATH, json={"url": LINK, "username": "nobody"}).json or {}
    assert "linked_to_user" not in unknown
    assert [each["job_id"] for each in (anna.get("/audio_dl/api/history/").json or {})["downloads"]] == [
        linked["job_id"]
    ]
    assert (bert.get("/audio_dl/api/history/").json or {})["total"] == 0
    user, number = songs.services.auto_downloads.link(bert.email, hours=24)
    assert (user.id, number) == (bert.id, 1)
    history = bert.get("/audio_dl/api/history/").json or {}
    assert [each["job_id"] for each in history["downloads"]] == [unknown["job_id"]]
    assert songs.call("GET", history["downloads"][0]["download_url"]).data == b"a song"
    assert songs.services.auto_downloads.link(anna.email, hours=24)[1] == 0
    assert songs.call("GET", "/audio_dl/api/history/").status_code == 401


def jobs_by_owner(songs: Api) -> list[tuple[str, str]]:
    found = songs.services.database["videos"].find().sort("_id", 1)
    return [(each["owner_kind"], each["owner_id"]) for each in found]


@pytest.mark.parametrize("refusal", ["unknown", "refuses", "disabled", "full"])
def test_an_account_that_takes_nothing_looks_like_one_that_is_not_there(songs: Api, refusal: str) -> None:
    anna = songs.person()
    name = "nobody" if refusal == "unknown" else anna.email
    if refusal == "refuses":
        songs.services.anonymous_saves.switch(anna.id, False)
    if refusal == "disabled":
        songs.services.accounts.switch(anna.email, active=False)
    if refusal == "full":
        for _ in range(MOST_ANONYMOUS_SAVES):
            anna.save()
    reply = songs.call("POST", PATH, json={"url": LINK, "username": name})
    assert reply.status_code == 200 and reply.json is not None, reply.text
    assert reply.json["success"] is True and "linked_to_user" not in reply.json
    assert jobs_by_owner(songs)[-1] == ("address", "127.0.0.1")


def test_unknown_and_refusing_accounts_cost_the_same_questions(
    songs: Api, monkeypatch: pytest.MonkeyPatch, mongo_database: Database[dict[str, Any]]
) -> None:
    anna = songs.person()
    songs.services.anonymous_saves.switch(anna.id, False)
    asked: list[str] = []
    for method in ("find", "find_by_email", "find_by_name", "is_active"):
        real = getattr(UserData, method)

        def noted(self: UserData, *given: Any, _real: Any = real, _name: str = method) -> Any:
            asked.append(_name)
            return _real(self, *given)

        monkeypatch.setattr(UserData, method, noted)
    found = []
    for name in ("nobody@example.com", anna.email, "nobody", "person1"):
        asked.clear()
        assert songs.call("POST", PATH, json={"url": LINK, "username": name}).status_code == 200
        found.append(list(asked))
    assert found[0] == found[1] and found[2] == found[3]


def test_audio_that_others_add_takes_no_place_of_the_owner(songs: Api) -> None:
    anna = songs.person()
    songs.notifier.answer = None
    songs.services.auto_downloads._seconds = 0.01
    for _ in range(MOST_ANONYMOUS_SAVES + 2):
        songs.call("POST", PATH, json={"url": LINK, "username": anna.email})
    owners = jobs_by_owner(songs)
    assert owners.count(("user", anna.id)) == MOST_ANONYMOUS_SAVES
    waiting = QueueData(songs.services.database).waiting(KINDS.in_queue("downloads"), max_attempts=5)
    assert [(each.owner, each.number) for each in waiting] == [("address:127.0.0.1", len(owners))]
    body = {"url": LINK, "start_time": 1, "end_time": 2, "user_id": anna.id}
    assert anna.post("/api/video/save", body).status_code == 201

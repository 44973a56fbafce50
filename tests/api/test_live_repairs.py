"""A live clip that lacks something is completed from the recording: real extractor, real media, the clock moved on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
import redis

from src.app import create_app
from src.bootstrap import build
from src.models.video import Owner
from src.services.events import webhooks
from tests.api.actors import Api, Person
from tests.tools.deliveries import deliver_due
from tests.tools.fakes import FakeEngine, RecordingNotifier
from tests.tools.media_kit import audio_gaps, frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = pytest.mark.slow

FPS = 25


@dataclass
class Stream:
    """A stream that began two minutes ago and can be rewound for one, and a person who saves moments of it."""

    api: Api
    person: Person
    site: OfflineYoutube
    redis: redis.Redis
    patch: pytest.MonkeyPatch
    apis: list[Api] = field(default_factory=list)

    def save(self, offset: float, duration: float, video: VideoId = VideoId.LIVE_NOW) -> str:
        """Save a moment, and let a worker do what it can; the id.

        The stream stands still from now on, so that it does not matter how long this takes.
        """
        now = time.time()
        self.patch.setattr(self.site.live, "_clock", lambda: now)
        wish = {"stream": str(video), "offset": offset, "duration": duration, "latency": "0"}
        made = self.person.post("/api/auth/tokens", json=wish).json
        assert made is not None
        reply = self.api.call("GET", f"/c/{made['token']}?format=json")
        assert reply.status_code == 201 and reply.json is not None, reply.text
        self.api.notifier.finish()
        return str(reply.json["video_id"])

    def end(self, *, recorded: bool) -> None:
        if self.site.live.length_seconds is None:
            self.site.live.length_seconds = 180.0
        self.site.live.recorded = recorded

    def pass_hours(self, hours: float) -> None:
        """So much time passes for all records, and what is only remembered for minutes is forgotten."""
        videos, by = self.api.services.database["videos"], round(hours * 3_600_000)
        names = ("not_before", "queued_at", "created_at", "repair.at", "repair.until")
        for name in names:
            earlier = [{"$set": {name: {"$subtract": [f"${name}", by]}}}]
            videos.update_many({name: {"$type": "date"}}, earlier)
        for path in (self.api.services.settings.data_dir / "looks").glob("*.json"):
            path.unlink()
        for key in self.redis.scan_iter("*youtube:*"):
            self.redis.delete(key)

    def restart(self) -> None:
        """Another process of the service, over the same stores and folders."""
        old, notifier = self.api, RecordingNotifier()
        services = build(
            old.services.settings, notifier=notifier, database=old.services.database, redis_client=self.redis
        )
        notifier.answer = services.runner.run
        self.apis.append(old)
        self.api = Api(create_app(old.services.settings, services), services, FakeEngine(), notifier)
        self.person.api = self.api

    def reconcile(self) -> int:
        """Let the scheduler find what is due, and the workers do it."""
        found = self.api.services.reconciler.run(notified_before_seconds=0)
        self.api.notifier.finish()
        return found

    def shown(self, video_id: str) -> list[int]:
        """The numbers of the frames of the clip's file."""
        job = self.api.services.jobs.find_any(video_id)
        assert job.artifact is not None
        assert self.api.services.files.artifacts() == [job.artifact.path], "exactly one file"
        return [frame.number for frame in frame_numbers(job.artifact.path)]

    def on_air(self, status: dict[str, Any]) -> list[int]:
        """The numbers of the frames of the requested moment."""
        first, behind = (self._frame(status["requested"][end]) for end in ("from", "to"))
        return list(range(first, behind))

    def _frame(self, moment: str) -> int:
        seconds = Fraction(round(datetime.fromisoformat(moment).timestamp() * 1000), 1000)
        return -int(-(seconds - Fraction(self.site.live.began_at)) * FPS // 1)


@pytest.fixture
def stream(
    real: Api, site: OfflineYoutube, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stream]:
    site.reset()
    site.live.advance(60)
    monkeypatch.setattr("tests.tools.offline_youtube.live.WINDOW_SEGMENTS", 30)
    yield Stream(real, real.person(), site, redis_client, monkeypatch)
    monkeypatch.undo()
    site.live.begin()


def test_a_clip_with_a_gap_is_repaired_hours_later_and_after_a_restart(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []

    def send(service: Any, delivery: Any, job: Any) -> int:
        told.append({"id": delivery.id, **webhooks.payload_of(job, datetime.now(UTC))})
        return 204

    monkeypatch.setattr(webhooks.WebhookService, "_send", send)
    video_id = stream.save(70, 20)
    stream.api.services.webhooks.register_ahead(video_id, "https://example.com/clips", Owner.user(stream.person.id))
    status = stream.person.status(video_id)
    assert (status["status"], status["complete"], status["repair"]["state"]) == ("completed", False, "waiting"), status
    until = datetime.fromisoformat(status["repair"]["until"])
    assert timedelta(hours=47) < until - datetime.now(UTC) < timedelta(hours=49)
    whole = stream.on_air(status)
    assert 0 < len(stream.shown(video_id)) < len(whole)
    shared = stream.person.post(f"/api/video/share/{video_id}").json
    assert shared is not None
    assert deliver_due(stream.api.services.webhooks) == 1
    assert deliver_due(stream.api.services.webhooks) == 0, "the second message waits for the repair"

    stream.end(recorded=False)
    stream.pass_hours(1)
    assert stream.reconcile() == 1
    assert stream.person.status(video_id)["repair"]["state"] == "waiting", "there is no recording yet"
    stream.restart()
    stream.pass_hours(5)
    stream.end(recorded=True)
    assert stream.reconcile() == 1
    repaired = stream.person.status(video_id)
    assert (repaired["status"], repaired["complete"], repaired["gaps"]) == ("completed", True, []), repaired
    assert repaired["repair"]["state"] == "done" and repaired["source"] == "vod"
    for end in ("from", "to"):
        asked, shown = (datetime.fromisoformat(repaired[which][end]) for which in ("requested", "actual"))
        assert abs(shown - asked) < timedelta(seconds=1 / FPS), "to the frame"
    assert (status["actual"]["clock_uncertainty"], repaired["actual"]["clock_uncertainty"]) == (0, 1)
    assert repaired["expires_at"] > status["expires_at"], "a new lifetime"
    assert stream.shown(video_id) == whole
    listed = (stream.person.get("/api/video/list").json or {})["videos"]
    assert [(each["video_id"], each["complete"], each["repair"]["state"]) for each in listed] == [
        (video_id, True, "done")
    ]
    media = stream.api.call("GET", f"/s/{shared['token']}/clip.mp4")
    assert len(media.data) == repaired["file_size_bytes"], "the same link shows the repaired file"
    assert deliver_due(stream.api.services.webhooks) == 1
    assert [(each["event"], each["repair"]["state"]) for each in told] == [
        ("job.completed", "waiting"),
        ("job.completed", "done"),
    ]
    assert told[0]["id"] != told[1]["id"], "no repetition of the first message"
    assert stream.reconcile() == 0


def test_a_moment_that_is_gone_waits_for_the_recording(stream: Stream) -> None:
    video_id = stream.save(90, 10)
    status = stream.person.status(video_id)
    assert (status["status"], status["waiting_for"], status["file_available"]) == ("processing", "recording", False)
    assert status["progress"]["current_phase"] in {"initializing", "downloading"}
    assert status["progress"]["eta"] is not None and status["error"] is None
    stream.end(recorded=False)
    stream.pass_hours(6)
    assert stream.reconcile() == 1
    assert stream.person.status(video_id)["waiting_for"] == "recording"
    stream.restart()
    stream.end(recorded=True)
    stream.pass_hours(1)
    assert stream.reconcile() == 1
    status = stream.person.status(video_id)
    assert (status["status"], status["waiting_for"], status["complete"]) == ("completed", None, True), status
    assert stream.shown(video_id) == stream.on_air(status)


def test_a_moment_that_never_gets_a_recording_fails_at_last(stream: Stream) -> None:
    video_id = stream.save(90, 10)
    stream.end(recorded=False)
    stream.pass_hours(49)
    stream.reconcile()
    status = stream.person.status(video_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "LIVE_ENDED_NOT_READY")


def test_a_repair_without_a_recording_ends_as_impossible(stream: Stream) -> None:
    video_id = stream.save(70, 20)
    before = stream.shown(video_id)
    stream.end(recorded=False)
    stream.pass_hours(49)
    assert stream.reconcile() == 1
    status = stream.person.status(video_id)
    assert (status["status"], status["repair"]["state"], status["complete"]) == ("completed", "impossible", False)
    assert stream.shown(video_id) == before, "the first file remains"


def test_what_its_owner_moved_or_deleted_is_not_repaired(stream: Stream) -> None:
    moved, deleted = stream.save(70, 20), stream.save(69, 20)
    reply = stream.api.call("PATCH", f"/api/video/{moved}", token=stream.person.token, json={"move_end": 2})
    assert reply.status_code == 202, reply.text
    stream.api.notifier.finish()
    status = stream.person.status(moved)
    assert (status["status"], status["complete"], status["repair"]) == ("completed", False, None), status
    assert stream.api.call("DELETE", f"/api/video/{deleted}", token=stream.person.token).status_code == 200
    before = stream.shown(moved)
    stream.end(recorded=True)
    stream.pass_hours(6)
    assert stream.reconcile() == 0
    assert stream.shown(moved) == before


def test_a_stream_that_was_captured_by_number_has_an_exact_clock_in_its_recording(stream: Stream) -> None:
    """Its segments arrive up to a tenth of a second early or late, which the site's time of its start does not show."""
    stream.site.live.numbered().refused = {28}
    video_id = stream.save(70, 20, VideoId.LIVE_BY_NUMBER)
    status = stream.person.status(video_id)
    assert (status["status"], status["complete"], status["source"]) == ("completed", False, "live"), status
    partial = stream.shown(video_id)
    stream.end(recorded=True)
    stream.pass_hours(6)
    assert stream.reconcile() == 1
    repaired = stream.person.status(video_id)
    assert (repaired["complete"], repaired["source"], repaired["repair"]["state"]) == (True, "vod", "done"), repaired
    assert repaired["actual"]["clock_uncertainty"] == 0
    whole = stream.shown(video_id)
    assert whole == list(range(whole[0], whole[-1] + 1)) and set(partial) < set(whole)
    assert (whole[0], whole[-1]) == (partial[0], partial[-1]), "the same moment to the frame"


@pytest.mark.matrix(2)
@pytest.mark.parametrize("has_video", [False, True], ids=["audio", "video"])
def test_a_hole_in_one_track_alone_is_repaired(stream: Stream, has_video: bool) -> None:
    """The first file may be as long as the moment. Its length is one of whole frames, which the moment's is not."""
    numbered = stream.site.live.numbered()
    numbered.withheld = {(track.itag, 28): None for track in numbered.stream.tracks if track.has_video is has_video}
    video_id = stream.save(70, 20.0399, VideoId.LIVE_BY_NUMBER)
    status = stream.person.status(video_id)
    assert status["complete"] is False and status["repair"]["state"] == "waiting" and len(status["gaps"]) == 1, status
    stream.end(recorded=True)
    stream.pass_hours(6)
    assert stream.reconcile() == 1
    repaired = stream.person.status(video_id)
    assert (repaired["complete"], repaired["gaps"], repaired["repair"]["state"]) == (True, [], "done"), repaired
    whole = stream.shown(video_id)
    assert whole == list(range(whole[0], whole[-1] + 1))
    path = stream.api.services.jobs.find_any(video_id).artifact
    assert path is not None and audio_gaps(path.path) == []


def test_a_stream_without_usable_links_ends_with_a_code(stream: Stream) -> None:
    """The site names its formats, and offers them only to its own players."""
    status = stream.person.status(stream.save(70, 20, VideoId.LIVE_WITHHELD))
    assert (status["status"], status["error"]["code"]) == ("failed", "FORMATS_WITHHELD"), status

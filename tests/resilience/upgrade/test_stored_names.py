"""Names that messages, records, Redis and folders hold are those of the release before the move into packages."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import redis
from bson import json_util
from pymongo.database import Database

from src.bootstrap.kinds import KINDS
from src.broker import CeleryNotifier, make_celery
from src.config import Settings
from src.data.claim_data import ClaimData
from src.data.job_documents import to_document, to_job
from src.data.stored_paths import Root, StoredPaths
from src.data.video_data import VideoData
from src.models.progress import Phase, Progress
from src.models.session import Session
from src.models.source import Extraction, MediaAddress, SourceFormat, VideoInfo
from src.models.video import Status
from src.services.accounts.login_cache import SessionCache
from src.services.cache_service import CacheService
from src.services.cutting.engine.model import Keep
from src.services.cutting.engine.padding import Keeper
from src.services.cutting.retained_source import RetainedSource
from src.services.fetch.resource import Resource
from src.services.live.choice import track_of
from src.services.live.state import CaptureState
from src.services.live.store import SegmentStore
from src.services.progress_cache import ProgressCache
from src.services.streams import recorded_track

FILES = Path(__file__).parent / "files"
PATHS = StoredPaths(downloads=Root(Path("/downloads")), uploads=Root(Path("/uploads")))
ROOT = Path(__file__).parents[3]
RECORDS = json_util.loads((FILES / "videos.json").read_text())
JOB = "65b000000000000000000001"
ADDED = {"moved": False, "when_live": False}
"""Fields that records of the older release lack, with what that means."""
QUEUES = {
    "clip": "downloads",
    "live_clip": "downloads",
    "batch": "downloads",
    "video": "downloads",
    "transcript": "downloads",
    "stream": "downloads",
    "audio": "downloads",
    "encode": "encodes",
}


def test_the_kinds_of_the_release_before_have_their_queues() -> None:
    assert {name: KINDS[name].queue for name in QUEUES} == QUEUES


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["kind"])
def test_a_record_is_read_and_would_be_written_again_under_the_same_names(record: dict[str, object]) -> None:
    again = json.loads(json_util.dumps(to_document(to_job(record, PATHS), PATHS)))
    expected = json.loads(json_util.dumps({**ADDED, **record, "attempts": 0, "fence": 0}))
    assert {name: expected[name] for name in again} == again


@pytest.mark.slow
def test_a_claimed_record_has_the_same_fields(mongo_database: Database[dict[str, Any]]) -> None:
    record = next(one for one in RECORDS if one["kind"] == "stream")
    assert record["status"] == "processing"
    job = dataclasses.replace(to_job(record, PATHS), status=Status.PENDING, queued_at=None)
    jobs = VideoData(mongo_database, PATHS)
    jobs.insert(job)
    jobs.enqueue(job.id, {})
    ClaimData(mongo_database, PATHS).claim(job.id, "worker", lease_seconds=30, max_attempts=3)
    assert set(mongo_database["videos"].find_one({}) or ()) == set(record)


def test_a_worker_knows_the_tasks_by_their_names() -> None:
    settings = {
        "MONGODB_URI": "mongodb://127.0.0.1:1/none",
        "REDIS_URI": "redis://127.0.0.1:1/0",
        "JWT_PUBLIC_SECRET": "a" * 43,
        "JWT_PRIVATE_SECRET": "b" * 43,
        "FLASK_SECRET_KEY": "c" * 43,
    }
    code = (
        "from src.tasks import celery_app as app; print(*(n for n in sorted(app.tasks) if not n.startswith('celery')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True
    )
    names = ["yt_downloader.describe_job", "yt_downloader.help_job", "yt_downloader.run_job"]
    assert done.stdout.split() == names, done.stderr


def test_files_of_work_folders_are_read(tmp_path: Path) -> None:
    for name in ("tape.json", "capture.json", "video.json"):
        (tmp_path / name).write_text((FILES / name).read_text())
    track = tmp_path / "both"
    track.mkdir()
    for name in ("segments.jsonl", "timeline.json"):
        (track / name).write_text((FILES / name).read_text())
    for number in range(77, 100):
        (track / f"0-{number}").touch()

    state = CaptureState.load(tmp_path)
    assert state is not None and state.tracks[0].name == "both" and not state.done
    store = SegmentStore(track)
    assert [record.number for record in store.records] == list(range(77, 100))
    assert store.records[0].start == Fraction(44218263862, 25)
    assert store.timeline().to_fields() == json.loads((FILES / "timeline.json").read_text())

    tracks = recorded_track.load(tmp_path, 1, "{origin}/film.m3u8")
    assert [cut.number for cut in tracks[0].known] == list(range(8))
    recorded_track.save(tmp_path, tracks, "{origin}/film.m3u8")
    assert json.loads((tmp_path / "tape.json").read_text()) == json.loads((FILES / "tape.json").read_text())


def test_a_retained_source_is_read(tmp_path: Path) -> None:
    left = tmp_path / f"{JOB}.kept"
    left.mkdir()
    (left / "video.json").write_text((FILES / "video.json").read_text())
    retained = RetainedSource.take(left, tmp_path / "mine", Settings.load({}, dotenv=None))
    assert retained is not None
    video = retained.lookup("ladder_____")
    assert video is not None and sorted(video.media) == ["133", "134", "139", "140"]
    retained.remember(video)
    written = json.loads((tmp_path / "mine" / "video.json").read_text())
    old = json.loads((FILES / "video.json").read_text())
    assert _of_the_old(written, old) == old, "fields may be added, none may change"


def _of_the_old(written: Any, old: Any) -> Any:
    """What was written, without the fields that the older release did not have, at any depth."""
    if isinstance(old, dict) and isinstance(written, dict):
        return {name: _of_the_old(written.get(name), value) for name, value in old.items()}
    if isinstance(old, list) and isinstance(written, list) and len(old) == len(written):
        return [_of_the_old(new, value) for new, value in zip(written, old, strict=True)]
    return written


def test_what_was_fetched_of_a_retained_source_is_found(tmp_path: Path) -> None:
    (tmp_path / "fetched.json").write_text((FILES / "fetched.json").read_text())
    (tmp_path / "fetched").write_bytes(bytes(385_024))
    resource = Resource("https://example.com/", {}, identity=(1, ""))
    Keeper(Keep(tmp_path)).fill(resource)
    assert (resource.base, resource.size, resource.ranged) == (57_344, 325_646, True)
    assert resource.present.spans() == [(0, 244_089)]


@pytest.mark.slow
def test_messages_are_those_that_a_worker_of_that_release_takes(redis_uri: str, redis_client: redis.Redis) -> None:
    notifier = CeleryNotifier(make_celery(Settings.load({"REDIS_URI": redis_uri}, dotenv=None)))
    notifier.notify(JOB, "downloads")
    notifier.request_help(JOB)
    notifier.describe(JOB)
    expected = {"downloads": "run_job", "encodes": "help_job", "metadata": "describe_job"}
    for queue, task in expected.items():
        message = json.loads(str(redis_client.lpop(queue)))
        assert message["headers"]["task"] == f"yt_downloader.{task}"
        assert message["headers"]["argsrepr"] == f"['{JOB}']"


@pytest.mark.slow
def test_keys_of_redis(redis_client: redis.Redis) -> None:
    cache = CacheService(redis_client)
    progress = ProgressCache(cache)
    progress.set_progress(JOB, Progress(Phase.DOWNLOADING, download_percent=45.2))
    progress.ask_cancel(JOB)
    now = datetime.now(UTC)
    session = Session(JOB, "65a000000000000000000001", "h" * 64, now, now.replace(year=now.year + 1))
    SessionCache(cache).fill(session, "anna@example.com", now)
    assert set(redis_client.scan_iter()) == {f"progress:{JOB}", f"cancel:{JOB}", f"session:{'h' * 64}"}
    stored = json.loads(str(redis_client.get(f"progress:{JOB}")))
    documented = {"current_phase", "download_progress", "encoding_progress", "speed", "eta", "fps"}
    assert documented | {"bytes_done", "bytes_total"} <= set(stored)
    redis_client.set(f"session:{'h' * 64}", '{"user_id": "u", "email": "e"}')
    redis_client.set("session-trust", str(round(time.time() * 1000)))
    reading = SessionCache(cache).read("h" * 64)
    assert reading is not None and reading.entry is not None and reading.entry.user_id == "u"


@pytest.mark.parametrize(
    ("video", "audio", "name"), [("avc1", "mp4a", "both"), ("avc1", None, "picture"), (None, "mp4a", "sound")]
)
def test_tracks_of_a_captured_stream_keep_their_names(video: str | None, audio: str | None, name: str) -> None:
    """The names are those of folders in .work, and capture.json holds them."""
    entry = SourceFormat("91", "mp4", "hls", video_codec=video, audio_codec=audio)
    extraction = Extraction(VideoInfo("ladder_____", "", ""), {"91": MediaAddress("https://example.com/")})
    assert track_of(extraction, entry).name == name

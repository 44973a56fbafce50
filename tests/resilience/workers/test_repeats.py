"""Every task that workers know, sent many times at once and again afterwards: one execution, one file, one state."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from celery import Celery
from pymongo.database import Database

from src.broker import DESCRIBE_JOB, HELP_JOB, RUN_JOB, make_celery
from src.config import Settings
from src.data.worker_data import WorkerData
from src.launcher.joining import join
from src.services import db_service
from src.utils.sandbox_kind import available
from tests.system.e2e.conftest import User
from tests.tools.live_service import LiveService
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


@pytest.fixture
def queues(service: LiveService) -> Iterator[Celery]:
    """A sender of messages to the workers of the running service."""
    own = {**os.environ, "DATA_DIR": str(service.folder / "data"), "MONGODB_URI": "", "REDIS_URI": ""}
    with make_celery(join(Settings.load(own, None, None))) as app:
        yield app


def test_all_tasks_are_known_here() -> None:
    """A new task needs a test here. Chunks have theirs in test_chunks.py and services/test_chunk_workers.py."""
    source = (Path(__file__).parents[3] / "src" / "tasks.py").read_text()
    assert re.findall(r"@celery_app\.task\(name=(\w+)", source) == ["RUN_JOB", "HELP_JOB", "DESCRIBE_JOB"]


def test_every_worker_is_counted_in_its_queue(service: LiveService) -> None:
    workers = WorkerData(_database(service))
    wanted = {"downloads": 3, "encodes": 2, "metadata": 0}  # of the service under test; look-ups share one process
    eventually(lambda: {queue: workers.count(queue) for queue in wanted} == wanted)
    told = (service.folder / "app.log").read_text().count(f"the sandbox around media is {available()}")
    assert told >= 4, "by an API process at least, and by the worker of each queue"


def test_a_job_that_is_rung_for_many_times_runs_once(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, queues: Celery, tmp_path: Path
) -> None:
    offline_youtube.fault(VideoId.LADDER, Fault(bytes_per_second=20_000))
    video_id = user.save(offline_youtube.url(VideoId.LADDER), 11.2, 12.2)
    user.begin(video_id, resolution_preference="144p")
    for _ in range(6):  # three workers take them at the same time
        queues.send_task(RUN_JOB, args=[video_id], queue="downloads")
        queues.send_task(HELP_JOB, args=[video_id], queue="encodes")  # with what has no chunks
    offline_youtube.heal(VideoId.LADDER)
    eventually(lambda: user.status(video_id)["status"] == "completed")
    first = user.status(video_id)
    for _ in range(2):  # and again afterwards, one after the other
        queues.send_task(RUN_JOB, args=[video_id], queue="downloads")
    refused = f"[{video_id}] src.services.jobs.runner: job {video_id} is not available"
    log = service.folder / "app.log"
    eventually(lambda: log.read_text().count(refused) == 8)
    assert user.status(video_id) == first and first["attempts"] == 1
    assert log.read_text().count(f"job {video_id} (clip) starts") == 1
    made = [path for path in (service.folder / "downloads").iterdir() if path.name.startswith(video_id)]
    assert len(made) == 1
    (tmp_path / "clip.mp4").write_bytes(user.fetch(video_id).content)
    assert [frame.number for frame in frame_numbers(tmp_path / "clip.mp4")] == list(range(280, 305))


def test_a_look_at_the_source_that_is_asked_for_many_times_notes_the_same(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, queues: Celery
) -> None:
    video_id = user.save(offline_youtube.url(VideoId.LADDER), 1, 2)
    eventually(lambda: user.status(video_id)["available_formats"])
    first = user.status(video_id)
    for _ in range(6):
        queues.send_task(DESCRIBE_JOB, args=[video_id], queue="metadata")
    marker = user.save(offline_youtube.url(VideoId.LADDER), 1, 2)  # behind them in the queue
    eventually(lambda: user.status(marker)["available_formats"])
    assert user.status(video_id) == first


def test_a_worker_that_stood_still_for_longer_than_its_lease_changes_nothing_any_more(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    shutil.rmtree(service.folder / "downloads/.work/fetched.shared", ignore_errors=True)  # or nothing is slow
    offline_youtube.fault(VideoId.LADDER, Fault(bytes_per_second=2_000))
    video_id = user.save(offline_youtube.url(VideoId.LADDER), 13.04, 14.04)
    user.begin(video_id, resolution_preference="144p")
    log = service.folder / "app.log"
    eventually(lambda: (user.status(video_id)["progress"] or {}).get("current_phase") == "downloading")
    record = _database(service)["videos"].find_one({"_id": ObjectId(video_id)})
    assert record is not None
    holder = int(record["worker"].split(":")[1])
    assert "-Q downloads" in _command(holder)
    os.kill(holder, signal.SIGSTOP)
    try:
        eventually(lambda: user.status(video_id)["attempts"] == 2)
    finally:
        os.kill(holder, signal.SIGCONT)
        offline_youtube.heal(VideoId.LADDER)
    eventually(lambda: user.status(video_id)["status"] == "completed")
    eventually(lambda: f"job {video_id} was lost to another worker" in log.read_text())
    assert user.status(video_id)["attempts"] == 2
    made = [path for path in (service.folder / "downloads").iterdir() if path.name.startswith(video_id)]
    assert len(made) == 1 and made[0].name.startswith(f"{video_id}.2.")
    (tmp_path / "clip.mp4").write_bytes(user.fetch(video_id).content)
    assert [frame.number for frame in frame_numbers(tmp_path / "clip.mp4")] == list(range(326, 351))


def _database(service: LiveService) -> Database[dict[str, Any]]:
    own = {**os.environ, "DATA_DIR": str(service.folder / "data"), "MONGODB_URI": "", "REDIS_URI": ""}
    return db_service.connect(join(Settings.load(own, None, None)).mongodb_uri)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""

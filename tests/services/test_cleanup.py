"""What has had its time goes, what is still needed stays: files, records, strays."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from src.data.claim_data import ClaimData
from src.data.expiry_data import ExpiryData
from src.data.lock_data import LockData
from src.data.video_data import VideoData
from src.models.video import Artifact, VideoJob
from src.services.cleanup_service import CleanupReport, CleanupService
from src.services.file_store import FileStore
from tests.factories import make_clip, make_encode
from tests.fakes import FakeClock

pytestmark = pytest.mark.slow

NOTHING = CleanupReport(0, 0, 0)


class Room:
    """A disk, a database and a cleanup."""

    def __init__(self, database: Database[dict[str, Any]], folder: Path) -> None:
        self.jobs, self.claims = VideoData(database), ClaimData(database)
        self.files = FileStore(folder / "downloads", folder / "uploads")
        self.clock = FakeClock(datetime.now(UTC))
        self.cleanup = CleanupService(ExpiryData(database), self.files, self.clock, record_days=7, saved_days=30)

    def completed(self) -> VideoJob:
        job = make_clip(created_at=self.clock.now())
        self.jobs.insert(job)
        self.jobs.enqueue(job.id, {}, self.clock.now())
        held = self.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3)
        assert held and held.lease
        made = self.files.work_folder(job.id, held.lease.fence) / "clip.mp4"
        made.write_bytes(b"film")
        path = self.files.keep(made, job.id, held.lease.fence)
        self.files.drop_work(job.id, held.lease.fence)
        done = self.claims.complete(job.id, held.lease, Artifact(path, 4, "video/mp4", "v.mp4"), {}, keep_seconds=1800)
        assert done
        return done


@pytest.fixture
def room(mongo_database: Database[dict[str, Any]], tmp_path: Path) -> Room:
    return Room(mongo_database, tmp_path)


def test_a_file_lives_half_an_hour_and_its_record_a_week_longer(room: Room) -> None:
    job = room.completed()
    assert job.artifact
    room.clock.move(29 * 60)
    assert room.cleanup.run() == NOTHING
    room.clock.move(2 * 60)
    assert room.cleanup.run() == CleanupReport(1, 0, 0)
    assert not job.artifact.path.exists()
    kept = room.jobs.find(job.id)
    assert kept is not None and kept.artifact is None and kept.status == "completed"
    assert room.cleanup.run() == NOTHING
    room.clock.move(8 * 86_400)
    assert room.cleanup.run().records == 1
    assert room.jobs.find(job.id) is None


def test_a_file_that_was_asked_for_again_is_left_alone(room: Room) -> None:
    job = room.completed()
    room.clock.move(3600)
    started = room.jobs.enqueue(job.id, {}, room.clock.now())
    assert started
    assert room.cleanup.run() == NOTHING
    assert job.artifact and job.artifact.path.exists()


def test_an_upload_that_nobody_encodes_expires(room: Room) -> None:
    upload = room.files.uploads / "film.avi"
    upload.write_bytes(b"film")
    job = make_encode(input_file_path=str(upload), expires_at=room.clock.now() + timedelta(minutes=30))
    room.jobs.insert(job)
    room.clock.move(31 * 60)
    assert room.cleanup.run().expired == 1
    assert not upload.exists()
    kept = room.jobs.find(job.id)
    assert kept is not None and kept.params.model_dump()["input_file_path"] is None


def test_a_saved_request_is_kept_for_a_month(room: Room) -> None:
    job = make_clip(created_at=room.clock.now())
    room.jobs.insert(job)
    room.clock.move(29 * 86_400)
    assert room.cleanup.run() == NOTHING
    room.clock.move(2 * 86_400)
    assert room.cleanup.run().records == 1


def test_strays_go_and_everything_that_a_record_names_stays(room: Room) -> None:
    job = room.completed()
    assert job.artifact
    upload = room.files.uploads / "film.avi"
    room.jobs.insert(make_encode(input_file_path=str(upload)))
    strays = [
        room.files.downloads / "65a0000000000000000000ff.1.mp4",
        room.files.uploads / "forgotten.mkv",
        room.files.incoming / "upload-half",
    ]
    for path in [*strays, upload]:
        path.write_bytes(b"x")
    work = room.files.work_folder("65a0000000000000000000ee", 1)
    (work / "half.mp4").write_bytes(b"x")
    assert room.cleanup.sweep() == 1, "young files may belong to a record that is about to be written"
    assert not work.exists()
    two_hours_ago = time.time() - 7200
    for path in [*strays, upload, job.artifact.path]:
        os.utime(path, (two_hours_ago, two_hours_ago))
    assert room.cleanup.sweep() == 3
    assert not any(path.exists() for path in strays)
    assert upload.exists() and job.artifact.path.exists()


def test_the_work_folder_of_a_running_job_stays(room: Room) -> None:
    job = make_clip()
    room.jobs.insert(job)
    room.jobs.enqueue(job.id, {}, room.clock.now())
    held = room.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3)
    assert held and held.lease
    folder = room.files.work_folder(job.id, held.lease.fence)
    assert room.cleanup.sweep() == 0
    assert folder.exists()


def test_no_record_makes_the_cleanup_delete_a_file_of_others(room: Room, tmp_path: Path) -> None:
    foreign = tmp_path / "precious.txt"
    foreign.write_text("keep me")
    job = make_encode(input_file_path=str(foreign), expires_at=room.clock.now())
    room.jobs.insert(job)
    room.clock.move(1)
    room.cleanup.run()
    assert foreign.exists()


def test_a_chore_runs_on_one_host_at_a_time(mongo_database: Database[dict[str, Any]]) -> None:
    locks = LockData(mongo_database)
    assert locks.take("cleanup", "host1", seconds=0.3)
    assert not locks.take("cleanup", "host2", seconds=0.3)
    assert locks.take("cleanup", "host1", seconds=0.3)
    time.sleep(0.4)
    assert locks.take("cleanup", "host2", seconds=30)
    assert not locks.take("cleanup", "host1", seconds=30)

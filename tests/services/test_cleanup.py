"""What has had its time goes, what is still needed stays: files, records, strays."""

from __future__ import annotations

import fcntl
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
from src.data.server_clock import ServerClock
from src.data.video_data import VideoData
from src.models.video import Artifact, Failure, Status, VideoJob
from src.services.cleanup_service import CleanupReport, CleanupService
from src.services.file_store import BELONGS_FILE, FileStore
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
        self.jobs.enqueue(job.id, {})
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


def test_a_link_is_no_finished_file(room: Room, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of somebody else")
    made = room.files.work_folder("6b0190584646a0217caba5f2", 1) / "clip.mp4"
    made.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        room.files.keep(made, "6b0190584646a0217caba5f2", 1)
    assert room.files.artifacts() == []


def test_a_file_lives_half_an_hour_and_its_record_a_week_longer(room: Room) -> None:
    job = room.completed()
    assert job.artifact and job.artifact.path.stat().st_mode & 0o777 == 0o640
    room.clock.move(29 * 60)
    assert room.cleanup.run() == NOTHING
    room.clock.move(2 * 60)
    assert room.cleanup.run() == CleanupReport(1, 0, 0)
    assert not job.artifact.path.exists()
    kept = room.jobs.find(job.id)
    assert kept is not None and kept.artifact is None and kept.status == "completed"
    assert kept.made_bytes == 4, "the size is still told"
    assert room.jobs.tally() == ({Status.COMPLETED: 1}, 0), "but takes no room"
    assert room.cleanup.run() == NOTHING
    room.clock.move(8 * 86_400)
    assert room.cleanup.run().records == 1
    assert room.jobs.find(job.id) is None


def test_a_job_that_was_asked_for_again_keeps_its_record_and_loses_the_file_that_it_names_no_more(room: Room) -> None:
    job = room.completed()
    room.clock.move(3600)
    assert room.jobs.enqueue(job.id, {})
    assert room.cleanup.run() == CleanupReport(0, 0, 1)
    assert job.artifact and not job.artifact.path.exists()
    found = room.jobs.find(job.id)
    assert found is not None and found.waiting


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
        room.files.downloads / "not-ours.mp4",
        room.files.uploads / "forgotten.mkv",
        room.files.incoming / "upload-half",
    ]
    marks = [folder / BELONGS_FILE for folder in (room.files.downloads, room.files.uploads)]
    for path in [*strays, upload, *marks]:
        path.write_bytes(b"x")
    work = room.files.work_folder("65a0000000000000000000ee", 1)
    (work / "half.mp4").write_bytes(b"x")
    assert room.cleanup.sweep() == 1, "young files may belong to a record that is about to be written"
    assert not work.exists()
    two_hours_ago = time.time() - 7200
    for path in [*strays, upload, *marks, job.artifact.path]:
        os.utime(path, (two_hours_ago, two_hours_ago))
    assert room.cleanup.sweep() == 3
    assert not any(path.exists() for path in strays)
    assert upload.exists() and job.artifact.path.exists() and all(mark.exists() for mark in marks)


def test_what_the_running_attempt_has_stays_and_what_dead_ones_left_goes_at_once(room: Room) -> None:
    job = make_clip()
    room.jobs.insert(job)
    room.jobs.enqueue(job.id, {})
    left: list[Path] = []
    for attempt in (1, 2):
        held = room.claims.claim(job.id, "w", lease_seconds=0.05, max_attempts=3)
        assert held and held.lease and held.lease.fence == attempt
        time.sleep(0.1)
        made = room.files.work_folder(job.id, attempt) / "clip.mp4"
        made.write_bytes(b"film")
        kept = room.files.keep(made, job.id, attempt)  # and killed before the record was written
        left += [made.parent, kept]
    earlier = room.files.kept_folder(job.id)
    earlier.mkdir()
    assert room.cleanup.sweep() == 2
    assert [path.exists() for path in [*left, earlier]] == [False, False, True, True, True]
    lost = Failure("JOB_LOST", "lost")
    assert held and held.lease and room.claims.fail(job.id, held.lease, lost, keep_seconds=60)
    assert room.cleanup.sweep() == 3
    assert not any(path.exists() for path in [*left, earlier])


def test_an_upload_that_is_being_received_stays_and_one_of_a_dead_process_goes(room: Room) -> None:
    two_minutes_ago = time.time() - 120
    paths = [room.files.incoming / name for name in ("upload-alive", "upload-dead", "tus-waits-for-more")]
    for path in paths:
        path.write_bytes(b"half")
        os.utime(path, (two_minutes_ago, two_minutes_ago))
    with paths[0].open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert room.cleanup.sweep() == 1
    assert [path.exists() for path in paths] == [True, False, True]


def test_a_cancelled_upload_expires(room: Room) -> None:
    upload = room.files.uploads / "film.avi"
    upload.write_bytes(b"film")
    job = make_encode(input_file_path=str(upload))
    room.jobs.insert(job)
    room.jobs.enqueue(job.id, {"video_codec": "h264"})
    assert room.jobs.cancel(job.id, keep_seconds=1800)
    assert room.cleanup.run() == NOTHING, "it may be started again"
    room.clock.move(31 * 60)
    assert room.cleanup.run().expired == 1 and not upload.exists()
    room.clock.move(8 * 86_400)
    assert room.cleanup.run().records == 1


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
    assert locks.take("cleanup", "host1", seconds=30)
    assert not locks.take("cleanup", "host2", seconds=30)
    assert locks.take("cleanup", "host1", seconds=0.1)
    time.sleep(0.2)
    assert locks.take("cleanup", "host2", seconds=30)
    assert not locks.take("cleanup", "host1", seconds=30)


def test_the_cleanup_goes_by_the_clock_of_the_database(mongo_database: Database[dict[str, Any]]) -> None:
    host = datetime.now(UTC)
    assert abs((ServerClock(mongo_database).now() - host).total_seconds()) < 5


def test_a_lock_from_before_the_clock_was_put_back_holds_nobody_up(mongo_database: Database[dict[str, Any]]) -> None:
    locks = LockData(mongo_database)
    assert locks.take("cleanup", "host1", seconds=30)
    ahead = {"$set": {"until": datetime.now(UTC) + timedelta(hours=2)}}
    mongo_database["locks"].update_one({"_id": "cleanup"}, ahead)
    assert locks.take("cleanup", "host2", seconds=30)

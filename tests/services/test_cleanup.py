"""What has had its time goes, what is still needed stays: files, records, strays."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from src.data.archive_data import ArchiveData
from src.data.claim_data import ClaimData
from src.data.expiry_data import ExpiryData
from src.data.lock_data import LockData
from src.data.server_clock import ServerClock
from src.data.stored_paths import StoredPaths
from src.data.video_data import VideoData
from src.models.archive import StoredVideo
from src.models.video import Artifact, Failure, Finished, Owner, OwnerKind, Status, VideoJob
from src.services.cleanup_service import UNKNOWN_SECONDS, CleanupReport, CleanupService
from src.services.file_store import MARKS, FileStore
from tests.tools.factories import make_clip, make_encode
from tests.tools.fakes import FakeClock
from tests.tools.stores import end_leases
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

NOTHING = CleanupReport(0, 0, 0)


class Room:
    """A disk, a database and a cleanup."""

    def __init__(self, database: Database[dict[str, Any]], folder: Path) -> None:
        self.files = FileStore(folder / "downloads", folder / "uploads")
        self.paths = paths = StoredPaths.below(self.files.downloads, self.files.uploads)
        self.jobs, self.claims = VideoData(database, paths), ClaimData(database, paths)
        self.archive = ArchiveData(database, paths)
        self.clock = FakeClock(datetime.now(UTC))
        self.expiry = ExpiryData(database, paths)
        self.cleanup = CleanupService(self.expiry, self.files, self.clock, record_days=7, saved_days=30)

    def completed(self) -> VideoJob:
        job = make_clip(created_at=self.clock.now())
        self.jobs.insert(job)
        self.jobs.enqueue(job.id, {})
        held = self.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3)
        assert held and held.lease
        made = self.files.work_folder(job.id, held.lease.fence) / "clip.mp4"
        made.write_bytes(b"film")
        path = self.files.store_artifact(made, job.id, held.lease.fence)
        self.files.drop_work(job.id, held.lease.fence)
        done = self.claims.complete(
            job.id, held.lease, Finished(Artifact(path, 4, "video/mp4", "v.mp4"), {}), keep_seconds=1800
        )
        assert done
        return done

    def unknown_files(self, number: int) -> list[Path]:
        """So many old files that are named after no job of this database."""
        paths = [self.files.downloads / f"{VideoData.new_id()}.1.mp4" for _ in range(number)]
        for path in paths:
            path.write_bytes(b"x")
            age(path, UNKNOWN_SECONDS + 60)
        return paths


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture
def room(mongo_database: Database[dict[str, Any]], tmp_path: Path) -> Room:
    return Room(mongo_database, tmp_path)


def test_a_link_is_no_finished_file(room: Room, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of somebody else")
    made = room.files.work_folder("6b0190584646a0217caba5f2", 1) / "clip.mp4"
    made.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        room.files.store_artifact(made, "6b0190584646a0217caba5f2", 1)
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
    assert kept.result_bytes == 4, "the size is still told"
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
    marks = [folder / name for folder in (room.files.downloads, room.files.uploads) for name in MARKS]
    for path in [*strays, upload, *marks]:
        path.write_bytes(b"x")
    work = room.files.work_folder("65a0000000000000000000ee", 1)
    (work / "half.mp4").write_bytes(b"x")
    assert room.cleanup.sweep() == 0, "young files may belong to a record that is about to be written"
    for path in [*strays, upload, *marks, job.artifact.path]:
        age(path, UNKNOWN_SECONDS - 600)
    assert room.cleanup.sweep() == 1, "half an upload; the others name no job of this database and stay for a day"
    assert [path.exists() for path in strays] == [True, True, False]
    age(work, UNKNOWN_SECONDS + 60)
    assert room.cleanup.sweep() == 0 and work.exists(), "something in it is young"
    age(work / "half.mp4", UNKNOWN_SECONDS + 60)
    age(work, UNKNOWN_SECONDS + 60)
    for path in [*strays[:2], upload, *marks, job.artifact.path]:
        age(path, UNKNOWN_SECONDS + 60)
    assert room.cleanup.sweep() == 3
    assert not any(path.exists() for path in [*strays, work])
    assert upload.exists() and job.artifact.path.exists() and all(mark.exists() for mark in marks)


def test_what_the_running_attempt_has_stays_and_what_dead_ones_left_goes_at_once(
    room: Room, mongo_database: Database[dict[str, Any]]
) -> None:
    job = make_clip()
    room.jobs.insert(job)
    room.jobs.enqueue(job.id, {})
    left: list[Path] = []
    for attempt in (1, 2):
        held = room.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3)
        assert held and held.lease and held.lease.fence == attempt
        end_leases(mongo_database)
        made = room.files.work_folder(job.id, attempt) / "clip.mp4"
        made.write_bytes(b"film")
        kept = room.files.store_artifact(made, job.id, attempt)  # and killed before the record was written
        left += [made.parent, kept]
    earlier = room.files.retained_folder(job.id)
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


def test_one_cleanup_deletes_all_that_has_expired(room: Room) -> None:
    """More than one look at the database takes: 1200 finished files and uploads."""
    paths = []
    for _ in range(1200):
        upload = room.files.uploads / f"{VideoData.new_id()}.avi"
        upload.write_bytes(b"film")
        room.jobs.insert(make_encode(input_file_path=str(upload), expires_at=room.clock.now()))
        paths.append(upload)
    room.clock.move(1)
    assert room.cleanup.run() == CleanupReport(1200, 0, 0)
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize("days", [0, 0.9])
def test_an_upload_whose_record_is_written_after_the_cleanup_has_looked_stays(
    room: Room, mongo_database: Database[dict[str, Any]], days: float
) -> None:
    """As ``POST /storage/video`` does it: the file first, the record second, and a cleanup in between."""
    received = room.files.incoming / "upload.mp4"
    received.write_bytes(b"film")
    age(received, days * 86_400)
    kept = room.files.store_artifact(received, VideoData.new_id(), 0, "library")
    video = StoredVideo("dQw4w9WgXcQ", "film", room.clock.now(), file=kept, file_size=4)
    anybody = Owner(OwnerKind.ADDRESS, "archive")

    class AndThenTheRecord(ExpiryData):
        def unnamed(self, paths: Collection[Path]) -> set[Path]:
            found = super().unnamed(paths)
            room.archive.put(anybody, video, room.archive.find(anybody, video.video_id))
            return found

    expiry = AndThenTheRecord(mongo_database, room.paths)
    assert CleanupService(expiry, room.files, room.clock, record_days=7, saved_days=30).run() == NOTHING
    stored = room.archive.find(anybody, video.video_id)
    assert stored is not None and stored.file == kept and kept.read_bytes() == b"film"


def test_what_an_upload_of_a_known_job_has_left_goes_with_the_next_cleanup(room: Room) -> None:
    """Its record was written, and names the file no more: a cleanup was killed between the record and the file."""
    job = make_encode(input_file_path=None)
    room.jobs.insert(job)
    left = room.files.uploads / f"{job.id}.avi"
    left.write_bytes(b"film")
    assert room.cleanup.sweep() == 0
    age(left, 61)
    assert room.cleanup.sweep() == 1 and not left.exists()


def test_many_files_of_no_job_are_held_back_until_an_operator_allows_it(room: Room) -> None:
    """A wrong database knows none of the files: that must not cost them."""
    kept = room.completed()
    unknown = room.unknown_files(21)
    stale = room.completed()  # of this database, and over: goes as always
    assert stale.artifact and kept.artifact and room.jobs.enqueue(stale.id, {})
    assert room.cleanup.run() == CleanupReport(0, 0, 1)
    assert all(path.exists() for path in unknown) and not stale.artifact.path.exists()
    (notice,) = room.cleanup.notices()
    assert "21 of 23 files" in notice and "python -m src.cli allow-deletion" in notice
    assert room.cleanup.run() == NOTHING, "and they stay"
    room.expiry.installation.allow(21)
    assert room.cleanup.run() == CleanupReport(0, 0, 21)
    assert not any(path.exists() for path in unknown) and kept.artifact.path.exists()
    assert room.cleanup.notices() == []
    room.unknown_files(21)
    assert room.cleanup.run() == NOTHING, "what was allowed once is not allowed for ever"


@pytest.mark.parametrize(("unknown", "others", "deleted"), [(20, 0, 20), (21, 20, 0), (21, 21, 21)])
def test_few_files_of_no_job_go_and_so_do_those_that_are_not_the_most(
    room: Room, unknown: int, others: int, deleted: int
) -> None:
    for _ in range(others):
        room.completed()
    room.unknown_files(unknown)
    assert room.cleanup.sweep() == deleted


@pytest.mark.parametrize("below", ["", "uploads"])
def test_a_folder_for_both_kinds_counts_its_files_once(
    mongo_database: Database[dict[str, Any]], tmp_path: Path, below: str
) -> None:
    """UPLOADS_DIR may be DOWNLOADS_DIR, or lie in it."""
    files = FileStore(tmp_path / "files", tmp_path / "files" / below)
    paths = StoredPaths.below(files.downloads, files.uploads)
    expiry, job_id = ExpiryData(mongo_database, paths), VideoData.new_id()
    upload = files.uploads / f"{job_id}.avi"
    VideoData(mongo_database, paths).insert(make_encode(id=job_id, input_file_path=str(upload)))
    for path in [upload, *(files.uploads / f"{VideoData.new_id()}.avi" for _ in range(21))]:
        path.write_bytes(b"x")
        age(path, UNKNOWN_SECONDS + 60)
    cleanup = CleanupService(expiry, files, FakeClock(datetime.now(UTC)), record_days=7, saved_days=30)
    assert cleanup.sweep() == 0, "21 of 22 files"
    expiry.installation.allow(21)
    assert cleanup.sweep() == 21 and upload.exists()


@pytest.mark.parametrize("below", ["", "uploads"])
def test_a_cleanup_leaves_the_folder_in_which_uploads_arrive(room: Room, tmp_path: Path, below: str) -> None:
    files = FileStore(tmp_path / "files", tmp_path / "files" / below)
    half = files.incoming / "upload-x"
    half.write_bytes(b"half")
    age(half, UNKNOWN_SECONDS + 60)
    cleanup = CleanupService(room.expiry, files, room.clock, record_days=7, saved_days=30)
    assert cleanup.sweep() == 1
    assert list(files.incoming.iterdir()) == [] and files.is_writable()


def test_where_downloads_and_uploads_are_one_folder_a_running_attempt_keeps_its_file(
    mongo_database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    room = Room(mongo_database, tmp_path)
    room.files = FileStore(room.files.downloads, room.files.downloads)
    job = make_clip()
    room.jobs.insert(job)
    room.jobs.enqueue(job.id, {})
    assert room.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3)
    made = room.files.work_folder(job.id, 1) / "clip.mp4"
    made.write_bytes(b"film")
    age(made, 3600)  # it was looked at for long before it got its name
    result = room.files.store_artifact(made, job.id, 1)
    assert CleanupService(room.expiry, room.files, room.clock, record_days=7, saved_days=30).sweep() == 0
    assert result.exists()


def test_a_file_whose_name_is_no_text_holds_up_no_other(room: Room) -> None:
    """File systems allow names that are no UTF-8, which no record can hold."""
    odd = [
        Path(os.fsdecode(os.fsencode(each) + b"/caf\xe9.mp4")) for each in (room.files.downloads, room.files.uploads)
    ]
    folder = Path(os.fsdecode(os.fsencode(room.files.downloads) + b"/.work/caf\xe9"))
    folder.mkdir()
    for path in odd:
        path.write_bytes(b"x")
    others = room.unknown_files(1)
    assert room.cleanup.run() == CleanupReport(0, 0, 1)
    assert not others[0].exists() and folder.exists() and all(path.exists() for path in odd)
    for path in [*odd, folder]:
        age(path, UNKNOWN_SECONDS + 60)
    assert room.cleanup.run() == CleanupReport(0, 0, 3)


def test_a_database_that_was_away_for_a_day_spares_what_it_does_not_know(room: Room) -> None:
    """A backup was restored, and knows nothing of the files since; or the clock was moved, and all files seem old."""
    assert room.cleanup.run() == NOTHING
    newer = room.unknown_files(3)
    room.clock.move(UNKNOWN_SECONDS + 1)
    for _ in range(4):
        assert room.cleanup.run() == NOTHING and all(path.exists() for path in newer)
        room.clock.move(UNKNOWN_SECONDS / 4 - 1)
    room.clock.move(10)
    assert room.cleanup.run() == CleanupReport(0, 0, 3)


def test_what_an_operator_allowed_goes_also_while_unknown_files_are_spared(room: Room) -> None:
    room.expiry.installation.spare_until(room.clock.now() + timedelta(days=1))
    unknown = room.unknown_files(21)
    assert room.cleanup.run() == NOTHING
    assert len(room.cleanup.notices()) == 1, "and they are told of at once"
    room.expiry.installation.allow(21)
    unknown.pop().unlink()
    assert room.cleanup.run() == CleanupReport(0, 0, 20)


def test_a_file_of_a_later_attempt_than_the_last_one_is_unknown(
    room: Room, mongo_database: Database[dict[str, Any]]
) -> None:
    """The database is a backup from before that attempt: the file may be the only one."""
    job = room.completed()
    assert job.artifact
    backup = {"status": Status.PENDING.value, "fence": 0, "file_path": None, "expires_at": None}
    mongo_database["videos"].update_one({}, {"$set": backup})
    work = room.files.work_folder(job.id, 2)
    assert room.cleanup.run() == NOTHING
    assert job.artifact.path.exists() and work.exists()
    for path in (job.artifact.path, work):
        age(path, UNKNOWN_SECONDS + 60)
    assert room.cleanup.run() == CleanupReport(0, 0, 2)


def test_one_file_that_cannot_be_deleted_holds_up_no_other(room: Room) -> None:
    jobs = [room.completed(), room.completed()]

    class Refusing(FileStore):
        def delete(self, path: Path | str | None) -> None:
            if jobs[0].artifact and path == jobs[0].artifact.path:
                raise PermissionError(1, "Operation not permitted", str(path))
            super().delete(path)

    files = Refusing(room.files.downloads, room.files.uploads)
    room.clock.move(3600)
    assert CleanupService(room.expiry, files, room.clock, record_days=7, saved_days=30).run().expired == 2
    assert [job.artifact.path.exists() for job in jobs if job.artifact] == [True, False]


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
    eventually(lambda: locks.take("cleanup", "host2", seconds=30))
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

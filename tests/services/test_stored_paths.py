"""Files survive a move of the installation, an upgrade, and the way back to a version that stored absolute paths."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from src.data.archive_data import ArchiveData
from src.data.claim_data import ClaimData
from src.data.expiry_data import ExpiryData
from src.data.older_release import OlderRelease
from src.data.path_data import PathData
from src.data.stored_paths import AS_THEY_ARE, Root, StoredPaths
from src.data.video_data import VideoData
from src.models.archive import StoredVideo
from src.models.params import JobParams
from src.models.video import Artifact, Finished, Owner, OwnerKind
from src.services.cleanup_service import CleanupReport, CleanupService
from src.services.file_store import FileStore, attempt_of
from tests.tools.factories import make_clip, make_encode
from tests.tools.fakes import FakeClock

pytestmark = pytest.mark.slow

ARCHIVE = Owner(OwnerKind.ADDRESS, "archive")
NOTHING = CleanupReport(0, 0, 0)
LONG_AGO = 10 * 86_400
Mongo = Database[dict[str, Any]]


class Installation:
    """What one start of the service sees: two folders and a database. ``old``: it stores absolute paths."""

    def __init__(self, database: Mongo, folder: Path, *, old: bool = False) -> None:
        self.files = FileStore(folder / "downloads", folder / "uploads")
        self.paths = AS_THEY_ARE if old else StoredPaths.below(self.files.downloads, self.files.uploads)
        self.jobs, self.claims = VideoData(database, self.paths), ClaimData(database, self.paths)
        self.archive, self.database = ArchiveData(database, self.paths), database
        self.cleanup = CleanupService(
            ExpiryData(database, self.paths), self.files, FakeClock(datetime.now(UTC)), record_days=7, saved_days=30
        )

    def fill(self) -> None:
        """A finished clip, one in a folder of its own, an upload, and an uploaded video of the archive; all old."""
        self.finish_clip()
        self.finish_clip("6b0190584646a0217caba5f2/video")
        job_id = VideoData.new_id()
        upload = self.files.uploads / f"{job_id}.avi"
        upload.write_bytes(job_id.encode())
        later = datetime.now(UTC) + timedelta(days=30)
        self.jobs.insert(make_encode(id=job_id, input_file_path=str(upload), expires_at=later))
        received = self.files.incoming / "received.mp4"
        received.write_bytes(b"archive")
        kept = self.files.store_artifact(received, VideoData.new_id(), 0, "library")
        video = StoredVideo("dQw4w9WgXcQ", "film", datetime.now(UTC), file=kept, file_size=7)
        assert self.archive.put(ARCHIVE, video, None)
        for each in self.all_files():
            os.utime(each, (each.stat().st_mtime - LONG_AGO,) * 2)

    def finish_clip(self, folder: str = "") -> None:
        job = make_clip()
        self.jobs.insert(job)
        self.jobs.enqueue(job.id, {})
        held = self.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3)
        assert held and held.lease
        made = self.files.work_folder(job.id, 1) / "clip.mp4"
        made.write_bytes(job.id.encode())
        path = self.files.store_artifact(made, job.id, 1, folder)
        artifact = Artifact(path, 24, "video/mp4", "v.mp4")
        assert self.claims.complete(job.id, held.lease, Finished(artifact, {}), keep_seconds=30 * 86_400)
        self.files.drop_work(job.id, 1)

    def all_files(self) -> list[Path]:
        return sorted([*self.files.artifacts(), *self.files.inputs()])

    def names(self) -> list[str]:
        """All names of files that records hold."""
        fields = PathData(self.database, self.paths).fields
        return sorted(each[field.name] for field in fields for each in field.records.find({field.name: {"$gt": ""}}))

    def read(self) -> list[bytes]:
        """The content of every file, found as the service finds it."""
        jobs, _ = self.jobs.page_of_all(skip=0, limit=10)
        found = [job.artifact.path for job in jobs if job.artifact]
        found += [Path(job.params.model_dump()["input_file_path"]) for job in jobs if job.kind == "encode"]
        stored = self.archive.find(ARCHIVE, "dQw4w9WgXcQ")
        assert stored and stored.file
        return sorted(path.read_bytes() for path in [*found, stored.file])


def sweep_of_older_versions(installation: Installation) -> list[Path]:
    """Delete what version be509a2 took for strays: files whose absolute path no record holds, as text."""
    named = installation.names()
    at_work = installation.database["videos"].count_documents({"status": "processing"})
    assert not at_work and all(attempt_of(path) for path in installation.files.artifacts())
    strays = [path for path in installation.all_files() if str(path) not in named]
    for path in strays:
        path.unlink()
    return strays


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("by", [shutil.copytree, shutil.move])
def test_a_moved_installation_keeps_every_file(
    mongo_database: Mongo, tmp_path: Path, old: bool, by: Callable[[Path, Path], object]
) -> None:
    before = Installation(mongo_database, tmp_path / "here", old=old)
    before.fill()
    content = before.read()
    assert len(content) == 4
    by(tmp_path / "here", tmp_path / "there" / "deeper")
    after = Installation(mongo_database, tmp_path / "there" / "deeper")
    assert after.read() == content, "found before any cleanup, too"
    assert after.cleanup.run() == NOTHING
    assert after.read() == content and len(after.all_files()) == 4
    assert not any(name.startswith("/") for name in after.names()), "the first cleanup has rewritten them"


def test_a_link_that_points_to_another_disk_loses_nothing(mongo_database: Mongo, tmp_path: Path) -> None:
    for disk in ("one", "two"):
        (tmp_path / disk).mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "downloads").symlink_to(tmp_path / "one")
    for old in (True, False):  # an older version's records, and then ours
        before = Installation(mongo_database, tmp_path / "here", old=old)
        if old:
            before.fill()
        content = before.read()
        source = (tmp_path / "here" / "downloads").resolve()
        target = tmp_path / ("two" if source.name == "one" else "one")
        shutil.copytree(source, target, dirs_exist_ok=True)
        shutil.rmtree(source)
        (tmp_path / "here" / "downloads").unlink()
        (tmp_path / "here" / "downloads").symlink_to(target)
        after = Installation(mongo_database, tmp_path / "here")
        assert after.cleanup.run() == NOTHING
        assert after.read() == content


def test_forward_and_back_loses_no_file(mongo_database: Mongo, tmp_path: Path) -> None:
    old = Installation(mongo_database, tmp_path, old=True)
    old.fill()
    names, content = old.names(), old.read()
    assert all(name.startswith(str(tmp_path)) for name in names)
    new = Installation(mongo_database, tmp_path)
    assert new.cleanup.run() == NOTHING and new.read() == content
    new.finish_clip()
    content = new.read()
    assert PathData(mongo_database, new.paths).make_absolute() == 5
    assert set(names) < set(old.names()), "as the older version wrote them"
    assert sweep_of_older_versions(old) == []
    assert old.read() == content
    again = Installation(mongo_database, tmp_path)
    assert again.cleanup.run() == NOTHING and again.read() == content


def test_what_the_older_version_cannot_read_is_found(mongo_database: Mongo, tmp_path: Path) -> None:
    new = Installation(mongo_database, tmp_path)
    older = OlderRelease(mongo_database, new.paths)
    new.jobs.insert(make_clip())
    assert (older.recordings(), older.drop_previews()) == (0, [])
    source = {"url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ", "youtube_video_id": "dQw4w9WgXcQ"}
    recording = JobParams.parse("recording", {**source, "requested_at": datetime.now(UTC)})
    preview = JobParams.parse("preview", {**source, "start_time": 0, "end_time": 6})
    for params in (recording, preview):
        new.jobs.insert(make_clip(params=params))
    mongo_database["videos"].update_one({"kind": "preview"}, {"$set": {"file_path": "preview.mp4"}})
    assert older.recordings() == 1
    assert older.drop_previews() == [tmp_path / "downloads" / "preview.mp4"]
    assert mongo_database["videos"].distinct("kind") == ["clip", "recording"]


def test_the_older_version_would_delete_everything_without_the_command(mongo_database: Mongo, tmp_path: Path) -> None:
    """Otherwise the test above would show nothing."""
    Installation(mongo_database, tmp_path).fill()
    assert len(sweep_of_older_versions(Installation(mongo_database, tmp_path, old=True))) == 4


def test_an_absolute_path_whose_file_is_away_waits_for_it(mongo_database: Mongo, tmp_path: Path) -> None:
    """The disk is mounted later than the first cleanup runs."""
    before = Installation(mongo_database, tmp_path / "here", old=True)
    before.fill()
    content = before.read()
    shutil.move(tmp_path / "here", tmp_path / "away")
    after = Installation(mongo_database, tmp_path / "there")
    assert after.cleanup.run() == NOTHING
    shutil.copytree(tmp_path / "away", tmp_path / "there", dirs_exist_ok=True)
    assert after.read() == content
    assert after.cleanup.run() == NOTHING and after.read() == content


@pytest.mark.parametrize(
    "text", ["../outside", "/somewhere/../outside", "a/../../outside", "/etc/passwd", "/", "..", "/a/b/.."]
)
def test_no_record_leads_out_of_the_folder(tmp_path: Path, text: str) -> None:
    (tmp_path / "outside").write_text("of others")
    folder = tmp_path / "downloads"
    folder.mkdir()
    found = Root(folder).located(text)
    assert not found.is_file() and (folder in found.parents or found == folder)


def test_names_of_folders_do_not_mislead(tmp_path: Path) -> None:
    """The longest tail fits: a file of the same name in another folder is another file."""
    root = Root(tmp_path)
    for name in ("clip.mp4", "session/video/clip.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert root.current("/old/downloads/session/video/clip.mp4") == "session/video/clip.mp4"
    assert root.current("/old/downloads/clip.mp4") == "clip.mp4"
    assert root.current(str(tmp_path / "session" / "video" / "clip.mp4")) == "session/video/clip.mp4"
    assert root.current("/old/downloads/other.mp4") is None
    assert root.stored(tmp_path / "session" / "video" / "clip.mp4") == "session/video/clip.mp4"
    assert root.stored("/elsewhere/clip.mp4") == "/elsewhere/clip.mp4"

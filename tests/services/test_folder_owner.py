"""A database deletes nothing in folders that are not its own: who may claim which folders, and when."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from src.config import SettingsError
from src.data.expiry_data import ExpiryData
from src.data.installation_data import InstallationData
from src.data.path_data import PathData
from src.data.stored_paths import StoredPaths
from src.data.video_data import VideoData
from src.errors import StoreUnavailable
from src.services.cleanup_service import CleanupReport, CleanupService
from src.services.file_store import BELONGS_FILE, DATABASE_FILE, FileStore
from src.services.operations.folder_claim import claim_when_it_answers
from src.services.operations.folder_owner import FolderOwner, FoldersOfAnother
from tests.tools.factories import make_encode
from tests.tools.fakes import FakeClock

pytestmark = pytest.mark.slow

Mongo = Database[dict[str, Any]]
DOWNLOADS, UPLOADS = "downloads", "uploads"
ADOPT = r"run: \S*python -m src\.cli adopt-folders$"


class Place:
    """Two folders, a DATA_DIR, and any number of databases that want them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data_dir = folder, folder / "data"
        self.data_dir.mkdir()

    def owner(
        self, database: Mongo, *, embedded: bool = False, installation: InstallationData | None = None
    ) -> FolderOwner:
        downloads, uploads = self.folder / DOWNLOADS, self.folder / UPLOADS
        return FolderOwner(
            installation or InstallationData(database),
            PathData(database, StoredPaths.below(downloads, uploads)),
            downloads=downloads,
            uploads=uploads,
            data_dir=self.data_dir,
            embedded=embedded,
        )

    def put(self, name: str, text: str = "x") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def marks(self) -> list[str | None]:
        paths = [self.folder / name / DATABASE_FILE for name in (DOWNLOADS, UPLOADS)]
        return [path.read_text().strip() if path.exists() else None for path in paths]

    def name_in_record(self, database: Mongo, path: Path, *, old: bool = False) -> None:
        paths = StoredPaths() if old else StoredPaths.below(self.folder / DOWNLOADS, self.folder / UPLOADS)
        VideoData(database, paths).insert(make_encode(input_file_path=str(path)))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def other(mongo_database: Mongo) -> Iterator[Mongo]:
    """A second database on the same server, as a slip in MONGODB_URI names it."""
    name = f"{mongo_database.name}_other"
    yield mongo_database.client[name]
    mongo_database.client.drop_database(name)


def test_fresh_folders_are_claimed_once_and_for_all(place: Place, mongo_database: Mongo, other: Mongo) -> None:
    for name in ("downloads/.gitkeep", "downloads/.work/id.1/half.mp4", "uploads/.incoming/upload-x"):
        place.put(name)
    (place.folder / "downloads" / "lost+found").mkdir()
    owner = place.owner(mongo_database)
    owner.claim()
    own = InstallationData(mongo_database).id()
    assert own and place.marks() == [own, own] and owner.problem() is None
    place.put("downloads/file.mp4")
    owner.claim()
    with pytest.raises(FoldersOfAnother, match=ADOPT) as refused:
        place.owner(other).claim()
    assert "\n" not in str(refused.value) and "another database" in str(refused.value)
    assert place.marks() == [own, own] and InstallationData(other).id() is None


def test_an_emptied_database_is_refused(place: Place, mongo_database: Mongo) -> None:
    place.owner(mongo_database).claim()
    place.put("downloads/file.mp4")
    for collection in mongo_database.list_collection_names():
        mongo_database.drop_collection(collection)
    with pytest.raises(FoldersOfAnother, match="another database"):
        place.owner(mongo_database).claim()
    mongo_database["users"].insert_one({})
    InstallationData(mongo_database).ensure_id()  # nor with a new id
    with pytest.raises(FoldersOfAnother, match="another database"):
        place.owner(mongo_database).claim()


@pytest.mark.parametrize("name", ["downloads/file.mp4", "uploads/file.avi", "downloads/a/b/file.mp4"])
def test_files_of_unknown_origin_are_not_claimed(place: Place, mongo_database: Mongo, name: str) -> None:
    """Both folders are judged together: the empty one beside it gets no mark either."""
    place.put(name)
    with pytest.raises(FoldersOfAnother, match=ADOPT) as refused:
        place.owner(mongo_database).claim()
    assert "knows none of the files" in str(refused.value) and "\n" not in str(refused.value)
    assert place.marks() == [None, None]
    place.owner(mongo_database).adopt()
    place.owner(mongo_database).claim()


@pytest.mark.parametrize("old", [False, True])
def test_a_record_that_names_one_file_speaks_for_both_folders(place: Place, mongo_database: Mongo, old: bool) -> None:
    place.put("downloads/unknown.mp4")
    kept = place.put("uploads/known.avi")
    place.name_in_record(mongo_database, place.folder.resolve() / "gone" / "other.avi", old=old)
    with pytest.raises(FoldersOfAnother):
        place.owner(mongo_database).claim()
    # The older version ran in another place: its files were moved here.
    place.name_in_record(mongo_database, Path("/srv/old/uploads/known.avi") if old else kept, old=old)
    place.owner(mongo_database).claim()
    assert None not in place.marks()


def test_the_mark_of_an_older_version_speaks_for_its_data_dir(place: Place, mongo_database: Mongo) -> None:
    place.put("downloads/unknown.mp4")
    place.put(f"downloads/{BELONGS_FILE}", "../theirs\n")
    (place.folder / "theirs").mkdir()
    with pytest.raises(FoldersOfAnother):
        place.owner(mongo_database, embedded=True).claim()
    place.put(f"downloads/{BELONGS_FILE}", "../data\n")
    (place.data_dir / "mongodb").mkdir()
    with pytest.raises(FoldersOfAnother):
        place.owner(mongo_database).claim()  # the files are those of the embedded database, which is not in use
    place.owner(mongo_database, embedded=True).claim()
    assert None not in place.marks()


def test_a_folder_beside_one_that_is_ours_is_judged_alone(place: Place, mongo_database: Mongo, other: Mongo) -> None:
    kept = place.put("downloads/known.mp4")
    owner = place.owner(mongo_database)
    place.name_in_record(mongo_database, kept)
    owner.adopt()
    (place.folder / "uploads").rename(place.folder / "before")
    owner.claim()  # an empty one in its place
    assert None not in place.marks()
    (place.folder / "uploads" / DATABASE_FILE).unlink()
    letters = place.put("uploads/letters.txt")  # UPLOADS_DIR names somebody's home
    with pytest.raises(FoldersOfAnother):
        owner.claim()
    assert letters.exists()
    place.put(f"uploads/{DATABASE_FILE}", InstallationData(other).ensure_id())
    with pytest.raises(FoldersOfAnother, match="UPLOADS_DIR") as refused:
        owner.claim()
    assert "DOWNLOADS_DIR" not in str(refused.value)


def test_many_processes_on_a_fresh_database_agree(place: Place, mongo_database: Mongo) -> None:
    begin, failed = threading.Barrier(12), list[BaseException]()

    def start(number: int) -> None:
        owner = place.owner(mongo_database)
        begin.wait()
        try:
            owner.claim()
            place.put(f"downloads/{number}.mp4")  # and works at once
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    own = InstallationData(mongo_database).id()
    assert place.marks() == [own, own]
    assert [each.name for each in (place.folder / "uploads").iterdir()] == [DATABASE_FILE], "no draft is left"


def test_of_two_databases_that_want_the_same_folders_one_is_refused(
    place: Place, mongo_database: Mongo, other: Mongo
) -> None:
    for _ in range(10):
        begin, won = threading.Barrier(2), list[str]()

        def start(database: Mongo, begin: threading.Barrier = begin, won: list[str] = won) -> None:
            owner = place.owner(database)
            begin.wait()
            try:
                owner.claim()
            except FoldersOfAnother:
                return
            won.append(str(InstallationData(database).id()))

        threads = [threading.Thread(target=start, args=(database,)) for database in (mongo_database, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) <= 1
        assert not won or place.marks() == [won[0], won[0]]
        for name in (DOWNLOADS, UPLOADS):
            (place.folder / name / DATABASE_FILE).unlink()


def test_a_database_that_is_away_is_waited_for(place: Place, mongo_database: Mongo) -> None:
    class Away(InstallationData):
        looks = 0

        def id(self) -> str | None:
            self.looks += 1
            if self.looks < 4:
                raise StoreUnavailable()
            return super().id()

    away = Away(mongo_database)
    claim_when_it_answers(place.owner(mongo_database, installation=away), pause_seconds=0)
    assert away.looks >= 4 and None not in place.marks()


def test_a_mark_that_was_never_finished_is_none(place: Place, mongo_database: Mongo) -> None:
    place.put(f"downloads/{DATABASE_FILE}", "")
    place.put(f"downloads/{DATABASE_FILE}.0123456789abcdef", "")
    place.owner(mongo_database).claim()
    own = InstallationData(mongo_database).id()
    assert place.marks() == [own, own]


def test_a_file_system_without_second_names_heals_a_mark_that_was_never_finished(
    place: Place, mongo_database: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    place.put(f"downloads/{DATABASE_FILE}", "")
    owner = place.owner(mongo_database)
    owner.claim()
    own = InstallationData(mongo_database).id()
    assert place.marks() == [own, own] and owner.problem() is None


@pytest.mark.parametrize("name", ["downloads", "downloads/data", "uploads/data"])
def test_folders_that_hold_the_databases_are_refused(place: Place, mongo_database: Mongo, name: str) -> None:
    """Whatever no record names is deleted there: that would be the databases and the secrets."""
    place.data_dir = place.folder / name
    place.name_in_record(mongo_database, place.put("downloads/known.mp4"))
    secret = place.put(f"{name}/secrets.env")
    for each in (place.owner(mongo_database).claim, place.owner(mongo_database).adopt):
        with pytest.raises(SettingsError, match="DATA_DIR") as refused:
            each()
        assert "\n" not in str(refused.value)
    assert place.marks() == [None, None] and secret.exists()


@pytest.mark.parametrize("way", ["adopted", "claimed"])
def test_files_of_unknown_origin_stay_for_a_day_after_the_folders_changed_hands(
    place: Place, mongo_database: Mongo, way: str
) -> None:
    """Old as they are: whoever adopted them by mistake can still go back."""
    unknown = place.put("downloads/precious.mp4")
    os.utime(unknown, (0, 0))
    owner = place.owner(mongo_database)
    if way == "adopted":
        owner.adopt()
    else:
        place.name_in_record(mongo_database, place.put("uploads/known.avi"))
        owner.claim()
    files, clock = FileStore(place.folder / DOWNLOADS, place.folder / UPLOADS), FakeClock(datetime.now(UTC))
    expiry = ExpiryData(mongo_database, StoredPaths.below(files.downloads, files.uploads))
    cleanup = CleanupService(expiry, files, clock, record_days=7, saved_days=30, owner=owner)
    for _ in range(2):
        assert cleanup.run().strays == 0 and unknown.exists()
        clock.move(86_000)
    assert cleanup.run().strays == 1 and not unknown.exists()


def test_a_folder_that_cannot_be_used_is_named(place: Place, mongo_database: Mongo) -> None:
    place.put("downloads")
    with pytest.raises(SettingsError, match=r"downloads.* cannot be created or used"):
        place.owner(mongo_database).claim()
    assert "cannot be created or used" in (place.owner(mongo_database).problem() or "")


@pytest.mark.parametrize("change", ["another database", "an emptied one", "a missing disk"])
def test_the_cleanup_deletes_nothing_when_things_change_while_it_runs(
    place: Place, mongo_database: Mongo, other: Mongo, change: str
) -> None:
    """A start that was right is no promise for later."""
    files = FileStore(place.folder / DOWNLOADS, place.folder / UPLOADS)
    place.owner(mongo_database).claim()
    database = other if change == "another database" else mongo_database
    due = make_encode(input_file_path=str(files.uploads / "due.avi"), expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    VideoData(mongo_database).insert(due)
    if change == "an emptied one":
        mongo_database.drop_collection("installation")
    if change == "a missing disk":
        (place.folder / DOWNLOADS / DATABASE_FILE).unlink()
    for name in ("downloads/0123456789abcdef01234567.1.mp4", "uploads/due.avi", "uploads/0123456789abcdef01234567.avi"):
        os.utime(place.put(name), (0, 0))
    before = sorted(place.folder.rglob("*"))
    cleanup = CleanupService(
        ExpiryData(database),
        files,
        FakeClock(datetime.now(UTC)),
        record_days=7,
        saved_days=30,
        owner=place.owner(database),
    )
    assert cleanup.run() == CleanupReport(0, 0, 0)
    assert sorted(place.folder.rglob("*")) == before
    (notice,) = cleanup.notices()
    assert notice.startswith("Cleanup deletes nothing: ") and "adopt-folders" in notice

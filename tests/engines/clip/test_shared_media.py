"""Clips of one video share what they fetch: each byte comes once, and nothing of another version or owner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.config import Settings
from src.models.media_source import NetworkSettings, SourceUnreadable, TimeRange
from src.models.progress import SilentMonitor
from src.services.cutting.engine.model import Sharing
from src.services.cutting.shared_media import SharedMedia
from src.services.fetch.shared import SharedBytes, Version
from src.services.file_store import SHARED_FOLDER, FileStore
from src.utils.sandbox import available
from tests.engines.clip.origin import Origin
from tests.engines.clip.sources import KINDS, served
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import decode_errors, frame_numbers

pytestmark = pytest.mark.skipif(available().files != "landlock", reason="without Landlock nothing is shared")
KIND = {kind.name: kind for kind in KINDS}
VIDEO, MEGABYTE = "dQw4w9WgXcQ", 1_000_000


class Host:
    """A cache, and clips that use it as jobs do."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, KIND[kind]
        self.cache = self.opened()
        served_from = folder / "served"
        served_from.mkdir()
        self._files, self._source_of = served(self.kind, served_from)
        self.origin = Origin(self._files)
        self.origin.etag = '"one"'
        self.clips = 0

    def opened(self, *, most: int = 100 * MEGABYTE, seconds: float = 600, private: bool = False) -> SharedMedia:
        """A cache in the folder."""
        return SharedMedia(self.folder / "cache", most_bytes=most, seconds=seconds, min_free_bytes=0, private=private)

    def clip(self, start: str, end: str, owner: str = "ann", *, verified: bool = True) -> tuple[list[int], int, int]:
        """(numbers of the frames, bytes that the origin sent, requests) of a clip."""
        self.clips += 1
        work = self.folder / f"work{self.clips}"
        work.mkdir()
        source, output = self._source_of(self.origin), work / "clip.mp4"
        sharing = self.cache.sharing(VIDEO, [str(n) for n in range(len(source.tracks))], owner, work / "shared")
        before = self.origin.bytes_sent, self.origin.requests
        wanted = TimeRange(Fraction(start), Fraction(end))
        make_clip(
            source, wanted, output, work_dir=work, network=NetworkSettings(), monitor=SilentMonitor(), share=sharing
        )
        if sharing is not None and verified:
            self.cache.store(sharing, sharing.spool)
        assert decode_errors(output) == ""
        numbers = [frame.number for frame in frame_numbers(output)]
        return numbers, self.origin.bytes_sent - before[0], self.origin.requests - before[1]

    def extents(self) -> list[Path]:
        """All files of the cache."""
        return [path for path in (self.folder / "cache").rglob("*") if path.is_file()]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path, "h264-sidx")
    with made.origin:
        yield made


@pytest.mark.slow
@pytest.mark.matrix(3)
@pytest.mark.parametrize("kind", ["h264-sidx", "pair-h264-aac", "h264-progressive", "vp9-webm"])
def test_a_second_clip_fetches_only_what_is_missing(kind: str, tmp_path: Path) -> None:
    host = Host(tmp_path, kind)
    tracks = 2 if kind.startswith("pair") else 1
    with host.origin:
        first, sent, _ = host.clip("4.2", "8")
        assert first == list(range(105, 200)) and sent > 50_000
        again = host.clip("4.2", "8")
        assert again == (first, tracks, tracks), "one byte of each track tells its version"
        inside, sent, _ = host.clip("4.6", "7.1")
        assert inside == list(range(115, 178)) and sent == tracks
        stored = sum(path.stat().st_size for path in host.extents())
        longer, sent, _ = host.clip("4.2", "11")
        assert longer == list(range(105, 275))
        assert sum(path.stat().st_size for path in host.extents()) == stored + sent - tracks, "no byte came twice"


def test_another_version_shares_nothing(host: Host) -> None:
    host.clip("4.2", "8")
    host.origin.etag = '"two"'
    numbers, sent, _ = host.clip("4.2", "8")
    assert numbers == list(range(105, 200)) and sent > 50_000


def test_a_version_that_changes_in_the_middle_is_never_mixed(host: Host) -> None:
    """The engine gives such a source up, and the cutter reads the section."""
    host.clip("4.2", "8")
    before = host.origin.requests

    def change(request: int) -> None:
        if request > before + 1:
            host.origin.etag = '"two"'

    host.origin.on_request = change
    with pytest.raises(SourceUnreadable):
        host.clip("4.2", "11")


@pytest.mark.parametrize("etag", [None, 'W/"one"', '"' + "x" * 300 + '"'])
def test_without_a_strong_name_of_the_version_nothing_is_shared(etag: str | None, host: Host) -> None:
    host.origin.etag = etag
    host.clip("4.2", "6")
    assert host.extents() == []


def test_a_job_that_is_not_verified_shares_nothing(host: Host) -> None:
    host.clip("4.2", "6", verified=False)
    host.origin.faults.always = 404
    with pytest.raises(Exception, match="answered 404"):
        host.clip("4.2", "6")
    assert host.extents() == []


def test_where_the_site_may_show_each_owner_something_else_owners_share_nothing(host: Host) -> None:
    host.cache = host.opened(private=True)
    _, alone, _ = host.clip("4.2", "6", "ann")
    assert host.clip("4.2", "6", "bob")[1] == alone
    assert host.clip("4.2", "6", "ann")[1] == 1
    assert host.cache.sharing(VIDEO, ["0"], None, host.folder / "new") is None


@pytest.mark.parametrize(
    ("env", "private"),
    [({}, False), ({"YTDLP_COOKIES_FILE": "cookies.txt"}, True), ({"YTDLP_OPTIONS": '{"username": "x"}'}, True)],
)
def test_the_operators_login_makes_it_private(env: dict[str, str], private: bool, tmp_path: Path) -> None:
    cache = SharedMedia.of(Settings.load({**env, "DOWNLOADS_DIR": str(tmp_path)}, dotenv=None))
    ann, bob = (cache.sharing(VIDEO, ["0"], name, tmp_path / name) for name in ("ann", "bob"))
    assert ann is not None and bob is not None
    assert (ann.folders != bob.folders) == private


def test_what_is_deleted_while_it_is_read_is_fetched_again(host: Host) -> None:
    host.clip("4.2", "8")
    gone: list[int] = []

    def evict(request: int) -> None:
        for path in host.extents():
            path.unlink()
            gone.append(request)

    host.origin.on_request = evict  # the version has just been asked for: the child knows the names of the files
    numbers, _, _ = host.clip("4.2", "8")
    assert numbers == list(range(105, 200)) and gone


def test_an_extent_can_be_deleted_between_two_reads(tmp_path: Path) -> None:
    version = Version(100, "x")
    (tmp_path / version.name_of(0, 10)).write_bytes(b"0123456789")
    (tmp_path / version.name_of(5, 20)).write_bytes(b"56789abcdefghij")
    (tmp_path / Version(100, "y").name_of(20, 30)).write_bytes(b"wrong file")
    shared = SharedBytes(tmp_path, version)
    assert list(shared.read(2, 40)) == [(2, b"23456789"), (10, b"abcdefghij")]
    (tmp_path / version.name_of(0, 10)).unlink()
    assert list(shared.read(2, 40)) == [(5, b"56789abcdefghij")]


def stored(cache: SharedMedia, folder: Path, content: bytes, name: str = "0", **changes: Any) -> Sharing:
    """What a job leaves: bytes from the start of a file of 1 MB on."""
    leaves = folder / f"leaves-{time.monotonic_ns()}"
    sharing = cache.sharing(VIDEO, [name], "ann", leaves)
    assert sharing is not None
    sharing.spool.write_bytes(content)
    entry = {"place": 0, "size": MEGABYTE, "validator": "x", "base": 0, "spans": [[0, len(content)]], **changes}
    sharing.list_file.write_text(json.dumps([entry]))
    cache.store(sharing, sharing.spool)
    return sharing


@pytest.mark.parametrize(
    "changes",
    [
        {"place": 1},
        {"place": -1},
        {"spans": [[0, 11]]},
        {"spans": [[-5, 5]]},
        {"spans": [[5, 5]]},
        {"spans": [[0, 1 << 60]]},
        {"spans": [[0, 5]] * 100},
        {"size": 5},
        {"size": 0},
        {"validator": ""},
        {"base": 1 << 60},
        {"more": 1},
    ],
    ids=str,
)
def test_a_list_that_lies_is_not_believed(changes: dict[str, Any], tmp_path: Path) -> None:
    cache = SharedMedia(tmp_path / "cache", most_bytes=MEGABYTE, seconds=60, min_free_bytes=0, private=False)
    stored(cache, tmp_path, b"0123456789", **changes)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    cache = SharedMedia(tmp_path / "cache", most_bytes=MEGABYTE, seconds=60, min_free_bytes=0, private=False)
    (tmp_path / "secret").write_bytes(b"0123456789")
    sharing = stored(cache, tmp_path, b"", spans=[[0, 10]])
    sharing.spool.unlink()
    sharing.spool.symlink_to(tmp_path / "secret")
    cache.store(sharing, sharing.spool)
    sharing.spool.unlink()
    os.mkfifo(sharing.spool)
    cache.store(sharing, sharing.spool)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_old_data_and_too_much_data_are_deleted(tmp_path: Path) -> None:
    cache = SharedMedia(tmp_path / "cache", most_bytes=25, seconds=60, min_free_bytes=0, private=False)
    folders = []
    for number in range(3):
        (folder,) = stored(cache, tmp_path, b"0123456789", str(number)).folders
        folders.append(folder)
        for path in folder.iterdir():
            os.utime(path, (time.time() - 30 + number,) * 2)
    cache.prune()
    assert [folder.exists() for folder in folders] == [False, True, True]
    for path in folders[1].iterdir():
        os.utime(path, (time.time() - 61,) * 2)
    cache.prune()
    assert [folder.exists() for folder in folders] == [False, False, True]
    replace_with = SharedMedia(tmp_path / "cache", most_bytes=25, seconds=60, min_free_bytes=1 << 60, private=False)
    replace_with.prune()
    assert not folders[2].exists(), "a full disk needs the room"
    stored(replace_with, tmp_path, b"0123456789")
    assert not folders[0].exists()


KILLED = """
import os, sys
from pathlib import Path
from src.services.cutting import shared_media
real = os.sendfile
def stopped(*arguments):
    copied = real(*arguments)
    print("copied", flush=True)
    sys.stdin.read()
    return copied
os.sendfile = stopped
from tests.engines.clip.test_shared_media import MEGABYTE, SharedMedia, stored
cache = SharedMedia(Path(sys.argv[1]) / "cache", most_bytes=MEGABYTE, seconds=60, min_free_bytes=0, private=False)
stored(cache, Path(sys.argv[1]), b"0123456789")
"""


def test_a_worker_that_is_killed_while_it_copies_leaves_nothing_for_ever(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == b"copied\n"
        worker.send_signal(signal.SIGKILL)
    cache = SharedMedia(tmp_path / "cache", most_bytes=MEGABYTE, seconds=60, min_free_bytes=0, private=False)
    (left,) = (tmp_path / "cache").iterdir()
    cache.prune()
    assert left.exists(), "it might still be growing"
    os.utime(left, (time.time() - 3600,) * 2)
    cache.prune()
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_cleanup_knows_the_folder(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    settings = Settings.load({"DOWNLOADS_DIR": str(downloads)}, dotenv=None)
    files = FileStore(downloads, tmp_path / "uploads")
    stored(SharedMedia.of(settings), tmp_path, b"0123456789")
    assert len(list((downloads / ".work" / SHARED_FOLDER).rglob("*.0.10"))) == 1
    assert files.work_folders() == [] and files.artifacts() == []


def test_a_job_with_nothing_to_share_leaves_no_folder(tmp_path: Path) -> None:
    cache = SharedMedia(tmp_path / "cache", most_bytes=MEGABYTE, seconds=60, min_free_bytes=0, private=False)
    stored(cache, tmp_path, b"", spans=[])
    assert not (tmp_path / "cache").exists()

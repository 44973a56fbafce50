"""A file that is moved is whole under its new name, on the same disk and on another one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PosixPath
from typing import Self

import pytest

from src.utils.moved_file import move_file


class OtherDisk(PosixPath):
    """A path whose file cannot be renamed, as one on another disk."""

    def replace(self, target: str | os.PathLike[str]) -> Self:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self))


@pytest.fixture(params=["same", "other", "real"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file of mode 0640, made a day ago: on this disk, on one that is said to be another, on one that is."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if request.param == "real" and Path(folder).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("/dev/shm is no disk of its own here")
        kinds: dict[str, Path] = {
            "same": tmp_path / "made.mp4",
            "other": OtherDisk(tmp_path / "made.mp4"),
            "real": Path(folder) / "made",
        }
        path = kinds[request.param]
        path.write_bytes(b"film" * 1_000_000)
        path.chmod(0o640)
        os.utime(path, (1_000_000, 1_000_000))
        yield path


def test_it_arrives_whole_with_its_mode_and_age(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "session" / "video" / "id.1.mp4"
    move_file(made, target)
    assert target.read_bytes() == b"film" * 1_000_000
    assert target.stat().st_mode & 0o777 == 0o640 and target.stat().st_mtime == 1_000_000
    assert not made.exists()
    assert [each.name for each in target.parent.iterdir()] == [target.name]


def test_what_cannot_be_copied_stays_where_it_was(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    (target / "by a folder").touch()
    with pytest.raises(OSError, match="taken"):
        move_file(made, target)
    assert made.stat().st_size == 4_000_000
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".half") == []


def test_a_link_is_not_followed_to_another_disk(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of others")
    made = OtherDisk(tmp_path / "made.mp4")
    made.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        move_file(made, tmp_path / "there" / "id.1.mp4")
    assert list((tmp_path / "there").iterdir()) == []

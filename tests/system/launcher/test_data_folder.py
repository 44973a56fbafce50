"""The private folder: one owner, sockets under short paths, engines remembered, secrets kept."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from src.launcher import data_folder
from src.launcher.problems import DataFolderInUse, DataFolderUnusable, EngineTooOld, StoreProgramMissing
from src.launcher.processors import mongodb_image
from src.launcher.programs import StoreProgram, first_that_runs
from src.launcher.secrets import FILE_NAME, ensure_secrets

NAMES = ["JWT_PUBLIC_SECRET", "JWT_PRIVATE_SECRET", "FLASK_SECRET_KEY"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_nobody_elses_business(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    assert mode(data_folder.make_private(folder)) == 0o700


def test_what_cannot_be_a_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(
            DataFolderUnusable, match=r"cannot be created or used \(.+\): choose another one with DATA_DIR"
        ):
            data_folder.make_private(impossible)


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with (
        data_folder.only_owner(tmp_path),
        pytest.raises(DataFolderInUse, match=rf"process {os.getpid()}\).*DATA_DIR="),
        data_folder.only_owner(tmp_path, patience_seconds=0.1),
    ):
        pass
    with data_folder.only_owner(tmp_path, patience_seconds=0):
        pass  # free again


def test_files_on_which_another_instance_works_are_refused(tmp_path: Path) -> None:
    """Also where the database does not tell the two apart: a copy of it has the same id."""
    ours, theirs, files = tmp_path / "here" / "data", tmp_path / "theirs", tmp_path / "here" / "downloads"
    for folder in (ours, theirs, files):
        folder.mkdir(parents=True)
    data_folder.require_unused([files], ours)
    data_folder.belong([files], theirs)
    data_folder.require_unused([files], ours)
    assert list(theirs.iterdir()) == [], "only looked at"
    with data_folder.only_owner(theirs):
        with pytest.raises(DataFolderInUse, match=r"theirs works on the files in .* DOWNLOADS_DIR="):
            data_folder.require_unused([files], ours)
        data_folder.require_unused([files], theirs)
    data_folder.belong([files], ours)
    moved = (tmp_path / "here").rename(tmp_path / "there")
    with data_folder.only_owner(moved / "data"), pytest.raises(DataFolderInUse):
        data_folder.require_unused([moved / "downloads"], theirs)
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable):
        data_folder.belong([tmp_path / "file"], theirs)


def test_a_full_disk_takes_no_mark_and_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, text: str, encoding: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    data_folder.belong([tmp_path], tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_a_store_that_survives_the_launcher_keeps_the_folder(tmp_path: Path) -> None:
    with data_folder.only_owner(tmp_path) as lock:
        survivor = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    try:
        with pytest.raises(DataFolderInUse), data_folder.only_owner(tmp_path, patience_seconds=0):
            pass
    finally:
        survivor.send_signal(signal.SIGKILL)
        survivor.wait()
    with data_folder.only_owner(tmp_path):
        pass


def test_sockets_are_in_the_folder_if_its_path_is_short_enough(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with data_folder.socket_folder(deep) as sockets:
        assert deep not in sockets.parents
        assert len(os.fsencode(sockets / "mongodb.sock")) <= data_folder.SOCKET_PATH_BYTES
        assert mode(sockets) == 0o700
    assert not sockets.exists()
    with data_folder.socket_folder(tmp_path) as sockets:
        assert sockets == tmp_path / "run"


def program(engine: str, *version: int) -> StoreProgram:
    return StoreProgram(engine, version, Path("/usr/bin") / engine)  # type: ignore[arg-type]


def test_data_are_opened_by_the_same_engine_or_a_newer_one_only(tmp_path: Path) -> None:
    data_folder.check_engine(tmp_path, "redis", program("valkey", 8, 1, 0))
    data_folder.check_engine(tmp_path, "redis", program("valkey", 9, 1, 2))
    with pytest.raises(EngineTooOld, match=r"written by valkey 9\.1\.2; valkey 8\.1\.0"):
        data_folder.check_engine(tmp_path, "redis", program("valkey", 8, 1, 0))
    with pytest.raises(EngineTooOld, match=r"redis 7\.0\.15"):
        data_folder.check_engine(tmp_path, "redis", program("redis", 7, 0, 15))
    data_folder.check_engine(tmp_path, "mongodb", program("mongod", 6, 0, 5))


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_first_program_that_runs_is_taken(tmp_path: Path) -> None:
    broken = script(tmp_path / "valkey-server", "echo 'cannot execute' >&2; exit 127")
    good = script(tmp_path / "redis-server", "echo 'Redis server v=7.0.15 sha=0'")
    found = first_that_runs("redis", [None, broken, good], tmp_path)
    assert (found.engine, found.version, found.path) == ("redis", (7, 0, 15), good)


def test_without_any_program_the_reasons_and_the_remedies_are_told(tmp_path: Path) -> None:
    broken = script(tmp_path / "mongod", "kill -ILL $$")
    with pytest.raises(StoreProgramMissing, match=r"signal 4(.|\n)*AVX(.|\n)*make setup(.|\n)*MONGODB_URI="):
        first_that_runs("mongodb", [broken], tmp_path)


def test_the_recommended_mongodb_runs_on_the_processor() -> None:
    assert mongodb_image("x86_64", "processor : 0\nflags\t\t: fpu sse4_2 avx avx2\n") == "mongo:8"
    assert mongodb_image("x86_64", "flags\t\t: fpu sse4_2 avx512_no\n") == "mongo:4.4", "N5105, J4125"
    assert mongodb_image("aarch64", "Features\t: fp asimd evtstrm crc32 cpuid\n") == "mongo:4.4.18", "Raspberry Pi 4"
    assert mongodb_image("aarch64", "Features\t: fp asimd atomics fphp asimdhp dcpop\n") == "mongo:8", "Raspberry Pi 5"
    assert mongodb_image("aarch64", "") == "mongo:8", "unknown"


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = ensure_secrets(tmp_path, NAMES[:2])
    assert mode(tmp_path / FILE_NAME) == 0o600
    assert all(len(secret) >= 32 for secret in first.values())
    (tmp_path / FILE_NAME).chmod(0o644)
    again = ensure_secrets(tmp_path, NAMES)
    assert {name: again[name] for name in first} == first
    assert len(set(again.values())) == 3
    assert mode(tmp_path / FILE_NAME) == 0o600


def test_an_operator_who_sets_every_secret_needs_no_file(tmp_path: Path) -> None:
    assert ensure_secrets(tmp_path, []) == {}
    assert not (tmp_path / FILE_NAME).exists()
    ensure_secrets(tmp_path, NAMES[:1])
    (tmp_path / FILE_NAME).chmod(0o644)
    assert ensure_secrets(tmp_path, []) == {}
    assert mode(tmp_path / FILE_NAME) == 0o600, "a file of an earlier start becomes private again"


def test_asking_who_owns_a_folder_changes_nothing_in_it(tmp_path: Path) -> None:
    assert not data_folder.is_owned(tmp_path) and list(tmp_path.iterdir()) == []
    with data_folder.only_owner(tmp_path):
        assert data_folder.is_owned(tmp_path)
    (tmp_path / "lock").write_text("1\n")
    assert not data_folder.is_owned(tmp_path) and (tmp_path / "lock").read_text() == "1\n"

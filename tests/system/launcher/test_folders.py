"""However the service is started: files of another database are refused in one line, and adopted by a command."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest

from src.config import SECRET_NAMES
from src.data.installation_data import HeldBack, InstallationData
from src.data.video_data import VideoData
from src.services import db_service
from src.services.file_store import BELONGS_FILE, DATABASE_FILE
from tests.system.launcher.test_launcher import environment, launched
from tests.tools.factories import make_encode
from tests.tools.live_service import ROOT, free_port
from tests.tools.stores import running_stores
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

CELERY = ("celery", "-q", "-A", "celery_worker", "worker", "-Q", "metadata", "--pool", "solo", "--without-gossip")
COMMANDS = {
    "gunicorn": ("gunicorn", "-c", "gunicorn_config.py", "start_server:create_application()"),
    "celery": CELERY,
    "scheduler": ("src.scheduler",),
}


@pytest.fixture
def mongo(mongo_uri: str) -> Iterator[str]:
    """The address of a database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    yield mongo_uri.rpartition("/")[0] + f"/{name}"
    with db_service.connect(mongo_uri).client as client:
        client.drop_database(name)


def outside(folder: Path, mongo: str, redis_uri: str) -> dict[str, str]:
    """The environment of processes with servers of one's own."""
    secrets = {name.upper(): f"{name}-0123456789-0123456789-0123456789" for name in SECRET_NAMES}
    port = str(free_port())
    return environment(folder, MONGODB_URI=mongo, REDIS_URI=redis_uri, PORT=port, API_PROCESSES="1", **secrets)


def run(*module: str, env: dict[str, str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds, check=False)


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"film")
    os.utime(path, (0, 0))
    return path


def refusal(said: str) -> str:
    """The only line that was said."""
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1, said
    return lines[0]


def named_command(refusal: str) -> str:
    """The command at its end, as the operator copies it."""
    return refusal.rpartition("run: ")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_that_is_started_alone_refuses_files_of_others(
    tmp_path: Path, mongo: str, redis_uri: str, name: str
) -> None:
    files = [put(tmp_path / "downloads" / "0123456789abcdef01234567.1.mp4"), put(tmp_path / "uploads" / "x.avi")]
    ended = run(*COMMANDS[name], env=outside(tmp_path, mongo, redis_uri))
    assert ended.returncode == 2
    assert named_command(refusal(ended.stdout + ended.stderr)).endswith("python -m src.cli adopt-folders")
    assert all(path.exists() for path in files)
    assert not (tmp_path / "downloads" / DATABASE_FILE).exists()


def test_the_launcher_refuses_and_a_command_adopts(tmp_path: Path, mongo: str, redis_uri: str) -> None:
    env = outside(tmp_path, mongo, redis_uri)
    kept = put(tmp_path / "downloads" / "precious.mp4")
    changes = {name: env[name] for name in ("MONGODB_URI", "REDIS_URI", *map(str.upper, SECRET_NAMES))}
    with launched(tmp_path, "--role", "workers", **changes) as launcher:
        assert launcher.end() == 2
        command = shlex.split(named_command(refusal(launcher.said.read_text())))
    adopted = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert adopted.returncode == 0 and "now belong to this database" in adopted.stdout, adopted.stderr
    with launched(tmp_path, "--role", "workers", **changes) as launcher:
        assert launcher.first_line() == "yt-downloader workers are ready\n", launcher.said.read_text()[-3000:]
    changes["MONGODB_URI"] += "_mistyped"
    with launched(tmp_path, "--role", "workers", **changes) as launcher:
        assert launcher.end() == 2
        assert "another database" in refusal(launcher.said.read_text())
    assert kept.exists()


def test_a_command_lifts_the_guard(tmp_path: Path, mongo: str, redis_uri: str) -> None:
    database = db_service.connect(mongo)
    with database.client:
        installation = InstallationData(database)
        installation.hold_back(HeldBack(40, 50))
        done = run("src.cli", "allow-deletion", env=outside(tmp_path, mongo, redis_uri))
        assert (done.returncode, installation.allowed()) == (0, 40), done.stderr
        assert "deletes the 40 files" in done.stdout


def test_embedded_instances_are_moved_refused_adopted_and_taken_back(tmp_path: Path) -> None:
    """``docs/deployment.md``: stop it and copy the folder; and before an older version is started, run the command."""
    here = tmp_path / "here"
    here.mkdir()
    often = {"CLEANUP_INTERVAL_MINUTES": "0.02"}
    with launched(here, **often) as launcher:
        launcher.ready_url()
    job_id = VideoData.new_id()
    upload = put(here / "uploads" / f"{job_id}.avi")
    later = datetime.now(UTC) + timedelta(days=1)
    with running_stores(here / "data") as stores:  # as an older version stored it
        database = db_service.connect(stores.mongodb_uri)
        with database.client:
            VideoData(database).insert(make_encode(id=job_id, input_file_path=str(upload), expires_at=later))
    for name in (DATABASE_FILE, BELONGS_FILE):
        (here / "downloads" / name).unlink()
        (here / "uploads" / name).unlink()

    there = tmp_path / "there"
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("run", "said-*"))
    with launched(there, **often) as launcher:
        launcher.ready_url()
        eventually(lambda: "1 records now store paths relative" in launcher.said.read_text())
        running = run("src.cli", "store-absolute-paths", env=environment(there))
        assert running.returncode == 1 and "stop it first" in running.stderr
        held = run("src.cli", "allow-deletion", env=environment(there))
        assert held.stdout.startswith("no files are held back"), held.stderr
    assert path_of(there, job_id) == f"{job_id}.avi", "rewritten by the first cleanup"
    assert (there / "uploads" / f"{job_id}.avi").exists()

    back = run("src.cli", "store-absolute-paths", env=environment(there))
    assert back.stdout.startswith("1 absolute path"), back.stderr
    assert path_of(there, job_id) == str((there / "uploads").resolve() / f"{job_id}.avi")

    other = environment(there, DATA_DIR=str(tmp_path / "fresh"))
    with launched(there, DATA_DIR=str(tmp_path / "fresh")) as launcher:
        assert launcher.end() == 2
        assert "another database" in refusal(launcher.said.read_text())
    assert run("src.cli", "adopt-folders", env=other).returncode == 0
    with launched(there) as launcher:
        assert launcher.end() == 2, "they are the other one's now"


def path_of(folder: Path, job_id: str) -> Any:
    with running_stores(folder / "data") as stores, pymongo.MongoClient[dict[str, Any]](stores.mongodb_uri) as client:
        record = client.get_default_database()["videos"].find_one({"original_filename": "film.avi"})
    assert record is not None and str(record["_id"]) == job_id
    return record["input_file_path"]

"""A kind of job is three places: the example of CONTRIBUTING.md is followed literally, and its job runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.media_kit import FFMPEG

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]

USE = """
from src.app import create_app
from src.bootstrap import build, prepare_database
from src.config import Settings
from src.models.params import NoteParams
from src.models.video import Owner


class Notifier:
    def __init__(self):
        self.notified = []

    def notify(self, job_id, queue):
        self.notified.append((job_id, queue))

    def request_help(self, job_id):
        pass

    def describe(self, job_id):
        pass


settings, notifier = Settings.load(dotenv=None), Notifier()
services = build(settings, notifier=notifier)
prepare_database(services.database)
client = create_app(settings, services).test_client()
account = {"email": "anna@example.com", "password": "SecurePass123!"}
owner = Owner.user(client.post("/api/auth/register", json=account).json["user_id"])

job = services.jobs.save(owner, NoteParams(text="Hello"))
services.jobs.start(job)
assert notifier.notified == [(job.id, "downloads")], notifier.notified
services.runner.run(job.id)
done = services.jobs.find(job.id, owner, ["note"], LookupError)
print(done.status, client.get(services.file_links.link(done, "note").address).text)
print(services.jobs.save(owner, NoteParams(text="Again")).id)
"""


def test_the_example_of_the_handbook_works(mongo_uri: str, redis_uri: str, tmp_path: Path) -> None:
    for name in ("src", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "CONTRIBUTING.md").read_text()
    example = text[text.index("## Adding a kind of job") : text.index("## Adding endpoints")]
    params, handler, imports, row = re.findall(r"```(?:python|text)\n(.*?)```", example, re.DOTALL)
    handler_path = re.search(r"the new file `(.*?)`", example)
    assert handler_path is not None

    with (tmp_path / "src/models/params.py").open("a") as file:
        file.write(f"\n\n{params}")
    (tmp_path / handler_path[1]).write_text(handler)
    kinds = tmp_path / "src/bootstrap/kinds.py"
    table = kinds.read_text()
    assert table.count("\nROWS = (\n") == 1
    table = table.replace("\nROWS = (\n", f"\nROWS = (\n{row}")
    kinds.write_text(table.replace("from src.config import", f"{imports}from src.config import", 1))

    given = {
        "MONGODB_URI": mongo_uri,
        "REDIS_URI": redis_uri,
        "JWT_PUBLIC_SECRET": "public-secret-of-the-tests-0123456789",
        "JWT_PRIVATE_SECRET": "private-secret-of-the-tests-0123456789",
        "FLASK_SECRET_KEY": "flask-secret-of-the-tests-0123456789",
        "DATA_DIR": str(tmp_path / "data"),
        "DOWNLOADS_DIR": str(tmp_path / "downloads"),
        "UPLOADS_DIR": str(tmp_path / "uploads"),
        "LOG_FILE": "",
        "FFMPEG_PATH": str(FFMPEG),
        "PYTHONPATH": str(tmp_path),
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env={**os.environ, **given}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    result, saved = run("-c", USE).splitlines()
    assert result == "completed Hello"
    assert run("-m", "scripts.run_job", saved).startswith("completed ")
    [path] = (tmp_path / "downloads").glob(f"{saved}.*")
    assert path.read_text() == "Again"

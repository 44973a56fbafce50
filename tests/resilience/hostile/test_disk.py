"""A disk that fills up, and accounts that have all the room they may have."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from tests.api.actors import Api
from tests.api.conftest import api_settings, app_over
from tests.resilience.hostile.small_disk import INSTANTS
from tests.tools.fakes import FakeEngine
from tests.tools.mounting import mounting

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


def test_a_full_disk_fails_what_is_written_and_nothing_else(tmp_path: Path, mongo_uri: str, redis_uri: str) -> None:
    program = [sys.executable, "-m", "tests.resilience.hostile.small_disk", str(tmp_path), mongo_uri, redis_uri]
    done = subprocess.run(
        [*mounting(), *program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["encodes"] == ["whole", *["DISK_FULL"] * INSTANTS] and report["after encodes"] == []
    assert report["job"] == {"status": 507, "code": "DISK_FULL"}
    assert report["after job"] == []
    assert report["upload"] == {"status": 507, "code": "DISK_FULL"}
    assert report["after upload"] == []
    assert report["job with room"] == {"status": 200, "code": None}
    assert report["job below the floor"] == {"status": 507, "code": "DISK_FULL"}
    assert report["upload below the floor"] == {"status": 507, "code": "DISK_FULL"}
    assert report["job on a read-only disk"] == {"status": 507, "code": "DISK_UNWRITABLE"}
    assert report["health on a read-only disk"] == "unhealthy"


@pytest.fixture
def quota(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Iterator[Api]:
    engine = FakeEngine(content=bytes(700_000))
    made = app_over(api_settings(tmp_path, user_quota_mb=1), mongo_database, redis_client, engine=engine)
    yield made
    made.notifier.finish()


def test_an_account_that_has_all_its_room_gets_no_more(quota: Api) -> None:
    anna, bert = quota.person(), quota.person()
    first, second, third = anna.save(), anna.save(), anna.save()
    assert anna.post(f"/api/video/download/{first}").status_code == 200
    assert anna.upload(content=bytes(400_000)).status_code == 507, "0.7 and 0.4 MB are more than 1"
    assert anna.post(f"/api/video/download/{second}").status_code == 200, "what a job will need is not known before"
    reply = anna.post(f"/api/video/download/{third}")
    assert reply.json is not None
    assert (reply.status_code, reply.json["code"]) == (507, "QUOTA_EXCEEDED")
    assert reply.json["details"] == {"used_mb": 1.4, "quota_mb": 1}
    assert anna.get(f"/api/video/download/{first}").status_code == 200, "what is there is still given"
    assert bert.post(f"/api/video/download/{bert.save()}").status_code == 200
    assert list(quota.services.files.incoming.iterdir()) == []


def test_room_that_is_free_again_can_be_used(quota: Api) -> None:
    anna = quota.person()
    uploaded = anna.upload(content=bytes(900_000))
    assert uploaded.status_code == 201 and uploaded.json is not None
    assert anna.upload(content=bytes(200_000)).status_code == 507
    jobs = quota.services.jobs
    assert jobs.forget(jobs.find_any(uploaded.json["encode_id"]))
    assert anna.upload(content=bytes(200_000)).status_code == 201

"""A worker is killed at every instant of a repair: one whole file remains, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.models.video import RepairState
from tests.resilience.workers.repair_victim import INSTANTS
from tests.services.test_repairs import Bench

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_worker_killed_during_a_repair_loses_no_file_and_leaves_none(
    mongo_database: Database[dict[str, Any]],
    mongo_uri: str,
    redis_client: redis.Redis,
    redis_uri: str,
    tmp_path: Path,
    instant: str,
) -> None:
    bench = Bench(mongo_database, redis_client, tmp_path)
    job = bench.with_a_gap()
    bench.due(job)
    command = [sys.executable, "-m", "tests.resilience.workers.repair_victim"]
    arguments = [mongo_uri, mongo_database.name, redis_uri, str(tmp_path), job.id, instant]
    died = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert died.returncode == -9, died.stderr
    dead = bench.find(job)
    assert dead.artifact is not None and dead.artifact.path.is_file(), "the record always names a file that exists"
    bench.cleanup.run()
    mongo_database["videos"].update_one(
        {"lease_until": {"$ne": None}}, {"$set": {"lease_until": datetime.now(UTC) - timedelta(seconds=1)}}
    )
    for job_id in bench.reconciled():
        bench.runner().run(job_id)
    bench.cleanup.run()
    done = bench.find(job)
    assert done.repair is not None and done.repair.state is RepairState.DONE and done.lease is None
    assert bench.content(job) == b"the whole clip"
    retained = bench.files.retained_folder(job.id)
    assert [path for path in bench.files.work_folders() if path != retained] == []

"""The embedded servers themselves: private, and nothing that was confirmed is lost when they are killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import redis
from pymongo.errors import PyMongoError

from src.launcher.stores import EmbeddedStores, embedded_stores
from src.launcher.supervisor import Supervisor
from src.services import db_service
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedStores, Supervisor]]:
    with embedded_stores(tmp_path_factory.mktemp("own")) as stores:
        supervisor = Supervisor(stores.children, first_pause_seconds=0.05)
        try:
            supervisor.start()
            yield stores, supervisor
        finally:
            supervisor.stop()


def test_they_listen_on_no_port(own: tuple[EmbeddedStores, Supervisor]) -> None:
    _, supervisor = own
    for name, pid in supervisor.pids.items():
        targets = []
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                targets.append(str(path.readlink()))
        inodes = {found[1] for target in targets if (found := re.fullmatch(r"socket:\[(\d+)\]", target))}
        assert inodes, f"{name} must have its unix socket"
        for table in ("tcp", "tcp6"):
            rows = [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
            assert not [row for row in rows if row[9] in inodes], f"{name} has opened a port"


def test_what_was_confirmed_survives_a_kill(own: tuple[EmbeddedStores, Supervisor]) -> None:
    stores, supervisor = own
    database = db_service.connect(stores.mongodb_uri)
    confirmed: dict[str, int] = {"mongodb": 0, "redis": 0}
    with database.client, redis.Redis.from_url(stores.redis_uri) as cache:
        for _ in range(200):
            confirmed["mongodb"] = _insert_next(database["kept"], confirmed["mongodb"])
            confirmed["redis"] = int(str(cache.incr("kept")))
        for pid in supervisor.pids.values():
            os.kill(pid, signal.SIGKILL)

        def all_are_back() -> bool:
            supervisor.tend()
            return len(supervisor.pids) == 2 and all(child.ready() for child in stores.children if child.ready)

        eventually(all_are_back)
        assert _count(database["kept"]) == confirmed["mongodb"]
        assert int(str(cache.get("kept"), "ascii")) == confirmed["redis"]


def _insert_next(collection: pymongo.collection.Collection[dict[str, Any]], number: int) -> int:
    collection.insert_one({"number": number})
    return number + 1


def _count(collection: pymongo.collection.Collection[dict[str, Any]]) -> int:
    for _ in range(3):  # the first use after the kill may find the old connection
        try:
            return collection.count_documents({})
        except PyMongoError:
            continue
    return -1


def test_a_long_data_folder_works_too(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with embedded_stores(deep, mongodb=False) as stores:
        supervisor = Supervisor(stores.children)
        try:
            supervisor.start()
            with redis.Redis.from_url(stores.redis_uri) as cache:
                assert cache.ping()
        finally:
            supervisor.stop()

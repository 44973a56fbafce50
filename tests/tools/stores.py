"""Fixtures: a real MongoDB and a real Valkey, started once per test process by the launcher's own code."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
import redis
from pymongo.database import Database

from src.launcher.stores import EmbeddedStores, embedded_stores
from src.launcher.supervisor import Supervisor
from src.services import db_service
from src.services.cache_service import connect_redis

# The server looks for expired documents every minute otherwise.
MONGOD_OPTIONS = ("--setParameter=ttlMonitorSleepSecs=1",)


@contextmanager
def running_stores(folder: Path, *, mongod_options: Sequence[str] = ()) -> Iterator[EmbeddedStores]:
    """Run both stores for the length of the block."""
    with embedded_stores(folder, mongod_options=mongod_options) as stores:
        supervisor = Supervisor(stores.children)
        try:
            supervisor.start()
            yield stores
        finally:
            supervisor.stop()


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStores]:
    """Private servers; with pytest-xdist each worker process has its own."""
    with running_stores(tmp_path_factory.mktemp("stores"), mongod_options=MONGOD_OPTIONS) as running:
        yield running


@pytest.fixture(scope="session")
def mongo_uri(stores: EmbeddedStores) -> str:
    return stores.mongodb_uri


@pytest.fixture(scope="session")
def redis_uri(stores: EmbeddedStores) -> str:
    return stores.redis_uri


@pytest.fixture(scope="session")
def _mongo_client(mongo_uri: str) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    with db_service.connect(mongo_uri).client as client:
        yield client


@pytest.fixture
def mongo_database(_mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """A fresh database, with the connection options of the service."""
    name = f"test_{uuid.uuid4().hex}"
    yield _mongo_client[name]
    _mongo_client.drop_database(name)


@pytest.fixture
def redis_client(redis_uri: str) -> Iterator[redis.Redis]:
    """The Valkey of this test process, empty."""
    with connect_redis(redis_uri) as client:
        client.flushall()
        yield client


def end_leases(database: Database[dict[str, Any]]) -> None:
    """End the leases of all jobs, as if their workers had died long ago."""
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    database["videos"].update_many({"lease_until": {"$ne": None}}, {"$set": {"lease_until": long_ago}})

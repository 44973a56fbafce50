"""Stores that freeze, lose connections or refuse them: requests are answered in time, and all is well afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import pytest
import redis
from pymongo.database import Database
from werkzeug.test import TestResponse

from src.app import create_app
from src.bootstrap import build, prepare_database
from src.broker import CeleryNotifier, make_celery
from src.services import db_service
from src.services.cache_service import connect_redis
from tests.api.actors import LINK, Api, Person
from tests.api.conftest import api_settings
from tests.resilience.faults.proxy import HEALTHY, Fault, FaultProxy
from tests.tools.fakes import FakeEngine
from tests.tools.waiting import eventually, within

pytestmark = pytest.mark.slow

# The driver's patience is 6 s for an operation (db_service), Redis' 2 s and the broker's 5 s. What a request may take
# in all is several of these, and this machine may be busy: what must not happen is that it never ends.
FAULTS = [Fault(frozen=True), Fault(half_open=True), Fault(refuse=True)]
NAMES = ["frozen", "half-open", "refused"]


@dataclass
class Wired:
    """An app whose stores, broker included, lie behind proxies."""

    api: Api
    mongodb: FaultProxy
    redis: FaultProxy
    person: Person


def socket_of(uri: str) -> Path:
    """The unix socket in an address of an embedded store."""
    parts = urlsplit(uri)
    return Path(parts.path if parts.scheme == "unix" else unquote(parts.netloc))


@pytest.fixture
def wired(
    mongo_uri: str, redis_uri: str, mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> Iterator[Wired]:
    engine = FakeEngine()
    with FaultProxy(socket_of(mongo_uri)) as mongodb, FaultProxy(socket_of(redis_uri)) as valkey:
        settings = api_settings(
            tmp_path,
            mongodb_uri=f"mongodb://127.0.0.1:{mongodb.port}/{mongo_database.name}?directConnection=true",
            redis_uri=f"redis://127.0.0.1:{valkey.port}/0",
            rate_limit_enabled=True,
            sync_wait_seconds=0,
        )
        services = build(
            settings,
            notifier=CeleryNotifier(make_celery(settings)),
            database=db_service.connect(settings.mongodb_uri),
            redis_client=connect_redis(settings.redis_uri),
            youtube=cast(Any, engine),
            encoder=cast(Any, engine),
            videos=cast(Any, engine),
        )
        prepare_database(services.database)
        api = Api(create_app(services.settings, services), services, engine, cast(Any, None))
        with services.database.client, services.cache.client:
            yield Wired(api, mongodb, valkey, api.person())
            mongodb.set(HEALTHY)
            valkey.set(HEALTHY)


Ask = Callable[[], TestResponse]


def at_once(asked: dict[str, Ask]) -> dict[str, TestResponse]:
    """The reply to each request, all sent at the same time."""
    with within(), ThreadPoolExecutor(len(asked)) as pool:
        running = {name: pool.submit(ask) for name, ask in asked.items()}
        return {name: future.result() for name, future in running.items()}


def requests_of(wired: Wired, video_id: str) -> dict[str, Ask]:
    api, anna = wired.api, wired.person
    public = api.public_token()
    body = {"url": LINK, "start_time": 1, "end_time": 2, "user_id": anna.id}
    chat = f"/api/video/save/stream/{public}/dQw4w9WgXcQ?user_id={anna.id}&format=text"
    return {
        "list": lambda: anna.get("/api/video/list"),
        "status": lambda: anna.get(f"/api/video/status/{video_id}"),
        "save": lambda: api.call("POST", "/api/video/save", token=public, json=body),
        "start": lambda: anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"}),
        "login": lambda: api.call("POST", "/api/auth/login", json={"email": anna.email, "password": "nonsense-1"}),
        "metrics": lambda: api.call("GET", "/metrics"),
        "health": lambda: api.call("GET", "/api/health"),
        "alive": lambda: api.call("GET", "/api/health/simple"),
        "chat": lambda: api.call("GET", chat),
    }


def saved(wired: Wired) -> str:
    body = {"url": LINK, "start_time": 1, "end_time": 2, "user_id": wired.person.id}
    reply = wired.api.call("POST", "/api/video/save", token=wired.api.public_token(), json=body)
    assert reply.status_code == 201 and reply.json is not None
    return str(reply.json["video_id"])


def eventually_well(wired: Wired) -> None:
    """All by itself: nothing is restarted."""
    well = {"mongodb": "up", "redis": "up"}
    eventually(lambda: wired.api.call("GET", "/api/health").get_json()["stores"] == well)
    reply = wired.person.get("/api/video/list")
    assert reply.status_code == 200, reply.json
    saved(wired)


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_a_database_that_is_away_gives_clear_answers_in_time(wired: Wired, fault: Fault) -> None:
    asked = requests_of(wired, saved(wired))
    wired.mongodb.set(fault)
    replies = at_once(asked)
    statuses = {name: reply.status_code for name, reply in replies.items()}
    away = dict.fromkeys(("list", "status", "save", "start", "login", "metrics", "health"), 503)
    assert statuses == {**away, "alive": 200, "chat": 200}
    for name in set(away) - {"health"}:
        body = replies[name].get_json()
        assert body["code"] == "STORE_UNAVAILABLE", (name, body)
    assert replies["health"].get_json()["status"] == "unhealthy"
    sentence = replies["chat"]
    assert sentence.mimetype == "text/plain" and sentence.text and "Traceback" not in sentence.text
    wired.mongodb.set(HEALTHY)
    eventually_well(wired)


def test_an_api_process_that_begins_without_its_database_serves_and_prepares_it_later(
    mongo_uri: str, mongo_database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    """gunicorn ends altogether with a process that cannot begin: one killed process would take the whole API along."""
    with FaultProxy(socket_of(mongo_uri)) as proxy:
        proxy.set(Fault(refuse=True))
        uri = f"mongodb://127.0.0.1:{proxy.port}/{mongo_database.name}?directConnection=true"
        settings = api_settings(tmp_path, mongodb_uri=uri, redis_uri="redis://127.0.0.1:1/0")
        client = create_app(settings).test_client()
        assert client.get("/api/health/simple").status_code == 200
        assert client.get("/api/health").status_code == 503
        assert mongo_database["videos"].index_information() == {}
        proxy.set(HEALTHY)
        eventually(lambda: len(mongo_database["videos"].index_information()) >= 2)


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_a_redis_that_is_away_costs_no_answer_and_no_job(wired: Wired, fault: Fault) -> None:
    video_id = saved(wired)
    asked = requests_of(wired, video_id)
    wired.redis.set(fault)
    replies = at_once(asked)
    statuses = {name: reply.status_code for name, reply in replies.items()}
    assert statuses == {
        **dict.fromkeys(("list", "status", "metrics", "health", "alive", "chat"), 200),
        "save": 201,
        "start": 202,
        "login": 401,
    }
    assert replies["health"].get_json()["status"] == "degraded"
    job = wired.api.services.jobs.queues()
    assert {queue.name: queue.waiting for queue in job}["downloads"] >= 1, "the record waits, whatever the broker does"
    wired.redis.set(HEALTHY)
    eventually_well(wired)


def test_a_slow_database_is_only_slow_and_one_that_breaks_off_is_told(wired: Wired) -> None:
    wired.mongodb.set(Fault(bytes_per_second=20_000))
    assert wired.person.get("/api/video/list").status_code == 200
    wired.mongodb.set(Fault(cut_after=400))
    reply = wired.person.get("/api/video/list")
    assert reply.status_code == 200 or reply.get_json()["code"] == "STORE_UNAVAILABLE"
    wired.mongodb.set(HEALTHY)
    eventually_well(wired)

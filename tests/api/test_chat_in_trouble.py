"""A chat gets its sentence in time whatever is broken behind the service, and whatever it asks too often."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from src.app import create_app
from src.bootstrap import Services, build
from src.broker import CeleryNotifier, make_celery
from src.middleware import limits
from src.middleware.chat import REPLY_SECONDS, TOO_SLOW
from src.middleware.contract import Limit
from src.services.cache_service import connect_redis
from src.services.db_service import connect
from tests.api.actors import Api, Person
from tests.api.conftest import api_settings
from tests.api.test_chat import TEXT, clips_of, make_token
from tests.tools.fakes import FakeEngine, RecordingNotifier
from tests.tools.waiting import eventually, within
from tests.unit.test_chat_words import assert_one_harmless_line

pytestmark = pytest.mark.slow

TOKEN = "ytc_" + "x" * 43
MOST_SECONDS = 2


@pytest.fixture(params=["refuses", "hangs"])
def dead_address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A port where nobody answers: connections are refused, or taken and left without a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "refuses":
            server.close()
        yield f"127.0.0.1:{port}"


def services_of(folder: Path, notifier: Any, **changes: Any) -> Services:
    engine: Any = FakeEngine()
    parts = {"youtube": engine, "encoder": engine, "videos": engine}
    redis_client = changes.pop("redis_client", None)
    database = changes.pop("database", None)
    settings = api_settings(folder, **changes)
    return build(settings, notifier=notifier, database=database, redis_client=redis_client, **parts)


def ask(services: Services, path: str, **query: str) -> str:
    """The sentence."""
    app = create_app(services.settings, services)
    with within():
        reply = app.test_client().get(path, query_string={**TEXT, **query})
    assert reply.status_code == 200 and reply.content_type == "text/plain; charset=utf-8"
    assert_one_harmless_line(reply.text)
    return reply.text


def test_without_any_store(dead_address: str, tmp_path: Path) -> None:
    services = services_of(
        tmp_path,
        RecordingNotifier(),
        database=connect(f"mongodb://{dead_address}/x"),
        redis_client=connect_redis(f"redis://{dead_address}/0"),
        rate_limit_enabled=True,
    )
    for path in (f"/c/{TOKEN}", f"/c/{TOKEN}/@somebody", f"/api/video/save/stream/{TOKEN}/{TOKEN}"):
        assert ask(services, path) == TOO_SLOW, "nobody waits for the driver, whose patience is longer"
    ask(services, "/c/nonsense")  # what is no token needs no store


def test_many_who_ask_while_the_database_hangs(tmp_path: Path, redis_client: redis.Redis) -> None:
    """More than the service works on at once: those who must wait for a place are answered in time, too."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        database = connect(f"mongodb://127.0.0.1:{silent.getsockname()[1]}/x")
        services = services_of(tmp_path, RecordingNotifier(), database=database, redis_client=redis_client)
        app = create_app(services.settings, services)
        said: list[str] = []

        def one() -> None:
            said.append(app.test_client().get(f"/c/{TOKEN}", query_string=TEXT).text)

        threads = [threading.Thread(target=one) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == [TOO_SLOW] * 24 and REPLY_SECONDS < MOST_SECONDS


@pytest.fixture
def dead_broker(dead_address: str, tmp_path: Path) -> Iterator[Celery]:
    celery = make_celery(api_settings(tmp_path, redis_uri=f"redis://{dead_address}/0"))
    yield celery
    celery.close()


def test_without_a_broker_the_clip_is_saved(api: Api, anna: Person, dead_broker: Celery) -> None:
    """The reconciler finds it later: a message only notifies."""
    secret = make_token(anna)["token"]
    object.__setattr__(api.services.dispatcher, "_notifier", CeleryNotifier(dead_broker))
    ask(api.services, f"/c/{secret}")
    eventually(lambda: clips_of(anna))
    (listed,) = clips_of(anna)
    assert anna.status(listed["video_id"])["status"] == "pending"


def test_whoever_asks_too_often_hears_it(
    tmp_path: Path, mongo_database: Any, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.RATES, Limit.SAVE, "2/minute")
    monkeypatch.setattr("src.middleware.chat.REPLY_SECONDS", 30)  # what a slow machine says is not the matter here
    services = services_of(
        tmp_path, RecordingNotifier(), database=mongo_database, redis_client=redis_client, rate_limit_enabled=True
    )
    app = create_app(services.settings, services)
    said = [app.test_client().get(f"/c/{TOKEN}", query_string=TEXT) for _ in range(4)]
    assert {reply.status_code for reply in said} == {200}
    assert [reply.text.partition(";")[0] for reply in said[1:]] == [
        "This channel token is not valid",
        *["Too many requests"] * 2,
    ]
    refused = app.test_client().get(f"/c/{TOKEN}")
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0


def test_a_look_before_the_fetch_saves_nothing(api: Api, anna: Person) -> None:
    path = f"/c/{make_token(anna)['token']}"
    for query in (TEXT, {}):
        looked = api.call("HEAD", path, query_string=query)
        assert looked.status_code == 200 and looked.data == b"" and looked.mimetype == "text/plain"
    assert clips_of(anna) == []


@pytest.mark.parametrize("path", ["/c/", f"/c/{TOKEN}/", f"/c/{TOKEN}//", f"/c/{TOKEN}/a//b", "/c/%00"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_no_address_leads_elsewhere(api: Api, path: str, method: str) -> None:
    reply = api.call(method, path, query_string=TEXT)
    assert reply.status_code == 200 and "Location" not in reply.headers
    assert_one_harmless_line(reply.text)

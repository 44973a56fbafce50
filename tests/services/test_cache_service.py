"""The cache over Redis: a miss is a miss, an outage is a miss too, and nobody waits long for a Redis that hangs."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import fakeredis
import pytest
import redis

from src.config import SettingsError
from src.services.cache_service import CacheService, CacheUnavailable, connect_redis
from tests.tools.fakes import FakeClock
from tests.tools.waiting import eventually, within


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(server: fakeredis.FakeServer, clock: FakeClock) -> CacheService:
    return CacheService(fakeredis.FakeRedis(server=server, decode_responses=True), clock=clock, pause_seconds=3)


def test_a_value_is_kept_with_its_lifetime_and_forgotten_on_demand(cache: CacheService) -> None:
    value = {"name": "видео \U0001f3ac", "list": [1, 2.5, None, True]}
    assert cache.set("key", value, ttl_seconds=60)
    assert cache.get("key") == value
    assert 59_000 < int(cache.client.pttl("key")) <= 60_000
    assert cache.delete("key")
    assert cache.get("key") is None


def test_a_value_without_a_life_is_not_kept(cache: CacheService) -> None:
    assert not cache.set("key", 1, ttl_seconds=0)
    assert not cache.set("key", 1, ttl_seconds=-5)
    assert cache.get("key") is None


@pytest.mark.parametrize("text", ["", "{", "\x00\xff", "nan?"])
def test_what_is_not_json_is_a_miss(cache: CacheService, text: str) -> None:
    cache.client.set("key", text)
    assert cache.get("key") is None
    assert cache.available


def test_an_outage_is_a_miss_and_is_told_once(
    cache: CacheService, server: fakeredis.FakeServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cache.set("key", 1, ttl_seconds=60)
    server.connected = False
    for _ in range(3):
        assert cache.get("key") is None
        assert not cache.set("key", 2, ttl_seconds=60)
        assert not cache.delete("key")
        clock.move(4)
    states = [cache.available]
    server.connected = True
    clock.move(4)
    assert cache.get("key") == 1
    assert [*states, cache.available] == [False, True]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_after_a_failure_redis_is_left_alone_for_a_while(
    cache: CacheService, server: fakeredis.FakeServer, clock: FakeClock
) -> None:
    server.connected = False
    assert not cache.ping()
    server.connected = True
    clock.move(2.9)
    with pytest.raises(CacheUnavailable):
        cache.attempt(lambda client: pytest.fail("Redis was asked"))
    clock.move(0.2)
    assert cache.ping()
    assert cache.available


def test_only_one_caller_tries_whether_redis_is_back(
    cache: CacheService, server: fakeredis.FakeServer, clock: FakeClock
) -> None:
    server.connected = False
    assert not cache.ping()
    server.connected = True
    clock.move(3.1)
    inside, go_on, answers = threading.Event(), threading.Event(), []

    def slow(_: redis.Redis) -> str:
        inside.set()
        assert go_on.wait(60)
        return "answered"

    first = threading.Thread(target=lambda: answers.append(cache.attempt(slow)))
    first.start()
    assert inside.wait(60)
    with pytest.raises(CacheUnavailable):
        cache.attempt(lambda client: pytest.fail("a second caller was let through"))
    go_on.set()
    first.join()
    assert answers == ["answered"]
    assert cache.ping()


def test_errors_of_the_caller_are_not_outages(cache: CacheService) -> None:
    with pytest.raises(ZeroDivisionError):
        cache.attempt(lambda client: 1 / 0)
    assert cache.available


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word, as a frozen Redis does."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_a_redis_that_hangs_costs_one_timeout_for_all(silent_server: str) -> None:
    cache = CacheService(connect_redis(silent_server, timeout_seconds=0.3), clock=FakeClock())
    with within(), pytest.raises(CacheUnavailable) as failed:
        cache.attempt(lambda client: client.get("key"))
    assert isinstance(failed.value.__cause__, redis.TimeoutError)
    for _ in range(200):
        with pytest.raises(CacheUnavailable):
            cache.attempt(lambda client: pytest.fail("it was waited for again"))


def test_a_redis_that_is_not_there_is_noticed_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with within():
        assert not CacheService(connect_redis(f"redis://127.0.0.1:{port}", timeout_seconds=600)).ping()
        assert not CacheService(connect_redis("unix:///no/such/socket?db=0", timeout_seconds=600)).ping()


def test_an_address_that_is_none_is_a_setting_to_correct() -> None:
    with pytest.raises(SettingsError, match="REDIS_URI"):
        connect_redis("localhost:6379")


@pytest.mark.slow
def test_it_works_with_the_real_one(redis_client: redis.Redis) -> None:
    cache = CacheService(redis_client)
    assert cache.set("key", {"a": [1, "ü"]}, ttl_seconds=600)
    assert cache.get("key") == {"a": [1, "ü"]}
    assert 0 < int(redis_client.pttl("key")) <= 600_000
    redis_client.pexpire("key", 1)
    eventually(lambda: cache.get("key") is None)

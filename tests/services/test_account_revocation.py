"""Logins end at once and everywhere: on a real MongoDB and a real Valkey that is stopped and comes back.

Each ``SessionService`` stands for a process of its own: it shares nothing with the others but the two stores.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.data.session_data import SessionData
from src.data.user_data import UserData
from src.launcher.processes import Child
from src.launcher.stores import embedded_stores
from src.models.session import Session
from src.models.user import User
from src.services.accounts.login_cache import TRUST_SECONDS, SessionCache, key_of
from src.services.accounts.logins import NOTE_LIFE, SessionService
from src.services.cache_service import CacheService, connect_redis
from src.utils.clock import SystemClock
from src.utils.token import Tokens, token_hash
from tests.tools.fakes import FakeClock
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

TOKENS = Tokens(
    public_secret="public-" * 8,
    private_secret="private-" * 8,
    public_life=timedelta(hours=24),
    private_life=timedelta(days=7),
)
NOWHERE = "unix:///no/such/socket?db=0"


class Valkey:
    """A server of the test's own, with the options of the embedded one, that can go and come back."""

    def __init__(self, child: Child, uri: str) -> None:
        self._child = child
        self.uri = uri
        self.client = connect_redis(uri)

    def start(self) -> None:
        self._child.start()
        eventually(self._child.is_ready)

    def stop(self) -> None:
        """Politely: everything it knows is in its file."""
        self._child.send(signal.SIGTERM)
        assert isinstance(self._child.process, subprocess.Popen)
        self._child.process.wait(60)

    def kill(self) -> None:
        self._child.sweep()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with embedded_stores(tmp_path, mongodb=False) as stores:
        server = Valkey(Child(stores.children[0]), stores.redis_uri)
        server.start()
        yield server
        server.kill()


class CountingClock(SystemClock):
    """Counts how long it was waited for."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        super().sleep(seconds)


Process = Callable[..., SessionService]


@pytest.fixture
def process(mongo_database: Database[dict[str, Any]], redis_uri: str, redis_client: redis.Redis) -> Process:
    """Makes one more process; without a ``uri`` it uses the Valkey of all tests."""

    def make(uri: str | None = None, *, clock: Any = None, users: UserData | None = None) -> SessionService:
        clock = clock or SystemClock()
        client = connect_redis(uri or redis_uri, timeout_seconds=0.5)
        return SessionService(
            tokens=TOKENS,
            sessions=SessionData(mongo_database),
            users=users or UserData(mongo_database),
            cache=SessionCache(CacheService(client, pause_seconds=0)),
            clock=clock,
        )

    return make


@pytest.fixture
def anna(mongo_database: Database[dict[str, Any]]) -> User:
    return UserData(mongo_database).insert("anna@example.com", "hash", datetime.now(UTC))


def ended(service: SessionService, token: str) -> bool:
    return service.find(token) is None


def in_cache(client: redis.Redis, session: Session) -> str | None:
    value = client.get(key_of(session.token_hash))
    assert value is None or isinstance(value, str)
    return value


def test_a_login_is_known_to_all_processes_and_its_token_is_stored_nowhere(
    process: Process, anna: User, mongo_database: Database[dict[str, Any]], redis_client: redis.Redis
) -> None:
    token, session = process().open(anna)
    found = process().find(token)
    assert found is not None
    assert (found.user_id, found.email, found.session_id) == (anna.id, "anna@example.com", session.id)
    assert in_cache(redis_client, session) == f'{{"user_id": "{anna.id}", "email": "anna@example.com"}}'
    assert 0 < int(redis_client.pttl(key_of(session.token_hash))) <= 7 * 86400 * 1000
    stored = mongo_database["sessions"].find_one()
    assert stored is not None and stored["token"] == token_hash(token)
    signature = token.rsplit(".", 1)[1]
    assert signature not in str(stored)
    assert all(signature not in str(key) for key in redis_client.keys("*"))


def test_a_login_survives_a_redis_that_forgets_everything_or_is_gone(
    process: Process, anna: User, redis_client: redis.Redis
) -> None:
    one, without = process(), process(NOWHERE)
    token, session = one.open(anna)
    assert not ended(one, token)
    redis_client.flushall()
    assert not ended(one, token)
    assert in_cache(redis_client, session) is not None  # and Redis knows it again
    assert not ended(without, token)
    other_token, _ = without.open(anna)
    assert not ended(one, other_token)


def test_a_warm_cache_answers_without_mongodb(
    process: Process, anna: User, mongo_database: Database[dict[str, Any]]
) -> None:
    one = process()
    token, _ = one.open(anna)
    assert not ended(one, token)  # renews the trust
    mongo_database["sessions"].delete_many({})  # behind the service's back
    assert not ended(one, token)


def test_a_logout_counts_for_every_process_and_only_for_that_login(process: Process, anna: User) -> None:
    clock = FakeClock(datetime.now(UTC))
    one, two, without = process(clock=clock), process(), process(NOWHERE)
    token, session = one.open(anna)
    kept, _ = two.open(anna)
    assert not any(ended(service, token) for service in (one, two, without))
    begun = clock.monotonic()
    one.end(session.token_hash)
    assert clock.monotonic() == begun, "Redis was told, so there is nothing to wait for"
    for service in (one, two, without):
        assert ended(service, token)
        assert not ended(service, kept)
    one.end(session.token_hash)  # twice is no error


def test_end_all_ends_what_other_processes_opened_and_nobody_elses(
    process: Process, anna: User, mongo_database: Database[dict[str, Any]]
) -> None:
    bert = UserData(mongo_database).insert("bert@example.com", "hash", datetime.now(UTC))
    one, two, without = process(), process(), process(NOWHERE)
    tokens = [service.open(anna)[0] for service in (one, two, without) for _ in range(3)]
    berts, _ = two.open(bert)
    assert not any(ended(two, token) for token in (*tokens, berts))
    one.end_all(anna.id)
    for service in (one, two, without):
        assert all(ended(service, token) for token in tokens)
        assert not ended(service, berts)
    assert mongo_database["sessions"].count_documents({}) == 1


def test_a_logout_while_redis_is_down_stays_when_redis_comes_back_with_its_memory(
    process: Process, anna: User, valkey: Valkey
) -> None:
    one, two = process(valkey.uri), process(valkey.uri)
    token, session = one.open(anna)
    kept, _ = one.open(anna)
    assert not ended(two, token) and not ended(two, kept)
    valkey.stop()
    assert not ended(one, token)  # MongoDB answers
    one.end(session.token_hash)
    assert ended(one, token) and ended(two, token)
    valkey.start()
    cached = in_cache(valkey.client, session)
    assert cached is not None and anna.id in cached, "the danger that this test is about: Redis still knows the login"
    fresh = process(valkey.uri)
    for service in (fresh, one, two):
        assert ended(service, token)
        assert not ended(service, kept)
    assert in_cache(valkey.client, session) == '{"revoked": true}'


def test_a_process_that_never_noticed_the_outage_is_not_fooled_either(
    process: Process, anna: User, valkey: Valkey
) -> None:
    """Only the process that ends the login cannot reach Redis; the other uses it, busily, all the time."""
    clock = CountingClock()
    cut_off, busy = process(NOWHERE, clock=clock), process(valkey.uri)
    token, session = busy.open(anna)
    stop = threading.Event()
    accepted: list[str] = []
    phases = ["before"]

    def use() -> None:
        while not stop.is_set():
            asked_in = phases[-1]
            if not ended(busy, token):
                accepted.append(asked_in)

    user = threading.Thread(target=use)
    user.start()
    try:
        eventually(lambda: accepted)
        phases.append("meanwhile")
        eventually(lambda: "meanwhile" in accepted)
        cut_off.end(session.token_hash)
        phases.append("afterwards")
        assert all(ended(busy, token) for _ in range(20))
    finally:
        stop.set()
        user.join()
    assert "afterwards" not in accepted, "accepted after the logout had been confirmed"
    assert sum(clock.slept) <= TRUST_SECONDS * 1.05, "no longer than the others trust Redis"


def test_a_logout_that_died_half_way_is_finished_by_others(
    process: Process, anna: User, redis_client: redis.Redis, mongo_database: Database[dict[str, Any]]
) -> None:
    one, two = process(), process()
    token, session = one.open(anna)
    assert not ended(two, token)
    # What a process has done that was killed just before it told Redis.
    SessionData(mongo_database).revocations.add([session])
    SessionData(mongo_database).delete([session])
    trusted_since = int(str(redis_client.get("session-trust")))
    redis_client.set("session-trust", str(trusted_since - round(TRUST_SECONDS * 1000)))  # as after so many seconds
    assert ended(two, token)
    assert in_cache(redis_client, session) == '{"revoked": true}'


def test_what_a_killed_redis_forgot_is_told_again(process: Process, anna: User, redis_client: redis.Redis) -> None:
    """With ``appendfsync everysec`` the last second is lost: here the entry is put back as it was."""
    one, two = process(), process()
    token, session = one.open(anna)
    assert not ended(two, token)
    entry = in_cache(redis_client, session)
    assert entry is not None
    one.end(session.token_hash)
    for _ in range(2):
        redis_client.set(key_of(session.token_hash), entry)
        redis_client.delete("session-trust")
        assert ended(two, token)


def test_notes_are_kept_for_a_while_after_redis_was_told_and_then_go(
    process: Process, anna: User, redis_client: redis.Redis, mongo_database: Database[dict[str, Any]]
) -> None:
    notes = mongo_database["revocations"]
    clock = FakeClock(datetime.now(UTC))
    one = process(clock=clock)
    token, session = one.open(anna)
    one.end(session.token_hash)

    def look() -> None:
        redis_client.delete("session-trust")
        assert ended(one, token)

    assert notes.count_documents({"told_at": None}) == 1
    look()
    assert notes.count_documents({"told_at": {"$ne": None}}) == 1
    clock.move(NOTE_LIFE.total_seconds() - 1)
    look()
    assert notes.count_documents({}) == 1
    clock.move(2)
    look()
    assert notes.count_documents({}) == 0
    assert ended(one, token)


class SlowUsers(UserData):
    """Stops a verification between its reading of MongoDB and its writing to Redis."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        super().__init__(database)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def find(self, user_id: str) -> User | None:
        found = super().find(user_id)
        self.reached.set()
        assert self.go_on.wait(60)
        return found


@pytest.mark.parametrize("redis_reachable", [True, False], ids=["told", "not told"])
def test_a_verification_that_was_overtaken_by_the_logout_does_not_bring_the_login_back(
    process: Process,
    anna: User,
    redis_client: redis.Redis,
    mongo_database: Database[dict[str, Any]],
    redis_reachable: bool,
) -> None:
    slow_users = SlowUsers(mongo_database)
    slow, other = process(users=slow_users), process(None if redis_reachable else NOWHERE)
    token, session = other.open(anna)
    redis_client.flushall()
    overtaken = threading.Thread(target=slow.find, args=(token,))
    overtaken.start()
    assert slow_users.reached.wait(60)  # it has seen the session in MongoDB
    other.end(session.token_hash)
    slow_users.go_on.set()
    overtaken.join()  # and has tried to write it to Redis
    for service in (other, slow, process()):
        assert ended(service, token)


def wait_for(asked: list[str], phase: str) -> None:
    """Wait until there were at least two questions for each of six threads in this phase."""
    eventually(lambda: asked.count(phase) >= 12)


def test_no_token_is_accepted_after_its_logout_was_confirmed_whatever_races(
    process: Process, anna: User, redis_client: redis.Redis
) -> None:
    services = [process(), process(), process(NOWHERE)]
    for round_number in range(12):
        token, session = services[round_number % 3].open(anna)
        confirmed, stop = threading.Event(), threading.Event()
        too_late: list[str] = []
        asked: list[str] = []

        def use(
            service: SessionService,
            token: str = token,
            confirmed: threading.Event = confirmed,
            stop: threading.Event = stop,
            too_late: list[str] = too_late,
            asked: list[str] = asked,
        ) -> None:
            while not stop.is_set():
                was_confirmed = confirmed.is_set()
                asked.append("after" if was_confirmed else "before")
                if not ended(service, token) and was_confirmed:
                    too_late.append("accepted")

        threads = [threading.Thread(target=use, args=(services[n % 3],)) for n in range(6)]
        for thread in threads:
            thread.start()
        wait_for(asked, "before")
        if round_number % 4 == 1:
            redis_client.flushall()
        services[round_number % 2].end(session.token_hash)
        confirmed.set()
        if round_number % 4 == 2:
            redis_client.flushall()
        wait_for(asked, "after")
        stop.set()
        for thread in threads:
            thread.join()
        assert too_late == []


def test_a_stored_session_counts_until_it_expires_whatever_the_database_tidies_up(
    process: Process, anna: User, mongo_database: Database[dict[str, Any]]
) -> None:
    clock = FakeClock(datetime.now(UTC))
    without = process(NOWHERE, clock=clock)
    token, session = without.open(anna)
    sessions = SessionData(mongo_database)
    assert sessions.find(session.token_hash, session.expires_at - timedelta(seconds=1)) is not None
    assert sessions.find(session.token_hash, session.expires_at) is None
    assert not ended(without, token)


@pytest.mark.parametrize("ago_ms", [int(TRUST_SECONDS * 1000) + 5, -60_000], ids=["too old", "of a clock set back"])
def test_trust_counts_by_its_value_and_redis_clock(process: Process, redis_client: redis.Redis, ago_ms: int) -> None:
    cache = SessionCache(CacheService(redis_client))
    reading = cache.read("hash")
    assert reading is not None and not reading.trusted
    assert cache.renew_trust(reading, [], datetime.now(UTC))
    now_trusted = cache.read("hash")
    assert now_trusted is not None and now_trusted.trusted
    seconds, micros = redis_client.time()
    redis_client.set("session-trust", str(seconds * 1000 + micros // 1000 - ago_ms))
    later = cache.read("hash")
    assert later is not None and not later.trusted


def test_garbage_in_redis_is_a_miss(process: Process, anna: User, redis_client: redis.Redis) -> None:
    one = process()
    token, session = one.open(anna)
    for garbage in ("", "{", "[]", "null", '{"user_id": "somebody else", "email": "x"}', '{"email": "x"}'):
        redis_client.set(key_of(session.token_hash), garbage)
        found = one.find(token)
        assert found is not None and (found.user_id, found.email) == (anna.id, anna.email)
    redis_client.set("session-trust", "nonsense")
    assert not ended(one, token)

"""Guest sessions: secrets that are kept nowhere, and limits that hold when many come at once."""

from __future__ import annotations

import functools
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.data.guest_data import GuestData
from src.data.video_data import VideoData
from src.errors import AppError, SessionFull, SessionInvalid, TooManySessions
from src.models.video import Owner, OwnerKind
from src.services import db_service
from src.services.accounts.guests import GuestService
from src.services.cache_service import CacheService
from src.services.window_counters import WindowCounters
from src.utils.addresses import UNKNOWN, network_of
from tests.tools.factories import make_clip
from tests.tools.fakes import FakeClock

pytestmark = pytest.mark.slow


class Door:
    """Guests' services over real stores."""

    def __init__(self, database: Database[dict[str, Any]], client: redis.Redis, **limits: Any) -> None:
        db_service.ensure_indexes(database, (GuestData, VideoData))
        self.database, self.clock = database, FakeClock(datetime.now(UTC))
        self.jobs = VideoData(database)
        fields = {"session_limit": 5, "job_limit": 3, "life": timedelta(hours=24), "per_address": None, **limits}
        counters = WindowCounters(CacheService(client, clock=self.clock), self.clock)
        self.guests = GuestService(GuestData(database), self.jobs, counters, self.clock, **fields)


@pytest.fixture
def door(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis) -> Door:
    return Door(mongo_database, redis_client)


def all_at_once(number: int, action: Callable[[], object]) -> list[object]:
    """What each of so many threads got: a result, or the error."""
    got: list[object] = []
    start = threading.Barrier(number)

    def run() -> None:
        start.wait()
        try:
            got.append(action())
        except AppError as error:
            got.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_a_session_is_opened_by_its_secret_which_is_stored_nowhere(door: Door) -> None:
    secret, session = door.guests.create("203.0.113.1")
    assert uuid.UUID(secret).version == 4
    assert door.guests.open(secret).id == session.id
    assert door.guests.open(secret.upper()).id == session.id
    assert secret not in str(list(door.database["guest_sessions"].find()))
    assert session.id not in secret


def test_other_secrets_open_nothing(door: Door) -> None:
    door.guests.create("203.0.113.1")
    for secret in ("", "x", str(uuid.uuid4()), "{" + str(uuid.uuid4()) + "}", uuid.uuid4().hex, "é" * 36):
        with pytest.raises(SessionInvalid):
            door.guests.open(secret)


def test_a_session_ends_a_day_after_its_last_use(door: Door) -> None:
    secret, _ = door.guests.create("203.0.113.1")
    for _ in range(3):
        door.clock.move(23 * 3600)
        door.guests.open(secret)
    door.clock.move(24 * 3600 + 1)
    with pytest.raises(SessionInvalid):
        door.guests.open(secret)
    assert door.guests.active_sessions() == 0


def test_there_are_never_more_sessions_than_places(door: Door) -> None:
    got = all_at_once(16, lambda: door.guests.create("203.0.113.1"))
    assert sum(isinstance(each, tuple) for each in got) == 5
    assert sum(isinstance(each, TooManySessions) for each in got) == 11
    assert door.guests.active_sessions() == 5
    door.clock.move(25 * 3600)
    assert isinstance(door.guests.create("203.0.113.1"), tuple), "the places of expired sessions are free again"


def test_one_address_cannot_take_all_places(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis
) -> None:
    door = Door(mongo_database, redis_client, per_address=2)
    for address in ("2001:db8::1", "2001:db8::2"):  # one customer
        door.guests.create(address)
    with pytest.raises(TooManySessions) as refused:
        door.guests.create("2001:db8::3")
    assert isinstance(refused.value.details["retry_after_seconds"], int)
    door.guests.create("2001:db8:0:1::1")


def test_a_session_never_has_more_jobs_than_it_may(door: Door) -> None:
    _, session = door.guests.create("203.0.113.1")
    owner = Owner(OwnerKind.SESSION, session.id)
    ids = iter([VideoData.new_id() for _ in range(12)])
    got = all_at_once(12, lambda: door.guests.reserve(owner, next(ids)))
    assert got.count(None) == 3
    assert sum(isinstance(each, SessionFull) for each in got) == 9


def test_one_address_has_its_share_of_the_places_also_when_many_come_at_once(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis
) -> None:
    door = Door(mongo_database, redis_client, session_limit=20, open_per_address=2)
    for customer in range(5):
        got = all_at_once(12, functools.partial(door.guests.create, f"2001:db8:0:{customer}::{customer}"))
        assert sum(isinstance(each, tuple) for each in got) == 2
        assert all(isinstance(each, tuple | TooManySessions) for each in got)
    assert door.guests.active_sessions() == 10, "five of them leave half of the places to others"
    door.clock.move(25 * 3600)
    assert isinstance(door.guests.create("2001:db8::1"), tuple), "the share of expired sessions is free again"


def test_what_is_no_address_is_one_caller() -> None:
    for text in ("203.0.113.9:4711", " 203.0.113.9", "::ffff:203.0.113.9", "[::ffff:203.0.113.9]:80"):
        assert network_of(text) == "203.0.113.9"
    for text in ("2001:db8::1", "2001:db8::ffff%eth0", "[2001:db8::2]:4711", "[2001:db8::3]"):
        assert network_of(text) == "2001:db8::/64"
    for text in ("", "x", "unix:", "_hidden", "203.0.113.9, 203.0.113.8", "203.0.113", "[x]:1", "1.2.3.4:x", "1" * 999):
        assert network_of(text) == UNKNOWN


def test_places_of_jobs_that_are_no_more_are_found_again(door: Door) -> None:
    _, session = door.guests.create("203.0.113.1")
    owner = Owner(OwnerKind.SESSION, session.id)
    lost = [f"65a00000000000000000000{number}" for number in range(2)]  # of January 2024: never written
    for job_id in lost:
        door.guests.reserve(owner, job_id)
    kept = make_clip(owner)
    door.guests.reserve(owner, kept.id)
    door.jobs.insert(kept)
    for _ in range(2):
        door.guests.reserve(owner, VideoData.new_id())
    with pytest.raises(SessionFull):
        door.guests.reserve(owner, VideoData.new_id())
    door.guests.release(owner, kept.id)
    door.guests.reserve(owner, VideoData.new_id())


def test_users_and_archives_need_no_place(door: Door) -> None:
    for number in range(5):
        door.guests.reserve(Owner.user("65a000000000000000000001"), str(number))

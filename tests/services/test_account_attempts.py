"""Guessing is slowed down, wherever it comes from, and never locks the owner out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import fakeredis
import pytest
import redis

from src.errors import TooManyAttempts
from src.services.accounts.password_attempts import (
    PER_ADDRESS,
    PER_PAIR,
    PER_PAIR_UNDER_ATTACK,
    UNDER_ATTACK,
    WINDOW_SECONDS,
    AttemptLimiter,
)
from src.services.cache_service import CacheService
from src.services.window_counters import WindowCounters
from tests.tools.fakes import FakeClock
from tests.tools.waiting import eventually

ANNA, THIEF, HOME = "anna@example.com", "198.51.100.66", "203.0.113.5"


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["redis", "memory"])
def limiter(request: pytest.FixtureRequest, server: fakeredis.FakeServer, clock: FakeClock) -> AttemptLimiter:
    """The same rules with Redis and, while Redis is away, without it."""
    server.connected = request.param == "redis"
    cache = CacheService(fakeredis.FakeRedis(server=server, decode_responses=True))
    return AttemptLimiter(WindowCounters(cache, clock))


def tries(limiter: AttemptLimiter, account: str, address: str, most: int = 1000) -> int:
    """How many wrong tries are let through."""
    for number in range(most):
        try:
            limiter.begin(account, address)
        except TooManyAttempts:
            return number
    return most


def test_one_address_has_ten_tries_at_an_account_and_is_told_when_to_come_again(limiter: AttemptLimiter) -> None:
    assert tries(limiter, ANNA, THIEF) == PER_PAIR
    with pytest.raises(TooManyAttempts) as refused:
        limiter.begin(ANNA, THIEF)
    assert 0 < int(str(refused.value.details["retry_after_seconds"])) <= WINDOW_SECONDS


def test_an_unknown_account_is_guarded_like_a_known_one(limiter: AttemptLimiter) -> None:
    assert tries(limiter, "no address", THIEF) == PER_PAIR


def test_one_address_cannot_try_many_accounts(limiter: AttemptLimiter) -> None:
    passed = sum(tries(limiter, f"user{number}@example.com", THIEF, most=3) for number in range(PER_ADDRESS))
    assert passed == PER_ADDRESS


def test_the_owner_gets_in_from_another_address_while_the_account_is_attacked(limiter: AttemptLimiter) -> None:
    for number in range(300):
        tries(limiter, ANNA, f"198.51.{number // 250}.{number % 250}", most=20)
    for _ in range(20):
        limiter.succeeded(limiter.begin(ANNA, HOME))
    # After a slip or two as well.
    limiter.begin(ANNA, HOME)
    limiter.succeeded(limiter.begin(ANNA, HOME))


def test_an_account_under_attack_leaves_each_address_three_tries(limiter: AttemptLimiter) -> None:
    passed = [tries(limiter, ANNA, f"198.51.100.{number}") for number in range(20)]
    assert passed[0] == PER_PAIR
    assert passed[-10:] == [PER_PAIR_UNDER_ATTACK] * 10
    assert sum(passed[: UNDER_ATTACK // PER_PAIR]) == UNDER_ATTACK


def test_right_passwords_are_not_counted(limiter: AttemptLimiter) -> None:
    for _ in range(3 * PER_ADDRESS):
        limiter.succeeded(limiter.begin(ANNA, HOME))
    assert tries(limiter, ANNA, HOME) == PER_PAIR


def test_a_thief_with_an_account_of_his_own_gains_no_tries_by_it(limiter: AttemptLimiter) -> None:
    passed = 0
    for number in range(2 * PER_ADDRESS):
        passed += tries(limiter, f"user{number}@example.com", THIEF, most=1)
        if passed < PER_ADDRESS:
            limiter.succeeded(limiter.begin("thief@example.com", THIEF))
    assert passed == PER_ADDRESS


def test_who_was_refused_is_not_refused_for_longer(limiter: AttemptLimiter) -> None:
    assert tries(limiter, ANNA, HOME) == PER_PAIR
    for _ in range(2 * PER_ADDRESS):
        with pytest.raises(TooManyAttempts):
            limiter.begin(ANNA, HOME)
    assert tries(limiter, "bert@example.com", HOME) == PER_PAIR  # the others in the same house


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("203.0.113.5", "::ffff:203.0.113.5", True),
        ("203.0.113.5", "203.0.113.6", False),
        ("unknown", "unknown", True),
    ],
)
def test_an_address_is_what_one_household_has(limiter: AttemptLimiter, first: str, second: str, same: bool) -> None:
    tries(limiter, ANNA, first)
    assert tries(limiter, ANNA, second) == (0 if same else PER_PAIR)


def test_many_at_once_are_not_more(limiter: AttemptLimiter) -> None:
    start = threading.Barrier(8)

    def knock(_: int) -> int:
        start.wait()
        return tries(limiter, ANNA, THIEF, most=5)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(knock, range(8))) == PER_PAIR


def test_it_can_be_switched_off(clock: FakeClock, server: fakeredis.FakeServer) -> None:
    client = fakeredis.FakeRedis(server=server, decode_responses=True)
    limiter = AttemptLimiter(WindowCounters(CacheService(client), clock), enabled=False)
    assert tries(limiter, ANNA, THIEF) == 1000
    limiter.succeeded(limiter.begin(ANNA, THIEF))
    assert client.keys("*") == []


def test_redis_holds_no_addresses_and_every_count_expires(clock: FakeClock, server: fakeredis.FakeServer) -> None:
    client = fakeredis.FakeRedis(server=server, decode_responses=True)
    limiter = AttemptLimiter(WindowCounters(CacheService(client), clock))
    limiter.begin("password typed into the wrong field \ud800", HOME)
    keys = [str(key) for key in client.keys("*")]
    assert len(keys) == 3
    for key in keys:
        assert "typed" not in key and HOME not in key and len(key) < 60
        assert 0 < int(client.ttl(key)) <= WINDOW_SECONDS


def test_the_window_ends_and_memory_stays_small(clock: FakeClock, server: fakeredis.FakeServer) -> None:
    server.connected = False
    cache = CacheService(fakeredis.FakeRedis(server=server), clock=clock)
    counters = WindowCounters(cache, clock, max_remembered=100)
    for number in range(1000):
        assert counters.add(f"key{number}", 1, window_seconds=60).number == 1
    assert counters.add("key999", 1, window_seconds=60).number == 2
    assert counters.add("key899", 1, window_seconds=60).number == 1, "the oldest are forgotten"
    clock.move(61)
    assert counters.add("key999", 1, window_seconds=60).number == 1


@pytest.mark.slow
def test_the_real_redis_counts_for_all_processes_and_forgets_in_time(redis_client: redis.Redis) -> None:
    one, two = (WindowCounters(CacheService(redis_client), FakeClock()) for _ in range(2))
    assert one.add("key", 1, window_seconds=600).number == 1
    second = two.add("key", 1, window_seconds=600)
    assert second.number == 2 and 0 < second.seconds_left <= 600
    redis_client.pexpire("key", 1)  # the end of the window
    eventually(lambda: not redis_client.exists("key"))
    assert one.add("key", 0, window_seconds=600).number == 0
    assert one.add("key", -1, window_seconds=600).number == -1
    assert 0 < int(redis_client.ttl("key")) <= 600
    one.clear("key")
    assert redis_client.exists("key") == 0

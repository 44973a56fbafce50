"""Accounts: who may come in, what is told to those who may not, and what a change of password ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import mongomock
import pytest

from src.data.session_data import SessionData
from src.data.user_data import UserData
from src.errors import (
    CredentialsInvalid,
    CurrentPasswordWrong,
    EmailInvalid,
    EmailTaken,
    PasswordInvalid,
    TokenExpired,
    TokenInvalid,
    TooManyAttempts,
)
from src.models.user import User
from src.services.accounts.accounts import AccountService, Login
from src.services.accounts.login_cache import SessionCache
from src.services.accounts.logins import SessionService
from src.services.accounts.password_attempts import PER_PAIR, AttemptLimiter
from src.services.cache_service import CacheService
from src.services.window_counters import WindowCounters
from src.utils.passwords import PasswordHasher
from src.utils.token import Tokens
from tests.tools.fakes import FakeClock

TOKENS = Tokens(
    public_secret="public-" * 8,
    private_secret="private-" * 8,
    public_life=timedelta(hours=24),
    private_life=timedelta(days=7),
)
PASSWORD, NEW_PASSWORD = "SecurePass123!", "NewSecurePass456!"
HOME = "203.0.113.5"


class Bench:
    """Accounts over stores in memory; every part in reach."""

    def __init__(self, cost: int = 4) -> None:
        self.database: Any = mongomock.MongoClient(tz_aware=True).db
        self.database["users"].create_indexes(list(UserData.INDEXES))
        self.redis = fakeredis.FakeRedis(decode_responses=True)
        self.clock = FakeClock(datetime.now(UTC).replace(microsecond=0))
        self.users = UserData(self.database)
        cache = CacheService(self.redis, clock=self.clock)
        self.sessions = SessionService(
            tokens=TOKENS,
            sessions=SessionData(self.database),
            users=self.users,
            cache=SessionCache(cache),
            clock=self.clock,
        )
        self.accounts = self.with_users(self.users, AttemptLimiter(WindowCounters(cache, self.clock)), cost)

    def with_users(self, users: UserData, limiter: AttemptLimiter, cost: int = 4) -> AccountService:
        return AccountService(
            users=users,
            sessions=self.sessions,
            tokens=TOKENS,
            hasher=PasswordHasher(cost=cost),
            limiter=limiter,
            clock=self.clock,
        )

    def anna(self) -> Login:
        self.accounts.register("anna@example.com", PASSWORD)
        return self.login()

    def login(self, password: str = PASSWORD, address: str = HOME) -> Login:
        return self.accounts.login("anna@example.com", password, address=address)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_who_registers_can_sign_in_and_is_known_by_the_token(bench: Bench) -> None:
    user = bench.accounts.register("Anna@Example.com", PASSWORD)
    login = bench.accounts.login(" anna@EXAMPLE.com".strip(), PASSWORD, address=HOME)
    assert login.user == user
    identity = bench.accounts.identify(login.token)
    assert (identity.user_id, identity.email) == (user.id, "anna@example.com")


def test_neither_the_password_nor_the_token_is_stored_or_shown(bench: Bench) -> None:
    login = bench.anna()
    everything = str([list(bench.database[name].find()) for name in bench.database.list_collection_names()])
    everything += str([(key, bench.redis.get(key)) for key in bench.redis.keys("*")])
    assert "anna@example.com" in everything
    for secret in (PASSWORD, login.token, login.token.rsplit(".", 1)[1]):
        assert secret not in everything
        assert secret not in repr(login)
    assert login.user.password_hash not in repr(login)


@pytest.mark.parametrize("email", ["anna@example.com", "ANNA@example.com", "anna@EXAMPLE.COM"])
def test_an_address_is_registered_once_whatever_its_spelling(bench: Bench, email: str) -> None:
    bench.accounts.register("Anna@example.com", PASSWORD)
    with pytest.raises(EmailTaken):
        bench.accounts.register(email, "AnotherPass123!")
    bench.login()


def test_registration_refuses_what_is_no_address_or_no_password(bench: Bench) -> None:
    with pytest.raises(EmailInvalid):
        bench.accounts.register("anna", PASSWORD)
    with pytest.raises(PasswordInvalid):
        bench.accounts.register("anna@example.com", "1234567")
    assert bench.database["users"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("anna@example.com", "WrongPass123!"),
        ("anna@example.com", ""),
        ("anna@example.com", PASSWORD + " "),
        ("anna@example.com", PASSWORD[:-1]),
        ("anna@example.com", "\ud800" * 9),
        ("anna@example.com", "x" * 5000),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
        ("\ud800", "\0"),
    ],
    ids=ascii,
)
def test_every_wrong_login_gets_the_same_answer(bench: Bench, email: str, password: str) -> None:
    bench.anna()
    with pytest.raises(CredentialsInvalid) as refused:
        bench.accounts.login(email, password, address=HOME)
    assert (refused.value.message, refused.value.details) == (CredentialsInvalid().message, {})


def test_every_wrong_login_costs_the_same() -> None:
    bench = Bench(cost=9)
    bench.anna()

    def seconds(email: str) -> float:
        took = []
        for number in range(5):
            begun = time.process_time()
            with pytest.raises(CredentialsInvalid):
                bench.accounts.login(email, "WrongPass123!", address=f"198.51.100.{number}")
            took.append(time.process_time() - begun)
        return min(took)

    known = seconds("anna@example.com")
    for email in ("nobody@example.com", "no address"):
        assert 0.6 < seconds(email) / known < 1.6, email


def test_a_taken_address_is_told_only_after_the_work_of_a_hash() -> None:
    bench = Bench(cost=9)
    bench.anna()
    begun = time.process_time()
    bench.accounts.register("bert@example.com", PASSWORD)
    free = time.process_time() - begun
    begun = time.process_time()
    with pytest.raises(EmailTaken):
        bench.accounts.register("anna@example.com", PASSWORD)
    assert time.process_time() - begun > free / 2


def test_a_login_ends_by_logout_and_by_time(bench: Bench) -> None:
    first, second = bench.anna(), bench.login()
    bench.accounts.logout(bench.accounts.identify(first.token))
    with pytest.raises(TokenInvalid):
        bench.accounts.identify(first.token)
    bench.clock.move(7 * 86400 - 1)
    assert bench.accounts.identify(second.token).email == "anna@example.com"
    assert bench.accounts.is_signed_in(second.token) and not bench.accounts.is_signed_in(first.token)
    bench.clock.move(1)
    with pytest.raises(TokenExpired):
        bench.accounts.identify(second.token)
    assert not bench.accounts.is_signed_in(second.token)


def test_a_token_of_a_login_that_never_was_is_refused(bench: Bench) -> None:
    user = bench.anna().user
    forged = TOKENS.issue_private(user.id, "65a000000000000000000009", bench.clock.now())
    with pytest.raises(TokenInvalid):
        bench.accounts.identify(forged)


def test_a_deleted_account_has_no_logins(bench: Bench) -> None:
    login = bench.anna()
    bench.database["users"].delete_many({})
    bench.redis.flushall()
    with pytest.raises(TokenInvalid):
        bench.accounts.identify(login.token)


def test_a_new_password_ends_every_login_and_the_old_password(bench: Bench) -> None:
    logins = [bench.anna(), bench.login(), bench.login()]
    bench.accounts.change_password(bench.accounts.identify(logins[1].token), PASSWORD, NEW_PASSWORD, address=HOME)
    for login in logins:
        with pytest.raises(TokenInvalid):
            bench.accounts.identify(login.token)
    with pytest.raises(CredentialsInvalid):
        bench.login()
    assert bench.accounts.identify(bench.login(NEW_PASSWORD).token)
    assert bench.database["sessions"].count_documents({}) == 1


def test_a_refused_change_of_password_changes_nothing(bench: Bench) -> None:
    login = bench.anna()
    identity = bench.accounts.identify(login.token)
    with pytest.raises(CurrentPasswordWrong):
        bench.accounts.change_password(identity, "WrongPass123!", NEW_PASSWORD, address=HOME)
    with pytest.raises(PasswordInvalid):
        bench.accounts.change_password(identity, PASSWORD, "short", address=HOME)
    assert bench.accounts.identify(login.token) == identity
    assert bench.login().user == login.user


def test_a_stolen_token_cannot_be_used_to_guess_the_password(bench: Bench) -> None:
    identity = bench.accounts.identify(bench.anna().token)
    for _ in range(PER_PAIR):
        with pytest.raises(CurrentPasswordWrong):
            bench.accounts.change_password(identity, "WrongPass123!", NEW_PASSWORD, address="198.51.100.9")
    with pytest.raises(TooManyAttempts):
        bench.accounts.change_password(identity, PASSWORD, NEW_PASSWORD, address="198.51.100.9")


class UsersThatChange(UserData):
    """Somebody else changes the password at the moment between the check of the old one and what follows."""

    def __init__(self, database: Any, bench: Bench) -> None:
        super().__init__(database)
        self.bench = bench
        self.when = ""

    def find_by_email(self, email: str) -> User | None:
        return self._then("login", super().find_by_email(email))

    def find(self, user_id: str) -> User | None:
        return self._then("change", super().find(user_id))

    def _then(self, what: str, user: User | None) -> User | None:
        if self.when == what:
            self.when = ""
            identity = self.bench.accounts.identify(self.bench.login(address="192.0.2.1").token)
            self.bench.accounts.change_password(identity, PASSWORD, NEW_PASSWORD, address="192.0.2.1")
        return user


def test_a_login_that_races_with_a_change_of_password_loses(bench: Bench) -> None:
    bench.anna()
    users = UsersThatChange(bench.database, bench)
    accounts = bench.with_users(users, AttemptLimiter(WindowCounters(CacheService(bench.redis), bench.clock)))
    users.when = "login"
    with pytest.raises(CredentialsInvalid):
        accounts.login("anna@example.com", PASSWORD, address=HOME)
    assert bench.database["sessions"].count_documents({}) == 0
    assert bench.login(NEW_PASSWORD)


def test_of_two_changes_of_password_at_once_one_counts(bench: Bench) -> None:
    identity = bench.accounts.identify(bench.anna().token)
    users = UsersThatChange(bench.database, bench)
    accounts = bench.with_users(users, AttemptLimiter(WindowCounters(CacheService(bench.redis), bench.clock)))
    users.when = "change"
    with pytest.raises(CurrentPasswordWrong):
        accounts.change_password(identity, PASSWORD, "ThirdSecurePass789!", address=HOME)
    assert bench.login(NEW_PASSWORD)


def test_public_tokens_are_for_anyone_for_a_day(bench: Bench) -> None:
    issued = bench.accounts.issue_public_token()
    assert issued.expires_in_seconds == 86400
    bench.accounts.verify_public_token(issued.token)
    with pytest.raises(TokenInvalid):
        bench.accounts.identify(issued.token)
    bench.clock.move(86400)
    with pytest.raises(TokenExpired):
        bench.accounts.verify_public_token(issued.token)
    assert issued.token not in repr(issued)

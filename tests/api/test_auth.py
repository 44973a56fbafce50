"""``/api/auth/*``: every documented reply, word for word, and what strangers send instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
import redis
from flask import Flask
from werkzeug.test import TestResponse

from src.app import create_app
from src.bootstrap import Services
from src.data.session_data import SessionData
from src.data.user_data import UserData
from src.services.accounts.accounts import build_accounts
from src.services.accounts.password_attempts import PER_PAIR
from src.services.cache_service import CacheService, connect_redis
from src.utils.clock import SystemClock
from tests.api.actors import PASSWORD, Api, Person

pytestmark = pytest.mark.slow

EMAIL, NEW_PASSWORD = "user@example.com", "NewSecurePass456!"
CREDENTIALS = {"email": EMAIL, "password": PASSWORD}


def with_accounts(api: Api, *, cache: CacheService | None = None, **changes: Any) -> Api:
    """The same app over the same stores with accounts of other settings: another process."""
    services: Services = api.services
    settings = services.settings.model_copy(update={"password_hash_cost": 4, **changes})
    cache = cache or services.cache
    users, sessions = UserData(services.database), SessionData(services.database)
    accounts = build_accounts(settings, users, sessions, cache, SystemClock())
    services = replace(services, settings=settings, accounts=accounts, cache=cache)
    app: Flask = create_app(settings, services)
    return Api(app, services, api.engine, api.notifier)


@pytest.fixture
def api(api: Api) -> Api:
    """Cheap password hashes."""
    return with_accounts(api)


@pytest.fixture
def limited(api: Api) -> Api:
    """With limits on attempts."""
    return with_accounts(api, rate_limit_enabled=True)


def login(api: Api, password: str = PASSWORD, address: str = "203.0.113.5", email: str = EMAIL) -> TestResponse:
    body = {"email": email, "password": password}
    return api.call("POST", "/api/auth/login", json=body, environ_overrides={"REMOTE_ADDR": address})


def json_of(reply: TestResponse, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.json is not None
    return dict(reply.json)


def assert_error(reply: TestResponse, status: int, code: str) -> dict[str, Any]:
    body = json_of(reply, status)
    assert set(body) == {"error", "code", "details"} and body["code"] == code, body
    assert isinstance(body["error"], str) and body["error"]
    return body


def test_the_documented_story(api: Api) -> None:
    registered = json_of(api.call("POST", "/api/auth/register", json=CREDENTIALS), 201)
    user_id = registered["user_id"]
    assert len(user_id) == 24
    assert registered == {"message": "User registered successfully", "user_id": user_id}

    signed_in = json_of(login(api), 200)
    token = signed_in["token"]
    user = {"id": user_id, "email": EMAIL}
    assert signed_in == {"message": "Login successful", "token": token, "user": user}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {"user_id", "session_id", "type", "iat", "exp"}
    assert (claims["user_id"], claims["type"]) == (user_id, "private")
    assert claims["exp"] - claims["iat"] == timedelta(days=7).total_seconds()

    assert json_of(api.call("GET", "/api/auth/me", token=token), 200) == {"user": user, "used_mb": 0, "quota_mb": None}
    changed = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert json_of(api.call("POST", "/api/auth/change-password", token=token, json=changed), 200) == {
        "message": "Password changed successfully. Please login again."
    }
    assert_error(api.call("GET", "/api/auth/me", token=token), 401, "TOKEN_INVALID")
    assert_error(login(api), 401, "CREDENTIALS_INVALID")
    again = json_of(login(api, NEW_PASSWORD), 200)["token"]
    assert json_of(api.call("POST", "/api/auth/logout", token=again), 200) == {"message": "Logout successful"}
    assert_error(api.call("GET", "/api/auth/me", token=again), 401, "TOKEN_INVALID")
    assert_error(api.call("POST", "/api/auth/logout", token=again), 401, "TOKEN_INVALID")


def test_a_public_token_is_given_to_anyone(api: Api) -> None:
    reply = json_of(api.call("GET", "/api/auth/token/public"), 200)
    assert set(reply) == {"token", "expires_in"} and reply["expires_in"] == 86400
    claims = jwt.decode(reply["token"], options={"verify_signature": False})
    assert claims["type"] == "public" and claims["exp"] - claims["iat"] == 86400
    assert len(reply["token"]) < 250  # a bot's command has room for 400 characters


def test_documented_errors(api: Api) -> None:
    register = "/api/auth/register"
    json_of(api.call("POST", register, json=CREDENTIALS), 201)
    assert_error(api.call("POST", register, json=CREDENTIALS), 409, "EMAIL_TAKEN")
    assert_error(api.call("POST", register, json={**CREDENTIALS, "email": "USER@example.com"}), 409, "EMAIL_TAKEN")
    assert_error(api.call("POST", register, json={**CREDENTIALS, "email": "user"}), 400, "EMAIL_INVALID")
    assert_error(api.call("POST", register, json={**CREDENTIALS, "password": "1234567"}), 400, "PASSWORD_INVALID")
    unknown = assert_error(login(api, email="nobody@example.com"), 401, "CREDENTIALS_INVALID")
    assert assert_error(login(api, "WrongPass123!"), 401, "CREDENTIALS_INVALID") == unknown
    token = json_of(login(api), 200)["token"]
    change = "/api/auth/change-password"
    wrong = {"current_password": "WrongPass123!", "new_password": NEW_PASSWORD}
    assert_error(api.call("POST", change, token=token, json=wrong), 401, "CURRENT_PASSWORD_WRONG")
    short = {"current_password": PASSWORD, "new_password": "1234567"}
    assert_error(api.call("POST", change, token=token, json=short), 400, "PASSWORD_INVALID")
    json_of(api.call("GET", "/api/auth/me", token=token), 200)


ENDPOINTS = ["register", "login", "change-password"]
WRONG_TYPES: list[Any] = [None, 5, 1.5, True, [], {}, ["a@b.com"], {"$ne": None}, {"$gt": ""}, 2**63, 1e308]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_values_of_a_wrong_type_are_invalid(api: Api, anna: Person, endpoint: str) -> None:
    fields = ["current_password", "new_password"] if endpoint == "change-password" else ["email", "password"]
    right = {"email": EMAIL, "password": PASSWORD, "current_password": PASSWORD, "new_password": NEW_PASSWORD}
    for field in fields:
        body: dict[str, Any] = {name: right[name] for name in fields}
        for value in WRONG_TYPES:
            reply = api.call("POST", f"/api/auth/{endpoint}", token=anna.token, json={**body, field: value})
            assert_error(reply, 400, "REQUEST_INVALID")
        del body[field]
        assert_error(api.call("POST", f"/api/auth/{endpoint}", token=anna.token, json=body), 400, "REQUEST_INVALID")


HOSTILE = {
    "nothing": b"",
    "no json": b"email=a&password=b",
    "half": b'{"email": "a@example.com", "pass',
    "no object": b'["a@example.com", "SecurePass123!"]',
    "text": b'"a"',
    "NaN": b'{"email": NaN, "password": Infinity}',
    "deep": b'{"email": ' + b"[" * 20_000 + b"]" * 20_000 + b', "password": "x"}',
    "deep objects": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "huge number": b'{"email": 1' + b"0" * 9_000 + b', "password": "x"}',
    "long exponent": b'{"email": 1e999999, "password": "x"}',
    "not UTF-8": b'{"email": "\xff\xfe@example.com", "password": "x"}',
    "UTF-16": '{"email": "a@example.com", "password": "x"}'.encode("utf-16"),
    "surrogate": b'{"email": "\\ud800@example.com", "password": "SecurePass123!"}',
    "NUL": b'{"email": "a\\u0000@example.com", "password": "SecurePass123!"}',
    "surrogate key": b'{"\\ud800": 1, "email": "a", "password": "SecurePass123!"}',
    "long": b'{"email": "' + b"a" * 20_000 + b'@example.com", "password": "SecurePass123!"}',
}


# Well-formed text that is nobody's address: not to be told from a wrong password.
MERELY_UNKNOWN = {("login", name) for name in ("NUL", "surrogate key")}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_hostile_bodies_are_refused_in_the_usual_form(api: Api, anna: Person, endpoint: str) -> None:
    for name, body in HOSTILE.items():
        for content_type in ("application/json", "text/plain"):
            reply = api.call("POST", f"/api/auth/{endpoint}", token=anna.token, data=body, content_type=content_type)
            assert reply.status_code == (401 if (endpoint, name) in MERELY_UNKNOWN else 400), (name, reply.text)
            assert reply.json is not None and set(reply.json) == {"error", "code", "details"}


def test_a_body_larger_than_any_honest_one_is_refused(api: Api) -> None:
    body = {"email": EMAIL, "password": "x" * 1_000_000}
    assert_error(api.call("POST", "/api/auth/login", json=body), 413, "BODY_TOO_LARGE")


PASSWORDS = ["пароль-пароль", "\U0001f511" * 8, "with\0nul and more", " leading and trailing ", "x" * 1024]


def test_any_text_may_be_a_password(api: Api) -> None:
    for number, password in enumerate(PASSWORDS):
        email = f"user{number}@example.com"
        body = {"email": email, "password": password, "more": "is ignored"}
        json_of(api.call("POST", "/api/auth/register", json=body), 201)
        json_of(login(api, password, email=email), 200)
        for near in (password[:-1], password + " ", password.strip() + "!", password.split("\0")[0] + "?"):
            assert_error(login(api, near, email=email), 401, "CREDENTIALS_INVALID")


def test_what_was_sent_is_never_sent_back(api: Api) -> None:
    for body in ({"email": 5, "password": "hunter2-secret"}, {"email": "hunter2-secret", "password": "hunter2-secret"}):
        for endpoint in ("register", "login"):
            assert "hunter2" not in api.call("POST", f"/api/auth/{endpoint}", json=body).text


def test_too_many_wrong_passwords_are_told_when_to_come_again(limited: Api) -> None:
    json_of(limited.call("POST", "/api/auth/register", json=CREDENTIALS), 201)
    for _ in range(PER_PAIR):
        assert_error(login(limited, "WrongPass123!"), 401, "CREDENTIALS_INVALID")
    reply = login(limited)
    body = assert_error(reply, 429, "TOO_MANY_ATTEMPTS")
    assert int(reply.headers["Retry-After"]) == body["details"]["retry_after_seconds"] > 0
    assert_error(login(limited, email="USER@EXAMPLE.com"), 429, "TOO_MANY_ATTEMPTS")
    json_of(login(limited, address="203.0.113.6"), 200)  # the owner, elsewhere


def test_attempts_are_limited_without_redis_too(api: Api) -> None:
    without = with_accounts(api, cache=CacheService(connect_redis("unix:///nowhere?db=0")), rate_limit_enabled=True)
    json_of(without.call("POST", "/api/auth/register", json=CREDENTIALS), 201)
    codes = [login(without, "WrongPass123!").status_code for _ in range(PER_PAIR + 2)]
    assert codes == [401] * PER_PAIR + [429] * 2


def test_attempts_are_not_limited_where_limits_are_off(api: Api) -> None:
    json_of(api.call("POST", "/api/auth/register", json=CREDENTIALS), 201)
    assert {login(api, "WrongPass123!").status_code for _ in range(3 * PER_PAIR)} == {401}
    json_of(login(api), 200)


@pytest.fixture
def other_process(api: Api, redis_uri: str) -> Iterator[Api]:
    with connect_redis(redis_uri) as client:
        yield with_accounts(api, cache=CacheService(client))


def test_a_change_of_password_ends_the_logins_of_other_processes_only_of_that_user(
    api: Api, other_process: Api, anna: Person, redis_client: redis.Redis
) -> None:
    bert = other_process.call("POST", "/api/auth/register", json={"email": "bert@example.com", "password": PASSWORD})
    berts = json_of(login(other_process, email="bert@example.com"), 200)["token"]
    tokens = [json_of(login(process, email=anna.email), 200)["token"] for process in (api, other_process) * 2]
    for token in (*tokens, berts):
        json_of(api.call("GET", "/api/auth/me", token=token), 200)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    json_of(other_process.call("POST", "/api/auth/change-password", token=tokens[0], json=body), 200)
    for process in (api, other_process):
        for token in (*tokens, anna.token):
            assert_error(process.call("GET", "/api/auth/me", token=token), 401, "TOKEN_INVALID")
    redis_client.flushall()
    assert_error(api.call("GET", "/api/auth/me", token=tokens[1]), 401, "TOKEN_INVALID")
    assert json_of(api.call("GET", "/api/auth/me", token=berts), 200)["user"]["id"] == json_of(bert, 201)["user_id"]


def test_a_private_token_may_save_and_a_public_one_may_not_read(api: Api, anna: Person) -> None:
    body = {"url": "https://youtu.be/dQw4w9WgXcQ", "start_time": 1, "end_time": 2, "user_id": anna.id}
    assert anna.post("/api/video/save", json=body).status_code == 201
    assert_error(api.call("GET", "/api/video/list", token=api.public_token()), 401, "TOKEN_INVALID")


def test_logins_are_listed_and_ended_one_by_one(api: Api) -> None:
    anna, bert = api.person(), api.person()
    again = {"email": anna.email, "password": PASSWORD}
    other = api.call("POST", "/api/auth/login", json=again, headers={"User-Agent": "A browser <b>"}).json["token"]  # type: ignore[index]
    found = anna.get("/api/auth/logins").json["logins"]  # type: ignore[index]
    assert found[0]["client"] == "A browser <b>" and [row["current"] for row in found] == [False, True]
    path = f"/api/auth/logins/{found[0]['id']}"
    assert api.call("DELETE", path, token=bert.token).json["code"] == "LOGIN_NOT_FOUND"  # type: ignore[index]
    assert api.call("GET", "/api/auth/me", token=other).status_code == 200
    assert api.call("DELETE", path, token=anna.token).status_code == 200
    assert api.call("GET", "/api/auth/me", token=other).status_code == 401
    assert api.call("DELETE", path, token=anna.token).status_code == 404
    assert len(anna.get("/api/auth/logins").json["logins"]) == 1  # type: ignore[index]

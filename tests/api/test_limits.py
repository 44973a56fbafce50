"""Limits of requests and the headers of every answer, over a real Valkey that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.data.channel_token_data import ChannelTokenData
from src.middleware.contract import Limit, contract_of
from src.middleware.limits import RATES
from src.models.channel_token import ChannelToken
from tests.api.actors import LINK, Api, Person
from tests.api.conftest import api_settings, app_over

pytestmark = pytest.mark.slow


def limited_app(database: Database[dict[str, Any]], client: redis.Redis, folder: Path, **changes: Any) -> Api:
    return app_over(api_settings(folder, rate_limit_enabled=True, **changes), database, client, runs=False)


@pytest.fixture
def limited(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Iterator[Api]:
    yield limited_app(mongo_database, redis_client, tmp_path)


def statuses(api: Api, method: str, path: str, times: int, **options: Any) -> list[int]:
    return [api.call(method, path, **options).status_code for _ in range(times)]


def test_too_many_get_429_with_all_that_a_client_needs_to_wait(limited: Api) -> None:
    found = statuses(limited, "GET", "/api/auth/token/public", 61)
    assert found == [200] * 60 + [429]
    reply = limited.call("GET", "/api/auth/token/public")
    assert reply.json is not None and reply.json["code"] == "RATE_LIMIT_EXCEEDED"
    assert set(reply.json) == {"error", "code", "details"}
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    assert reply.headers["RateLimit-Policy"] == '"60 per minute";q=60;w=60'
    assert reply.headers["RateLimit"].startswith('"60 per minute";r=0;t=')


def test_what_is_left_is_told_with_every_answer(limited: Api) -> None:
    first, second = (limited.call("GET", "/api/auth/token/public").headers["RateLimit"] for _ in range(2))
    assert "r=59" in first and "r=58" in second


def test_each_address_and_each_class_has_its_own_count(limited: Api) -> None:
    assert statuses(limited, "GET", "/api/auth/token/public", 61)[-1] == 429
    other: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}}
    assert limited.call("GET", "/api/auth/token/public", **other).status_code == 200
    assert limited.call("GET", "/api/encode/codecs").status_code == 200


def test_a_household_cannot_change_its_ipv6_address_to_get_more(limited: Api) -> None:
    found = []
    for number in range(61):
        place: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": f"2001:db8:1:2::{number:x}"}}
        found.append(limited.call("GET", "/api/auth/token/public", **place).status_code)
    assert found[-1] == 429
    neighbour: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "2001:db8:1:3::1"}}
    assert limited.call("GET", "/api/auth/token/public", **neighbour).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"])
def test_a_header_does_not_make_another_caller(limited: Api, header: str) -> None:
    for number in range(61):
        reply = limited.call("GET", "/api/auth/token/public", headers={header: f"198.51.100.{number}"})
    assert reply.status_code == 429


def test_wrong_and_unknown_tokens_are_counted_before_they_are_looked_at(limited: Api) -> None:
    body = {"url": LINK, "start_time": 1, "end_time": 2, "user_id": "x"}
    found = statuses(limited, "POST", "/api/video/save", 121, token="nonsense", json=body)
    assert found == [401] * 120 + [429]


def rate_keys(client: redis.Redis) -> set[str]:
    return {str(key) for key in client.scan_iter("*rates*")}


@pytest.mark.parametrize(
    "path",
    [
        "/api/video/save/stream/{}/dQw4w9WgXcQ?user_id=x",
        "/api/video/save/stream/ytc_{:0>43}/dQw4w9WgXcQ",
        "/c/ytc_{:0>43}",
        "/c/{}/dQw4w9WgXcQ",
        "/s/{:a>60}",
        "/s/{:a>60}/poster.jpg",
    ],
)
def test_invented_tokens_in_paths_count_for_the_address(limited: Api, redis_client: redis.Redis, path: str) -> None:
    limited.call("GET", path.format(0))
    before = rate_keys(redis_client)
    assert before, "this address is counted"
    found = [limited.call("GET", path.format(number)).status_code for number in range(1, 130)]
    assert rate_keys(redis_client) == before
    assert ("/s/" in path) or found[-1] == 429, "all invented ones together are one caller"


def test_tokens_of_ours_in_paths_have_counts_of_their_own(limited: Api) -> None:
    anna = limited.person()
    made = anna.post("/api/auth/tokens", {"name": "bot", "stream": "dQw4w9WgXcQ"}).json
    assert made is not None
    unknown = "/api/video/save/stream/{}/dQw4w9WgXcQ?user_id=x"
    for path in (unknown.format(limited.public_token()), f"/c/{made['token']}?message=last"):
        found = statuses(limited, "GET", path, 121)
        assert 429 not in found[:-1] and found[-1] == 429, path
    assert limited.call("GET", unknown.format(limited.public_token())).status_code == 400
    limited.call("DELETE", f"/api/auth/tokens/{made['id']}", token=anna.token)
    assert limited.call("GET", f"/c/{made['token']}").status_code == 401, "a revoked one counts for the address"


def test_a_channel_token_is_looked_up_once_a_request(limited: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits and the view need it; a chat whose commands come all at once waits for every lookup."""
    made = limited.person().post("/api/auth/tokens", {"name": "bot", "stream": "dQw4w9WgXcQ"}).json
    assert made is not None
    looked_up: list[str] = []
    look = ChannelTokenData.find_by_hash

    def counting(data: ChannelTokenData, token_hash: str) -> ChannelToken | None:
        looked_up.append(token_hash)
        return look(data, token_hash)

    monkeypatch.setattr(ChannelTokenData, "find_by_hash", counting)
    for times in (1, 2):
        assert limited.call("GET", f"/c/{made['token']}?format=text").status_code == 200
        assert len(looked_up) == times, "each request looks again: the owner may have revoked it"


def test_sign_in_shares_one_count(limited: Api) -> None:
    body = {"email": "nobody@example.com", "password": "wrong-password"}
    assert 429 in statuses(limited, "POST", "/api/auth/register", 16, json={}) + statuses(
        limited, "POST", "/api/auth/login", 16, json=body
    )


def test_health_is_never_limited(limited: Api) -> None:
    assert statuses(limited, "GET", "/api/health/simple", 400) == [200] * 400


def test_switched_off_nothing_is_limited_and_nothing_told(api: Api) -> None:
    assert statuses(api, "GET", "/api/auth/token/public", 80) == [200] * 80
    assert "RateLimit" not in api.call("GET", "/api/auth/token/public").headers


def test_without_redis_each_process_counts_for_itself(mongo_database: Database[dict[str, Any]], tmp_path: Path) -> None:
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    api = limited_app(mongo_database, away, tmp_path)
    found = statuses(api, "GET", "/api/auth/token/public", 62)
    assert 500 not in found and found[:50] == [200] * 50 and found[-1] == 429


def test_every_class_has_a_rate_and_every_endpoint_a_class(api: Api) -> None:
    assert set(RATES) == set(Limit) - {Limit.NONE, Limit.BY_METHOD}
    free = {
        rule.rule
        for rule in api.app.url_map.iter_rules()
        if (contract := contract_of(api.app.view_functions[rule.endpoint])) is not None
        and contract.limit is Limit.NONE
        and contract.auth.value != "network"  # those are counted by ARCHIVE_REQUESTS_PER_MINUTE
    }
    assert all("health" in rule or "metrics" in rule or "status" in rule for rule in free), free


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/health/simple"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/nowhere"),
        ("POST", "/api/auth/login"),
        ("DELETE", "/api/auth/login"),
        ("OPTIONS", "/api/auth/login"),
        ("GET", "/api/auth/me"),
    ],
)
def test_every_answer_tells_browsers_what_not_to_do(api: Api, method: str, path: str) -> None:
    headers = api.call(method, path, headers={"Origin": "https://evil.example"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers, "not over plain HTTP"
    assert "Set-Cookie" not in headers
    assert "python" not in str(headers).lower() and "werkzeug" not in str(headers).lower()


def test_over_tls_browsers_are_told_to_stay_there(api: Api) -> None:
    reply = api.call("GET", "/api/health/simple", base_url="https://example.com")
    assert reply.headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost", "https://evil.example/, *"])
def test_an_origin_is_never_reflected_and_credentials_are_never_allowed(api: Api, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        headers = api.call(method, "/api/auth/token/public", headers=asked).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in headers


def test_only_chosen_origins_get_in_where_some_are_chosen(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> None:
    api = limited_app(mongo_database, redis_client, tmp_path, cors_origins="https://good.example")
    for origin in ("https://evil.example", "https://good.example.evil.example", "http://good.example", "null"):
        headers = api.call("GET", "/api/auth/token/public", headers={"Origin": origin}).headers
        assert "Access-Control-Allow-Origin" not in headers
    headers = api.call("GET", "/api/auth/token/public", headers={"Origin": "https://good.example"}).headers
    assert headers["Access-Control-Allow-Origin"] == "https://good.example"
    assert "Access-Control-Allow-Credentials" not in headers


# --- saves for somebody else ------------------------------------------------------------------------------------------


def save_for(api: Api, person: Person, **options: Any) -> Any:
    body = {"url": LINK, "start_time": 1, "end_time": 2, "user_id": person.id}
    token = options.pop("token", None) or api.public_token()
    return api.call("POST", "/api/video/save", token=token, json=body, **options)


def test_an_owner_can_refuse_saves_of_others(api: Api, anna: Person, bert: Person) -> None:
    assert save_for(api, anna).status_code == 201
    reply = anna.api.call("PATCH", "/api/auth/me", token=anna.token, json={"accept_anonymous_saves": False})
    assert (reply.status_code, reply.json) == (200, {"accept_anonymous_saves": False})
    refused = save_for(api, anna)
    assert refused.status_code == 403 and refused.json["code"] == "ANONYMOUS_SAVES_OFF"
    path = f"/api/video/save/stream/{api.public_token()}/dQw4w9WgXcQ?user_id={anna.id}"
    assert api.call("GET", path).status_code == 403
    assert save_for(api, anna, token=bert.token).status_code == 403, "another user is a stranger too"
    assert save_for(api, anna, token=anna.token).status_code == 201, "the owner is none"
    assert save_for(api, bert).status_code == 201
    anna.api.call("PATCH", "/api/auth/me", token=anna.token, json={"accept_anonymous_saves": True})
    assert save_for(api, anna).status_code == 201


@pytest.mark.parametrize(
    "body", [{}, {"accept_anonymous_saves": "no"}, {"accept_anonymous_saves": None}, {"email": "x"}]
)
def test_the_switch_takes_true_and_false(api: Api, anna: Person, body: dict[str, Any]) -> None:
    assert api.call("PATCH", "/api/auth/me", token=anna.token, json=body).status_code == 400


def test_clients_without_an_account_can_save_only_so_much_for_one_user(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> None:
    api = limited_app(mongo_database, redis_client, tmp_path, anonymous_saves_per_hour=5)
    anna, bert = api.person(), api.person()
    found = []
    for number in range(7):
        place: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": f"198.51.100.{number}"}}
        found.append(save_for(api, anna, **place).status_code)
    assert found == [201] * 5 + [429] * 2
    assert save_for(api, anna, token=anna.token).status_code == 201, "the owner's own saves do not count"
    assert save_for(api, bert).status_code == 201

"""The login cookie of the web page: when it is set, where it counts, and from where it is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.http import parse_cookie
from werkzeug.test import TestResponse

from src.middleware.auth import BY_COOKIE, Auth
from src.middleware.contract import contract_of
from src.middleware.login_cookie import COOKIE
from tests.api.actors import LINK, PASSWORD, Api, Person

pytestmark = pytest.mark.slow

PAGE = {"X-Requested-With": "yt-downloader"}


@pytest.fixture
def cookie(api: Api, anna: Person) -> str:
    """The cookie of a login."""
    return value_in(sign_in(api, anna))


def sign_in(api: Api, person: Person, **headers: str) -> TestResponse:
    body = {"email": person.email, "password": PASSWORD}
    return api.call("POST", "/api/auth/login", json=body, headers={**PAGE, **headers})


def value_in(reply: TestResponse) -> str:
    found = parse_cookie(reply.headers["Set-Cookie"].partition(";")[0])
    return str(found[COOKIE])


def send(api: Api, method: str, path: str, cookie: str, **options: Any) -> TestResponse:
    headers = {**PAGE, **options.pop("headers", {}), "Cookie": f"{COOKIE}={cookie}"}
    return api.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **options)


def code(reply: TestResponse) -> tuple[int, str | None]:
    return reply.status_code, (reply.json or {}).get("code")


def test_it_is_set_only_on_request_and_says_what_browsers_may_do(api: Api, anna: Person) -> None:
    body = {"email": anna.email, "password": PASSWORD}
    assert "Set-Cookie" not in api.call("POST", "/api/auth/login", json=body).headers
    plain = sign_in(api, anna)
    assert plain.json is not None and plain.json["token"] is None and value_in(plain) not in plain.text
    flags = plain.headers["Set-Cookie"].partition("; ")[2]
    assert flags.partition("; ")[2].endswith("Max-Age=604800; HttpOnly; Path=/; SameSite=Strict"), flags
    secure = api.call("POST", "/api/auth/login", json=body, headers=PAGE, base_url="https://localhost")
    assert "; Secure; HttpOnly; Path=/" in secure.headers["Set-Cookie"]
    assert secure.headers["Set-Cookie"].startswith(f"__Host-{COOKIE}="), "no other subdomain can set it"
    below = api.call("POST", "/api/auth/login", json=body, headers=PAGE, base_url="http://localhost/clips")
    assert "; Path=/clips/;" in below.headers["Set-Cookie"]
    new = {"email": "new@example.com", "password": PASSWORD}
    registered = api.call("POST", "/api/auth/register", json=new, headers=PAGE)
    me = send(api, "GET", "/api/auth/me", value_in(registered))
    assert registered.status_code == 201 and me.json is not None and me.json["user"]["email"] == "new@example.com"


def test_it_counts_as_a_login_and_a_logout_ends_it(api: Api, anna: Person, cookie: str) -> None:
    body = {"url": LINK, "start_time": 0, "end_time": 1}
    saved = send(api, "POST", "/api/video/save", cookie, json=body)
    assert saved.status_code == 201 and saved.json is not None
    assert anna.status(saved.json["video_id"])["start_time"] == 0
    assert send(api, "GET", "/api/events", cookie).status_code == 200
    out = send(api, "POST", "/api/auth/logout", cookie)
    assert "Max-Age=0" in out.headers["Set-Cookie"] and value_in(out) == ""
    ended = send(api, "GET", "/api/auth/me", cookie)
    assert code(ended) == (401, "TOKEN_INVALID") and "Max-Age=0" in ended.headers["Set-Cookie"]
    preview = {"url": LINK, "at": 5}
    assert send(api, "POST", "/api/video/preview", cookie, json=preview).status_code == 202, "as any visitor"
    assert anna.get("/api/auth/me").status_code == 200
    assert "Set-Cookie" not in anna.post("/api/auth/logout").headers


REFUSALS: list[tuple[dict[str, str], tuple[int, str | None]]] = [
    ({}, (200, None)),
    ({"X-Requested-With": "XMLHttpRequest"}, (401, "TOKEN_MISSING")),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, (200, None)),
    ({"Sec-Fetch-Site": "none"}, (403, "ORIGIN_REFUSED")),
    ({"Sec-Fetch-Site": "same-site"}, (403, "ORIGIN_REFUSED")),
    ({"Sec-Fetch-Site": "cross-site"}, (403, "ORIGIN_REFUSED")),
    ({"Origin": "http://localhost:3000"}, (403, "ORIGIN_REFUSED")),
    ({"Origin": "https://localhost"}, (403, "ORIGIN_REFUSED")),
    ({"Origin": "http://localhost.example.com"}, (403, "ORIGIN_REFUSED")),
    ({"Origin": "null"}, (403, "ORIGIN_REFUSED")),
    ({"Authorization": "Bearer nonsense"}, (401, "TOKEN_INVALID")),
]


def test_it_is_refused_from_elsewhere(api: Api, anna: Person, cookie: str) -> None:
    for headers, expected in REFUSALS:
        reply = send(api, "GET", "/api/auth/me", cookie, headers=headers)
        assert code(reply) == expected, (headers, reply.text)
        if expected[1] == "ORIGIN_REFUSED":  # nor is a new one set there
            assert code(sign_in(api, anna, **headers)) == expected


def test_no_route_takes_it_from_another_site(api: Api, cookie: str) -> None:
    """Every route that it opens, with what a form and a script of another site can send."""
    tried = 0
    for rule in api.app.url_map.iter_rules():
        contract = contract_of(api.app.view_functions[rule.endpoint])
        if contract is None or not contract.cookie or contract.auth not in BY_COOKIE:
            continue
        path = re.sub(r"<[^>]+>", "65a0000000000000000000ff", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            by_form = send(api, method, path, cookie, headers={"X-Requested-With": ""})
            by_script = send(api, method, path, cookie, headers={"Origin": "https://example.org"})
            assert code(by_form) == (401, "TOKEN_MISSING"), (method, path)
            assert code(by_script) == (403, "ORIGIN_REFUSED"), (method, path)
            assert "Access-Control-Allow-Credentials" not in by_script.headers
            tried += 1
    assert tried > 30


def test_over_https_a_cookie_that_a_subdomain_may_have_set_is_none(api: Api, cookie: str) -> None:
    secure = {"base_url": "https://localhost"}
    assert code(send(api, "GET", "/api/auth/me", cookie, **secure)) == (401, "TOKEN_MISSING")
    assert send(api, "GET", "/api/auth/me", f"x; __Host-{COOKIE}={cookie}", **secure).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://example.org"}], ids=str)
def test_another_token_that_is_invalid_ends_no_login(api: Api, cookie: str, headers: dict[str, str]) -> None:
    reply = send(api, "GET", "/c/nonsense/clips", cookie, headers=headers)
    assert code(reply) == (401, "TOKEN_INVALID") and "Set-Cookie" not in reply.headers


def test_two_cookies_are_none(api: Api, cookie: str) -> None:
    assert code(send(api, "GET", "/api/auth/me", f"x; {COOKIE}={cookie}")) == (401, "TOKEN_MISSING")


def test_it_never_counts_where_no_login_is_needed(api: Api) -> None:
    by_cookie = {
        rule.rule: contract.auth
        for rule in api.app.url_map.iter_rules()
        if (contract := contract_of(api.app.view_functions[rule.endpoint])) is not None and contract.cookie
    }
    assert set(by_cookie.values()) == {*BY_COOKIE, Auth.SESSION, Auth.VISITOR}
    sessions = {rule for rule, auth in by_cookie.items() if auth is Auth.SESSION}
    assert sessions == {"/api/events", "/api/jobs/<job_id>/events", "/api/webhooks/secret"}
    chats = ("/c/", "/s/", "/jobs", "/storage", "/metadata", "/download", "/stats", "/api/sessions", "/ws")
    assert not [rule for rule in by_cookie if rule.startswith((*chats, "/api/video/save/stream"))]


def test_a_guest_route_asks_for_a_session(api: Api, cookie: str) -> None:
    assert code(send(api, "GET", "/api/jobs/", cookie)) == (401, "SESSION_MISSING")

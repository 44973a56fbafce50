"""``/openapi.json``, ``/docs``, health, and the errors of the router."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from src.middleware.contract import contract_of
from tests.api.actors import Api
from tests.api.contracts.endpoints import DOCUMENTED

pytestmark = pytest.mark.slow


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    reply = api.call("GET", "/openapi.json")
    assert reply.status_code == 200 and reply.json is not None
    return dict(reply.json)


def test_every_documented_endpoint_is_there(document: dict[str, Any]) -> None:
    there = {
        f"{method.upper()} {re.sub('{[^}]+}', '*', path)}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert set(DOCUMENTED) <= there


def test_every_route_has_a_contract(api: Api) -> None:
    without = [
        rule.rule for rule in api.app.url_map.iter_rules() if contract_of(api.app.view_functions[rule.endpoint]) is None
    ]
    page = ["/", "/docs", "/manifest.webmanifest", "/openapi.json", "/page/<path:name>", "/page/facts.json", "/share"]
    assert sorted(without) == page


def test_the_document_is_whole(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["summary"] and operation["responses"]


def test_the_page_for_people_needs_nothing_from_elsewhere(api: Api) -> None:
    reply = api.call("GET", "/docs")
    assert reply.status_code == 200 and reply.mimetype == "text/html"
    assert "/api/video/download/{video_id}" in reply.text and "/api/encode/tus/{upload_id}" in reply.text
    titles = re.findall(r"<h2>([^<]+)</h2>", reply.text)
    assert titles[:3] == ["auth", "video", "encode"] and len(titles) == len(set(titles))
    assert "http://localhost/api/auth/login" in reply.text and "``" not in reply.text
    assert not re.search(r"(src|href)=\"(https?:)?//", reply.text)
    assert not re.search(r"<script|javascript:|\son\w+=", reply.text, re.IGNORECASE)


def test_health(api: Api) -> None:
    assert api.call("GET", "/api/health/simple").json == {"status": "ok"}
    reply = api.call("GET", "/api/health")
    assert reply.status_code == 200 and reply.json is not None
    assert reply.json["status"] == "healthy" and reply.json["stores"] == {"mongodb": "up", "redis": "up"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("DELETE", "/api/auth/login", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/video/save", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_errors_of_the_router_look_like_all_others(api: Api, method: str, path: str, status: int, code: str) -> None:
    reply = api.call(method, path)
    assert reply.status_code == status and reply.json is not None
    assert reply.json["code"] == code and reply.json["error"]
    assert reply.headers["X-Request-ID"]
    assert (status == 405) == ("Allow" in reply.headers)


def test_a_request_id_is_taken_over_when_it_is_harmless(api: Api) -> None:
    kept = api.call("GET", "/api/health/simple", headers={"X-Request-ID": "abc-123"})
    assert kept.headers["X-Request-ID"] == "abc-123"
    made = api.call("GET", "/api/health/simple", headers={"X-Request-ID": "a b<script>"})
    assert re.fullmatch(r"[0-9a-f]{16}", made.headers["X-Request-ID"])


def test_pages_of_any_origin_may_call_without_cookies(api: Api) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    reply = api.call("OPTIONS", "/api/video/save", headers=headers)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in reply.headers

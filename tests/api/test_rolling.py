"""A rolling capture is switched on and off with its channel token, and is off by default."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from src.data.channel_token_data import ChannelTokenData
from tests.api.actors import Api, Person

pytestmark = pytest.mark.slow


def test_a_rolling_capture_is_switched_with_the_token(api: Api, anna: Person, bert: Person) -> None:
    made = anna.post("/api/auth/tokens", json={"stream": "@somebody"}).json
    assert made is not None and (made["rolling"], made["rolling_capture"]) == (False, None), "off by default"
    tokens, path = ChannelTokenData(api.services.database), f"/api/auth/tokens/{made['id']}"
    assert tokens.rolling() == []
    assert api.call("PATCH", path, token=bert.token, json={"rolling": True}).status_code == 404
    changed = api.call("PATCH", path, token=anna.token, json={"rolling": True})
    assert changed.status_code == 200 and changed.json is not None and changed.json["rolling"] is True
    (wanted,) = tokens.rolling()
    assert wanted.id == made["id"]
    now = datetime.now(UTC).replace(microsecond=0)
    tokens.note_rolling(made["id"], (now, now), 5)
    (shown,) = (anna.get("/api/auth/tokens").json or {})["tokens"]
    assert shown["rolling_capture"]["bytes"] == 5 and shown["rolling_capture"]["covers_from"].endswith("Z")
    api.call("PATCH", path, token=anna.token, json={"rolling": False})
    (shown,) = (anna.get("/api/auth/tokens").json or {})["tokens"]
    assert (shown["rolling"], shown["rolling_capture"], tokens.rolling()) == (False, None, [])
    api.call("PATCH", path, token=anna.token, json={"rolling": True})
    assert len(tokens.rolling()) == 1
    assert api.call("DELETE", path, token=anna.token).status_code in (200, 204)
    assert tokens.rolling() == [], "the end of the token is the end of its capture"


def test_a_rolling_capture_needs_a_stream(api: Api, anna: Person) -> None:
    refused = anna.post("/api/auth/tokens", json={"rolling": True})
    assert (refused.status_code, (refused.json or {})["code"]) == (400, "REQUEST_INVALID")
    made = anna.post("/api/auth/tokens", json={"rolling": True, "stream": "@somebody"}).json
    assert made is not None and made["rolling"] is True
    plain = anna.post("/api/auth/tokens", json={}).json
    assert plain is not None
    reply = api.call("PATCH", f"/api/auth/tokens/{plain['id']}", token=anna.token, json={"rolling": True})
    assert reply.status_code == 400

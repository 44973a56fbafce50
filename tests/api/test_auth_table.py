"""Who may call what: a row for every route, tried with every kind of caller; forgotten routes are found.

A new route needs one line in ``ROUTES``. The table is written by hand on purpose: it does not ask the code under
test who may come in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import jwt
import pytest
from pymongo.database import Database

from src.app import create_app
from src.bootstrap import Services, build, prepare_database
from src.services.chat.channel_tokens import TokenRequest
from tests.api.actors import PASSWORD, Api
from tests.api.conftest import api_settings
from tests.tools.fakes import FakeEngine, RecordingNotifier

pytestmark = pytest.mark.slow

UNKNOWN = "65a0000000000000000000ff"

ANYONE = "anyone"
VISITOR = "nobody, or a private token"
PUBLIC = "a public or private token"
PRIVATE = "a private token"
IN_PATH = "a public or channel token in the path"
CHANNEL = "a channel token in the path"
SESSION = "a guest session or a private token"
NETWORK = "a neighbour, or a private token"
OPERATOR = "a private token, for nobody is named as operator"
ADMIN = "nobody, for nobody is named as operator"

# Method, route, who may call it, and what a caller who may gets for an empty request (about an unknown id).
ROUTES = [
    ("POST", "/api/encode/tus/", PRIVATE, 412),
    ("PATCH", "/api/encode/tus/<upload_id>", PRIVATE, 412),
    ("DELETE", "/api/encode/tus/<upload_id>", PRIVATE, 412),
    ("POST", "/api/auth/register", ANYONE, 400),
    ("POST", "/api/auth/login", ANYONE, 400),
    ("POST", "/api/auth/logout", PRIVATE, 200),
    ("POST", "/api/auth/change-password", PRIVATE, 400),
    ("GET", "/api/auth/token/public", ANYONE, 200),
    ("GET", "/api/auth/me", PRIVATE, 200),
    ("PATCH", "/api/auth/me", PRIVATE, 400),
    ("POST", "/api/video/save", PUBLIC, 400),
    ("GET", "/api/video/save/stream/<token>/<video_id>", IN_PATH, 400),
    ("POST", "/api/video/save/stream/<token>/<video_id>", IN_PATH, 400),
    ("GET", "/api/video/save/stream/<token>/<path:video_id>", IN_PATH, 400),
    ("POST", "/api/video/save/stream/<token>/<path:video_id>", IN_PATH, 400),
    ("POST", "/api/video/share/<video_id>", PRIVATE, 404),
    ("POST", "/api/video/link/<video_id>", PRIVATE, 404),
    ("POST", "/api/encode/link/<encode_id>", PRIVATE, 404),
    ("DELETE", "/api/video/share/<video_id>", PRIVATE, 404),
    ("PATCH", "/api/video/<video_id>", PRIVATE, 400),
    ("GET", "/s/<token>", ANYONE, 404),
    ("GET", "/s/<token>/poster.jpg", ANYONE, 404),
    ("GET", "/s/<token>/<name>", ANYONE, 404),
    ("GET", "/c/<token>", CHANNEL, 400),
    ("POST", "/c/<token>", CHANNEL, 400),
    ("GET", "/c/<token>/", CHANNEL, 400),
    ("POST", "/c/<token>/", CHANNEL, 400),
    ("GET", "/c/<token>/<path:stream>", CHANNEL, 400),
    ("POST", "/c/<token>/<path:stream>", CHANNEL, 400),
    ("GET", "/c/<token>/clips", CHANNEL, 403),
    ("PATCH", "/c/<token>/clips/<video_id>", CHANNEL, 400),
    ("POST", "/c/<token>/clips/<video_id>/move", CHANNEL, 400),
    ("DELETE", "/c/<token>/clips/<video_id>", CHANNEL, 403),
    ("POST", "/api/auth/tokens", PRIVATE, 400),
    ("GET", "/api/auth/tokens", PRIVATE, 200),
    ("PATCH", "/api/auth/tokens/<token_id>", PRIVATE, 400),
    ("DELETE", "/api/auth/tokens/<token_id>", PRIVATE, 404),
    ("GET", "/api/auth/tokens/<token_id>/commands", PRIVATE, 404),
    ("POST", "/api/video/download/<video_id>", PRIVATE, 404),
    ("GET", "/api/video/download/<video_id>", PRIVATE, 404),
    ("POST", "/api/video/start/<video_id>", PRIVATE, 404),
    ("GET", "/api/video/status/<video_id>", PRIVATE, 404),
    ("GET", "/api/video/list", PRIVATE, 200),
    ("GET", "/api/video/formats/<video_id>", PRIVATE, 404),
    ("POST", "/api/video/resolutions", ANYONE, 400),
    ("POST", "/api/video/info", ANYONE, 400),
    ("POST", "/api/video/preview", VISITOR, 400),
    ("GET", "/api/video/preview/<preview_id>", VISITOR, 404),
    ("GET", "/api/video/storyboard/<video_id>/<level>/<sheet>", ANYONE, 400),
    ("POST", "/api/encode/upload", PRIVATE, 400),
    ("POST", "/api/encode/upload/audio", PRIVATE, 400),
    ("POST", "/api/encode/start/<encode_id>", PRIVATE, 400),
    ("POST", "/api/encode/audio/<encode_id>", PRIVATE, 400),
    ("GET", "/api/encode/status/<encode_id>", PRIVATE, 404),
    ("GET", "/api/encode/download/<encode_id>", PRIVATE, 404),
    ("POST", "/api/encode/download/<encode_id>", PRIVATE, 404),
    ("GET", "/api/encode/codecs", ANYONE, 200),
    ("GET", "/api/health/simple", ANYONE, 200),
    ("GET", "/api/health", ANYONE, 200),
    ("GET", "/api/metrics", ANYONE, 200),
    ("GET", "/metrics", ANYONE, 200),
    ("GET", "/api/status", ANYONE, 200),
    ("GET", "/api/diagnostics", OPERATOR, 200),
    ("GET", "/api/admin/jobs", ADMIN, 403),
    ("POST", "/api/sessions/", ANYONE, 201),
    ("GET", "/api/sessions/", ANYONE, 200),
    ("GET", "/api/sessions/stats/overview", ANYONE, 200),
    ("GET", "/api/sessions/<session_uuid>", ANYONE, 404),
    ("POST", "/api/jobs/", SESSION, 400),
    ("GET", "/api/jobs/", SESSION, 200),
    ("GET", "/api/jobs/<job_id>", SESSION, 404),
    ("DELETE", "/api/jobs/<job_id>", SESSION, 404),
    ("POST", "/api/jobs/<job_id>/retry", SESSION, 404),
    ("GET", "/api/jobs/<job_id>/paths", SESSION, 404),
    ("GET", "/api/jobs/<job_id>/file", SESSION, 404),
    ("GET", "/health", ANYONE, 200),
    ("POST", "/jobs", NETWORK, 400),
    ("GET", "/jobs", NETWORK, 200),
    ("GET", "/jobs/<job_id>", NETWORK, 404),
    ("DELETE", "/jobs/<job_id>", NETWORK, 404),
    ("POST", "/jobs/<job_id>/retry", NETWORK, 404),
    ("POST", "/download", NETWORK, 400),
    ("GET", "/download", NETWORK, 200),
    ("GET", "/download/<download_id>", NETWORK, 404),
    ("DELETE", "/download/<download_id>", NETWORK, 404),
    ("GET", "/metadata/<video_id>", NETWORK, 400),
    ("POST", "/metadata/batch", NETWORK, 400),
    ("GET", "/metadata/playlist/<playlist_id>", NETWORK, 200),
    ("DELETE", "/metadata/cache", NETWORK, 200),
    ("POST", "/storage/metadata", NETWORK, 400),
    ("POST", "/storage/video", NETWORK, 400),
    ("GET", "/storage/videos", NETWORK, 200),
    ("GET", "/storage/videos/<video_id>", NETWORK, 400),
    ("GET", "/storage/videos/<video_id>/file", NETWORK, 400),
    ("DELETE", "/storage/videos/<video_id>", NETWORK, 400),
    ("GET", "/storage/search", NETWORK, 400),
    ("GET", "/storage/stats", NETWORK, 200),
    ("GET", "/stats", NETWORK, 200),
    ("POST", "/storage/workplan", NETWORK, 400),
    ("GET", "/storage/workplan", NETWORK, 200),
    ("POST", "/storage/workplan/<plan_id>/retry", NETWORK, 404),
    ("POST", "/api/video/batch", PRIVATE, 400),
    ("GET", "/api/video/batch/<video_id>", PRIVATE, 404),
    ("GET", "/api/video/batch/list", PRIVATE, 200),
    ("GET", "/api/encode/list", PRIVATE, 200),
    ("POST", "/api/video/delete", PRIVATE, 400),
    ("POST", "/api/video/zip", PRIVATE, 400),
    ("GET", "/api/auth/logins", PRIVATE, 200),
    ("DELETE", "/api/auth/logins/<login_id>", PRIVATE, 404),
    ("GET", "/api/video/batch/<video_id>/file", PRIVATE, 404),
    ("DELETE", "/api/video/<video_id>", PRIVATE, 404),
    ("DELETE", "/api/video/anonymous", PRIVATE, 200),
    ("POST", "/api/video/<video_id>/cancel", PRIVATE, 404),
    ("POST", "/api/video/<video_id>/retry", PRIVATE, 404),
    ("DELETE", "/api/encode/<encode_id>", PRIVATE, 404),
    ("POST", "/api/encode/<encode_id>/cancel", PRIVATE, 404),
    ("POST", "/api/encode/<encode_id>/retry", PRIVATE, 404),
    ("GET", "/api/webhooks/secret", SESSION, 200),
    ("GET", "/api/jobs/<job_id>/events", SESSION, 404),
    ("GET", "/api/events", SESSION, 200),
    ("GET", "/ws", ANYONE, 400),  # no WebSocket: refused before anybody asks who calls
    ("POST", "/download/", ANYONE, 400),
    ("POST", "/download/mp4", ANYONE, 400),
    ("GET", "/job/<job_id>", ANYONE, 404),
    ("DELETE", "/job/<job_id>", ANYONE, 404),
    ("POST", "/audio_dl/api/auto-download/", ANYONE, 400),
    ("GET", "/audio_dl/api/history/", PRIVATE, 200),
    ("GET", "/media/downloads/<folder>/<job_id>/<filename>", ANYONE, 403),
    ("GET", "/media/inline/<job_id>/<filename>", ANYONE, 403),
    ("GET", "/media/zip/<ids>", ANYONE, 403),
    ("GET", "/media/posters/<job_id>/<filename>", ANYONE, 403),
    ("GET", "/openapi.json", ANYONE, 200),
    ("GET", "/docs", ANYONE, 200),
    ("GET", "/page/<path:name>", ANYONE, 404),
    ("GET", "/page/facts.json", ANYONE, 200),
    ("GET", "/manifest.webmanifest", ANYONE, 200),
    ("GET", "/share", ANYONE, 302),
    ("GET", "/", ANYONE, 302),
]

MAY_COME_IN = {
    ANYONE: None,
    SESSION: {"private"},
    NETWORK: {"nobody", "private"},  # the test's own address is a neighbour's
    VISITOR: {"nobody", "private"},
    PUBLIC: {"public", "private"},
    PRIVATE: {"private"},
    OPERATOR: {"private"},
    ADMIN: {"private"},  # who is known and still not let in
    IN_PATH: {"public", "channel"},
    CHANNEL: {"channel"},
}


@pytest.fixture(scope="module")
def table_api(
    mongo_uri: str, redis_uri: str, _mongo_client: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """One app for the whole table."""
    database: Database[dict[str, Any]] = _mongo_client["test_auth_table"]
    engine, notifier = FakeEngine(), RecordingNotifier()
    folder: Path = tmp_path_factory.mktemp("table")
    services = build(
        api_settings(folder, redis_uri=redis_uri, password_hash_cost=4),
        notifier=notifier,
        database=database,
        youtube=cast(Any, engine),
        encoder=cast(Any, engine),
        videos=cast(Any, engine),
    )
    prepare_database(database)
    with services.cache.client:
        yield Api(create_app(services.settings, services), services, engine, notifier)
    _mongo_client.drop_database(database)


BOT = TokenRequest("bot", [], 0, 0, 20, 60, 120)


def _revoked(services: Services, user_id: str) -> str:
    token, secret = services.channel_tokens.create(user_id, BOT)
    services.channel_tokens.revoke(token.id, user_id)
    return secret


def tokens_of(services: Services) -> dict[str, str | None]:
    """One token of every kind, fresh: a logout spends the good one."""
    accounts, settings = services.accounts, services.settings
    email = f"{datetime.now(UTC).timestamp()}@example.com"
    user = accounts.register(email, PASSWORD)
    public = accounts.issue_public_token().token
    private = accounts.login(email, PASSWORD, address="203.0.113.1").token
    ended = accounts.login(email, PASSWORD, address="203.0.113.1").token
    accounts.logout(accounts.identify(ended))
    now = datetime.now(UTC)
    claims = {"user_id": user.id, "session_id": UNKNOWN, "type": "private", "iat": now, "exp": now + timedelta(days=1)}
    past = {"iat": now - timedelta(days=9), "exp": now - timedelta(seconds=2)}
    public_claims = {**claims, "type": "public", "jti": "x"}
    secrets = {"public": settings.jwt_public_secret, "private": settings.jwt_private_secret}
    return {
        "nobody": None,
        "nonsense": "nonsense",
        "public": public,
        "private": private,
        "channel": services.channel_tokens.create(user.id, BOT)[1],
        "revoked channel": _revoked(services, user.id),
        "logged out": ended,
        "of no login": jwt.encode(claims, secrets["private"]),
        "expired public": jwt.encode({**public_claims, **past}, secrets["public"]),
        "expired private": jwt.encode({**claims, **past}, secrets["private"]),
        "private by the public secret": jwt.encode(claims, secrets["public"]),
        "public by the private secret": jwt.encode(public_claims, secrets["private"]),
        "unsigned": jwt.encode(claims, "", "none"),
        "of someone else's service": jwt.encode(claims, "another-secret-" * 4),
        "with a tail": f"{private}=",
        "private twice": f"{private}, Bearer {private}",
    }


@pytest.mark.parametrize(("method", "rule", "who", "status"), ROUTES, ids=lambda value: str(value).replace(" ", "_"))
def test_a_route_lets_in_whom_the_table_says(table_api: Api, method: str, rule: str, who: str, status: int) -> None:
    allowed = MAY_COME_IN[who]
    for kind, token in tokens_of(table_api.services).items():
        path = re.sub(r"<(?:path:)?(?!token>)\w+>", UNKNOWN, rule)
        if who in {IN_PATH, CHANNEL}:
            path = path.replace("<token>", token or "none")
            reply = table_api.call(method, path)
        else:
            reply = table_api.call(method, path, token=token)
        if allowed is None or kind in allowed:
            assert reply.status_code == status, (kind, reply.text)
            continue
        assert reply.status_code == 401, (kind, reply.text)
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        body = reply.json
        assert body is not None
        if who == NETWORK:
            assert set(body) == {"status", "error", "timestamp"}
            body = body["error"]
        elif rule.startswith("/audio_dl/"):
            assert set(body) == {"success", "error", "code", "detail"}
        else:
            assert set(body) == {"error", "code", "details"}
        expected = {"nobody": "TOKEN_INVALID" if who in {IN_PATH, CHANNEL} else "TOKEN_MISSING"}
        expected |= {"nobody": "SESSION_MISSING"} if who == SESSION else {}
        expected |= (
            {"expired private": "TOKEN_EXPIRED"}
            if who in {PRIVATE, PUBLIC, SESSION, NETWORK, OPERATOR, ADMIN, VISITOR}
            else {}
        )
        expected |= {"expired public": "TOKEN_EXPIRED"} if who in {PUBLIC, IN_PATH} else {}
        assert body["code"] == expected.get(kind, "TOKEN_INVALID"), kind
        assert token is None or token not in reply.text


def test_every_route_is_in_the_table(table_api: Api) -> None:
    there = {
        (method, rule.rule)
        for rule in table_api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    written = [(method, rule) for method, rule, _, _ in ROUTES]
    assert there - set(written) == set(), "routes without a row"
    assert set(written) - there == set(), "rows without a route"
    assert len(written) == len(set(written))


@pytest.mark.parametrize("token_kind", ["public", "private"])
def test_the_header_is_read_leniently_in_form_and_strictly_in_content(table_api: Api, token_kind: str) -> None:
    token = tokens_of(table_api.services)[token_kind]
    good = 200 if token_kind == "private" else 401
    for header in (f"Bearer {token}", f"bearer {token}", f"BEARER   {token} "):
        assert table_api.call("GET", "/api/auth/me", headers={"Authorization": header}).status_code == good
    for header in (
        f"{token}",
        f"Bearer{token}",
        f"Token {token}",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        f"Bearer {token} x",
    ):
        assert table_api.call("GET", "/api/auth/me", headers={"Authorization": header}).status_code == 401
    for place in (f"/api/auth/me?token={token}", f"/api/auth/me?access_token={token}"):
        assert table_api.call("GET", place).status_code == 401


def test_a_public_token_where_a_login_is_needed_is_told_what_to_do(table_api: Api) -> None:
    reply = table_api.call("GET", "/api/auth/me", token=table_api.public_token())
    assert reply.json is not None
    assert reply.json["error"] == "This is a public token; sign in and send the token of the login."

"""The corpus against the whole app: 0 answers of 500, 0 files outside the folders, 0 secrets in answers and logs."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from pymongo.database import Database
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse

from src.app import create_app
from src.bootstrap import build, prepare_database
from src.errors import VideoUnavailable
from src.middleware.contract import contract_of
from src.utils.logs import redact
from tests.api.actors import LINK, PASSWORD, Api, Person
from tests.api.conftest import api_settings
from tests.resilience.hostile import corpus
from tests.tools.fakes import FakeEngine, RecordingNotifier

pytestmark = pytest.mark.slow


class Listening(logging.Handler):
    """Every line that is logged, as the service would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(redact(self.format(record)))


@pytest.fixture
def world(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Iterator[World]:
    """The app in a folder of its own, with a listener at its logs; what must never happen is checked at the end."""
    (tmp_path / "home").mkdir()
    engine, notifier = FakeEngine(info=VideoUnavailable()), RecordingNotifier()
    services = build(
        api_settings(tmp_path / "home", sync_wait_seconds=0),
        notifier=notifier,
        database=mongo_database,
        redis_client=redis_client,
        youtube=cast(Any, engine),
        encoder=cast(Any, engine),
        videos=cast(Any, engine),
    )
    prepare_database(mongo_database)
    listening = Listening()
    logging.getLogger("src").addHandler(listening)
    api = Api(create_app(services.settings, services), services, engine, notifier)
    found = World(api, api.person(), listening)
    yield found
    logging.getLogger("src").removeHandler(listening)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]
    kept = {path.relative_to(tmp_path / "home").parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert kept <= {"downloads", "uploads", "data"}
    log = "\n".join(listening.lines)
    secrets = [found.anna.token, PASSWORD, found.public, *(getattr(services.settings, n) for n in _SECRETS)]
    assert not [secret for secret in secrets if secret in log]
    assert "Unexpected error" not in log, log[-3000:]


_SECRETS = ("jwt_public_secret", "jwt_private_secret", "flask_secret_key")


class World:
    """The app, a user of it, and everything that was answered."""

    def __init__(self, api: Api, anna: Person, listening: Listening) -> None:
        self.api, self.anna, self.listening = api, anna, listening
        self.public = api.public_token()

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        """Send it; the answer is one that a service may give."""
        reply = self.api.call(method, path, **options)
        what = f"{method} {path[:200]!r} {str(options)[:300]} -> {reply.status_code} {reply.text[:300]}"
        assert reply.status_code < 500 or reply.status_code in (503, 507), what
        for secret in _SECRETS:
            assert getattr(self.api.services.settings, secret) not in reply.text, what
        assert "Traceback" not in reply.text and '.py"' not in reply.text, what
        assert str(self.api.services.files.downloads) not in reply.text, what
        assert "\n" not in "".join(reply.headers.values()), what
        return reply


BASE = {"url": LINK, "start_time": 60, "end_time": 120, "user_id": "u", "additional_message": "hello", "clip_offset": 1}


def body_with(field: str, value: str) -> bytes:
    """A good body but for one field, which is this JSON text."""
    fields = [f"{json.dumps(name)}: {json.dumps(good)}" for name, good in BASE.items() if name != field]
    return ("{" + ", ".join([*fields, f'"{field}": {value}']) + "}").encode("utf-8", "surrogatepass")


def test_fields_of_a_save(world: World) -> None:
    values = [*corpus.VALUES, *(json.dumps(text) for text in corpus.TEXTS)]
    BASE["user_id"] = world.anna.id
    for field in BASE:
        for value in values:
            reply = world.send("POST", "/api/video/save", token=world.public, data=body_with(field, value))
            assert reply.status_code in (201, 400, 403, 413, 429), (field, value[:80], reply.text)
            if field in ("url", "user_id") and json.dumps(BASE[field]) != value:
                assert reply.status_code != 201, (field, value[:80])
    listed = world.send("GET", "/api/video/list?per_page=100", token=world.anna.token)
    assert listed.status_code == 200


def test_credentials(world: World) -> None:
    for value in [*corpus.VALUES, *(json.dumps(text) for text in corpus.TEXTS)]:
        for path in ("/api/auth/login", "/api/auth/register"):
            data = f'{{"email": {value}, "password": "SecurePass123!"}}'.encode("utf-8", "surrogatepass")
            assert world.send("POST", path, data=data).status_code in (400, 401, 413)
        data = f'{{"email": "a@example.com", "password": {value}}}'.encode("utf-8", "surrogatepass")
        assert world.send("POST", "/api/auth/login", data=data).status_code in (400, 401, 413)


def test_bodies_that_are_none(world: World) -> None:
    posts = [
        (method, rule.rule)
        for rule in world.api.app.url_map.iter_rules()
        if contract_of(world.api.app.view_functions[rule.endpoint]) is not None
        for method in sorted((rule.methods or set()) & {"POST", "PATCH", "PUT"})
    ]
    for method, rule in posts:
        path = rule
        for name in ("video_id", "encode_id", "job_id", "token_id", "upload_id", "plan_id", "download_id"):
            path = path.replace(f"<{name}>", "65a0000000000000000000ff").replace(f"<path:{name}>", "x")
        path = path.replace("<token>", world.public).replace("<path:stream>", "x")
        for body in corpus.BODIES:
            reply = world.send(method, path, token=world.anna.token, data=body, content_type="application/json")
            assert reply.status_code != 500
        if path == "/api/auth/logout":  # a body is of no importance there
            world.anna = world.api.person()


def test_ids_in_paths(world: World) -> None:
    rules = [
        rule.rule
        for rule in world.api.app.url_map.iter_rules()
        if "<" in rule.rule and contract_of(world.api.app.view_functions[rule.endpoint]) is not None
    ]
    for rule in rules:
        before, _, rest = rule.partition("<")
        for text in corpus.IDS:
            filled = before + text + rest.partition(">")[2].replace("<", "").replace(">", "")
            for method in ("GET", "DELETE"):
                reply = world.send(method, filled, token=world.anna.token)
                # The small engines know every film and every playlist.
                known = text.startswith("dQw4") or "c/" in rule or "playlist" in rule
                assert reply.status_code not in (200, 201) or known, (filled, reply.text)


def test_tokens(world: World) -> None:
    for token in corpus.TOKENS:
        sent = token.encode("utf-8").decode("latin-1")
        for path in ("/api/auth/me", "/api/video/list", "/api/jobs/"):
            assert world.send("GET", path, headers={"Authorization": f"Bearer {sent}"}).status_code == 401
        reply = world.send("GET", f"/api/video/save/stream/{token}/dQw4w9WgXcQ?user_id={world.anna.id}")
        assert reply.status_code in (308, 400, 401, 404), (token, reply.text)


def test_names_of_uploads(world: World) -> None:
    uploads = world.api.services.files.uploads
    for name in corpus.NAMES:
        file = FileStorage(io.BytesIO(b"frames"), filename=name)
        reply = world.send("POST", "/api/encode/upload", token=world.anna.token, data={"video": file})
        assert reply.status_code in (201, 400), (name, reply.text)
        if reply.status_code == 201 and reply.json is not None:
            encode_id = reply.json["encode_id"]
            kept = [path for path in uploads.iterdir() if path.stem == encode_id]
            assert len(kept) == 1 and kept[0].suffix.isascii()
            start = {"video_codec": "h264", "quality_preset": "high"}
            assert world.send("POST", f"/api/encode/start/{encode_id}", token=world.anna.token, json=start)
            world.api.services.runner.run(encode_id)
            got = world.send("GET", f"/api/encode/download/{encode_id}", token=world.anna.token)
            assert got.status_code == 200 and got.headers["Content-Disposition"].startswith("attachment; filename")
    names = [path.name for path in uploads.iterdir() if path.is_file()]
    assert all(len(name.split(".")) == 2 and len(name) < 40 for name in names), names


def test_names_of_files_for_the_archive(world: World) -> None:
    for number, name in enumerate(corpus.NAMES):
        file = FileStorage(io.BytesIO(b"frames"), filename=name)
        data = {"file": file, "video_id": f"dQw4w9Wg{number:03}", "metadata": "{}"}
        reply = world.send("POST", "/storage/video", token=world.anna.token, data=data)
        assert reply.status_code in (201, 400), (name, reply.text)
    kept = [path for path in world.api.services.files.downloads.rglob("*") if path.is_file()]
    assert kept and all(path.name.isascii() and path.name.isprintable() and len(path.name) < 60 for path in kept), kept


def test_names_of_resumable_uploads(world: World) -> None:
    for name in corpus.NAMES:
        told = base64.b64encode(name.encode("utf-8", "surrogatepass")).decode()
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "6", "Upload-Metadata": f"filename {told}"}
        reply = world.send("POST", "/api/encode/tus/", token=world.anna.token, headers=headers)
        assert reply.status_code in (201, 400), (name, reply.text)
        if reply.status_code == 201:  # an account may have a few under way
            gone = {"Tus-Resumable": "1.0.0"}
            assert world.send("DELETE", reply.headers["Location"], token=world.anna.token, headers=gone)


def test_numbers_of_any_size_in_every_body(world: World) -> None:
    """Every field of every JSON body as a number that is beyond 64 bits, a float, or what Python reads."""
    numbers = ("1" + "0" * 400, "-1" + "0" * 400, "1" + "0" * 5000, "1e400", "-1e400", "1" + "0" * 18, "0.1e-9999")
    for rule in list(world.api.app.url_map.iter_rules()):
        contract = contract_of(world.api.app.view_functions[rule.endpoint])
        if contract is None or contract.body is None:
            continue
        path = re.sub(r"<(?:path:)?token>", world.public, rule.rule)
        path = re.sub(r"<[^>]+>", "65a0000000000000000000ff", path)
        for method in sorted((rule.methods or set()) & {"POST", "PATCH", "PUT"}):
            for field in contract.body.model_fields:
                for number in numbers:
                    data = body_with(field, number) if field in BASE else f'{{"{field}": {number}}}'.encode()
                    world.send(method, path, token=world.anna.token, data=data)


def test_headers(world: World) -> None:
    video_id = world.anna.save()
    world.api.services.jobs.start(world.api.services.jobs.find_any(video_id))
    world.api.services.runner.run(video_id)
    places = [("GET", f"/api/video/download/{video_id}"), ("GET", "/api/video/list"), ("POST", "/api/video/save")]
    places += [("POST", "/api/encode/upload"), ("GET", "/api/jobs/"), ("GET", "/docs")]
    for name, value in corpus.HEADERS:
        for method, path in places:
            sent = {"Authorization": f"Bearer {world.anna.token}", name: value.encode("utf-8").decode("latin-1")}
            reply = world.send(method, path, headers=sent)
            assert "evil" not in str(reply.headers.get("Location", "")), (name, value)


def test_queries(world: World) -> None:
    paths = [
        "/api/video/list",
        "/api/jobs/",
        "/audio_dl/history/",
        "/storage/search",
        "/storage/videos",
        "/api/encode/codecs",
    ]
    paths += [f"/api/video/save/stream/{world.public}/dQw4w9WgXcQ"]
    for path in paths:
        for query in corpus.QUERIES:
            world.send("GET", f"{path}?{query}", token=world.anna.token)


def test_methods(world: World) -> None:
    for rule in world.api.app.url_map.iter_rules():
        path = rule.rule.replace("<", "").replace(">", "")
        for method in ("TRACE", "CONNECT", "PROPFIND", "X" * 50):
            assert world.send(method, path, token=world.anna.token).status_code in (404, 405)


def test_forms(world: World) -> None:
    """Bodies of forms that lie about themselves."""
    boundary = b"--b\r\n"
    head = b'Content-Disposition: form-data; name="video"; filename="a.mp4"\r\n'
    bodies = [
        *(
            b"",
            boundary,
            b"--b--",
            boundary + head,
            boundary + head + b"\r\n",
            boundary + head + b"\r\nx",
            b"\x00" * 1000,
        ),
        boundary + b"Content-Disposition: form-data\r\n\r\nx\r\n--b--",
        boundary + b'Content-Disposition: form-data; name="video"; filename=""\r\n\r\nx\r\n--b--',
        boundary + b"Content-Disposition: form-data; name=\"video\"; filename*=utf-16''%ff\r\n\r\nx\r\n--b--",
        boundary + b"X: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--b--",
        boundary + (b'Content-Disposition: form-data; name="a"\r\n\r\nx\r\n' + boundary) * 100 + b"--b--",
        boundary + b'Content-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 200_000 + b"\r\n--b--",
        (boundary + head + b"\r\nx\r\n") * 30 + b"--b--",
    ]
    for body in bodies:
        for path in ("/api/encode/upload", "/storage/video"):
            reply = world.send(
                "POST", path, token=world.anna.token, data=body, content_type="multipart/form-data; boundary=b"
            )
            assert reply.status_code in (400, 413), (body[:80], reply.text)
    assert list(world.api.services.files.incoming.iterdir()) == []


def test_the_corpus_is_as_large_as_is_said() -> None:
    rows = (
        corpus.TEXTS,
        corpus.VALUES,
        corpus.BODIES,
        corpus.IDS,
        corpus.TOKENS,
        corpus.NAMES,
        corpus.HEADERS,
        corpus.QUERIES,
    )
    assert sum(len(set(each)) for each in rows) >= 300

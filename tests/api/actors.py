"""People who call the API in tests: they sign in, save, download, upload, and read answers."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from src.bootstrap import Services
from tests.tools.fakes import FakeEngine, RecordingNotifier

LINK = "https://youtube.com/watch?v=dQw4w9WgXcQ"
PASSWORD = "SecurePass123!"


@dataclass
class Person:
    """A signed-in user."""

    api: Api
    email: str
    id: str
    token: str

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.api.call("GET", path, token=self.token, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.api.call("POST", path, token=self.token, json=json, **options)

    def save(self, **changes: Any) -> str:
        """Save a minute of a video for this person; its video_id."""
        body = {"url": LINK, "start_time": 60, "end_time": 120, "user_id": self.id, **changes}
        reply = self.api.call("POST", "/api/video/save", token=self.api.public_token(), json=body)
        assert reply.status_code == 201 and reply.json is not None, reply.text
        return str(reply.json["video_id"])

    def upload(self, name: str = "myvideo.avi", content: bytes = b"frames") -> TestResponse:
        """Upload a file."""
        return self.api.call(
            "POST", "/api/encode/upload", token=self.token, data={"video": (io.BytesIO(content), name)}
        )

    def status(self, video_id: str) -> dict[str, Any]:
        reply = self.get(f"/api/video/status/{video_id}")
        assert reply.status_code == 200, reply.json
        assert reply.json is not None
        return dict(reply.json)


@dataclass
class Api:
    """The app with its parts in reach."""

    app: Flask
    services: Services
    engine: FakeEngine
    notifier: RecordingNotifier
    people: int = field(default=0)

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers.update(options.pop("headers", {}))
        return self.app.test_client().open(path, method=method, headers=headers, **options)

    def public_token(self) -> str:
        reply = self.call("GET", "/api/auth/token/public")
        assert reply.json is not None
        return str(reply.json["token"])

    def person(self) -> Person:
        """A new user who has signed in."""
        self.people += 1
        email = f"person{self.people}@example.com"
        body = {"email": email, "password": PASSWORD}
        registered = self.call("POST", "/api/auth/register", json=body)
        assert registered.status_code == 201, registered.json
        login = self.call("POST", "/api/auth/login", json=body)
        assert login.json is not None and registered.json is not None
        return Person(self, email, registered.json["user_id"], login.json["token"])

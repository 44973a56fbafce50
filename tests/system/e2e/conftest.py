"""One whole service against the offline YouTube for all tests of a process: real API, workers, stores, FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.tools.live_service import LiveService, free_port, running_service
from tests.tools.offline_youtube.fixtures import offline_youtube, offline_youtube_session
from tests.tools.offline_youtube.site import OfflineYoutube

__all__ = ["offline_youtube", "offline_youtube_session"]

# Short, so that a test sees in seconds what a self-hoster sees in a minute.
QUICK = {
    "JOB_LEASE_SECONDS": "4",
    "RECONCILE_INTERVAL_SECONDS": "0.5",
    "CLEANUP_INTERVAL_MINUTES": "0.2",
    "JOB_RETRY_BASE_SECONDS": "0.5",
    "PASSWORD_HASH_COST": "4",
    "RATE_LIMIT_ENABLED": "false",
    "ENCODE_WORKERS": "2",
    "ENCODE_CHUNK_SECONDS": "3",
}


@pytest.fixture(scope="package")
def origin_port() -> int:
    """A port of loopback from which the service may fetch; a test listens there itself."""
    return free_port()


def quick_service(site: OfflineYoutube, origin_port: int, **settings: str) -> AbstractContextManager[LiveService]:
    """A whole service against this site; ``settings`` are variables of its environment."""
    allowed = {"ALLOW_PRIVATE_NETWORKS": f"127.0.0.1:{origin_port}"}
    return running_service({**site.environment(), **QUICK, **allowed, **settings})


@pytest.fixture(scope="package")  # ended before other tests begin: it costs, even at rest
def service(offline_youtube_session: OfflineYoutube, origin_port: int) -> Iterator[LiveService]:
    with quick_service(offline_youtube_session, origin_port) as running:
        yield running


@dataclass
class User:
    """Somebody who uses the service over HTTP."""

    http: httpx.Client
    id: str
    private: dict[str, str]
    public: dict[str, str]

    def save(self, url: str, start: float, end: float) -> str:
        body = {"url": url, "start_time": start, "end_time": end, "user_id": self.id}
        reply = self.http.post("/video/save", json=body, headers=self.public)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["video_id"])

    def begin(self, video_id: str, **choice: str) -> None:
        headers = {**self.private, "Prefer": "respond-async"}
        reply = self.http.post(f"/video/download/{video_id}", json=choice, headers=headers)
        assert reply.status_code in {200, 202}, reply.text

    def fetch(self, video_id: str, **choice: str) -> httpx.Response:
        return self.ask(f"/video/download/{video_id}", choice)

    def ask(self, path: str, choice: dict[str, Any] | None) -> httpx.Response:
        """The answer to a request that waits for a job, however long a busy machine takes for it."""
        headers = {**self.private, "Prefer": "wait=60"}
        while (reply := self.http.post(path, json=choice, headers=headers)).status_code == 202:
            pass
        return reply

    def status(self, video_id: str) -> dict[str, Any]:
        reply = self.http.get(f"/video/status/{video_id}", headers=self.private)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())


@pytest.fixture(scope="package")
def user(service: LiveService) -> Iterator[User]:
    with httpx.Client(base_url=f"{service.base}/api", timeout=90) as http:
        yield signed_in(http, "user@example.com")


def signed_in(http: httpx.Client, email: str) -> User:
    """A new account; ``http`` has the address of the API."""
    account = {"email": email, "password": "SecurePass123!"}
    user_id = http.post("/auth/register", json=account).json()["user_id"]
    private = http.post("/auth/login", json=account).json()["token"]
    public = http.get("/auth/token/public").json()["token"]
    return User(http, user_id, _bearer(private), _bearer(public))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}

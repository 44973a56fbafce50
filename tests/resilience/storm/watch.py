"""Watches the records from outside while the storm goes on: who claimed what and when, and how it ended."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pymongo
from pymongo.errors import PyMongoError

from src.models.video import ENDED, Status

LOOK_SECONDS = 0.15
FIELDS = (
    "status",
    "kind",
    "worker",
    "fence",
    "attempts",
    "queued_at",
    "started_at",
    "completed_at",
    "error_code",
    "input_file_path",
)
_HASTY: dict[str, Any] = {
    "timeoutMS": 3000,
    "serverSelectionTimeoutMS": 1000,
    "connectTimeoutMS": 1000,
    "tz_aware": True,
}


@dataclass(slots=True)
class Life:
    """One job as it was seen: ``claims`` are (fence, worker, when), ``ends`` the different ends that it had."""

    kind: str
    claims: list[tuple[int, str, datetime]] = field(default_factory=list)
    ends: list[tuple[str, datetime | None, int]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

    def see(self, record: dict[str, Any]) -> None:
        """Another look at the record."""
        self.record = record
        fence = record.get("fence", 0)
        if record["status"] == Status.PROCESSING and (not self.claims or self.claims[-1][0] != fence):
            self.claims.append((fence, record["worker"], record["started_at"]))
        if Status(record["status"]) in ENDED:
            end = (record["status"], record.get("completed_at"), fence)
            if not self.ends or self.ends[-1] != end:
                self.ends.append(end)

    @property
    def open(self) -> bool:
        """Whether it was asked for and has not ended."""
        return self.record.get("queued_at") is not None and not self.ends


class Watch:
    """A thread that looks at all records several times a second, and whether the service calls itself healthy."""

    def __init__(self, mongodb_uri: str, base: str) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongodb_uri, **_HASTY)
        self._jobs = self._client.get_default_database()["videos"]
        self._http = httpx.Client(base_url=base, timeout=4)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._lives: dict[str, Life] = {}
        self.looked_at = 0.0
        self.healthy_at: list[float] = []
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._look_at_jobs, self._ask)]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._client.close()
        self._http.close()

    @property
    def lives(self) -> dict[str, Life]:
        """All jobs that were seen, by id."""
        with self._lock:
            return dict(self._lives)

    def held_by(self, pids: set[int]) -> dict[str, int]:
        """Jobs that these processes work on now, and the fence of each."""
        with self._lock:
            return {
                job_id: life.record["fence"]
                for job_id, life in self._lives.items()
                if life.record["status"] == Status.PROCESSING and _pid(life.record["worker"]) in pids
            }

    def open_jobs(self) -> list[str]:
        """Jobs that were asked for and have not ended."""
        with self._lock:
            return [job_id for job_id, life in self._lives.items() if life.open]

    def quiet(self, seconds: float) -> bool:
        """Wait until all jobs have ended, in a look that began after this call; whether they have."""
        began, until = time.time(), time.monotonic() + seconds
        while time.monotonic() < until:
            if self.looked_at > began and not self.open_jobs():
                return True
            time.sleep(0.1)
        return False

    def _look_at_jobs(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            began = time.time()
            try:
                found = list(self._jobs.find({}, dict.fromkeys(FIELDS, True)))
            except PyMongoError:
                continue
            with self._lock:
                for record in found:
                    job_id = str(record["_id"])
                    self._lives.setdefault(job_id, Life(record["kind"])).see(record)
                for job_id in set(self._lives) - {str(record["_id"]) for record in found}:
                    self._lives[job_id].ends.append(("vanished", None, 0))
            self.looked_at = began

    def _ask(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            began = time.time()
            try:
                if self._http.get("/api/health").json()["status"] == "healthy":
                    self.healthy_at.append(began)
            except (httpx.HTTPError, ValueError, KeyError):
                continue


def _pid(worker: str | None) -> int:
    return int(worker.rsplit(":", 1)[1]) if worker and ":" in worker else 0

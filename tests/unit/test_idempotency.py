"""Ends of requests that the database did not take: they are written later, unless the key may be free by then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from src.data.idempotency_data import StoredReply
from src.errors import StoreUnavailable
from src.services.jobs.idempotency import IdempotencyService
from tests.tools.fakes import FakeClock

REPLY = StoredReply(201, "{}", {})


class Database:
    """Takes ends only while it is there, and starts every request."""

    def __init__(self) -> None:
        self.away = False
        self.finished: list[str] = []

    def start(self, *_: Any, **__: Any) -> bool:
        return True

    def finish(self, name: str, _: StoredReply) -> None:
        if self.away:
            raise StoreUnavailable()
        self.finished.append(name)


def test_an_end_that_is_written_again_and_again_grows_old() -> None:
    """A key is free for another request ten minutes after its own one started."""
    database, clock = Database(), FakeClock()
    service = IdempotencyService(cast(Any, database), clock)
    first, _ = service.start("anna", "key", "content")
    database.away = True
    service.finish(first, REPLY)
    for _ in range(4):
        clock.sleep(timedelta(minutes=4).total_seconds())
        service.start("anna", "other", "content")
    database.away = False
    service.start("anna", "third", "content")
    assert database.finished == []


def test_an_end_is_written_as_soon_as_the_database_is_back() -> None:
    database = Database()
    service = IdempotencyService(cast(Any, database), FakeClock())
    name, _ = service.start("anna", "key", "content")
    database.away = True
    service.finish(name, REPLY)
    database.away = False
    service.start("anna", "other", "content")
    assert database.finished == [name]

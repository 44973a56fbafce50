"""Looks at many videos: so many at once of one request, so many in all, and what is known waits for nobody."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from src.errors import NetworkTimeout
from src.models.source import VideoInfo
from src.services.archive.catalog import PARALLEL, PARALLEL_IN_ALL, CatalogService
from src.utils.clock import SystemClock

REQUESTS = 8


class Site:
    """Answers when it is told to, and counts who asks."""

    def __init__(self) -> None:
        self.answering = threading.Event()
        self.asking = threading.Semaphore(0)
        self._lock = threading.Lock()
        self.now = self.most = 0

    def get_video_info(self, video_id: str) -> Any:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.asking.release()
        assert self.answering.wait(60)
        with self._lock:
            self.now -= 1
        return VideoInfo(video_id, "A film", "https://www.youtube.com/watch?v=" + video_id)


def ids_of(request: int) -> list[str]:
    return [f"r{request:04}v{number:05}" for number in range(6)]


def test_looks_are_bounded_for_the_whole_process() -> None:
    site = Site()
    kept: dict[str, Any] = {}
    cache = SimpleNamespace(get=kept.get, set=lambda key, value, **_: kept.update({key: value}))
    catalog = CatalogService(cast(Any, site), cast(Any, cache), SystemClock(), life=timedelta(hours=1))
    found: dict[int, Any] = {}
    requests = [
        threading.Thread(target=lambda n: found.update({n: catalog.batch(ids_of(n))}), args=(number,))
        for number in range(REQUESTS)
    ]
    for request in requests:
        request.start()
    for _ in range(PARALLEL_IN_ALL):
        assert site.asking.acquire(timeout=60)
    assert not site.asking.acquire(timeout=0.2)  # that nobody else asks can only be seen by waiting
    late = catalog.batch(["late0000000"], seconds=0.05)
    assert isinstance(late.failed[0].error, NetworkTimeout)
    site.answering.set()
    for request in requests:
        request.join(60)
    assert site.most == PARALLEL_IN_ALL < PARALLEL * REQUESTS
    assert all(set(found[number].found) == set(ids_of(number)) for number in range(REQUESTS))
    site.answering.clear()
    assert catalog.batch(ids_of(0), seconds=0).cached == 6


def test_an_unexpected_error_of_a_lookup_is_not_taken_for_a_slow_site() -> None:
    """Also not an ``IndexError``, which the threads of a batch raise themselves when nothing is left."""

    def broken(_: str) -> Any:
        return [][0]

    cache = SimpleNamespace(get=lambda _: None, set=lambda *_, **__: None)
    site = SimpleNamespace(get_video_info=broken)
    catalog = CatalogService(cast(Any, site), cast(Any, cache), SystemClock(), life=timedelta(hours=1))
    with pytest.raises(IndexError):
        catalog.batch(["a0000000000"])

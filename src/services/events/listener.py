"""One who listens to events about jobs: keeps what is still to be told, the newest state and reading of each job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell. ``id`` names the state that was told: the moment, and a hash of what was said."""

    name: str
    job_id: str
    data: dict[str, Any]
    text: str
    """``data`` as JSON: made once, however many listen."""
    id: str

    @property
    def said(self) -> str:
        """The hash of what was said."""
        return self.id.partition("-")[2]

    @property
    def is_reading(self) -> bool:
        """Whether it tells how far a job has come, and nothing that stays true."""
        return self.name == "progress"

    @property
    def is_end(self) -> bool:
        """Whether nothing can follow about this job, unless it is started anew."""
        return self.name == "ended"


class Listener:
    """What is to be told to one listener. A slow one costs nothing: it misses readings that newer ones replaced."""

    def __init__(
        self,
        leave: Callable[[Listener], None],
        *,
        heartbeat: float,
        ends: bool,
        said: str = "",
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        """``leave`` is called once, by ``close``. ``ends``: with the end of the one job that is listened to.

        ``said`` is the hash of what an earlier listener was told last; ``heartbeat`` the longest silence, in seconds.
        ``allowed`` tells whether they may still listen.
        """
        self.allowed = allowed
        self.heartbeat = heartbeat
        self.ended = False
        self.wake: Callable[[Listener], None] | None = None
        """Called on whatever thread has news, for one that does not wait in ``take``."""
        self._leave, self.ends = leave, ends
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._first: list[Event] = []
        self._news: dict[tuple[str, bool], Event] = {}
        """By job, and whether it is a reading: a reading does not replace the change of state before it."""
        self._said: dict[str, str] = {"": said}
        self._closed = False

    def begin(self, event: Event) -> None:
        """How a job stood when the listener came: told before all that has been heard of it since."""
        with self._changed:
            self._first.append(event)
            if event.is_end:
                self._news.pop((event.job_id, True), None)  # from before the end

    def put(self, event: Event) -> None:
        """Something to tell. An end is not replaced by a reading from before it that arrives later."""
        with self._changed:
            state = self._news.get((event.job_id, False))
            if event.is_reading:
                if state is not None and state.is_end:
                    return
                self._news[event.job_id, True] = event
            else:
                for reading in (True, False):
                    self._news.pop((event.job_id, reading), None)  # anew, so that it is told in its place
                self._news[event.job_id, False] = event
            self._changed.notify()
        if self.wake is not None:
            self.wake(self)

    def take(self, seconds: float = 0.0) -> list[Event]:
        """What there is to tell; waits up to ``seconds`` for the first, and may be empty."""
        with self._changed:
            if not (self._first or self._news or self.ended) and seconds:
                self._changed.wait(seconds)
            news = [*self._first, *self._news.values()]
            self._first, self._news = [], {}
            return [event for event in news if self._is_new(event)]

    def told(self) -> Iterator[Event | None]:
        """Every event as it comes; ``None`` is a sign of life. Ends with the job, where one is listened to."""
        try:
            yield from self.take()
            yield None
            while not self.ended:
                news = self.take(self.heartbeat)
                yield from news
                if not news:
                    yield None
        finally:
            self.close()

    def finish(self) -> None:
        """There will be nothing more."""
        with self._changed:
            self.ended = True
            self._changed.notify()
        if self.wake is not None:
            self.wake(self)

    def close(self) -> None:
        """Nobody listens any more. Calling it twice does no harm."""
        with self._lock:
            closed, self._closed = self._closed, True
        if not closed:
            self._leave(self)

    def _is_new(self, event: Event) -> bool:
        key = "" if self.ends else event.job_id
        if self._said.get(key) == event.said:
            new = False
        else:
            self._said[key], new = event.said, True
        if event.is_end:
            self.ended = self.ended or self.ends
            if not self.ends:
                self._said.pop(key, None)
        return new

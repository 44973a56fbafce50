"""Buffers the events for one listener: only the latest state and the latest reading of each job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``id`` consists of the time and a hash of the content."""

    name: str
    job_id: str
    data: dict[str, Any]
    text: str
    """``data`` as JSON, serialized once for all listeners."""
    id: str

    @property
    def content_hash(self) -> str:
        """The hash of the content."""
        return self.id.partition("-")[2]

    @property
    def is_reading(self) -> bool:
        """Whether this is a progress reading, which newer readings replace."""
        return self.name == "progress"

    @property
    def is_end(self) -> bool:
        """Whether this is the last event about the job, unless the job is started again."""
        return self.name == "ended"


class Listener:
    """The pending events of one listener. A slow listener costs nothing: newer readings replace those it missed."""

    def __init__(
        self,
        leave: Callable[[Listener], None],
        *,
        heartbeat: float,
        ends: bool,
        last_hash: str = "",
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Create a listener; ``close`` calls ``leave`` once.

        ``ends``: whether the listener ends with its job. ``last_hash``: content hash of the last event that an earlier
        listener of this client received. ``heartbeat``: the longest silence in seconds. ``allowed`` returns whether the
        client may still listen.
        """
        self.allowed = allowed
        self.heartbeat = heartbeat
        self.ended = False
        self.wake: Callable[[Listener], None] | None = None
        """Called on the thread that adds an event, for a listener that does not wait in ``take``."""
        self._leave, self.ends = leave, ends
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._first: list[Event] = []
        self._pending: dict[tuple[str, bool], Event] = {}
        """By job, and whether it is a reading: a reading does not replace an earlier change of state."""
        self._last_hashes: dict[str, str] = {"": last_hash}
        self._closed = False

    def put_first(self, event: Event) -> None:
        """Add the state of a job at the start; it is sent before all later events."""
        with self._changed:
            self._first.append(event)
            if event.is_end:
                self._pending.pop((event.job_id, True), None)  # a reading from before the end

    def put(self, event: Event) -> None:
        """Add an event. A late reading from before the end does not replace the end."""
        with self._changed:
            state = self._pending.get((event.job_id, False))
            if event.is_reading:
                if state is not None and state.is_end:
                    return
                self._pending[event.job_id, True] = event
            else:
                for reading in (True, False):
                    self._pending.pop((event.job_id, reading), None)  # so that the event moves to the end of the order
                self._pending[event.job_id, False] = event
            self._changed.notify()
        if self.wake is not None:
            self.wake(self)

    def take(self, seconds: float = 0.0) -> list[Event]:
        """Return the pending events; wait up to ``seconds`` for the first. May be empty."""
        with self._changed:
            if not (self._first or self._pending or self.ended) and seconds:
                self._changed.wait(seconds)
            events = [*self._first, *self._pending.values()]
            self._first, self._pending = [], {}
            return [event for event in events if self._is_new(event)]

    def stream(self) -> Iterator[Event | None]:
        """Yield every event as it arrives, and ``None`` as a heartbeat. Ends with the job if only one job is
        observed."""
        try:
            yield from self.take()
            yield None
            while not self.ended:
                events = self.take(self.heartbeat)
                yield from events
                if not events:
                    yield None
        finally:
            self.close()

    def finish(self) -> None:
        """Mark the end: no event follows."""
        with self._changed:
            self.ended = True
            self._changed.notify()
        if self.wake is not None:
            self.wake(self)

    def close(self) -> None:
        """Remove the listener. Calling it twice is harmless."""
        with self._lock:
            closed, self._closed = self._closed, True
        if not closed:
            self._leave(self)

    def _is_new(self, event: Event) -> bool:
        key = "" if self.ends else event.job_id
        if self._last_hashes.get(key) == event.content_hash:
            new = False
        else:
            self._last_hashes[key], new = event.content_hash, True
        if event.is_end:
            self.ended = self.ended or self.ends
            if not self.ends:
                self._last_hashes.pop(key, None)
        return new

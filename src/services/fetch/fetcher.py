"""Fetches remote resources over parallel connections, in order of priority, for blocking readers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf

from src.errors import AppError, NetworkTimeout
from src.models.media_source import NetworkSettings
from src.models.outcome import Note, NoteCode
from src.services.fetch.connection import Connection, Throttle
from src.services.fetch.http import make_client
from src.services.fetch.resource import Chunk, Resource
from src.services.fetch.schedule import IDLE_SECONDS, SMALLEST_CHUNK, URGENT, Schedule
from src.services.fetch.shared import SharedBytes
from src.services.fetch.spool import Spool

ON_DEMAND_BYTES = 128 << 10
_LEAST_PROGRESS_BYTES = 32 << 10  # less within NetworkSettings.give_up_seconds does not count as progress
_TICK_SECONDS = 0.2


class Fetcher:
    """The network side of one call, in a separate thread. Its public methods may be called from any thread.

    ``tick`` is called about five times a second until the end; what it raises stops everything. ``renew`` gives fresh
    links to a resource that was refused, and to all others, unless it did so before.
    """

    def __init__(
        self,
        spool: Spool,
        network: NetworkSettings,
        tick: Callable[[], None],
        renew: Callable[[Resource], None] | None = None,
    ) -> None:
        self.network, self.spool, self._tick, self.renew = network, spool, tick, renew
        self.bytes_fetched = 0
        self.bytes_wanted = 0
        self.notes: list[Note] = []
        self._arrived = threading.Condition()
        self._schedule = Schedule(network.connections)
        self._active: set[Chunk] = set()
        self._failure: BaseException | None = None
        self._last_byte = time.monotonic()
        self._counted = 0
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._work = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._linear: set[asyncio.Task[None]] = set()
        self.throttle = Throttle(network.rate_limit_bytes)
        self._client, self._secure = make_client(network)
        self._thread = threading.Thread(target=self._run, name="clip-fetch", daemon=True)
        self._thread.start()

    def want(
        self, resource: Resource, start: int, end: int | None, priority: int = 0, group: int | None = None
    ) -> None:
        """Request bytes [start, end); None: all of a resource of unknown size, in one piece. Does not wait.

        What belongs to a ``group`` is divided among the connections together, so that all of them end at the same time;
        anything else by itself, so that it arrives as soon as possible.
        """
        if resource.shared is not None and end is not None:
            self._copy_shared(resource, resource.shared, start, end)
        with self._arrived:
            if resource.complete or resource.failure is not None or self._closing:
                return
            if end is None:
                if not resource.whole:
                    resource.whole = True
                    self._schedule.add_whole(resource, priority)
            elif not resource.whole:
                end = end if resource.size is None else min(end, resource.size)
                resource.wanted_end = max(resource.wanted_end, end)
                if resource.ranged is not False:
                    holes = resource.asked.missing(start, end)
                    self._schedule.add(resource, holes, priority, group)
                    resource.asked.add(start, end)
                    self.bytes_wanted += sum(stop - first for first, stop in holes)
        self._wake()

    def open_early(self, url: str, bytes_wanted: float = inf) -> None:
        """Open the connections to a host from which about so many bytes will be wanted soon. Does not wait.

        Raises: what ``NetworkSettings.guard`` raises.
        """
        if not url.startswith("https://"):  # the first round trip of such a connection is the request
            return
        if self.network.guard is not None:
            self.network.guard(url)
        count = int(min(self.network.connections, 1 + bytes_wanted / SMALLEST_CHUNK))
        with suppress(RuntimeError):  # the loop may just have been closed
            self._loop.call_soon_threadsafe(self._secure.open_early, url, count)

    def read(self, resource: Resource, start: int, size: int, end: int | None = None) -> bytes:
        """Return at least one of the bytes [start, start + size), or none at the end of the resource. Blocks.

        If nobody has requested them, more are requested with them, as a reader goes on, but none from ``end`` on.

        Raises:
            AppError: the fetch failed or was stopped.
        """
        waited = False
        while True:
            with self._arrived:
                last = resource.size if resource.size is not None else resource.no_byte_at
                if last is not None and start >= last:
                    return b""
                available = resource.present.end_of(start) - start
                if available > 0 and resource.base is not None:
                    break
                self._raise_failure(resource)
                if waited:
                    self._arrived.wait(_TICK_SECONDS)
            if not waited:
                self._hurry(resource, start, end)
                waited = True
        return self.spool.read(resource.base + start, min(size, available))

    def wait_complete(self, resource: Resource) -> int:
        """Wait for all of a resource of unknown size; return its size. Raises like ``read``."""
        self.want(resource, 0, None)
        with self._arrived:
            while not resource.complete:
                self._raise_failure(resource)
                self._arrived.wait(_TICK_SECONDS)
        return resource.size or 0

    def wait_started(self, resource: Resource) -> None:
        """Block until the first answer: the size of the resource is known then, if it ever is. Raises like ``read``."""
        with self._arrived:
            while resource.ranged is None and not resource.complete:
                self._raise_failure(resource)
                self._arrived.wait(_TICK_SECONDS)

    def wait_until(self, done: Callable[[], bool]) -> None:
        """Block until ``done``, which is called whenever something arrived. Raises like ``read``."""
        with self._arrived:
            while not done():
                self._raise_failure()
                self._arrived.wait(_TICK_SECONDS)

    def check(self) -> None:
        """Raise the error that ended the fetch, if there was one."""
        with self._arrived:
            self._raise_failure()

    def fail(self, error: BaseException) -> None:
        """Stop everything: all waiting callers get ``error``."""
        with self._arrived:
            self._failure = self._failure or error
            self._schedule.clear()
            self._arrived.notify_all()

    def close(self) -> None:
        """Close all connections and end the thread."""
        with self._arrived:
            self._closing = True
            self._schedule.clear()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def arrived(self, resource: Resource, start: int, data: bytes) -> None:
        """Store plain bytes of a resource, unless it has failed: its space may belong to another one by now."""
        if resource.has_failed():
            return
        assert resource.base is not None
        self.spool.write(resource.base + start, data)
        with self._arrived:
            resource.present.add(start, start + len(data))
            self._arrived.notify_all()

    def received(self, count: int) -> None:
        """Count received bytes."""
        self.bytes_fetched += count
        if self.bytes_fetched - self._counted >= _LEAST_PROGRESS_BYTES:
            self._counted, self._last_byte = self.bytes_fetched, time.monotonic()

    def changed(self) -> None:
        """Wake the callers that wait for a resource."""
        self._last_byte = time.monotonic()
        with self._arrived:
            self._arrived.notify_all()

    async def idle(self) -> None:
        """Pause a connection that has nothing to do for now."""
        self._last_byte = time.monotonic()
        await asyncio.sleep(0.02)

    async def renewed(self, resource: Resource, generation: int) -> bool:
        """Extract links again if needed; return whether the resource has another one than at ``generation``."""
        async with self._renewing:
            if resource.generation == generation and self.renew is not None and self._failure is None:
                await asyncio.to_thread(self.renew, resource)
                self._last_byte = time.monotonic()
            return resource.generation != generation

    def start_linear(self, resource: Resource) -> None:
        """Read a resource whose server does not support ranges, in order, while the others continue."""
        text = "The server does not support ranges: everything before the clip was fetched too"
        self.notes.append(Note(NoteCode.RANGES_UNSUPPORTED, text))

        async def run() -> None:
            try:
                chunk = Chunk(resource, 0, None)
                await Connection(self, self._client, self.network).fetch(chunk, on_demand=True)
            except Exception as error:
                self._failed(resource, error)

        self._linear.add(self._loop.create_task(run()))

    def forget_queued(self, resource: Resource) -> None:
        """Drop the queued chunks of a resource."""
        with self._arrived:
            self._schedule.forget(resource)

    def _failed(self, resource: Resource, error: Exception) -> None:
        """Report a failed fetch: to the readers of this resource, or to all."""
        if not resource.take(error):
            self.fail(error)
            return
        self.forget_queued(resource)
        with self._arrived:
            self._arrived.notify_all()

    def _raise_failure(self, resource: Resource | None = None) -> None:
        failure = self._failure or (resource.failure if resource is not None else None)
        if failure is not None:
            raise type(failure)(failure.message, **failure.details) if isinstance(failure, AppError) else failure

    def _copy_shared(self, resource: Resource, shared: SharedBytes, start: int, end: int) -> None:
        """Take what other jobs fetched of [start, end)."""
        with self._arrived:
            holes = resource.asked.missing(start, end)
        for first, last in holes:
            for position, data in shared.read(first, last):
                self.arrived(resource, position, data)
                with self._arrived:
                    for known in (resource.copied, resource.asked):
                        known.add(position, position + len(data))

    def _hurry(self, resource: Resource, start: int, end: int | None) -> None:
        """Request a byte that a reader waits for, or move it to the front of the queue."""
        with self._arrived:
            if self._schedule.hurry(resource, start) or resource.asked.end_of(start) > start:
                return  # it comes next, or is being fetched
        ahead = start + max(resource.read_ahead, ON_DEMAND_BYTES)
        self.want(resource, start, ahead if end is None else min(ahead, end), URGENT)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop may just have been closed
            self._loop.call_soon_threadsafe(self._work.set)

    def _take(self, last: Chunk | None) -> Chunk | None:
        with self._arrived:
            return self._schedule.take(time.monotonic(), self._active, last)

    async def _worker(self) -> None:
        connection = Connection(self, self._client, self.network)
        last: Chunk | None = None
        while True:
            chunk = self._take(last)
            if chunk is None:
                self._work.clear()
                if not self._schedule:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._work.wait(), IDLE_SECONDS if self._active else None)
                continue
            self._active.add(chunk)
            try:
                await connection.fetch(chunk)
                self._last_byte = time.monotonic()
            except Exception as error:
                self._failed(chunk.resource, error)
            finally:
                self._active.discard(chunk)
                last = chunk

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                self._tick()
            except BaseException as error:
                self.fail(error)
            busy = bool(self._active or self._schedule)
            if not busy:
                self._last_byte = time.monotonic()
            elif time.monotonic() - self._last_byte > self.network.give_up_seconds:
                self.fail(NetworkTimeout("Nothing arrives from the media server any more."))
            if self._failure is not None:
                self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        tasks = [self._loop.create_task(self._worker()) for _ in range(self.network.connections)]
        tasks.append(self._loop.create_task(self._watch()))
        try:
            self._loop.run_forever()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            leftover = asyncio.all_tasks(self._loop)
            with suppress(RuntimeError):  # stopped a second time
                self._loop.run_until_complete(asyncio.wait(leftover, timeout=1.0))
            with suppress(Exception):
                self._loop.run_until_complete(asyncio.wait_for(self._client.aclose(), 1.0))
        finally:
            self._loop.close()

"""Finds the running capture of a stream, or starts it: one for each stream and choice of formats in a process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from src.errors import disk_fault
from src.models.media_source import NetworkSettings
from src.services.live.numbered.capture import Renew
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.shared.clip_segments import names_of
from src.services.live.shared.limits import CaptureLimits
from src.services.live.shared.stream_capture import CaptureTools, StreamCapture
from src.utils.capture_pools import POOL_SECONDS, Pool
from src.utils.clock import Clock

_REQUESTS_AT_ONCE = 16
Key = tuple[str, ...]


class StreamCaptures:
    """The captures that run in this process, by stream and formats.

    The process of the queue ``captures`` (``docs/adr/0017-capture-lane.md``) has one object for all its jobs. A clip
    wants the range around its moment; whoever records a whole stream wants one range after the other::

        with captures.join(video_id, links, folder, renew=renew, lingers=True) as capture:
            wanted = capture.want(Window(start, end))
            while not wanted.wait(0.5):
                monitor.check()
            wanted.copy_to(ClipSegments(retained_folder, links.tracks))
    """

    def __init__(
        self,
        network: Callable[[], AbstractContextManager[NetworkSettings]],
        clock: Clock,
        life: LinkLife | None = None,
        limits: CaptureLimits | None = None,
    ) -> None:
        """``network`` opens the way out of one capture; what it raises ends the capture."""
        self._network, self._clock, self._life = network, clock, life or LinkLife()
        self._limits = limits or CaptureLimits()
        self._lock = threading.Condition()
        self._running: dict[Key, StreamCapture] = {}
        self._requests: ThreadPoolExecutor | None = None

    @contextmanager
    def join(
        self, video_id: str, links: Links, parent: Path, *, renew: Renew, lingers: bool
    ) -> Iterator[StreamCapture]:
        """Use the capture of a stream in the formats of ``links``; start one with these links if none runs.

        ``parent``: the folder for pools, which lies on the disk of the folders that segments are copied to. ``renew``
        belongs to the capture, which may outlive the block. ``lingers``: it stays for a while after its last user.

        Raises:
            DiskFull: the folder of the capture cannot be created.
        """
        capture = self._joined((video_id, *names_of(links.tracks)), links, parent, renew, lingers=lingers)
        try:
            yield capture
        finally:
            capture.exit()

    def running(self) -> list[StreamCapture]:
        """Return the captures that run now, also those without a user for a while."""
        with self._lock:
            return list(self._running.values())

    def runs(self, video_id: str) -> bool:
        """Return whether a capture of this video runs."""
        with self._lock:
            return any(key[0] == video_id for key in self._running)

    def _joined(self, key: Key, links: Links, parent: Path, renew: Renew, *, lingers: bool) -> StreamCapture:
        with self._lock:
            while (running := self._running.get(key)) is not None:
                if running.enter():
                    running.offer(links)
                    return running
                self._lock.wait()  # it is ending, and gives its pool back
            if self._requests is None:  # not before the fork of this process
                self._requests = ThreadPoolExecutor(_REQUESTS_AT_ONCE, "segments")
            capture = StreamCapture(
                links,
                _opened(parent, key),
                CaptureTools(self._network, self._clock, self._life, self._requests, self._limits),
                renew=renew,
                linger_seconds=POOL_SECONDS if lingers else 0.0,
                on_end=lambda ended: self._forget(key, ended, delete=lingers),
            )
            capture.enter()
            try:
                capture.start()
            except BaseException:  # such as out of threads: the next job may lock the pool again
                capture.pool.close(delete=False)
                raise
            self._running[key] = capture
            return capture

    def _forget(self, key: Key, capture: StreamCapture, *, delete: bool) -> None:
        with self._lock:
            capture.pool.close(delete=delete and capture.has_lingered)
            if self._running.get(key) is capture:
                del self._running[key]
            self._lock.notify_all()


def _opened(parent: Path, key: Key) -> Pool:
    try:
        return Pool.open(parent, key)
    except OSError as error:
        raise disk_fault(error) or error from error

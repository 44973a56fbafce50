"""Keeps a worker's right to a job, or to a chunk of one, while it works, and tells it at once when it should stop."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from src.errors import AppError, Cancelled, JobStalled, JobTimeout, StoreUnavailable
from src.models.progress import Phase, Progress
from src.services.jobs.readings import Readings
from src.services.progress_cache import ProgressCache

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
WRITE_PROGRESS_SECONDS = 0.5
# Work looks at the monitor at least twice a second; what has not obeyed after so long hangs in a call that never
# returns, and only the end of its process ends it.
OBEY_SECONDS = 60.0
_WATCHED = (None, Phase.INITIALIZING, Phase.DOWNLOADING)
# Fewer new bytes than this within the stall time are no progress: a source that drips would hold a worker for hours.
_MOVED_BYTES = 64 << 10


class LeaseLost(AppError):
    """Another worker has this job, or this chunk, now."""


class HandedBack(AppError):
    """This worker is shutting down and gives the job back."""


class ShutdownFlag:
    """Set once when the process was asked to end; every running job then hands itself back."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask all running jobs to hand themselves back."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the process is ending."""
        return self._event.is_set()


class LeaseRenewer:
    """The monitor of one attempt: a thread renews the lease, ``check`` raises what the thread found.

    The lease counts as lost when no renewal succeeded for its length less a second on the *monotonic* clock:
    then another worker may have the job, whatever the wall clocks say.

    Work stalls when neither its phase nor its bytes, percentages or segments have moved for ``stall_seconds``. What
    only local programs do is left to their own limits (``FFmpeg``'s ``stall_seconds``, ``media_probe.SCAN_LIMITS``).
    """

    def __init__(
        self,
        job_id: str,
        renew: Callable[[], None],
        progress: ProgressCache,
        *,
        lease_seconds: float,
        hard_limit_seconds: float,
        stall_seconds: float = math.inf,
        shutdown: ShutdownFlag,
        claimed_at: float,
        limits: Callable[[Progress], None] = lambda progress: None,
        on_hang: Callable[[AppError], None] = lambda reason: None,
        obey_seconds: float = OBEY_SECONDS,
    ) -> None:
        """``renew`` writes the next lease. It raises ``LeaseLost`` when there is none to be had any more, ``Cancelled``
        when nobody wants the work, ``StoreUnavailable`` when it cannot be known. ``claimed_at``: the monotonic time
        before the claim was sent; the lease began no earlier. ``limits`` sees every reading and
        raises when the work may take no more room. ``on_hang`` is called once, from the thread, with the reason that
        the work should have stopped for."""
        self._job_id, self._renew_it, self._progress = job_id, renew, progress
        self._lease_seconds = lease_seconds
        self._renewed = claimed_at
        self._ends = claimed_at + hard_limit_seconds
        self._shutdown = shutdown
        self._stall_seconds, self._moved = stall_seconds, claimed_at
        self._limits = limits
        self._on_hang, self._obey_seconds = on_hang, obey_seconds
        self._stop_because: AppError | None = None
        self._mark: object = None
        self._readings = Readings(claimed_at)
        self._last_written = -1.0
        self._last_phase: Phase | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{job_id}", daemon=True)

    def __enter__(self) -> LeaseRenewer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(timeout=10)

    def report(self, progress: Progress) -> None:
        """Write a reading at most twice a second, at once when the phase changes; then ``check``."""
        now = time.monotonic()
        mark = _mark(progress)
        if mark != self._mark or progress.phase not in _WATCHED:
            self._mark, self._moved = mark, now
        if progress.phase is not self._last_phase or now - self._last_written >= WRITE_PROGRESS_SECONDS:
            self._last_phase, self._last_written = progress.phase, now
            self._progress.set_progress(self._job_id, self._readings.complete(progress, now))
        self.check()
        self._limits(progress)

    def check(self) -> None:
        """Raise why the work should stop, if it should."""
        if self._stop_because is None and time.monotonic() > self._renewed + max(
            self._lease_seconds - 1, self._lease_seconds / 2
        ):
            self._stop_because = LeaseLost()  # the thread itself may hang in a driver call
        if self._stop_because is not None:
            raise self._stop_because

    def _keep(self) -> None:
        next_renewal = self._renewed + self._lease_seconds / 3
        while not self._done.wait(LOOK_SECONDS) and self._stop_because is None:
            now = time.monotonic()
            if now > self._ends:
                self._stop_because = JobTimeout()
            elif self._shutdown.is_set():
                self._stop_because = HandedBack()
            elif now - self._moved > self._stall_seconds and self._last_phase in _WATCHED:
                self._stop_because = JobStalled()
            else:
                # The flag (or not knowing it) is a reason to look at the record, which alone is believed: one from
                # an earlier run may have outlived a Redis that was away when it should have been taken down.
                if self._progress.cancel_asked(self._job_id) is not False or now >= next_renewal:
                    self._renew(now)
                    next_renewal = now + self._lease_seconds / 3
        if self._stop_because is not None and not self._done.wait(self._obey_seconds):
            self._on_hang(self._stop_because)

    def _renew(self, now: float) -> None:
        try:
            self._renew_it()
        except StoreUnavailable:
            return  # tried again at the next look; check() fences us off when it lasts too long
        except (LeaseLost, Cancelled) as reason:
            self._stop_because = reason
        self._renewed = now


def _mark(progress: Progress) -> tuple[object, ...]:
    """What has to change for the work to have moved."""
    fetched = progress.download_percent if progress.bytes_done is None else progress.bytes_done // _MOVED_BYTES
    return progress.phase, fetched, progress.encode_percent, progress.segments_done, progress.written

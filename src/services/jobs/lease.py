"""Renews the lease of a job or of a chunk while a worker processes it, and stops the work when it must end."""

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

CHECK_SECONDS = 0.5
WRITE_PROGRESS_SECONDS = 0.5
# Handlers check the monitor at least twice a second. Work that has not stopped after this time hangs in a call that may
# never return; only the end of its process stops it.
OBEY_SECONDS = 60.0
_WATCHED = (None, Phase.INITIALIZING, Phase.DOWNLOADING)
# Fewer new bytes than this within the stall time do not count as progress: a slow trickle would block a worker for
# hours.
_MOVED_BYTES = 64 << 10


class LeaseLost(AppError):
    """Another worker holds this job, or this chunk, now."""


class HandedBack(AppError):
    """This worker is shutting down and returns the job."""


class ShutdownFlag:
    """Set once when the process should end; every running job is then handed back."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Request that all running jobs are handed back."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the process is ending."""
        return self._event.is_set()


class LeaseRenewer:
    """The monitor of one attempt: a thread renews the lease, and ``check`` raises what the thread found.

    The lease counts as lost if no renewal has succeeded within its length minus a second on the *monotonic* clock:
    another worker may then have the job, whatever the wall clocks show.

    Work stalls if its phase, bytes, percentages and segments have not changed for ``stall_seconds``. Purely local work
    has its own limits (``FFmpeg``'s ``stall_seconds``, ``media.probe.SCAN_LIMITS``).
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
        is_shown: bool = True,
    ) -> None:
        """Prepare the thread; entering the context starts it.

        ``renew`` writes the next lease. It raises ``LeaseLost`` if the lease cannot be renewed any more, ``Cancelled``
        if the job was cancelled, and ``StoreUnavailable`` if neither is known. ``claimed_at``: the monotonic time
        before the claim was sent; the lease started no earlier. ``limits`` receives every reading and raises if the
        work may not take more space. ``on_hang`` is called once, from the thread, with the reason why the work should
        have stopped. ``is_shown``: whether listeners receive the readings.
        """
        self._job_id, self._renew_it, self._progress = job_id, renew, progress
        self._lease_seconds = lease_seconds
        self._renewed = claimed_at
        self._ends = claimed_at + hard_limit_seconds
        self._shutdown = shutdown
        self._stall_seconds, self._moved = stall_seconds, claimed_at
        self._limits = limits
        self._on_hang, self._obey_seconds, self._is_shown = on_hang, obey_seconds, is_shown
        self._stop_because: AppError | None = None
        self._mark: object = None
        self._readings = Readings(claimed_at)
        self._last_written = -1.0
        self._last_phase: Phase | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{job_id}", daemon=True)

    def __enter__(self) -> LeaseRenewer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(timeout=10)

    def report(self, progress: Progress) -> None:
        """Write a reading at most twice a second, and at once when the phase changes; then ``check``."""
        now = time.monotonic()
        mark = _mark(progress)
        if mark != self._mark or progress.phase not in _WATCHED:
            self._mark, self._moved = mark, now
        if progress.phase is not self._last_phase or now - self._last_written >= WRITE_PROGRESS_SECONDS:
            self._last_phase, self._last_written = progress.phase, now
            if self._is_shown:
                self._progress.set_progress(self._job_id, self._readings.complete(progress, now))
        self.check()
        self._limits(progress)

    def check(self) -> None:
        """Raise the reason if the work should stop."""
        if self._stop_because is None and time.monotonic() > self._renewed + max(
            self._lease_seconds - 1, self._lease_seconds / 2
        ):
            self._stop_because = LeaseLost()  # the thread itself may hang in a call of the database driver
        if self._stop_because is not None:
            raise self._stop_because

    def _run(self) -> None:
        next_renewal = self._renewed + self._lease_seconds / 3
        while not self._done.wait(CHECK_SECONDS) and self._stop_because is None:
            now = time.monotonic()
            if now > self._ends:
                self._stop_because = JobTimeout()
            elif self._shutdown.is_set():
                self._stop_because = HandedBack()
            elif now - self._moved > self._stall_seconds and self._last_phase in _WATCHED:
                self._stop_because = JobStalled()
            else:
                # A raised (or unknown) flag is only a reason to read the record, which is authoritative: the flag may
                # be left over from an earlier run if Redis was unavailable when it should have been cleared.
                if self._progress.cancel_asked(self._job_id) is not False or now >= next_renewal:
                    self._renew(now)
                    next_renewal = now + self._lease_seconds / 3
        if self._stop_because is not None and not self._done.wait(self._obey_seconds):
            self._on_hang(self._stop_because)

    def _renew(self, now: float) -> None:
        try:
            self._renew_it()
        except StoreUnavailable:
            return  # retried at the next check; check() stops the work if this lasts too long
        except (LeaseLost, Cancelled) as reason:
            self._stop_because = reason
        self._renewed = now


def _mark(progress: Progress) -> tuple[object, ...]:
    """Return the values of which one must change for the work to count as moving."""
    fetched = progress.download_percent if progress.bytes_done is None else progress.bytes_done // _MOVED_BYTES
    return progress.phase, fetched, progress.encode_percent, progress.segments_done, progress.written

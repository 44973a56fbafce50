"""The clock of the service: cleanup and reconciler, each one at a time over any number of hosts."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.blocking import BlockingScheduler

from src.bootstrap import Services, build
from src.broker import CeleryNotifier, make_celery
from src.config import Settings, SettingsError
from src.errors import AppError, FfmpegMissing
from src.services.operations.folder_claim import claim_when_it_answers
from src.utils import logs

log = logging.getLogger(__name__)

# Workers are notified of a job at the first check after its time. One that still waits after that is most likely in a
# long queue, where every further notification is one more message before those of new jobs; only if the broker lost the
# message does it need another. At two seconds a check that is half a minute, and a hundred jobs that wait for an hour
# leave 12,000 messages, which is some megabytes. Few jobs lose their worker, and they have waited a lease already.
CHECKS_PER_NOTIFICATION, CHECKS_PER_NOTIFICATION_OF_ORPHANS = 15, 5

CLOCK_LOOK_SECONDS, CLOCK_STEP_SECONDS = 1.0, 2.0


def schedule(services: Services, holder: str) -> BlockingScheduler:
    """Return a scheduler that was not started yet, with all that happens by the clock."""
    settings = services.settings
    scheduler = BlockingScheduler(timezone=UTC)
    chores: list[tuple[str, Callable[[], Any], float]] = [
        ("cleanup", services.cleanup.run, settings.cleanup_interval_minutes * 60),
        (
            "reconcile",
            lambda: services.runner.reconcile(
                notified_before_seconds=settings.reconcile_interval_seconds * CHECKS_PER_NOTIFICATION,
                orphans_notified_before_seconds=settings.reconcile_interval_seconds
                * CHECKS_PER_NOTIFICATION_OF_ORPHANS,
            ),
            settings.reconcile_interval_seconds,
        ),
        ("webhooks", services.webhooks.begin_due, settings.webhook_interval_seconds),
    ]
    for name, chore, seconds in chores:
        scheduler.add_job(
            _alone(services, name, holder, chore, seconds),
            "interval",
            seconds=seconds,
            id=name,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    return scheduler


def watch_clock(scheduler: BlockingScheduler, stopped: threading.Event) -> None:
    """Make everything due when the wall clock is moved: the library waits until a time of day, so after a step back
    it would do nothing for as long as the step was."""
    offset = time.time() - time.monotonic()
    while not stopped.wait(CLOCK_LOOK_SECONDS):
        before, offset = offset, time.time() - time.monotonic()
        if abs(offset - before) > CLOCK_STEP_SECONDS:
            log.warning("the clock was moved by %.0f s", offset - before)
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))


def _alone(services: Services, name: str, holder: str, chore: Callable[[], Any], seconds: float) -> Callable[[], None]:
    def run() -> None:
        logs.context_id.set(name)
        try:
            # The lock outlives the run until just before the next one is due, so that hosts take turns, not doubles.
            if services.locks.take(name, holder, seconds=max(seconds * 0.9, 1)):
                chore()
        except AppError as error:
            log.warning("%s: %s", name, error.message)
        except Exception:
            log.exception("%s failed", name)

    return run


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    try:
        settings = Settings.load().require_complete()
        logs.configure(settings.log_level, settings.log_file, settings.log_format)
        services = build(settings, notifier=CeleryNotifier(make_celery(settings)), worker="scheduler")
        claim_when_it_answers(services.folders)
    except (SettingsError, FfmpegMissing) as error:
        raise SystemExit(str(error)) from None  # for the person at the keyboard: no trace
    scheduler = schedule(services, f"{socket.gethostname()}:{os.getpid()}")
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: scheduler.shutdown(wait=False))
    log.info("scheduler started")
    stopped = threading.Event()
    threading.Thread(target=watch_clock, args=(scheduler, stopped), daemon=True).start()
    scheduler.start()
    stopped.set()


if __name__ == "__main__":
    main()

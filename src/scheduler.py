"""Runs the periodic tasks of the service: cleanup, reconciler and webhooks, each on one host at a time."""

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
from src.config import SettingsError
from src.errors import AppError, FfmpegMissing
from src.services.operations.folder_claim import claim_when_it_answers
from src.services.operations.settings_check import exit_with, usable_settings
from src.utils import logs

log = logging.getLogger(__name__)

# Workers are notified of a job at the first check after its time. A job that still waits after that is most likely in a
# long queue, where each further notification adds a message ahead of those of new jobs; it needs one only if the broker
# lost the message. With a check every two seconds that is half a minute, and a hundred jobs that wait for an hour leave
# 12,000 messages, some megabytes. Few jobs lose their worker, and those have already waited for their lease to expire.
CHECKS_PER_NOTIFICATION, CHECKS_PER_NOTIFICATION_OF_ORPHANS = 15, 5

CLOCK_CHECK_SECONDS, CLOCK_STEP_SECONDS = 1.0, 2.0


def schedule(services: Services, holder: str) -> BlockingScheduler:
    """Return a scheduler with all periodic tasks, not started yet."""
    settings = services.settings
    scheduler = BlockingScheduler(timezone=UTC)
    tasks: list[tuple[str, Callable[[], Any], float]] = [
        ("cleanup", services.cleanup.run, settings.cleanup_interval_minutes * 60),
        (
            "reconcile",
            lambda: services.reconciler.run(
                notified_before_seconds=settings.reconcile_interval_seconds * CHECKS_PER_NOTIFICATION,
                orphans_notified_before_seconds=settings.reconcile_interval_seconds
                * CHECKS_PER_NOTIFICATION_OF_ORPHANS,
            ),
            settings.reconcile_interval_seconds,
        ),
        ("webhooks", services.webhooks.start_due, settings.webhook_interval_seconds),
    ]
    for name, task, seconds in tasks:
        scheduler.add_job(
            _on_one_host(services, name, holder, task, seconds),
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
    """Make everything due when the wall clock is changed.

    The library waits until a time of day, so after a step back it would be idle for the length of the step.
    """
    offset = time.time() - time.monotonic()
    while not stopped.wait(CLOCK_CHECK_SECONDS):
        before, offset = offset, time.time() - time.monotonic()
        if abs(offset - before) > CLOCK_STEP_SECONDS:
            log.warning("the clock was changed by %.0f s", offset - before)
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))


def _on_one_host(
    services: Services, name: str, holder: str, task: Callable[[], Any], seconds: float
) -> Callable[[], None]:
    def run() -> None:
        logs.context_id.set(name)
        try:
            # The lock is held until just before the next run, so that a second host does not run the task as well.
            if services.locks.take(name, holder, seconds=max(seconds * 0.9, 1)):
                task()
        except AppError as error:
            log.warning("%s: %s", name, error.message)
        except Exception:
            log.exception("%s failed", name)

    return run


def main() -> None:
    """Run the scheduler until SIGINT or SIGTERM."""
    try:
        settings = usable_settings()
        logs.configure(settings.log_level, settings.log_file, settings.log_format)
        services = build(settings, notifier=CeleryNotifier(make_celery(settings)), worker="scheduler")
        claim_when_it_answers(services.folders)
    except (SettingsError, FfmpegMissing) as error:
        exit_with(error)
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

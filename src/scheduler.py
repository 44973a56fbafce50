"""The clock of the service: cleanup and reconciler, each one at a time over any number of hosts."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.blocking import BlockingScheduler

from src.bootstrap import Services, build
from src.broker import CeleryDoorbell, make_celery
from src.config import Settings
from src.errors import AppError
from src.utils import logs

log = logging.getLogger(__name__)


def schedule(services: Services, holder: str) -> BlockingScheduler:
    """A scheduler that was not started yet, with all that happens by the clock."""
    settings = services.settings
    scheduler = BlockingScheduler(timezone=UTC)
    chores: list[tuple[str, Callable[[], Any], float]] = [
        ("cleanup", services.cleanup.run, settings.cleanup_interval_minutes * 60),
        (
            "reconcile",
            lambda: services.runner.reconcile(rung_before_seconds=settings.reconcile_interval_seconds),
            settings.reconcile_interval_seconds,
        ),
        ("webhooks", services.webhooks.deliver_due, settings.webhook_interval_seconds),
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
    settings = Settings.load().require_complete()
    logs.configure(settings.log_level, settings.log_file, settings.log_format)
    services = build(settings, doorbell=CeleryDoorbell(make_celery(settings)), worker="scheduler")
    scheduler = schedule(services, f"{socket.gethostname()}:{os.getpid()}")
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: scheduler.shutdown(wait=False))
    log.info("scheduler started")
    scheduler.start()


if __name__ == "__main__":
    main()

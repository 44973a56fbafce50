"""Defines the Celery tasks: run a job, help with one, and look up what a saved job's source offers."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import billiard.process
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)

from src.bootstrap import Services, build
from src.broker import DESCRIBE_JOB, HELP_JOB, RUN_JOB, CeleryNotifier, make_celery
from src.data.worker_data import WorkerData
from src.errors import StoreUnavailable
from src.models.job_kinds import CAPTURES
from src.services.jobs.lane import Lane
from src.services.jobs.lease import ShutdownFlag
from src.services.jobs.presence import Presence
from src.services.operations.settings_check import usable_settings_or_exit
from src.utils import logs
from src.utils.process import die_with_parent, stand_back

log = logging.getLogger(__name__)

settings = usable_settings_or_exit()
celery_app = make_celery(settings)
_services: list[Services] = []
_presences: list[Presence] = []
_lane: list[Lane] = []

HAND_BACK = signal.SIGUSR2
shutdown = ShutdownFlag()
# A child inherits this until it has its own handler: by default the signal would kill one that is still starting.
if threading.current_thread() is threading.main_thread():
    signal.signal(HAND_BACK, signal.SIG_IGN)


def worker_name() -> str:
    """Return the name of this process, unique among all hosts."""
    return _lane[0].worker if _lane else f"{socket.gethostname()}:{os.getpid()}"


def services() -> Services:
    """Return the services of this worker process, built once after the fork, because connections cannot be shared."""
    if not _services:
        _services.append(
            build(
                settings,
                notifier=CeleryNotifier(celery_app),
                worker=worker_name(),
                shutdown=shutdown,
                end_process=lambda: os.kill(os.getpid(), signal.SIGKILL),
            )
        )
    return _services[0]


@celery_app.task(name=RUN_JOB, bind=True)
def run_job(task: Any, job_id: str) -> None:
    """Run a job, if it is still available in the queue of this message and its turn has come."""
    delivery = task.request.delivery_info or {}
    with _context(job_id):
        services().runner.run(job_id, delivery.get("routing_key"))


@celery_app.task(name=HELP_JOB)
def help_job(job_id: str) -> None:
    """Encode a chunk of a long encode that another worker owns, if one is left."""
    with _context(job_id):
        services().chunks.help(job_id)


@celery_app.task(name=DESCRIBE_JOB)
def describe_job(job_id: str) -> None:
    """Look up what the source of a saved job offers."""
    with _context(job_id):
        services().metadata.describe(job_id)


@contextmanager
def _context(job_id: str) -> Iterator[None]:
    logs.context_id.set(job_id)
    try:
        yield
    except StoreUnavailable:
        # The record stays in the queue: the reconciler notifies again. A lookup of a source is optional.
        log.warning("job %s: the database is unreachable", job_id)


@setup_logging.connect
def _log(**_: Any) -> None:
    logs.configure(settings.log_level, settings.log_file, settings.log_format)


@worker_process_init.connect
def _start_child(**_: Any) -> None:
    # Children end with their parent if it is killed, and FFmpeg with them.
    die_with_parent()
    # The API has precedence over cutting and encoding, so that progress requests never wait for them.
    stand_back()
    # SIGTERM belongs to the pool and would end the process during a write.
    signal.signal(HAND_BACK, lambda *_: shutdown.set())
    # The options of the parent decide the queues of this process; a thread pool has no such processes.
    presence = Presence(
        WorkerData(services().database), worker_name(), [*celery_app.amqp.queues.consume_from], shutdown
    )
    presence.start()
    _presences.append(presence)


@worker_init.connect
def _start_lane(sender: Any, **_: Any) -> None:
    # One process runs all captures in threads. It starts no programs, so nothing has to end with it.
    if CAPTURES in sender.app.amqp.queues.consume_from and "thread" in str(sender.pool_cls):
        _lane.append(Lane.enter(settings.data_dir, socket.gethostname()))


@worker_ready.connect
def _open_lane(**_: Any) -> None:
    for lane in _lane:
        workers = WorkerData(services().database)
        presence = Presence(workers, lane.worker, [CAPTURES], shutdown)
        presence.start()
        _presences.append(presence)
        if lane.predecessor is not None:
            with suppress(StoreUnavailable):  # then their leases decide
                workers.drop(lane.predecessor)
                services().dispatcher.take_over(lane.predecessor)
        services().rolling.start()


@worker_process_shutdown.connect
def _end_child(**_: Any) -> None:
    for presence in _presences:
        presence.stop()


@worker_shutting_down.connect
def _hand_jobs_back(**_: Any) -> None:
    if _lane:
        shutdown.set()
        services().rolling.stop()
    # The children would work on for hours: on this signal they return their jobs to the queue at once.
    for child in billiard.process.active_children():
        if child.pid:
            os.kill(child.pid, HAND_BACK)

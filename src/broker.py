"""Builds the Celery app, which only notifies workers: MongoDB alone records the work."""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from src.config import Settings

log = logging.getLogger(__name__)

RUN_JOB = "yt_downloader.run_job"
HELP_JOB = "yt_downloader.help_job"
DESCRIBE_JOB = "yt_downloader.describe_job"


def broker_url(redis_uri: str) -> str:
    """Return the URL for Celery: ``unix:///path?db=0`` becomes ``redis+socket:///path?virtual_host=0``."""
    if redis_uri.startswith("unix://"):
        return redis_uri.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
    return redis_uri


def make_celery(settings: Settings) -> Celery:
    """Return a Celery app. Each setting differs from a default that would lose or duplicate jobs."""
    app = Celery("yt_downloader", broker=broker_url(settings.redis_uri), set_as_current=False)
    hard_limit = settings.job_hard_limit_seconds
    app.conf.update(
        task_default_queue="metadata",
        task_ignore_result=True,  # results are records in MongoDB
        task_store_errors_even_if_ignored=False,
        # A message is acknowledged when its task has returned, so a worker that dies returns it to the queue.
        task_acks_late=True,
        # A message that kills its pool child must not be repeated forever; the reconciler notifies again, and counts.
        task_reject_on_worker_lost=False,
        task_time_limit=hard_limit + 60,  # after our own limit, which cleans up
        worker_prefetch_multiplier=1,  # a waiting message must stay available to other workers
        worker_cancel_long_running_tasks_on_connection_loss=False,  # otherwise a lost broker ends running jobs
        # A new process connects to the stores before it reports that it is up; while the database is unreachable,
        # Celery would otherwise kill it after 4 s, again and again.
        worker_proc_alive_timeout=60,
        worker_max_tasks_per_child=50,  # limits memory leaks in codec libraries
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=3,
        broker_transport_options={
            # Longer than any task: otherwise Redis delivers a running task a second time.
            "visibility_timeout": max(3 * 3600, 2 * hard_limit),
            "unacked_restore_interval": 30,
            # Detects half-open connections, from which nothing would ever be consumed again.
            "socket_timeout": 5,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        task_publish_retry=False,  # an API thread must not wait for a dead broker; the reconciler notifies again
    )
    return app


class CeleryNotifier:
    """Notifies workers by message. Failing to send one about a waiting job is an error; others may be lost."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def notify(self, job_id: str, queue: str) -> None:
        """Wake a worker of this queue for this job.

        The message never expires: a worker would compare that time with its own clock, and a fast clock would discard
        every message. A late message costs one database read, which finds the job taken.

        Raises:
            ConnectionError: the broker did not take the message.
        """
        self._send(RUN_JOB, job_id, queue)

    def describe(self, job_id: str) -> None:
        """Request a lookup of the source of this saved job."""
        self._try_to_send(DESCRIBE_JOB, job_id, "metadata", expires=300)

    def request_help(self, job_id: str) -> None:
        """Ask the encode workers to take a chunk of this job. Requests expire soon: the job's worker repeats them."""
        self._try_to_send(HELP_JOB, job_id, "encodes", expires=60)

    def _try_to_send(self, task: str, job_id: str, queue: str, **options: Any) -> None:
        try:
            self._send(task, job_id, queue, **options)
        except ConnectionError as error:
            log.warning("job %s: %s", job_id, error)

    def _send(self, task: str, job_id: str, queue: str, **options: Any) -> None:
        try:
            self._app.send_task(task, args=[job_id], queue=queue, retry=False, ignore_result=True, **options)
        except (OperationalError, OSError) as error:
            raise ConnectionError(f"the broker did not take the message: {error}") from error

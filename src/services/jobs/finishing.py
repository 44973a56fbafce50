"""Does all that follows when a job has ended or waits again: notifies, counts and cleans up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from src.models.job_kinds import KindTable
from src.models.video import VideoJob
from src.services.jobs.dispatch import Dispatcher
from src.services.jobs.handler import JobHandler
from src.services.jobs.stores import JobStores

log = logging.getLogger(__name__)


class Finisher:
    """Finishes jobs whose new state is already written."""

    def __init__(
        self, stores: JobStores, dispatcher: Dispatcher, handlers: Mapping[str, JobHandler[Any]], kinds: KindTable
    ) -> None:
        """Create a finisher. ``handlers`` delete what attempts left outside their folders."""
        self._files, self._progress, self._counters = stores.files, stores.progress, stores.counters
        self._dispatcher, self._handlers, self._kinds = dispatcher, handlers, kinds

    def finish(self, job: VideoJob, seconds: float | None = None, *, retains: bool = False) -> None:
        """Announce the end of an attempt, notify workers of the jobs that waited for it, and count and clean up if the
        job has ended.

        ``seconds``: since its last attempt started, if any. ``retains``: its retained folder stays together with its
        file.
        """
        self._progress.announce_end(job.id)
        self._dispatcher.notify_followers(job.id)
        self._dispatcher.notify_next(self._kinds.queue_of(job))
        if job.ended:
            if not job.params.passing:
                code = job.failure.code if job.failure else None
                self._counters.ended(job.kind, job.status.value, seconds, code)
            self._handlers[job.kind].ended(job.id)
            if not retains:
                self._files.drop_retained(job.id)
        log.info("job %s is %s%s", job.id, job.status, "" if seconds is None else f" after {seconds:.1f} s")

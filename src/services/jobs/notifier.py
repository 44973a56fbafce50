"""Defines how workers are notified: the record is what counts, a notification may be lost, late or doubled."""

from __future__ import annotations

from typing import Protocol


class WorkerNotifier(Protocol):
    """Notifies workers of jobs, of encodes that need help, and of sources to be looked up."""

    def notify(self, job_id: str, queue: str) -> None:
        """A job waits in this queue.

        Raises:
            ConnectionError: the notification could not be sent.
        """

    def request_help(self, job_id: str) -> None:
        """There are free chunks of this job. Never raises."""

    def describe(self, job_id: str) -> None:
        """The source of this saved job should be looked up. Never raises."""

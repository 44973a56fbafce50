"""Defines how workers are notified; a notification may be lost, late or repeated, because the record is
authoritative."""

from __future__ import annotations

from typing import Protocol


class WorkerNotifier(Protocol):
    """Notifies workers of jobs, of encodes that need help, and of sources that need a lookup."""

    def notify(self, job_id: str, queue: str) -> None:
        """Report that a job waits in this queue.

        Raises:
            ConnectionError: the notification could not be sent.
        """

    def request_help(self, job_id: str) -> None:
        """Report free chunks of this job. Never raises."""

    def describe(self, job_id: str) -> None:
        """Request a lookup of the source of this saved job. Never raises."""

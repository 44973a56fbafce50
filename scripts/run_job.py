"""Runs one job in this process, without Celery, with its log on the console: ``python -m scripts.run_job JOB_ID``.

Uses the stores of the settings or of the instance that runs on DATA_DIR. A failed or cancelled job is started again.
"""

from __future__ import annotations

import sys

from src.bootstrap import build
from src.config import Settings
from src.launcher.joining import join
from src.utils import logs


class _NoNotifier:
    """A notifier that does nothing: this process runs the job itself."""

    def notify(self, job_id: str, queue: str) -> None:
        """Do nothing."""

    def request_help(self, job_id: str) -> None:
        """Do nothing."""

    def describe(self, job_id: str) -> None:
        """Do nothing."""


def main(job_id: str) -> int:
    """Run the job and return the exit code: 0 when it is completed."""
    settings = join(Settings.load()).require_complete()
    logs.configure(settings.log_level, "", settings.log_format)
    services = build(settings, notifier=_NoNotifier(), worker="run_job")
    job = services.jobs.find_any(job_id)
    services.jobs.retry(job) if job.ended else services.jobs.start(job)
    services.runner.run(job_id)
    job = services.jobs.find_any(job_id)
    print(job.status, job.artifact.path if job.artifact else job.failure)  # noqa: T201 (output of a command)
    return 0 if job.artifact else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

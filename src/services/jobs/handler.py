"""Defines the interface between a job kind and the runner: handler, context, result and postponement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from src.models.params import JobParams
from src.models.progress import Monitor
from src.models.video import RepairPlan, VideoJob, WaitsFor


class Postponed(Exception):
    """Signals that the job waits for an external event and continues later. It is not a failure and is not reported."""

    def __init__(
        self,
        seconds: float,
        why: str,
        *,
        follows: str | None = None,
        waiting_for: WaitsFor | None = None,
        queue: str | None = None,
    ) -> None:
        """Postpone for ``seconds``, or until the job with the id ``follows`` has ended.

        Postponing costs no attempt; ``retained_dir`` stays. ``waiting_for`` is shown to the owner. ``queue``: the
        workers of another queue continue the job.
        """
        super().__init__(why)
        self.seconds, self.follows, self.waiting_for, self.queue = seconds, follows, waiting_for, queue


P = TypeVar("P", bound=JobParams)


@dataclass(frozen=True, slots=True)
class JobContext:
    """One attempt: the claimed job, a private work folder, and the monitor.

    A handler may create ``retained_dir`` for data that later attempts of the job can continue from. It is deleted when
    the job ends, or together with the job's file (``JobResult.retains_source``). ``in_lane``: the process runs many
    jobs in threads, so this one may wait as long as it likes, and must not start programs.
    """

    job: VideoJob
    work_dir: Path
    retained_dir: Path
    monitor: Monitor
    in_lane: bool = False
    latest: Callable[[], VideoJob] | None = None
    """Returns the job as the last renewal of the lease read it; a change by its owner is there within seconds."""

    @property
    def params_now(self) -> JobParams:
        """The parameters as they are now."""
        return (self.job if self.latest is None else self.latest()).params


@dataclass(frozen=True, slots=True)
class JobResult:
    """The complete, verified file that a handler leaves in its work folder, and what to report about it.

    ``report`` and ``facts`` hold JSON values: differences between the result and the request, and facts about the
    source.
    """

    path: Path
    mime: str
    download_name: str
    report: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    truncated: bool = False
    """Whether the file ends early because its owner had no more space; it is accepted as it is."""
    retains_source: bool = False
    """Whether ``retained_dir`` stays as long as the file: it holds more of the source, for another cut."""
    repair: RepairPlan | None = None
    """When the handler is called again for what the file lacks; ``JobContext.job.repairing`` is true then."""


class JobHandler(ABC, Generic[P]):
    """Performs the jobs of one kind."""

    @abstractmethod
    def run(self, params: P, context: JobContext) -> JobResult:
        """Produce one file in ``context.work_dir``.

        Raises:
            AppError: the job fails or is retried.
            Postponed: the job continues later.
        """

    def ended(self, job_id: str) -> None:
        """Delete what attempts of this job left outside their folders; most kinds leave nothing."""

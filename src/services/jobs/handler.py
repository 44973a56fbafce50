"""Defines what a kind of job is to the runner: a handler, the context in which it works, and its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from src.models.params import JobParams
from src.models.progress import Monitor
from src.models.video import VideoJob

P = TypeVar("P", bound=JobParams)


@dataclass(frozen=True, slots=True)
class JobContext:
    """One attempt: the job as it was claimed, a private folder, and the monitor.

    ``kept_dir`` may be made and used for what later attempts of the same job can go on with; it goes with the job's
    end, or with its file (``JobResult.padded``).
    """

    job: VideoJob
    work_dir: Path
    kept_dir: Path
    monitor: Monitor


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a handler leaves in its work folder: a whole, verified file and what is to be told about it.

    ``report`` and ``facts`` hold JSON values: what the file is beside what was asked, and what was learnt
    about the source.
    """

    path: Path
    mime: str
    download_name: str
    report: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    truncated: bool = False
    """Whether it ends where its owner had no more room: then it is accepted as it is."""
    padded: bool = False
    """Whether ``kept_dir`` stays as long as the file does: it holds more of the source, for another cut."""


class JobHandler(ABC, Generic[P]):
    """Does the work of one kind of job."""

    @abstractmethod
    def run(self, params: P, context: JobContext) -> JobResult:
        """Produce one file in ``context.work_dir``.

        Raises:
            AppError: the job fails, or is tried again. Postponed: it is postponed.
        """

    def ended(self, job_id: str) -> None:
        """Clear what attempts of this job left outside of their folders: nothing, for most kinds."""

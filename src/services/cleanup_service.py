"""Deletes what has had its time: files half an hour after they were made, records later, and strays of dead workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from src.data.expiry_data import ExpiryData
from src.models.params import EncodeParams
from src.services.file_store import STRAY_SECONDS, FileStore
from src.utils.clock import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What one cleanup deleted."""

    expired: int
    records: int
    strays: int


class CleanupService:
    """One pass over everything that can expire. Passes may overlap with jobs and downloads, not with each other."""

    def __init__(
        self, expiry: ExpiryData, files: FileStore, clock: Clock, *, record_days: int, saved_days: int
    ) -> None:
        self._expiry, self._files, self._clock = expiry, files, clock
        self._record_days, self._saved_days = record_days, saved_days

    def run(self) -> CleanupReport:
        """Delete expired files and their inputs, old records, and strays; tell how many of each."""
        report = CleanupReport(self._expire_files(), self._delete_records(), self.sweep())
        if report != CleanupReport(0, 0, 0):
            log.info(
                "cleanup: %d jobs lost their files, %d records and %d stray files deleted",
                report.expired,
                report.records,
                report.strays,
            )
        return report

    def sweep(self, *, older_than_seconds: float = STRAY_SECONDS) -> int:
        """Delete finished files, uploads and work folders that belong to no record any more."""
        artifacts = self._expiry.unnamed(
            self._files.artifacts(older_than_seconds=older_than_seconds), field="file_path"
        )
        inputs = self._expiry.unnamed(
            self._files.inputs(older_than_seconds=older_than_seconds), field="input_file_path"
        )
        strays = [*artifacts, *inputs, *self._files.half_uploads(older_than_seconds=older_than_seconds)]
        for path in strays:
            self._files.delete(path)
        folders = list(self._files.work_folders())
        held = self._expiry.being_worked_on(job_id for job_id, _ in folders)
        left = [folder for job_id, folder in folders if job_id not in held]
        for folder in left:
            self._files.drop_folder(folder)
        return len(strays) + len(left)

    def _expire_files(self) -> int:
        expired = 0
        now = self._clock.now()
        for job in self._expiry.expired_files(now):
            # The record first: a job that was started again in this moment keeps its files.
            if self._expiry.forget_files(job.id, now):
                self._files.delete(job.artifact.path if job.artifact else None)
                if isinstance(job.params, EncodeParams):
                    self._files.delete(job.params.input_file_path)
                expired += 1
        return expired

    def _delete_records(self) -> int:
        now = self._clock.now()
        return self._expiry.delete_records(
            ended_before=now - timedelta(days=self._record_days), saved_before=now - timedelta(days=self._saved_days)
        )

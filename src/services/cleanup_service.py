"""Deletes what has had its time: files half an hour after they were made, records later, and strays of dead workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from src.data.expiry_data import ExpiryData
from src.models.params import EncodeParams
from src.services.file_store import STRAY_SECONDS, FileStore, attempt_of, is_old_file
from src.services.youtube.looks import SharedLooks
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
        self,
        expiry: ExpiryData,
        files: FileStore,
        clock: Clock,
        *,
        record_days: int,
        saved_days: int,
        looks: SharedLooks | None = None,
    ) -> None:
        self._expiry, self._files, self._clock, self._looks = expiry, files, clock, looks
        self._record_days, self._saved_days = record_days, saved_days

    def run(self) -> CleanupReport:
        """Delete expired files and their inputs, old records, and strays; tell how many of each."""
        if self._looks is not None:
            self._looks.prune()
        report = CleanupReport(self._expire_files(), self._delete_records(), self.sweep())
        if report != CleanupReport(0, 0, 0):
            log.info(
                "cleanup: %d jobs lost their files, %d records and %d stray files deleted",
                report.expired,
                report.records,
                report.strays,
            )
        return report

    def sweep(self) -> int:
        """Delete finished files, uploads and work folders that belong to no record any more.

        What an attempt made is a stray as soon as the attempt cannot end its job any more: when its job is not being
        worked on, or by another one. The order matters: an attempt that was over before the names are looked up has
        been named by then, or never will be.
        """
        artifacts, inputs, folders = self._files.artifacts(), self._files.inputs(), self._files.work_folders()
        attempts = {path: attempt_of(path) for path in [*artifacts, *folders]}
        going_on = self._expiry.attempts_now(attempt[0] for attempt in attempts.values() if attempt)
        over = {path for path, attempt in attempts.items() if attempt and going_on.get(attempt[0]) != attempt[1]}
        loose = {path for path in artifacts if attempts[path] is None and is_old_file(path, STRAY_SECONDS)}
        strays = [
            *self._expiry.unnamed([path for path in artifacts if path in over or path in loose], field="file_path"),
            *self._expiry.unnamed(inputs, field="input_file_path"),
            *self._files.half_uploads(),
        ]
        for path in strays:
            self._files.delete(path)
        left = [folder for folder in folders if folder in over] + self._unneeded_kept(folders)
        for folder in left:
            self._files.drop_folder(folder)
        return len(strays) + len(left)

    def _unneeded_kept(self, folders: list[Path]) -> list[Path]:
        kept = {folder: folder.name.split(".")[0] for folder in folders if attempt_of(folder) is None}
        needing = self._expiry.needing_kept(kept.values())
        return [folder for folder, job_id in kept.items() if job_id not in needing]

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
            now,
            ended_before=now - timedelta(days=self._record_days),
            saved_before=now - timedelta(days=self._saved_days),
        )

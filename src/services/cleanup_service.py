"""Deletes expired files and old records, and the stray files of dead workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from src.data.expiry_data import ExpiryData, KnownJobs
from src.data.installation_data import HeldBack
from src.models.params import EncodeParams
from src.services.cutting.shared_media import SharedMedia
from src.services.file_store import FileStore, attempt_of, is_old_file, is_old_folder
from src.services.operations.folder_owner import FolderOwner
from src.services.youtube.lookup_cache import LookupCache
from src.utils.cli_command import cli_command
from src.utils.clock import Clock

log = logging.getLogger(__name__)

# The record of a young upload of a known job may still be in the process of being written again.
UPLOAD_SECONDS = 60.0
# How long a file stays that names no job of this database: its record may follow, or this may be the wrong database.
UNKNOWN_SECONDS = 86_400.0
# A cleanup that would delete more such files than this, and more than half of all files, deletes none of them.
MOST_UNKNOWN = 20
ALLOW_COMMAND = "allow-deletion"


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """The numbers of deleted items of one cleanup."""

    expired: int
    records: int
    strays: int


@dataclass(frozen=True, slots=True)
class _Listing:
    """The finished and the uploaded files at one moment, with the state of their jobs."""

    artifacts: list[Path]
    inputs: list[Path]
    jobs: KnownJobs

    def left_over(self) -> list[Path]:
        """Files of jobs of this database that no running attempt can complete; deleted unless a record names them."""
        # If UPLOADS_DIR is DOWNLOADS_DIR, the inputs include finished files, which have an attempt in their name.
        inputs = [path for path in self.inputs if attempt_of(path) is None and _is_known(path, self.jobs)]
        return [path for path in self.artifacts if _is_over(path, self.jobs) and _is_known(path, self.jobs)] + [
            path for path in inputs if is_old_file(path, UPLOAD_SECONDS)
        ]

    def unknown(self) -> list[Path]:
        """Files that have not belonged to any job of this database for a day."""
        artifacts = [path for path in self.artifacts if attempt_of(path) is None or not _is_known(path, self.jobs)]
        inputs = [path for path in self.inputs if not _is_known(path, self.jobs)]
        return [path for path in [*artifacts, *inputs] if is_old_file(path, UNKNOWN_SECONDS)]


class CleanupService:
    """Deletes everything that has expired. Passes may overlap with jobs and downloads, but not with each other."""

    def __init__(
        self,
        expiry: ExpiryData,
        files: FileStore,
        clock: Clock,
        *,
        record_days: int,
        saved_days: int,
        lookups: LookupCache | None = None,
        shared: SharedMedia | None = None,
        owner: FolderOwner | None = None,
    ) -> None:
        self._expiry, self._files, self._clock, self._lookups, self._owner = expiry, files, clock, lookups, owner
        self._shared = shared
        self._record_days, self._saved_days = record_days, saved_days

    def run(self) -> CleanupReport:
        """Delete expired files and their inputs, old records and strays; return the number of each.

        Nothing is deleted while the folders belong to another database.
        """
        if self._lookups is not None:
            self._lookups.prune()
        if self._shared is not None:
            self._shared.prune()
        problem = self._owner.problem() if self._owner is not None else None
        if problem is not None:
            log.error("cleanup: nothing is deleted: %s", problem)
            return CleanupReport(0, 0, 0)
        rewritten = self._expiry.names.make_relative()
        if rewritten:
            log.info("cleanup: %d records now store paths relative to the folders", rewritten)
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
        """Delete finished files, uploads and work folders that belong to no record.

        The output of an attempt is a stray as soon as the attempt cannot complete its job any more: no attempt of the
        job runs, or another one does. The order matters: an attempt that was over before the names are read has been
        recorded by then or never will be. A file or folder that names no job of this database stays for a day, or
        longer if it might belong to another database: see ``_unknown_may_go``.
        """
        artifacts, inputs, folders = self._files.artifacts(), self._files.inputs(), self._files.work_folders()
        jobs = self._expiry.known_jobs(_job_of(path) for path in [*artifacts, *inputs, *folders])
        listing = _Listing(artifacts, inputs, jobs)
        unknown = self._expiry.unnamed(listing.unknown())
        may_go = self._unknown_may_go(len(unknown), len({*artifacts, *inputs}))
        strays = [
            *self._expiry.unnamed(listing.left_over()),
            *(unknown if may_go else ()),
            *self._files.partial_uploads(),
        ]
        deleted = sum(self._delete(path) for path in strays)
        ours = [folder for folder in folders if _is_known(folder, jobs)]
        left = [folder for folder in ours if _is_over(folder, jobs)] + self._unneeded_retained(ours)
        if may_go:
            left += [folder for folder in {*folders}.difference(ours) if is_old_folder(folder, UNKNOWN_SECONDS)]
        for folder in left:
            self._files.drop_folder(folder)
        return deleted + len(left) + self._files.drop_unused_pools()

    def notices(self) -> list[str]:
        """Report to operators why files are not deleted that should be.

        Raises:
            StoreUnavailable: the state cannot be read now.
        """
        problem = self._owner.problem() if self._owner is not None else None
        held = self._expiry.installation.held_back()
        notices = [] if problem is None else [f"Cleanup deletes nothing: {problem}"]
        if held is not None:
            notices.append(
                f"Cleanup would delete {held.files} of {held.of_all} files, which name no job of this database, and "
                f"deletes none of them: check MONGODB_URI, DOWNLOADS_DIR and UPLOADS_DIR. If these files may go, run: "
                f"{cli_command(ALLOW_COMMAND)}"
            )
        return notices

    def _unknown_may_go(self, found: int, of_all: int) -> bool:
        """Whether files and folders that have named no job of this database for a day may be deleted: all or none.

        They stay if they are too many, unless an operator has allowed it, and for another day after folders were
        adopted or after a day without a cleanup.
        """
        installation = self._expiry.installation
        spared = installation.start_cleanup(self._clock.now(), timedelta(seconds=UNKNOWN_SECONDS))
        allowed = installation.allowed()
        many = found > MOST_UNKNOWN and found > of_all / 2
        # A few more may have become a day old since the operator checked.
        if many and found > allowed + MOST_UNKNOWN:
            log.error("cleanup: %d of %d files name no job of this database; none is deleted", found, of_all)
            installation.hold_back(HeldBack(found, of_all))
            return False
        installation.clear_held_back()
        return bool(allowed) or not spared

    def _delete(self, path: Path | str | None) -> bool:
        try:
            self._files.delete(path)
        except OSError as error:  # one file that cannot be deleted must not prevent the deletion of the others
            log.warning("cleanup: %s cannot be deleted: %s", path, error.strerror)
            return False
        return True

    def _unneeded_retained(self, folders: list[Path]) -> list[Path]:
        retained = {folder: folder.name.split(".")[0] for folder in folders if attempt_of(folder) is None}
        # What was captured for clips whose first file has expired is only of use while there is plenty of room.
        roomy = self._files.has_room(self._files.min_free_bytes)
        needed = self._expiry.needing_retained(retained.values(), with_repairs=roomy)
        return [folder for folder, job_id in retained.items() if job_id not in needed]

    def _expire_files(self) -> int:
        expired = 0
        now = self._clock.now()
        while due := self._expiry.expired_files(now):
            # The record is changed first: a job that is started again at this moment keeps its files.
            done = [job for job in due if self._expiry.forget_files(job.id, now)]
            for job in done:
                self._delete(job.artifact.path if job.artifact else None)
                if isinstance(job.params, EncodeParams):
                    self._delete(job.params.input_file_path)
            expired += len(done)
            if not done:
                break
        return expired

    def _delete_records(self) -> int:
        now = self._clock.now()
        return self._expiry.delete_records(
            now,
            ended_before=now - timedelta(days=self._record_days),
            saved_before=now - timedelta(days=self._saved_days),
        )


def _job_of(path: Path) -> str:
    """Return the job id in the name of this file or folder; a name of another form yields an id that no job has."""
    return path.name.split(".")[0]


def _is_known(path: Path, jobs: KnownJobs) -> bool:
    """Whether the name contains a job of this database and, if any, an attempt that this database knows."""
    attempt = attempt_of(path)
    return jobs.knows(*attempt) if attempt is not None else jobs.knows(_job_of(path))


def _is_over(path: Path, jobs: KnownJobs) -> bool:
    """Whether this belongs to an attempt that can no longer complete its job."""
    attempt = attempt_of(path)
    return attempt is not None and jobs.at_work.get(attempt[0]) != attempt[1]

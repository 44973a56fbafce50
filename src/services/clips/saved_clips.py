"""Produces, repeats and deletes clips that were saved, for their owners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from src.errors import FileGone, NotOwner, VideoNotFound
from src.models.params import BatchParams, RecordingParams
from src.models.video import Owner, Status, VideoJob
from src.services.accounts.guests import GuestService
from src.services.clips.choices import Encoder, require_possible
from src.services.clips.requests import KINDS as CLIP_KINDS
from src.services.jobs.jobs import JobService

KINDS = (*CLIP_KINDS, BatchParams.kind)


@dataclass(frozen=True, slots=True)
class Dismissed:
    """What became of several clips, by their ids; ``missing``: the owner has none with this id."""

    deleted: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class SavedClips:
    """The saved clips and batches of all owners. Every method may raise ``StoreUnavailable``."""

    def __init__(self, jobs: JobService, guests: GuestService, encoder: Encoder) -> None:
        self._jobs, self._guests, self._encoder = jobs, guests, encoder

    def find(self, video_id: str, owner: Owner) -> VideoJob:
        """Return the owner's clip or batch.

        Raises:
            VideoNotFound, NotOwner: there is none with this id, or it belongs to another owner.
        """
        return self._jobs.find(video_id, owner, KINDS, missing=VideoNotFound)

    def start(self, job: VideoJob, choice: Mapping[str, Any], *, always: bool = False) -> VideoJob:
        """Have the file of this choice produced, unless it exists. ``choice``: parameters of the file.

        ``always``: also after a failure that was not reported yet, see ``JobService.start_always``.

        Raises:
            FormatRefused: this installation cannot produce it.
            DiskFull, QuotaExceeded: there is no room for it.
        """
        # A recording is what it is: its stream cannot be recorded again.
        changes = {} if isinstance(job.params, RecordingParams) else choice
        same = all(getattr(job.params, name) == value for name, value in changes.items())
        if job.status is Status.COMPLETED and job.artifact is not None and same:
            return job
        require_possible(job, choice, self._encoder)
        return self._jobs.start_always(job, changes) if always else self._jobs.start(job, changes)

    def retry(self, job: VideoJob) -> VideoJob:
        """Start a failed or cancelled clip again; others stay as they are. Raises as ``start``."""
        if job.status in (Status.FAILED, Status.CANCELLED):
            require_possible(job, {}, self._encoder)
        return self._jobs.retry(job)

    def dismiss(self, job: VideoJob) -> tuple[VideoJob, bool]:
        """Cancel a clip that is waiting or running, delete any other; return the job and whether it was deleted."""
        dismissed, deleted = self._jobs.dismiss(job)
        if deleted:
            self._guests.release(job.owner, job.id)
        return dismissed, deleted

    def dismiss_all(self, video_ids: Iterable[str], owner: Owner) -> Dismissed:
        """Dismiss these clips of an owner, who does not learn which clips others have."""
        done = Dismissed()
        for video_id in dict.fromkeys(video_ids):
            try:
                _, deleted = self.dismiss(self.find(video_id, owner))
            except (VideoNotFound, NotOwner):
                done.missing.append(video_id)
                continue
            (done.deleted if deleted else done.cancelled).append(video_id)
        return done

    def with_files(self, video_ids: Iterable[str], owner: Owner) -> list[VideoJob]:
        """Return those of these clips of an owner that have a file, in this order.

        Raises:
            FileGone: none of them has one.
        """
        found: list[VideoJob] = []
        for video_id in dict.fromkeys(video_ids):
            with suppress(VideoNotFound, NotOwner):  # nobody learns which clips others have
                found.append(self.find(video_id, owner))
        finished = [job for job in found if job.status is Status.COMPLETED and job.artifact is not None]
        if not finished:
            raise FileGone()
        return finished

"""Creates and verifies signed links to finished files, which work for every holder of the link until they expire."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from src.data.user_data import UserData
from src.errors import FileGone, LinkExpired, VideoNotFound
from src.models.video import Artifact, OwnerKind, VideoJob
from src.services.jobs.jobs import JobService
from src.utils.clock import Clock
from src.utils.signing import Signer

ROOT = "/media/downloads"
_PURPOSE = "media"
_LONGEST = timedelta(days=7)
INLINE_ROOT, POSTER_ROOT, ZIP_ROOT = "/media/inline", "/media/posters", "/media/zip"
INLINE_LIFE = timedelta(hours=1)
_STEP_SECONDS = 300  # for so long, the links to one file are equal, so that browsers cache what they show


@dataclass(frozen=True, slots=True)
class FileLink:
    """A signed link: its path and its query with the signature."""

    path: str
    query: str

    @property
    def expires_at(self) -> datetime:
        """When the link becomes invalid."""
        return datetime.fromtimestamp(int(self.query.removeprefix("expires=").partition("&")[0]), UTC)

    @property
    def address(self) -> str:
        """The path with its query."""
        return f"{self.path}?{self.query}"


class FileLinks:
    """Signs ``/media/downloads/<folder>/<job>/<name>`` and opens signed links."""

    def __init__(self, jobs: JobService, users: UserData, signer: Signer, clock: Clock) -> None:
        self._users = users
        self._jobs, self._signer, self._clock = jobs, signer, clock

    def link(self, job: VideoJob, folder: str) -> FileLink | None:
        """Return a link to a job's file, valid until the file expires, at most a week; ``None`` without a file."""
        if job.artifact is None:
            return None
        path = f"{folder}/{job.id}/{job.artifact.download_name}"
        latest = self._clock.now() + _LONGEST
        expires = int(min(job.expires_at or latest, latest).timestamp())
        signature = self._signer.sign(_PURPOSE, f"{path}\n{expires}")
        return FileLink(f"{ROOT}/{quote(path)}", f"expires={expires}&signature={signature}")

    def shown(self, job: VideoJob, *, poster: bool = False) -> FileLink | None:
        """Return a link with which a page shows a job's file, or its ``poster``; valid for about an hour.

        It is renewed by another call. ``None`` without a file.
        """
        if job.artifact is None:
            return None
        latest = int((self._clock.now() + INLINE_LIFE).timestamp())
        expires, name = latest - latest % _STEP_SECONDS, job.artifact.path.name
        root = POSTER_ROOT if poster else INLINE_ROOT
        signature = self._signer.sign(root, f"{job.id}/{name}\n{expires}")
        return FileLink(f"{root}/{job.id}/{quote(name)}", f"expires={expires}&signature={signature}")

    def open_shown(
        self, job_id: str, name: str, expires: int, signature: str, *, poster: bool = False
    ) -> Artifact | None:
        """Return the file that a link of ``shown`` refers to. Raises as ``open``; also when the file was replaced."""
        root = POSTER_ROOT if poster else INLINE_ROOT
        if not self._is_valid(root, f"{job_id}/{name}", expires, signature):
            raise LinkExpired()
        artifact = self._artifact(job_id)
        if artifact is None or artifact.path.name != name:
            raise FileGone()
        return artifact

    def zipped(self, jobs: Sequence[VideoJob]) -> FileLink:
        """Return a link to one ZIP file with the files of these jobs, valid for about an hour."""
        ids = ".".join(job.id for job in jobs)
        expires = int((self._clock.now() + INLINE_LIFE).timestamp())
        signature = self._signer.sign(ZIP_ROOT, f"{ids}\n{expires}")
        return FileLink(f"{ZIP_ROOT}/{ids}", f"expires={expires}&signature={signature}")

    def open_zipped(self, ids: str, expires: int, signature: str) -> list[VideoJob]:
        """Return the jobs of a link of ``zipped`` whose files are still there.

        Raises:
            LinkExpired: as ``open``. FileGone: none of the files is there.
        """
        if not self._is_valid(ZIP_ROOT, ids, expires, signature):
            raise LinkExpired()
        found = []
        for job_id in ids.split("."):
            with suppress(FileGone):
                found.append(self._job(job_id))
        there = [job for job in found if job.artifact is not None and job.artifact.path.is_file()]
        if not there:
            raise FileGone()
        return there

    def open(self, folder: str, job_id: str, name: str, expires: int, signature: str) -> Artifact | None:
        """Return the file that a link refers to.

        Raises:
            LinkExpired: the signature is invalid, or the link has expired.
            FileGone: the job was deleted, or the account that it belongs to was deleted or disabled.
        """
        if not self._is_valid(_PURPOSE, f"{folder}/{job_id}/{name}", expires, signature):
            raise LinkExpired()
        return self._artifact(job_id)

    def _is_valid(self, purpose: str, path: str, expires: int, signature: str) -> bool:
        signed = self._signer.is_signed(purpose, f"{path}\n{expires}", signature)
        return signed and datetime.fromtimestamp(expires, UTC) >= self._clock.now()

    def _artifact(self, job_id: str) -> Artifact | None:
        return self._job(job_id).artifact

    def _job(self, job_id: str) -> VideoJob:
        try:
            job = self._jobs.find_any(job_id)
        except VideoNotFound:
            raise FileGone() from None
        if job.owner.kind is OwnerKind.USER and not self._users.is_active(job.owner.id):
            raise FileGone()
        return job

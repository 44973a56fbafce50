"""Creates and verifies signed links to finished files, which work for every holder of the link until they expire."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class FileLink:
    """A signed link: its path and its query with the signature."""

    path: str
    query: str

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

    def open(self, folder: str, job_id: str, name: str, expires: int, signature: str) -> Artifact | None:
        """Return the file that a link refers to.

        Raises:
            LinkExpired: the signature is invalid, or the link has expired.
            FileGone: the job was deleted, or the account that it belongs to was deleted or disabled.
        """
        signed = self._signer.is_signed(_PURPOSE, f"{folder}/{job_id}/{name}\n{expires}", signature)
        if not signed or datetime.fromtimestamp(expires, UTC) < self._clock.now():
            raise LinkExpired()
        try:
            job = self._jobs.find_any(job_id)
        except VideoNotFound:
            raise FileGone() from None
        if job.owner.kind is OwnerKind.USER and not self._users.is_active(job.owner.id):
            raise FileGone()
        return job.artifact

"""Links to finished clips for whoever has them: signed, expiring, taken back by their owner."""

from __future__ import annotations

import functools
import logging
import threading
from datetime import timedelta
from pathlib import Path

from src.data.share_data import ShareData
from src.data.user_data import UserData
from src.errors import Busy, FileGone, FileNotReady, MediaInvalid, ShareNotFound
from src.models.share import Share
from src.models.video import OwnerKind, Status, VideoJob
from src.services.jobs.jobs import JobService
from src.services.media import probe as media_probe
from src.utils.clock import Clock
from src.utils.signing import Signer

log = logging.getLogger(__name__)

_PURPOSE = "share"
_ID_CHARACTERS = 24
_posters_at_once = threading.BoundedSemaphore(2)  # each is a process


class ShareService:
    """Every method may raise ``StoreUnavailable``."""

    def __init__(
        self, shares: ShareData, jobs: JobService, users: UserData, signer: Signer, clock: Clock, *, life: timedelta
    ) -> None:
        """``life`` is how long a link counts when nobody says otherwise."""
        self._users = users
        self._shares, self._jobs, self._signer, self._clock, self._life = shares, jobs, signer, clock, life

    def make(self, job: VideoJob, *, life: timedelta | None = None) -> tuple[Share, str]:
        """A new link to a job's file, and its token. It never outlives the file.

        Raises:
            FileNotReady, FileGone: there is no file to share.
        """
        if job.status is not Status.COMPLETED:
            raise FileNotReady()
        if job.artifact is None:
            raise FileGone()
        now = self._clock.now()
        expires_at = now + (life or self._life)
        if job.expires_at is not None:
            expires_at = min(expires_at, job.expires_at)
        share = Share(ShareData.new_id(), job.id, job.owner.id, now, expires_at)
        self._shares.insert(share)
        return share, share.id + self._signer.sign(_PURPOSE, share.id)

    def open(self, token: str) -> tuple[Share, VideoJob]:
        """The link with this token, and the job whose file is there.

        Raises:
            ShareNotFound: none, expired, taken back, or its file or its account is gone.
        """
        share = self._shares.find(token[:_ID_CHARACTERS]) if self.is_signed(token) else None
        if share is None or share.expires_at <= self._clock.now():
            raise ShareNotFound()
        job = self._jobs.peek(share.job_id)
        if job is None or job.artifact is None or job.status is not Status.COMPLETED:
            raise ShareNotFound()
        if job.owner.kind is OwnerKind.USER and not self._users.is_active(job.owner.id):
            raise ShareNotFound()
        return share, job

    def is_signed(self, token: str) -> bool:
        """Whether this token was made here, whatever has become of its link."""
        return self._signer.is_signed(_PURPOSE, token[:_ID_CHARACTERS], token[_ID_CHARACTERS:])

    def take_back(self, job: VideoJob) -> int:
        """End all links to a job; how many there were."""
        return self._shares.delete_of_job(job.id)


def poster_of(path: Path) -> bytes | None:
    """A picture from the beginning of a clip as JPEG, at most 1280 pixels wide; None when there is none."""
    try:
        with _posters_at_once:
            return _poster(path)
    except (MediaInvalid, Busy) as error:
        log.warning("no poster could be made of %s: %s", path.name, error.message)
        return None


@functools.lru_cache(maxsize=32)
def _poster(path: Path) -> bytes:
    """The file of a job never changes under its name, and who unfolds a link asks for its picture more than once."""
    return media_probe.poster(path)

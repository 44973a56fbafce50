"""Manages signed links to finished clips, which expire, work for every holder, and can be revoked by the owner."""

from __future__ import annotations

import functools
import logging
import threading
from dataclasses import replace
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
_posters_at_once = threading.BoundedSemaphore(2)  # each starts a process


class ShareService:
    """Manages links. Every method may raise ``StoreUnavailable``."""

    def __init__(
        self, shares: ShareData, jobs: JobService, users: UserData, signer: Signer, clock: Clock, *, life: timedelta
    ) -> None:
        """Set the services. ``life``: the default lifetime of a link."""
        self._users = users
        self._shares, self._jobs, self._signer, self._clock, self._life = shares, jobs, signer, clock, life

    def create(self, job: VideoJob, *, life: timedelta | None = None) -> tuple[Share, str]:
        """Create a link to a job's file and return it with its token.

        It expires with the file at the latest. While the file may still be repaired, it is also valid for the repaired
        file: without ``life``, for the default time after the last moment at which that may appear.

        Raises:
            FileNotReady, FileGone: the job has no file.
        """
        share = self._new(job, life)
        self._shares.insert(share)
        return share, self._token_of(share)

    def _new(self, job: VideoJob, life: timedelta | None, *, for_chat: bool = False) -> Share:
        if job.status is not Status.COMPLETED:
            raise FileNotReady()
        if job.artifact is None:
            raise FileGone()
        now = self._clock.now()
        expires_at = now + (life or self._life)
        if job.repair is not None and job.repair.waiting:
            expires_at = expires_at if life else job.repair.until + self._life
        elif job.expires_at is not None:
            expires_at = min(expires_at, job.expires_at)
        return Share(ShareData.new_id(), job.id, job.owner.id, now, expires_at, for_chat)

    def for_chat(self, job: VideoJob) -> tuple[Share, str]:
        """Return the link to a job's file that chats use, with its token; create it the first time.

        Raises:
            FileNotReady, FileGone: the job has no file.
        """
        share = self._known_for_chat(job)
        if share is None:  # messages about one clip are sent at the same moment, by several processes
            share = self._shares.insert_for_chat(self._new(job, None, for_chat=True))
        return share, self._token_of(share)

    def _known_for_chat(self, job: VideoJob) -> Share | None:
        return self._shares.find_for_chat(job.id, self._clock.now()) if job.artifact else None

    def _token_of(self, share: Share) -> str:
        return share.id + self._signer.sign(_PURPOSE, share.id)

    def open(self, token: str) -> tuple[Share, VideoJob]:
        """Return the link with this token, and its job, which has a file.

        Raises:
            ShareNotFound: the link is unknown, expired or revoked, or its file or account is gone.
        """
        share = self._shares.find(token[:_ID_CHARACTERS]) if self.is_signed(token) else None
        if share is None or share.expires_at <= self._clock.now():
            raise ShareNotFound()
        job = self._jobs.peek(share.job_id)
        if job is None or job.artifact is None or job.status is not Status.COMPLETED:
            raise ShareNotFound()
        if job.owner.kind is OwnerKind.USER and not self._users.is_active(job.owner.id):
            raise ShareNotFound()
        return _until_the_file_expires(share, job), job

    def is_signed(self, token: str) -> bool:
        """Whether the signature of this token is valid, even if the link is not."""
        return self._signer.is_signed(_PURPOSE, token[:_ID_CHARACTERS], token[_ID_CHARACTERS:])

    def revoke(self, job: VideoJob) -> int:
        """Revoke all links to a job; return their number."""
        return self._shares.delete_of_job(job.id)


def _until_the_file_expires(share: Share, job: VideoJob) -> Share:
    if job.expires_at is None:
        return share
    return replace(share, expires_at=min(share.expires_at, job.expires_at))


def poster_of(path: Path) -> bytes | None:
    """Return a frame from the start of a clip as JPEG, at most 1280 pixels wide; ``None`` if there is no usable
    frame."""
    try:
        with _posters_at_once:
            return _poster(path)
    except (MediaInvalid, Busy) as error:
        log.warning("no poster could be created from %s: %s", path.name, error.message)
        return None


@functools.lru_cache(maxsize=32)
def _poster(path: Path) -> bytes:
    """Cached: a finished file never changes, and link previews request the poster repeatedly."""
    return media_probe.poster(path)

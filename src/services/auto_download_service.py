"""Auto downloads: one request, one audio file; for an account where one is named, and to be claimed later where not."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from src.data.user_data import UserData
from src.data.video_data import VideoData
from src.errors import Busy, JobTimeout, RequestInvalid, UserUnknown
from src.models.params import AudioParams
from src.models.user import User
from src.models.video import Owner, OwnerKind, VideoJob
from src.services.job_service import JobService
from src.services.media_links import MediaLink, MediaLinks
from src.utils.addresses import network_of
from src.utils.clock import Clock
from src.utils.validators import canonical_url, parse_video_id_from_url

KINDS = (AudioParams.kind,)
URL_REQUIRED = "URL is required"


@dataclass(frozen=True, slots=True)
class AutoDownload:
    """A download: its job, the folder of its link, that link once there is a file, and the account it is linked to."""

    job: VideoJob
    session_id: str
    link: MediaLink | None
    linked_to: str | None = None


class AutoDownloadService:
    """Every request is a session of its own, with one job."""

    def __init__(
        self, jobs: JobService, links: MediaLinks, data: VideoData, users: UserData, clock: Clock, *, seconds: float
    ) -> None:
        """``seconds``: how long a request waits for its file."""
        self._jobs, self._links, self._data, self._users = jobs, links, data, users
        self._clock, self._seconds = clock, seconds

    def fetch(self, address: str, params: dict[str, Any], username: str | None) -> AutoDownload:
        """Have the sound of a video made, and wait for it.

        ``params``: ``url``, ``audio_format``, ``audio_quality``, ``normalize_loudness``.

        Raises:
            RequestInvalid, UrlInvalid, VideoIdInvalid: there is nothing to fetch.
            TooManyPending, DiskFull: not now.
            Busy, JobTimeout: this request could not wait for it, or waited as long as it may; it goes on without.
            AppError: the one that ended the job.
        """
        if not params.get("url"):
            raise RequestInvalid(URL_REQUIRED)
        video_id = parse_video_id_from_url(params["url"])
        user = self._users.find_by_name(username) if username else None
        owner = Owner.user(user.id) if user else Owner(OwnerKind.ADDRESS, network_of(address))
        session_id = str(uuid.uuid4())
        sound = AudioParams(**{**params, "url": canonical_url(video_id), "youtube_video_id": video_id})
        job = self._jobs.start_new(self._jobs.save(owner, sound, facts={"request": {"auto_download": session_id}}))
        began = time.monotonic()
        job = self._jobs.wait(job, self._seconds)
        self._jobs.require_success(job)
        if job.artifact is None:
            # Waiting ends early where too many wait already, or this process is asked to end.
            waited = time.monotonic() - began >= 0.9 * self._seconds
            raise JobTimeout(job_id=job.id) if waited else Busy(job_id=job.id, retry_after_seconds=30)
        return AutoDownload(job, session_id, self._links.link(job, session_id), username if user else None)

    def history(self, user_id: str, *, offset: int, limit: int) -> tuple[list[AutoDownload], int]:
        """Some of a user's audio downloads, newest first, and how many there are."""
        found, total = self._jobs.some(Owner.user(user_id), KINDS, offset=offset, limit=limit)
        sessions = [_session_of(job) for job in found]
        return [
            AutoDownload(job, each, self._links.link(job, each)) for job, each in zip(found, sessions, strict=True)
        ], total

    def link(self, username: str, *, hours: float) -> tuple[User, int]:
        """Give the downloads of the last hours that belong to nobody to an account; the account, and how many.

        Raises:
            UserUnknown: there is no such account.
        """
        user = self._users.find_by_name(username)
        if user is None:
            raise UserUnknown(f"There is no account {username}.")
        since: datetime = self._clock.now() - timedelta(hours=hours)
        return user, self._data.hand_over("auto_download", Owner.user(user.id), since)


def _session_of(job: VideoJob) -> str:
    """The session of an auto download; of another audio job its own id."""
    return str(job.facts.get("request", {}).get("auto_download") or job.id)

"""Auto downloads: one request, one audio file; for an account where one is named, and to be claimed later where not."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from src.data.user_data import UserData
from src.data.video_data import VideoData
from src.errors import Busy, JobTimeout, QuotaExceeded, RequestInvalid, TooManyPending, UserUnknown
from src.models.params import AudioParams
from src.models.user import User
from src.models.video import Owner, OwnerKind, VideoJob
from src.services.jobs.file_links import FileLink, FileLinks
from src.services.jobs.jobs import JobService
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
    link: FileLink | None
    linked_to: str | None = None


class AutoDownloads:
    """Every request is a session of its own, with one job."""

    def __init__(
        self,
        jobs: JobService,
        links: FileLinks,
        data: VideoData,
        users: UserData,
        clock: Clock,
        *,
        welcome: Callable[[User | None], bool],
        seconds: float,
    ) -> None:
        """``welcome``: whether an account takes what others ask for. ``seconds``: how long a request waits for its
        file."""
        self._welcome = welcome
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
        session_id = str(uuid.uuid4())
        sound = AudioParams(**{**params, "url": canonical_url(video_id), "youtube_video_id": video_id})
        visitor = Owner(OwnerKind.ADDRESS, network_of(address))
        # Of the workers, what is made for an account takes the share of whoever asked: see QueueData.
        request = {"auto_download": session_id, "counts_for": f"{visitor.kind.value}:{visitor.id}"}
        facts = {"request": request}
        job = self._begin_for(username, sound, facts) if username else None
        linked = job is not None
        if job is None:
            job = self._jobs.start_new(self._jobs.save(visitor, sound, facts=facts))
        began = time.monotonic()
        job = self._jobs.wait(job, self._seconds)
        self._jobs.require_success(job)
        if job.artifact is None:
            # Waiting ends early where too many wait already, or this process is asked to end.
            waited = time.monotonic() - began >= 0.9 * self._seconds
            raise JobTimeout(job_id=job.id) if waited else Busy(job_id=job.id, retry_after_seconds=30)
        return AutoDownload(job, session_id, self._links.link(job, session_id), username if linked else None)

    def _begin_for(self, username: str, sound: AudioParams, facts: Mapping[str, Any]) -> VideoJob | None:
        """The download for the account of this name; ``None`` where it cannot be linked.

        There is no such account, it takes nothing from others, or there is no room: whoever asks learns none of these.
        """
        user = self._users.find_by_name(username)
        if not self._welcome(user) or user is None:
            return None
        try:
            return self._jobs.start_new(self._jobs.save(Owner.user(user.id), sound, facts=facts, anonymous=True))
        except (TooManyPending, QuotaExceeded):
            return None

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

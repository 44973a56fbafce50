"""Downloads the audio of a video in one request, for a named account or to be claimed by an account later."""

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
    """A download: its job, the folder of its link, the link if the file exists, and the account that owns it."""

    job: VideoJob
    session_id: str
    link: FileLink | None
    linked_to: str | None = None


class AutoDownloads:
    """Fetches audio files; every request has a separate session with one job."""

    def __init__(
        self,
        jobs: JobService,
        links: FileLinks,
        data: VideoData,
        users: UserData,
        clock: Clock,
        *,
        is_permitted: Callable[[User | None], bool],
        seconds: float,
    ) -> None:
        """Set the services. ``is_permitted``: whether an account accepts requests of others. ``seconds``: how long a
        request waits for its file."""
        self._is_permitted = is_permitted
        self._jobs, self._links, self._data, self._users = jobs, links, data, users
        self._clock, self._seconds = clock, seconds

    def fetch(self, address: str, params: dict[str, Any], username: str | None) -> AutoDownload:
        """Produce the audio of a video, and wait for it.

        ``params``: ``url``, ``audio_format``, ``audio_quality``, ``normalize_loudness``.

        Raises:
            RequestInvalid, UrlInvalid, VideoIdInvalid: the request is invalid.
            TooManyPending, DiskFull: the request may be repeated later.
            Busy, JobTimeout: the request could not wait, or has waited the longest time; the job continues.
            AppError: the error that ended the job.
        """
        if not params.get("url"):
            raise RequestInvalid(URL_REQUIRED)
        video_id = parse_video_id_from_url(params["url"])
        session_id = str(uuid.uuid4())
        audio = AudioParams(**{**params, "url": canonical_url(video_id), "youtube_video_id": video_id})
        visitor = Owner(OwnerKind.ADDRESS, network_of(address))
        # Jobs for an account count against the worker share of the client that requested them: see QueueData.
        request = {"auto_download": session_id, "counts_for": f"{visitor.kind.value}:{visitor.id}"}
        facts = {"request": request}
        job = self._start_for(username, audio, facts) if username else None
        linked = job is not None
        if job is None:
            job = self._jobs.start_new(self._jobs.save(visitor, audio, facts=facts))
        started = time.monotonic()
        job = self._jobs.wait(job, self._seconds)
        self._jobs.require_success(job)
        if job.artifact is None:
            # Waiting ends early if too many requests wait already, or if this process is ending.
            waited = time.monotonic() - started >= 0.9 * self._seconds
            raise JobTimeout(job_id=job.id) if waited else Busy(job_id=job.id, retry_after_seconds=30)
        return AutoDownload(job, session_id, self._links.link(job, session_id), username if linked else None)

    def _start_for(self, username: str, audio: AudioParams, facts: Mapping[str, Any]) -> VideoJob | None:
        """Start the download for the account of this name; ``None`` if it cannot be linked.

        The account does not exist, does not accept requests of others, or has no room; the client cannot see which.
        """
        user = self._users.find_by_name(username)
        if user is None or not self._is_permitted(user):
            return None
        try:
            return self._jobs.start_new(self._jobs.save(Owner.user(user.id), audio, facts=facts, anonymous=True))
        except (TooManyPending, QuotaExceeded):
            return None

    def history(self, user_id: str, *, offset: int, limit: int) -> tuple[list[AutoDownload], int]:
        """Return some of a user's audio downloads, newest first, and their number."""
        found, total = self._jobs.some(Owner.user(user_id), KINDS, offset=offset, limit=limit)
        sessions = [_session_of(job) for job in found]
        return [
            AutoDownload(job, each, self._links.link(job, each)) for job, each in zip(found, sessions, strict=True)
        ], total

    def link(self, username: str, *, hours: float) -> tuple[User, int]:
        """Assign the unclaimed downloads of the last ``hours`` to an account; return the account and their number.

        Raises:
            UserUnknown: the account does not exist.
        """
        user = self._users.find_by_name(username)
        if user is None:
            raise UserUnknown(f"There is no account {username}.")
        since: datetime = self._clock.now() - timedelta(hours=hours)
        return user, self._data.hand_over("auto_download", Owner.user(user.id), since)


def _session_of(job: VideoJob) -> str:
    """Return the session of an auto download; for another audio job the job's id."""
    return str(job.facts.get("request", {}).get("auto_download") or job.id)

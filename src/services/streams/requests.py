"""Requests for streams: checked, counted against the limits of an address and of the queue, kept, and found again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from src.config import Settings, SettingsError
from src.errors import JobNotFound, QueueFull, RequestInvalid, TooManyPending, UrlInvalid
from src.models.params import StreamParams
from src.models.video import Failure, Owner, OwnerKind, Status, VideoJob
from src.services.egress.policy import Upstream
from src.services.jobs.file_links import MediaLink, MediaLinks
from src.services.jobs.jobs import JobService
from src.utils.addresses import network_of
from src.utils.signing import Signer

KINDS = (StreamParams.kind,)
FOLDER = "streams"
_PURPOSE = "stream"
_DAY_SECONDS = 86_400.0
_RESOLUTION = re.compile(r"(\d{2,5})x(\d{2,5})")


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What a stranger wants. ``resolution`` as "1920x1080"; what is None is as the operator set it."""

    url: str
    stream_type: Literal["hls", "mp4"] = "hls"
    resolution: str | None = None
    parallel: bool | None = None
    proxy: str | None = None
    video_name: str | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream as it is told: ``told_id`` finds it again; how many pieces there are, how many are there, and how far
    that is in percent; the link to its file once it is made; how often a piece is tried again."""

    job: VideoJob
    told_id: str
    percent: float
    segments: int
    segments_done: int
    link: MediaLink | None
    retries: int

    @property
    def state(self) -> Status:
        """A job that is just stopping counts as cancelled."""
        stopping = self.job.cancel_requested and self.job.status is Status.PROCESSING
        return Status.CANCELLED if stopping else self.job.status

    @property
    def failure(self) -> Failure | None:
        """Why it failed; a cancelled one did not."""
        return self.job.failure if self.job.status is Status.FAILED else None

    @property
    def finished(self) -> StreamView | None:
        """This, once there is a file."""
        return self if self.link else None


class StreamRequests:
    """From a request to a job. There is no login here: who knows the id of a job may see it and cancel it.

    Such an id is the job's own with a signature, so that it cannot be guessed from others.
    """

    def __init__(self, jobs: JobService, links: MediaLinks, signer: Signer, settings: Settings) -> None:
        self._jobs, self._links, self._signer, self._settings = jobs, links, signer, settings

    def request(self, address: str, request: StreamRequest) -> VideoJob:
        """Keep a request of this network address and ask for its file.

        Raises:
            UrlInvalid, RequestInvalid: it cannot be understood.
            TooManyPending: the address has as many unfinished downloads as it may have.
            QueueFull: so many wait that no more are taken. DiskFull: there is no room.
        """
        settings, owner = self._settings, Owner(OwnerKind.ADDRESS, network_of(address))
        params = self._params(request)
        job = self._jobs.save(owner, params, keep_seconds=settings.stream_retention_days * _DAY_SECONDS)
        try:
            # Counted after it was stored: two requests at the same time cannot both take the last place.
            if self._jobs.count_open(KINDS, owner) > settings.stream_limit_per_address:
                limit = settings.stream_limit_per_address
                raise TooManyPending(f"This address already has {limit} downloads that have not ended.", limit=limit)
            if self._jobs.count_open(KINDS, running=False) > settings.stream_queue_size:
                raise QueueFull(retry_after_seconds=60)
            return self._jobs.start(job)
        except BaseException:
            self._jobs.forget(job)
            raise

    def find(self, told_id: str) -> VideoJob:
        """The job of an id that ``view`` told.

        Raises:
            JobNotFound: nobody here made this id, or the job is gone.
        """
        job_id, _, signature = told_id.partition("-")
        if not self._signer.is_signed(_PURPOSE, job_id, signature):
            raise JobNotFound()
        return self._jobs.find_of_kind(job_id, KINDS, missing=JobNotFound)

    def view(self, job: VideoJob) -> StreamView:
        """A job as it is told."""
        told_id = f"{job.id}-{self._signer.sign(_PURPOSE, job.id)}"
        link, retries = self._links.link(job, FOLDER), self._settings.stream_retries
        return StreamView(job, told_id, *self._reading(job), link, retries)

    def cancel(self, job: VideoJob) -> VideoJob:
        """Stop a job and forget one that has ended; the job as it is then told."""
        job, forgotten = self._jobs.dismiss(job)
        return job if forgotten or job.ended else replace(job, cancel_requested=True)

    def _reading(self, job: VideoJob) -> tuple[float, int, int]:
        segments = int(job.report.get("actual", {}).get("segments", 0))
        if job.status is Status.COMPLETED:
            return 100.0, segments, segments
        fields = self._jobs.progress(job) or {}
        done, total = fields.get("segments_done") or 0, fields.get("segments_total") or 0
        return float(fields.get("download_progress", 0.0)), total, done

    def _params(self, request: StreamRequest) -> StreamParams:
        settings = self._settings
        try:
            parts = urlsplit(request.url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid or not request.url.isascii() or any(char.isspace() for char in request.url):
            raise UrlInvalid("url must be a link that begins with http:// or https://")
        try:
            Upstream.parse(request.proxy or "http://unused")
        except SettingsError as error:
            raise RequestInvalid(str(error)) from None
        size = request.resolution or settings.stream_resolution or None
        found = _RESOLUTION.fullmatch(size) if size else None
        if size and not found:
            raise RequestInvalid("resolution must be a width and a height such as 1920x1080")
        return StreamParams(
            url=request.url,
            stream_type=request.stream_type,
            size=(int(found[1]), int(found[2])) if found else None,
            parallel=settings.stream_parallel if request.parallel is None else request.parallel,
            # Only what the request names. The operator's own proxy may be at a private address, and whose choice it was
            # must be known where it is used.
            proxy=request.proxy or None,
            video_name=request.video_name,
            max_seconds=request.max_seconds or settings.stream_max_seconds,
        )

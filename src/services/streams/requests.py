"""Accepts requests for streams: checks them and enforces the limits of an address and of the queue."""

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
from src.services.jobs.file_links import FileLink, FileLinks
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
    """A client's request. ``resolution`` as "1920x1080"; None stands for the operator's setting."""

    url: str
    stream_type: Literal["hls", "mp4"] = "hls"
    resolution: str | None = None
    parallel: bool | None = None
    proxy: str | None = None
    video_name: str | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream as clients see it: the ``signed_id`` to find it again, its progress in percent, the number of its
    segments and of those on disk, the link to its file once it exists, and the number of retries for a piece."""

    job: VideoJob
    signed_id: str
    percent: float
    segments: int
    segments_done: int
    link: FileLink | None
    retries: int

    @property
    def state(self) -> Status:
        """Its status; a job that is being stopped counts as cancelled."""
        stopping = self.job.cancel_requested and self.job.status is Status.PROCESSING
        return Status.CANCELLED if stopping else self.job.status

    @property
    def failure(self) -> Failure | None:
        """The reason for its failure, if it failed and was not cancelled."""
        return self.job.failure if self.job.status is Status.FAILED else None

    @property
    def finished(self) -> StreamView | None:
        """This view, once the file exists."""
        return self if self.link else None


class StreamRequests:
    """Turns requests into jobs. There is no login: every client that knows the id of a job may see and cancel it.

    This id is the job's own id with a signature, so that it cannot be guessed.
    """

    def __init__(self, jobs: JobService, links: FileLinks, signer: Signer, settings: Settings) -> None:
        self._jobs, self._links, self._signer, self._settings = jobs, links, signer, settings

    def request(self, address: str, request: StreamRequest) -> VideoJob:
        """Store a request of this network address and queue its job.

        Raises:
            UrlInvalid, RequestInvalid: the request is invalid.
            TooManyPending: the address has reached its limit of unfinished downloads.
            QueueFull: the queue has reached its limit. DiskFull: the storage is full.
        """
        settings, owner = self._settings, Owner(OwnerKind.ADDRESS, network_of(address))
        params = self._params(request)
        job = self._jobs.save(owner, params, keep_seconds=settings.stream_retention_days * _DAY_SECONDS)
        try:
            # Counted after it was stored, so that two simultaneous requests cannot both take the last place.
            if self._jobs.count_open(KINDS, owner) > settings.stream_limit_per_address:
                limit = settings.stream_limit_per_address
                raise TooManyPending(f"This address already has {limit} unfinished downloads.", limit=limit)
            if self._jobs.count_open(KINDS, running=False) > settings.stream_queue_size:
                raise QueueFull(retry_after_seconds=60)
            return self._jobs.start(job)
        except BaseException:
            self._jobs.forget(job)
            raise

    def find(self, signed_id: str) -> VideoJob:
        """Find the job of a signed id.

        Raises:
            JobNotFound: the signature is wrong, or the job no longer exists.
        """
        job_id, _, signature = signed_id.partition("-")
        if not self._signer.is_signed(_PURPOSE, job_id, signature):
            raise JobNotFound()
        return self._jobs.find_of_kind(job_id, KINDS, missing=JobNotFound)

    def view(self, job: VideoJob) -> StreamView:
        """Return a job as clients see it."""
        signed_id = f"{job.id}-{self._signer.sign(_PURPOSE, job.id)}"
        link, retries = self._links.link(job, FOLDER), self._settings.stream_retries
        return StreamView(job, signed_id, *self._reading(job), link, retries)

    def cancel(self, job: VideoJob) -> VideoJob:
        """Stop a job, or delete one that has ended. Returns the job as clients see it from now on."""
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
        return StreamParams(
            url=request.url,
            stream_type=request.stream_type,
            size=_size(request.resolution or settings.stream_resolution),
            parallel=settings.stream_parallel if request.parallel is None else request.parallel,
            # Only the proxy of the request: the operator's own may have a private address, which is allowed only if the
            # operator chose it.
            proxy=request.proxy or None,
            video_name=request.video_name,
            max_seconds=request.max_seconds or settings.stream_max_seconds,
        )


def _size(resolution: str) -> tuple[int, int] | None:
    if not resolution:
        return None
    found = _RESOLUTION.fullmatch(resolution)
    if not found:
        raise RequestInvalid("resolution must be a width and a height such as 1920x1080")
    return int(found[1]), int(found[2])

"""Accepts requests for the video, the audio or the captions of a link, from guests, users and archives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import ValidationError

from src.data.video_data import VideoData
from src.errors import JobEnded, JobNotFound, RequestInvalid
from src.models.page import Page
from src.models.params import AudioParams, JobParams, TranscriptParams, VideoParams
from src.models.video import Owner, Status, VideoJob
from src.services.accounts.guests import GuestService
from src.services.file_store import FileStore
from src.services.jobs.jobs import JobService
from src.services.jobs.view import JobView
from src.utils.validators import canonical_url, parse_video_id_from_url

Media = Literal["video", "audio", "transcript"]
KINDS = (VideoParams.kind, AudioParams.kind, TranscriptParams.kind)


_RESOLUTION = re.compile(r"(\d{3,4})p?")
_BIT_RATE = re.compile(r"(128|192|320)k?")
_LOWEST = "144p"  # if unavailable, the lowest available resolution is used
# Parameter names of the kinds, and the names that callers use.
_CALLER_NAMES = {
    **dict.fromkeys(("audio_quality", "transcript_source", "resolution_preference"), "quality"),
    **dict.fromkeys(("audio_format", "transcript_format", "format_preference"), "output_format"),
    "caption_language": "language",
}
_CAPTION_SOURCES = {"best": "any", "any": "any", "manual": "manual", "automatic": "automatic", "auto": "automatic"}


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """A request for a file of a link. ``original``: the fields as the caller sent them, for surfaces that repeat them.

    ``quality``: of a video ``best``, ``worst`` or a resolution; of audio ``best``, ``worst`` or a bit rate; of captions
    ``best``, ``manual`` or ``automatic``. ``keep_seconds``: as in ``VideoJob``.
    """

    url: str
    media: Media = "video"
    quality: str = "best"
    output_format: str | None = None
    language: str | None = None
    max_bytes: int | None = None
    keep_seconds: float | None = None
    original: Mapping[str, Any] = field(default_factory=dict)


class DownloadService:
    """Creates download jobs and manages them."""

    def __init__(
        self,
        jobs: JobService,
        guests: GuestService,
        files: FileStore,
        *,
        archive_max_bytes: int,
        archive_keep_seconds: float,
    ) -> None:
        self._jobs, self._guests, self._files = jobs, guests, files
        self._archive_max_bytes, self._archive_keep_seconds = archive_max_bytes, archive_keep_seconds

    def request(self, owner: Owner, request: DownloadRequest) -> VideoJob:
        """Save a download and start it.

        Raises:
            UrlInvalid, VideoIdInvalid, RequestInvalid: the request is invalid.
            SessionFull, TooManyPending: the owner has reached a limit of jobs.
            DiskFull: there is no room for new work.
        """
        params = _params(request)
        job_id = VideoData.new_id()
        self._files.require_room()
        self._guests.reserve(owner, job_id)
        try:
            saved = self._jobs.save(
                owner,
                params,
                job_id=job_id,
                facts={"request": dict(request.original)} if request.original else None,
                keep_seconds=request.keep_seconds,
            )
            return self._jobs.start_new(saved)
        except BaseException:
            self._guests.release(owner, job_id)
            raise

    def request_for_archive(self, owner: Owner, request: DownloadRequest) -> VideoJob:
        """The same for an archive: with the size limit and the file lifetime of archives."""
        archived = replace(
            request,
            max_bytes=self._archive_max_bytes,
            keep_seconds=self._archive_keep_seconds,
            original={**request.original, "archive": True},
        )
        return self.request(owner, archived)

    def find(self, job_id: str, owner: Owner) -> VideoJob:
        """Return the owner's job.

        Raises:
            JobNotFound, NotOwner: the job is unknown, or belongs to another owner.
        """
        return self._jobs.find(job_id, owner, KINDS, missing=JobNotFound)

    def find_view(self, job_id: str, owner: Owner) -> JobView:
        """Return the owner's job with its last reading. Raises as ``find``."""
        return self.view(self.find(job_id, owner))

    def page(self, owner: Owner, *, offset: int, limit: int, state: Status | None = None) -> Page[JobView]:
        """Return some of the owner's jobs (in ``state``, if given), newest first."""
        states = () if state is None else (state,)
        found, total = self._jobs.some(owner, KINDS, offset=offset, limit=limit, states=states)
        return Page(found, total, offset).map(self.view)

    def retry(self, job_id: str, owner: Owner) -> JobView:
        """Start a failed or cancelled job again; other jobs stay as they are. Raises as ``find``."""
        return self.view(self._jobs.retry(self.find(job_id, owner)))

    def cancel(self, job_id: str, owner: Owner) -> VideoJob:
        """Cancel a job: at once if it waits, within a second if it runs. It is reported as cancelled in either case.

        Raises:
            JobNotFound, NotOwner: as ``find``.
            JobEnded: the job has ended.
        """
        job = self.find(job_id, owner)
        if job.ended and job.status is not Status.CANCELLED:
            raise JobEnded(status=job.status.value)
        return replace(self._jobs.cancel(job), status=Status.CANCELLED)

    def dismiss(self, job_id: str, owner: Owner) -> tuple[JobView, bool]:
        """Cancel a job that is open, delete one that has ended; return the job and whether it was deleted.

        A job that is being cancelled is reported as cancelled: its worker stops within a second. Raises as ``find``.
        """
        job, forgotten = self._jobs.dismiss(self.find(job_id, owner))
        if forgotten:
            self._guests.release(job.owner, job.id)
        return self.view(job if forgotten else replace(job, status=Status.CANCELLED)), forgotten

    def view(self, job: VideoJob) -> JobView:
        """Return a job with its last reading."""
        return JobView(job, self._jobs.progress(job) or {})


def _params(request: DownloadRequest) -> JobParams:
    video_id = parse_video_id_from_url(request.url)
    source = {"url": canonical_url(video_id), "youtube_video_id": video_id}
    quality, wanted = request.quality.strip().lower(), request.output_format
    try:
        if request.media == "audio":
            return AudioParams.model_validate(
                {**source, "audio_format": wanted or "mp3", "audio_quality": _rate(quality)}
            )
        if request.media == "transcript":
            return TranscriptParams.model_validate(
                {
                    **source,
                    "transcript_format": wanted or "vtt",
                    "transcript_source": _CAPTION_SOURCES.get(quality, quality),
                    "caption_language": request.language,
                }
            )
        return VideoParams.model_validate(
            {
                **source,
                "format_preference": wanted or "mp4",
                "resolution_preference": _resolution(quality),
                "max_bytes": request.max_bytes,
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = _CALLER_NAMES.get(str(first["loc"][0]), str(first["loc"][0]))
        raise RequestInvalid(
            f"{field}: {first['msg']}", fields=[{"field": field, "problem": first["msg"]}], media=request.media
        ) from None


def _resolution(quality: str) -> str:
    if quality in ("best", "worst"):
        return "best" if quality == "best" else _LOWEST
    found = _RESOLUTION.fullmatch(quality)
    if found is None:
        raise RequestInvalid("quality must be best, worst or a resolution such as 720p")
    return f"{found[1]}p"


def _rate(quality: str) -> str:
    found = _BIT_RATE.fullmatch(quality)
    return f"{found[1]}k" if found else quality

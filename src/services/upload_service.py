"""Takes uploaded videos in: checked, kept under a name of our own, and turned into an encode request."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from src.data.video_data import VideoData
from src.errors import FileGone, UploadTypeUnsupported
from src.models.params import Codec, EncodeParams, Quality
from src.models.video import Owner, Status, VideoJob
from src.services.encoding_service import EncodingService
from src.services.file_store import FileStore
from src.services.job_service import JobService
from src.utils.clock import Clock
from src.utils.filenames import display_name

log = logging.getLogger(__name__)

# The documented list.
ALLOWED_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".flv", ".wmv", ".webm", ".m4v", ".mpg", ".mpeg", ".3gp"})


@dataclass(frozen=True, slots=True)
class EncodeChoice:
    """What to make of an upload; a target replaces the number of a lossy preset. Names are those of the parameters."""

    video_codec: Codec
    quality_preset: Quality
    target_size_mb: float | None = None
    target_vmaf: float | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A kept upload: the encode request and what the file was found to be."""

    job: VideoJob
    size_bytes: int
    metadata: dict[str, object]


class UploadService:
    """From a received file to an encode request, and from there to its start."""

    def __init__(
        self,
        jobs: JobService,
        files: FileStore,
        encoder: EncodingService,
        clock: Clock,
        *,
        keep_minutes: int,
    ) -> None:
        self._jobs, self._files, self._encoder, self._clock = jobs, files, encoder, clock
        self._keep = timedelta(minutes=keep_minutes)

    def require_acceptable(self, filename: str) -> str:
        """The name as it is shown, if its type is accepted; asked before the first byte is kept.

        Raises:
            UploadTypeUnsupported: an extension that is not on the list.
            DiskFull: there is no room for uploads.
        """
        name = display_name(filename)
        if Path(name).suffix.lower() not in ALLOWED_SUFFIXES:
            raise UploadTypeUnsupported(allowed=sorted(suffix[1:] for suffix in ALLOWED_SUFFIXES))
        self._files.require_room()
        return name

    def accept(self, owner: Owner, received: Path, filename: str, *, job_id: str | None = None) -> Uploaded:
        """Keep a received file as an encode request; on any refusal the file is deleted.

        Raises:
            UploadTypeUnsupported, MediaInvalid: not a video that can be read.
            TooManyPending: the owner has as many open jobs as allowed.
            DiskFull, QuotaExceeded: there is no room for it.
        """
        job_id = job_id or VideoData.new_id()
        kept = self._files.uploads / f"{job_id}{Path(display_name(filename)).suffix.lower()}"
        try:
            name = self.require_acceptable(filename)
            size = received.stat().st_size
            self._jobs.require_room(owner, size)
            metadata = self._encoder.get_video_metadata(received)
            os.utime(received)  # how long it may wait for its record counts from here
            received.replace(kept)
            job = self._jobs.save(
                owner,
                EncodeParams(original_filename=name, input_file_path=str(kept), input_size_bytes=size),
                job_id=job_id,
                expires_at=self._clock.now() + self._keep,
            )
        except BaseException:
            received.unlink(missing_ok=True)
            kept.unlink(missing_ok=True)
            raise
        return Uploaded(job, size, metadata)

    def start(self, job: VideoJob, choice: EncodeChoice) -> VideoJob:
        """Ask for the file in this codec and quality; a finished one of the same choice stays.

        Raises:
            FileGone: the uploaded file has expired.
        """
        assert isinstance(job.params, EncodeParams)
        changes = asdict(choice)
        same = all(getattr(job.params, name) == value for name, value in changes.items())
        if job.status is Status.COMPLETED and same and job.artifact is not None:
            return job
        if not job.params.input_file_path:
            raise FileGone("The uploaded file has expired; please upload it again.")
        return self._jobs.start(job, changes)

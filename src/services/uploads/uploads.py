"""Takes uploaded videos and sounds in: checked, kept under a name of our own, and turned into an encode request."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from src.data.video_data import VideoData
from src.errors import Busy, FileGone, MediaInvalid, RequestInvalid, StoreUnavailable, UploadTypeUnsupported
from src.models.params import AudioFormat, AudioQuality, Codec, EncodeParams, Quality
from src.models.video import Owner, Status, VideoJob
from src.services.encoding.audio_extraction import AudioService
from src.services.encoding_service import EncodingService
from src.services.file_store import FileStore
from src.services.jobs.jobs import JobService
from src.utils.clock import Clock
from src.utils.filenames import display_name
from src.utils.moved_file import move_file

log = logging.getLogger(__name__)

Media = Literal["video", "audio"]
# The documented list of videos, and what the probe reads of sound alone.
SUFFIXES: Final[Mapping[Media, frozenset[str]]] = {
    "video": frozenset({".mp4", ".avi", ".mkv", ".mov", ".flv", ".wmv", ".webm", ".m4v", ".mpg", ".mpeg", ".3gp"}),
    "audio": frozenset({".mp3", ".wav", ".flac", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma", ".mka", ".weba"}),
}


@dataclass(frozen=True, slots=True)
class EncodeChoice:
    """What to make of an upload: a video, or a file of its sound. Names are those of the parameters."""

    video_codec: Codec | None = None
    quality_preset: Quality | None = None
    target_size_mb: float | None = None
    target_vmaf: float | None = None
    audio_format: AudioFormat | None = None
    audio_quality: AudioQuality | None = None
    normalize_loudness: bool = False


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
        audio: AudioService,
        clock: Clock,
        *,
        keep_minutes: int,
    ) -> None:
        self._jobs, self._files, self._encoder, self._audio, self._clock = jobs, files, encoder, audio, clock
        self._keep = timedelta(minutes=keep_minutes)

    def require_acceptable(self, filename: str, media: Media | None = None) -> str:
        """The name as it is shown, if its type (of this media, or of any) is accepted; asked before the first byte is
        kept.

        Raises:
            UploadTypeUnsupported: an extension that is not on the list.
            DiskFull: there is no room for uploads.
        """
        name = display_name(filename)
        allowed = SUFFIXES["video"] | SUFFIXES["audio"] if media is None else SUFFIXES[media]
        if Path(name).suffix.lower() not in allowed:
            raise UploadTypeUnsupported(allowed=sorted(suffix[1:] for suffix in allowed))
        self._files.require_room()
        return name

    def accept(self, owner: Owner, received: Path, filename: str, *, job_id: str | None = None) -> Uploaded:
        """Keep a received file as an encode request; on any refusal the file is deleted. ``job_id``: what room is held
        for it by.

        Raises:
            StoreUnavailable, Busy: nothing is wrong with the file, which stays where it was received.
            UploadTypeUnsupported, MediaInvalid: not a video that can be read.
            TooManyPending: the owner has as many open jobs as allowed.
            DiskFull, QuotaExceeded: there is no room for it.
        """
        job_id = job_id or VideoData.new_id()
        kept = self._files.uploads / f"{job_id}{Path(display_name(filename)).suffix.lower()}"
        try:
            name = self.require_acceptable(filename)
            size = received.stat().st_size
            self._jobs.require_room(owner, size, hold_id=job_id)
            sound_alone = kept.suffix in SUFFIXES["audio"]
            look = self._audio.get_metadata if sound_alone else self._encoder.get_video_metadata
            metadata = look(received)
            os.utime(received)  # how long it may wait for its record counts from here
            move_file(received, kept)
            job = self._jobs.save(
                owner,
                EncodeParams(
                    original_filename=name,
                    input_file_path=str(kept),
                    input_size_bytes=size,
                    has_video=bool(metadata.get("has_video", True)),
                    has_audio=bool(metadata.get("has_audio", True)),
                ),
                job_id=job_id,
                expires_at=self._clock.now() + self._keep,
            )
        except (StoreUnavailable, Busy):
            if kept.exists():
                move_file(kept, received)
            raise
        except BaseException:
            received.unlink(missing_ok=True)
            kept.unlink(missing_ok=True)
            raise
        return Uploaded(job, size, metadata)

    def start(self, job: VideoJob, choice: EncodeChoice) -> VideoJob:
        """Ask for the file of this choice; a finished one of the same choice stays.

        Raises:
            MediaInvalid: the upload does not have what is wanted of it.
            FileGone: the uploaded file has expired.
        """
        assert isinstance(job.params, EncodeParams)
        if choice.audio_format is None and not job.params.has_video:
            raise MediaInvalid("This file has sound but no video")
        if choice.audio_format is not None and not job.params.has_audio:
            raise MediaInvalid("This file has no sound")
        changes = asdict(choice)
        same = all(getattr(job.params, name) == value for name, value in changes.items())
        if job.status is Status.COMPLETED and same and job.artifact is not None:
            return job
        if not job.params.input_file_path:
            raise FileGone("The uploaded file has expired; please upload it again.")
        return self._jobs.start(job, changes)

    def retry(self, job: VideoJob) -> VideoJob:
        """Start a failed or cancelled encode anew, with the same choice; others stay as they are.

        Raises:
            RequestInvalid: nobody has chosen yet what it is to become.
            FileGone: the uploaded file has expired.
        """
        assert isinstance(job.params, EncodeParams)
        if job.status in (Status.FAILED, Status.CANCELLED):
            if job.params.video_codec is None and job.params.audio_format is None:
                raise RequestInvalid("This encode was cancelled before it was started: start it instead.")
            if not job.params.input_file_path:
                raise FileGone("The uploaded file has expired; please upload it again.")
        return self._jobs.retry(job)

"""Checks and stores uploaded video and audio files under generated names and creates their encode requests."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
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
# The documented list of video types, and the audio types that the probe reads.
SUFFIXES: Final[Mapping[Media, frozenset[str]]] = {
    "video": frozenset({".mp4", ".avi", ".mkv", ".mov", ".flv", ".wmv", ".webm", ".m4v", ".mpg", ".mpeg", ".3gp"}),
    "audio": frozenset({".mp3", ".wav", ".flac", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma", ".mka", ".weba"}),
}


@dataclass(frozen=True, slots=True)
class EncodeChoice:
    """The requested result of an upload: a video, or a file of its audio. Names are those of the parameters."""

    video_codec: Codec | None = None
    quality_preset: Quality | None = None
    target_size_mb: float | None = None
    target_vmaf: float | None = None
    audio_format: AudioFormat | None = None
    audio_quality: AudioQuality | None = None
    normalize_loudness: bool = False


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A stored upload: the encode request and the properties of the file."""

    job: VideoJob
    size_bytes: int
    metadata: dict[str, object]


class UploadService:
    """Turns received files into encode requests, and starts these."""

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
        """Return the name to display if its type (of this media, or of any) is accepted; called before the first byte
        is stored.

        Raises:
            UploadTypeUnsupported: the extension is not on the list.
            DiskFull: there is no room for uploads.
        """
        name = display_name(filename)
        allowed = SUFFIXES["video"] | SUFFIXES["audio"] if media is None else SUFFIXES[media]
        if Path(name).suffix.lower() not in allowed:
            raise UploadTypeUnsupported(allowed=sorted(suffix[1:] for suffix in allowed))
        self._files.require_room()
        return name

    def accept(self, owner: Owner, received: Path, filename: str, *, job_id: str | None = None) -> Uploaded:
        """Store a received file as an encode request; if it is refused, delete it. ``job_id``: the id of its space
        reservation.

        Raises:
            StoreUnavailable, Busy: the file is not at fault and stays where it was received.
            UploadTypeUnsupported, MediaInvalid: the file is not readable media.
            TooManyPending: the owner has too many open jobs.
            DiskFull, QuotaExceeded: there is no room for the file.
        """
        job_id = job_id or VideoData.new_id()
        stored = self._files.uploads / f"{job_id}{Path(display_name(filename)).suffix.lower()}"
        try:
            name = self.require_acceptable(filename)
            size = received.stat().st_size
            self._jobs.require_room(owner, size, hold_id=job_id)
            audio_only = stored.suffix in SUFFIXES["audio"]
            read_metadata = self._audio.get_metadata if audio_only else self._encoder.get_video_metadata
            metadata = read_metadata(received)
            os.utime(received)  # the time that it may wait for its record starts now
            move_file(received, stored)
            job = self._jobs.save(
                owner,
                EncodeParams(
                    original_filename=name,
                    input_file_path=str(stored),
                    input_size_bytes=size,
                    has_video=bool(metadata.get("has_video", True)),
                    has_audio=bool(metadata.get("has_audio", True)),
                ),
                job_id=job_id,
                expires_at=self._clock.now() + self._keep,
            )
        except (StoreUnavailable, Busy):
            if stored.exists():
                move_file(stored, received)
            raise
        except BaseException:
            received.unlink(missing_ok=True)
            stored.unlink(missing_ok=True)
            raise
        return Uploaded(job, size, metadata)

    def start(self, job: VideoJob, choice: EncodeChoice) -> VideoJob:
        """Request the file of this choice; a finished file of the same choice stays.

        Raises:
            MediaInvalid: the upload does not contain the requested tracks.
            FileGone: the uploaded file has expired.
            FormatRefused: this server cannot produce it.
        """
        assert isinstance(job.params, EncodeParams)
        if choice.audio_format is None and not job.params.has_video:
            raise MediaInvalid("This file has audio but no video")
        if choice.audio_format is not None and not job.params.has_audio:
            raise MediaInvalid("This file has no audio")
        changes = asdict(choice)
        same = all(getattr(job.params, name) == value for name, value in changes.items())
        if job.status is Status.COMPLETED and same and job.artifact is not None:
            return job
        if not job.params.input_file_path:
            raise FileGone("The uploaded file has expired; please upload it again.")
        self._require_possible(Path(job.params.input_file_path), choice)
        return self._jobs.start(job, changes)

    def _require_possible(self, source: Path, choice: EncodeChoice) -> None:
        if choice.audio_format is not None:
            self._audio.require_possible(choice.audio_format, normalize_loudness=choice.normalize_loudness)
        elif choice.video_codec is not None and choice.quality_preset is not None:
            with_vmaf = choice.target_vmaf is not None and choice.quality_preset != "lossless"
            self._encoder.require_possible(source, choice.video_codec, choice.quality_preset, with_vmaf=with_vmaf)

    def retry(self, job: VideoJob) -> VideoJob:
        """Start a failed or cancelled encode again with the same choice; other jobs stay as they are.

        Raises:
            RequestInvalid: no choice was made yet.
            FileGone: the uploaded file has expired.
            FormatRefused: this server cannot produce it.
        """
        assert isinstance(job.params, EncodeParams)
        if job.status in (Status.FAILED, Status.CANCELLED):
            if job.params.video_codec is None and job.params.audio_format is None:
                raise RequestInvalid("This encode was cancelled before it was started: start it instead.")
            if not job.params.input_file_path:
                raise FileGone("The uploaded file has expired; please upload it again.")
            self._require_possible(Path(job.params.input_file_path), _choice_of(job.params))
        return self._jobs.retry(job)


def _choice_of(params: EncodeParams) -> EncodeChoice:
    """Return the choice with which an encode was started."""
    return EncodeChoice(**{one.name: getattr(params, one.name) for one in fields(EncodeChoice)})

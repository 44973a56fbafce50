"""What a kind of job is to the runner: a handler, and the context in which it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from src.models.params import JobParams
from src.models.progress import Monitor
from src.models.video import VideoJob

if TYPE_CHECKING:
    from src.services.audio.download import SoundService
    from src.services.clips.batch import ClipBatchService
    from src.services.encoding.audio_extraction import AudioService
    from src.services.encoding_service import EncodingService
    from src.services.live.service import LiveService
    from src.services.streams.service import StreamService
    from src.services.uploads.chunk_workers import ChunkCrew
    from src.services.video_service import VideoService
    from src.services.youtube_service import YouTubeService

P_contra = TypeVar("P_contra", bound=JobParams, contravariant=True)


@dataclass(frozen=True, slots=True)
class Engines:
    """What handlers work with."""

    videos: VideoService
    encoder: EncodingService
    youtube: YouTubeService
    streams: StreamService
    sounds: SoundService
    audio: AudioService
    batches: ClipBatchService
    live: LiveService
    crew: ChunkCrew


@dataclass(frozen=True, slots=True)
class JobContext:
    """One attempt: the job as it was claimed, a private folder, the monitor, and the engines.

    ``kept_dir`` may be made and used for what later attempts of the same job can go on with; it goes with the job's
    end, or with its file (``Made.padded``).
    """

    job: VideoJob
    work_dir: Path
    kept_dir: Path
    monitor: Monitor
    engines: Engines


@dataclass(frozen=True, slots=True)
class Made:
    """What a handler leaves in its work folder: a whole, verified file and what is to be told about it.

    ``report`` and ``facts`` hold JSON values: what the file is beside what was asked, and what was learnt
    about the source.
    """

    path: Path
    mime: str
    download_name: str
    report: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    truncated: bool = False
    """Whether it ends where its owner had no more room: then it is accepted as it is."""
    padded: bool = False
    """Whether ``kept_dir`` stays as long as the file does: it holds more of the source, for another cut."""


class JobHandler(Protocol[P_contra]):
    """One kind of job. It makes one file in ``context.work_dir`` or raises an ``AppError``."""

    @property
    def kind(self) -> str:
        """The kind, as its parameters name it."""

    @property
    def queue(self) -> str:
        """The queue whose workers run this kind."""

    def run(self, params: P_contra, context: JobContext) -> Made:
        """Do the work."""

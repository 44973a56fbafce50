"""All kinds of jobs: one line each."""

from __future__ import annotations

from typing import Any

from src.models.turns import Kinds
from src.services.audio.kind import AudioHandler
from src.services.clips.batch_kind import BatchHandler
from src.services.clips.kind import ClipHandler
from src.services.downloads.transcript_kind import TranscriptHandler
from src.services.downloads.video_kind import VideoHandler
from src.services.jobs.handler import JobHandler
from src.services.live.kind import LiveClipHandler
from src.services.streams.kind import StreamHandler
from src.services.uploads.kind import EncodeHandler

HANDLERS: tuple[JobHandler[Any], ...] = (
    ClipHandler(),
    LiveClipHandler(),
    EncodeHandler(),
    VideoHandler(),
    TranscriptHandler(),
    StreamHandler(),
    AudioHandler(),
    BatchHandler(),
)

BY_KIND = {handler.kind: handler for handler in HANDLERS}


def _kinds_of(queue: str) -> Kinds:
    here = [handler for handler in HANDLERS if handler.queue == queue]
    return Kinds(
        frozenset(handler.kind for handler in here),
        frozenset(handler.kind for handler in here if getattr(handler, "long", False)),
        frozenset(handler.kind for handler in here if getattr(handler, "urgent", False)),
    )


KINDS = {queue: _kinds_of(queue) for queue in sorted({handler.queue for handler in HANDLERS})}
"""The kinds of jobs in each queue."""

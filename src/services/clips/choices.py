"""Refuses a type of file that this installation cannot produce, before anything is captured or fetched for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from src.errors import FormatNotAvailable, FormatRefused
from src.models.params import RecordingParams
from src.models.video import VideoJob


class Encoder(Protocol):
    """Knows what the FFmpeg of this installation can encode."""

    def require_lossless_h265(self, *, deep: bool) -> None:
        """Raise ``FormatNotAvailable`` if it cannot encode lossless H.265."""


def require_possible(job: VideoJob, changes: Mapping[str, Any], encoder: Encoder) -> None:
    """Require that this installation can produce the file of a job with these changes of its parameters.

    Only MP4 files are ever encoded. A recording keeps the codec of its stream.

    Raises:
        FormatRefused: it cannot; the job stays as it is.
        DiskFull, EncodeInterrupted, JobTimeout: the trials of FFmpeg were disturbed.
    """
    if changes.get("compatibility", getattr(job.params, "compatibility", None)) != "h265":
        return
    if isinstance(job.params, RecordingParams):
        raise FormatRefused("The recording of a whole stream is not encoded; upload its file to encode it.")
    if changes.get("format_preference", getattr(job.params, "format_preference", None)) != "mp4":
        return
    try:
        encoder.require_lossless_h265(deep=False)
    except FormatNotAvailable as error:
        raise FormatRefused(error.message) from None

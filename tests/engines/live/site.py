"""A video site that knows one stream: where it is, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from src.errors import AppError, ChannelNotLive
from src.models.progress import Monitor
from src.models.source import Extraction, LiveStatus, MediaAddress, SourceFormat, VideoInfo
from src.utils.stream_names import NameKind, StreamName
from tests.tools.live_origin import LiveOrigin

VIDEO = "dQw4w9WgXcQ"


@dataclass
class LiveSite:
    """What ``LiveService`` and the handler ask of the YouTube service."""

    origin: LiveOrigin
    released_at: datetime
    status: LiveStatus = LiveStatus.IS_LIVE
    duration: float | None = None
    refusal: AppError | None = None
    extractions: int = 0
    names: dict[str, str] = field(default_factory=dict)

    def get_video_info(self, video_id: str) -> VideoInfo:
        return self._info(())

    def extract(
        self,
        video_id: str,
        monitor: Monitor | None = None,
        *,
        instead_of: datetime | None = None,
        numbered: bool = False,
    ) -> Extraction:
        self.extractions += 1
        if self.refusal is not None:
            raise self.refusal
        if self.status is LiveStatus.WAS_LIVE:
            return Extraction(self._info(()), {})
        formats = [_format("91", 144), _format("93", 360)]
        self.origin.broadcasts["s"].renew()
        address = MediaAddress(self.origin.url("s"))
        return Extraction(self._info(tuple(formats)), {entry.id: address for entry in formats})

    def live_stream(self, name: StreamName) -> str:
        if name.kind is NameKind.VIDEO:
            return name.value
        if name.value not in self.names:
            raise ChannelNotLive()
        return self.names[name.value]

    def _info(self, formats: tuple[SourceFormat, ...]) -> VideoInfo:
        return VideoInfo(
            VIDEO,
            "A stream",
            "",
            duration_seconds=self.duration,
            live_status=self.status,
            release_at=self.released_at,
            formats=formats,
        )


def _format(name: str, height: int) -> SourceFormat:
    facts: dict[str, Any] = {"video_codec": "avc1", "audio_codec": "mp4a", "resolution": height}
    return SourceFormat(name, "mp4", "hls", width=height * 16 // 9, height=height, **facts)

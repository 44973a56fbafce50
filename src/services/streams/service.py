"""Downloads a playlist or a file as an MP4 through the egress proxy."""

from __future__ import annotations

from pathlib import Path

from src.config import Settings
from src.errors import Network
from src.models.media_source import NetworkSettings
from src.models.params import StreamParams
from src.models.progress import Monitor
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.streams.recorder import StreamReport, StreamSource, record

_LIVE_SHARE = 0.75  # of the time of an attempt; the rest is for joining the segments


class StreamService:
    """Fetches untrusted addresses through one proxy session for public hosts only."""

    def __init__(self, settings: Settings, egress: EgressProxy, ffmpeg: FFmpeg) -> None:
        self._egress, self._ffmpeg, self._limits = egress, ffmpeg, Limits.of_job(settings)
        self._connections, self._retries = settings.fetch_connections, settings.stream_retries
        self._connect_seconds = settings.stream_connect_seconds
        self._max_live_seconds = settings.job_hard_limit_seconds * _LIVE_SHARE
        self._rate_limit_bytes = settings.fetch_rate_limit_kb * 1000 or None
        self._tries = settings.job_retry_limit

    def download(
        self, params: StreamParams, output: Path, retained_dir: Path, monitor: Monitor, *, tries: int = 0
    ) -> StreamReport:
        """Write the stream to ``output``; fetched pieces remain in ``retained_dir`` for a later attempt.

        ``tries``: the number of failed attempts. The last attempt also writes an incomplete recording.

        Raises:
            UrlForbidden, SourceError, EncodeFailed, DiskFull, and what ``monitor`` raises.
        """
        own_proxy = params.proxy or self._egress.stream_proxy
        with self._egress.session(self._limits, own_proxy=own_proxy, upstream=False) as session:
            network = NetworkSettings(
                proxy=session.proxy_url,
                connections=self._connections if params.parallel else 1,
                rate_limit_bytes=self._rate_limit_bytes,
                connect_seconds=self._connect_seconds,
                retries=self._retries,
            )
            source = StreamSource(
                params.url,
                params.stream_type,
                params.size,
                params.max_seconds,
                self._max_live_seconds,
                last_try=tries + 1 >= self._tries,
            )
            report = record(
                source, output, retained_dir=retained_dir, network=network, ffmpeg=self._ffmpeg, monitor=monitor
            )
            if report.gaps and not report.live and (session.report.ended or session.report.refusals):
                raise Network()  # the egress rules caused the gaps; the session replaces this error by the exact one
            return report

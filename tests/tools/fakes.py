"""Small whole stand-ins with the protocols of the real parts, for tests of what surrounds those parts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from src.bootstrap.kinds import ROWS, Tools
from src.config import Settings
from src.errors import AppError, ChannelNotLive
from src.models.captions import Captions, Cue
from src.models.progress import Monitor, Phase, Progress
from src.models.source import Channel, FormatTable, Playlist, PlaylistEntry, VideoInfo
from src.services.jobs.handler import JobHandler
from src.utils.stream_names import NameKind, StreamName


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 1, 18, 10, 0, tzinfo=UTC)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.move(seconds)

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


@dataclass
class RecordingNotifier:
    """Remembers notifications; with ``answer`` set, a thread runs it for each of them."""

    notified: list[tuple[str, str]] = field(default_factory=list)
    described: list[str] = field(default_factory=list)
    helped: list[str] = field(default_factory=list)
    answer: Callable[[str], None] | None = None
    threads: list[threading.Thread] = field(default_factory=list)

    def notify(self, job_id: str, queue: str) -> None:
        self.notified.append((job_id, queue))
        if self.answer is not None:
            thread = threading.Thread(target=self.answer, args=(job_id,))
            thread.start()
            self.threads.append(thread)

    def request_help(self, job_id: str) -> None:
        self.helped.append(job_id)

    def describe(self, job_id: str) -> None:
        self.described.append(job_id)

    def finish(self) -> None:
        """Wait for everything that was begun."""
        while self.threads:
            self.threads.pop().join()


@dataclass(frozen=True)
class FakeReport:
    """What a fake engine tells of its file."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)
    kept: tuple[float, float] | None = None

    def to_fields(self) -> dict[str, Any]:
        return {"requested": {"start_time": 60}, "actual": {"resolution": "720p"}}


@dataclass
class FakeEngine:
    """Writes ``content`` at once, or with ``busy`` when ``hurry`` is set, reporting progress until then; or raises
    what ``errors`` holds, one a call, at once, and ``late_errors`` at the end."""

    content: bytes = b"a small file"
    busy: bool = False
    hurry: threading.Event = field(default_factory=threading.Event)
    errors: list[Exception] = field(default_factory=list)
    late_errors: list[Exception] = field(default_factory=list)
    refusal: AppError | None = None
    """Why encodes are refused before they are queued."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    info: VideoInfo | AppError | None = None
    live: dict[str, str] = field(default_factory=dict)
    """Channels and the video that each streams now; empty: it was looked up and is not live."""

    def download_video_segment(self, *, output_path: Path, monitor: Monitor, **asked: Any) -> FakeReport:
        self.calls.append(asked)
        path = output_path.with_suffix(".webm" if asked["format_preference"] == "webm" else ".mp4")
        self._work(path, monitor, Phase.DOWNLOADING)
        return FakeReport(path, {"title": "A film"})

    def download_video(
        self,
        url: str,
        output_path: Path,
        format_preference: str,
        resolution_preference: str,
        *,
        monitor: Monitor,
        **asked: Any,
    ) -> FakeReport:
        self.calls.append({"url": url, "resolution_preference": resolution_preference, **asked})
        path = output_path.with_suffix(".webm" if format_preference == "webm" else ".mp4")
        self._work(path, monitor, Phase.DOWNLOADING)
        return FakeReport(path, {"title": "A film", "source_duration": 212})

    def captions(self, video_id: str, *, language: str | None, source: str) -> Captions:
        if self.errors:
            raise self.errors.pop(0)
        cues = (Cue(0, 1500, "Never gonna"), Cue(1500, 3000, "give you up"))
        return Captions(video_id, "A film", language or "en", source == "automatic", cues)

    def playlist(self, playlist_id: str, *, limit: int) -> Playlist:
        ids = ("dQw4w9WgXcQ", "jNQXAC9IVRw")
        entries = tuple(PlaylistEntry(each, f"Film {each}", number, 212) for number, each in enumerate(ids, 1))
        channel = Channel("UCuAXFkgsw1L7xaCfnd5JJOw", "Channel Name")
        return Playlist(playlist_id, "My Playlist", "Collection", channel, len(ids), entries[:limit])

    def encode_video_to_mp4(
        self,
        input_path: Path,
        output_path: Path,
        video_codec: str,
        quality_preset: str,
        *,
        monitor: Monitor,
        **targets: float | None,
    ) -> FakeReport:
        asked = {"video_codec": video_codec, "quality_preset": quality_preset, **targets}
        self.calls.append({name: value for name, value in asked.items() if value is not None})
        self._work(output_path, monitor, Phase.ENCODING)
        return FakeReport(output_path)

    def require_possible(self, path: Path, *asked: str, with_vmaf: bool = False) -> None:
        if self.refusal is not None:
            raise self.refusal

    def require_lossless_h265(self, *, deep: bool) -> None:
        if self.refusal is not None:
            raise self.refusal

    def hardware(self) -> None:
        return None

    def get_video_metadata(self, path: Path) -> dict[str, object]:
        if self.errors:
            raise self.errors.pop(0)
        return {"duration": 120.0, "resolution": "1920x1080", "original_codec": "h264"}

    def supported_codecs(self) -> dict[str, list[str]]:
        return {codec: ["lossless", "high", "medium"] for codec in ("h264", "h265", "av1")}

    def get_video_info(self, video_id: str) -> VideoInfo:
        if isinstance(self.info, AppError):
            raise self.info
        assert self.info is not None
        return self.info

    def known_live_stream(self, name: StreamName) -> str | None:
        if name.kind is not NameKind.VIDEO and self.live.get(name.value) == "":
            raise ChannelNotLive()
        return name.value if name.kind is NameKind.VIDEO else self.live.get(name.value)

    def live_stream(self, name: StreamName) -> str:
        found = self.known_live_stream(name)
        if found is None:
            raise ChannelNotLive()
        return found

    def get_available_formats(self, video_id: str) -> list[str]:
        if isinstance(self.info, AppError):
            raise self.info
        return ["1440p", "1080p", "720p"]

    def format_table(self, video_id: str) -> FormatTable:
        formats = {"1440p": ("webm",), "1080p": ("mp4", "webm"), "720p": ("mp4", "webm")}
        return FormatTable(video_id, tuple(formats), ("mp4", "webm"), formats)

    def forget(self, job_id: str) -> None:
        self.forgotten.append(job_id)

    def _work(self, path: Path, monitor: Monitor, phase: Phase) -> None:
        if self.errors:
            raise self.errors.pop(0)
        while self.busy and not self.hurry.wait(0.02):
            monitor.report(Progress(phase=phase, download_percent=45.2, speed="2.3x", eta_seconds=204, fps=45.2))
        monitor.check()
        if self.late_errors:
            raise self.late_errors.pop(0)
        path.write_bytes(self.content)


def fake_handlers(engine: FakeEngine) -> dict[str, JobHandler[Any]]:
    """The real handlers of all kinds, each with ``engine`` for every service that it uses."""
    given: Any = engine
    tools = Tools(
        Settings.load({}, dotenv=None),
        given,
        given,
        given,
        given,
        given,
        given,
        given,
        given,
        live=given,
        attention=given,
        audio_downloads=given,
    )
    rows = {row.kind.name: row for row in ROWS if row.kind.name not in ("batch", "stream", "preview")}
    return {name: row.build(tools) for name, row in rows.items()}

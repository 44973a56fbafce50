"""Cuts clips, batches, live clips and audio: the sandboxed engine first, and every result verified by this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from src.config import Settings
from src.errors import AppError, ClipIncomplete, ClipRangeInvalid, EngineInterrupted, MediaForbidden
from src.models.captured import Captured
from src.models.download import CutMethod
from src.models.media import MediaInfo
from src.models.media_source import ClipSource, NetworkSettings, SourceUnreadable, TimeRange
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor, Phase, Progress
from src.models.time_window import Window
from src.services.cutting.acceptance import SOUND_TOLERANCE_AT_END_SECONDS, Accepted, Expectation, accept, accept_audio
from src.services.cutting.engine.model import Call, ClipReport, CutOrder, Discontinuous
from src.services.cutting.sandbox import EngineSandbox
from src.services.cutting.section import download_section
from src.services.cutting.sources import ChosenFormats, media_network
from src.services.cutting.video_joining import join_videos
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import WaitingProbe

log = logging.getLogger(__name__)
_ENCODED_BYTES = 1 << 30  # edges that are encoded may have more bytes than what was fetched of them
_AT_THE_END_SECONDS = 2  # sites report lengths in whole seconds, and audio may end before the video


class Engine(Protocol):
    """What the cutter needs of a ``SandboxedEngine``."""

    def run(
        self, call: Call, order: CutOrder, monitor: Monitor, refresh: Callable[[], ClipSource] | None = None
    ) -> list[ClipReport]:
        """The reports of one call."""


@dataclass(frozen=True, slots=True)
class CutResult:
    """A verified clip. ``parts`` are the times that it shows, one range unless parts of the source were joined."""

    path: Path
    report: ClipReport
    method: CutMethod
    accepted: Accepted
    parts: tuple[TimeRange, ...]


class CutterFactory:
    """Prepares the cutter of a job."""

    def __init__(
        self, settings: Settings, ffmpeg: FFmpeg, egress: EgressProxy, network: NetworkSettings | None = None
    ) -> None:
        """``network`` replaces what the settings say about fetching media."""
        self._ffmpeg, self._egress = ffmpeg, egress
        self._network, self._limits = network or media_network(settings), Limits.of_job(settings)
        self._file_bytes = settings.job_max_fetch_mb * 1_000_000 + _ENCODED_BYTES

    @contextmanager
    def start(self, *, offline: bool = False) -> Iterator[ClipCutter]:
        """Yield a cutter whose engine is starting, with its egress session; both end with the block.

        ``offline``: it only reads files and has no egress session.
        """
        ffmpeg = FFmpeg(self._ffmpeg.program)  # one job uses one program, the one that its sandbox allows
        with ExitStack() as stack:
            engine = stack.enter_context(
                EngineSandbox(ffmpeg.program, self._egress, file_bytes=self._file_bytes).engine()
            )
            network = self._network
            if not offline:
                session = stack.enter_context(self._egress.session(self._limits))
                network = replace(network, proxy=session.proxy_url)
            yield ClipCutter(ffmpeg, engine, network, stack.enter_context(WaitingProbe()))


class ClipCutter:
    """The methods of cutting, and their order. For one job."""

    def __init__(
        self, ffmpeg: FFmpeg, engine: Engine, network: NetworkSettings, waiting: WaitingProbe | None = None
    ) -> None:
        """``network`` is for the orders of this job. ``waiting`` reads the first finished file."""
        self._ffmpeg, self._engine, self.network, self._waiting = ffmpeg, engine, network, waiting

    @property
    def program(self) -> Path:
        """The FFmpeg for the orders of this job."""
        return self._ffmpeg.program

    def clip(self, order: CutOrder, chosen: ChosenFormats, monitor: Monitor) -> CutResult:
        """The clip by the first method that gives a whole one.

        Raises:
            SourceError: the network or the site did not give it, which no other method would change; ClipIncomplete
                when the last method gave only a part.
            ClipRangeInvalid: the range holds no frame.
            DiskFull, EncodeFailed, JobTimeout: the processing failed.
        """
        name = chosen.video.info.id
        try:
            report, parts = self._by_engine(order, chosen, monitor)
            return self._verified(order.output, order.range, order, report, report.method, parts, monitor)
        except (SourceUnreadable, ClipIncomplete) as reason:
            log.warning("%s: the clip engine could not cut it (%s); reading the section", name, reason)
        except EngineInterrupted:
            log.warning("%s: the clip engine was interrupted; reading the section", name)
        except AppError:
            raise
        except Exception:  # a fault of the engine, for the log; the user can still have the clip
            log.exception("%s: the clip engine failed; reading the section", name)
        report = self._by_section(order, chosen, monitor)
        return self._verified(order.output, order.range, order, report, "section", (report.actual,), monitor)

    def clips(self, order: CutOrder, chosen: ChosenFormats, monitor: Monitor) -> list[CutResult]:
        """A clip for each range, from one fetch of what they share.

        Raises: like ``clip``, and EngineInterrupted; there is no second method.
        """
        try:
            reports = self._engine.run("clips", order, monitor, lambda: chosen.refreshed(monitor))
        except SourceUnreadable as reason:
            raise ClipIncomplete(f"The video cannot be cut in several places: {reason}") from reason
        return [
            self._verified(path, wanted, order, report, report.method, (report.actual,), monitor)
            for path, wanted, report in zip(order.outputs, order.ranges, reports, strict=True)
        ]

    def audio(self, order: CutOrder, chosen: ChosenFormats, monitor: Monitor) -> MediaInfo:
        """Fetch the whole video to the output, of which only the audio matters; its facts.

        Raises: like ``clips``.
        """
        try:
            (report,) = self._engine.run("whole", order, monitor, lambda: chosen.refreshed(monitor))
        except SourceUnreadable as reason:
            raise ClipIncomplete(f"The audio cannot be read: {reason}") from reason
        _report_verifying(monitor)
        return accept_audio(order.output, _seconds(report.sound), monitor, self._waiting)

    def runs(self, order: CutOrder, monitor: Monitor) -> CutResult:
        """What captured segments hold of the range, their runs joined. ``parts`` are wall clock time.

        Raises:
            ClipRangeInvalid: no frame of the range was captured.
            ClipIncomplete, EngineInterrupted, EncodeFailed, DiskFull, and what ``monitor`` raises.
        """
        assert isinstance(order.source, Captured)
        reports = self._engine.run("runs", order, monitor)
        if not reports:
            raise ClipRangeInvalid("No frame of this moment was captured.")
        parts = tuple(report.actual for report in reports)
        if len(reports) > 1:
            log.info("%d runs are joined", len(reports))
            text = f"The stream was interrupted or changed its format: {len(reports)} parts were joined and encoded"
            report = self._joined(order, reports, text, monitor)
            sound = None  # a run may have none
        else:
            report, sound = reports[0], _seconds(reports[0].sound)
            order.part(0).replace(order.output)
            if sound is None and _has_captured_audio(order.source, Window(parts[0].start, parts[0].end)):
                sound = 0.0, float(report.length)
        _require_overlap(parts, order.range)
        expected = Expectation(float(report.length), _frames(report), sound, to_the_end=True)
        accepted = accept(order.output, expected, monitor, self._waiting)
        return CutResult(order.output, report, report.method, accepted, parts)

    def copies(self, order: CutOrder, monitor: Monitor) -> CutResult:
        """All captured segments of the range as one file, which is not encoded unless the stream changed its layout.
        ``parts`` are wall clock time.

        Raises like ``runs``.
        """
        assert isinstance(order.source, Captured)
        reports = self._engine.run("copies", order, monitor)
        if not reports:
            raise ClipRangeInvalid("No frame of this stream was captured.")
        if len(reports) > 1:
            text = f"The video of the stream changed its format: {len(reports)} parts were joined and encoded"
            report = self._joined(order, reports, text, monitor)
        else:
            report = reports[0]
            order.part(0).replace(order.output)
        parts = tuple(one.actual for one in reports)
        _require_overlap(parts, order.range)
        _report_verifying(monitor)
        expected = Expectation(float(report.length), _frames(report), _seconds(report.sound), to_the_end=True)
        return CutResult(order.output, report, report.method, accept(order.output, expected, monitor), parts)

    def _by_engine(
        self, order: CutOrder, chosen: ChosenFormats, monitor: Monitor
    ) -> tuple[ClipReport, tuple[TimeRange, ...]]:
        def refresh() -> ClipSource:
            return chosen.refreshed(monitor)

        try:
            (report,) = self._engine.run("clip", order, monitor, refresh)
            return report, (report.actual,)
        except Discontinuous:
            reports = self._engine.run("parts", order, monitor, refresh)
        # Another format or clock (advertisements, a restarted encoder): parts cannot be copied next to each other.
        text = f"The video changes within the clip: {len(reports)} parts were joined and encoded"
        report = self._joined(order, reports, text, monitor)
        return report, tuple(part.actual for part in reports)

    def _joined(self, order: CutOrder, reports: list[ClipReport], text: str, monitor: Monitor) -> ClipReport:
        """Join the parts of an order to its output."""
        paths = [order.part(number) for number in range(len(reports))]
        frames = sum(report.encoded_frames + report.copied_frames for report in reports)
        converted = join_videos(paths, order.output, frames, self._ffmpeg, monitor)
        for path in paths:
            path.unlink()
        start, length = reports[0].actual.start, sum((report.length for report in reports), Fraction(0))
        notes = [Note(NoteCode.PARTS_JOINED, text), *converted]
        notes += [note for report in reports for note in report.notes]
        fetched = sum(report.bytes_fetched for report in reports)
        sound = TimeRange(Fraction(0), length) if any(report.sound for report in reports) else None
        actual = TimeRange(start, start + length)
        return ClipReport(order.range, actual, "reencode", fetched, frames, 0, tuple(dict.fromkeys(notes)), sound)

    def _by_section(self, order: CutOrder, chosen: ChosenFormats, monitor: Monitor) -> ClipReport:
        try:
            return download_section(order, self._ffmpeg, monitor)
        except MediaForbidden:
            return download_section(replace(order, source=chosen.refreshed(monitor)), self._ffmpeg, monitor)

    def _verified(
        self,
        path: Path,
        wanted: TimeRange,
        order: CutOrder,
        report: ClipReport,
        method: CutMethod,
        parts: tuple[TimeRange, ...],
        monitor: Monitor,
    ) -> CutResult:
        """The result, once the file has been read back. Raises ClipIncomplete."""
        _report_verifying(monitor)
        _require_overlap(parts, wanted)
        assert isinstance(order.source, ClipSource)
        length = order.source.duration_seconds
        expected = Expectation(
            seconds=float(report.actual.end - report.actual.start),
            # A copy from the key frame before may hold more frames than it shows.
            frames=None if order.mode == "keyframe" else _frames(report),
            sound=_seconds(report.sound),
            to_the_end=length is not None and report.actual.end >= length - _AT_THE_END_SECONDS,
        )
        return CutResult(path, report, method, accept(path, expected, monitor, self._waiting), parts)


def _has_captured_audio(captured: Captured, part: Window) -> bool:
    """Return whether audio was captured in this part; what is shorter than the tolerance counts as none."""
    if not any(track.has_audio for track in captured.tracks):
        return False
    silent = sum((hole.end - hole.start for hole in captured.silent(part)), Fraction(0))
    return part.end - part.start - silent > SOUND_TOLERANCE_AT_END_SECONDS


def _require_overlap(parts: tuple[TimeRange, ...], wanted: TimeRange) -> None:
    """Raises ClipIncomplete: the engine claims to have cut something else."""
    if parts[0].start >= wanted.end or parts[-1].end <= wanted.start:
        raise ClipIncomplete("The clip shows another time range")


def _report_verifying(monitor: Monitor) -> None:
    monitor.report(Progress(Phase.VERIFYING, download_percent=100.0, encode_percent=100.0))


def _frames(report: ClipReport) -> int:
    return report.encoded_frames + report.copied_frames


def _seconds(span: TimeRange | None) -> tuple[float, float] | None:
    return None if span is None else (float(span.start), float(span.end))

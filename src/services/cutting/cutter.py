"""Cutting one range out of the chosen formats: the clip engine first, FFmpeg's own reading second, both verified."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from src.errors import AppError, ClipIncomplete, EngineInterrupted, MediaForbidden
from src.models.download import CutMethod
from src.models.media_source import ClipSource, Mode, NetworkSettings, SourceUnreadable, TimeRange, Track
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor, Phase, Progress
from src.models.source import Extraction, SourceFormat
from src.services.cutting.acceptance import Accepted, Expectation, accept
from src.services.cutting.engine.engine import make_clip, make_parts
from src.services.cutting.engine.model import ClipReport, Discontinuous, Keep
from src.services.cutting.film_joining import join_films
from src.services.cutting.section import download_section
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.youtube.selection import Selection
from src.services.youtube_service import YouTubeService

log = logging.getLogger(__name__)
_AT_THE_END_SECONDS = 2  # lengths are told in whole seconds, and sound may end before the picture


@dataclass(frozen=True, slots=True)
class CutTask:
    """One cut: what of which video, from which formats, where to work (an existing folder), who watches."""

    video_id: str
    video: Extraction
    selection: Selection
    range: TimeRange
    work_dir: Path
    monitor: Monitor
    mode: Mode = "exact"
    keep: Keep | None = None

    @property
    def path(self) -> Path:
        """Where the clip is written."""
        return self.work_dir / f"cut.{self.selection.cut_container}"


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut, verified clip."""

    path: Path
    report: ClipReport
    method: CutMethod
    accepted: Accepted


class ClipCutter:
    """Knows the ways to a clip and their order."""

    def __init__(
        self,
        youtube: YouTubeService,
        ffmpeg: FFmpeg,
        network: NetworkSettings,
        *,
        engine: Callable[..., ClipReport] = make_clip,
        parts: Callable[..., list[tuple[Path, ClipReport]]] = make_parts,
    ) -> None:
        """``engine`` is called like `make_clip`, ``parts`` like `make_parts`."""
        self._youtube, self._ffmpeg, self._network = youtube, ffmpeg, network
        self._engine, self._parts = engine, parts

    def cut(self, task: CutTask) -> Cut:
        """The clip by the first way that gives a whole one.

        Raises:
            SourceError: the network or the site did not give it, which no other way would change; ClipIncomplete when
                the last way gave only a part.
            ClipRangeInvalid: the range holds no frame.
            DiskFull, EncodeFailed, JobTimeout: our own part went wrong.
        """
        try:
            report = self._by_engine(task)
            return self._verified(task, report, report.method)
        except (SourceUnreadable, ClipIncomplete) as reason:
            log.warning("%s: the clip engine could not cut it (%s); reading the section", task.video_id, reason)
        except EngineInterrupted:
            log.warning("%s: the clip engine was interrupted; reading the section", task.video_id)
        except AppError:
            raise
        except Exception:  # a fault of the engine, for the log; the user can still have the clip
            log.exception("%s: the clip engine failed; reading the section", task.video_id)
        return self._verified(task, self._by_section(task), "section")

    def _verified(self, task: CutTask, report: ClipReport, method: CutMethod) -> Cut:
        task.monitor.report(Progress(Phase.VERIFYING, download_percent=100.0, encode_percent=100.0))
        length = task.video.info.duration_seconds
        promise = Expectation(
            seconds=float(report.actual.end - report.actual.start),
            # A copy from the key frame before may hold more frames than it shows.
            frames=None if task.mode == "keyframe" else report.encoded_frames + report.copied_frames,
            sound=None if report.sound is None else (float(report.sound.start), float(report.sound.end)),
            to_the_end=length is not None and report.actual.end >= length - _AT_THE_END_SECONDS,
        )
        return Cut(task.path, report, method, accept(task.path, promise, task.monitor))

    def _by_engine(self, task: CutTask) -> ClipReport:
        try:
            return self._in_one(task)
        except Discontinuous:
            return self._in_parts(task)

    def _in_parts(self, task: CutTask) -> ClipReport:
        """Stretches with other pictures or clocks between them (advertisements, a restarted encoder), joined anew."""
        made = self._parts(
            source_of(task.video, task.selection),
            task.range,
            task.work_dir,
            task.path.suffix,
            work_dir=task.work_dir,
            network=self._network,
            ffmpeg=self._ffmpeg.program,
            monitor=task.monitor,
            refresh=lambda: self._refresh(task),
        )
        paths, reports = [path for path, _ in made], [report for _, report in made]
        frames = sum(report.encoded_frames + report.copied_frames for report in reports)
        converted = join_films(paths, task.path, frames, self._ffmpeg, task.monitor)
        for path in paths:
            path.unlink()
        start = reports[0].actual.start
        length = sum((report.actual.end - report.actual.start for report in reports), Fraction(0))
        text = f"The video changes within the clip: {len(made)} parts were joined and encoded"
        notes = [Note(NoteCode.PARTS_JOINED, text)]
        notes += [*converted, *(note for report in reports for note in report.notes)]
        fetched = sum(report.bytes_fetched for report in reports)
        actual = TimeRange(start, start + length)
        sound = TimeRange(Fraction(0), length) if any(report.sound for report in reports) else None
        return ClipReport(task.range, actual, "reencode", fetched, frames, 0, tuple(dict.fromkeys(notes)), sound)

    def _in_one(self, task: CutTask) -> ClipReport:
        return self._engine(
            source_of(task.video, task.selection),
            task.range,
            task.path,
            work_dir=task.work_dir,
            network=self._network,
            mode=task.mode,
            ffmpeg=self._ffmpeg.program,
            monitor=task.monitor,
            refresh=lambda: self._refresh(task),
            keep=task.keep,
        )

    def _by_section(self, task: CutTask) -> ClipReport:
        def download(source: ClipSource) -> ClipReport:
            return download_section(
                source,
                task.range,
                task.path,
                work_dir=task.work_dir,
                network=self._network,
                ffmpeg=self._ffmpeg,
                monitor=task.monitor,
            )

        try:
            return download(source_of(task.video, task.selection))
        except MediaForbidden:
            return download(self._refresh(task))

    def _refresh(self, task: CutTask) -> ClipSource:
        """The same formats with addresses of a new extraction. Raises MediaForbidden when they are gone."""
        fresh = self._youtube.extract(task.video_id, task.monitor, instead_of=task.video)
        chosen = (task.selection.video, task.selection.audio)
        if any(entry is not None and entry.id not in fresh.media for entry in chosen):
            raise MediaForbidden
        return source_of(fresh, task.selection)


def source_of(video: Extraction, selection: Selection) -> ClipSource:
    """What the engine is given for these formats."""
    tracks = [_track(video, selection.video)]
    if selection.audio is not None:
        tracks.append(_track(video, selection.audio))
    return ClipSource(tuple(tracks), video.info.duration_seconds)


def _track(video: Extraction, entry: SourceFormat) -> Track:
    address = video.media[entry.id]
    return Track(
        url=address.url,
        headers=address.headers,
        protocol="hls" if entry.segmented else "https",
        container=entry.container,
        has_video=entry.video_codec is not None,
        has_audio=entry.audio_codec is not None,
        size_bytes=entry.size_bytes,
    )

"""One call of the engine: its fetcher, its temporary folder, its progress, and the ways in which a clip is made."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Self

from src.errors import AppError, ClipIncomplete, MediaForbidden
from src.models.media_source import ClipSource, Mode, SourceUnreadable, TimeRange, Track
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor, Phase, Progress
from src.services.cutting.engine.attempt import AUDIO_LEAD, AttemptResult, Job, cut
from src.services.cutting.engine.byte_plan import BytePlan
from src.services.cutting.engine.indexes.layout import Index
from src.services.cutting.engine.indexes.natural import NaturalIndex
from src.services.cutting.engine.indexes.opening import read_index
from src.services.cutting.engine.indexes.segment_index import SegmentIndex, outline
from src.services.cutting.engine.indexes.segment_parts import in_one_group, parts, require_listed
from src.services.cutting.engine.indexes.segment_stretches import touched_groups
from src.services.cutting.engine.indexes.segments import Segmented
from src.services.cutting.engine.model import ClipReport, CutOrder, SmartImpossible
from src.services.cutting.engine.padding import Keeper
from src.services.cutting.engine.sharing import is_shared, leave_list, use_shared
from src.services.cutting.engine.verify import verify
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.remote import RemoteFile
from src.services.fetch.resource import Resource
from src.services.fetch.spool import Spool

_log = logging.getLogger(__name__)
_CHECK_SECONDS = 0.1


class Session:
    """One call: its fetcher, its temporary folder, and its progress."""

    def __init__(self, order: CutOrder, monitor: Monitor, refresh: Callable[[], ClipSource] | None = None) -> None:
        self._order, self._monitor, self._refresh = order, monitor, refresh
        self._keeper = Keeper(order.keep) if order.keep is not None else None
        self._segmented: dict[int, Segmented] = {}
        self._fresh: ClipSource | None = None
        self._links: dict[int, dict[str, str]] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="clip-", dir=order.work_dir))
        alone = self._folder / "fetched" if order.share is None else order.share.spool
        self._spool = Spool(alone) if self._keeper is None else self._keeper.open_spool()
        self.resources: list[Resource] = []
        self._phase, self._percent, self._written = Phase.INITIALIZING, 0.0, 0.0
        self._frames, self._writing_since = 0, 0.0
        self._checked = self._began = time.monotonic()
        self._reported_bytes = 0
        self.fetcher = Fetcher(self._spool, order.network, self._tick, self._renew if refresh else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.fetcher.close()
        if self._keeper is not None and error is None:
            self._keeper.save(self.resources, self._spool)
        if self._order.share is not None and error is None:
            leave_list(self._order.share, self.resources)
        needed = self._keeper is not None or self._order.share is not None
        self._spool.close(delete=not needed or error is not None)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _source(self) -> ClipSource:
        assert isinstance(self._order.source, ClipSource)
        return self._order.source

    @property
    def _tracks(self) -> tuple[Track, ...]:
        return self._source.tracks

    # --- steps --------------------------------------------------------------------------------------------------

    def indexes(self) -> tuple[Index | None, Index | None]:
        """Open the indexes of the video and of the audio; the same one twice if one track has both."""
        tracks = self._tracks
        self._connect_early()
        # All are opened before one is read: they are fetched at the same time.
        remotes = {n: self._remote(n, track) for n, track in enumerate(tracks) if track.protocol == "https"}
        if self._order.share is not None:
            use_shared(self._order.share, remotes)
        indexes: list[Index] = []
        for place, track in enumerate(tracks):
            if place in remotes:
                indexes.append(self._index(remotes[place]))
            else:
                segmented = self._segmented[place] = Segmented(self.fetcher, place, track, self._register)
                indexes.append(segmented.hls() if track.protocol == "hls" else segmented.dash())
        video = next((i for i, t in zip(indexes, tracks, strict=True) if t.has_video), None)
        audio = next((i for i, t in zip(indexes, tracks, strict=True) if t.has_audio), None)
        if video is None and audio is None:
            raise SourceUnreadable("it has neither video nor audio")
        return video, audio

    def _connect_early(self) -> None:
        """Open the connections that the video needs, while its index arrives; unless it may be there already."""
        track = next((track for track in self._tracks if track.has_video), self._tracks[0])
        shared = any(is_shared(self._order.share, place) for place in range(len(self._tracks)))
        if track.protocol == "https" and not shared and (self._keeper is None or self._keeper.is_empty):
            self.fetcher.open_early(track.url, self._estimate(track))

    def _estimate(self, track: Track) -> float:
        """Return about how many bytes of a track the ranges have; infinite if its size or its length is unknown."""
        length = self._source.duration_seconds
        if not length or track.size_bytes is None:
            return inf
        seconds = sum(min(float(wanted.end), length) - float(wanted.start) for wanted in self._order.ranges)
        return max(seconds, 0.0) * track.size_bytes / length

    def _index(self, remote: RemoteFile) -> Index:
        try:
            return read_index(remote)
        except SourceUnreadable as reason:
            return NaturalIndex(remote, str(reason))

    def _remote(self, place: int, track: Track) -> RemoteFile:
        resource = Resource(track.url, track.headers, (place, ""))
        self._register(resource)
        seconds, whole = self._source.duration_seconds, track.has_video and track.has_audio
        remote = RemoteFile(self.fetcher, resource, seconds, whole=whole)
        if is_shared(self._order.share, place):
            remote.identify()
        else:
            remote.prefetch()
        return remote

    def want(self, video: Index | None, audio: Index | None, wanted: TimeRange, number: int) -> None:
        """Start to fetch what a range needs."""
        self._phase = Phase.DOWNLOADING
        plan = BytePlan(self.fetcher, number)
        require_listed(video, audio, wanted)
        shared = audio is video
        video = in_one_group(video, wanted)
        audio = video if shared else in_one_group(audio, wanted)
        if video is not None:
            plan.video(outline(video, wanted.start, wanted.end))
        if audio is not None and audio is not video:
            plan.audio(outline(audio, max(wanted.start - AUDIO_LEAD, Fraction(0)), wanted.end))
        if self._keeper is not None:
            for layout in self._keeper.plan(video, audio, wanted):
                plan.padding(layout)

    def parts(
        self, video: Index | None, audio: Index | None, wanted: TimeRange
    ) -> list[tuple[Index | None, Index | None, TimeRange]]:
        """See ``segment_parts.parts``; the segments that it examines are fetched at once."""
        self._phase = Phase.DOWNLOADING
        for index in dict.fromkeys(one for one in (video, audio) if isinstance(one, SegmentIndex)):
            for group in touched_groups(index, wanted):
                BytePlan(self.fetcher, 0).all(index.of_group(group).outline(wanted.start, wanted.end))
        return parts(video, audio, wanted)

    def clip(self, video: Index | None, audio: Index | None, wanted: TimeRange, output: Path, mode: Mode) -> ClipReport:
        """Cut one clip with the first method whose result passes the verification."""
        notes: list[Note] = []
        modes: list[Mode] = ["exact", "reencode"] if mode == "exact" else [mode]
        for place, method in enumerate(modes):
            last = place == len(modes) - 1
            try:
                made = self._attempt(video, audio, wanted, output, method)
            except (SmartImpossible, ClipIncomplete) as problem:
                output.unlink(missing_ok=True)
                if last:
                    raise problem if isinstance(problem, AppError) else ClipIncomplete(str(problem)) from problem
                notes.append(Note(NoteCode.REENCODED, f"The whole clip was encoded: {problem}"))
                _log.info("smart cut given up: %s", problem)
            except BaseException:
                output.unlink(missing_ok=True)
                raise
            else:
                return self._report(wanted, made, [*notes, *_index_notes(video, audio)])
        raise AssertionError("unreachable")

    def leave(self, report: ClipReport) -> ClipReport:
        """Return the report of the only clip, with the range that is retained for another one."""
        kept = None if self._keeper is None else self._keeper.kept(self.fetcher)
        late = self.fetcher.bytes_fetched - self._reported_bytes
        return replace(report, kept=kept, bytes_fetched=report.bytes_fetched + late)

    def _attempt(
        self, video: Index | None, audio: Index | None, wanted: TimeRange, output: Path, mode: Mode
    ) -> AttemptResult:
        order = self._order
        job = Job(
            self.fetcher, video, audio, wanted, output, self.check, self._wrote, order.ffmpeg, order.from_key_frame
        )
        made = cut(job, mode)
        self._phase = Phase.VERIFYING
        self._tick()
        verify(output, made.expected, self.check)
        self._phase = Phase.DOWNLOADING
        return made

    def _report(self, wanted: TimeRange, made: AttemptResult, notes: list[Note]) -> ClipReport:
        fetched = self.fetcher.bytes_fetched - self._reported_bytes
        self._reported_bytes += fetched
        all_notes = tuple(dict.fromkeys([*notes, *made.notes, *self.fetcher.notes]))
        return ClipReport(wanted, made.actual, made.method, fetched, made.encoded, made.copied, all_notes, made.audio)

    def _register(self, resource: Resource) -> None:
        self.resources.append(resource)
        if self._keeper is not None:
            self._keeper.fill(resource)

    # --- progress, stopping, fresh links ----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise what should end the work; cheap enough for every packet."""
        now = time.monotonic()
        if now - self._checked >= _CHECK_SECONDS:
            self._checked = now
            self._monitor.check()
            self.fetcher.check()

    def _wrote(self, share: float, frames: int) -> None:
        if frames <= 1:  # the first of an attempt
            self._writing_since = time.monotonic()
        self._written, self._frames = share, frames

    def _tick(self) -> None:
        self._monitor.check()
        done, total = self.fetcher.bytes_fetched, max(self.fetcher.bytes_wanted, 1)
        now = time.monotonic()
        seconds = max(now - self._began, 0.001)
        phase = self._phase
        if phase is Phase.DOWNLOADING and done >= total > 1:
            phase = Phase.ENCODING
        if phase is not Phase.INITIALIZING and total > 1:  # before, only the index is wanted; later there may be more
            self._percent = max(self._percent, min(100.0 * done / total, 100.0))
        fetching = self._left(max(total - done, 0) / (done / seconds) if done else None, now)
        self._monitor.report(
            Progress(
                phase,
                download_percent=self._percent,
                encode_percent=100.0 * self._written,
                speed=f"{done / seconds / 1e6:.1f}MB/s",
                eta_seconds=fetching,
                fps=self._frames / max(now - self._writing_since, 0.001) if self._frames else None,
                bytes_done=done,
                bytes_total=total,
                written=self._written,
            )
        )

    def _left(self, fetching: float | None, now: float) -> float | None:
        """The longer of what fetching and what writing still take; None while neither says anything."""
        written = self._written
        writing = (now - self._writing_since) * (1 - written) / written if written > 0 else None
        if writing is None:
            return fetching or None
        return max(fetching or 0.0, writing)

    def _renew(self, refused: Resource) -> None:
        """Extract again, once, and give everything its fresh link; also what was opened meanwhile with an old one."""
        assert self._refresh is not None
        if self._fresh is None:
            fresh = self._refresh()
            if len(fresh.tracks) != len(self._tracks):
                raise MediaForbidden("The video's formats changed while it was being fetched.")
            self._links = {n: one.links(fresh.tracks[n], self._order.network) for n, one in self._segmented.items()}
            self._fresh = fresh
        for resource in {*self.resources, refused}:
            if resource.generation == 0:
                place, name = resource.identity
                track = self._fresh.tracks[place]
                url = self._links[place].get(name) if place in self._links else track.url
                if url is not None:
                    resource.renew(url, track.headers)


def _index_notes(*indexes: Index | None) -> list[Note]:
    return [note for index in indexes if index is not None for note in index.notes]

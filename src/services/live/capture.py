"""Follows the playlists of a stream and stores the segments of a window as soon as they are available.

The oldest segments come first: they leave the playlist first. A track is done when its newest segment is later than
the window, even if segments are missing in between.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from src.errors import AppError, DiskFull, MediaForbidden, MediaGone
from src.models.captured import Captured, LiveTrack
from src.models.media_source import NetworkSettings, SourceUnreadable
from src.models.progress import Monitor, Phase, Progress
from src.models.time_window import Window, missing
from src.services.hls.live_playlist import LivePlaylist, read_live_playlist
from src.services.hls.variants import best_variant
from src.services.live.download import SegmentSource
from src.services.live.recent_pieces import RecentPieces
from src.services.live.store import SegmentStore
from src.services.live.timeline import Placed, Timeline
from src.utils.clock import Clock, to_seconds

log = logging.getLogger(__name__)

PADDING_SECONDS = 15
PATIENCE_SECONDS = 4.0  # a waiting worker is missing for other jobs
_ROOMY_SECONDS = 20  # a playlist of this length loses nothing while the worker is busy elsewhere
_AWAY_SHARE = 2  # the worker returns after this part of the playlist's length: queues take time
_LONGEST_PAUSE_SECONDS = 3.0
_CHECK_SECONDS = 0.3
_SILENT_TARGETS, _SILENT_SECONDS = 6, 30
_LOST_ROUNDS = 4  # how often missing segments are requested again at the end


class TailToCome(Exception):
    """The end of the window comes so late that the worker can do something else for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} s")
        self.seconds = seconds


class StreamSilent(Exception):
    """No new segment was listed for a long time, or the playlist is gone: the stream may have ended."""


@dataclass(slots=True)
class _Following:
    """The progress of one track."""

    track: LiveTrack
    store: SegmentStore
    timeline: Timeline
    newest: Fraction | None = None
    oldest: Fraction | None = None
    advanced_at: Fraction = Fraction(0)
    ended: bool = False
    playlist: LivePlaylist | None = None
    lost: set[tuple[int, int]] = field(default_factory=set)


class Capture:
    """One window of one stream, in a folder that later attempts continue with."""

    def __init__(
        self,
        tracks: Sequence[LiveTrack],
        folder: Path,
        window: Window,
        *,
        network: NetworkSettings,
        clock: Clock,
        monitor: Monitor,
        padding_seconds: float = PADDING_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        recent: RecentPieces | None = None,
    ) -> None:
        """``padding_seconds`` are captured on both sides of the window, so that its edges can be moved later.
        ``patience_seconds`` is the longest wait inside ``run`` for the end of the window. ``recent`` has what other
        captures of the process fetched just now."""
        self._tracks, self._folder, self._window, self._padding = tuple(tracks), folder, window, padding_seconds
        self._network, self._clock, self._monitor, self._patience = network, clock, monitor, patience_seconds
        self._recent = recent or RecentPieces(0)
        padding = Fraction(padding_seconds)
        self._need = window.padded(padding, padding)
        self._following = []
        for track in self._tracks:
            store = SegmentStore(folder / track.name)
            self._following.append(_Following(track, store, store.timeline()))

    def captured(self) -> Captured:
        """Return what earlier attempts captured."""
        return Captured(
            self._tracks,
            self._folder,
            {each.track.name: each.store.records for each in self._following},
            ended=all(each.ended for each in self._following),
            oldest=max((each.oldest for each in self._following if each.oldest is not None), default=None),
            estimated=any(each.timeline.estimated for each in self._following),
        )

    def run(self) -> Captured:
        """Fetch until the window is complete, as far as it is available.

        Raises:
            TailToCome, StreamSilent: try again later; the stream may have ended.
            MediaForbidden: the links have expired: extract again, and continue in the same folder.
            AppError: the network, the disk, or what ``monitor`` raises.
        """
        rounds_left = _LOST_ROUNDS
        for each in self._following:
            each.advanced_at = self._now()
            if each.store.records:  # of earlier attempts: the stream may have stood still since then
                each.newest = max(record.span.end for record in each.store.records)
                each.advanced_at = min(each.advanced_at, each.newest)
        with SegmentSource(self._network, self._clock) as source, ThreadPoolExecutor(self._network.connections) as pool:
            while True:
                done = [self._round(each, source, pool) for each in self._following]
                self._report()
                if all(done):
                    if rounds_left == 0 or not any(each.lost for each in self._following):
                        return self.captured()
                    rounds_left -= 1
                self._wait(all(done))

    def _now(self) -> Fraction:
        return to_seconds(self._clock.now())

    def _round(self, each: _Following, source: SegmentSource, pool: ThreadPoolExecutor) -> bool:
        """Read the playlist of a track and fetch its new segments; return whether the track is done."""
        self._monitor.check()
        seen_at = self._now()
        try:
            url, text = source.text(each.track.url, each.track.headers)
            if (variant := best_variant(text, url)) is not None:
                url, text = source.text(variant, each.track.headers)
            each.playlist = read_live_playlist(text, url)
        except (MediaGone, SourceUnreadable) as problem:
            if each.playlist is None:
                raise StreamSilent(f"its playlist is gone: {problem}") from None
            return False  # a stream that restarts has no playlist for a moment
        placed = each.timeline.place(each.playlist, seen_at)
        each.store.save_timeline(each.timeline)
        if placed:
            newest = max(one.span.end for one in placed)
            if each.newest is None or newest > each.newest:
                each.newest, each.advanced_at = newest, seen_at
            each.oldest = min(one.start for one in placed)
            each.ended = each.playlist.ended
        # An estimated clock may still move a little.
        slack = 2 * each.playlist.target if each.timeline.estimated else Fraction(0)
        need = self._need.padded(slack, slack)
        self._fetch(each, [one for one in placed if one.span.overlaps(need)], source, pool)
        return each.ended or (each.newest is not None and each.newest >= need.end)

    def _fetch(self, each: _Following, wanted: list[Placed], source: SegmentSource, pool: ThreadPoolExecutor) -> None:
        def load(placed: Placed) -> None:
            segment, init, headers = placed.segment, None, each.track.headers
            piece, number = segment.piece, segment.number
            content = self._recent.get(piece, number, lambda: source.segment(piece, number, headers))
            if (first := segment.init) is not None:
                init = self._recent.get(first, 0, lambda: source.content(first, 0, headers))
            each.store.add(placed, content, init)  # here: results that wait for their turn would fill the memory

        wanted = [one for one in wanted if not one.segment.gap and not each.store.has(one)]
        each.lost = set()
        problem: AppError | None = None
        for placed, loading in [(one, pool.submit(load, one)) for one in wanted]:
            key = (placed.epoch, placed.segment.number)
            try:
                loading.result()
            except MediaForbidden as error:
                problem = error
            except AppError as error:
                log.info("segment %d of %s: %s", placed.segment.number, each.track.name, error.code)
                each.lost.add(key)
            except OSError as error:
                raise DiskFull() from error
            self._monitor.check()
        if problem is not None:
            raise problem

    def _wait(self, only_lost: bool) -> None:
        """Wait until the playlist should be read again.

        Raises:
            TailToCome, StreamSilent.
        """
        now = self._now()
        playlists = [each.playlist for each in self._following if each.playlist is not None]
        target = max(playlist.target for playlist in playlists)
        silent = now - max(each.advanced_at for each in self._following)
        if not only_lost and silent > max(_SILENT_TARGETS * target, Fraction(_SILENT_SECONDS)):
            raise StreamSilent(f"nothing new for {float(silent):.0f} s")
        left = float(self._need.end + target - now)
        room = min(playlist.length for playlist in playlists)
        if left > self._patience and room >= _ROOMY_SECONDS and not only_lost:
            raise TailToCome(min(left, float(room) / _AWAY_SHARE))
        pause = min(float(target) / 2, _LONGEST_PAUSE_SECONDS)
        while pause > 0:
            self._monitor.check()
            self._clock.sleep(min(pause, _CHECK_SECONDS))
            pause -= _CHECK_SECONDS

    def _report(self) -> None:
        whole = self._need.end - self._need.start
        shares = []
        for each in self._following:
            holes = missing(self._need, (record.span for record in each.store.records))
            shares.append(1 - float(sum((hole.end - hole.start for hole in holes), Fraction(0)) / whole))
        # The rest takes at least until the end of the window is on air.
        left = max(float(self._need.end - self._now()), 0.0)
        share = max(min(shares), 0.0)
        stored = sum(each.store.added_bytes for each in self._following)
        self._monitor.report(
            Progress(
                Phase.DOWNLOADING,
                download_percent=100 * share,
                eta_seconds=left or None,
                recorded_seconds=share * float(whole),
                recorded_bytes=stored,
                bytes_done=stored,
            )
        )

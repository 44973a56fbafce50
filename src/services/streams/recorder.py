"""Records a stream: chooses its variant, follows it, and writes the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from src.errors import DiskFull, MediaInvalid, QuotaExceeded, StreamUnreadable
from src.models.media_source import NetworkSettings, SourceUnreadable
from src.models.outcome import Gap, Note, NoteCode
from src.models.progress import Monitor, Phase, Progress
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.spool import Spool
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.hls.variants import Variant, variants
from src.services.media.probe import probe
from src.services.streams import direct, recorded_track
from src.services.streams.collector import Collector
from src.services.streams.following import Follower, Limits, require_something
from src.services.streams.joining import Joined, join
from src.services.streams.recorded_track import RecordedTrack
from src.utils.clock import Clock, SystemClock

# The longest time without any data. Each request and each live stream has its own limit, so this one only catches other
# hangs; it must not end a stream whose server pauses.
_GIVE_UP_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class StreamSource:
    """What to record. ``size``: the largest (width, height); ``max_seconds``: the most seconds of media, live or not.

    ``max_live_seconds`` of real time end a live stream too, so that enough time remains to write the file.
    ``last_try``: no other attempt follows, so an incomplete recording is written too.
    """

    url: str
    kind: Literal["hls", "mp4"] = "hls"
    size: tuple[int, int] | None = None
    max_seconds: float | None = None
    max_live_seconds: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    last_try: bool = False


@dataclass(frozen=True, slots=True)
class StreamReport:
    """The result: (width, height) and seconds of the file, the number of fetched bytes and of segments.

    ``gaps`` are in seconds of the playlist's time line, from the first segment.
    """

    path: Path
    size: tuple[int, int] | None
    seconds: float
    bytes_fetched: int
    segments: int
    live: bool
    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """Return the fields that are stored: JSON values."""
        return {
            "resolution": f"{self.size[0]}x{self.size[1]}" if self.size else None,
            "duration": round(self.seconds, 3),
            "segments": self.segments,
            "bytes_fetched": self.bytes_fetched,
            "live": self.live,
        }


def record(
    source: StreamSource,
    output: Path,
    *,
    retained_dir: Path,
    network: NetworkSettings,
    ffmpeg: FFmpeg,
    monitor: Monitor,
    clock: Clock | None = None,
) -> StreamReport:
    """Fetch a stream and write it to ``output`` (an MP4).

    Pieces are stored in ``retained_dir``: a later call with the same folder fetches only the missing ones. Segments
    that cannot be fetched become gaps of the report.

    Raises:
        StreamUnreadable, CodecNotRemuxable, DrmProtected, SourceError, EncodeFailed, DiskFull, and what ``monitor``
        raises.
    """
    clock = clock or SystemClock()
    retained_dir.mkdir(parents=True, exist_ok=True)
    spool = Spool(output.with_name("fetched"))
    counter = _Counter(monitor, clock)
    notes: tuple[Note, ...] = ()
    try:
        give_up = max(network.give_up_seconds, _GIVE_UP_SECONDS)
        patient = replace(network, give_up_seconds=give_up, segment_retries=0)  # the collector tries again by itself
        fetcher = Fetcher(spool, patient, counter.tick)
        counter.fetcher = fetcher
        collector = Collector(fetcher, source.headers, monitor.check, clock)
        try:
            with _translated():
                if source.kind == "mp4":
                    tracks, live, notes = [direct.fetch(source.url, collector, retained_dir, counter.count)], False, ()
                else:
                    tracks, live, notes = _playlists(source, collector, retained_dir, counter, monitor, clock)
        finally:
            fetcher.close()
    finally:
        spool.close()
    monitor.report(counter.reading(Phase.ENCODING))
    with _translated():
        if source.kind == "mp4":
            joined = Joined((), direct.finish(tracks[0], output, ffmpeg, monitor))
        else:
            joined = join(tracks, output, ffmpeg, monitor)
        media = probe(output, need="any")
    video = media.main_video
    size = (video.width, video.height) if video else None
    seconds = media.duration_seconds or 0.0
    notes += joined.notes
    return StreamReport(output, size, seconds, fetcher.bytes_fetched, counter.done, live, joined.gaps, notes)


class _Counter:
    """Counts segments and reports them to the monitor."""

    def __init__(self, monitor: Monitor, clock: Clock) -> None:
        self._monitor, self._clock = monitor, clock
        self.fetcher: Fetcher | None = None
        self.done = self.total = 0
        self._started = clock.monotonic()

    def count(self, done: int, total: int | None) -> None:
        """Set the count, or add to it if ``total`` is None."""
        if total is None:
            self.done += done
        else:
            self.done, self.total = done, total
        self.tick()

    def tick(self) -> None:
        self._monitor.report(self.reading(Phase.DOWNLOADING))

    def reading(self, phase: Phase) -> Progress:
        fetched = self.fetcher.bytes_fetched if self.fetcher else 0
        rate = fetched / max(self._clock.monotonic() - self._started, 0.001)
        return Progress(
            phase,
            download_percent=100.0 * self.done / self.total if self.total else 0.0,
            speed=f"{rate / 1e6:.1f}MB/s",
            bytes_done=fetched,
            segments_done=self.done,
            segments_total=self.total,
        )


def _playlists(
    source: StreamSource, collector: Collector, folder: Path, counter: _Counter, monitor: Monitor, clock: Clock
) -> tuple[list[RecordedTrack], bool, tuple[Note, ...]]:
    """Record the chosen variant of a playlist with its audio. Returns its tracks, whether it is live, and a note if it
    ended because the storage was full."""
    url, text = collector.read_text(source.url)
    chosen = choose(variants(text, url), source.size)
    audio = chosen.sound_url if chosen else None
    video = chosen.url if chosen else source.url
    addresses = [video, audio] if audio and audio != video else [video]
    tracks = recorded_track.load(folder, len(addresses), source.url)
    follower = Follower(
        addresses,
        tracks,
        collector,
        save=lambda: recorded_track.save(folder, tracks, source.url),
        on_count=counter.count,
        limits=Limits(source.max_seconds, source.max_live_seconds),
        clock=clock,
        monitor=monitor,
    )
    try:
        live = follower.run()
        require_something(tracks, collector, last_try=source.last_try or live)
    except (QuotaExceeded, DiskFull) as full:
        if not any(track.has(segment) for track in tracks for segment in track.known):
            raise
        # The recorded part is finished; the remaining listed segments are reported as a gap.
        return tracks, follower.live, (Note(NoteCode.SPACE_EXHAUSTED, f"The recording ends here: {full.message}"),)
    return tracks, live, ()


def choose(offered: Sequence[Variant], size: tuple[int, int] | None) -> Variant | None:
    """Return the best variant that is not larger than ``size``, else the smallest; None without any variants."""
    sized = [one for one in offered if one.size is not None]
    if size is None or not sized:
        return max(offered, key=lambda one: one.bandwidth, default=None)
    fitting = [one for one in sized if one.size and one.size[0] <= size[0] and one.size[1] <= size[1]]
    if fitting:
        return max(fitting, key=lambda one: (one.size or (0, 0), one.bandwidth))
    return min(sized, key=lambda one: (one.size or (0, 0), -one.bandwidth))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SourceUnreadable as reason:
        raise StreamUnreadable(f"This stream cannot be read: {reason}.") from reason
    except MediaInvalid as reason:
        raise StreamUnreadable(f"This address does not lead to a video: {reason.message}") from reason

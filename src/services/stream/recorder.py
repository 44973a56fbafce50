"""Records a stream: which variant, which pieces, until when, and the file at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from src.errors import MediaInvalid, StreamUnreadable
from src.models.outcome import Gap, Note
from src.models.progress import Monitor, Phase, Progress
from src.services.clip.fetcher import Fetcher
from src.services.clip.hls_playlist import ByteRange, Piece, Segment, Variant, has_ended, parse_playlist, variants
from src.services.clip.source import Network, SourceUnreadable
from src.services.clip.spool import Spool
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media_probe import probe
from src.services.stream import tape as tapes_of
from src.services.stream.collector import Collector, Wanted
from src.services.stream.joining import join
from src.services.stream.tape import Tape

_PIECE_BYTES = 8 << 20  # content networks slow down requests of more than 10 MB
_LIVE_SEGMENTS = 3  # RFC 8216, 6.3.3: a live stream is begun at least three segments before its end
_SHORTEST_PAUSE_SECONDS = 0.5
_GIVE_UP_SECONDS = 60.0  # a live stream to which nothing is added for so long has ended


@dataclass(frozen=True, slots=True)
class StreamSource:
    """What to record. ``size`` is the largest (width, height) wanted; ``max_seconds`` of media ends it, live or not.

    ``max_live_seconds`` on the clock end a live stream too: what was recorded is finished while there is time for that.
    """

    url: str
    kind: Literal["hls", "mp4"] = "hls"
    size: tuple[int, int] | None = None
    max_seconds: float | None = None
    max_live_seconds: float | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What was made: (width, height) of the file, seconds, bytes that were fetched for it, and segments in it."""

    path: Path
    size: tuple[int, int] | None
    seconds: float
    bytes_fetched: int
    segments: int
    live: bool
    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """As it is stored: JSON values."""
        return {
            "resolution": f"{self.size[0]}x{self.size[1]}" if self.size else None,
            "duration": round(self.seconds, 3),
            "segments": self.segments,
            "bytes_fetched": self.bytes_fetched,
            "live": self.live,
        }


def record(
    source: StreamSource, output: Path, *, kept_dir: Path, network: Network, ffmpeg: FFmpeg, monitor: Monitor
) -> StreamReport:
    """Fetch a stream and write it to ``output`` (an MP4).

    Pieces are kept in ``kept_dir``: a later call with the same folder fetches only what is not there.

    Raises:
        StreamUnreadable, DrmProtected, SourceError, EncodeFailed, DiskFull, and what ``monitor`` raises.
    """
    kept_dir.mkdir(parents=True, exist_ok=True)
    spool = Spool(output.with_name("fetched"))
    counter = _Counter(monitor)
    try:
        fetcher = Fetcher(spool, network, counter.tick)
        counter.fetcher = fetcher
        collector = Collector(fetcher, source.headers, monitor.check)
        try:
            take = _Take(source, collector, kept_dir, counter, monitor)
            with _translated():
                tapes, live = take.file() if source.kind == "mp4" else take.playlists()
        finally:
            fetcher.close()
    finally:
        spool.close()
    monitor.report(counter.reading(Phase.ENCODING))
    with _translated():
        if source.kind == "mp4":
            _append(tapes[0], output)
        else:
            join(tapes, output, ffmpeg, monitor)
        media = probe(output, need="any")
    picture = media.main_video
    size = (picture.width, picture.height) if picture else None
    return StreamReport(output, size, media.duration_seconds or 0.0, fetcher.bytes_fetched, counter.done, live)


class _Counter:
    """Segments so far, for the monitor."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.fetcher: Fetcher | None = None
        self.done = self.total = 0
        self._began = time.monotonic()

    def add(self, count: int) -> None:
        self.done += count

    def tick(self) -> None:
        self._monitor.report(self.reading(Phase.DOWNLOADING))

    def reading(self, phase: Phase) -> Progress:
        fetched = self.fetcher.bytes_fetched if self.fetcher else 0
        rate = fetched / max(time.monotonic() - self._began, 0.001)
        return Progress(
            phase,
            download_percent=100.0 * self.done / self.total if self.total else 0.0,
            speed=f"{rate / 1e6:.1f}MB/s",
            bytes_done=fetched,
            segments_done=self.done,
            segments_total=self.total,
        )


class _Take:
    """One recording."""

    def __init__(
        self, source: StreamSource, collector: Collector, folder: Path, counter: _Counter, monitor: Monitor
    ) -> None:
        self._source, self._collector, self._folder = source, collector, folder
        self._counter, self._monitor = counter, monitor

    def file(self) -> tuple[list[Tape], bool]:
        """A direct file, in pieces where its server honours ranges."""
        url = self._source.url
        size = self._collector.size_of(url)
        starts = range(0, size, _PIECE_BYTES) if size else range(1)
        tape = tapes_of.load(self._folder, 1, f"{url} {size}")[0]
        pieces = [
            Piece(url, ByteRange(start, min(_PIECE_BYTES, size - start))) if size else Piece(url) for start in starts
        ]
        zero = Fraction(0)
        wanted = tape.add([Segment(piece, zero, zero, number, 0, None) for number, piece in enumerate(pieces)])
        tapes_of.save(self._folder, [tape], f"{url} {size}")
        self._fetch(wanted)
        return [tape], False

    def playlists(self) -> tuple[list[Tape], bool]:
        """The chosen variant of a playlist, with its sound, to the end or as long as was asked for."""
        url, text = self._collector.read_text(self._source.url)
        chosen = choose(variants(text, url), self._source.size)
        sound = chosen.sound_url if chosen else None
        picture = chosen.url if chosen else self._source.url
        addresses = [picture, sound] if sound and sound != picture else [picture]
        tapes = tapes_of.load(self._folder, len(addresses), self._source.url)
        live, grew_at = False, time.monotonic()
        leave_at = grew_at + (self._source.max_live_seconds or math.inf)
        while True:
            began = time.monotonic()
            known = sum(len(tape.known) for tape in tapes)
            wanted, ended = [], True
            for tape, address in zip(tapes, addresses, strict=True):
                segments, finished = self._read(address)
                ended = ended and finished
                if not finished and not tape.known:
                    segments = segments[-_LIVE_SEGMENTS:]
                wanted.append(tape.add(segments, most_seconds=self._source.max_seconds))
            live = live or not ended
            tapes_of.save(self._folder, tapes, self._source.url)
            self._fetch([one for track in wanted for one in track], before=tapes)
            if sum(len(tape.known) for tape in tapes) > known:
                grew_at = time.monotonic()
            now = time.monotonic()
            if ended or self._is_enough(tapes) or now - grew_at > _GIVE_UP_SECONDS or now > leave_at:
                return tapes, live
            self._pause(began, max((cut.seconds for cut in tapes[0].known[-1:]), default=1.0) / 2)

    def _read(self, address: str) -> tuple[list[Segment], bool]:
        url, text = self._collector.read_text(address)
        return parse_playlist(text, url, growing=True), has_ended(text)

    def _is_enough(self, tapes: Sequence[Tape]) -> bool:
        most = self._source.max_seconds
        return most is not None and all(tape.seconds >= most for tape in tapes)

    def _pause(self, began: float, seconds: float) -> None:
        until = began + max(seconds, _SHORTEST_PAUSE_SECONDS)
        while (left := until - time.monotonic()) > 0:
            self._monitor.check()
            time.sleep(min(left, 0.2))

    def _fetch(self, wanted: Sequence[Wanted], before: Sequence[Tape] = ()) -> None:
        asked = [one for one in dict.fromkeys(wanted) if not one.is_init]
        self._collector.collect([one for one in dict.fromkeys(wanted) if one.is_init], lambda _: None)
        if before:  # what is only known from earlier is on disk, or gone for good
            names = {one.path for one in asked}
            old = [tape.path_of(cut.number) for tape in before for cut in tape.known]
            self._counter.done = sum(path.exists() for path in old if path not in names)
            self._counter.total = self._counter.done + len(asked)
        else:
            self._counter.done, self._counter.total = 0, len(asked)
        self._collector.collect(asked, self._counter.add)
        self._counter.tick()


def choose(offered: Sequence[Variant], size: tuple[int, int] | None) -> Variant | None:
    """The best variant that is not larger than ``size``, else the smallest; ``None`` when there is no choice."""
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
        raise StreamUnreadable(f"What this address holds is no video: {reason.message}") from reason


def _append(tape: Tape, output: Path) -> None:
    with output.open("wb") as file:
        for cut in tape.known:
            with tape.path_of(cut.number).open("rb") as piece:
                while data := piece.read(1 << 20):
                    file.write(data)

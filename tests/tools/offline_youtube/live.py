"""A stream that is live now: a sliding window over an endless loop of numbered films, driven by a clock of its own.

It can end; then it is gone, until its recording is there: the loop's film once, from the beginning of the stream on.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from fractions import Fraction

from tests.tools.numbered import NumberedSite, NumberedStream, aac_track, avc_track, jittered
from tests.tools.offline_youtube.hls import LIVE_SECONDS, Rendition
from tests.tools.offline_youtube.http import Reply, playlist
from tests.tools.offline_youtube.situations import Situation, VideoId, situation

HEAD_START_SECONDS = 60.0
"""How long the stream has been running when the site opens."""
WINDOW_SEGMENTS = 15
NUMBERED_SEGMENTS = 2000
TRACKS = (
    avc_track(LIVE_SECONDS),
    avc_track(LIVE_SECONDS, itag=133, size=(426, 240)),
    aac_track(LIVE_SECONDS),
)


class LiveStream:
    """What is on air at any moment. Segment ``n`` shows seconds ``2 n`` to ``2 n + 2`` of the loop's film.

    After ``LIVE_SECONDS`` the film begins again: frame numbers and timestamps start over, and the playlist says so.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.states_time = True
        """Whether its playlists say when their segments were broadcast."""
        self.begin()

    def begin(self) -> None:
        """On air again, with a full second as its beginning: the site tells no fractions of it."""
        self.began_at = float(int(self._clock() - HEAD_START_SECONDS))
        self.length_seconds: float | None = None
        self.recorded = False
        self.numbers = NumberedSite([])
        self._numbered_since: float | None = None

    def end(self) -> None:
        """Off air; ``recorded`` may be set later."""
        self.length_seconds = self.position_seconds
        self.numbers.ended = True

    def situation_of(self, video_id: VideoId) -> Situation:
        """What the site says of a film now."""
        what = situation(video_id)
        if what.live != "now" or self.length_seconds is None:
            return what
        if what.formats == "numbered" and not self.recorded:
            return Situation(formats="numbered", live="processing")
        return Situation(formats="hls", live="was") if self.recorded else situation(VideoId.LIVE_ENDED_NOT_READY)

    def numbered(self) -> NumberedSite:
        """The same time by numbered segments; its switches (``live.numbers``) stay when time is moved."""
        if self._numbered_since != self.began_at:
            lengths, ingested = jittered(Fraction(self.began_at), NUMBERED_SEGMENTS)
            self.numbers.broadcasts[:] = [NumberedStream(list(TRACKS), lengths, ingested)]
            self._numbered_since = self.began_at
        return self.numbers

    @property
    def now(self) -> Fraction:
        """The wall clock up to which segments exist."""
        return Fraction(self.began_at + self.position_seconds)

    @property
    def position_seconds(self) -> float:
        """Seconds since the stream began, or for which it lasted."""
        return self._clock() - self.began_at if self.length_seconds is None else self.length_seconds

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.began_at -= seconds

    def window(self, rendition: Rendition) -> range:
        """Numbers of the segments that can be fetched now: the last ones that are complete."""
        complete = int(self.position_seconds // rendition.segment_seconds)
        return range(max(0, complete - WINDOW_SEGMENTS), complete)

    def playlist(self, rendition: Rendition, address: str) -> Reply:
        """The window's playlist; ``address`` has a place for the segment's number."""
        window, loop = self.window(rendition), rendition.segment_count
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{rendition.segment_seconds}"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{window.start}"]
        lines += [f"#EXT-X-DISCONTINUITY-SEQUENCE:{max(0, window.start - 1) // loop}"]
        for number in window:
            if number and number % loop == 0:
                lines.append("#EXT-X-DISCONTINUITY")
            if self.states_time:
                shown_at = dt.datetime.fromtimestamp(self.began_at + number * rendition.segment_seconds, dt.UTC)
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{shown_at.isoformat(timespec='milliseconds')}")
            lines += [f"#EXTINF:{rendition.segment_seconds:.3f},", address.format(number)]
        return playlist([*lines, *([] if self.length_seconds is None else ["#EXT-X-ENDLIST"])])

    def segment(self, rendition: Rendition, number: int) -> bytes | None:
        """A segment of the window; None if it is gone or still to come."""
        if number not in self.window(rendition):
            return None
        return rendition.segments[number % rendition.segment_count]

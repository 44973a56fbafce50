"""The web server of a live stream: a sliding window of segments, as of the virtual clock's now."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.tools.live_origin.clock import VirtualClock
from tests.tools.live_origin.playlist import Listed, content_of, key_of, latest_end, playlist_of
from tests.tools.live_origin.stream import Stream
from tests.tools.loopback import LoopbackServer

WINDOW_SEGMENTS = 30


@dataclass
class Broadcast:
    """A stream as it is served. ``stale_seconds``: every third playlist is so old, as behind a slow edge;
    ``refuse_after``: links are refused after so many requests, until ``renew``; ``flaky``: every n-th segment fails
    once."""

    stream: Stream
    window: int = WINDOW_SEGMENTS
    stale_seconds: float = 0
    refuse_after: int | None = None
    flaky: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def renew(self) -> None:
        """Fresh links."""
        self.version += 1
        self.refuse_after = None

    def listed(self, now: Fraction, track: str | None = None) -> list[Listed]:
        """The window of a track; without a name, of the one with the picture."""
        newest = next((part for part in reversed(self.stream.parts) if part.at <= now), self.stream.parts[0])
        same = [part for part in self.stream.parts if part.at <= now]
        if newest.first_number == 0:  # the stream began anew: nothing of before is listed
            same = [newest]
        track = track or next(iter(newest.programme.tracks))
        found = [
            Listed(part, place)
            for part in same
            for place in range(len(part.programme.tracks[track].segments))
            if latest_end(part, track, place) <= now and (place not in part.unlisted or track == "sound")
        ]
        return found[-self.window :]


class LiveOrigin(LoopbackServer):
    """Serves broadcasts at ``url(name)`` while it is entered."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.broadcasts: dict[str, Broadcast] = {}
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = origin.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the client has left
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        super().__init__(Handler)

    def url(self, name: str, track: str = "both") -> str:
        """A playlist of a broadcast."""
        return f"http://127.0.0.1:{self.port}/{name}/{self.broadcasts[name].version}/{track}.m3u8"

    def answer(self, path: str) -> tuple[int, bytes]:
        name, version, file = path.strip("/").split("/")
        broadcast = self.broadcasts.get(name)
        if broadcast is None:
            return 404, b""
        broadcast.requests["playlist" if file.endswith(".m3u8") else file] += 1
        refused = broadcast.refuse_after is not None and broadcast.requests.total() > broadcast.refuse_after
        if refused or int(version) < broadcast.version:
            return 403, b""
        if file.endswith(".m3u8"):
            return self._playlist(broadcast, file.removesuffix(".m3u8"))
        if file.endswith(".key"):
            return 200, key_of(file)
        track, number, place = file.partition(".")[0].split("-")
        part = broadcast.stream.parts[int(number)]
        if place == "init":
            return 200, part.programme.tracks[track].init or b""
        return self._segment(broadcast, track, Listed(part, int(place)), file)

    def _segment(self, broadcast: Broadcast, track: str, asked: Listed, file: str) -> tuple[int, bytes]:
        missing = frozenset() if track == "sound" else asked.part.absent | asked.part.gaps
        if asked.place in missing or asked not in broadcast.listed(self.clock.seconds, track):
            return 404, b""
        if broadcast.flaky and asked.place % broadcast.flaky == 0 and broadcast.requests[file] == 1:
            return 503, b""
        return 200, content_of(broadcast.stream, track, asked)

    def _playlist(self, broadcast: Broadcast, track: str) -> tuple[int, bytes]:
        now = self.clock.seconds
        if broadcast.stale_seconds and broadcast.requests["playlist"] % 3 == 0:
            now -= Fraction(broadcast.stale_seconds)
        listed = broadcast.listed(now, track)
        if not listed:
            return 404, b""
        ended = broadcast.stream.ended_at is not None and now >= broadcast.stream.ended_at
        return 200, playlist_of(broadcast.stream, track, listed, ended=ended).encode()

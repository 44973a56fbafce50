"""The web server of a live stream: a sliding window of segments, as of the virtual clock's now."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.live_origin.clock import EPOCH, VirtualClock
from tests.live_origin.stream import SEGMENT_SECONDS, Part, Stream

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

    def listed(self, now: Fraction) -> list[tuple[Part, int]]:
        """(part, place of the segment) of the window."""
        newest = next((part for part in reversed(self.stream.parts) if part.at <= now), self.stream.parts[0])
        same = [part for part in self.stream.parts if part.at <= now]
        if newest.first_number == 0:  # the stream began anew: nothing of before is listed
            same = [newest]
        found = [
            (part, place)
            for part in same
            for place in range(part.rendition.segment_count)
            if part.at + (place + 1) * SEGMENT_SECONDS <= min(now, part.end) and place not in part.unlisted
        ]
        return found[-self.window :]


class LiveOrigin:
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

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, name: str) -> str:
        """The playlist of a broadcast."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}/{self.broadcasts[name].version}/live.m3u8"

    def answer(self, path: str) -> tuple[int, bytes]:
        name, version, file = path.strip("/").split("/")
        broadcast = self.broadcasts.get(name)
        if broadcast is None:
            return 404, b""
        broadcast.requests["playlist" if file == "live.m3u8" else file] += 1
        refused = broadcast.refuse_after is not None and broadcast.requests.total() > broadcast.refuse_after
        if refused or int(version) < broadcast.version:
            return 403, b""
        if file == "live.m3u8":
            return self._playlist(broadcast)
        part, place = (int(text) for text in file.removesuffix(".ts").split("-"))
        if (broadcast.stream.parts[part], place) not in broadcast.listed(self.clock.seconds):
            return 404, b""
        if place in broadcast.stream.parts[part].absent | broadcast.stream.parts[part].gaps:
            return 404, b""
        if broadcast.flaky and place % broadcast.flaky == 0 and broadcast.requests[file] == 1:
            return 503, b""
        return 200, broadcast.stream.parts[part].rendition.segments[place]

    def _playlist(self, broadcast: Broadcast) -> tuple[int, bytes]:
        now = self.clock.seconds
        if broadcast.stale_seconds and broadcast.requests["playlist"] % 3 == 0:
            now -= Fraction(broadcast.stale_seconds)
        stream, listed = broadcast.stream, broadcast.listed(now)
        if not listed:
            return 404, b""
        first, place = listed[0]
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{first.first_number + place}"]
        lines += [f"#EXT-X-DISCONTINUITY-SEQUENCE:{first.group}"]
        before: tuple[Part, int] | None = None
        for part, place in listed:
            if (before is not None and before[0] is not part) or (before is not None and before[1] + 1 != place):
                lines.append("#EXT-X-DISCONTINUITY")
            if stream.clocked:
                at = EPOCH + dt.timedelta(milliseconds=round((part.at + place * SEGMENT_SECONDS) * 1000))
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{at.isoformat(timespec='milliseconds')}")
            if place in part.gaps:
                lines.append("#EXT-X-GAP")
            lines += [f"#EXTINF:{SEGMENT_SECONDS:.3f},", f"{stream.parts.index(part)}-{place}.ts"]
            before = part, place
        if stream.ended_at is not None and now >= stream.ended_at:
            lines.append("#EXT-X-ENDLIST")
        return 200, ("\n".join(lines) + "\n").encode()

"""A web server on loopback that answers for numbered segments, as of the virtual clock's now."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from src.models.captured import LiveTrack
from src.services.live.numbered.links import Links
from tests.tools.live_origin import VirtualClock
from tests.tools.loopback import LoopbackServer
from tests.tools.numbered.answers import HANG, NumberedSite, parameters


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is no news: of a range that is not honoured it takes only the beginning."""


class NumberedServer(LoopbackServer):
    """Serves ``site`` while it is entered. ``issue`` gives links as a lookup would."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.site = NumberedSite([])
        self.issued = 0
        self.complete: Counter[str] = Counter()
        """How often each segment was sent completely."""
        self._closing = threading.Event()
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked_range, host = self.headers.get("Range"), self.headers.get("Host", "")
                answer = origin.site.answer(self.command, self.path, asked_range, clock.seconds, host)
                if answer.status == HANG:
                    origin._closing.wait(60)
                    self.close_connection = True
                    return
                values = parameters(self.path)
                if self.command == "GET" and answer.status == 200 and "sq" in values:
                    origin.complete[f"{values['itag']}/{values['sq']}"] += 1
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, f"http:{value}" if name == "Location" else value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(answer.body)

            do_HEAD = do_GET  # noqa: N815 (the name that the library looks for)

            def log_message(self, format: str, *args: Any) -> None:
                return

        super().__init__(Handler, _QuietServer)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._closing.set()
        super().__exit__(kind, error, tb)

    def issue(self, *, path_form: bool = False) -> Links:
        """Fresh links of all formats, valid from now on."""
        self.issued += 1
        now = self.clock.seconds
        base = f"http://127.0.0.1:{self.port}/videoplayback"
        tracks = []
        for track in self.site.stream.tracks:
            path, query = self.site.path(track.itag, now), self.site.query(track.itag, now)
            url = f"{base}/{path}" if path_form else f"{base}?{query}"
            name = "video" if track.has_video else "audio"
            tracks.append(LiveTrack(name, url, {}, track.has_video, not track.has_video, str(track.itag)))
        return Links(tuple(tracks), self.clock.now(), self.site.ended)

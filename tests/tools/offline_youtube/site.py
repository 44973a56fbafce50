"""The site as a test sees it: start it, ask for links and settings, inject faults, read what was requested."""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType

from tests.tools.offline_youtube.certificate import make_certificate
from tests.tools.offline_youtube.faults import NO_FAULT, Fault
from tests.tools.offline_youtube.hls import LIVE, VOD
from tests.tools.offline_youtube.http import Request
from tests.tools.offline_youtube.ladder import RUNGS
from tests.tools.offline_youtube.live import TRACKS, LiveStream
from tests.tools.offline_youtube.media import FilmState
from tests.tools.offline_youtube.routes import answer
from tests.tools.offline_youtube.server import ProxyServer
from tests.tools.offline_youtube.situations import VideoId, situation

PLAYER_CLIENT = "visionos"
"""The player client that tests ask as: it needs no runtime and one request. The site answers all others too."""


def prepare_media() -> None:
    """Make or load all media, so that no request has to wait for an encoder. Two minutes of CPU the first time."""
    rungs = [rung for some in RUNGS.values() for rung in some]
    for rung in random.Random(os.getpid()).sample(rungs, len(rungs)):  # other processes begin with others
        assert rung.data
    for rendition in (*VOD, *LIVE):
        assert rendition.segments
    for track in TRACKS:
        assert track.init


class OfflineYoutube:
    """A YouTube on this machine, behind an HTTP proxy at ``proxy_url``. A context manager.

    ``bytes_per_second`` limits each connection and ``round_trip_seconds`` delays each reply, as a distant CDN would.
    """

    def __init__(self, *, port: int = 0, bytes_per_second: float | None = None, round_trip_seconds: float = 0) -> None:
        self._folder = tempfile.TemporaryDirectory()
        context, self.authority = make_certificate(Path(self._folder.name))
        self._lock = threading.Lock()
        self._faults: dict[VideoId, Fault] = {}
        self._states: defaultdict[VideoId, FilmState] = defaultdict(FilmState)
        self._requests: list[Request] = []
        self._strays: list[str] = []
        self.live = LiveStream()
        self._server = ProxyServer(
            port,
            context,
            answer=lambda request: answer(self, request),
            record=self._record,
            stray=self._stray,
            bytes_per_second=bytes_per_second,
            round_trip_seconds=round_trip_seconds,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> OfflineYoutube:
        prepare_media()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._folder.cleanup()

    # Where it is.

    @property
    def proxy_url(self) -> str:
        """The proxy through which this YouTube is reached."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @staticmethod
    def url(video_id: VideoId) -> str:
        """The link of a film's page."""
        return f"https://www.youtube.com/watch?v={video_id}"

    def options(self) -> dict[str, object]:
        """Options for ``yt_dlp.YoutubeDL`` itself that lead it here."""
        arguments = {"youtube": {"player_client": [PLAYER_CLIENT]}}
        return {"proxy": self.proxy_url, "nocheckcertificate": True, "extractor_args": arguments}

    def environment(self) -> dict[str, str]:
        """Variables of the service's environment that lead it here."""
        options = {"extractor_args": {"youtube": {"player_client": [PLAYER_CLIENT]}}}
        return {
            "YTDLP_PROXY": self.proxy_url,
            "YTDLP_VERIFY_TLS": "false",
            "YTDLP_OPTIONS": json.dumps(options),
        }

    # What goes wrong.

    def fault(self, video_id: VideoId, fault: Fault) -> None:
        """From now on ``fault`` instead of what the table says; counts of earlier faults start over, and replies
        under way are no longer slow."""
        with self._lock:
            self._faults[video_id] = fault
            self._states[video_id] = self._states[video_id].anew()

    def heal(self, video_id: VideoId) -> None:
        """From now on no fault at all."""
        self.fault(video_id, NO_FAULT)

    def reset(self) -> None:
        """As the table says again, and an empty record."""
        with self._lock:
            self.live.begin()
            self._faults.clear()
            self._requests.clear()
            self._strays.clear()
            for video_id, state in self._states.items():
                self._states[video_id] = state.anew()

    def fault_of(self, video_id: VideoId) -> Fault:
        """What goes wrong with a film now."""
        with self._lock:
            return self._faults.get(video_id) or situation(video_id).fault

    def state_of(self, video_id: VideoId) -> FilmState:
        """What has happened to a film."""
        with self._lock:
            return self._states[video_id]

    # What was asked.

    @property
    def requests(self) -> list[Request]:
        """All requests for hosts that are played, oldest first; those under way too."""
        with self._lock:
            return list(self._requests)

    @property
    def strays(self) -> list[str]:
        """Hosts that somebody tried to reach and that are not YouTube's. A good test leaves this empty."""
        with self._lock:
            return list(self._strays)

    def media_requests(self, video_id: VideoId, itag: int | None = None) -> list[Request]:
        """Requests for bytes of a film, or of one of its formats."""
        asked = [r for r in self.requests if r.is_media and itag in (None, int(r.parameters.get("itag", 0)))]
        return [r for r in asked if r.parameters.get("id", "").partition(".")[0] == video_id]

    def media_bytes(self, video_id: VideoId, itag: int | None = None) -> int:
        """Bytes of a film that were sent."""
        return sum(request.bytes_sent for request in self.media_requests(video_id, itag))

    def extractions(self, video_id: VideoId) -> int:
        """How often the player interface was asked for a film since the site opened or was reset."""
        asked = [r for r in self.requests if r.path == "/youtubei/v1/player" and r.json.get("videoId") == video_id]
        return len(asked)

    def _record(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    def _stray(self, host: str) -> None:
        with self._lock:
            self._strays.append(host)

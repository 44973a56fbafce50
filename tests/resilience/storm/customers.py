"""The work: jobs of several kinds, ordered over HTTP by somebody who asks again when the service stumbles."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx

from tests.tools.media_kit import Film, audio_marks, cached_film, decode_errors, frame_numbers
from tests.tools.offline_youtube.hls import LIVE_SECONDS
from tests.tools.offline_youtube.player import CHANNEL_ID
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

FPS = 25
PATIENCE_SECONDS = 60.0
LIVE_CLIP_SECONDS = 4
UPLOAD = Film(size=(256, 144), seconds=Fraction(1), audio=None)
STREAM = Film(size=(256, 144), seconds=Fraction(3), gop_frames=25)


class NoAnswer(Exception):
    """The service did not take an order in ``PATIENCE_SECONDS``: nothing was accepted."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job that the service accepted, where its file is fetched, and what the file must show."""

    kind: str
    job_id: str
    file: str
    headers: Mapping[str, str]
    wrong: Callable[[Path], str | None]


class Customers:
    """Orders jobs of random kinds; ``orders`` are the accepted ones."""

    KINDS = {"clip": 8, "encode": 6, "batch": 2, "audio": 2, "video": 2, "stream": 2, "live clip": 1}

    def __init__(self, base: str, chance: random.Random, stream: str) -> None:
        """``stream`` is the link of a playlist of ``STREAM``."""
        self._http = httpx.Client(base_url=base, timeout=httpx.Timeout(20, connect=5))
        self._chance, self._stream_link = chance, stream
        self.orders: list[Order] = []
        self.stumbles = 0
        account = {"email": "anna@example.com", "password": "SecurePass123!"}
        self._user = self._ask("POST", "/api/auth/register", json=account)["user_id"]
        self._private = self._bearer(self._ask("POST", "/api/auth/login", json=account)["token"])
        self._public = self._bearer(self._ask("GET", "/api/auth/token/public")["token"])
        self._guest = {"X-Session-ID": self._ask("POST", "/api/sessions/")["session_uuid"]}
        wish = {
            "latency": "0",
            "offset": 8,
            "duration": LIVE_CLIP_SECONDS,
            "viewer_cooldown_seconds": 0,
            "cooldown_seconds": 0,
        }
        self._channel = self._ask("POST", "/api/auth/tokens", json=wish, headers=self._private)["token"]

    def close(self) -> None:
        """Go home."""
        self._http.close()

    def order(self) -> None:
        """One more job.

        Raises:
            NoAnswer: the service was away for too long.
        """
        kind = self._chance.choices(list(self.KINDS), list(self.KINDS.values()))[0]
        self.orders.append(getattr(self, f"_{kind.replace(' ', '_')}")())

    def fetch(self, order: Order, folder: Path) -> str | None:
        """Fetch a finished file and look at it; what is wrong with it, if anything is."""
        file = order.file
        if order.kind == "stream":  # its file has a link of its own
            file = self._http.get(file).json()["result"]["download_url"]
        reply = self._http.get(file, headers=dict(order.headers))
        if reply.status_code != 200:
            return f"status {reply.status_code}: {reply.text[:200]}"
        if order.kind == "live clip" and len(self._notes(order)) > 1:
            return None  # a part of the moment was off the air before anybody could fetch it, and its owner is told
        path = folder / order.job_id
        path.write_bytes(reply.content)
        try:
            return order.wrong(path)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            path.unlink()

    def _notes(self, order: Order) -> list[str]:
        """What is told about a clip: that it has another resolution than was asked for, and what else there is."""
        told = self._http.get(f"/api/video/status/{order.job_id}", headers=dict(order.headers)).json()
        return list(told["actual"]["notes"])

    # The kinds.

    def _clip(self) -> Order:
        first = self._chance.randrange(18 * FPS)
        start = round(first / FPS, 2)
        body = {"url": _film(), "start_time": start, "end_time": round(start + 1, 2), "user_id": self._user}
        choice = {
            "format_preference": self._chance.choice(["mp4", "mp4", "webm"]),
            "resolution_preference": self._chance.choice(["144p", "240p"]),
        }
        job_id = self._ask("POST", "/api/video/save", json=body, headers=self._public)["video_id"]
        self._ask("POST", f"/api/video/download/{job_id}", json=choice, headers=self._later())
        return Order("clip", job_id, f"/api/video/download/{job_id}", self._private, _shows(range(first, first + FPS)))

    def _batch(self) -> Order:
        first, second = self._chance.randrange(200), self._chance.randrange(250, 450)
        ranges = [{"start_time": at / FPS, "end_time": at / FPS + 0.6} for at in (first, second)]
        joined = self._chance.random() < 0.5
        body = {"url": _film(), "ranges": ranges, "join": joined, "resolution_preference": "144p"}
        job_id = self._ask("POST", "/api/video/batch", json=body, headers=self._private)["video_id"]
        wanted = [range(at, at + 15) for at in (first, second)]
        wrong = _shows([*wanted[0], *wanted[1]]) if joined else _zip_shows(wanted)
        return Order("batch", job_id, f"/api/video/batch/{job_id}/file", self._private, wrong)

    def _encode(self) -> Order:
        codec = self._chance.choice(["h264", "h264", "h265", "av1"])
        with cached_film(UPLOAD).open("rb") as film:
            content = film.read()
        sent = self._ask("POST", "/api/encode/upload", files={"video": ("film.mp4", content)}, headers=self._private)
        job_id, choice = sent["encode_id"], {"video_codec": codec, "quality_preset": "high"}
        self._ask("POST", f"/api/encode/start/{job_id}", json=choice, headers=self._later())
        return Order("encode", job_id, f"/api/encode/download/{job_id}", self._private, _shows(range(FPS)))

    def _audio(self) -> Order:
        return self._of_guest({"media_type": "audio", "output_format": "mp3"}, _sounds)

    def _video(self) -> Order:
        return self._of_guest({"quality": "144p", "output_format": "mp4"}, _shows(range(20 * FPS)))

    def _of_guest(self, wish: dict[str, str], wrong: Callable[[Path], str | None]) -> Order:
        body = {"url": _film(), **wish}
        job_id = self._ask("POST", "/api/jobs/", json=body, headers=self._guest)["job_uuid"]
        return Order(wish.get("media_type", "video"), job_id, f"/api/jobs/{job_id}/file", self._guest, wrong)

    def _stream(self) -> Order:
        told = self._ask("POST", "/download/", json={"url": self._stream_link})["job_id"]
        frames = range(int(STREAM.seconds * FPS))
        return Order("stream", told.partition("-")[0], f"/job/{told}", {}, _shows(frames))

    def _live_clip(self) -> Order:
        wish = {"stream": CHANNEL_ID, "message": "wow"}
        job_id = self._ask("GET", f"/c/{self._channel}", params=wish)["video_id"]
        return Order("live clip", job_id, f"/api/video/download/{job_id}", self._private, _shows_live)

    # How they ask.

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """An answer of 2xx, asked for again and again while the service is away or says that it is."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                reply = self._http.request(method, path, **request)
                if reply.is_success:
                    return dict(reply.json()) if "json" in reply.headers.get("Content-Type", "") else {}
                if reply.status_code < 500:
                    raise AssertionError(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
            self.stumbles += 1
            if time.monotonic() > until:
                raise NoAnswer(path)
            time.sleep(0.3)

    def _later(self) -> dict[str, str]:
        return {**self._private, "Prefer": "respond-async"}

    @staticmethod
    def _bearer(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}


def _film() -> str:
    return OfflineYoutube.url(VideoId.LADDER)


def _shows(numbers: Iterable[int]) -> Callable[[Path], str | None]:
    wanted = list(numbers)

    def wrong(path: Path) -> str | None:
        shown = [frame.number for frame in frame_numbers(path)]
        if shown != wanted:
            return f"it shows {len(shown)} frames from {shown[:1]}, not {len(wanted)} from {wanted[:1]}"
        said = decode_errors(path).splitlines()
        # Where parts of films are joined, frames lie as their sound does, beside the grid of whole frames that FFmpeg's
        # null output rounds to: a remark about the output, not about the file.
        return "\n".join(line for line in said if "non monotonically increasing dts to muxer" not in line) or None

    return wrong


def _zip_shows(ranges: Sequence[range]) -> Callable[[Path], str | None]:
    def wrong(path: Path) -> str | None:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder, zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
            clips = sorted(Path(folder).iterdir())
            if len(clips) != len(ranges):
                return f"{len(clips)} clips, not {len(ranges)}"
            return next((told for clip, each in zip(clips, ranges, strict=True) if (told := _shows(each)(clip))), None)

    return wrong


def _shows_live(path: Path) -> str | None:
    shown = [frame.number for frame in frame_numbers(path)]
    loop = LIVE_SECONDS * FPS
    if shown != [(shown[0] + number) % loop for number in range(LIVE_CLIP_SECONDS * FPS)]:
        return f"it shows {len(shown)} frames, not {LIVE_CLIP_SECONDS * FPS} in a row"
    return decode_errors(path) or None


def _sounds(path: Path) -> str | None:
    seconds = [mark.second for mark in audio_marks(path)]
    # The chirp of second 0 is lost in the first frame of an mp3 decoder.
    return (
        None
        if [second for second in seconds if second] == list(range(1, 20))
        else f"the sound marks the seconds {seconds}"
    )

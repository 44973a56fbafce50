"""Uses a running service as a client would: the page, a clip, a live clip and a lossless AV1 encode, each checked."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.player import CHANNEL_ID
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

FPS = 25
FIRST_FRAME = 88  # the first frame at or after 3.5 s
_ACCOUNT = {"email": "anna@example.com", "password": "SecurePass123!"}
_BOT = {"User-Agent": "Nightbot-URL-Fetcher/0.0.3", "Nightbot-Channel": f"provider=youtube&providerId={CHANNEL_ID}"}


class NotAsExpected(Exception):
    """The service did something else than it should."""


@dataclass
class Story:
    """A client of the service at ``base``. ``downloads``: DOWNLOADS_DIR as seen from here."""

    base: str
    site: OfflineYoutube
    downloads: Path
    folder: Path
    say: Callable[[str], None]
    patience_seconds: float = 300

    def __post_init__(self) -> None:
        """Register and sign in."""
        self._http = httpx.Client(base_url=f"{self.base}/api", timeout=self.patience_seconds)
        self._id = self._sent("POST", "/auth/register", json=_ACCOUNT).json()["user_id"]
        token = self._sent("POST", "/auth/login", json=_ACCOUNT).json()["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def page(self) -> None:
        """Fetch the web page and every module and style that it names."""
        shown = httpx.get(f"{self.base}/", headers={"Accept": "text/html"}, timeout=self.patience_seconds)
        named = re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', shown.text)
        answers = [httpx.get(f"{self.base}/{path}", timeout=self.patience_seconds) for path in named]
        if not named or any(answer.status_code != httpx.codes.OK for answer in [shown, *answers]):
            raise NotAsExpected(f"the web page: {shown.status_code} {shown.text[:300]} {answers}")
        self.say(f"the web page answers at /, with {len(named)} files")

    def clip(self) -> Path:
        """Save five seconds of a video, and fetch them."""
        started = time.monotonic()
        public = self._sent("GET", "/auth/token/public").json()["token"]
        wanted = {"url": self.site.url(VideoId.LADDER), "start_time": 3.5, "end_time": 8.5, "user_id": self._id}
        saved = self._sent("POST", "/video/save", json=wanted, headers={"Authorization": f"Bearer {public}"})
        video_id = saved.json()["video_id"]
        choice = {"format_preference": "mp4", "resolution_preference": "360p"}
        self._sent("POST", f"/video/download/{video_id}", json=choice, headers={"Prefer": "respond-async"})
        self._completed(f"/video/status/{video_id}")
        path = self._fetched("clip", f"/video/download/{video_id}", started)
        self._require_frames(path, list(range(FIRST_FRAME, FIRST_FRAME + 5 * FPS)))
        return path

    def live_clip(self) -> None:
        """Ask for the last seconds of a running stream, as a chat bot does."""
        started = time.monotonic()
        wanted = {"latency": "0", "offset": 18, "duration": 8}
        wanted |= {"viewer_cooldown_seconds": 0, "cooldown_seconds": 0}
        token = self._sent("POST", "/auth/tokens", json=wanted).json()["token"]
        answer = httpx.get(f"{self.base}/c/{token}?format=text&message=wow", headers=_BOT, timeout=60)
        if "requested" not in answer.text:
            raise NotAsExpected(answer.text)
        video_id = self._sent("GET", "/video/list").json()["videos"][0]["video_id"]
        status = self._completed(f"/video/status/{video_id}")
        if status["source"] != "live":
            raise NotAsExpected(f"not cut from the running stream: {status}")
        path = self._fetched("live clip", f"/video/download/{video_id}", started)
        if len(frame_numbers(path)) != 8 * FPS:
            raise NotAsExpected(f"the live clip has {len(frame_numbers(path))} frames, not {8 * FPS}")

    def lossless_av1(self, source: Path) -> None:
        """Upload the file and have it encoded to AV1 without losses."""
        started = time.monotonic()
        with source.open("rb") as file:
            uploaded = self._sent("POST", "/encode/upload", files={"video": ("clip.mp4", file)})
        encode_id = uploaded.json()["encode_id"]
        choice = {"video_codec": "av1", "quality_preset": "lossless"}
        self._sent("POST", f"/encode/start/{encode_id}", json=choice, headers={"Prefer": "respond-async"})
        status = self._completed(f"/encode/status/{encode_id}")
        if "verified" not in str(status):
            raise NotAsExpected(f"the encode was not verified: {status}")
        path = self._fetched("lossless AV1 encode", f"/encode/download/{encode_id}", started)
        self._require_frames(path, [frame.number for frame in frame_numbers(source)])

    def _sent(self, method: str, path: str, **content: Any) -> httpx.Response:
        reply = self._http.request(method, path, **content)
        if reply.status_code >= 400:
            raise NotAsExpected(f"{method} {path}: {reply.status_code} {reply.text[:500]}")
        return reply

    def _completed(self, path: str) -> dict[str, Any]:
        until = time.monotonic() + self.patience_seconds
        while time.monotonic() < until:
            status: dict[str, Any] = self._sent("GET", path).json()
            if status["status"] == "completed":
                return status
            if status["status"] in {"failed", "cancelled"}:
                raise NotAsExpected(f"{path}: {status}")
            time.sleep(0.5)
        raise NotAsExpected(f"{path} was not completed within {self.patience_seconds:.0f} s: {status}")

    def _fetched(self, name: str, path: str, started: float) -> Path:
        """Fetch a finished file and compare it with the file in the folder of downloads."""
        content = self._sent("POST", path).content
        checksum = hashlib.sha256(content).hexdigest()
        stored = [file for file in self.downloads.rglob("*") if file.is_file() and file.stat().st_size == len(content)]
        if checksum not in [hashlib.sha256(file.read_bytes()).hexdigest() for file in stored]:
            raise NotAsExpected(f"the {name} that was fetched is no file of {self.downloads}")
        target = self.folder / f"{name.replace(' ', '-')}.mp4"
        target.write_bytes(content)
        seconds = time.monotonic() - started
        self.say(f"{name}: {len(content)} bytes after {seconds:.1f} s, sha256 {checksum[:16]} as in the folder")
        return target

    def _require_frames(self, path: Path, expected: list[int]) -> None:
        shown = [frame.number for frame in frame_numbers(path)]
        if shown != expected:
            raise NotAsExpected(f"{path.name} shows the frames {shown[:1]} to {shown[-1:]}, {len(shown)} of them")

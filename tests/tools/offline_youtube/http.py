"""Requests, replies and the record of both."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal


@dataclass
class Request:
    """One request, also the record of what became of it. ``status`` and ``bytes_sent`` grow while it is answered."""

    method: str
    host: str
    target: str
    """Path and query as they came."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes = b""
    status: int = 0
    bytes_sent: int = 0
    """Bytes of the reply's body that went out."""
    at: float = field(default_factory=time.monotonic)

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded."""
        return urllib.parse.unquote(urllib.parse.urlsplit(self.target).path)

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter."""
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.target).query))

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The query, or for media the pairs in the path: /videoplayback/id/X/itag/93 is id=X and itag=93."""
        pieces = self.path.strip("/").split("/")
        pieces = pieces[1:] if pieces[0] == "videoplayback" else pieces[3:]
        return dict(zip(pieces[::2], pieces[1::2], strict=False)) | self.query

    @property
    def is_media(self) -> bool:
        """Whether bytes of a film or sound were asked for."""
        return self.host.endswith(".googlevideo.com") and self.path.startswith("/videoplayback")

    @property
    def range(self) -> tuple[int, int | None] | None:
        """First and last byte asked for; the last is None for the end."""
        unit, _, span = self.headers.get("range", "").partition("=")
        first, dash, last = span.partition("-")
        if unit != "bytes" or not dash or not first.isdigit():
            return None
        return int(first), int(last) if last.isdigit() else None

    @cached_property
    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty if it is none."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass
class Reply:
    """An answer, and how faithfully it is delivered."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    stop_after: int | None = None
    """Bytes of the body after which no more is sent; Content-Length promises all of it."""
    then: Literal["close", "hang"] = "close"
    """What the connection does after ``stop_after``."""
    bytes_per_second: float | None = None
    healed: threading.Event = field(default_factory=threading.Event)
    """From when on ``bytes_per_second`` is over."""


def page(text: str) -> Reply:
    """A web page."""
    return Reply(body=text.encode(), content_type="text/html; charset=utf-8")


def told(value: object) -> Reply:
    """A JSON answer."""
    return Reply(body=json.dumps(value).encode(), content_type="application/json; charset=UTF-8")


def playlist(lines: list[str]) -> Reply:
    """An HLS playlist."""
    return Reply(body=("\n".join(lines) + "\n").encode(), content_type="application/vnd.apple.mpegurl")


def refused(status: int) -> Reply:
    """A bare status. As JSON, which yt-dlp reads of the player interface."""
    reply = told({"error": {"code": status, "message": f"status {status}"}})
    reply.status = status
    return reply


def redirect(location: str) -> Reply:
    """302 to ``location``."""
    return Reply(status=302, headers={"Location": location})

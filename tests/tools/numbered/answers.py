"""How the media servers answer for numbered segments, each awkward part as a switch."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from tests.tools.numbered.stream import NumberedStream

HANG = -1
"""In place of a status: the connection stays open and silent."""


@dataclass
class Answer:
    """A status (or HANG), its headers and its body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class NumberedSite:
    """A video whose broadcasts are requested by number.

    ``future`` and ``old`` are the answers for numbers that do not exist yet, and no more; ``oldest`` is the first
    number that is still stored. ``head_by``: who states the newest number: the answer to HEAD and all others, only
    those to segments, or nobody. ``refused`` numbers always answer 403. Each ``flaky``-th number fails once, with 503
    and 401 by turns. ``valid`` is after how many seconds links expire, which they state; ``life`` is how many seconds
    links without a good token really work. ``ended``: the stream is over, and the newest number is
    stated two too high. ``lags``: every third answer is of a server that is so many numbers behind. ``moves_to``:
    requests are redirected to this host first. ``ranges``: ranges are honoured. ``dead``: all links are refused.
    ``withheld``: segments of single formats that answer 404 until a moment, or for ever (``None``).
    ``bare``: what a GET without a number answers: the newest segment, nothing, or 404; ``head_status``: the answer to
    HEAD. ``in_text``: a redirect is status 200 with the new address as text (``alr=yes``). ``rewind``: how many of the
    newest numbers are stored where the broadcaster has switched rewind off. ``whole_file``: a premiere, of which every
    number answers with the complete film.
    """

    broadcasts: list[NumberedStream]
    future: Literal[404, 204, 200, 403, -1] = 404
    old: Literal[404, 403, 410] = 404
    oldest: int = 0
    head_by: Literal["head", "segments", "nobody"] = "head"
    refused: set[int] = field(default_factory=set)
    flaky: int = 0
    valid: int = 21_540
    life: Fraction | None = None
    ended: bool = False
    moves_to: str | None = None
    ranges: bool = True
    dead: bool = False
    lags: int = 0
    bare: Literal["newest", "empty", "404"] = "empty"
    head_status: Literal[200, 404, 405] = 200
    in_text: bool = False
    rewind: int | None = None
    whole_file: bool = False
    withheld: dict[tuple[int, int], Fraction | None] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def stream(self) -> NumberedStream:
        """The newest broadcast."""
        return self.broadcasts[-1]

    def query(self, itag: int, issued: Fraction, video: str = "s") -> str:
        """What a link of a format contains, issued at this moment."""
        broadcast = f"{video}.{len(self.broadcasts)}"
        facts = f"expire={int(issued) + self.valid}&id={broadcast}&itag={itag}&source=yt_live_broadcast&requiressl=yes"
        return f"{facts}&live=1&hang=1&noclen=1&issued={float(issued)}&sig=AB%3D%3D"

    def path(self, itag: int, issued: Fraction, video: str = "s") -> str:
        """The same in the form of a path."""
        return "/".join(part.replace("=", "/") for part in self.query(itag, issued, video).split("&"))

    def answer(self, method: str, target: str, asked_range: str | None, now: Fraction, host: str = "") -> Answer:
        """The answer to a request for ``/videoplayback..``."""
        answer = self._answer(method, target, asked_range, now, host)
        self.statuses[answer.status] += 1
        return answer

    def _answer(self, method: str, target: str, asked_range: str | None, now: Fraction, host: str) -> Answer:
        values = parameters(target)
        self.requests[f"{values['itag']}/{values.get('sq', 'head')}"] += 1
        if self.moves_to is not None and host != self.moves_to:
            if self.in_text and method == "GET":
                return Answer(200, {"Content-Type": "text/plain"}, f"http://{self.moves_to}{target}".encode())
            return Answer(302, {"Location": f"//{self.moves_to}{target}"})
        expired = now >= int(values["expire"])
        expired |= self.life is not None and now - Fraction(values["issued"]) >= self.life
        if self.dead or expired:
            return Answer(403)
        stream = self.broadcasts[int(values["id"].partition(".")[2]) - 1]
        track = next(track for track in stream.tracks if track.itag == int(values["itag"]))
        newest = stream.head(now) - (self.lags if self.requests.total() % 3 == 0 else 0)
        headers = {"X-Walltime-Ms": str(round(now * 1000)), "X-Segment-Lmt": "7"}
        if self.head_by == "head" or (self.head_by == "segments" and "sq" in values):
            headers["X-Head-Seqnum"] = str(newest + 2 * self.ended)
            headers["X-Head-Time-Millis"] = str(round(stream.media_at[newest] * 1000))
            headers["X-Head-Time-Sec"] = str(int(stream.media_at[newest]))
        if self.whole_file:
            film = track.init + track.media(Fraction(0), Fraction(40), Fraction(0))
            return Answer(200, {}, film if method == "GET" else b"")
        if method == "HEAD" and self.head_status != 200:
            return Answer(self.head_status)
        if "sq" not in values:
            if method == "HEAD" or self.bare == "empty":
                return Answer(200, headers)
            return Answer(404, headers) if self.bare == "404" else Answer(200, headers, stream.content(track, newest))
        number = int(values["sq"])
        if number > newest:
            return Answer(self.future, headers)
        if number < self.oldest or (self.rewind is not None and number <= newest - self.rewind):
            return Answer(self.old, headers)
        if number in self.refused or number in stream.lost:
            return Answer(403, headers)
        if (track.itag, number) in self.withheld:
            until = self.withheld[track.itag, number]
            if until is None or now < until:
                return Answer(404, headers)
        if self.flaky and number % self.flaky == 0 and self.requests[f"{values['itag']}/{number}"] == 1:
            return Answer(401 if number % (2 * self.flaky) else 503, headers)
        body = stream.content(track, number) if method == "GET" else b""
        headers["X-Sequence-Num"] = str(number)
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", asked_range or "")
        if part is None or not self.ranges:
            return Answer(200, headers, body)
        first, last = int(part[1]), min(int(part[2]), len(body) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        return Answer(206, headers, body[first : last + 1])


def parameters(target: str) -> dict[str, str]:
    """The values of a link in either form."""
    parts = urlsplit(target)
    pieces = parts.path.strip("/").split("/")[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=False)) | dict(parse_qsl(parts.query))

"""Requests numbered segments and the newest number, once each, and says what the answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Self

from src.errors import AppError
from src.models.captured import LiveTrack
from src.models.media_source import NetworkSettings
from src.services.cutting.engine.soundness import Soundness, judge
from src.services.fetch.bounded import BoundedReader, RawAnswer, Stretch
from src.services.fetch.limits import MOST_SEGMENT_BYTES
from src.services.live.numbered.addresses import head_url, moved, segment_url
from src.services.live.numbered.facts import HEAD_BYTES, Facts, read_facts

_HEAD_NUMBER = "x-head-seqnum"
_MOST_HEAD_BYTES = 16_384  # where the text is not found in the usual place
_MOST_ADDRESS_BYTES = 4096


class Meaning(Enum):
    """What an answer means.

    ``EMPTY``: the site has no segment under this number: none yet, or none any more. ``REFUSED``: 403, which depends on
    the link or on the number. ``BUSY``: a failure that may pass; some servers hold a request until the segment exists.
    """

    FOUND = auto()
    EMPTY = auto()
    REFUSED = auto()
    BUSY = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """``facts`` and ``content`` are there if ``meaning`` is FOUND. ``head`` is the newest number, if the answer has it.

    ``problem`` is why there was no answer at all.
    """

    meaning: Meaning
    facts: Facts | None = None
    content: bytes = b""
    head: int | None = None
    problem: AppError | None = None


class SegmentServer:
    """Requests for all tracks of one stream. Its methods may be called from several threads."""

    def __init__(self, network: NetworkSettings) -> None:
        self._reader = BoundedReader(network)
        self._hosts: dict[str, str] = {}  # by link: an address on the host that answers for it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._reader.close()

    def head(self, track: LiveTrack) -> Reply:
        """Ask for the newest number. FOUND with ``head``, or EMPTY: the server does not state it."""
        answer = self._ask(track, head_url(self._link(track)), 0, method_head=True)
        if isinstance(answer, Reply):
            return answer
        newest = _head_of(answer.headers)
        if newest is not None:
            return Reply(Meaning.FOUND, head=newest)
        # Some servers answer HEAD not at all: then the segments tell.
        return Reply(Meaning.EMPTY if answer.status in (405, 501) else _meaning(answer.status))

    def facts(self, track: LiveTrack, number: int) -> Reply:
        """Read only what a segment states about itself."""
        for length in (HEAD_BYTES, _MOST_HEAD_BYTES):
            reply = self._segment(track, number, Stretch(0, length))
            if reply.meaning is not Meaning.BUSY or len(reply.content) < length:
                break
        return reply

    def segment(self, track: LiveTrack, number: int) -> Reply:
        """Read a segment. BUSY if what arrives is damaged, or is another segment."""
        reply = self._segment(track, number, None)
        if reply.meaning is Meaning.FOUND and judge(reply.content)[0] is not Soundness.WHOLE:
            return Reply(Meaning.BUSY, head=reply.head)
        return reply

    def _segment(self, track: LiveTrack, number: int, stretch: Stretch | None) -> Reply:
        answer = self._ask(track, segment_url(self._link(track), number), MOST_SEGMENT_BYTES, stretch)
        there = None if isinstance(answer, Reply) else _address_in(answer)
        if there is not None:  # a redirect in the form of a text
            self._hosts[track.url] = there
            answer = self._ask(track, segment_url(self._link(track), number), MOST_SEGMENT_BYTES, stretch)
        if isinstance(answer, Reply):
            return answer
        newest, meaning = _head_of(answer.headers), _meaning(answer.status)
        if meaning is not Meaning.FOUND:
            return Reply(meaning, head=newest)
        if not answer.content:
            return Reply(Meaning.EMPTY, head=newest)
        facts = read_facts(answer.content[:_MOST_HEAD_BYTES])
        if facts is None or facts.number != number:
            return Reply(Meaning.BUSY, content=answer.content, head=newest)
        return Reply(Meaning.FOUND, facts, answer.content, newest)

    def _ask(
        self, track: LiveTrack, url: str, most_bytes: int, stretch: Stretch | None = None, *, method_head: bool = False
    ) -> RawAnswer | Reply:
        try:
            answer = self._reader.ask(url, track.headers, most_bytes, stretch, method="HEAD" if method_head else "GET")
        except AppError as error:
            return Reply(Meaning.BUSY, problem=error)
        if answer.url != url and answer.status < 400:
            self._hosts[track.url] = answer.url
        return answer

    def _link(self, track: LiveTrack) -> str:
        there = self._hosts.get(track.url)
        return track.url if there is None else moved(track.url, there)


def _address_in(answer: RawAnswer) -> str | None:
    """Return the address that an answer consists of, if it is a link instead of media."""
    if answer.status not in (200, 206) or len(answer.content) > _MOST_ADDRESS_BYTES:
        return None
    if not answer.content.startswith((b"https://", b"http://")):
        return None
    text = answer.content.decode("ascii", "replace").strip()
    return text if text.isprintable() and " " not in text else None


def _head_of(headers: Mapping[str, str]) -> int | None:
    text = headers.get(_HEAD_NUMBER, "")
    return int(text) if text.isdecimal() and len(text) < 16 else None


def _meaning(status: int) -> Meaning:
    if status in (200, 206):
        return Meaning.FOUND
    if status in (204, 404, 410):
        return Meaning.EMPTY
    if status == 403:
        return Meaning.REFUSED
    return Meaning.BUSY

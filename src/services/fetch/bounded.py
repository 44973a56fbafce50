"""Reads small documents and single segments into memory, never more than the caller allows and never for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import httpx

from src.errors import AppError, MediaForbidden, Network, NetworkTimeout, StreamUnreadable
from src.models.media_source import NetworkSettings, SourceUnreadable
from src.services.fetch.http import (
    Interrupted,
    LinkRefused,
    certificates,
    check_status,
    compression,
    content_length,
    translate,
)
from src.services.fetch.limits import MOST_PLAYLIST_BYTES, Inflater, inflated, too_large
from src.utils.clock import Clock, SystemClock

MOST_SECONDS = 300.0
"""How long the content of one answer may take. A document or segment that needs longer is of no use to a clip, and a
server that sends a byte now and then would hold the reader for as long as it likes."""


def pause_before(attempt: int) -> float:
    """Return how many seconds to wait before another try, after ``attempt`` others."""
    return float(min(0.25 * 2**attempt, 4))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without its compression; ``url`` is the address after redirects."""

    url: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer of any status. Names of headers are in lower case."""

    status: int
    url: str
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes [start, start + length) of a document."""

    start: int
    length: int


class BoundedReader:
    """One pooled client, separate from the ``Fetcher``: nothing read here waits for large transfers.

    Its methods may be called from several threads.
    """

    def __init__(
        self, network: NetworkSettings, *, tries: int = 1, clock: Clock | None = None, follow_redirects: bool = True
    ) -> None:
        """``tries`` is how often a request is made in all when failures may pass."""
        self._network, self._tries, self._clock = network, tries, clock or SystemClock()
        self._known_hosts: set[str] = set()
        verify = certificates() if network.verify_tls else False
        self._client = httpx.Client(
            proxy=network.proxy or None,
            verify=verify,
            trust_env=False,
            follow_redirects=follow_redirects,
            timeout=httpx.Timeout(network.stall_seconds, connect=network.connect_seconds),
            limits=httpx.Limits(max_connections=network.connections + 2),
            event_hooks={"request": [self._ask_guard]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def read(self, url: str, headers: Mapping[str, str], most_bytes: int, stretch: Stretch | None = None) -> Answer:
        """Return all of a document, or one stretch of it.

        Raises:
            StreamUnreadable: it is larger than ``most_bytes``, compressed or not.
            MediaGone, MediaForbidden: it is not available, at least not by this link.
            AppError: why the last try failed.
        """
        if stretch is not None and stretch.length > most_bytes:
            raise too_large(most_bytes)
        problem: AppError = NetworkTimeout()
        pause = 0.0
        for attempt in range(self._tries):
            if attempt:
                self._clock.sleep(pause)
            pause = pause_before(attempt)
            try:
                return self._read(url, headers, most_bytes, stretch)
            except LinkRefused:
                raise MediaForbidden() from None
            except Interrupted as interruption:
                problem, pause = interruption.error, interruption.wait_seconds or pause
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                meaning = translate(error, self._network)
                if not isinstance(meaning, Interrupted):
                    raise meaning from error
                problem = meaning.error
        raise problem

    def ask(
        self,
        url: str,
        headers: Mapping[str, str],
        most_bytes: int,
        stretch: Stretch | None = None,
        *,
        method: Literal["GET", "HEAD"] = "GET",
    ) -> RawAnswer:
        """Make one request and return the answer whatever its status; the content only with status 200 or 206.

        Raises:
            StreamUnreadable: it is larger than ``most_bytes``. NetworkTimeout: it did not come in time.
            AppError: why there was no answer.
        """
        try:
            with self._client.stream(method, url, headers=_asked(headers, stretch)) as response:
                content = b""
                if method == "GET" and response.status_code in (200, 206):
                    content = _content(response, self._in_time(response), most_bytes, stretch)
                return RawAnswer(response.status_code, str(response.url), dict(response.headers.items()), content)
        except Interrupted as interruption:
            raise interruption.error from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            meaning = translate(error, self._network)
            raise (meaning.error if isinstance(meaning, Interrupted) else meaning) from error

    def _read(self, url: str, headers: Mapping[str, str], most_bytes: int, stretch: Stretch | None) -> Answer:
        with self._client.stream("GET", url, headers=_asked(headers, stretch)) as response:
            check_status(response)
            return Answer(str(response.url), _content(response, self._in_time(response), most_bytes, stretch))

    def _in_time(self, response: httpx.Response) -> Iterator[bytes]:
        """Yield the body as it arrives, for ``MOST_SECONDS`` at most."""
        ends_at = self._clock.monotonic() + MOST_SECONDS
        for data in response.iter_raw():
            if self._clock.monotonic() > ends_at:
                raise Interrupted(NetworkTimeout("The media server sent an answer too slowly."))
            yield data

    def _ask_guard(self, request: httpx.Request) -> None:
        address = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        if self._network.guard is not None and address not in self._known_hosts:
            self._network.guard(str(request.url))
            self._known_hosts.add(address)


def _asked(headers: Mapping[str, str], stretch: Stretch | None) -> httpx.Headers:
    asked = httpx.Headers(dict(headers))
    asked["Accept-Encoding"] = "identity"
    if stretch is not None:
        asked["Range"] = f"bytes={stretch.start}-{stretch.start + stretch.length - 1}"
    return asked


def _content(response: httpx.Response, body: Iterator[bytes], most_bytes: int, stretch: Stretch | None) -> bytes:
    plain = _plain(response, body)
    if stretch is None:
        return _all_of(response, plain, most_bytes)
    skipped = stretch.start if response.status_code == 200 else 0  # the server may ignore Range
    return _part_of(plain, skipped, stretch.length)


def _all_of(response: httpx.Response, plain: Iterator[bytes], most_bytes: int) -> bytes:
    announced = content_length(response)
    if announced is not None and announced > most_bytes:
        raise too_large(most_bytes)
    content = bytearray()
    for data in plain:
        content += data
        if len(content) > most_bytes:
            raise too_large(most_bytes)
    if announced is not None and response.num_bytes_downloaded < announced:
        raise Interrupted(Network("The media server ended an answer early."))
    return bytes(content)


def _part_of(plain: Iterator[bytes], skipped: int, length: int) -> bytes:
    content = bytearray()
    for data in plain:
        content += data[skipped:][: length - len(content)]
        skipped = max(skipped - len(data), 0)
        if len(content) == length:
            break
    return bytes(content)


def _plain(response: httpx.Response, body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the body without its compression, in pieces of at most a megabyte."""
    inflater = Inflater(compression(response))
    for data in body:
        yield from inflater.update(data)
    yield inflater.finish()


def read_text(url: str, headers: Mapping[str, str], network: NetworkSettings) -> tuple[str, str]:
    """Return (address after redirects, text) of a playlist, read separately from everything else.

    Raises:
        AppError, SourceUnreadable: it could not be read.
    """
    with BoundedReader(network) as reader:
        answer = reader.read(url, headers, MOST_PLAYLIST_BYTES)
    return answer.url, text_of(answer.content)


def text_of(data: bytes) -> str:
    """Return the text of a playlist as it was sent: some servers compress it without saying so.

    Raises:
        SourceUnreadable: its compressed form is damaged, or larger than a playlist may be.
    """
    try:
        return inflated(data, MOST_PLAYLIST_BYTES).decode("utf-8-sig", "replace")
    except StreamUnreadable as error:
        raise SourceUnreadable(f"its playlist cannot be read: {error.message}") from error

"""Fetches playlists, keys and segments of a running stream: small things, soon, and again when it went wrong."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

from src.errors import AppError, MediaForbidden, NetworkTimeout, StreamUnreadable
from src.models.media_source import NetworkSettings
from src.services.cutting.engine.soundness import Soundness, judge
from src.services.fetch.http import Interrupted, LinkRefused, check_status, text_of, translate
from src.services.fetch.resource import Decryptor
from src.services.hls.playlist import Piece
from src.utils.clock import Clock

_TRIES = 4
_MOST_PAUSE_SECONDS = 4.0


class SegmentSource:
    """One pooled client. Its methods may be called from several threads."""

    def __init__(self, network: NetworkSettings, clock: Clock) -> None:
        self._network, self._clock = network, clock
        self._known_hosts: set[str] = set()
        self._keys: dict[str, bytes] = {}
        self._lock = threading.Lock()
        seconds = network.connect_seconds
        self._client = httpx.Client(
            proxy=network.proxy or None,
            verify=network.verify_tls,
            trust_env=False,
            follow_redirects=True,
            timeout=httpx.Timeout(network.stall_seconds, connect=seconds),
            limits=httpx.Limits(max_connections=network.connections + 2),
            event_hooks={"request": [self._ask_guard]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()

    def text(self, url: str, headers: Mapping[str, str]) -> tuple[str, str]:
        """(address after redirects, text) of a playlist. Raises like ``content``."""
        response = self._get(url, headers)
        return str(response.url), text_of(response.content)

    def segment(self, piece: Piece, number: int, headers: Mapping[str, str]) -> bytes:
        """A segment that is media, without an image in front of it. What is damaged or no media is asked for again;
        one that stays damaged is returned as it is.

        Raises:
            StreamUnreadable: it is no media. As ``content``.
        """
        for attempt in range(_TRIES):
            soundness, bare = judge(self.content(piece, number, headers))
            if soundness is Soundness.WHOLE:
                return bare
            if attempt + 1 < _TRIES:
                self._clock.sleep(min(0.25 * 2**attempt, _MOST_PAUSE_SECONDS))
        if soundness is Soundness.FOREIGN:
            raise StreamUnreadable("A segment of the stream is no media.")
        return bare

    def content(self, piece: Piece, number: int, headers: Mapping[str, str]) -> bytes:
        """The plain bytes of a piece; ``number`` is that of its segment, which encryption may need.

        Raises:
            MediaGone, MediaForbidden: it is not to be had, at least not by this link.
            AppError: what the network said in the end.
        """
        asked = dict(headers)
        if piece.range is not None:
            asked["Range"] = f"bytes={piece.range.start}-{piece.range.start + piece.range.length - 1}"
        response = self._get(piece.url, asked)
        data = response.content
        if piece.range is not None and response.status_code == 200:
            data = data[piece.range.start : piece.range.start + piece.range.length]
        if piece.key is None:
            return data
        iv = piece.key.iv if piece.key.iv is not None else number.to_bytes(16, "big")
        decryptor = Decryptor(self._key(piece.key.url, headers), iv)
        return decryptor.update(data) + decryptor.finish()

    def _key(self, url: str, headers: Mapping[str, str]) -> bytes:
        with self._lock:
            known = self._keys.get(url)
        if known is None:
            known = self._get(url, headers).content
            if len(known) != 16:
                raise StreamUnreadable("The key of the stream is none.")
            with self._lock:
                self._keys[url] = known
        return known

    def _get(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        problem: AppError = NetworkTimeout()
        for attempt in range(_TRIES):
            pause = min(0.25 * 2**attempt, _MOST_PAUSE_SECONDS)
            try:
                response = self._client.get(url, headers=dict(headers))
                check_status(response)
                told = response.headers.get("content-length", "")
                if not response.is_closed or (told.isdecimal() and response.num_bytes_downloaded < float(told)):
                    raise Interrupted(NetworkTimeout("The connection ended before the segment did."))
                return response
            except LinkRefused:
                raise MediaForbidden() from None
            except Interrupted as interruption:
                problem, pause = interruption.error, interruption.wait_seconds or pause
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                meaning = translate(error, self._network)
                if not isinstance(meaning, Interrupted):
                    raise meaning from error
                problem = meaning.error
            self._clock.sleep(pause)
        raise problem

    def _ask_guard(self, request: httpx.Request) -> None:
        address = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        if self._network.guard is not None and address not in self._known_hosts:
            self._network.guard(str(request.url))
            self._known_hosts.add(address)

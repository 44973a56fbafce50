"""Stores the keys of encrypted segments: each is fetched once, checked, and turned into decryptors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from src.errors import StreamUnreadable
from src.services.fetch.resource import Decryptor
from src.services.hls.playlist import Piece

_KEY_BYTES = 16


class KeyStore:
    """Keys by address. Its methods may be called from several threads: those that need a key at the same time share
    one request and its outcome."""

    def __init__(self, *, remember_failures: bool = False) -> None:
        """``remember_failures``: a key that could not be fetched is requested again only after ``forget_failures``."""
        self._remember = remember_failures
        self._keys: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()

    def decryptor(self, piece: Piece, number: int, fetch: Callable[[str], bytes]) -> Decryptor | None:
        """Return what decrypts a piece, None if it is not encrypted.

        Args:
            number: the media sequence number, which is the initialisation vector where the playlist names none (RFC
                8216, 5.2).
            fetch: reads the content of an address.

        Raises:
            StreamUnreadable: the address holds no key. What ``fetch`` raises.
        """
        if piece.key is None:
            return None
        vector = piece.key.iv if piece.key.iv is not None else number.to_bytes(16, "big")
        return Decryptor(self._key(piece.key.url, fetch), vector)

    def forget_failures(self) -> None:
        """Let failed keys be requested again."""
        with self._lock:
            self._keys = {url: key for url, key in self._keys.items() if not key.done() or key.exception() is None}

    def _key(self, url: str, fetch: Callable[[str], bytes]) -> bytes:
        with self._lock:
            known = self._keys.get(url)
            key = self._keys[url] = known or Future()
        if known is None:
            self._fetch(url, key, fetch)
        return key.result()

    def _fetch(self, url: str, key: Future[bytes], fetch: Callable[[str], bytes]) -> None:
        try:
            key.set_result(_checked(fetch(url)))
        except BaseException as error:
            if not self._remember:
                with self._lock:
                    self._keys.pop(url, None)
            key.set_exception(error)


def _checked(content: bytes) -> bytes:
    if len(content) != _KEY_BYTES:
        raise StreamUnreadable("The address of a key does not hold a key of 16 bytes.")
    return content

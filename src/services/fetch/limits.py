"""Names how much of each kind of document is read, and inflates what arrives compressed without exceeding that."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from src.errors import StreamUnreadable

MOST_PLAYLIST_BYTES = 64 << 20
"""Twelve hours of one-second segments with addresses of more than a thousand characters take less."""
MOST_INIT_BYTES = 64 << 20
"""An initialisation takes kilobytes; some servers send the complete index of a long video."""
MOST_SEGMENT_BYTES = 64 << 20
"""Ten seconds at 50 Mbit/s. For segments held in memory, and for media that arrives compressed, which gains nothing."""
MOST_KEY_BYTES = 4 << 10
"""A key has 16 bytes; what is longer is an error page."""
MOST_COVER_BYTES = 4 << 20
"""The largest thumbnails take a few hundred kilobytes."""
MOST_CAPTION_BYTES = 20_000_000
"""The captions of a whole day take about 4 MB."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15
_STEP_BYTES = 1 << 20  # inflated at once: a kilobyte may expand to a megabyte
_SUPPORTED = frozenset({"gzip", "x-gzip", "deflate"})
_REFUSED = frozenset({"br", "zstd", "compress", "x-compress"})


def too_large(most_bytes: int) -> StreamUnreadable:
    """Return the error for an answer of more than ``most_bytes``."""
    return StreamUnreadable(f"The media server sent more than the {most_bytes:,} bytes that are read of such a file.")


def coding_of(content_encoding: str) -> str | None:
    """Return how an answer is compressed, None if it is not; names that do not exist mean nothing, as in browsers.

    Raises:
        StreamUnreadable: this compression is not supported; none was requested.
    """
    named = [name for name in map(str.strip, content_encoding.lower().split(",")) if name in _SUPPORTED | _REFUSED]
    if len(named) > 1 or _REFUSED.intersection(named):
        raise StreamUnreadable(f"The media server compressed its answer with {content_encoding[:40]!r}.")
    return named[0] if named else None


class Inflater:
    """Undoes the compression of an answer, so that the caller can stop at its limit."""

    def __init__(self, coding: str | None) -> None:
        """``coding`` is what ``coding_of`` returned."""
        self._coding = coding
        self._head: bytes | None = b"" if coding else None  # the first bytes, until they are enough to tell
        self._zlib: zlib._Decompress | None = None

    def update(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` holds, in pieces of at most a megabyte.

        Raises:
            StreamUnreadable: it is damaged.
        """
        if self._head is not None:
            data = self._head = self._head + data
            if len(data) < len(_GZIP_MAGIC):
                return
            self._zlib, self._head = self._start(data), None
        if self._zlib is None:
            yield data
            return
        while data and not self._zlib.eof:
            try:
                plain = self._zlib.decompress(data, _STEP_BYTES)
            except zlib.error as error:
                raise StreamUnreadable("The media server sent a damaged compressed answer.") from error
            data = self._zlib.unconsumed_tail
            if plain:
                yield plain

    def finish(self) -> bytes:
        """Return the rest, less than a megabyte."""
        if self._zlib is not None:
            return self._zlib.flush()
        return self._head or b""

    def _start(self, head: bytes) -> zlib._Decompress | None:
        """Return the decompressor for a body that starts like this, None for plain bytes: some stores mislabel them."""
        if self._coding == "deflate":
            return zlib.decompressobj(_ZLIB_BITS if _starts_zlib(head) else _RAW_BITS)
        return zlib.decompressobj(_GZIP_BITS) if head.startswith(_GZIP_MAGIC) else None


def inflated(data: bytes, most_bytes: int) -> bytes:
    """Return ``data``, decompressed if it starts like gzip. Raises StreamUnreadable."""
    if not data.startswith(_GZIP_MAGIC):
        return data
    content = bytearray()
    for plain in Inflater("gzip").update(data):
        content += plain
        if len(content) > most_bytes:
            raise too_large(most_bytes)
    return bytes(content)


def _starts_zlib(head: bytes) -> bool:
    """Return whether this starts with the header of RFC 1950; some servers leave it out."""
    return head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2], "big") % 31 == 0

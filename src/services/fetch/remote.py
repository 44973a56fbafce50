"""Reads small parts of a resource, to learn its structure before anything else is fetched."""

from __future__ import annotations

from pathlib import Path

from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.fetch.shared import SharedBytes

_MOST_START_BYTES = 64 << 10
_HEADER_BYTES = 4 << 10  # ftyp and moov, or the head of a WebM, without the index: the site's have 1 kB
_FRAGMENTS_PER_SECOND = 8  # bytes of an index: 12 (sidx) to 20 (cues) for each fragment, which has about 5 s
_SAMPLES_PER_SECOND = 600  # bytes of a moov: 12 for each of 30 frames, 4 for each of 43 packets of audio, and places
_INDEX_PRIORITY = -1000


class RemoteFile:
    """Gives random access to a resource, as far as its index needs it.

    ``seconds``: its length, if known. ``whole``: it has video and audio, as files do whose index lists every sample.
    """

    def __init__(
        self, fetcher: Fetcher, resource: Resource, seconds: float | None = None, *, whole: bool = False
    ) -> None:
        self.fetcher, self.resource = fetcher, resource
        self._start_bytes = _MOST_START_BYTES
        if seconds is not None:
            index = round(seconds * (_SAMPLES_PER_SECOND if whole else _FRAGMENTS_PER_SECOND))
            self._start_bytes = min(_HEADER_BYTES + index, _MOST_START_BYTES)

    def prefetch(self) -> None:
        """Request the start, as much as headers and an index have that is there; does not wait."""
        self.fetcher.want(self.resource, 0, self._start_bytes, _INDEX_PRIORITY)

    def identify(self) -> None:
        """Request one byte, to learn the version of the resource; does not wait."""
        self.fetcher.want(self.resource, 0, 1, _INDEX_PRIORITY)

    def use_shared(self, folder: Path) -> None:
        """Use what other jobs fetched of the same version. Blocks until the version is known."""
        self.fetcher.wait_started(self.resource)
        version = self.resource.version
        if version is not None:
            self.resource.shared = SharedBytes(folder, version)

    def request(self, start: int, size: int) -> None:
        """Request bytes that will be read soon, and no others; does not wait."""
        if size > 0:
            self.fetcher.want(self.resource, start, start + size, _INDEX_PRIORITY)

    @property
    def size(self) -> int | None:
        """Size in bytes, None if the server does not send it. Blocks until the first answer."""
        self.fetcher.wait_started(self.resource)
        return self.resource.size

    def read(self, start: int, size: int) -> bytes:
        """Return bytes [start, start + size), fewer only at the end of the resource. Raises like ``Fetcher.read``."""
        data = bytearray()
        if size > _MOST_START_BYTES:
            self.fetcher.want(self.resource, start, start + size, _INDEX_PRIORITY)
        while len(data) < size:
            more = self.fetcher.read(self.resource, start + len(data), size - len(data))
            if not more:
                break
            data += more
        return bytes(data)

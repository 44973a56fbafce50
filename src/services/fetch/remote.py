"""Reads small parts of a resource, to learn its structure before anything else is fetched."""

from __future__ import annotations

from pathlib import Path

from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.fetch.shared import SharedBytes

SPECULATIVE_BYTES = 64 << 10  # holds the headers and the index of hours of video
_INDEX_PRIORITY = -1000


class RemoteFile:
    """Gives random access to a resource, as far as its index needs it."""

    def __init__(self, fetcher: Fetcher, resource: Resource) -> None:
        self.fetcher, self.resource = fetcher, resource

    def prefetch(self) -> None:
        """Request the start; does not wait."""
        self.fetcher.want(self.resource, 0, SPECULATIVE_BYTES, _INDEX_PRIORITY)

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
        if size > SPECULATIVE_BYTES:
            self.fetcher.want(self.resource, start, start + size, _INDEX_PRIORITY)
        while len(data) < size:
            more = self.fetcher.read(self.resource, start + len(data), size - len(data))
            if not more:
                break
            data += more
        return bytes(data)

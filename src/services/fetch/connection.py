"""Fetches chunks over one connection, with retries, and reports final failures as our own errors."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import httpx

from src.errors import AppError, MediaForbidden, MediaGone, Network
from src.models.media_source import NetworkSettings, SourceUnreadable
from src.services.fetch.http import (
    Interrupted,
    LinkRefused,
    check_status,
    compression,
    content_length,
    content_range,
    is_past_end,
    translate,
    validator_of,
)
from src.services.fetch.limits import MOST_SEGMENT_BYTES, Inflater, too_large
from src.services.fetch.resource import Chunk, Resource
from src.services.fetch.spool import Spool

UNKNOWN_SIZE = 1 << 36  # addresses reserved for a resource of unknown size
_LEAST_PROGRESS_BYTES = 4096  # an attempt that receives less has failed
_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS = 0.25, 4.0
_SLICE_SECONDS = 0.05  # a rate limit is applied in steps of this length


class Throttle:
    """Limits the bytes per second of all connections together."""

    def __init__(self, bytes_per_second: int | None) -> None:
        self._rate = bytes_per_second
        self._free_at = time.monotonic()

    async def take(self, count: int) -> None:
        """Wait until ``count`` more bytes are allowed."""
        if self._rate is None:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now - _SLICE_SECONDS) + count / self._rate
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)


class Transfer(Protocol):
    """The part of ``Fetcher`` that its connections use."""

    @property
    def throttle(self) -> Throttle:
        """Limits the rate of all connections together."""

    @property
    def spool(self) -> Spool:
        """Where the bytes go."""

    def arrived(self, resource: Resource, start: int, data: bytes) -> None:
        """Store bytes of a resource from ``start`` on."""

    def received(self, count: int) -> None:
        """Count bytes that came from the network."""

    def changed(self) -> None:
        """Wake the callers that wait for a resource."""

    def forget_queued(self, resource: Resource) -> None:
        """Drop the chunks of this resource that no connection has started."""

    def start_linear(self, resource: Resource) -> None:
        """Fetch a resource from its start to its end on a separate connection."""

    async def idle(self) -> None:
        """Wait until something changes."""

    async def renewed(self, resource: Resource, generation: int) -> bool:
        """Extract the addresses again; return whether this resource has another one now."""


class Connection:
    """Fetches chunks for a ``Fetcher``, one at a time."""

    def __init__(self, fetcher: Transfer, client: httpx.AsyncClient, network: NetworkSettings) -> None:
        self._fetcher, self._client, self._network = fetcher, client, network
        self._throttle = fetcher.throttle

    async def fetch(self, chunk: Chunk, *, on_demand: bool = False) -> None:
        """Fetch a chunk into the spool; with ``on_demand`` in order and no further than requested.

        Raises:
            AppError: after all attempts failed.
        """
        resource = chunk.resource
        while not resource.has_failed() and not (
            resource.complete if chunk.end is None else chunk.position >= chunk.end
        ):
            before, generation = chunk.position, resource.generation
            try:
                await (self._whole(chunk, on_demand=on_demand) if chunk.end is None else self._ranged(chunk))
                if chunk.end is None or chunk.position >= chunk.end or resource.ranged is False:
                    return
                if resource.has_failed():
                    return
                raise Interrupted(Network("The media server ended an answer early."))
            except LinkRefused:
                if resource.final_url is not None:
                    resource.final_url = None  # a redirect's target may have expired, not the link itself
                elif not await self._fetcher.renewed(resource, generation):
                    raise MediaForbidden() from None
            except Interrupted as interruption:
                await self._wait_again(chunk, before, interruption, self._network.retries)
            except MediaGone as error:  # some servers of a content network may not have it yet
                if not resource.may_fail:
                    raise
                await self._wait_again(chunk, before, Interrupted(error), self._network.segment_retries)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                meaning = translate(error, self._network)
                if isinstance(meaning, AppError):
                    raise meaning from error
                await self._wait_again(chunk, before, meaning, self._network.retries)

    async def _wait_again(self, chunk: Chunk, before: int, interruption: Interrupted, retries: int) -> None:
        moved = chunk.position - before >= _LEAST_PROGRESS_BYTES
        chunk.failures = 1 if moved else chunk.failures + 1
        chunk.resource.final_url = None
        if chunk.failures > (retries if chunk.resource.retries is None else chunk.resource.retries):
            raise interruption.error
        if moved:
            return
        wait = min(_FIRST_WAIT_SECONDS * 2 ** (chunk.failures - 1), _MOST_WAIT_SECONDS)
        await asyncio.sleep(interruption.wait_seconds or wait * random.uniform(0.75, 1.25))  # noqa: S311 (only jitter)

    def _stream(self, resource: Resource, byte_range: str | None) -> AbstractAsyncContextManager[httpx.Response]:
        headers = {"User-Agent": "Mozilla/5.0", **resource.headers, "Accept-Encoding": "identity"}
        if byte_range is not None:
            headers["Range"] = byte_range
        return self._client.stream("GET", resource.final_url or resource.url, headers=headers)

    async def _ranged(self, chunk: Chunk) -> None:
        """Request what is left of the chunk; may end early."""
        resource, last = chunk.resource, chunk.end
        assert last is not None
        asked = time.monotonic()
        async with self._stream(resource, f"bytes={chunk.position}-{last - 1}") as response:
            chunk.answer(asked, time.monotonic())
            if (resource.size is None or chunk.position >= resource.size) and is_past_end(response, chunk.position):
                self._note_end(resource, chunk.position)  # chunks are made before the first answer tells the size
                chunk.end = chunk.position
                return
            check_status(response)
            resource.final_url = str(response.url) if response.history else None
            if response.status_code == 200 or (resource.ranged is None and "content-range" not in response.headers):
                self._no_ranges(resource, response)
                return
            found = content_range(response)
            if found.first != chunk.position:
                raise Interrupted(Network("The media server sent another range than the requested one."))
            self._note_validator(resource, validator_of(response))
            self._note_size(resource, found.total)
            if resource.size is not None:
                chunk.end = min(chunk.end or last, resource.size)
            announced = content_length(response)
            surplus = announced is not None and announced > last - chunk.position
            async for data in response.aiter_raw():
                self._fetcher.received(len(data))
                await self._throttle.take(len(data))  # before the bytes can be read: all connections end together
                if resource.has_failed():
                    return
                data = data[: chunk.left]
                if data:
                    self._fetcher.arrived(resource, chunk.position, data)
                    chunk.position += len(data)
                    chunk.received = time.monotonic()
                if not chunk.left and (surplus or chunk.end != last):
                    return  # another connection took over the rest

    def _note_end(self, resource: Resource, position: int) -> None:
        known = resource.no_byte_at
        resource.no_byte_at = position if known is None else min(known, position)
        self._fetcher.changed()

    def _note_size(self, resource: Resource, size: int | None) -> None:
        """Record the size from the first answer; later answers must agree."""
        if size is not None and resource.no_byte_at is not None and size > resource.no_byte_at:
            raise MediaGone("The media server changed the file while it was being fetched.")
        if resource.ranged is None:
            resource.ranged, resource.size = True, size
            resource.base = self._fetcher.spool.allocate(size if size is not None else UNKNOWN_SIZE)
            self._fetcher.changed()
        elif size is not None and resource.size is not None and size != resource.size:
            raise MediaGone("The media server changed the file while it was being fetched.")

    def _note_validator(self, resource: Resource, validator: str | None) -> None:
        """Record how the server names this state of the file. Bytes of another state must not mix with shared ones."""
        if resource.validator is None:
            resource.validator = validator
        elif validator != resource.validator:
            resource.validator = ""
            if resource.shared is not None:
                raise SourceUnreadable("the media server changed the file")

    def _no_ranges(self, resource: Resource, response: httpx.Response) -> None:
        """Read everything from the start on one connection: the server ignores Range, or does not say what it sends."""
        if resource.ranged:
            raise Interrupted(Network("The media server stopped answering ranges."))
        if resource.ranged is None:
            resource.ranged = False
            plain = response.status_code == 200 and compression(response) is None
            resource.size = content_length(response) if plain else None
            size = resource.size if resource.size is not None else UNKNOWN_SIZE
            resource.base = self._fetcher.spool.allocate(size)
            self._fetcher.forget_queued(resource)
            self._fetcher.start_linear(resource)

    async def _whole(self, chunk: Chunk, *, on_demand: bool = False) -> None:
        """Request everything from the chunk's position to the end of the resource; may end early.

        ``chunk.position`` counts bytes as they are sent. With ``on_demand`` it reads no further than requested.
        """
        resource = chunk.resource
        again = f"bytes={chunk.position}-" if chunk.position and not on_demand else None
        async with self._stream(resource, again) as response:
            check_status(response)
            resource.final_url = str(response.url) if response.history else None
            seen = content_range(response).first if response.status_code == 206 else 0
            announced = content_length(response)
            self._prepare(resource, response)
            async for data in response.aiter_raw():
                self._fetcher.received(len(data))
                await self._throttle.take(len(data))
                fresh = data[max(chunk.position - seen, 0) :]
                seen += len(data)
                chunk.position += len(fresh)
                self._inflate(resource, fresh)
                while on_demand and chunk.position >= resource.wanted_end:
                    await self._fetcher.idle()
        if announced is not None and seen < announced:
            raise Interrupted(Network("The media server ended an answer early."))
        if resource.inflater is not None:
            self._decrypt(resource, resource.inflater.finish())
        if resource.decryptor is not None:
            self._store(resource, resource.decryptor.finish())
        resource.size = resource.written
        resource.complete = True
        resource.ranged = bool(resource.ranged)
        self._fetcher.changed()

    def _prepare(self, resource: Resource, response: httpx.Response) -> None:
        """Allocate space for a resource, and limit what comes compressed: a kilobyte of it may become a megabyte."""
        coding = compression(response)
        if coding is not None and resource.inflater is None:
            resource.inflater = Inflater(coding)
            resource.most_bytes = resource.most_bytes or MOST_SEGMENT_BYTES
        if resource.base is None:
            size = content_length(response) if coding is None else None
            resource.base = self._fetcher.spool.allocate(size or UNKNOWN_SIZE)

    def _inflate(self, resource: Resource, data: bytes) -> None:
        if resource.inflater is None:
            self._decrypt(resource, data)
        else:
            for plain in resource.inflater.update(data):
                self._decrypt(resource, plain)

    def _decrypt(self, resource: Resource, data: bytes) -> None:
        self._store(resource, data if resource.decryptor is None else resource.decryptor.update(data))

    def _store(self, resource: Resource, data: bytes) -> None:
        if resource.most_bytes is not None and resource.written + len(data) > resource.most_bytes:
            raise too_large(resource.most_bytes)
        if data:
            self._fetcher.arrived(resource, resource.written, data)
            resource.written += len(data)

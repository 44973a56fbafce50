"""Clips and encodes of an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from yt_downloader_client.errors import ServiceError, check, check_file, passes
from yt_downloader_client.files import written_whole
from yt_downloader_client.words import (
    Codec,
    Container,
    Quality,
    Status,
    choice,
    clip_request,
    require_completed,
    service_url,
    status_of,
)

Watch = Callable[[Status], None]
POLL_SECONDS = 0.5
_MOST_MISSES = 5  # half a minute in all
_AT_ONCE = {"Prefer": "respond-async"}
_CHUNK = 1 << 16


def _headers(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _quiet(status: Status) -> None:
    """Nobody watches."""


class AsyncClient:
    """The service for one account. ``token`` is that of a login; without it, ``login`` first."""

    def __init__(self, base_url: str | None = None, token: str | None = None, *, timeout: float = 60) -> None:
        self.base_url = service_url(base_url)
        self.token = token
        self._user_id: str | None = None
        self._http = httpx.AsyncClient(base_url=self.base_url, timeout=timeout, headers=_headers(token))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def register(self, email: str, password: str) -> str:
        """Create an account; its id."""
        told = await self._json("POST", "/api/auth/register", json={"email": email, "password": password})
        return str(told["user_id"])

    async def login(self, email: str, password: str) -> str:
        """Sign in; the token, which this client uses from now on."""
        told = await self._json("POST", "/api/auth/login", json={"email": email, "password": password})
        self.token = str(told["token"])
        self._http.headers.update(_headers(self.token))
        return self.token

    async def user_id(self) -> str:
        """The id of the account."""
        if self._user_id is None:
            self._user_id = str((await self._json("GET", "/api/auth/me"))["user"]["id"])
        return self._user_id

    async def usage(self) -> tuple[float, float | None]:
        """How much room the account's files take, and how much they may (``None``: any), in MB."""
        told = await self._json("GET", "/api/auth/me")
        return float(told["used_mb"]), told["quota_mb"]

    async def save(self, url: str, start: float | str, end: float | str, message: str | None = None) -> str:
        """Save a time range; its ``video_id``."""
        body = clip_request(url, start, end, await self.user_id(), message)
        return str((await self._json("POST", "/api/video/save", json=body))["video_id"])

    async def start(self, video_id: str, container: Container | None = None, resolution: str | None = None) -> None:
        """Have the file of a saved range made; returns at once."""
        await self._json("POST", f"/api/video/start/{video_id}", json=choice(container, resolution))

    async def info(self, url: str) -> dict[str, Any]:
        """What a link leads to: title, author, duration, chapters, resolutions, storyboard; needs no token."""
        return await self._json("POST", "/api/video/info", json={"url": url})

    async def preview(self, url: str, at: float | str, seconds: float = 30) -> str:
        """Start a small copy of a part of a video; its id."""
        body = {"url": url, "at": at, "seconds": seconds}
        return str((await self._json("POST", "/api/video/preview", json=body))["preview_id"])

    async def preview_status(self, preview_id: str) -> dict[str, Any]:
        """How far a preview is; at the end, the times of its frames and where its file is."""
        return await self._json("GET", f"/api/video/preview/{preview_id}")

    async def clip(
        self,
        url: str,
        start: float | str,
        end: float | str,
        output: Path | str,
        *,
        container: Container | None = None,
        resolution: str | None = None,
        watch: Watch = _quiet,
    ) -> Path:
        """A time range of a video as a file; ``watch`` is told how far it is.

        Raises:
            JobFailed, ServiceError: there is no file.
        """
        video_id = await self.save(url, start, end)
        await self.start(video_id, container, resolution)
        await self.wait(video_id, watch=watch)
        return await self.fetch(f"/api/video/download/{video_id}", output)

    async def encode(
        self, source: Path | str, output: Path | str, codec: Codec, quality: Quality, *, watch: Watch = _quiet
    ) -> Path:
        """A video file encoded by the service. Raises as ``clip``."""
        with Path(source).open("rb") as file:
            files = {"video": (Path(source).name, file)}
            told = await self._json("POST", "/api/encode/upload", files=files, timeout=None)
        encode_id = str(told["encode_id"])
        body = {"video_codec": codec, "quality_preset": quality}
        await self._json("POST", f"/api/encode/start/{encode_id}", json=body, headers=_AT_ONCE)
        await self.wait(encode_id, "encode", watch=watch)
        return await self.fetch(f"/api/encode/download/{encode_id}", output)

    async def status(self, job_id: str, what: str = "video") -> Status:
        """How far a ``video`` or an ``encode`` is."""
        return status_of(await self._json("GET", f"/api/{what}/status/{job_id}"))

    async def videos(
        self, page: int = 1, per_page: int = 50, *, status: str | None = None, kind: str | None = None
    ) -> list[dict[str, Any]]:
        """The account's videos, newest first; all, or those in a state, or of a kind (``clip``, ``live_clip``)."""
        query = {"page": page, "per_page": per_page, "status": status, "kind": kind}
        given = {name: value for name, value in query.items() if value is not None}
        return list((await self._json("GET", "/api/video/list", params=given))["videos"])

    async def encodes(self, page: int = 1, per_page: int = 50) -> list[dict[str, Any]]:
        """The account's uploads and encodes, newest first."""
        query = {"page": page, "per_page": per_page}
        return list((await self._json("GET", "/api/encode/list", params=query))["encodes"])

    async def batches(self, page: int = 1, per_page: int = 50) -> list[dict[str, Any]]:
        """The account's batches, newest first."""
        query = {"page": page, "per_page": per_page}
        return list((await self._json("GET", "/api/video/batch/list", params=query))["batches"])

    async def cancel(self, job_id: str, what: str = "video") -> None:
        """Stop a job."""
        await self._json("POST", f"/api/{what}/{job_id}/cancel")

    async def delete(self, job_id: str, what: str = "video") -> None:
        """Cancel a job that goes on, forget another."""
        await self._json("DELETE", f"/api/{what}/{job_id}")

    async def delete_many(self, video_ids: list[str]) -> list[str]:
        """Delete up to 200 videos; the ids of those that are gone. Running ones are cancelled."""
        return list((await self._json("POST", "/api/video/delete", json={"ids": video_ids}))["deleted"])

    async def zip(self, video_ids: list[str], output: Path | str) -> Path:
        """The files of up to 100 videos as one ZIP file; those without a file are left out.

        Raises:
            ServiceError: none of them has a file.
        """
        told = await self._json("POST", "/api/video/zip", json={"ids": video_ids})
        return await self.fetch(str(told["url"]), output)

    async def logins(self) -> list[dict[str, Any]]:
        """The valid logins of the account, newest first."""
        return list((await self._json("GET", "/api/auth/logins"))["logins"])

    async def end_login(self, login_id: str) -> None:
        """End one login of the account: its token is invalid from now on."""
        await self._json("DELETE", f"/api/auth/logins/{login_id}")

    async def clear_anonymous_saves(self) -> int:
        """Forget all clips that others saved for the account and that were never started; how many there were."""
        return int((await self._json("DELETE", "/api/video/anonymous"))["deleted"])

    async def wait(self, job_id: str, what: str = "video", *, watch: Watch = _quiet) -> Status:
        """The status at the end. A service that is away for some seconds, as when it is restarted, is asked again.

        Raises:
            JobFailed: there is no file.
        """
        misses = 0
        while True:
            try:
                status = await self.status(job_id, what)
            except (httpx.TransportError, ServiceError) as error:
                misses += 1
                if not passes(error) or misses > _MOST_MISSES:
                    raise
            else:
                misses = 0
                watch(status)
                if status.ended:
                    return require_completed(status)
            await asyncio.sleep(POLL_SECONDS * 2**misses)

    async def fetch(self, path: str, output: Path | str) -> Path:
        """A finished file, written whole or not at all."""
        target = Path(output)
        async with self._http.stream("GET", path) as reply:
            if reply.status_code != httpx.codes.OK:
                await reply.aread()
            check_file(reply)
            with written_whole(target) as file:
                async for data in reply.aiter_bytes(_CHUNK):
                    file.write(data)
        return target

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        told: dict[str, Any] = check(await self._http.request(method, path, **options)).json()
        return told

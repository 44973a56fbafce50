"""The archive services: jobs, metadata, downloads, storage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from yt_downloader_client.errors import check
from yt_downloader_client.records import Job, Record
from yt_downloader_client.words import service_url

# The four services on ports of their own, as they are documented; at any other address one app is all of them.
_PORTS = {"jobs": 8001, "metadata": 8002, "download": 8003, "storage": 8004}


class _Service:
    def __init__(self, http: httpx.AsyncClient, base: str) -> None:
        self._http, self._base = http, base

    async def _data(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        query = options.pop("params", None)
        if query is not None:
            options["params"] = {name: value for name, value in query.items() if value is not None}
        reply = check(await self._http.request(method, self._base + path, **options))
        data: dict[str, Any] = reply.json()["data"]
        return data

    async def health(self) -> dict[str, Any]:
        """Which service this is, and how well."""
        told: dict[str, Any] = check(await self._http.get(f"{self._base}/health")).json()
        return told


class Jobs(_Service):
    """``client.jobs``."""

    async def create_download_job(self, video_id: str, quality: str = "best", **more: Any) -> Job:
        """Have a video fetched into the archive; ``more``: ``output_path``, ``metadata_requested``."""
        return Job(await self._data("POST", "/jobs", json={"video_id": video_id, "quality": quality, **more}))

    async def get_job(self, job_id: str) -> Job:
        """A job as it is now."""
        return Job(await self._data("GET", f"/jobs/{job_id}"))

    async def list_jobs(self, status: str | None = None, limit: int = 50, offset: int = 0) -> list[Job]:
        """Jobs, newest first."""
        data = await self._data("GET", "/jobs", params={"status": status, "limit": limit, "offset": offset})
        return [Job(each) for each in data["jobs"]]

    async def cancel_job(self, job_id: str) -> Job:
        """Stop a job."""
        return Job(await self._data("DELETE", f"/jobs/{job_id}"))


class Metadata(_Service):
    """``client.metadata``."""

    async def get_video(self, video_id: str) -> Record:
        """Facts of a video."""
        return Record(await self._data("GET", f"/metadata/{video_id}"))

    async def get_batch(self, video_ids: Sequence[str], include_formats: bool = False) -> Record:
        """Facts of several videos."""
        body = {"video_ids": list(video_ids), "include_formats": include_formats}
        return Record(await self._data("POST", "/metadata/batch", json=body))

    async def get_playlist(self, playlist_id: str, include_videos: bool = False, limit: int = 50) -> Record:
        """Facts of a playlist."""
        query = {"include_videos": str(include_videos).lower(), "limit": limit}
        return Record(await self._data("GET", f"/metadata/playlist/{playlist_id}", params=query))

    async def clear_cache(self, video_id: str | None = None, expired_only: bool = False) -> Record:
        """Forget what was kept."""
        query = {"video_id": video_id, "expired_only": str(expired_only).lower()}
        return Record(await self._data("DELETE", "/metadata/cache", params=query))


class Downloads(_Service):
    """``client.downloads``."""

    async def start(self, video_id: str, quality: str = "best", **more: Any) -> Job:
        """Begin a download."""
        return Job(await self._data("POST", "/download", json={"video_id": video_id, "quality": quality, **more}))

    async def get(self, download_id: str) -> Job:
        """A download as it is now."""
        return Job(await self._data("GET", f"/download/{download_id}"))

    async def list(self) -> Record:
        """Downloads that go on."""
        return Record(await self._data("GET", "/download"))

    async def cancel(self, download_id: str) -> Job:
        """Stop a download."""
        return Job(await self._data("DELETE", f"/download/{download_id}"))


class Storage(_Service):
    """``client.storage``."""

    async def get_video(self, video_id: str) -> Record:
        """A stored video."""
        return Record(await self._data("GET", f"/storage/videos/{video_id}"))

    async def list_videos(self, **query: Any) -> list[Record]:
        """Stored videos; ``query``: ``limit``, ``offset``, ``search``, ``sort``, ``order``."""
        data = await self._data("GET", "/storage/videos", params=query)
        return [Record(each) for each in data["videos"]]

    async def save_metadata(self, video_id: str, metadata: dict[str, Any], **more: Any) -> Record:
        """Keep what is known of a video; ``more``: ``file_path``, ``file_size``."""
        body = {"video_id": video_id, "metadata": metadata, **more}
        return Record(await self._data("POST", "/storage/metadata", json=body))

    async def save_video(self, video_id: str, file: Path | str, metadata: str = "{}") -> Record:
        """Store a video file; ``metadata`` is JSON."""
        with Path(file).open("rb") as content:
            form = {"video_id": video_id, "metadata": metadata}
            files = {"file": (Path(file).name, content)}
            return Record(await self._data("POST", "/storage/video", data=form, files=files, timeout=None))

    async def stats(self) -> Record:
        """The archive in numbers."""
        return Record(await self._data("GET", "/storage/stats"))


class YTArchiveClient:
    """``client.jobs``, ``client.metadata``, ``client.downloads``, ``client.storage``."""

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        metadata_url: str | None = None,
        download_url: str | None = None,
        storage_url: str | None = None,
        timeout: float = 60,
    ) -> None:
        """``token`` is needed from outside the networks that the service trusts."""
        base = service_url(base_url)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(timeout=timeout, headers=headers)
        self.jobs = Jobs(self._http, base)
        self.metadata = Metadata(self._http, metadata_url or _beside(base, "metadata"))
        self.downloads = Downloads(self._http, download_url or _beside(base, "download"))
        self.storage = Storage(self._http, storage_url or _beside(base, "storage"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _beside(base: str, service: str) -> str:
    parts = urlsplit(base)
    if parts.port != _PORTS["jobs"]:
        return base
    return parts._replace(netloc=parts.netloc.replace(str(_PORTS["jobs"]), str(_PORTS[service]))).geturl()

"""Stores the library of an archive: downloaded, uploaded and described videos, with full-text search.

Finished jobs of an archive are added when the library is next read. Until then the record of the job is authoritative,
so nothing is lost between the end of a job and its entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from src.data.archive_data import ArchiveData
from src.data.video_data import VideoData
from src.errors import FileGone, RequestInvalid, StoredVideoNotFound
from src.models.archive import ArchiveTotals, SearchIn, SortBy, StoredVideo
from src.models.page import Page
from src.models.params import AudioParams, VideoParams
from src.models.video import Artifact, Owner, VideoJob
from src.services.encoding_service import EncodingService
from src.services.file_store import FileStore
from src.services.jobs.jobs import JobService
from src.services.jobs.view import DEFAULT_FOLDER, JobView
from src.utils.clock import Clock
from src.utils.filenames import display_name, name_after
from src.utils.validators import validate_video_id

KINDS = (VideoParams.kind, AudioParams.kind)
FOLDER = "library"
_MIME = {".webm": "video/webm", ".mkv": "video/x-matroska", ".mov": "video/quicktime", ".avi": "video/x-msvideo"}
MAX_TITLE, MAX_DESCRIPTION = 500, 20_000


class LibraryService:
    """Manages one archive per owner. All methods may raise ``StoreUnavailable``."""

    def __init__(
        self,
        archive: ArchiveData,
        records: VideoData,
        jobs: JobService,
        files: FileStore,
        encoder: EncodingService,
        clock: Clock,
    ) -> None:
        self._archive, self._records, self._jobs = archive, records, jobs
        self._files, self._encoder, self._clock = files, encoder, clock

    def save(
        self, owner: Owner, video_id: str, metadata: Mapping[str, Any], *, file_path: str | None, file_size: int | None
    ) -> StoredVideo:
        """Store the description of a video; what is known about its file stays unless new values are given.

        Raises:
            VideoIdInvalid, RequestInvalid: the id or the metadata is invalid.
        """
        fresh = self._described(video_id, metadata)
        self._add_finished_jobs(owner)

        def with_file(before: StoredVideo | None) -> StoredVideo:
            known = fresh if before is None else _with_file_of(fresh, before)
            stored = replace(known, file_path=known.file_path if file_path is None else file_path)
            # The size of a stored file is known; the caller's value does not replace it.
            if known.file_at is None and file_size is not None:
                stored = replace(stored, file_size=file_size)
            return stored

        return self._put(owner, video_id, with_file)[0]

    def upload(
        self,
        owner: Owner,
        received: Path,
        filename: str,
        *,
        video_id: str,
        metadata: Mapping[str, Any],
        file_id: str | None = None,
    ) -> StoredVideo:
        """Store a received file; if it is refused, the caller must delete it. ``file_id``: the id of its space
        reservation.

        Raises:
            VideoIdInvalid, RequestInvalid: the id or the metadata is invalid.
            MediaInvalid: the file is not a readable video.
        """
        described = self._described(video_id, metadata)
        facts = self._encoder.get_video_metadata(received)
        self._add_finished_jobs(owner)  # older downloads first: the newest file replaces older ones
        length = facts.get("duration")
        seconds = float(length) if isinstance(length, int | float) else None
        # The raw suffix of the file name may contain anything: a NUL, or invisible characters.
        suffix = Path(display_name(filename)).suffix.lower()
        stored_file = self._files.store_artifact(
            received.rename(received.with_suffix(suffix)), file_id or VideoData.new_id(), 0, FOLDER
        )
        video = replace(
            described,
            duration_seconds=described.duration_seconds or seconds,
            file_path=f"{DEFAULT_FOLDER}/{display_name(filename)}",
            file_size=stored_file.stat().st_size,
            file=stored_file,
            file_at=described.stored_at,
        )
        try:
            stored, before = self._put(owner, video_id, lambda _: video)
        except BaseException:
            self._files.delete(stored_file)
            raise
        self._drop_files(before)
        return stored

    def get(self, owner: Owner, video_id: str) -> StoredVideo:
        """Return one stored video.

        Raises:
            VideoIdInvalid, StoredVideoNotFound: the id is malformed, or no video is stored under it.
        """
        found = self._archive.find(owner, validate_video_id(video_id))
        if found is None and self._add_finished_jobs(owner):
            found = self._archive.find(owner, video_id)
        if found is None:
            raise StoredVideoNotFound()
        return found

    def page(
        self, owner: Owner, *, search: str | None, sort: SortBy, order: Literal["asc", "desc"], offset: int, limit: int
    ) -> Page[StoredVideo]:
        """Return some of the stored videos."""
        self._add_finished_jobs(owner)
        return self._archive.page(
            owner, search=search, sort=sort, descending=order == "desc", offset=offset, limit=limit
        )

    def search(self, owner: Owner, text: str, where: SearchIn, limit: int) -> Page[StoredVideo]:
        """Return the stored videos whose text matches the query, best match first."""
        self._add_finished_jobs(owner)
        return self._archive.search(owner, text, where, limit)

    def totals(self, owner: Owner) -> ArchiveTotals:
        """Return the totals of the archive."""
        self._add_finished_jobs(owner)
        return self._archive.totals(owner)

    def file(self, owner: Owner, video_id: str) -> Artifact:
        """Return the file of a stored video.

        Raises:
            StoredVideoNotFound, FileGone: the video is unknown, or its file is not stored (any more).
        """
        video = self.get(owner, video_id)
        if video.file is not None:
            name = name_after(video.title, f" [{video_id}]{video.file.suffix}")
            return Artifact(video.file, video.file_size, _MIME.get(video.file.suffix, "video/mp4"), name)
        job = self._records.find(video.job_id) if video.job_id else None
        if job is None or job.artifact is None:
            raise FileGone()
        return job.artifact

    def delete(self, owner: Owner, video_id: str) -> None:
        """Delete a stored video and its file.

        Raises:
            StoredVideoNotFound: the video is unknown.
        """
        self.get(owner, video_id)
        self._drop_files(self._archive.delete(owner, video_id))

    def _put(
        self, owner: Owner, video_id: str, update: Callable[[StoredVideo | None], StoredVideo | None]
    ) -> tuple[StoredVideo, StoredVideo | None]:
        """Store the result of ``update`` for the stored video; return the new entry and the one that it replaced.

        ``update`` is called again if another process changed the entry meanwhile; with ``None`` nothing changes.
        """
        while True:
            before = self._archive.find(owner, video_id)
            video = update(before)
            if video is None:
                assert before is not None
                return before, None
            if self._archive.put(owner, video, before):
                return video, before

    def _drop_files(self, video: StoredVideo | None) -> None:
        if video is None:
            return
        self._files.delete(video.file)
        job = self._records.find(video.job_id) if video.job_id else None
        if job is not None:
            self._jobs.forget(job)

    def _add_finished_jobs(self, owner: Owner) -> bool:
        """Add the finished jobs of the archive that are not in the library yet; return whether there was one.

        Of two files of one video the newer one stays, in any order and with any number of concurrent calls.
        """
        fresh = self._records.unshelved(owner, KINDS)
        for job in fresh:
            entry = self._entry_of(job)
            stored, before = self._put(owner, entry.video_id, partial(_newer, entry))
            if stored.job_id != job.id:
                self._jobs.forget(job)
            elif before is not None and before.job_id != job.id:
                self._drop_files(before)
            self._records.set_facts(job.id, {"shelved": True})
        return bool(fresh)

    def _entry_of(self, job: VideoJob) -> StoredVideo:
        assert isinstance(job.params, VideoParams | AudioParams) and job.artifact is not None
        given = (job.facts.get("request") or {}).get("metadata") or {}
        metadata = {"title": job.facts.get("title"), "duration": job.facts.get("source_duration"), **given}
        described = self._described(job.params.youtube_video_id or "", metadata)
        made_at = job.completed_at or described.stored_at
        return replace(
            described,
            stored_at=made_at,
            file_path=JobView(job).archive_path,
            file_size=job.artifact.size_bytes,
            job_id=job.id,
            file_at=made_at,
        )

    def _described(self, video_id: str, metadata: Mapping[str, Any]) -> StoredVideo:
        title, description = metadata.get("title") or "", metadata.get("description") or ""
        length = metadata.get("duration")
        try:
            json.dumps(metadata, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise RequestInvalid("metadata must be JSON") from None
        if not isinstance(title, str) or not isinstance(description, str):
            raise RequestInvalid("metadata: title and description must be strings")
        if isinstance(length, bool) or not isinstance(length, int | float | None) or not 0 <= (length or 0) < 10**9:
            raise RequestInvalid("metadata: duration must be a number of seconds")
        return StoredVideo(
            video_id=validate_video_id(video_id),
            title=title[:MAX_TITLE],
            stored_at=self._clock.now(),
            description=description[:MAX_DESCRIPTION],
            duration_seconds=length,
            metadata=dict(metadata),
        )


def _with_file_of(video: StoredVideo, other: StoredVideo) -> StoredVideo:
    names = ("file_path", "file_size", "job_id", "file", "file_at")
    return replace(video, **{name: getattr(other, name) for name in names})


def _newer(new: StoredVideo, old: StoredVideo | None) -> StoredVideo | None:
    """Return ``new`` if its file replaces the old one; metadata of the caller is merged."""
    if old is None:
        return new
    if old.job_id == new.job_id or (old.file_at is not None and new.file_at is not None and old.file_at > new.file_at):
        return None
    return replace(new, metadata={**old.metadata, **new.metadata})

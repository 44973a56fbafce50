"""The library of an archive: videos that were fetched, uploaded or told of, found again by their words.

What an archive's jobs have fetched is put on the shelf when the library is looked at: the record of a finished job is
the truth until then, so nothing is lost between the end of a job and its entry here.
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
    """One archive per owner. All methods may raise ``StoreUnavailable``."""

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
        """Store what is known of a video; what was known of its file stays, where nothing new is told.

        Raises:
            VideoIdInvalid, RequestInvalid: the id or the metadata cannot be used.
        """
        fresh = self._described(video_id, metadata)
        self._shelve(owner)

        def with_file(before: StoredVideo | None) -> StoredVideo:
            known = fresh if before is None else _with_file_of(fresh, before)
            return replace(
                known,
                file_path=file_path if file_path is not None else known.file_path,
                # The size of a file that lies here is known, whatever a caller says.
                file_size=known.file_size if known.file_at is not None or file_size is None else file_size,
            )

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
        """Store a received file; on any refusal it is the caller's to delete. ``file_id``: what room is held for it by.

        Raises:
            VideoIdInvalid, RequestInvalid: the id or the metadata cannot be used.
            MediaInvalid: the file is no video that can be read.
        """
        described = self._described(video_id, metadata)
        facts = self._encoder.get_video_metadata(received)
        self._shelve(owner)  # what was fetched earlier goes on the shelf earlier: the newest file is kept
        length = facts.get("duration")
        # The suffix of the sent name itself may hold anything: a NUL, or characters that nobody sees.
        suffix = Path(display_name(filename)).suffix.lower()
        kept = self._files.store_artifact(
            received.rename(received.with_suffix(suffix)), file_id or VideoData.new_id(), 0, FOLDER
        )
        video = replace(
            described,
            duration_seconds=described.duration_seconds or (float(length) if isinstance(length, int | float) else None),
            file_path=f"{DEFAULT_FOLDER}/{display_name(filename)}",
            file_size=kept.stat().st_size,
            file=kept,
            file_at=described.stored_at,
        )
        try:
            stored, before = self._put(owner, video_id, lambda _: video)
        except BaseException:
            self._files.delete(kept)
            raise
        self._drop_files(before)
        return stored

    def get(self, owner: Owner, video_id: str) -> StoredVideo:
        """One stored video.

        Raises:
            VideoIdInvalid, StoredVideoNotFound: this is no id, or nothing is stored under it.
        """
        found = self._archive.find(owner, validate_video_id(video_id)) or (
            self._archive.find(owner, video_id) if self._shelve(owner) else None
        )
        if found is None:
            raise StoredVideoNotFound()
        return found

    def page(
        self, owner: Owner, *, search: str | None, sort: SortBy, order: Literal["asc", "desc"], offset: int, limit: int
    ) -> Page[StoredVideo]:
        """Some of the stored videos."""
        self._shelve(owner)
        return self._archive.page(
            owner, search=search, sort=sort, descending=order == "desc", offset=offset, limit=limit
        )

    def search(self, owner: Owner, text: str, where: SearchIn, limit: int) -> Page[StoredVideo]:
        """The stored videos that hold a word of the text there, best first."""
        self._shelve(owner)
        return self._archive.search(owner, text, where, limit)

    def totals(self, owner: Owner) -> ArchiveTotals:
        """What the archive holds in all."""
        self._shelve(owner)
        return self._archive.totals(owner)

    def file(self, owner: Owner, video_id: str) -> Artifact:
        """The file of a stored video.

        Raises:
            StoredVideoNotFound, FileGone: there is no such video, or its file does not lie here (any more).
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
        """Forget a stored video and delete its file.

        Raises:
            StoredVideoNotFound: there is none.
        """
        self.get(owner, video_id)
        self._drop_files(self._archive.delete(owner, video_id))

    def _put(
        self, owner: Owner, video_id: str, make: Callable[[StoredVideo | None], StoredVideo | None]
    ) -> tuple[StoredVideo, StoredVideo | None]:
        """Store what ``make`` makes of what is stored; what is stored now, and what it replaced.

        ``make`` is asked again when somebody else was faster, and leaves things as they are with ``None``.
        """
        while True:
            before = self._archive.find(owner, video_id)
            video = make(before)
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

    def _shelve(self, owner: Owner) -> bool:
        """Enter the finished jobs of the archive that are not entered yet; whether there was one.

        Of two files of one video the newer one stays, in whatever order and by how many at once they are entered.
        """
        fresh = self._records.unshelved(owner, KINDS)
        for job in fresh:
            entry = self._shelved(job)
            stored, before = self._put(owner, entry.video_id, partial(_newer, entry))
            if stored.job_id != job.id:
                self._jobs.forget(job)
            elif before is not None and before.job_id != job.id:
                self._drop_files(before)
            self._records.set_facts(job.id, {"shelved": True})
        return bool(fresh)

    def _shelved(self, job: VideoJob) -> StoredVideo:
        assert isinstance(job.params, VideoParams | AudioParams) and job.artifact is not None
        told = (job.facts.get("request") or {}).get("metadata") or {}
        metadata = {"title": job.facts.get("title"), "duration": job.facts.get("source_duration"), **told}
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
            raise RequestInvalid("metadata: not JSON") from None
        if not isinstance(title, str) or not isinstance(description, str):
            raise RequestInvalid("metadata: title and description are texts")
        if isinstance(length, bool) or not isinstance(length, int | float | None) or not 0 <= (length or 0) < 10**9:
            raise RequestInvalid("metadata: duration is a number of seconds")
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
    """``new`` where its file is to take the place of the old one; what was told of the video by hand stays told."""
    if old is None:
        return new
    if old.job_id == new.job_id or (old.file_at is not None and new.file_at is not None and old.file_at > new.file_at):
        return None
    return replace(new, metadata={**old.metadata, **new.metadata})

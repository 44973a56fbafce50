"""Sends finished files as one ZIP file, which is written while it is sent and never stored."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, count

from flask import Response

from src.models.video import VideoJob
from src.utils.filenames import content_disposition, name_after

_CHUNK_BYTES = 1 << 18
_FIRST_YEAR = 1980  # of the format


class _Pipe:
    """What the archive writes into: keeps the bytes until they are sent. It cannot go back, as a network cannot."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = b"".join(self._written)
        self._written.clear()
        return data


def zip_reply(jobs: Sequence[VideoJob], name: str) -> Response:
    """Return the files of these jobs as one ZIP file. Videos are stored as they are: compression would gain nothing.

    A file that is deleted while others are sent breaks the reply off, so that no reader takes it for complete.
    """
    response = Response(_zipped(jobs), mimetype="application/zip", direct_passthrough=True)
    response.headers["Content-Disposition"] = content_disposition(name)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _zipped(jobs: Sequence[VideoJob]) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for job, entry in zip(jobs, _names(jobs), strict=True):
            assert job.artifact is not None
            with job.artifact.path.open("rb") as file, archive.open(_about(job, entry), "w") as target:
                while data := file.read(_CHUNK_BYTES):
                    target.write(data)
                    yield pipe.take()
    yield pipe.take()


def _about(job: VideoJob, name: str) -> zipfile.ZipInfo:
    made: datetime = job.completed_at or job.created_at
    entry = zipfile.ZipInfo(name, (max(made.year, _FIRST_YEAR), *made.timetuple()[1:6]))
    entry.file_size = job.artifact.size_bytes if job.artifact else 0  # decides whether it needs the form for 4 GB
    entry.external_attr = 0o644 << 16
    return entry


def _names(jobs: Sequence[VideoJob]) -> Iterator[str]:
    """Yield a name for each file, after its title; equal ones get a number."""
    used: set[str] = set()
    for job in jobs:
        assert job.artifact is not None
        title = str(getattr(job.params, "additional_message", None) or job.facts.get("title") or "clip")
        suffix = job.artifact.path.suffix
        stem = name_after(title, suffix).removesuffix(suffix)
        candidates = chain([f"{stem}{suffix}"], (f"{stem} ({number}){suffix}" for number in count(2)))
        name = next(each for each in candidates if each.lower() not in used)
        used.add(name.lower())
        yield name

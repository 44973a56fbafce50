"""A write to a full disk may store a part of the bytes and report no error; such an upload is not complete."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from src.models.video import Owner
from src.services.uploads.resumable import ResumableUploadService
from src.utils.clock import SystemClock

LENGTH, FITS = 9000, 4096


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let files of this process end at ``size``: a write across it stores the bytes before it, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_piece_that_was_stored_in_part_does_not_complete_an_upload(tmp_path: Path) -> None:
    owner, now = Owner.user("0" * 24), datetime.now(UTC)
    upload = SimpleNamespace(id="a" * 24, owner=owner, filename="film.mp4", length=LENGTH, expires_at=now)
    accepted: list[Path] = []
    ignored: Any = SimpleNamespace(hold=lambda *_, **__: None, release=lambda *_: None)
    service = ResumableUploadService(
        cast(Any, SimpleNamespace(find=lambda _: upload, prolong=lambda *_: None, delete=lambda _: None)),
        cast(Any, SimpleNamespace(accept=lambda _, path, *__, **___: accepted.append(path))),
        cast(Any, SimpleNamespace(incoming=tmp_path, take_room=lambda file, start, end, at_least: end)),
        ignored,
        SystemClock(),
        max_bytes=LENGTH,
    )
    path = tmp_path / f"tus-{upload.id}"
    path.touch()
    with largest_file(FITS), pytest.raises(OSError):
        service.append(upload.id, owner, 0, io.BytesIO(bytes(LENGTH)))
    assert path.stat().st_size == FITS and not accepted
    _, received = service.append(upload.id, owner, FITS, io.BytesIO(bytes(LENGTH - FITS)))
    assert (received, accepted) == (LENGTH, [path])

"""Reads files without a usable index: FFmpeg seeks in them."""

from __future__ import annotations

from fractions import Fraction

from src.models.media_source import SourceUnreadable
from src.models.outcome import Note, NoteCode
from src.services.cutting.engine.indexes.layout import Layout
from src.services.fetch.reader import Part
from src.services.fetch.remote import RemoteFile

_READ_AHEAD_BYTES = 4 << 20


class NaturalIndex:
    """Fetches what FFmpeg reads, some megabytes at a time."""

    def __init__(self, remote: RemoteFile, reason: str) -> None:
        """Raises SourceUnreadable if the server does not report the size of the file."""
        size = remote.size
        if size is None:
            raise SourceUnreadable("its size is unknown")
        self.notes: tuple[Note, ...] = (
            Note(NoteCode.INDEX_ABSENT, f"The file has no usable index ({reason}): the range was found by seeking"),
        )
        self.duration: Fraction | None = None
        remote.resource.read_ahead = _READ_AHEAD_BYTES
        self._part = Part(resource=remote.resource, start=0, length=size, eager=False)

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """See ``Index``."""
        return Layout((self._part,), None, seekable=True, seek_to=start, at_start=start <= 0)

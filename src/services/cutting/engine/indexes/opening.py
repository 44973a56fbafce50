"""Chooses the index for a file."""

from __future__ import annotations

from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.indexes.layout import Index
from src.services.cutting.engine.indexes.mp4 import read_mp4
from src.services.cutting.engine.indexes.webm import EBML, read_webm
from src.services.fetch.remote import RemoteFile


def read_index(remote: RemoteFile) -> Index:
    """Read the index of a file, by its content and not by its name.

    Raises:
        SourceUnreadable: it has no usable index. DrmProtected: its contents are encrypted.
    """
    head = remote.read(0, 16)
    if head[:4] == EBML.to_bytes(4, "big"):
        return read_webm(remote)
    if head[4:8] in (b"ftyp", b"styp", b"moov", b"free", b"skip", b"wide", b"mdat", b"sidx"):
        return read_mp4(remote)
    raise SourceUnreadable("its container has no supported index")

"""Reads what a numbered segment states about itself, and separates its initialisation from its media.

The text lies within the first 2,000 bytes: in MP4 in an ``emsg`` box, in WebM in a tag. Both are searched for the names
of the values, because the binary id before the text may end in a letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

HEAD_BYTES = 2000
_VALUE = {
    name: re.compile(name.encode() + rb": *(\d{1,20})\r?\n")
    for name in ("Sequence-Number", "Ingestion-Walltime-Us", "Stream-Duration-Us", "Target-Duration-Us")
}
_MICROSECONDS = 1_000_000
_EBML, _CLUSTER, _TRACKS = b"\x1a\x45\xdf\xa3", b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b"
_INIT_BOXES = (b"ftyp", b"moov", b"free", b"skip")


@dataclass(frozen=True, slots=True)
class Facts:
    """One segment. ``ingested`` is when the site received it (seconds since 1970); it is the same for all formats.

    ``media_at`` is how much of the stream came before it, in seconds of media, and ``target`` its usual length; not
    every segment states them. The media time has no holes where the wall clock has some.
    """

    number: int
    ingested: Fraction
    media_at: Fraction | None = None
    target: Fraction | None = None


def read_facts(content: bytes) -> Facts | None:
    """Return the facts in the beginning of a segment; None if it states no number or no time."""
    number, ingested = _read("Sequence-Number", content), _read("Ingestion-Walltime-Us", content)
    if number is None or ingested is None:
        return None
    media, target = _read("Stream-Duration-Us", content), _read("Target-Duration-Us", content)
    return Facts(number, Fraction(ingested, _MICROSECONDS), _seconds(media), _seconds(target) or None)


def init_of(content: bytes) -> bytes | None:
    """Return the initialisation section at the start of a segment; None if it has none."""
    if content.startswith(_EBML):
        cluster = content.find(_CLUSTER)
        head = content[: cluster if cluster >= 0 else len(content)]
        return head if _TRACKS in head else None
    at, found = 0, False
    while at + 8 <= len(content):
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if name not in _INIT_BOXES or size < 8:
            break
        found = found or name == b"moov"
        at += size
    return content[:at] if found else None


def _read(name: str, content: bytes) -> int | None:
    found = _VALUE[name].search(content)
    return int(found[1]) if found else None


def _seconds(microseconds: int | None) -> Fraction | None:
    return None if microseconds is None else Fraction(microseconds, _MICROSECONDS)

"""The text of a live playlist, and the keys that it names."""

from __future__ import annotations

import datetime as dt
import hashlib
from fractions import Fraction
from typing import NamedTuple

from Cryptodome.Cipher import AES
from Cryptodome.Util.Padding import pad

from tests.tools.live_origin.clock import EPOCH
from tests.tools.live_origin.packaging import SEGMENT_SECONDS
from tests.tools.live_origin.stream import Part, Stream

_SEGMENTS_OF_A_KEY = 5


class Listed(NamedTuple):
    """A segment that a playlist lists, by its place in its part."""

    part: Part
    place: int


def playlist_of(stream: Stream, track: str, listed: list[Listed], *, ended: bool) -> str:
    """A media playlist of one track with these segments; addresses are relative."""
    first = listed[0]
    # A length may be rounded up to the next whole second, and sound is not cut as exactly as pictures.
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}"]
    lines += [f"#EXT-X-MEDIA-SEQUENCE:{first.part.first_number + first.place}"]
    lines += [f"#EXT-X-DISCONTINUITY-SEQUENCE:{first.part.group}"]
    before: Listed | None = None
    for each in listed:
        lines += _tags(stream, track, each, before)
        media = each.part.programme.tracks[track]
        lines += [f"#EXTINF:{float(media.lengths[each.place]):.5f},", file_name(stream, track, each)]
        before = each
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])


def _tags(stream: Stream, track: str, each: Listed, before: Listed | None) -> list[str]:
    part, place = each
    media = part.programme.tracks[track]
    other_part = before is None or before.part is not part
    lines = []
    if before is not None and (other_part or before.place + 1 != place):
        lines.append("#EXT-X-DISCONTINUITY")
    if media.init is not None and other_part:
        lines += ["#EXT-X-KEY:METHOD=NONE"] if stream.encrypted else []
        lines.append(f'#EXT-X-MAP:URI="{track}-{stream.parts.index(part)}-init.mp4"')
    if stream.encrypted and (other_part or key_name(part, place - 1) != key_name(part, place)):
        name, vector = key_name(part, place), own_vector(part, place)
        lines.append(f'#EXT-X-KEY:METHOD=AES-128,URI="{name}"' + (f",IV=0x{vector.hex()}" if vector else ""))
    if stream.clock_every and place % stream.clock_every == 0:
        at = EPOCH + dt.timedelta(milliseconds=round((part.at + media.starts[place]) * 1000))
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{at.isoformat(timespec='milliseconds')}")
    if place in part.gaps and track != "sound":
        lines.append("#EXT-X-GAP")
    return lines


def file_name(stream: Stream, track: str, listed: Listed) -> str:
    """``both-0-17.ts``: track, number of the part, place in it."""
    suffix = "m4s" if listed.part.programme.fragmented else "ts"
    return f"{track}-{stream.parts.index(listed.part)}-{listed.place}.{suffix}"


def key_name(part: Part, place: int) -> str:
    """The address of the key of a segment."""
    return f"key-{(part.first_number + place) // _SEGMENTS_OF_A_KEY}.key"


def key_of(name: str) -> bytes:
    """The key at this address."""
    return hashlib.sha256(name.encode()).digest()[:16]


def own_vector(part: Part, place: int) -> bytes | None:
    """The initialisation vector that the playlist tells; None: it is the number of the segment."""
    number = (part.first_number + place) // _SEGMENTS_OF_A_KEY
    return hashlib.sha256(f"iv {number}".encode()).digest()[:16] if number % 2 else None


def content_of(stream: Stream, track: str, listed: Listed) -> bytes:
    """The bytes of a segment, as they are served."""
    part, place = listed
    plain = part.programme.tracks[track].segments[place]
    if not stream.encrypted:
        return plain
    vector = own_vector(part, place) or (part.first_number + place).to_bytes(16, "big")
    return AES.new(key_of(key_name(part, place)), AES.MODE_CBC, vector).encrypt(pad(plain, 16))


def latest_end(part: Part, track: str, place: int) -> Fraction:
    """When a segment is complete. The last sound may end a moment behind its film."""
    media = part.programme.tracks[track]
    return min(part.at + media.starts[place] + media.lengths[place], part.end)

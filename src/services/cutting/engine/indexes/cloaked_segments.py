"""Finds the start of the media in segments that start with an image, a disguise of sites that use image hosts."""

from __future__ import annotations

MOST_HEADER_BYTES = 64 << 10
"""The most bytes that are skipped. A minimal image has 70 bytes, a real one some kilobytes."""
BYTES_TO_DECIDE = MOST_HEADER_BYTES + 188 * 5
"""The number of bytes from which ``media_start`` gives the same answer as from a whole segment."""

_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")
_PACKET, _SYNC, _MOST_PACKETS = 188, 0x47, 5
_BOXES = (b"ftyp", b"styp", b"sidx", b"moof", b"emsg", b"prft")
_MOST_BOX_BYTES = 1 << 20  # the largest first box of a fragment


def starts_with_image(head: bytes) -> bool:
    """Whether this is the start of a PNG, JPEG, GIF, BMP, WebP, TIFF or icon."""
    return head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def media_start(head: bytes) -> int | None:
    """Return the number of bytes before the media of a segment: 0 if it does not start with an image.

    After an image of at most ``MOST_HEADER_BYTES``, a transport stream is found by its packets of 188 bytes, and a
    fragmented MP4 by its first box. Returns None if no media follows the image.

    Args:
        head: the start of the decrypted segment: all of it or at least ``BYTES_TO_DECIDE``.
    """
    if not starts_with_image(head):
        return 0
    found = [at for at in (_transport_start(head), _fragment_start(head)) if at is not None]
    return min(found, default=None)


def _transport_start(head: bytes) -> int | None:
    at = head.find(_SYNC)
    while 0 <= at <= MOST_HEADER_BYTES:
        if _is_transport(head, at):
            return at
        at = head.find(_SYNC, at + 1)
    return None


def _is_transport(head: bytes, at: int) -> bool:
    """Whether consecutive packets start here: five of them, or all up to the end, but at least two."""
    whole = min((len(head) - at) // _PACKET, _MOST_PACKETS)
    return whole >= 2 and all(_is_packet(head[at + place * _PACKET :][:4]) for place in range(whole))


def _is_packet(header: bytes) -> bool:
    """Whether this is the header of a transport stream packet without an error and with a payload or an adaptation
    field (ISO/IEC 13818-1, 2.4.3.2)."""
    return header[0] == _SYNC and not header[1] & 0x80 and header[3] & 0x30 != 0


def _fragment_start(head: bytes) -> int | None:
    """Find the first box of a fragment that is followed by another box (ISO/IEC 14496-12, 4.2)."""
    places = sorted(at for name in _BOXES for at in _places(head, name) if at <= MOST_HEADER_BYTES)
    for at in places:
        size = int.from_bytes(head[at : at + 4], "big")
        following = head[at + size + 4 : at + size + 8]
        if 8 <= size <= _MOST_BOX_BYTES and (following in (*_BOXES, b"mdat", b"moov") or at + size >= len(head)):
            return at
    return None


def _places(head: bytes, name: bytes) -> list[int]:
    found, at = [], head.find(name, 4)
    while at >= 0:
        found.append(at - 4)
        at = head.find(name, at + 1)
    return found

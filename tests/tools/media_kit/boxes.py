"""Changes to the boxes of an MP4 or MOV that no option of FFmpeg makes (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

PLAIN_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
"""Boxes that hold nothing but other boxes."""


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, whole box) of each box; sizes of 64 bits are not understood."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


def changed(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """``data`` with the content of the boxes at ``path`` changed, and all sizes corrected. Media data has to lie before
    ``moov``: places of samples stay as they are."""
    parts = []
    for kind, box in boxes(data):
        inside = box[8:]
        if kind == path[0]:
            inside = changed(inside, path[1:], change) if len(path) > 1 else change(inside)
        parts.append((len(inside) + 8).to_bytes(4, "big") + kind + inside)
    return b"".join(parts)


def tracks_in_order(data: bytes, kinds: str) -> bytes:
    """The file with its tracks in another order: ``kinds`` are letters of handlers (v, s of sound, t of a time code,
    x of text) and c for the cover image, each of which goes before what is not named."""
    handlers = {b"vide": "v", b"soun": "s", b"tmcd": "t", b"sbtl": "x", b"text": "x"}

    def rank(part: tuple[bytes, bytes]) -> int:
        kind, box = part
        letter = "c" if kind == b"udta" else next((handlers[name] for name in handlers if b"hdlr" in box
                 and name in box[box.index(b"hdlr") :][:24]), "?")  # fmt: skip
        return -1 if kind == b"mvhd" else (kinds + letter).index(letter)

    return changed(data, (b"moov",), lambda inside: b"".join(box for _, box in sorted(boxes(inside), key=rank)))
